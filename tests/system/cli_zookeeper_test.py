#!/usr/bin/env python3
"""Stores in ZooKeeper through the real `strongroom` program: cli_zookeeper_test.py PROGRAM [CASE...].

One real server for all cases; it dies with this process. Skipped where there is no ZooKeeper.
"""
import concurrent.futures
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True  # the sources stay as they are
import cli_test
from cli_test import DENIED, INVALID, NOT_FOUND, NOT_INITIALIZED, SECRET, UNAVAILABLE

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "zookeeper.sh")
WARNING, DANGER = 3, 4
TIMED_OUT = 23
PR_SET_PDEATHSIG = 1


def free_port():
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def serves(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
            line.sendall(b"srvr")
            return b"Mode: standalone" in line.recv(65536)
    except OSError:
        return False


class Server:
    """One ZooKeeper server."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="strongroom-cli-zookeeper-")
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        self.process = None
        self.port = free_port()
        subprocess.run(["bash", SCRIPT, "configure", self.directory, ":".join([str(self.port)] * 3)],
                       check=True)
        libc = ctypes.CDLL(None)
        self.process = subprocess.Popen(
            ["bash", SCRIPT, "exec", "1", self.directory],
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        deadline = time.monotonic() + 60
        while not serves(self.port):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("the ZooKeeper server did not start")
            time.sleep(0.05)

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def setUpModule():
    global SERVER
    required = os.environ.get("STRONGROOM_REQUIRE_ZOOKEEPER") == "1"
    if not required and subprocess.run(["bash", SCRIPT, "available"]).returncode != 0:
        raise unittest.SkipTest("there is no ZooKeeper here")
    SERVER = Server()
    unittest.addModuleCleanup(SERVER.stop)


class ZooKeeper(cli_test.Case):
    """A tree of its own for each test."""

    num_roots = 0

    def setUp(self):
        super().setUp()
        ZooKeeper.num_roots += 1
        self.url = f"zk://127.0.0.1:{SERVER.port}/root{ZooKeeper.num_roots}?session_ms=4000"
        self.secrets.append(b"zk-canary")
        self.auth = self.write("auth", "app:zk-canary\n")
        self.other_auth = self.write("other-auth", "other:zk-canary-2\n")

    def zk(self, *args, auth=None, **more):
        return self.ok("--zk-auth-file", auth or self.auth, *args, **more)

    def made(self):
        made = json.loads(self.zk("init", "--json"))
        self.secrets.append(self.read("key").strip())
        return made

    def findings(self, status, *args, **more):
        done = self.run_it("doctor", "--json", *args, **more)
        found = [each for each in json.loads(done.out)["findings"] if each["check"] == "zk-access"]
        self.assertEqual(len(found), 1, found)
        if status is not None:
            self.assertEqual(done.returncode, status, done.out)
        return found[0]


class Store(ZooKeeper):
    def test_life_of_a_secret(self):
        self.made()
        self.zk("create", "my/secret", given=SECRET)
        self.assertEqual(self.zk("get", "my/secret"), SECRET)
        self.assertEqual(self.zk("get", "my/secret", "--fresh", "--key", "username"), b"my-user")
        self.assertEqual(self.zk("list", "--recursive"), b"my/secret\n")
        self.zk("update", "my/secret", given=b"new")
        self.assertEqual(self.zk("get", "my/secret", "--fresh"), b"new")
        self.zk("delete", "my/secret")
        self.fails(NOT_FOUND, "--zk-auth-file", self.auth, "get", "my/secret")

    def test_command_inherits_no_descriptor_of_the_connection(self):
        self.made()
        self.zk("create", "a", given=b"v")
        out = self.zk("run", "--env", self.write("e", cli_test.environment(S=cli_test.reference("a"))),
                      "--", *cli_test.RunEnvironment.LIST_DESCRIPTORS)
        self.assertEqual(out.split(), [b"0", b"1", b"2"])

    def test_credentials_come_from_the_environment_as_well(self):
        self.made()
        env = {"STRONGROOM_ZK_AUTH": "app:zk-canary"}
        self.ok("create", "a", given=SECRET, env=env)
        self.assertEqual(self.ok("get", "a", env=env), SECRET)
        wrong = {"STRONGROOM_ZK_AUTH": "app:wrong"}
        self.assertEqual(self.zk("get", "a", env=wrong), SECRET)  # the file is meant
        self.fails(DENIED, "get", "a", env=wrong)
        self.fails(DENIED, "get", "a")

    def test_url_and_status_tell_no_credentials(self):
        self.made()
        text = self.zk("status", key=False)
        self.assertIn(b"zk://127.0.0.1", text)
        self.assertNotIn(b"zk-canary", text)
        text = self.fails(INVALID, "--store", self.url.replace("zk://", "zk://app:zk-canary@"),
                          "status", key=False)
        self.assertNotIn("zk-canary", text)

    def test_no_server_is_told_in_time(self):
        begin = time.monotonic()
        self.fails(UNAVAILABLE, "--store", f"zk://127.0.0.1:{free_port()}/x", "--zk-auth-file",
                   self.auth, "status", key=False)
        self.assertLess(time.monotonic() - begin, 30)

    def test_there_must_be_a_store(self):
        self.fails(NOT_INITIALIZED, "--zk-auth-file", self.auth, "get", "a")

    def test_stores_move_in_and_out(self):
        here, self.url = self.url, "lmdb:" + self.path("store")
        self.init()
        self.ok("create", "my/secret", given=SECRET)
        self.ok("migrate", self.url, here, "--to-zk-auth-file", self.auth, key=False)
        self.url = here
        self.assertEqual(self.zk("get", "my/secret"), SECRET)
        ZooKeeper.num_roots += 1
        there = f"zk://127.0.0.1:{SERVER.port}/root{ZooKeeper.num_roots}"
        self.zk("migrate", here, there, "--to-zk-auth-file", self.other_auth, key=False)
        self.zk("migrate", here, "lmdb:" + self.path("back"), key=False)
        for url, auth in ((there, self.other_auth), ("lmdb:" + self.path("back"), self.auth)):
            self.assertEqual(self.zk("--store", url, "get", "my/secret", auth=auth), SECRET)

    def test_a_watch_hears_of_other_processes(self):
        self.made()
        self.zk("create", "db/a", given=b"1")
        watching = self.start("--zk-auth-file", self.auth, "watch", "db", "--for", "20")
        self.addCleanup(watching.communicate)
        self.addCleanup(watching.kill)
        changed = b""
        for _ in range(60):  # it may not have begun yet
            self.zk("update", "db/a", given=b"2")
            if cli_test.select.select([watching.stdout], [], [], 0.3)[0]:
                changed = watching.stdout.readline()
                break
        self.assertRegex(changed.decode(), r"\Achanged \d+ db/a\n\Z")


class Outage(ZooKeeper):
    """`run` while the server does not answer."""

    NUM_LAUNCHES, NUM_AT_ONCE = 96, 8

    def setUp(self):
        super().setUp()
        self.made()
        self.canary = b"zk-outage-" + os.urandom(8).hex().encode()
        self.secrets.append(self.canary)
        self.zk("create", "my/secret", given=self.canary)
        self.env = self.write("env.json", cli_test.environment(SECRET=cli_test.reference("my/secret")))
        self.addCleanup(os.kill, SERVER.process.pid, signal.SIGCONT)

    def server(self, number):
        os.kill(SERVER.process.pid, number)

    def run_args(self, *more):
        return ["run", "--zk-auth-file", self.auth, "--timeout", "2", "--env", self.env, *more]

    def launch(self, number):
        box = self.path(f"box{number % self.NUM_AT_ONCE}")
        volumes = self.volumes if number % 3 else None
        check = 'test "$SECRET" = "$0"' + (' && test "$(cat a/f)" = "$0"' if volumes else "")
        options = ["--volumes", volumes] * bool(volumes) + ["--no-namespace"] * (number % 2)
        done = self.start(*self.run_args(*options), "--", "sh", "-c", check, self.canary.decode(), cwd=box)
        out, err = done.communicate(timeout=60)
        with self.lock:
            self.ended += 1
            if self.ended == self.NUM_LAUNCHES // 4:
                self.stopped_at = time.monotonic()
                self.server(signal.SIGSTOP)
        return done.returncode, out, err

    def test_launches_fail_clearly_and_leak_nothing(self):
        self.volumes = self.write("volumes.json", cli_test.volume("a/f", cli_test.reference("my/secret")))
        for number in range(self.NUM_AT_ONCE):
            os.mkdir(self.path(f"box{number}"))
        self.lock, self.ended, self.stopped_at = threading.Lock(), 0, None
        with concurrent.futures.ThreadPoolExecutor(self.NUM_AT_ONCE) as pool:
            # One after another in a directory: those of one run share places with others only there.
            chains = [pool.submit(lambda first=first: [self.launch(number) for number in range(
                first, self.NUM_LAUNCHES, self.NUM_AT_ONCE)]) for first in range(self.NUM_AT_ONCE)]
            deadline = time.monotonic() + 120
            while self.stopped_at is None and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(5)
            self.server(signal.SIGCONT)
            results = [result for chain in chains for result in chain.result()]
        good = [result for result in results if result[0] == 0]
        bad = [result for result in results if result[0] != 0]
        self.assertGreaterEqual(len(good), self.NUM_LAUNCHES // 4)
        self.assertGreater(len(bad), 0)
        for status, out, err in bad:
            self.assertIn(status, (UNAVAILABLE, TIMED_OUT), err)
            self.assertEqual((out, err.count(b"\n")), (b"", 1), err)
            self.assertTrue(err.startswith(b"strongroom: "), err)
        for _, _, err in results:
            self.assertNotIn(self.canary, err)
        self.assertEqual([os.listdir(self.path(f"box{number}")) for number in range(self.NUM_AT_ONCE)],
                         [[]] * self.NUM_AT_ONCE)
        for root, _, names in os.walk(self.place):
            for name in names:
                self.assertNotIn(self.canary, self.read(root, name), name)

    @staticmethod
    def end(process):
        """Nothing stays after a failure: the command ends when its input does."""
        process.stdin.close()
        process.kill()
        process.wait()

    def test_on_change_follows_again_when_the_server_answers(self):
        process = self.start(*self.run_args("--on-change", "restart"), "--", "sh", "-c", 'echo "$SECRET"; read -r _')
        self.addCleanup(self.end, process)
        self.assertEqual(process.stdout.readline().strip(), self.canary)
        for seconds in (1, 6):  # the session outlives the first outage only
            newer = self.canary + b"-%d" % seconds
            # The change is made while the process stands still, and the server stands still before it can read.
            process.send_signal(signal.SIGSTOP)
            self.zk("update", "my/secret", given=newer)
            self.server(signal.SIGSTOP)
            process.send_signal(signal.SIGCONT)
            time.sleep(seconds)
            self.assertIsNone(process.poll())
            self.server(signal.SIGCONT)
            self.assertEqual(process.stdout.readline().strip(), newer)
        process.send_signal(signal.SIGTERM)
        process.wait(30)  # before its input ends, which would end the command too
        self.finish(process)
        self.assertEqual(process.returncode, 143)


class Access(ZooKeeper):
    def test_doctor_looks_at_the_nodes(self):
        self.made()
        found = self.findings(None, "--zk-auth-file", self.auth)
        self.assertEqual(found["level"], "good", found)
        self.assertIn("nodes in ZooKeeper belong to the store's own identity only", found["what"])

    def test_a_tree_open_to_the_world_is_a_danger_until_it_gets_an_owner(self):
        self.url += "&access=world"
        self.ok("init", "--json")
        self.secrets.append(self.read("key").strip())
        self.ok("create", "a", given=SECRET)
        found = self.findings(DANGER)
        self.assertEqual(found["level"], "danger")
        self.assertIn("everyone", found["what"])
        self.assertIn("zk-reauth", found["advice"])
        told = json.loads(self.ok("zk-reauth", "--new-zk-auth-file", self.auth, "--json", key=False))
        self.assertGreater(told["nodes"], 10)
        self.url = self.url.replace("&access=world", "")
        self.assertEqual(self.findings(None, "--zk-auth-file", self.auth)["level"], "good")
        self.assertEqual(self.zk("get", "a"), SECRET)
        self.fails(DENIED, "get", "a")

    def test_reauthentication_exchanges_the_identity_of_all_nodes(self):
        self.made()
        self.zk("create", "a", given=SECRET)
        text = self.zk("zk-reauth", "--new-zk-auth-file", self.other_auth, key=False)
        self.assertIn(b"nodes belong to the new identity", text)
        self.fails(DENIED, "--zk-auth-file", self.auth, "get", "a")
        self.assertEqual(self.zk("get", "a", auth=self.other_auth), SECRET)
        self.zk("update", "a", given=b"new", auth=self.other_auth)
        found = self.findings(None, "--zk-auth-file", self.other_auth)
        self.assertEqual(found["level"], "good", found)

    def test_reauthentication_needs_the_old_identity(self):
        self.made()
        self.fails(DENIED, "--zk-auth-file", self.other_auth, "zk-reauth", "--new-zk-auth-file",
                   self.other_auth, key=False)
        self.zk("list")


# A name server that takes questions and answers none. It runs the command of its arguments with that.
SILENT_NAME_SERVER = """
import fcntl, socket, struct, subprocess, sys
loopback = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(loopback, 0x8914, struct.pack("16sh14x", b"lo", 0x41))  # SIOCSIFFLAGS: up and running
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 53))
subprocess.run(["mount", "--bind", sys.argv[1], "/etc/resolv.conf"], check=True)
sys.exit(subprocess.run(sys.argv[2:]).returncode)
"""


class Deadline(ZooKeeper):
    """--timeout holds from the first connection to the end."""

    TIMED_OUT = 23
    IN_TIME = 7  # seconds with --timeout 1 on a busy machine; without a deadline each takes 10 or more

    def ends_in_time(self, *args, says="", **more):
        begin = time.monotonic()
        done = self.run_it("--timeout", "1", "--zk-auth-file", self.auth, *args, **more)
        self.assertLess(time.monotonic() - begin, self.IN_TIME, (args, done.err))
        self.assertIn(done.returncode, (UNAVAILABLE, self.TIMED_OUT), (args, done.err))
        self.assertIn(says, done.err)

    def test_a_server_that_does_not_answer(self):
        self.made()
        self.zk("create", "a", given=SECRET)
        self.addCleanup(os.kill, SERVER.process.pid, signal.SIGCONT)
        os.kill(SERVER.process.pid, signal.SIGSTOP)
        for args in (("status",), ("get", "a"), ("list",), ("update", "a", "-v", "x"), ("slots",), ("seal",),
                     ("backup", self.path("b")), ("watch", "a", "--for", "1"), ("policy", "list"),
                     ("doctor",), ("zk-reauth", "--new-zk-auth-file", self.other_auth)):
            with self.subTest(args[0]):
                self.ends_in_time(*args, says="answered in time")
        os.kill(SERVER.process.pid, signal.SIGCONT)
        self.assertEqual(self.zk("get", "a"), SECRET)

    def test_no_server(self):
        self.ends_in_time("--store", f"zk://127.0.0.1:{free_port()}/x", "status", says="answered in time")

    def test_a_name_server_that_does_not_answer(self):
        if subprocess.run(["unshare", "-mn", "true"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no mount and network namespaces here")
        resolv = self.write("resolv.conf", "nameserver 127.0.0.1\n")
        begin = time.monotonic()
        done = subprocess.run(
            ["unshare", "-mn", sys.executable, "-c", SILENT_NAME_SERVER, resolv, cli_test.PROGRAM,
             "--timeout", "1", "--store", "zk://zookeeper.example.com:2181/x", "status"],
            capture_output=True, text=True)
        self.assertLess(time.monotonic() - begin, self.IN_TIME, done.stderr)
        self.assertEqual(done.returncode, UNAVAILABLE, done.stderr)
        self.assertIn("could not be looked up in time", done.stderr)


if __name__ == "__main__":
    cli_test.main(globals())
