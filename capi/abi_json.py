#!/usr/bin/env python3
"""abi_json.py [--update]: the C ABI as data, for people who bind it to another language.

capi/abi.json has the structs with the offsets of their fields, the constants, and the signatures of
the functions. It is made of two things that are checked elsewhere: the recorded ABI
(strongroom.abi.xml, which tests/capi/abi_check.sh compares with the headers), and the constants in the
headers. Without --update it compares abi.json with what it would write, and ends with 1 where they
differ.
"""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
HEADERS = ["strongroom.h", "strongroom_backend.h", "strongroom_mesos.h", "strongroom_policy_tools.h",
           "strongroom_zookeeper.h"]
ARCHITECTURES = {"elf-amd-x86_64": "x86_64"}


def code_of(header):
    """A header without its comments."""
    return re.sub(r"/\*.*?\*/", "", (HERE / header).read_text(), flags=re.S)


def constants():
    found = {}
    for header in HEADERS:
        code = code_of(header)
        for name, value in re.findall(r"\b(STRONGROOM_[A-Z0-9_]+)\s*=\s*(\d+)", code):
            found[name] = int(value)
        for name, value in re.findall(r"#define (STRONGROOM_[A-Z0-9_]+) (.+)", code):
            number = re.fullmatch(r"(?:\(\(uint\d+_t\))?(\d+)\)?", value)
            if number:
                found[name] = int(number.group(1))
            elif value == "UINT64_MAX":
                found[name] = 2**64 - 1
            elif value.startswith('"'):
                found[name] = value.strip('"')
    return found


class Types:
    """The types of the recorded ABI, by their id."""

    def __init__(self, root):
        self.by_id = {each.get("id"): each for each in root.iter() if each.get("id")}

    def text(self, type_id):
        """A type as C writes it; a pointer to a function is "function"."""
        each = self.by_id[type_id]
        if each.tag == "pointer-type-def":
            inner = self.text(each.get("type-id"))
            return "function" if inner == "function" else inner + "*"
        if each.tag == "qualified-type-def":
            inner = self.text(each.get("type-id"))
            return inner + " const" if inner.endswith("*") else "const " + inner
        if each.tag == "array-type-def":
            lengths = [int(dimension.get("length")) for dimension in each.iter("subrange")]
            return self.text(each.get("type-id")) + "".join(f"[{length}]" for length in lengths)
        if each.tag == "function-type":
            return "function"
        name = each.get("name")
        if each.tag == "typedef-decl" and self.text_of_target(each) == "function":
            return "function"
        return name

    def text_of_target(self, typedef):
        target = self.by_id[typedef.get("type-id")]
        while target.tag == "pointer-type-def":
            target = self.by_id[target.get("type-id")]
        return "function" if target.tag == "function-type" else ""

    def size_bits(self, type_id):
        each = self.by_id[type_id]
        if each.get("size-in-bits"):
            return int(each.get("size-in-bits"))
        return self.size_bits(each.get("type-id"))


def struct_of(types, declaration):
    fields = []
    for member in declaration.findall("data-member"):
        variable = member.find("var-decl")
        fields.append({
            "name": variable.get("name"),
            "offset": int(member.get("layout-offset-in-bits")) // 8,
            "size": types.size_bits(variable.get("type-id")) // 8,
            "type": types.text(variable.get("type-id")),
        })
    return {"size": int(declaration.get("size-in-bits")) // 8, "fields": fields}


def function_of(types, declaration):
    arguments = [types.text(each.get("type-id")) for each in declaration.findall("parameter")]
    returned = declaration.find("return").get("type-id")
    return {"returns": types.text(returned), "arguments": arguments}


def abi():
    root = ElementTree.parse(HERE / "strongroom.abi.xml").getroot()
    types = Types(root)
    structs = {
        each.get("name"): struct_of(types, each)
        for each in root.iter("class-decl")
        if each.get("name").startswith("strongroom_") and not each.get("is-declaration-only")
    }
    functions = {
        each.get("name"): function_of(types, each)
        for each in root.iter("function-decl")
        if each.get("name").startswith("strongroom_")
    }
    return {
        "architecture": ARCHITECTURES[root.get("architecture")],
        "constants": dict(sorted(constants().items())),
        "structs": dict(sorted(structs.items())),
        "functions": dict(sorted(functions.items())),
    }


def main():
    text = json.dumps(abi(), indent=1) + "\n"
    recorded = HERE / "abi.json"
    if "--update" in sys.argv[1:]:
        recorded.write_text(text)
    elif not recorded.exists() or recorded.read_text() != text:
        sys.exit("capi/abi.json is not what the ABI is; write it anew with capi/abi_json.py --update")


if __name__ == "__main__":
    main()
