#!/usr/bin/env python3
"""dcos-deploy, a client of DC/OS that people use, against the real `strongroomd`:
strongroomd_dcos_deploy_test.py PROGRAM [CASE...], or --cases to name them.

It is installed from PyPI into a directory of its own, and skipped where that cannot be done.
"""
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from served import Client, Served, main, program

S = "/secrets/v1/secret/default"
# Its dependencies of 2020 need this to be built.
PACKAGES = ["dcos-deploy==0.4.0"]
CONSTRAINTS = "setuptools<58\n"
SECRETS = """\
text:
  type: secret
  path: /hello/text
  value: "{text}"
file:
  type: secret
  path: hello/file
  file: file.bin
"""
BINARY = b"very-secret\x00\xff"


def setUpModule():
    global ENVIRONMENT
    ENVIRONMENT = tempfile.mkdtemp(prefix="strongroomd-dcos-deploy-")
    unittest.addModuleCleanup(shutil.rmtree, ENVIRONMENT)
    constraints = os.path.join(ENVIRONMENT, "constraints")
    with open(constraints, "w", encoding="ascii") as file:
        file.write(CONSTRAINTS)
    try:
        subprocess.run([sys.executable, "-m", "venv", os.path.join(ENVIRONMENT, "venv")], check=True, capture_output=True,
                       timeout=60)
        subprocess.run([os.path.join(ENVIRONMENT, "venv", "bin", "pip"), "install", "-q", "--retries", "1", *PACKAGES],
                       check=True, capture_output=True, timeout=150, env={**os.environ, "PIP_CONSTRAINT": constraints})
    except (subprocess.SubprocessError, OSError) as error:
        told = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().splitlines()
        raise unittest.SkipTest(f"dcos-deploy cannot be installed here: {(told or [str(error)])[-1]}") from error


# What dcos-deploy asks a cluster besides secrets, and what is no matter of strongroomd.
CLUSTER = {
    "/mesos_dns/v1/hosts/master.mesos": [],
    "/dcos-metadata/dcos-version.json": {"version": "2.2.0", "dcos-variant": "enterprise"},
    "/mesos/master/state-summary": {"cluster": "test"},
    "/system/health/v1/nodes": {"nodes": [{"role": "master"}, {"role": "agent"}]},
}


class Router(http.server.BaseHTTPRequestHandler):
    """The router of a cluster: it answers for the others, and passes on to strongroomd what is for it."""

    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path in CLUSTER:
            return self.answer(200, {"Content-Type": "application/json"}, json.dumps(CLUSTER[self.path]).encode())
        fields = {name: value for name, value in self.headers.items() if name not in ("Host", "Connection")}
        client = Client(self.server.address)
        given = client.ask(self.command, self.path, body or None, fields)
        client.close()
        return self.answer(given.status, {name: value for name, value in given.headers.items() if name != "content-length"},
                           given.body)

    do_GET = do_PUT = do_PATCH = do_POST = do_DELETE = pass_on

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class DcosDeploy(Served):
    def setUp(self):
        super().setUp()
        self.init()
        self.ok("policy", "put", "dcos", self.write(
            "dcos", "[user:bob]\ndcos:secrets:default:/* full\ndcos:secrets:list:default:/ read\n"
                    "[service:web]\ndcos:secrets:default:/* full\ndcos:secrets:list:default:/ read\n"))
        self.openssl("genrsa", "-out", "web.key", "2048")
        self.openssl("rsa", "-in", "web.key", "-pubout", "-out", "web.pub")
        hashed = subprocess.run([program(), "hash-password"], input=b"canary\n", check=True,
                                capture_output=True).stdout.decode().strip()
        users = self.write("users", f"bob:{hashed}\n")
        self.server = self.serve(
            settings=f'[login]\nusers_file = "{users}"\n[login.service_keys]\nweb = "{self.path("web.pub")}"\n'
                     '[jwt.identities]\nweb = "service:web@/hello"\n')
        self.client = self.unsealed(self.server)
        router = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Router)
        router.address = next(each for each in self.server.addresses if not each.startswith("unix:"))
        self.base = f"http://127.0.0.1:{router.server_port}"
        thread = threading.Thread(target=router.serve_forever)
        thread.start()
        self.addCleanup(lambda: (router.shutdown(), thread.join(), router.server_close()))
        os.mkdir(self.path("box"))
        self.write(os.path.join("box", "file.bin"), BINARY)

    def openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=self.place)

    def deploy(self, *args, text="very-secret", status=0, **environment):
        self.write(os.path.join("box", "dcos.yml"), SECRETS.format(text=text))
        done = subprocess.run([os.path.join(ENVIRONMENT, "venv", "bin", "dcos-deploy"), *args], cwd=self.path("box"),
                              capture_output=True, timeout=120, stdin=subprocess.DEVNULL,
                              env={"PATH": os.environ["PATH"], "HOME": self.path("box"), "LC_ALL": "C.UTF-8",
                                   "DCOS_BASE_URL": self.base, **environment})
        out = done.stdout.decode()
        self.assertEqual(done.returncode, status, (out, done.stderr.decode(), self.server.said()))
        return out

    def stored(self):
        names = self.client.ask("GET", S + "?list=true").json()["array"]
        return {name: self.client.ask("GET", f"{S}/{name}").body for name in names}

    def all_of_it(self, **environment):
        """Creates, finds unchanged, updates and deletes secrets, of text and of bytes."""
        text = {"hello/text": b'{"value":"very-secret"}', "hello/file": BINARY}
        said = self.deploy("apply", "--dry-run", **environment)
        self.assertIn("Would create secret hello/text", said)
        self.assertEqual(self.stored(), {})
        said = self.deploy("apply", "--yes", **environment)
        self.assertEqual(said.count("Secret created."), 2, said)
        self.assertEqual(self.stored(), text)
        said = self.deploy("apply", "--yes", **environment)
        self.assertNotIn("Updating secret", said)

        said = self.deploy("apply", "--yes", text="very-secret canary \u00e4", **environment)
        self.assertEqual(said.count("Secret updated."), 1, said)
        self.assertEqual(json.loads(self.stored()["hello/text"]), {"value": "very-secret canary \u00e4"})
        self.write(os.path.join("box", "file.bin"), BINARY + b"x")
        self.deploy("apply", "--yes", "--only", "file", **environment)
        self.assertEqual(self.stored()["hello/file"], BINARY + b"x")

        said = self.deploy("delete", "--yes", **environment)
        self.assertEqual(said.count("Deleted secret."), 2, said)
        self.assertEqual(self.stored(), {})

    def test_with_a_token(self):
        self.all_of_it(DCOS_AUTH_TOKEN=self.token(self.server, "trusted"))

    def test_with_a_password(self):
        self.all_of_it(DCOS_USERNAME="bob", DCOS_PASSWORD="canary")

    def test_with_a_service_account(self):
        account = {"uid": "web", "private_key": self.read("web.key").decode(), "scheme": "RS256",
                   "login_endpoint": self.base + "/acs/api/v1/auth/login"}
        self.all_of_it(DCOS_SERVICE_ACCOUNT_CREDENTIAL=json.dumps(account))

    def test_a_wrong_credential_is_told(self):
        said = self.deploy("apply", "--yes", status=1, DCOS_AUTH_TOKEN="srt." + "A" * 22 + "." + "A" * 43)
        self.assertEqual(self.stored(), {})
        self.deploy("apply", "--yes", status=1, DCOS_USERNAME="bob", DCOS_PASSWORD="wrong")
        other = self.token(self.server, "user:nobody")
        self.deploy("apply", "--yes", status=1, DCOS_AUTH_TOKEN=other)
        self.assertEqual(self.stored(), {})
        self.assertNotIn("Secret created", said)


if __name__ == "__main__":
    main(globals())
