#!/usr/bin/env python3
"""LMDB stores in trouble through the real `strongroom` program: cli_storage_test.py PROGRAM [CASE...]."""
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # the sources stay as they are
import cli_test
from cli_test import UNAVAILABLE

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


if __name__ == "__main__":
    cli_test.main(globals())
