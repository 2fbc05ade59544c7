"""Compares what a server answers with its description, bindings/http/openapi.yaml."""
import json
import os
import re

import jsonschema
import yaml

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bindings", "http", "openapi.yaml")
METHODS = ("get", "put", "post", "patch", "delete")
# What may happen to any request: it is malformed, by another method than is served, or its outcome is not known.
ANY = {400, 405, 500}


class Description:
    def __init__(self):
        with open(FILE, encoding="utf-8") as file:
            self.document = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.resolver = jsonschema.RefResolver("", self.document)
        self.forms = [(re.compile(self.pattern(form)), form) for form in self.document["paths"]]
        self.validators = {}

    @staticmethod
    def pattern(form):
        """{path} has any number of pieces, each other name has one."""
        return re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(form).replace(r"/\{path\}", "(?:/.*)?")) + r"\Z"

    def form_of(self, target):
        path = target.partition("?")[0]
        return next((form for pattern, form in self.forms if pattern.match(path)), None)

    def resolved(self, node):
        return self.resolver.resolve(node["$ref"])[1] if "$ref" in node else node

    def operations(self):
        """(method, form) of all that is described."""
        return [(method, form) for form, item in self.document["paths"].items() for method in item if method in METHODS]

    def validate(self, schema, value):
        key = id(schema)
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft4Validator(schema, resolver=self.resolver)
        self.validators[key].validate(value)

    def check(self, method, target, response):
        """Returns why a response is not what is described; None: it is."""
        form = self.form_of(target)
        if form is None:
            return None if response.status in {404} | ANY else "no such path is described"
        operation = self.document["paths"][form].get(method.lower() if method != "HEAD" else "get")
        if operation is None:
            return None if response.status in ANY else "no such method is described"
        found = operation["responses"].get(str(response.status))
        if found is None:
            if response.status not in ANY:
                return "no such status is described"
            found = self.document["components"]["responses"]["BadRequest"]
        return self.check_content(method, self.resolved(found).get("content"), response)

    def check_content(self, method, content, response):
        if content is None:
            return "a body is not described" if response.body or response.type else None
        if response.type not in content:
            return f"the type {response.type} is not described"
        schema = content[response.type]["schema"]
        if method == "HEAD" or schema.get("format") == "binary":
            return None
        body = response.body.decode()
        try:
            self.validate(schema, json.loads(body) if response.type == "application/json" else body)
        except jsonschema.ValidationError as error:
            return f"the body is not as described: {error.message}"
        return None
