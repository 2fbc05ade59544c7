#!/usr/bin/env python3
"""Many launches of `strongroom run`, and what others see of one: cli_run_launches_test.py PROGRAM [CASE...], or --cases
to name them."""
import concurrent.futures
import os
import queue
import random
import resource
import shutil
import signal
import subprocess
import time

import cli_test
from cli_test import Case, environment, mount_namespaces_allowed, reference, volume

# Others run this at the same time, and all processes are looked at.
CANARY = b"canary-only-where-it-was-asked-for-" + os.urandom(8).hex().encode()
IN_FILE = b"canary-only-in-its-file-" + os.urandom(8).hex().encode()
NUM_LAUNCHES = 1000
NUM_AT_ONCE = 8


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rsplit(b")", 1)[1].split()[1])
    except OSError:
        return 0


def below(ancestor):
    """All processes that descend from one."""
    parents = {pid: parent_of(pid) for pid in processes()}
    found = {ancestor}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found - {ancestor}
        found |= more


def read(*parts):
    try:
        with open(os.path.join(*map(str, parts)), "rb") as file:
            return file.read()
    except OSError:
        return b""


class Launches(Case):
    def setUp(self):
        super().setUp()
        self.init()
        self.ok("create", "my/variable", given=CANARY)
        self.ok("create", "my/file", given=IN_FILE)
        self.secrets += [CANARY, IN_FILE]
        self.box = self.path("box")
        os.mkdir(self.box)
        self.environment = self.write("env.json", environment(SECRET=reference("my/variable")))
        self.volumes = self.write("volumes.json", [volume("a/f", reference("my/file"))])

    def args(self, *command, options=()):
        return ["run", "--env", self.environment, "--volumes", self.volumes, *options, "--", *command]

    def files_with(self, text):
        """Files below this test's directory that contain a text, as everybody else sees them."""
        return [os.path.join(root, name) for root, _, names in os.walk(self.place) for name in names
                if text in read(root, name)]


class Outside(Launches):
    @staticmethod
    def secret_descriptors(pid):
        paths = [f"/proc/{pid}/fd/{descriptor}" for descriptor in os.listdir(f"/proc/{pid}/fd")]
        return [path for path in paths if os.path.isfile(path) and read(path) in (CANARY, IN_FILE)]

    def look(self, options):
        process = self.start(*self.args("sh", "-c", "cat a/f >/dev/null && echo ready; read -r _", options=options),
                             cwd=self.box)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdin.close)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        command, = below(process.pid)
        found = {"environ": [], "cmdline": [], "open files": [], "host mounts": []}
        for pid in processes():
            if CANARY in read("/proc", pid, "environ"):
                found["environ"].append(pid)
            if CANARY in read("/proc", pid, "cmdline") or IN_FILE in read("/proc", pid, "cmdline"):
                found["cmdline"].append(pid)
        end = time.monotonic() + 10  # run closes them when it sees that the command runs
        found["open files"] = self.secret_descriptors(process.pid)
        while found["open files"] and time.monotonic() < end:
            time.sleep(0.01)
            found["open files"] = self.secret_descriptors(process.pid)
        if self.box.encode() in read("/proc/self/mountinfo"):
            found["host mounts"].append(self.box)
        self.assertEqual(found, {"environ": [command], "cmdline": [], "open files": [], "host mounts": []})
        self.assertEqual(self.files_with(CANARY), [])
        return process, command

    def test_in_a_namespace_only_the_command_sees_its_secrets(self):
        if not mount_namespaces_allowed():
            self.skipTest("mount namespaces are forbidden here")
        process, command = self.look([])
        self.assertEqual(self.files_with(IN_FILE), [])
        self.assertEqual(read(f"/proc/{command}/root{self.box}/a/f"), IN_FILE)
        self.finish(process, b"\n")
        self.assertEqual(os.listdir(self.box), [])

    def test_without_one_nothing_is_on_disk(self):
        process, command = self.look(["--no-namespace"])
        link = os.readlink(f"{self.box}/a/f")
        self.assertEqual(read(f"/proc/{command}/fd/{link.rsplit('/', 1)[1]}"), IN_FILE)
        self.finish(process, b"\n")
        self.assertEqual(os.listdir(self.box), [])


class Core(Launches):
    """Core dumps of run itself, which root can make of any process."""

    def begin(self, *options):
        process = self.start(*self.args("sh", "-c", "cat a/f >/dev/null && echo ready; read -r _", options=options),
                             cwd=self.box)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdin.close)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    @staticmethod
    def in_memory(pid, text):
        found = False
        with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in maps:
                begin, end = (int(part, 16) for part in line.split()[0].split("-"))
                if line.split()[1].startswith("rw"):
                    try:
                        memory.seek(begin)
                        found = found or text in memory.read(end - begin)
                    except OSError:
                        pass  # pages that nobody may read
        return found

    def test_a_dump_by_root_holds_no_secret(self):
        if os.geteuid() != 0 or not shutil.which("gcore") or cli_test.sanitized("asan", "tsan"):
            self.skipTest("this needs root, gcore, and no sanitizer")
        for options in (["--on-change=restart"], ["--on-change=restart", "--no-namespace"], []):
            process = self.begin(*options)
            # With --on-change the values stay: then the dump leaves out memory that really has them.
            for secret in (CANARY, IN_FILE):
                end = time.monotonic() + 10  # it wipes them when it sees that the command runs
                while self.in_memory(process.pid, secret) != bool(options) and time.monotonic() < end:
                    time.sleep(0.01)
                self.assertEqual(self.in_memory(process.pid, secret), bool(options), options)
            dump = self.path("core")
            done = subprocess.run(["gcore", "-o", dump, str(process.pid)], capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(b"STRONGROOM_KEY_FILE", read(f"{dump}.{process.pid}"))  # it is a dump of that process
            self.assertEqual(self.files_with(CANARY) + self.files_with(IN_FILE), [])
            os.unlink(f"{dump}.{process.pid}")
            self.finish(process, b"\n")

    def test_run_that_aborts_leaves_no_core(self):
        def unlimited():
            most = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (most, most))
        process = self.start("run", "--env", "-", "--", "true", cwd=self.box, preexec_fn=unlimited)
        self.wait_until_it_reads(process)
        with open(f"/proc/{process.pid}/limits", encoding="ascii") as limits:
            core = next(line for line in limits if line.startswith("Max core file size"))
        self.assertEqual(core.split()[4], "0")
        process.send_signal(signal.SIGABRT)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = -os.WTERMSIG(status)
        process.communicate()
        self.assertEqual((os.WTERMSIG(status), os.WCOREDUMP(status)), (signal.SIGABRT, False))
        self.assertEqual(os.listdir(self.box), [])


class Many(Launches):
    def launch(self, number):
        """One launch, in a directory in which no other is, with a fault in three of five; returns what went wrong."""
        box = self.boxes.get()
        try:
            return self.launch_in(box, number % 5)
        finally:
            self.boxes.put(box)

    @staticmethod
    def options_of(box):
        return ["--no-namespace"] if int(os.path.basename(box)) % 2 or not mount_namespaces_allowed() else []

    def launch_in(self, box, fault):
        script = 'test "$SECRET" = "$1" && test "$(cat a/f)" = "$2" || exit 90'
        if fault in (2, 3):
            script += "; exec sleep 60"
        process = self.start(*self.args("sh", "-c", script, "sh", CANARY, IN_FILE, options=self.options_of(box)), cwd=box,
                             env={"STRONGROOM_STORE": "lmdb:/nonexistent/store"} if fault == 1 else None)
        if fault in (2, 3):
            time.sleep(random.uniform(0, 0.03))
            if fault == 2:
                process.send_signal(signal.SIGTERM)
            else:
                os.killpg(process.pid, signal.SIGKILL)  # the command as well: it would go on
        try:
            out, err = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                process.kill()
        expected = {0: (0,), 1: (cli_test.NOT_INITIALIZED,), 2: (143, -15), 3: (-9,), 4: (0,)}[fault]
        leaked = CANARY in err or IN_FILE in err
        good = process.returncode in expected and not out and not leaked
        return [] if good else [(fault, process.returncode, out, err)]

    def test_nothing_stays_after_a_thousand_launches_with_faults(self):
        boxes = [os.path.join(self.box, str(number)) for number in range(NUM_AT_ONCE)]
        self.boxes = queue.Queue()
        for box in boxes:
            os.mkdir(box)
            self.boxes.put(box)
        mounts, before = self.mount_points(read("/proc/self/mountinfo")), below(os.getpid())
        descriptors = len(os.listdir("/proc/self/fd"))
        with concurrent.futures.ThreadPoolExecutor(NUM_AT_ONCE) as pool:
            wrong = [each for result in pool.map(self.launch, range(NUM_LAUNCHES)) for each in result]
        self.assertEqual(wrong[:5], [])
        for box in boxes:  # the next run of a directory takes away what a killed one left
            done = self.run_it(*self.args("true", options=self.options_of(box)), cwd=box)
            self.assertEqual(done.returncode, 0, done.err)
            # Only a run that is killed between making a place and giving it the sign leaves that, empty.
            left = {name for _, *names in os.walk(box) for name in sum(names, [])}
            self.assertLessEqual({name for name in left if not name.startswith(".strongroom-run-")}, {"a", "f"})
        self.assertEqual(self.mount_points(read("/proc/self/mountinfo")), mounts)
        self.assertEqual(below(os.getpid()) - before, set())
        self.assertEqual(len(os.listdir("/proc/self/fd")), descriptors)
        self.assertEqual(self.files_with(CANARY) + self.files_with(IN_FILE), [])


class FullDisk(Launches):
    def test_a_full_disk_stops_the_launch_and_leaves_nothing(self):
        if os.geteuid() != 0 or not mount_namespaces_allowed():
            self.skipTest("only root can mount a small disk")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,nr_inodes=3", "none", self.box], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.box], check=True)
        for number in range(8):
            try:
                os.mkdir(os.path.join(self.box, str(number)))
            except OSError:
                break
        left = os.listdir(self.box)
        for options in ([], ["--no-namespace"]):
            done = self.run_it(*self.args("touch", self.path("started"), options=options), cwd=self.box)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("No space left", done.err)
            self.assertFalse(os.path.exists(self.path("started")))
            self.assertEqual(os.listdir(self.box), left)


if __name__ == "__main__":
    cli_test.main(globals())
