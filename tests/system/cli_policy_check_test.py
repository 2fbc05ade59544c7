#!/usr/bin/env python3
"""What `policy check` and `policy put` say about skipped parts: cli_policy_check_test.py PROGRAM [CASE...]."""
import json
import os

import cli_test
from cli_test import Case, INVALID

WEB = ('{"name": "web",\n "path": {\n  "web/*": {"capabilities": ["read", "subscribe", "recover"]},\n'
       '  "web/x": {"capabilities": ["deny", "sudo"]}}}')
LIST = ("[user:bob]\r\ndcos:adminrouter:ops:mesos full\r\ndcos:secrets:default:/dev/* read\r\n"
        "dcos:service:marathon:marathon:services:/dev full\r\n")
HOLDERS = {"version": 1, "mode": "vault-compat", "grants": [{"to": ["group:web"], "policies": ["web"]}]}
WHY = {
    "name": "the member 'name' has no effect: a policy is granted by the name of its document, or by its "
            "name in 'policies', not as 'web'",
    "subscribe": "the capability 'subscribe' grants nothing: it is about events of Vault",
    "recover": "the capability 'recover' grants nothing: it is about snapshots of Vault",
    "sudo": "the capability 'sudo' grants nothing: no path needs it here",
}


class Check(Case):
    """Over files."""

    def check(self, *args, status=0):
        done = self.run_it("policy", "check", *args, key=False, env={"STRONGROOM_STORE": ""})
        self.assertEqual(done.returncode, status, (args, done.out, done.err))
        return done.out.decode() if status == 0 else done.err

    def test_vaults_parts_are_counted_and_named(self):
        lines = self.check(self.write("web.json", WEB)).splitlines()
        self.assertRegex(lines[0], r"\Agood: 2 rules in 1 document, vault-compat; ")
        self.assertEqual(lines[1:], [
            "skipped: 4 parts without effect on secrets",
            "web:1:2: skipped: " + WHY["name"],
            "web:3:39: skipped: " + WHY["subscribe"],
            "web:3:52: skipped: " + WHY["recover"],
            "web:4:39: skipped: " + WHY["sudo"]])

    def test_permissions_of_other_services_are_counted_and_named(self):
        lines = self.check(self.write("bob.dcos", LIST)).splitlines()
        self.assertRegex(lines[0], r"\Agood: 1 rule in 1 document, deny-overrides; ")
        self.assertEqual(lines[1:], [
            "skipped: 2 parts without effect on secrets",
            "bob:2:1: skipped: the permission 'dcos:adminrouter:ops:mesos' has no effect: it is of "
            "another service",
            "bob:4:1: skipped: the permission 'dcos:service:marathon:marathon:services:/dev' has no "
            "effect: it is of another service"])

    def test_json_has_the_same(self):
        told = json.loads(self.check(self.write("web.json", WEB), "--json"))
        self.assertEqual((told["num_skipped"], len(told["skipped"])), (4, 4))
        self.assertEqual(told["skipped"][1], {"kind": "capability", "document": "web", "line": 3,
                                              "column": 39, "text": WHY["subscribe"]})
        told = json.loads(self.check(self.write("own.json", '{"version": 1}'), "--json"))
        self.assertEqual((told["num_skipped"], told["skipped"]), (0, []))

    def test_nothing_is_said_where_nothing_was_skipped(self):
        self.assertEqual(len(self.check(self.write("own.json", '{"version": 1}')).splitlines()), 1)

    def test_a_long_list_ends_with_how_many_more(self):
        many = self.write("many.dcos", "[user:bob]\n" + "dcos:mesos:x read\n" * 10_003)
        lines = self.check(many).splitlines()
        self.assertEqual(lines[1], "skipped: 10003 parts without effect on secrets")
        self.assertEqual((len(lines), lines[-1]), (10_003, "and 3 more"))

    def test_what_narrows_is_refused_by_its_place(self):
        narrow = self.write("narrow.json", '{"name": "x", "path": {"a": {"capabilities": ["read"],\n'
                                           ' "allowed_parameters": {}}}}')
        said = self.check(narrow, status=INVALID)
        self.assertIn("policy 'narrow', line 2, column 2: 'allowed_parameters' narrows requests", said)

    def test_odd_files_are_refused(self):
        for name, content in (("bom", b"\xef\xbb\xbf" + WEB.encode()), ("utf16", WEB.encode("utf-16")),
                              ("empty", b""), ("twice", b'{"path": {}, "path": {}}'),
                              ("deep", b'{"name":' + b"[" * 100_000), ("cut", WEB.encode()[:-1])):
            with open(self.path(name + ".json"), "wb") as file:
                file.write(content)
            self.assertTrue(self.check(self.path(name + ".json"), status=INVALID), name)
        os.mkdir(self.path("folder"))
        self.assertIn("there is no policy in", self.check(self.path("folder"), status=INVALID))

    def test_a_fifo_is_read_like_a_file(self):
        fifo = self.path("bob.dcos")
        os.mkfifo(fifo)
        if os.fork() == 0:
            with open(fifo, "w", encoding="utf-8") as file:
                file.write(LIST)
            os._exit(0)
        self.assertIn("skipped: 2 parts", self.check(fifo))
        os.wait()


class Put(Case):
    """In a store."""

    def test_put_counts_what_it_skips(self):
        self.ok("init")
        done = self.run_it("policy", "put", "web", self.write("web.json", WEB))
        self.assertEqual((done.returncode, done.out), (0, b""))
        self.assertEqual(done.err, "strongroom: 4 parts of 'web' skipped, without effect on secrets; "
                                   "'strongroom policy check' names them\n")
        done = self.run_it("policy", "put", "holders", self.write("holders.json", HOLDERS))
        self.assertEqual((done.returncode, done.out, done.err), (0, b"", ""))
        said = self.ok("policy", "check").decode()
        self.assertIn("skipped: 4 parts", said)
        self.assertIn("web:3:39: skipped: " + WHY["subscribe"], said)

    def test_what_narrows_changes_nothing(self):
        self.ok("init")
        narrow = self.write("n.json", '{"path": {"a": {"capabilities": ["read"], "control_group": {}}}}')
        self.fails(INVALID, "policy", "put", "n", narrow, says="'control_group' narrows requests")
        self.assertEqual(self.ok("policy", "list"), b"")


if __name__ == "__main__":
    cli_test.main(globals())
