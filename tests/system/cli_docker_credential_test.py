#!/usr/bin/env python3
"""`strongroom docker-credential`: cli_docker_credential_test.py PROGRAM [CASE...], or --cases to name them."""
import base64
import json
import os
import shutil
import subprocess

import cli_test
from cli_test import Case, INVALID, NOT_FOUND, SEALED, USAGE

PASSWORD = b'pa:ss "quoted" \\ \xc3\xbc'
NO_CREDENTIALS = b"credentials not found in native keychain\n"


class Helper(Case):
    def setUp(self):
        super().setUp()
        self.init()
        self.secrets += [PASSWORD, base64.b64encode(b"user:" + PASSWORD)]
        self.config({"https://reg.example.com/v1/": {"auth": base64.b64encode(b"user:" + PASSWORD).decode()}})

    def config(self, auths, command="create"):
        self.ok(command, "my/pull", given=json.dumps({"auths": auths}).encode())

    def get(self, registry, *more, **how):
        return self.run_it("docker-credential", "get", *(more or ("--config", "my/pull")), given=registry, **how)

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
        for action in ("store", "erase", "list", ""):
            self.assertEqual(self.run_it("docker-credential", action, "--config", "my/pull").returncode, USAGE)
        for auth in ("", "dXNlcg==", "%"):
            self.config({"reg.example.com": {"auth": auth}}, "update")
            self.assertEqual(self.get(b"reg.example.com").returncode, INVALID)

    def test_docker_finds_it_by_its_name(self):
        folder = self.path("bin")
        os.mkdir(folder)
        script = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                              "../../bindings/cli/docker-credential-strongroom")
        shutil.copy(script, folder)
        os.symlink(os.path.abspath(cli_test.PROGRAM), os.path.join(folder, "strongroom"))
        done = subprocess.run([os.path.join(folder, "docker-credential-strongroom"), "get"], input=b"reg.example.com",
                              capture_output=True, check=False,
                              env=self.environ(STRONGROOM_DOCKER_CONFIG="my/pull"))
        self.assertEqual(json.loads(done.stdout)["Secret"], PASSWORD.decode(), done.stderr)


if __name__ == "__main__":
    cli_test.main(globals())
