#!/usr/bin/env python3
"""Errors and kills injected at system calls of the real `strongroom`: injection_test.py PROGRAM [CASE...]

Each command of COMMANDS is traced once, and then run again for a call at which strace lets the kernel fail
(EIO, ENOSPC) or kills the program. Whatever comes of it: the program ends by itself, says one line that
holds no secret, and the store opens and reads as before the command or as after it. What was acknowledged
is there. By default a few calls of each command; all of them, and both errors, in the long form.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import cli_lifecycle_test  # noqa: E402
import cli_test  # noqa: E402
from cli_lifecycle_test import CALLS, LONG  # noqa: E402
from cli_test import SECRET  # noqa: E402

NEW = b"CANARY: the value after the command"
FAULTS = ("error=EIO", "error=ENOSPC", "signal=KILL") if LONG else ("error=EIO", "signal=KILL")
MOST = 1000000 if LONG else 4


class Injected(cli_lifecycle_test.Killed):
    ONE_BY_ONE = True

    def setUp(self):
        super().setUp()
        self.init()
        self.store_a_secret()
        os.rename(self.path("store"), self.path("template"))
        self.template()
        self.ok("backup", self.path("good-backup"))

    def run_traced(self, args, given=b"", fault=None, at=None):
        how = ["-o", self.path("trace"), "-e", "trace=" + CALLS]
        if fault is not None:
            how += ["-e", f"inject={at[0]}:{fault}:when={at[1]}"]
        done = subprocess.run(["strace", "-f", *how, cli_test.PROGRAM, *args], input=given,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              env=self.environ(), cwd=self.place)
        return done.returncode, done.stdout, done.stderr.decode(errors="replace")

    def value(self):
        """What my/secret is now; None where there is none. The store opens, or this fails."""
        self.run_it("unseal")
        done = self.run_it("get", "my/secret")
        if done.returncode == cli_test.NOT_FOUND:
            return None
        self.assertEqual((done.returncode, done.err), (0, ""))
        return done.out

    def inject(self, *args, given=b"", before=SECRET, after=SECRET, fresh=(), acknowledged=None):
        def prepare():
            self.template()
            self.remove(*fresh)

        prepare()
        status, _, _ = self.run_traced(args, given)
        self.assertEqual(status, 0)
        calls = self.calls()
        step = max(1, -(-len(calls) // MOST))
        for at in calls[::step]:
            for fault in FAULTS:
                prepare()
                status, _, err = self.run_traced(args, given, fault, at)
                with self.subTest(at=at, fault=fault):
                    self.assertNotIn("CANARY", err)
                    killed = status in (-9, 128 + 9)
                    if not killed:
                        self.assertGreaterEqual(status, 0, "it died")
                        self.assertLess(status, 100, err)
                        self.assertLessEqual(err.count("\n"), 1, err)
                    value = self.value()
                    self.assertIn(value, (before, after))
                    if status == 0:
                        self.assertEqual(value, after, "it was acknowledged")
                        if acknowledged:
                            acknowledged()

    def test_create(self):
        self.inject("create", "a/new", given=NEW,
                    acknowledged=lambda: self.assertEqual(self.ok("get", "a/new"), NEW))

    def test_update(self):
        self.inject("update", "my/secret", given=NEW, after=NEW)

    def test_delete(self):
        self.inject("delete", "my/secret", after=None)

    def test_get(self):
        self.inject("get", "my/secret")

    def test_list(self):
        self.inject("list", "--recursive")

    def test_rotate(self):
        self.inject("rotate", "--root")

    def test_slot_add(self):
        self.inject("slot-add", "--new-key-file", self.path("second"), fresh=["second"],
                    acknowledged=lambda: self.ok("list", "--key-file", self.path("second"), key=False))

    def test_seal(self):
        self.inject("seal")

    def test_backup(self):
        self.inject("backup", self.path("b"), fresh=["b", "b.part"],
                    acknowledged=lambda: self.ok("backup-verify", self.path("b")))

    def test_restore(self):
        into = "lmdb:" + self.path("into")
        self.inject("--store", into, "restore", self.path("good-backup"), fresh=["into"],
                    acknowledged=lambda: self.assertEqual(
                        self.ok("--store", into, "get", "my/secret"), SECRET))

    def test_migrate(self):
        into = "lmdb:" + self.path("into")
        self.inject("migrate", self.url, into, fresh=["into"],
                    acknowledged=lambda: self.assertEqual(
                        self.ok("--store", into, "get", "my/secret"), SECRET))


# What is inherited from the other file is tried there.
for name in dir(cli_lifecycle_test.Killed):
    if name.startswith("test_") and name not in vars(Injected):
        setattr(Injected, name, None)


if __name__ == "__main__":
    cli_test.main({"Injected": Injected})
