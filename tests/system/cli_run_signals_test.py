#!/usr/bin/env python3
"""Signals of `strongroom run`: cli_run_signals_test.py PROGRAM [CASE...], or --cases to name them."""
import fcntl
import os
import pty
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

import cli_test
from cli_test import Case, OnTerminal

# A command that records every signal, with raw system calls: the C library refuses 32 and 33. It prints a line
# "ready PID", and then "NUMBER VALUE" for each signal; SIGTERM ends it with status 7.
RECORDER = r"""
import ctypes, os, sys
if "own-group" in sys.argv: os.setpgid(0, 0)
if "own-session" in sys.argv: os.setsid()
libc = ctypes.CDLL(None)
NUMBERS = {"x86_64": (14, 128), "aarch64": (135, 137), "riscv64": (135, 137)}
procmask, timedwait = NUMBERS[os.uname().machine]
every = ctypes.c_uint64(2 ** 64 - 1)
libc.syscall(procmask, 0, ctypes.byref(every), None, ctypes.c_size_t(8))
print("ready", os.getpid(), flush=True)
while True:
    info = (ctypes.c_int32 * 32)()
    number = libc.syscall(timedwait, ctypes.byref(every), info, None, ctypes.c_size_t(8))
    if number > 0: print(number, info[6] if info[2] == -1 else 0, flush=True)
    if number == 15: sys.exit(7)
"""

# A command that reads lines, and says that it was continued.
READER = r"""
import os, signal, sys
signal.signal(signal.SIGCONT, lambda *_: os.write(1, b"continued\n"))
print("ready", os.getpid(), flush=True)
for line in sys.stdin: print("got-" + line, end="", flush=True)
sys.exit(5)
"""
UNCATCHABLE = (signal.SIGKILL, signal.SIGSTOP)


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


class Signals(Case):
    def wait_for(self, check, what):
        deadline = time.monotonic() + 15
        while not check():
            self.assertGreater(deadline, time.monotonic(), what)
            time.sleep(0.01)

    def wait_for_state(self, pid, states):
        self.wait_for(lambda: state_of(pid) in states, f"{pid} did not become {states}")

    def recorder(self, *args, before=(), **more):
        process = self.start("run", "--", *before, sys.executable, "-c", RECORDER, *args, **more)
        ready, pid = process.stdout.readline().split()
        self.assertEqual(ready, b"ready")
        return process, int(pid)

    def ends_by(self, process, status):
        self.finish(process)
        self.assertEqual((process.returncode, process.err), (status, ""))


class EverySignal(Signals):
    def test_each_that_can_be_caught_arrives_once(self):
        process, _ = self.recorder()
        for number in range(1, 65):
            if number in UNCATCHABLE or number == signal.SIGTERM:
                continue
            os.kill(process.pid, number)
            self.assertEqual(process.stdout.readline().split()[0], str(number).encode())
        os.kill(process.pid, signal.SIGTERM)
        self.ends_by(process, 7)
        self.assertEqual(process.out, b"15 0\n")

    def test_each_that_ends_programs_is_the_status(self):
        harmless = (signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH, signal.SIGTSTP,
                    signal.SIGTTIN, signal.SIGTTOU)
        for number in range(1, 65):
            if number in UNCATCHABLE or number in harmless:
                continue
            process = self.start("run", "--", "sh", "-c", "echo $$; exec sleep 60")
            command = int(process.stdout.readline())
            os.kill(process.pid, number)
            self.ends_by(process, 128 + number)
            self.assertFalse(os.path.exists(f"/proc/{command}"), number)

    def test_queued_signals_keep_their_number_order_and_value(self):
        process, _ = self.recorder()
        kill = shutil.which("kill")
        number = signal.SIGRTMIN + 3
        done = [subprocess.run([kill, "-q", str(value), f"-{number}", str(process.pid)],
                               capture_output=True, check=False).returncode for value in (5, 6, 7)]
        if any(done):
            process.send_signal(signal.SIGTERM)
            self.ends_by(process, 7)
            self.skipTest("kill -q is not offered here")
        for value in (5, 6, 7):
            self.assertEqual(process.stdout.readline().split(), [b"%d" % number, b"%d" % value])
        process.send_signal(signal.SIGTERM)
        self.ends_by(process, 7)

    def test_timer_that_was_set_before_is_no_signal_of_the_terminal(self):
        for delay in (1, 4, 12):  # a busy machine may need longer until the command is ready
            process = self.start("run", "--", sys.executable, "-c", RECORDER,
                                 preexec_fn=lambda seconds=delay: signal.setitimer(signal.ITIMER_REAL, seconds))
            if process.stdout.readline().startswith(b"ready"):
                break
            self.finish(process)
        self.assertEqual(process.stdout.readline(), b"14 0\n")
        process.send_signal(signal.SIGTERM)
        self.ends_by(process, 7)

    def test_a_flood_around_the_start_and_the_end_loses_nothing(self):
        for delay in range(0, 60, 3):
            process = self.start("run", "--", "sh", "-c", "exit 3")
            time.sleep(delay / 1000)
            process.send_signal(signal.SIGTERM)
            self.finish(process)
            # Before the start it ends run, then the command; afterwards the command's status counts.
            self.assertIn(process.returncode, (-signal.SIGTERM, 128 + signal.SIGTERM, 3))
            self.assertEqual(process.err, "")


class Before(Signals):
    def test_signal_while_the_store_is_read_ends_run_and_starts_nothing(self):
        self.init()
        started = self.path("started")
        process = self.start("run", "--env", "-", "--", "touch", started)
        self.wait_until_it_reads(process)
        process.send_signal(signal.SIGTERM)
        self.finish(process)
        self.assertEqual(process.returncode, -signal.SIGTERM)
        self.assertFalse(os.path.exists(started))


class Inherited(Signals):
    """The command gets the mask and the dispositions that run was started with."""

    SHOW = ["grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"]

    def test_mask_and_ignored_signals_are_those_of_the_caller(self):
        def odd():
            signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGUSR2, signal.SIGRTMIN + 1})
            for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGALRM):
                signal.signal(number, signal.SIG_IGN)
        plain = subprocess.run(self.SHOW, capture_output=True, check=True, preexec_fn=odd,
                               restore_signals=False).stdout
        got = self.finish(self.start("run", "--", *self.SHOW, preexec_fn=odd, restore_signals=False))
        self.assertEqual((got.out, got.returncode), (plain, 0))

    def test_nohup_holds_for_the_command(self):
        process = self.start("run", "--", "sh", "-c", "echo $$; exec sleep 60",
                             preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        command = int(process.stdout.readline())
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        self.assertNotIn(state_of(command), "ZX")
        process.send_signal(signal.SIGTERM)
        self.ends_by(process, 128 + signal.SIGTERM)


class Stopped(Signals):
    def stopped(self, pid):
        """The kernel's own word, as a shell asks for it."""
        got, status = os.waitpid(pid, os.WUNTRACED)
        self.assertTrue(got == pid and os.WIFSTOPPED(status))

    def test_command_that_is_stopped_stops_run_and_continuing_run_continues_it(self):
        process, command = self.recorder()
        for _ in range(3):
            os.kill(command, signal.SIGSTOP)
            self.stopped(process.pid)
            self.assertEqual(state_of(command), "T")
            os.kill(process.pid, signal.SIGCONT)
            self.wait_for_state(command, "SR")
            self.assertEqual(process.stdout.readline(), b"18 0\n")
        process.send_signal(signal.SIGTERM)
        self.ends_by(process, 7)


class JobControl(OnTerminal):
    """A real interactive bash on a real terminal."""

    def setUp(self):
        super().setUp()
        self.bash = shutil.which("bash")
        if not self.bash:
            self.skipTest("bash is not installed")
        pid, self.tty = pty.fork()
        if pid == 0:
            os.chdir(self.place)
            os.execve(self.bash, ["bash", "--norc", "--noprofile", "-i"],
                      self.environ(PS1="PROMPT>", TERM="dumb", HISTFILE=""))
        self.addCleanup(os.close, self.tty)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        self.write("recorder.py", RECORDER)
        self.until(self.tty, b"PROMPT>")

    def type(self, text, until):
        os.write(self.tty, text)
        return self.until(self.tty, until)

    def begin(self, *args):
        line = shlex.join([cli_test.PROGRAM, "run", "--", sys.executable, "recorder.py", *args])
        seen = self.type(line.encode() + b"\n", b"ready ")
        return int(self.until(self.tty, b"\n", seen.rsplit(b"ready ")[1]).split()[0])

    @staticmethod
    def wait_until_it_sleeps(pid):
        """Stopped just before it reads, Python would run its handler of SIGCONT only after the next input."""
        end, in_a_row = time.monotonic() + 30, 0
        while in_a_row < 5 and time.monotonic() < end:
            in_a_row = in_a_row + 1 if state_of(pid) == "S" else 0
            time.sleep(0.005)

    def test_stop_and_continue(self):
        self.write("reader.py", READER)
        line = shlex.join([cli_test.PROGRAM, "run", "--", sys.executable, "reader.py"])
        seen = self.type(line.encode() + b"\n", b"ready ")
        command = int(self.until(self.tty, b"\n", seen.rsplit(b"ready ")[1]).split()[0])
        for round_ in range(3):
            self.wait_until_it_sleeps(command)
            self.type(b"\x1a", b"PROMPT>")
            self.assertEqual(state_of(command), "T")
            self.type(b"jobs\n", b"Stopped")
            seen = self.type(b"fg\n", b"continued")
            seen = self.type(b"w%d\n" % round_, b"got-w%d" % round_)
            self.assertNotIn(b"continued", seen)
        self.type(b"\x04", b"PROMPT>")
        self.type(b"echo status-$?\n", b"status-5")

    def test_command_stopped_by_a_signal_of_its_own_gives_the_prompt_back(self):
        command = self.begin()
        os.kill(command, signal.SIGSTOP)
        self.type(b"", b"PROMPT>")
        self.type(b"fg\n", b"18 0")
        os.kill(command, signal.SIGTERM)
        self.until(self.tty, b"PROMPT>")
        self.type(b"echo status-$?\n", b"status-7")

    def test_keys_and_sizes_arrive_once_in_any_process_group(self):
        for group in ([], ["own-group"]):
            command = self.begin(*group)
            for key, number in ((b"\x03", b"2 0"), (b"\x1c", b"3 0"), (b"\x1a", b"20 0")):
                self.type(key, number)
            fcntl.ioctl(self.tty, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90 + len(group), 0, 0))
            self.until(self.tty, b"28 0")
            os.kill(command, signal.SIGTERM)
            seen = self.until(self.tty, b"PROMPT>")
            self.assertEqual(seen.split(b"PROMPT>")[0].split(), [b"15", b"0"], (group, seen))


class FirstProcess(Signals):
    """As process 1 of a PID namespace."""

    def setUp(self):
        super().setUp()
        self.unshare = next((flags for flags in (["--pid"], ["--user", "--map-root-user", "--pid"])
                             if self.allowed(flags)), None)
        if self.unshare is None:
            self.skipTest("PID namespaces are forbidden here")

    def allowed(self, flags):
        return subprocess.run(["unshare", *flags, "--fork", "--mount-proc", "true"],
                              capture_output=True, check=False).returncode == 0

    def start_first(self, *command):
        """Starts run as process 1. Returns the process, which is unshare."""
        return subprocess.Popen(
            ["unshare", *self.unshare, "--fork", "--mount-proc", "--kill-child", cli_test.PROGRAM,
             "run", *command], env=self.environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=self.place, start_new_session=True)

    def first(self, *command):
        """Like start_first, for a command that stays. Returns what run is outside as well."""
        process = self.start_first(*command)
        self.wait_for(lambda: self.children(process.pid), "run did not start")
        return process, self.children(process.pid)[0]

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            return [int(child) for child in children.read().split()]

    def test_signals_from_outside_and_inside_reach_the_command(self):
        process, run = self.first("--", sys.executable, "-c", RECORDER)
        self.assertEqual(process.stdout.readline().split()[0], b"ready")
        for number in range(1, 65):
            if number not in UNCATCHABLE and number != signal.SIGTERM:
                os.kill(run, number)
                self.assertEqual(process.stdout.readline().split()[0], str(number).encode())
        os.kill(run, signal.SIGTERM)
        self.ends_by(process, 7)
        process = self.start_first("--", "sh", "-c", "trap 'exit 9' USR1; kill -USR1 1; "
                                   "while :; do sleep 0.05; done")
        self.ends_by(process, 9)

    def test_orphans_are_reaped_and_the_status_is_the_commands(self):
        process, run = self.first("--", "sh", "-c", "for i in 1 2 3 4 5; do (sh -c 'exit 44' &); done; "
                                  "(sleep 100 &); echo ready; read -r _; exit 3")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        self.wait_for(lambda: len(self.children(run)) == 2, "orphans stay")  # the command and sleep
        self.finish(process, b"\n")
        self.assertEqual((process.returncode, process.err), (3, ""))

    def test_signal_before_the_command_ends_it_too(self):
        self.init()
        process, run = self.first("--env", "-", "--", "true")
        self.wait_until_it_reads(process)
        os.kill(run, signal.SIGTERM)
        self.finish(process)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)


if __name__ == "__main__":
    cli_test.main(globals())
