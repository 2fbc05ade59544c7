#!/usr/bin/env python3
"""`strongroom docker-credential`: cli_docker_credential_test.py PROGRAM [CASE...], or --cases to name them."""
import base64
import gzip
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading

import cli_test
from cli_test import Case, INVALID, NOT_FOUND, SEALED, UNSUPPORTED, USAGE

PASSWORD = b'pa:ss "quoted" \\ \xc3\xbc'
NO_CREDENTIALS = b"credentials not found in native keychain\n"


class Helping(Case):
    def setUp(self):
        super().setUp()
        self.init()
        self.secrets += [PASSWORD, base64.b64encode(b"user:" + PASSWORD)]
        self.config({"https://reg.example.com/v1/": {"auth": base64.b64encode(b"user:" + PASSWORD).decode()}})

    def config(self, auths, command="create"):
        self.ok(command, "my/pull", given=json.dumps({"auths": auths}).encode())

    def get(self, registry, *more, **how):
        return self.run_it("docker-credential", "get", *(more or ("--config", "my/pull")), given=registry, **how)

    def helper_folder(self):
        folder = self.path("bin")
        os.mkdir(folder)
        script = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                              "../../bindings/cli/docker-credential-strongroom")
        shutil.copy(script, folder)
        os.symlink(os.path.abspath(cli_test.PROGRAM), os.path.join(folder, "strongroom"))
        return folder


class Helper(Helping):
    def test_get_prints_what_docker_reads(self):
        for registry in (b"reg.example.com", b"https://reg.example.com", b"https://reg.example.com/v2/\n"):
            done = self.get(registry)
            self.assertEqual((done.returncode, done.err), (0, ""))
            self.assertEqual(json.loads(done.out), {"ServerURL": registry.decode().strip(), "Username": "user",
                                                    "Secret": PASSWORD.decode()})

    def test_path_comes_from_the_environment_too(self):
        done = self.get(b"reg.example.com", "--timeout", "5", env={"STRONGROOM_DOCKER_CONFIG": "my/pull"})
        self.assertEqual(json.loads(done.out)["Username"], "user")

    def test_no_entry_is_what_docker_takes_for_none(self):
        done = self.get(b"other.example.com")
        self.assertEqual((done.returncode, done.out, done.err), (1, NO_CREDENTIALS, ""))

    def test_every_failure_is_also_on_standard_output(self):
        self.ok("create", "my/text", given=b"no json: " + PASSWORD)
        for status, args, how in ((NOT_FOUND, ["--config", "my/missing"], {}), (INVALID, ["--config", "my/text"], {}),
                                  (SEALED, ["--config", "my/pull"], {"key": False}), (USAGE, ["--timeout", "5"], {})):
            done = self.get(b"reg.example.com", *args, **how)
            self.assertEqual(done.returncode, status, done.err)
            self.assertNotEqual(done.out, b"")
            self.assertNotIn(PASSWORD, done.out)
            self.assertIn(done.out.decode().strip(), done.err)

    def test_bad_input(self):
        for registry in (b"", b" \n", b"a\0b", b"x" * 5000):
            self.assertNotEqual(self.get(registry).returncode, 0)
        for action in ("version", ""):
            self.assertEqual(self.run_it("docker-credential", action, "--config", "my/pull").returncode, USAGE)
        for auth in ("", "dXNlcg==", "%"):
            self.config({"reg.example.com": {"auth": auth}}, "update")
            self.assertEqual(self.get(b"reg.example.com").returncode, INVALID)

    def test_all_but_get_is_refused_with_what_to_do(self):
        for action, says in (("store", b"strongroom update"), ("erase", b"strongroom update"), ("list", b"credHelpers")):
            done = self.run_it("docker-credential", action, given=b'{"ServerURL":"r","Username":"u","Secret":"CANARY"}')
            self.assertEqual(done.returncode, UNSUPPORTED)
            self.assertIn(says, done.out)
            self.assertNotIn(b"CANARY", done.out)
            self.assertEqual(done.err, "strongroom: " + done.out.decode())
        self.assertEqual(self.get(b"reg.example.com").returncode, 0)

    def test_what_is_no_unicode_is_refused(self):
        for pair in (b"user:\xff\xfe", b"us\xe9r:CANARY", b"user:\xed\xa0\x80"):
            self.config({"reg.example.com": {"auth": base64.b64encode(pair).decode()}}, "update")
            done = self.get(b"reg.example.com")
            self.assertEqual(done.returncode, INVALID)
            self.assertIn(b"'reg.example.com' is not UTF-8", done.out)
            self.assertNotIn(pair.split(b":")[1], done.out)
        pair = b"user:\t\x01\x7f\xf0\x9f\x94\x91"  # JSON escapes control characters
        self.config({"reg.example.com": {"auth": base64.b64encode(pair).decode()}}, "update")
        self.assertEqual(json.loads(self.get(b"reg.example.com").out)["Secret"].encode(), pair[5:])

    def test_docker_finds_it_by_its_name(self):
        folder = self.helper_folder()
        done = subprocess.run([os.path.join(folder, "docker-credential-strongroom"), "get"], input=b"reg.example.com",
                              capture_output=True, check=False,
                              env=self.environ(STRONGROOM_DOCKER_CONFIG="my/pull"))
        self.assertEqual(json.loads(done.stdout)["Secret"], PASSWORD.decode(), done.stderr)

class Registry(http.server.BaseHTTPRequestHandler):
    """A registry with one image, for those who know the password."""

    password = b""
    blobs = {}
    manifest = b""
    authorizations = []

    @classmethod
    def add(cls, content):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        cls.blobs[digest] = content
        return {"digest": digest, "size": len(content)}

    @classmethod
    def fill(cls, password):
        cls.password, cls.blobs, cls.authorizations = password, {}, []
        layer = gzip.compress(b"\0" * 1024)  # an empty tar
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {
            "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(b"\0" * 1024).hexdigest()]}}).encode()
        docker = "application/vnd.docker."
        cls.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": docker + "distribution.manifest.v2+json",
            "config": {"mediaType": docker + "container.image.v1+json", **cls.add(config)},
            "layers": [{"mediaType": docker + "image.rootfs.diff.tar.gzip", **cls.add(layer)}]}).encode()

    def answer(self, status, content=b"", kind="application/octet-stream", **headers):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        sent = self.headers.get("Authorization", "")
        self.authorizations.append(sent)
        if sent != "Basic " + base64.b64encode(b"user:" + self.password).decode():
            return self.answer(401, WWW_Authenticate='Basic realm="test"')
        if self.path == "/v2/":
            return self.answer(200, b"{}", "application/json")
        if self.path == "/v2/team/app/manifests/1":
            return self.answer(200, self.manifest, json.loads(self.manifest)["mediaType"])
        blob = self.blobs.get(self.path.rsplit("/", 1)[1])
        return self.answer(404) if blob is None else self.answer(200, blob)

    def log_message(self, *_):
        pass


class RealClient(Helping):
    """skopeo, whose library podman and others have too."""

    def setUp(self):
        if shutil.which("skopeo") is None:
            self.skipTest("skopeo is not installed")
        super().setUp()
        Registry.fill(PASSWORD)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.registry = f"127.0.0.1:{server.server_port}"
        auth_file = self.write("auth.json", {"credHelpers": {self.registry: "strongroom"}})
        self.client = self.environ(STRONGROOM_DOCKER_CONFIG="my/pull", REGISTRY_AUTH_FILE=auth_file,
                                   PATH=self.helper_folder() + ":" + os.environ["PATH"])

    def skopeo(self, *args, **more):
        return subprocess.run(["skopeo", *args], capture_output=True, env=self.client, check=False, timeout=60, **more)

    def pull(self):
        return self.skopeo("--insecure-policy", "copy", "--src-tls-verify=false",
                           f"docker://{self.registry}/team/app:1", f"dir:{self.path('image')}")

    def test_an_image_is_pulled_with_the_password_of_the_store(self):
        self.config({self.registry: {"auth": base64.b64encode(b"user:" + PASSWORD).decode()}}, "update")
        done = self.pull()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.read("image", "manifest.json"), Registry.manifest)
        self.assertIn("Basic " + base64.b64encode(b"user:" + PASSWORD).decode(), Registry.authorizations)

    def test_without_an_entry_nothing_is_sent(self):
        done = self.pull()
        self.assertNotEqual(done.returncode, 0)
        self.assertLessEqual(set(Registry.authorizations), {"", "Basic Og=="}, done.stderr)  # the base64 of ":"

    def test_a_failure_is_shown_and_no_login_is_stored(self):
        self.ok("delete", "my/pull")
        done = self.pull()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"my/pull", done.stderr)
        done = self.skopeo("login", "--tls-verify=false", "--username", "user", "--password-stdin", self.registry,
                           input=PASSWORD)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn(PASSWORD, done.stdout + done.stderr)


if __name__ == "__main__":
    cli_test.main(globals())
