#!/usr/bin/env python3
"""Policies through the real `strongroom` program: cli_policy_test.py PROGRAM [CASE...], or --cases."""
import json
import os
import re
import subprocess

import cli_test
from cli_test import Case, DENIED, INVALID, NOT_FOUND, TOO_LARGE, USAGE

FOUND = 3
DBA = {"version": 1, "rules": [
    {"to": ["group:dba"], "allow": ["read", "list"], "paths": ["db/**"]},
    {"to": ["anyone"], "deny": ["read"], "paths": ["db/*/root"]},
    {"to": ["user:alice"], "allow": ["seal"]}]}
VAULT = {"path": {"web/*": {"capabilities": ["read"]}}}
HOLDERS = {"version": 1, "mode": "vault-compat", "grants": [{"to": ["group:web"], "policies": ["web"]}]}
DCOS = "[user:bob]\ndcos:secrets:default:/dev/*  read,update\ndcos:secrets:list:default:/ read\n"


class Tools(Case):
    """Over files: no store is needed, and none is touched."""

    def tool(self, *args, status=0, **more):
        done = self.run_it("policy", *args, key=False, env={"STRONGROOM_STORE": ""}, **more)
        self.assertEqual(done.returncode, status, (args, done.out, done.err))
        return done.out.decode()

    def setUp(self):
        super().setUp()
        self.dba = self.write("dba.json", DBA)

    def test_check_tells_what_was_read(self):
        self.assertRegex(self.tool("check", self.dba),
                         r"\Agood: 3 rules in 1 documents?, deny-overrides; compiled to \d+ nodes")
        told = json.loads(self.tool("check", self.dba, "--json"))
        self.assertEqual((told["mode"], told["rules"], told["documents"]), ("deny-overrides", 3, 1))

    def test_every_form_is_taken(self):
        self.assertIn("2 rules", self.tool("check", self.write("d.dcos", DCOS)))
        os.mkdir(self.path("vault"))
        self.write("vault/web.json", VAULT)
        self.write("vault/holders.json", HOLDERS)
        self.write("vault/README.md", "no policy")
        self.assertIn("vault-compat", self.tool("check", self.path("vault")))
        self.tool("explain", "user:eve+group:web", "read", "web/a/b", "--policy", self.path("vault"))
        self.tool("explain", "user:bob", "list", "--policy", self.path("d.dcos"))
        self.tool("explain", "user:bob", "delete", "dev/a", "--policy", self.path("d.dcos"),
                  status=DENIED)

    def test_mistakes_are_told_by_line_and_column(self):
        bad = self.write("bad.json", '{"version": 1, "rules": [\n  {"to": ["user:a"], "allow": ["raed"],\n'
                                     '   "paths": ["a"]}]}')
        said = self.fails_tool(INVALID, "check", bad)
        self.assertIn("'bad', line 2, column", said)
        self.assertIn("read", said)
        for text, word in (('{"rules": [}', "line 1"), ('{"version": 1, "ruels": []}', "rules"),
                           ('{"version": 1, "rules": [{"to": ["user:a"], "allow": ["read"], "paths": ["a/*b"]}]}',
                            "column"), ("path \"a\" {}", "JSON"), ("", "policy")):
            self.assertIn(word, self.fails_tool(INVALID, "check", self.write("bad.json", text)))
        self.assertIn("mode", self.fails_tool(INVALID, "check", self.dba,
                                              self.write("web.json", VAULT)))

    def fails_tool(self, status, *args, **more):
        done = self.run_it("policy", *args, key=False, env={"STRONGROOM_STORE": ""}, **more)
        self.assertEqual(done.returncode, status, (args, done.out, done.err))
        self.assertTrue(done.err.startswith("strongroom: "), done.err)
        return done.err

    def test_large_input_is_refused_in_time(self):
        with open(self.path("huge.json"), "wb") as file:
            file.truncate(65 << 20)
        self.fails_tool(TOO_LARGE, "check", self.path("huge.json"))
        rule = '{"to": ["anyone"], "allow": ["read"], "paths": ["a/%d"]}'
        many = self.write("many.json",
                          '{"version": 1, "rules": [' + ",".join(rule % i for i in range(1_000_000)) + "]}")
        self.assertIn("200000", self.fails_tool(TOO_LARGE, "check", many))
        self.fails_tool(INVALID, "check", self.write("deep.json", '{"version": 1, "rules": ' + "[" * 100_000))

    def test_explain_says_why_and_its_status_is_the_answer(self):
        who = "user:bob+group:dba"
        said = self.tool("explain", who, "read", "db/a/user", "--policy", self.dba)
        self.assertRegex(said, r"\Aallowed: ")
        self.assertRegex(said, r"decided +dba:1:\d+ +group:dba may read 'db/\*\*'")
        said = self.tool("explain", who, "read", "db/a/root", "--policy", self.dba, status=DENIED)
        self.assertRegex(said, r"\Adenied by ")
        self.assertIn("anyone may not read 'db/*/root'", said)
        self.assertIn("matched", said)
        lines = json.loads(self.tool("explain", who, "read", "db/a/root", "--json", "--policy",
                                     self.dba, status=DENIED))
        self.assertEqual([line["kind"] for line in lines], ["decision", "decided", "matched"])
        self.tool("explain", "administrator:eve", "rotate", "--policy", self.dba)
        self.tool("explain", "service:/web@/web", "resolve", "web/x", "--policy", self.dba)
        self.tool("explain", "service:/web@/web", "resolve", "db/x", "--policy", self.dba,
                  status=DENIED)
        self.fails_tool(INVALID, "explain", "bob", "read", "a", "--policy", self.dba)
        self.assertIn("rotate", self.fails_tool(USAGE, "explain", who, "raed", "a", "--policy",
                                                self.dba))

    def test_who_can_lists_subjects(self):
        said = self.tool("who-can", "read", "db/a/x", "--policy", self.dba)
        self.assertRegex(said, r"(?m)^group:dba +dba:1:\d+$")
        self.assertIn("alice", self.tool("who-can", "seal", "--policy", self.dba))
        done = self.run_it("policy", "who-can", "delete", "a", "--policy", self.dba, key=False)
        self.assertEqual((done.returncode, done.out), (0, b""))
        self.assertIn("nobody", done.err.replace("anybody", "nobody"))

    def test_diff_tells_changes_by_a_path(self):
        self.assertEqual(self.tool("diff", self.dba, self.dba), "")
        fewer = self.write("fewer.json", {"version": 1, "rules": DBA["rules"][:1] + DBA["rules"][2:]})
        said = self.tool("diff", self.dba, fewer, status=FOUND)
        self.assertRegex(said, r"(?m)^\+ group:dba read 'db/[^/']+/root': denied -> allowed$")
        self.assertRegex(self.tool("diff", fewer, self.dba, status=FOUND), r"(?m)^- group:dba read")
        self.assertTrue(json.loads(self.tool("diff", self.dba, fewer, "--json", status=FOUND)))

    def test_lint_finds_what_is_odd(self):
        self.assertEqual(self.tool("lint", self.dba), "")
        odd = self.write("odd.json", {"version": 1, "rules": DBA["rules"][:1] + [
            {"to": ["group:dba"], "allow": ["read"], "paths": ["db/x"]}]})
        self.assertRegex(self.tool("lint", odd, status=FOUND), r"\Aodd:1:\d+: redundant: ")

    def test_expectations_are_tried(self):
        good = self.write("good.txt", "# ours\nallow user:bob+group:dba read db/x\n"
                                      "deny user:bob read db/x\nallow user:alice seal\n")
        self.assertEqual(self.tool("test", good, "--policy", self.dba), "3 passed, 0 failed\n")
        bad = self.write("bad.txt", "allow user:bob read db/x\ndeny user:bob list\n")
        said = self.tool("test", bad, "--policy", self.dba, status=FOUND)
        self.assertTrue(said.endswith("1 passed, 1 failed\n"), said)
        self.assertIn("bad.txt:1: user:bob read 'db/x'", said)
        self.fails_tool(INVALID, "test", self.write("bad.txt", "allow bob\n"), "--policy", self.dba)

    def test_what_a_policy_says_does_not_steer_the_terminal(self):
        evil = self.write("evil.json", {"version": 1, "rules": [
            {"to": ["user:\u202eevil"], "allow": ["read"], "paths": ["a"]}]})
        done = self.run_it("policy", "check", evil, key=False)
        self.assertNotIn("\x1b", done.out.decode() + done.err)
        evil = self.write("evil.json", '{"\\u001b[31m": 1}')
        self.assertNotIn("\x1b", self.fails_tool(INVALID, "check", evil))

    def test_a_store_is_needed_where_no_file_is_named(self):
        for args in (["check"], ["lint"], ["explain", "user:a", "seal"], ["diff", "@", self.dba],
                     ["list"], ["get", "x"], ["delete", "x"]):
            self.assertIn("--store", self.fails_tool(USAGE, *args))

    def test_help_has_examples(self):
        text = self.tool("--help")
        for name in "check explain who-can diff lint test list get put delete reset".split():
            self.assertIn(name, text)
            told = self.tool(name, "--help")
            self.assertIn("Example", told)
            self.assertIn("strongroom policy " + name, told)
            self.assertIn("Usage: strongroom policy " + name, told)
            self.assertLessEqual(max(map(len, told.splitlines())), 100, name)
        self.assertIn("policy explain --help", self.fails_tool(USAGE, "explain"))
        self.fails_tool(USAGE)
        self.fails_tool(USAGE, "nonsense")

    def test_bash_completes_nested_commands(self):
        self.write("complete.bash", self.ok("completion", "bash"))

        def completes(*words):
            script = ('source complete.bash; COMP_WORDS=(strongroom "$@"); COMP_CWORD=$#; '
                      '_strongroom; printf "%s\\n" "${COMPREPLY[@]}"')
            done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True,
                                  check=True, cwd=self.place, env=self.environ())
            return done.stdout.decode().split()

        self.assertEqual(completes("policy", "wh"), ["who-can"])
        self.assertEqual(completes("policy", "explain", "user:a", "rea"), ["read"])
        self.assertEqual(completes("policy", "lint", "db"), ["dba.json"])
        self.assertEqual(completes("policy", "test", "x", "--pol"), ["--policy"])


class Stored(Case):
    """In a store."""

    def setUp(self):
        super().setUp()
        self.ok("init")
        self.dba = self.write("dba.json", DBA)

    def test_documents_are_put_listed_printed_and_deleted(self):
        self.assertEqual(self.ok("policy", "list"), b"")
        self.ok("policy", "put", "dba", self.dba)
        self.ok("policy", "put", "dev", "-", given=DCOS.encode())
        self.assertEqual(self.ok("policy", "list"), b"dba\ndev\n")
        self.assertEqual(self.ok("policy", "get", "dba"), self.read("dba.json"))
        told = json.loads(self.ok("policy", "list", "--json"))
        self.assertEqual([each["name"] for each in told], ["dba", "dev"])
        self.assertEqual(told[0]["revision"], 1)
        self.assertRegex(told[0]["changed"], r"\A\d{4}-\d\d-\d\dT")
        self.assertIn(b"5 rules in 2 documents", self.ok("policy", "check"))
        self.ok("policy", "delete", "dev")
        self.fails(NOT_FOUND, "policy", "get", "dev")
        self.fails(NOT_FOUND, "policy", "delete", "dev")

    def test_a_reset_takes_all_away(self):
        self.ok("policy", "put", "dba", self.dba)
        self.ok("policy", "reset")
        self.assertEqual(self.ok("policy", "list"), b"")
        self.assertIn(b"0 rules in 0 documents", self.ok("policy", "check"))

    def test_tools_look_at_what_is_stored(self):
        self.ok("policy", "put", "dba", self.dba)
        self.ok("policy", "explain", "user:b+group:dba", "read", "db/x")
        self.assertEqual(self.ok("policy", "diff", "@", self.dba), b"")
        self.assertEqual(self.run_it("policy", "diff", "@", self.write("none.json",
                                     {"version": 1, "rules": []})).returncode, FOUND)
        self.assertEqual(self.ok("policy", "lint"), b"")
        self.fails(USAGE, "policy", "check", "@", self.dba)

    def test_a_bad_document_changes_nothing(self):
        self.ok("policy", "put", "dba", self.dba)
        self.fails(INVALID, "policy", "put", "dba", self.write("bad.json", '{"version": 1, "rules": 1}'),
                   says="line 1")
        self.fails(INVALID, "policy", "put", "web", self.write("web.json", VAULT), says="mode")
        self.fails(INVALID, "policy", "put", "a/b", self.dba)
        self.fails(TOO_LARGE, "policy", "put", "big", self.write("big.json", " " * ((1 << 20) + 1)))
        self.assertEqual(self.ok("policy", "get", "dba"), self.read("dba.json"))

    def test_no_name_of_a_policy_is_in_the_files(self):
        self.ok("policy", "put", "canary-name", self.write("c.json", {"version": 1, "rules": [
            {"to": ["user:canary-user"], "allow": ["read"], "paths": ["canary-path/**"]}]}))
        stored = b"".join(self.read("store", name) for name in os.listdir(self.path("store")))
        self.assertIsNone(re.search(rb"canary", stored))

    def test_policies_survive_backup_and_both_ways_of_migrating(self):
        self.ok("policy", "put", "dba", self.dba)
        self.ok("backup", "b.strongroom")
        restored = "lmdb:" + self.path("restored")
        self.ok("--store", restored, "restore", "b.strongroom")
        self.assertEqual(self.ok("--store", restored, "policy", "get", "dba"),
                         self.read("dba.json"))
        copied, rekeyed = "lmdb:" + self.path("copied"), "lmdb:" + self.path("rekeyed")
        self.run_it("migrate", self.url, copied, env={"STRONGROOM_STORE": ""})
        self.assertEqual(self.ok("--store", copied, "policy", "get", "dba"), self.read("dba.json"))
        done = self.run_it("migrate", self.url, rekeyed, "--rekey", "--new-key-file", "new.key",
                           env={"STRONGROOM_STORE": ""})
        self.assertEqual(done.returncode, 0, done.err)
        self.assertEqual(self.ok("--store", rekeyed, "policy", "get", "dba", key=False,
                                 env={"STRONGROOM_KEY_FILE": self.path("new.key")}),
                         self.read("dba.json"))


if __name__ == "__main__":
    cli_test.main(globals())
