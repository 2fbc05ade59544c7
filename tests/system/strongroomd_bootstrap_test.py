#!/usr/bin/env python3
"""`strongroomd` that makes its own store, and stores made by its API: strongroomd_bootstrap_test.py PROGRAM [CASE...].

The OpenPGP side is the real gpg. Skipped where it, or the OpenPGP helper, is not there.
"""
import base64
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time

from served import Client, Served, Server, auth, main

S = "/secrets/v1/secret/default"
INIT, SEAL, UNSEAL = "/secrets/v1/init/default", "/secrets/v1/seal/default", "/secrets/v1/unseal/default"
AUTO_UNSEAL, STATUS = "/secrets/v1/auto-unseal/default", "/secrets/v1/seal-status/default"
NOBODY = 65534


class Made(Served):
    """A server without a store, and an empty GNUPGHOME."""

    ONE_BY_ONE = True

    def setUp(self):
        super().setUp()
        if not os.access(os.environ.get("STRONGROOM_OPENPGP_HELPER", ""), os.X_OK):
            self.skipTest("the OpenPGP helper is not built")
        if not shutil.which("gpg"):
            self.skipTest("there is no gpg")
        self.home = tempfile.mkdtemp(prefix="sr-gpg-")  # short: sockets lie in it
        self.addCleanup(self.remove_home)
        self.state = self.path("state")

    def remove_home(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def gpg(self, *args, given=b""):
        done = subprocess.run(
            ["gpg", "--homedir", self.home, "--batch", "--yes", "--quiet", "--no-tty", "--trust-model", "always",
             "--pinentry-mode", "loopback", "--passphrase", "", *args], input=given, capture_output=True,
            timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def environ(self, key=False, **extra):
        helper = os.environ["STRONGROOM_OPENPGP_HELPER"]
        return super().environ(key, STRONGROOM_OPENPGP_HELPER=helper, **extra)

    def start_alone(self, *args, **more):
        """Without a configuration: by the command line only."""
        server = Server(self, "--state-dir", self.state, "--listen", "127.0.0.1:0", *args, **more)
        self.servers.append(server)
        return server.wait_until_it_listens(1)

    def wait_for_file(self, server, name):
        deadline = time.monotonic() + 60
        while not os.path.exists(self.path("state", name)):
            self.assertIsNone(server.process.poll(), server.said())
            self.assertGreater(deadline, time.monotonic(), server.said())
            time.sleep(0.01)
        return self.read("state", name)

    def token_in(self, server, name):
        token = self.wait_for_file(server, name).strip()
        self.assertEqual(stat.S_IMODE(os.stat(self.path("state", name)).st_mode), 0o600)
        self.secrets.append(token.split(b".")[2])
        return auth(token.decode())

    def bootstrap(self, *args, **more):
        server = self.start_alone("--bootstrap", *args, **more)
        headers = self.token_in(server, "root-token")
        return server, headers

    def ask(self, server, headers, *args):
        client = self.client(server)
        given = client.ask(*args, headers=headers)
        client.close()
        return given

    def good(self, server, headers, *args):
        given = self.ask(server, headers, *args)
        self.assertLess(given.status, 300, (args[:2], given))
        return given

    def is_sealed(self, server, headers):
        return self.good(server, headers, "GET", STATUS).json()["sealed"]

    def unsealed_by_itself(self, server, headers):
        deadline = time.monotonic() + 30
        while self.is_sealed(server, headers):
            self.assertGreater(deadline, time.monotonic(), server.said())
            time.sleep(0.01)

    def decrypted(self, hex_key):
        """As the vendor's page says: hex to binary, and to gpg."""
        share = self.gpg("--decrypt", given=bytes.fromhex(hex_key))
        self.secrets.append(share.strip())
        return share.decode()


class Bootstrap(Made):
    def test_alone_it_makes_a_store_that_works(self):
        server, headers = self.bootstrap()
        self.assertEqual(self.good(server, headers, "PUT", S + "/a", {"value": "very-secret"}).status, 201)
        self.assertEqual(self.good(server, headers, "GET", S + "/a").json(), {"value": "very-secret"})
        made = self.good(server, headers, "GET", INIT)  # 39
        self.assertEqual(sorted(made.json()), ["initialized", "keys", "pgp_fingerprints"])
        self.assertNotIn(b"root_token", made.body)
        key, = made.json()["keys"]
        fingerprint, = made.json()["pgp_fingerprints"]
        self.assertRegex(key, r"\A([0-9a-f]{2})+\Z")
        self.assertRegex(fingerprint, r"\A[0-9a-f]{40}\Z")
        for name in os.listdir(self.state):
            if not os.path.isdir(self.path("state", name)):
                self.assertEqual(stat.S_IMODE(os.stat(self.path("state", name)).st_mode) & 0o077, 0, name)
        self.assertEqual(stat.S_IMODE(os.stat(self.state).st_mode), 0o700)
        self.assertFalse([name for name in os.listdir(self.state) if "pending" in name or name.endswith(".pub")])

    def test_unseal_by_hand_with_gpg(self):
        server, headers = self.bootstrap()
        self.good(server, headers, "PUT", S + "/a", {"value": "very-secret"})
        key, = self.good(server, headers, "GET", INIT).json()["keys"]
        self.good(server, headers, "PUT", SEAL)
        self.assertTrue(self.is_sealed(server, headers))
        self.gpg("--import", self.path("state", "unseal-key.asc"))
        share = self.decrypted(key)
        given = self.ask(server, {}, "PUT", UNSEAL, {"key": share})  # 38
        self.assertEqual((given.status, given.json()["sealed"]), (200, False), given)
        self.assertEqual(self.good(server, headers, "GET", S + "/a").json(), {"value": "very-secret"})
        self.assertEqual(self.good(server, headers, "GET", INIT).json()["keys"], [key])

    def test_auto_unseal_with_and_without_a_body(self):
        server, headers = self.bootstrap()
        key, = self.good(server, headers, "GET", INIT).json()["keys"]
        for body in (None, {"key": key}, {"key": key.upper()}):
            self.good(server, headers, "PUT", SEAL)
            given = self.good(server, headers, "PUT", AUTO_UNSEAL, body)
            self.assertFalse(given.json()["sealed"])
        self.good(server, headers, "PUT", SEAL)
        wrong = self.ask(server, headers, "PUT", AUTO_UNSEAL, {"key": key[:-2] + "00"})
        self.assertEqual(wrong.status, 400, wrong)
        self.assertEqual(self.ask(server, {}, "PUT", AUTO_UNSEAL).status, 401)
        self.assertTrue(self.is_sealed(server, headers))

    def test_a_restart_unseals_by_itself_and_never_makes_another_store(self):
        server, headers = self.bootstrap()
        self.good(server, headers, "PUT", S + "/a", {"value": "very-secret"})
        before = self.good(server, headers, "GET", INIT).json()
        server.kill()
        server = self.start_alone("--bootstrap")
        self.unsealed_by_itself(server, headers)
        self.assertEqual(self.good(server, headers, "GET", INIT).json(), before)
        self.assertEqual(self.good(server, headers, "GET", S + "/a").json(), {"value": "very-secret"})

    def test_a_key_in_the_store_unseals_a_server_that_has_nothing(self):
        server, headers = self.bootstrap("--escrow-in-store")
        self.good(server, headers, "PUT", S + "/a", {"value": "very-secret"})
        server.stop()
        store = "lmdb:" + self.path("state", "store")
        self.state = self.path("other")
        other = self.start_alone("--store", store)
        other.wait_for("unsealed by the OpenPGP key in the store")
        self.assertEqual(self.ask(other, {}, "GET", S + "/a").status, 401)

    def test_without_it_another_server_stays_sealed(self):
        server, headers = self.bootstrap()
        server.stop()
        store = "lmdb:" + self.path("state", "store")
        self.state = self.path("other")
        other = self.start_alone("--store", store)
        other.wait_for("the store is sealed: no key is at hand")

    def test_no_secret_is_left_where_others_look(self):
        server, headers = self.bootstrap()
        canary = "canary-" + os.urandom(8).hex()
        self.good(server, headers, "PUT", S + "/a", {"value": canary})
        self.good(server, headers, "PATCH", S + "/a", {"value": canary + "2"})
        self.ask(server, headers, "PUT", S + "/a", {"value": canary})
        self.ask(server, headers, "PUT", S + "/bad", '{"value":"' + canary)
        self.ask(server, headers, "PUT", UNSEAL, {"key": canary})
        self.ask(server, auth("srt.aaaaaaaaaaaaaaaa." + canary), "GET", S + "/a")
        pid = server.process.pid
        with open(f"/proc/{pid}/limits", encoding="ascii") as limits:
            self.assertRegex(limits.read(), r"Max core file size +0 +0 ")
        for name in ("environ", "cmdline"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                text = file.read()
            for secret in self.secrets:
                self.assertNotIn(secret, text, name)
        server.stop()
        for root, _, names in os.walk(self.place):
            for name in names:
                self.assertNotIn(canary.encode(), self.read(root, name), name)
        self.assertIn(b"secret_create", self.read("state", "audit.log"))

    def test_another_user_gets_nothing(self):
        if os.getuid() != 0:
            self.skipTest("only root can become another user")
        server, _ = self.bootstrap()
        os.chmod(self.place, 0o755)
        for name in ("root-token", "unseal-key.asc", "operators", "audit.log", "instance"):
            self.assertTrue(os.path.exists(self.path("state", name)), name)
            done = subprocess.run(["cat", self.path("state", name)], user=NOBODY, group=NOBODY, extra_groups=[],
                                  capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, b""), name)
        done = subprocess.run(["ls", f"/proc/{server.process.pid}/fd"], user=NOBODY, group=NOBODY, extra_groups=[],
                              capture_output=True, check=False)
        self.assertNotEqual(done.returncode, 0)


class ByHand(Made):
    """PUT /init with keys of people."""

    def test_init_seal_unseal_with_a_key_of_gpg(self):
        server = self.start_alone()
        setup = self.token_in(server, "setup-token")
        self.gpg("--quick-generate-key", "operator@example.org", "default", "default", "never")
        public = subprocess.run(f"gpg --homedir {self.home} --export | base64 -w0", shell=True, capture_output=True,
                                check=True).stdout.decode()
        self.assertEqual(self.ask(server, {}, "PUT", INIT, {"shares": 1, "threshold": 1, "pgp_keys": [public]}).status,
                         401)
        for wrong in ({"shares": 1, "threshold": 1}, {"shares": 1, "threshold": 1, "pgp_keys": []},
                      {"shares": 2, "threshold": 1, "pgp_keys": [public]},
                      {"shares": 1, "threshold": 2, "pgp_keys": [public]},
                      {"shares": 1, "threshold": 1, "pgp_keys": ["AAAA"]},
                      {"shares": 1, "threshold": 1, "pgp_keys": [public[:40]]}):
            self.assertEqual(self.ask(server, setup, "PUT", INIT, wrong).status, 400, wrong)
        made = self.good(server, setup, "PUT", INIT, {"shares": 1, "threshold": 1, "pgp_keys": [public]}).json()  # 37
        self.secrets.append(made["root_token"].split(".")[2].encode())
        root = auth(made["root_token"])
        listed = self.gpg("--with-colons", "--fingerprint", "operator@example.org").decode()
        self.assertIn(made["pgp_fingerprints"][0].upper(), re.findall(r"^fpr:+([0-9A-F]{40}):", listed, re.MULTILINE))
        self.assertTrue(self.is_sealed(server, root))
        # While sealed, the server cannot tell a revoked token from one that the store has.
        self.assertEqual(self.ask(server, setup, "GET", STATUS).status, 503)
        self.assertFalse(os.path.exists(self.path("state", "setup-token")))
        self.assertEqual(self.ask(server, root, "PUT", AUTO_UNSEAL).status, 409)

        given = self.ask(server, {}, "PUT", UNSEAL, {"key": self.decrypted(made["keys"][0])})  # 38
        self.assertEqual((given.status, given.json()["sealed"]), (200, False), given)
        self.assertEqual(self.ask(server, setup, "GET", STATUS).status, 401)
        after = self.good(server, root, "GET", INIT).json()
        self.assertEqual((after["initialized"], after["keys"]), (True, made["keys"]))
        again = self.ask(server, root, "PUT", INIT, {"shares": 1, "threshold": 1, "pgp_keys": [public]})
        self.assertEqual(again.status, 409, again)
        self.assertEqual(self.good(server, root, "PUT", S + "/a", {"value": "very-secret"}).status, 201)


if __name__ == "__main__":
    main(globals())
