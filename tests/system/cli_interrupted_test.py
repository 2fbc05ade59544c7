#!/usr/bin/env python3
"""What a command leaves behind that a signal, a full disk or a lock ends: cli_interrupted_test.py PROGRAM [CASE...].

A file that a command makes is whole, or it is not there. A key file is there only if it opens a store.
"""
import errno
import fcntl
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # the sources stay as they are
import cli_lifecycle_test
import cli_test
from cli_test import EXISTS, NOT_INITIALIZED, SECRET, UNAVAILABLE

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM, signal.SIGXCPU,
           signal.SIGUSR1, signal.SIGUSR2, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO, signal.SIGPWR]
PIPE_LEN = 4096
F_SETPIPE_SZ = 1031


class Interrupted(cli_lifecycle_test.Lifecycle):
    def setUp(self):
        super().setUp()
        self.init()
        self.store_a_secret()

    def until_there(self, path, process=None):
        deadline = time.monotonic() + 30
        while not os.path.exists(path):
            if process is not None and process.poll() is not None:
                return False
            self.assertGreater(deadline, time.monotonic(), path + " was not made")
            time.sleep(0.0005)
        return True

    def ended_by(self, process, number):
        self.finish(process)
        self.assertEqual((process.returncode, process.err), (-number, ""))

    def stuck(self, *args, **more):
        """Starts a command whose output nobody drains. Its files are made before it prints."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, F_SETPIPE_SZ, PIPE_LEN)
        process = self.start(*args, stdout=writer, **more)
        os.close(writer)
        return process


class KeyFiles(Interrupted):
    def commands(self):
        """Commands that print more than a pipe holds; the files that each makes; whether it needs a key."""
        new = self.path("new")
        into = ["--store", "lmdb:" + self.path("into")]
        return ((into + ["init", "--shares", "255", "--key-file", new], ["new"], False),
                (["slot-add", "--shares", "255", "--new-key-file", new], ["new"], True),
                (["slot-replace", "1", "--shares", "255", "--new-key-file", new], ["new"], True),
                (["migrate", self.url, "lmdb:" + self.path("into"), "--rekey", "--shares", "255",
                  "--new-key-file", new], ["new"], True))

    def test_are_removed_while_output_waits_for_ever(self):
        for args, files, key in self.commands():
            for number in SIGNALS:
                process = self.stuck(*args, key=key)
                self.assertTrue(self.until_there(self.path(files[0]), process), process.args)
                process.send_signal(number)
                self.ended_by(process, number)
                for file in files:
                    self.assertFalse(os.path.exists(self.path(file)), (args, number))
        self.assertEqual(self.kinds(), ["key_file"])
        self.reads(key=True)

    def test_second_run_works(self):
        for args, files, key in self.commands():
            process = self.stuck(*args, key=key)
            self.until_there(self.path("new"), process)
            process.terminate()
            self.ended_by(process, signal.SIGTERM)
            self.secrets_of(self.run_it(*args, key=key), args)
            store = ["--store", "lmdb:" + self.path("into")] if "into" in " ".join(args) else []
            self.ok(*store, "list", "--key-file", self.path("new"), key=False)
            shutil.rmtree(self.path("into"), ignore_errors=True)
            if "slot-replace" in args:
                os.rename(self.path("new"), self.key_file)
            else:
                os.remove(self.path("new"))

    def secrets_of(self, process, args):
        self.assertEqual((process.returncode, process.err), (0, ""), args)

    def test_are_removed_while_new_shares_are_awaited(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        for number in (signal.SIGINT, signal.SIGALRM):
            process = self.start("slot-add", "--shares", "2", "--new-key-file", self.path("new"),
                                 "--share-back", fifo, "--timeout", "60")
            self.until_there(self.path("new"), process)
            time.sleep(0.1)
            process.send_signal(number)
            self.ended_by(process, number)
            self.assertFalse(os.path.exists(self.path("new")), number)

    def test_ignored_signals_stay_ignored(self):
        process = self.stuck("slot-add", "--shares", "255", "--new-key-file", self.path("new"),
                             preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.until_there(self.path("new"), process)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        self.assertIsNone(process.poll(), "nohup did not help")
        process.send_signal(signal.SIGTERM)
        self.ended_by(process, signal.SIGTERM)
        self.assertFalse(os.path.exists(self.path("new")))

    def test_a_file_is_there_only_if_it_opens_the_store(self):
        """At any moment, also next to the one when the slot takes effect."""
        chance = random.Random(7)
        began = time.monotonic()
        self.ok("slot-add", "--new-key-file", self.path("new"))
        span = (time.monotonic() - began) * 1.2
        num_ended = 0
        for _ in range(40):
            slots = len(self.kinds())
            if os.path.exists(self.path("new")):
                os.remove(self.path("new"))
            process = self.start("slot-add", "--new-key-file", self.path("new"))
            time.sleep(chance.random() * span)
            process.send_signal(chance.choice(SIGNALS))
            self.finish(process)
            num_ended += process.returncode != 0
            added = len(self.kinds()) - slots
            self.assertEqual(os.path.exists(self.path("new")), added == 1, (process.returncode, process.err))
            if added:
                self.ok("list", "--key-file", self.path("new"), key=False)
        self.assertGreater(num_ended, 0)

    def test_a_copy_under_fresh_keys_is_whole_or_has_no_key_file(self):
        for i in range(300):
            self.ok("create", f"many/{i}", given=b"x") if i < 20 else None
        self.ok("create", "big", "-f", "-", given=os.urandom(1000000))
        chance = random.Random(11)
        into = ["--store", "lmdb:" + self.path("into")]
        for _ in range(25):
            process = self.start("migrate", self.url, into[1], "--rekey", "--new-key-file", self.path("new"))
            self.until_there(self.path("new"), process)
            time.sleep(chance.random() * 0.1)
            number = chance.choice(SIGNALS)
            process.send_signal(number)
            self.finish(process)
            made = os.path.exists(self.path("new"))
            if made:
                self.assertEqual(self.ok(*into, "get", "my/secret", "--key-file", self.path("new"), key=False),
                                 SECRET)
                os.remove(self.path("new"))
                shutil.rmtree(self.path("into"))
            else:
                self.assertEqual(process.returncode, -number, process.err)
                if os.path.exists(self.path("into")):
                    self.fails(NOT_INITIALIZED, *into, "list", "--key-file", self.key_file)

    def test_what_a_killed_run_left_is_not_removed_and_the_way_out_is_named(self):
        args = ("slot-add", "--shares", "255", "--new-key-file", self.path("new"))
        process = self.stuck(*args)
        self.until_there(self.path("new"), process)
        process.kill()
        self.ended_by(process, signal.SIGKILL)
        before = self.read("new")
        if before.strip():  # it may have been killed before it wrote
            self.secrets.append(before.strip())
        self.fails(EXISTS, *args, says="see that it opens no store before you remove it: strongroom list --key-file")
        self.assertEqual(self.read("new"), before)
        self.fails(cli_test.DENIED if before else cli_test.INVALID, "list", "--key-file", self.path("new"))

    def test_at_a_prompt_the_terminal_is_put_back(self):
        import termios
        terminal = cli_test.OnTerminal("rest")
        terminal.place, terminal.url, terminal.key_file = self.place, self.url, self.key_file
        for number in SIGNALS:
            pid, tty = terminal.spawn("slot-add", "--new-key-file", self.path("new"), "--shares", "2",
                                      "--verify", key=True)
            terminal.until(tty, b"typed back")
            time.sleep(0.05)
            os.kill(pid, number)
            terminal.until(tty, b"\n", b"")
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), -number)
            self.assertTrue(termios.tcgetattr(tty)[3] & termios.ECHO, "the echo stayed off")
            self.assertFalse(os.path.exists(self.path("new")), number)
        terminal.doCleanups()

    def test_generated_private_key_is_removed_too(self):
        if "STRONGROOM_OPENPGP_HELPER" not in os.environ:
            self.skipTest("the OpenPGP helper is not built")
        self.helper = {"STRONGROOM_OPENPGP_HELPER": os.environ["STRONGROOM_OPENPGP_HELPER"]}
        new, pgp = self.path("new"), self.path("pgp")
        # An RSA key takes a while; the key file is made next to the private key.
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, F_SETPIPE_SZ, PIPE_LEN)
        os.write(writer, b"x" * PIPE_LEN)  # it is full
        process = self.start("slot-add", "--generate-pgp-key", pgp, "--pgp-bits", "2048", "--new-key-file", new,
                             stdout=writer, env=self.helper)
        os.close(writer)
        self.assertTrue(self.until_there(pgp, process))
        self.assertTrue(os.path.exists(new))
        process.send_signal(signal.SIGINT)
        self.ended_by(process, signal.SIGINT)
        self.assertFalse(os.path.exists(pgp))
        self.assertFalse(os.path.exists(new))


class Backups(Interrupted):
    def setUp(self):
        super().setUp()
        for i in range(24):
            self.ok("create", f"big/{i}", "-f", "-", given=os.urandom(1 << 20))
        self.file = self.path("backup")
        self.part = self.file + ".part"

    def test_leave_nothing_at_any_signal_and_the_second_run_works(self):
        num_ended = 0
        self.write("backup", "the one before")
        for number in SIGNALS:
            process = self.start("backup", self.file)
            if self.until_there(self.part, process):
                process.send_signal(number)
            self.finish(process)
            self.assertFalse(os.path.exists(self.part), number)
            if process.returncode != 0:
                self.assertEqual((process.returncode, process.err), (-number, ""))
                num_ended += 1
                self.assertEqual(self.read("backup"), b"the one before")
            else:  # it was faster
                self.write("backup", "the one before")
        self.assertGreater(num_ended, 0)
        self.ok("backup", self.file)
        self.ok("backup-verify", self.file)

    def test_to_a_pipe_that_nobody_drains_ends_at_once(self):
        for number in SIGNALS:
            process = self.stuck("backup", "-")
            time.sleep(0.1)
            process.send_signal(number)
            self.ended_by(process, number)

    def test_next_run_takes_over_what_a_killed_one_left(self):
        process = self.start("backup", self.file)
        self.until_there(self.part, process)
        process.kill()
        self.finish(process)
        self.ok("backup", self.file)
        self.assertFalse(os.path.exists(self.part))
        self.ok("backup-verify", self.file)

    def test_another_process_that_writes_is_left_alone(self):
        with open(self.part, "wb") as part:
            part.write(b"being written")
            part.flush()
            fcntl.flock(part, fcntl.LOCK_EX)
            self.fails(UNAVAILABLE, "backup", self.file, says="is being written by another process")
            self.assertEqual(self.read("backup.part"), b"being written")
        self.ok("backup", self.file)

    def test_other_errors_of_locking_are_named_and_leave_nothing(self):
        if shutil.which("strace") is None:
            self.skipTest("strace makes the lock fail, and it is not installed")
        for name in ("ENOLCK", "EOPNOTSUPP", "EBADF"):
            words = os.strerror(getattr(errno, name))
            command = ["strace", "-f", "-o", "/dev/null", "-e", f"inject=flock:error={name}", cli_test.PROGRAM,
                       "backup", self.file]
            done = subprocess.run(command, env=self.environ(), capture_output=True, timeout=60)
            err = done.stderr.decode()
            if "ptrace" in err and "strongroom:" not in err:
                self.skipTest("this host forbids tracing: " + err)
            self.assertEqual(done.returncode, UNAVAILABLE, err)
            self.assertIn(f"locking the backup '{self.part}' failed: {words}", err)
            self.assertFalse(os.path.exists(self.part), name)

    def test_a_limit_of_file_sizes_is_an_error_that_leaves_nothing(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
        err = self.finish(self.start("backup", self.file, preexec_fn=limit))
        self.assertEqual(err.returncode, UNAVAILABLE, err.err)
        self.assertIn("File too large", err.err)
        self.assertFalse(os.path.exists(self.part))
        self.assertFalse(os.path.exists(self.file))
        # A command that is run gets the signal as before.
        done = self.run_it("run", "--", "sh", "-c", "ulimit -f 1; exec dd if=/dev/zero of=x bs=1k count=9")
        self.assertEqual(done.returncode, 128 + signal.SIGXFSZ, done.err)

    def test_a_full_disk_leaves_nothing(self):
        if os.geteuid() != 0 or not cli_test.mount_namespaces_allowed():
            self.skipTest("this host forbids mount namespaces")
        os.mkdir(self.path("small"))
        script = ('mount -t tmpfs -o size=100k tmpfs small && { "$0" "$@" backup small/b; echo $?; ls -A small; '
                  'dd if=/dev/zero of=small/full bs=1k 2>/dev/null; "$0" "$@" slot-add --new-key-file small/k; '
                  'echo $?; ls -A small; }')
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, cli_test.PROGRAM], env=self.environ(),
                              capture_output=True, timeout=60, cwd=self.place)
        self.assertEqual(done.stdout.decode().split(), [str(UNAVAILABLE), str(UNAVAILABLE), "full"], done.stderr)
        self.assertEqual(done.stderr.count(b"No space left on device"), 2, done.stderr)
        self.assertEqual(self.kinds(), ["key_file"])

    def test_a_restore_that_is_ended_leaves_no_store_and_the_second_run_works(self):
        stream = self.ok("backup", "-")
        into = ["--store", "lmdb:" + self.path("into")]
        for number in SIGNALS:
            process = self.start(*into, "restore", "-")
            process.stdin.write(stream[:len(stream) // 2])  # it waits for the rest
            process.stdin.flush()
            process.send_signal(number)
            self.ended_by(process, number)
            if os.path.exists(self.path("into")):
                self.fails(NOT_INITIALIZED, *into, "list")
        self.ok(*into, "restore", "-", given=stream)
        self.assertEqual(self.ok(*into, "get", "my/secret"), SECRET)

    def test_a_plain_copy_that_is_ended_goes_on(self):
        into = ["--store", "lmdb:" + self.path("into")]
        for number in SIGNALS[:4]:
            process = self.start("migrate", self.url, into[1])
            self.until_there(self.path("into"), process)
            process.send_signal(number)
            self.finish(process)
            if process.returncode == 0:  # it was faster
                shutil.rmtree(self.path("into"))
            else:
                self.assertEqual((process.returncode, process.err), (-number, ""))
        shutil.rmtree(self.path("into")) if process.returncode == 0 and os.path.exists(self.path("into")) else None
        self.ok("migrate", self.url, into[1])
        self.assertEqual(self.ok(*into, "get", "my/secret"), SECRET)


if __name__ == "__main__":
    cli_test.main(globals())
