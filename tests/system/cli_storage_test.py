#!/usr/bin/env python3
"""LMDB stores in trouble through the real `strongroom` program: cli_storage_test.py PROGRAM [CASE...]."""
import json
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # the sources stay as they are
import cli_test
from cli_test import NOT_FOUND, UNAVAILABLE

TIMEOUT = 23


class Full(cli_test.Case):
    def setUp(self):
        super().setUp()
        self.url += "?quota=1048576"
        self.init()

    def fill(self):
        for number in range(100):
            done = self.run_it("create", f"large/{number}", given=b"v" * 50000)
            if done.returncode != 0:
                self.assertEqual(done.returncode, UNAVAILABLE, done.err)
                return number
        self.fail("the store had no end")

    def test_room_of_what_was_deleted_can_be_used_at_once(self):
        number = self.fill()
        self.assertGreater(number, 10)
        self.fails(UNAVAILABLE, "create", "one/more", given=b"v" * 50000, says="delete something")
        self.ok("delete", "large/0")
        self.ok("create", "one/more", given=b"v" * 20000)
        self.assertEqual(self.ok("get", "one/more"), b"v" * 20000)
        self.ok("delete", "large/1")
        self.ok("update", "one/more", given=b"w" * 21000)
        self.assertEqual(len(self.ok("get", f"large/{number - 1}")), 50000)

    def test_keys_are_changed_and_sealed_once_room_was_made(self):
        self.fill()
        self.ok("delete", "large/0")
        self.ok("rotate")
        self.ok("seal", key=False)
        self.ok("unseal")
        self.assertEqual(len(self.ok("get", "large/1")), 50000)

    def writes(self):
        """Every other kind of write: what it says, and its command."""
        rules = [{"to": [f"user:{n}"], "allow": ["read"], "paths": [f"db/{n}/**"]} for n in range(300)]
        policy = self.write("policy.json", json.dumps({"version": 1, "rules": rules}))
        return [("policy", "policy", "put", "web", policy), ("rotate", "rotate"), ("root", "rotate", "--root"),
                ("slot", "slot-add", "--new-key-file", self.path("more.key")),
                ("reencrypt", "reencrypt"), ("repair", "doctor", "--repair"),
                ("delete policy", "policy", "delete", "web"), ("shares", "rekey", "--shares", "3")]

    def test_every_write_is_refused_whole_or_done_in_a_full_store(self):
        number = self.fill()
        for size in (20000, 5000, 1000, 100):  # until nothing fits any more
            while self.run_it("create", f"small/{size}-{number}", given=b"s" * size).returncode == 0:
                number += 1
        for name, *command in self.writes()[:-1]:
            with self.subTest(name):
                done = self.run_it(*command)
                if done.returncode in (0, 3):  # 3: a warning of doctor
                    continue
                self.assertIn(done.returncode, (UNAVAILABLE, NOT_FOUND), done.err)
                if done.returncode == UNAVAILABLE:
                    self.assertIn("quota", done.err)
                self.assertEqual(len(self.ok("get", "large/1")), 50000)

    def test_every_write_works_once_room_was_made(self):
        self.fill()
        deleted = 0
        for name, *command in self.writes():
            with self.subTest(name):
                self.ok("delete", f"large/{deleted}")
                deleted += 1
                done = self.run_it(*command)
                self.assertIn(done.returncode, (0, 3), done.err)

    def test_copies_into_a_store_that_is_too_small_are_refused_and_work_into_a_larger_one(self):
        self.fill()
        backup = self.path("backup")
        self.ok("backup", backup, key=False)
        small = "lmdb:" + self.path("small") + "?quota=262144"
        self.fails(UNAVAILABLE, "--store", small, "restore", backup, key=False, says="quota")
        self.fails(UNAVAILABLE, "migrate", self.url, small, key=False, says="quota")
        large = "lmdb:" + self.path("small") + "?quota=4194304"
        self.ok("--store", large, "restore", backup, key=False)
        self.assertEqual(len(self.ok("--store", large, "get", "large/1")), 50000)


HOLDER = """
import fcntl, os, struct, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, 0, int(sys.argv[2]), 1, 0))
print("held", flush=True)
time.sleep(60)
"""


class Deadline(cli_test.Case):
    def test_timeout_covers_opening_while_another_process_is_stopped_in_it(self):
        self.init()
        for name, byte in ("write.lock", 1), ("lock.mdb", 0):
            holder = subprocess.Popen([sys.executable, "-c", HOLDER, self.path("store", name), str(byte)],
                                      stdout=subprocess.PIPE)
            try:
                self.assertEqual(holder.stdout.readline(), b"held\n")
                os.kill(holder.pid, signal.SIGSTOP)
                start = time.monotonic()
                self.fails(TIMEOUT, "status", "--timeout", "1", key=False, says=name)
                self.assertLess(time.monotonic() - start, 6)
            finally:
                holder.kill()
                holder.wait()
                holder.stdout.close()
        self.ok("status", key=False)


class ReadOnly(cli_test.Case):
    """The same files, mounted read-only at another place."""

    MOUNT = 'mount --bind store view && mount -o remount,bind,ro view && exec "$@"'

    def setUp(self):
        super().setUp()
        if subprocess.run(["unshare", "-m", "sh", "-c", "mount --bind / /"], capture_output=True).returncode != 0:
            self.skipTest("this host forbids mounts in a namespace")
        self.init()
        self.ok("create", "my/secret", given=cli_test.SECRET)
        os.mkdir(self.path("view"))

    def view(self, *args, given=b"", key=True):
        """The exit status, output and errors of a command that sees the store only through the mount."""
        before = self.entries()
        done = subprocess.run(["unshare", "-m", "sh", "-c", self.MOUNT, "sh", cli_test.PROGRAM, *args],
                              env=self.environ(key=key, STRONGROOM_STORE="lmdb:" + self.path("view")),
                              input=given, capture_output=True, timeout=60, cwd=self.place)
        self.assertEqual(self.entries(), before)
        for secret in self.secrets:
            self.assertNotIn(secret, done.stderr)
        return done.returncode, done.stdout, done.stderr.decode()

    def entries(self):
        paths = [self.path("store")] + [entry.path for entry in os.scandir(self.path("store"))]
        return {path: (found.st_size, found.st_blocks, found.st_mtime_ns, found.st_mode)
                for path in paths for found in [os.lstat(path)]}

    def test_status_get_list_and_backup_work_and_write_nothing_there(self):
        status, out, err = self.view("status", key=False)
        self.assertEqual((status, err), (0, ""))
        self.assertIn(b"in use", out)
        self.assertEqual(self.view("get", "my/secret"), (0, cli_test.SECRET, ""))
        self.assertEqual(self.view("list", "my"), (0, b"secret\n", ""))
        file = self.path("copy")
        status, _, err = self.view("backup", file)
        self.assertEqual((status, err), (0, ""))
        self.ok("--store", "lmdb:" + self.path("restored"), "restore", file)
        self.assertEqual(self.ok("--store", "lmdb:" + self.path("restored"), "get", "my/secret"), cli_test.SECRET)

    def test_everything_that_writes_is_refused(self):
        says = f"strongroom: the file system of {self.path('view')} is read-only; "
        for args in ("create", "new"), ("update", "my/secret"), ("delete", "my/secret"), ("seal",), ("rotate",):
            status, out, err = self.view(*args, given=b"v")
            self.assertEqual((status, out, err.count("\n")), (UNAVAILABLE, b"", 1), (args, err))
            self.assertTrue(err.startswith(says), err)
        self.assertEqual(self.ok("get", "my/secret"), cli_test.SECRET)
        self.ok("status", key=False)

    def test_the_lock_file_must_be_there(self):
        os.unlink(self.path("store", "write.lock"))
        status, out, err = self.view("get", "my/secret")
        self.assertEqual((status, out), (UNAVAILABLE, b""))
        self.assertIn("write.lock was missing", err)
        self.ok("status", key=False)  # what the text advises
        self.assertEqual(self.view("get", "my/secret"), (0, cli_test.SECRET, ""))

    def test_a_stopped_writer_ends_a_read_at_its_timeout(self):
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, self.path("store", "write.lock"), "0"],
                                  stdout=subprocess.PIPE)
        try:
            self.assertEqual(holder.stdout.readline(), b"held\n")
            os.kill(holder.pid, signal.SIGSTOP)
            start = time.monotonic()
            status, out, err = self.view("get", "my/secret", "--timeout", "1")
            self.assertEqual((status, out), (TIMEOUT, b""), err)
            self.assertIn("write.lock was held by a process that was writing", err)
            self.assertLess(time.monotonic() - start, 6)
        finally:
            holder.kill()
            holder.wait()
            holder.stdout.close()
        self.assertEqual(self.view("get", "my/secret"), (0, cli_test.SECRET, ""))

    def test_doctor_says_so(self):
        status, out, _ = self.view("doctor")
        self.assertIn(b"warning  file-system: " + self.path("view").encode() +
                      b" is on a file system mounted read-only: it can be read, but not written", out)


if __name__ == "__main__":
    cli_test.main(globals())
