#!/usr/bin/env python3
"""`strongroom audit verify` of logs that are made here by the text of FORMAT.md, and by the server's own code."""
import hashlib
import json
import os
import re
import subprocess
import time

import cli_test
from cli_test import INVALID, SEALED, USAGE, Case

REPORTED, CORRUPT = 3, 20
INSTANCE = "0123456789abcdef"
ZEROS = "0" * 64


class Log:
    """The chain, written by the text of FORMAT.md."""

    def __init__(self, instance=INSTANCE):
        self.instance, self.seq, self.hash = instance, 0, ZEROS

    def line(self, **members):
        self.seq += 1
        members = {"seq": self.seq, "time": f"2026-01-31T12:00:{self.seq % 60:02}.000001Z",
                   "instance": self.instance, **members}
        body = json.dumps(members, separators=(",", ":"))[:-1].encode()
        self.hash = hashlib.sha256(bytes.fromhex(self.hash) + body).hexdigest()
        return body + f',"hash":"{self.hash}"}}\n'.encode()

    def begin(self):
        return self.line(event="begin", previous_seq=self.seq, previous_hash=self.hash)

    def request(self, path="db/x"):
        return self.line(peer="127.0.0.1:1", actor="user:b", action="secret_read", path=path, status=200, outcome="ok",
                         duration_us=5)

    def lines(self, num):
        return [self.begin()] + [self.request(f"db/{i}\u00e4\n") for i in range(num - 1)]


class Chain(Case):
    """Without a store."""

    def setUp(self):
        super().setUp()
        self.log = Log()
        self.lines = self.log.lines(10)
        self.file = self.write("audit.log", b"".join(self.lines))

    def verify(self, *args, status=0, **more):
        done = self.run_it("audit", "verify", *args, key=False, env={"STRONGROOM_STORE": ""}, **more)
        self.assertEqual(done.returncode, status, (done.out, done.err))
        return done.out.decode() if status in (0, REPORTED) else done.err

    def bad(self, *lines):
        said = self.verify(self.write("bad.log", b"".join(lines)), status=CORRUPT)
        self.assertEqual(said.count("\n"), 1)
        return re.sub(r".*bad\.log'?, ", "", said).strip()

    def test_a_good_log_is_good_and_says_what_was_not_checked(self):
        said = self.verify(self.file)
        self.assertRegex(said, r"\AGood: 10 lines of server 0123456789abcdef, from 2026-01-31T12:00:01.000001Z to ")
        self.assertIn("Not compared with a store", said)
        told = json.loads(self.verify(self.file, "--json"))
        self.assertEqual((told["lines"], told["first_seq"], told["last_seq"], told["last_hash"], told["fault"],
                          told["compared"], told["head"], told["events"], told["instance"]),
                         (10, 1, 10, self.log.hash, None, False, None, [], INSTANCE))

    def test_every_kind_of_change_is_named_with_its_line(self):
        lines = self.lines
        for changed, says in (
                ([*lines[:4], lines[4].replace(b"200", b"403"), *lines[5:]], "line 5: its hash is wrong"),
                ([*lines[:4], *lines[5:]], "line 5: the line 5 is missing"),
                ([*lines[:4], lines[5], lines[4], *lines[6:]], "line 5: the line 5 is missing"),
                ([*lines[:5], lines[4], *lines[5:]], "line 6: it is the line 5, where 6"),
                ([*lines[1:]], "line 1: the beginning of the file is missing"),
                ([*lines[:-1], lines[-1][:-1]], "line 10: it is incomplete"),
                ([*lines[:3], b"\x1b[31m\n", *lines[3:]], "line 4: it is no line"),
                ([*lines[:3], b"{}\n"], "line 4: it is no line"),
                ([*lines, Log("other").begin()], "line 11: it is of another server"),
                ([b"x" * 100_000], "line 1: it is longer")):
            self.assertTrue(self.bad(*changed).startswith(says), self.bad(*changed))

    def test_json_names_the_fault_too(self):
        file = self.write("bad.log", b"".join(self.lines[:3] + self.lines[4:]))
        done = self.run_it("audit", "verify", "--json", file, key=False, env={"STRONGROOM_STORE": ""})
        self.assertEqual((done.returncode, done.err), (CORRUPT, ""))
        told = json.loads(done.out)
        self.assertEqual((told["fault"]["line"], told["lines"]), (4, 3))
        self.assertIn("bad.log", told["fault"]["file"])

    def test_rotated_files_are_put_in_order(self):
        for i in (2, 1):
            self.write(f"audit.log.{i}", b"".join(self.log.lines(5)))
        self.write("audit.log.0", b"".join(self.log.lines(5)))
        files = ["audit.log.0", "audit.log", "audit.log.1", "audit.log.2"]
        self.assertIn("Good: 25 lines", self.verify(*files))
        self.assertIn("Good: 25 lines", self.verify("-", given=b"".join(
            self.read(name) for name in ("audit.log", "audit.log.2", "audit.log.1", "audit.log.0"))))
        self.assertIn("before number 11 are in older files", self.verify(*files[:1], *files[2:]))
        self.assertIn("audit.log.1', line 1: the lines 11 to 15 are missing",
                      self.verify("audit.log", "audit.log.1", status=CORRUPT).replace("log.1,", "log.1',"))
        self.verify("audit.log", "audit.log", status=CORRUPT)
        self.verify("-", "-", status=USAGE)

    def test_what_the_server_reported_is_shown(self):
        text = b"".join(self.lines)
        told = text + self.log.line(event="cut", bytes=17)
        self.assertIn("17 bytes was removed", self.verify(self.write("a", told)))
        for members, says in (({"event": "lost", "count": 3}, "3 requests"), ({"event": "broken"}, "was changed"),
                              ({"event": "behind", "head_seq": 99, "head_hash": ZEROS}, "line 99")):
            told += self.log.line(**members)
            self.assertIn(says, self.verify(self.write("a", told), status=REPORTED))
        events = json.loads(self.verify("a", "--json", status=REPORTED))["events"]
        self.assertEqual([each["event"] for each in events], ["cut", "lost", "broken", "behind"])

    def test_a_terminal_is_not_steered_by_names(self):
        said = self.verify(self.write("a\x1b[31m", b"{}\n"), status=CORRUPT)
        self.assertIn("\\x1b", said)

    def test_help_has_examples(self):
        for name in ("audit", "audit verify"):
            text = self.ok(*name.split(), "--help").decode()
            self.assertIn("strongroom audit verify", text)
            self.assertLessEqual(max(map(len, text.splitlines())), 100, name)
        self.verify(status=USAGE)
        self.verify("audit.log", "--jsn", status=USAGE)
        self.verify("nowhere", status=INVALID)


class Compared(Case):
    """With the head that a server kept in the store."""

    def setUp(self):
        super().setUp()
        self.tester = os.environ.get("STRONGROOM_HTTP_TEST")
        if self.tester is None:
            self.skipTest("strongroomd is not built")
        self.init()

    def serve(self, protected, more=0):
        subprocess.run([self.tester, "audit_server", self.place, str(protected), str(more)], check=True,
                       stderr=subprocess.DEVNULL)
        return self.path("state", "audit.log")

    def verify(self, *args, status=0, **more):
        done = self.run_it("audit", "verify", *args, **more)
        self.assertEqual(done.returncode, status, (done.out, done.err))
        return done.out.decode() if status in (0, REPORTED) else done.err

    def cut(self, file, num):
        """Removes lines at the end."""
        with open(file, "rb") as log:
            lines = log.readlines()
        with open(file, "wb") as log:
            log.writelines(lines[:-num])

    def test_the_tail_that_no_head_protects_is_told(self):
        file = self.serve(5)
        self.assertIn("has the head of line 6, the last one", self.verify(file))
        told = json.loads(self.verify(file, "--json"))
        self.assertEqual((told["compared"], told["head"]["seq"], told["head"]["lines_after"]), (True, 6, 0))
        self.assertEqual(told["head"]["hash"], told["last_hash"])
        file = self.serve(5, more=3)
        self.assertRegex(self.verify(file), r"head of line 11\. It does not protect the 3 lines after it, of \d+\.\d+ s\.")
        told = json.loads(self.verify(file, "--json"))["head"]
        self.assertEqual((told["lines_after"], told["lines_missing"], told["breaks"]), (3, 0, 0))

    def test_lines_that_are_missing_at_the_end_are_counted(self):
        file = self.serve(10, more=3)
        self.cut(file, 3)
        self.verify(file)  # nobody can know
        self.cut(file, 2)
        self.assertIn("ends with line 9, and the store has the head of line 11: 2 lines are missing",
                      self.verify(file, status=CORRUPT))
        self.assertIn("Good", self.verify(file, "--chain-only", key=False))
        done = self.run_it("audit", "verify", file, "--json")
        self.assertEqual((done.returncode, json.loads(done.out)["head"]["lines_missing"]), (CORRUPT, 2))
        self.serve(1)
        self.assertIn("the store had the head of line 11", self.verify(file, status=REPORTED))

    def test_a_log_that_is_written_anew_is_not_the_one_of_the_store(self):
        file = self.serve(10)
        log = Log()
        forged = self.write("forged", b"".join(log.lines(20)))
        self.assertIn("another head, line 11", self.verify(forged, status=CORRUPT))
        self.assertIn("Good", self.verify(forged, "--chain-only"))
        other = self.write("other", b"".join(Log("other").lines(20)))
        self.assertIn("no head of the log of server other", self.verify(other, status=CORRUPT))
        self.verify(file)

    def test_rotated_files_are_compared(self):
        file = self.serve(10)
        os.rename(file, file + ".1")
        self.serve(0, more=2)
        self.assertIn("Good: 14 lines", self.verify(file, file + ".1"))
        os.rename(file, file + ".0")
        self.assertIn("1 line is missing at the end", self.verify(file + ".1", status=CORRUPT))

    def test_a_log_may_be_verified_while_it_is_written(self):
        with subprocess.Popen([self.tester, "audit_writer", self.place], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
            self.addCleanup(server.kill)
            file, deadline = self.path("state", "audit.log"), time.monotonic() + 60
            while server.stdout.read(100) and self.run_it("audit", "verify", file).returncode != 0:
                self.assertGreater(deadline, time.monotonic(), "it keeps no head")
            for _ in range(5):
                server.stdout.read(50)
                self.assertIn("Good", self.verify(file))
            server.kill()
        self.verify(file)

    def test_a_store_that_is_named_must_open(self):
        file = self.serve(1)
        self.verify(file, key=False, status=SEALED)
        self.verify(file, "--store", "lmdb:" + self.path("nowhere"), status=16)
        self.verify(file, "--chain-only", key=False)


if __name__ == "__main__":
    cli_test.main(globals())
