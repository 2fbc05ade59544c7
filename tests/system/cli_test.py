#!/usr/bin/env python3
"""Drives the real `strongroom` program: cli_test.py PROGRAM [CASE...], or --cases to name them.

Every secret that a test makes is remembered, and every run's standard error is searched for them.
"""
import base64
import ctypes
import fcntl
import json
import os
import pty
import re
import resource
import select
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import termios
import time
import unittest

PROGRAM = ""
SECRET = b'{"username": "my-user", "password": "my-password"}'
INVALID, NOT_FOUND, EXISTS, DENIED, SEALED, NOT_INITIALIZED = 11, 12, 13, 14, 15, 16
TOO_LARGE, UNAVAILABLE, UNSUPPORTED, USAGE = 19, 22, 24, 2
MEBIBYTE = 1 << 20


def mount_namespaces_allowed():
    for flags in ("-m", "-Urm"):
        if subprocess.run(["unshare", flags, "true"], capture_output=True).returncode == 0:
            return True
    return False


def reference(name, key=None):
    inner = {"name": name} if key is None else {"name": name, "key": key}
    return {"type": "REFERENCE", "reference": inner}


def environment(**variables):
    """An Environment: a str is a plain variable, a dict a Secret."""
    return json.dumps({"variables": [
        {"name": name, "value": what} if isinstance(what, str)
        else {"name": name, "type": "SECRET", "secret": what}
        for name, what in variables.items()]})


def volume(path, secret, mode="RO"):
    return {"mode": mode, "container_path": path, "source": {"type": "SECRET", "secret": secret}}


class Case(unittest.TestCase):
    """A directory with a store in it, not initialized yet."""

    user = None  # the uid that the program runs as
    ONE_BY_ONE = False  # each method is a test of its own, since all take too long together

    def setUp(self):
        self.place = tempfile.mkdtemp(prefix="strongroom-cli-")
        self.addCleanup(shutil.rmtree, self.place)
        self.url = "lmdb:" + self.path("store")
        self.key_file = self.path("key")
        self.secrets = [b"my-user", b"my-password", b"CANARY"]
        if self.user is not None:
            os.chown(self.place, self.user, self.user)

    def path(self, *parts):
        return os.path.join(self.place, *parts)

    def write(self, name, content, mode=0o600):
        if isinstance(content, (dict, list)):
            content = json.dumps(content)
        if isinstance(content, str):
            content = content.encode()
        with open(self.path(name), "wb") as file:
            file.write(content)
        os.chmod(self.path(name), mode)
        if self.user is not None:
            os.chown(self.path(name), self.user, self.user)
        return self.path(name)

    def read(self, *parts):
        with open(self.path(*parts), "rb") as file:
            return file.read()

    def mount_points(self, mountinfo):
        """The mount points of a text, without those of tests that run at the same time."""
        points = [line.split()[4].decode() for line in mountinfo.splitlines()]
        others = tempfile.gettempdir() + "/"
        return [point for point in points if not point.startswith(others) or point.startswith(self.place)]

    def environ(self, key=True, **extra):
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith("STRONGROOM_")}
        # Finding leaks needs to trace what may not be traced, and the core limit is under test.
        kept["ASAN_OPTIONS"] = "detect_leaks=0:disable_coredump=0"
        kept["TSAN_OPTIONS"] = "disable_coredump=0"
        kept["STRONGROOM_STORE"] = self.url
        if key:
            kept["STRONGROOM_KEY_FILE"] = self.key_file
        kept.update(extra)
        return kept

    def start(self, *args, key=True, env=None, **more):
        more.setdefault("stdin", subprocess.PIPE)
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        more.setdefault("start_new_session", True)  # no terminal to ask on
        more.setdefault("cwd", self.place)
        if self.user is not None:
            more.update(user=self.user, group=self.user, extra_groups=[])
        return subprocess.Popen([PROGRAM, *args], env=self.environ(key, **(env or {})), **more)

    def finish(self, process, given=b""):
        out, err = process.communicate(given, timeout=60)
        process.out, process.err = out, (err or b"").decode(errors="replace")
        for secret in self.secrets:
            self.assertNotIn(secret.decode(errors="replace"), process.err, "told a secret")
        return process

    def run_it(self, *args, given=b"", key=True, env=None, **more):
        return self.finish(self.start(*args, key=key, env=env, **more), given)

    def ok(self, *args, **more):
        done = self.run_it(*args, **more)
        self.assertEqual((done.returncode, done.err), (0, ""), args)
        return done.out

    def fails(self, status, *args, says="", **more):
        done = self.run_it(*args, **more)
        self.assertEqual(done.returncode, status, (args, done.err))
        self.assertTrue(done.err.startswith("strongroom: "), done.err)
        self.assertEqual(done.err.count("\n"), 1, done.err)
        self.assertIn(says, done.err)
        self.assertEqual(done.out, b"")
        return done.err

    def check_unwritten(self, process, is_pipe):
        """A pipe without a reader ends it quietly, as any Unix tool; everything else is an error."""
        if is_pipe:
            self.assertEqual((process.returncode, process.err), (-signal.SIGPIPE, ""))
            return
        self.assertEqual(process.returncode, UNAVAILABLE, process.err)
        self.assertIn("standard output", process.err)

    def wait_until_it_reads(self, process):
        """Waits until the process has taken a byte from its standard input and wants more."""
        process.stdin.write(b" ")
        process.stdin.flush()
        deadline = time.monotonic() + 30
        waiting = ctypes.c_int(1)
        while waiting.value != 0:
            self.assertGreater(deadline, time.monotonic(), "it did not come to read")
            time.sleep(0.01)
            fcntl.ioctl(process.stdin, termios.FIONREAD, waiting)

    def init(self, *args):
        """Makes the store with a key file; remembers what opens it."""
        made = json.loads(self.ok("init", "--json", *args))
        self.secrets += [key.encode() for key in made["keys"]]
        self.secrets.append(self.read("key").strip())
        return made

    def init_shares(self, shares, threshold, store=None):
        url = self.url if store is None else "lmdb:" + self.path(store)
        made = json.loads(self.ok("--store", url, "init", "--json", "--shares", str(shares),
                                  "--threshold", str(threshold), key=False))
        self.secrets += [key.encode() for key in made["keys"]]
        return made["keys"]

    def status(self):
        return json.loads(self.ok("status", "--json", key=False))


class Init(Case):
    def test_without_options_makes_one_share_of_one(self):
        made = json.loads(self.ok("init", "--json", key=False))
        self.assertEqual(sorted(made), ["keys", "store_id"])
        self.assertRegex(made["store_id"], r"\A[0-9a-f]{32}\Z")
        self.assertEqual(len(made["keys"]), 1)
        share = self.write("share", made["keys"][0])
        self.ok("--share", share, "create", "a", "-t", self.write("t", "x"), key=False)
        self.assertEqual(self.ok("--share", share, "get", "a", key=False), b"x")
        slot, = self.status()["slots"]
        self.assertEqual((slot["kind"], slot["shares"], slot["threshold"]), ("shares", 1, 1))
        self.assertEqual(self.status()["store_id"], made["store_id"])

    def test_threshold_is_more_than_half_unless_told(self):
        self.ok("init", "--shares", "5", key=False)
        self.assertEqual(self.status()["slots"][0]["threshold"], 3)

    def test_key_file_is_made_for_its_owner_alone(self):
        process = self.start("init", preexec_fn=lambda: os.umask(0))
        self.finish(process)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(stat.S_IMODE(os.stat(self.key_file).st_mode), 0o600)
        self.assertRegex(self.read("key"), rb"\A[0-9a-f]{114}\n\Z")
        self.assertNotIn(self.read("key").strip(), process.out)
        self.assertEqual([slot["kind"] for slot in self.status()["slots"]], ["key_file"])

    def test_option_and_environment_name_the_key_file_alike(self):
        other = self.path("other")
        made = json.loads(self.ok("init", "--json", "--key-file", other))
        self.assertEqual((made["keys"], made["key_file"]), ([], other))
        self.assertFalse(os.path.exists(self.key_file))
        self.ok("list", "--key-file", other)

    def test_shares_and_key_file_are_two_slots(self):
        made = self.init("--shares", "3", "--threshold", "2")
        self.assertEqual(len(made["keys"]), 3)
        self.assertEqual(sorted(slot["kind"] for slot in self.status()["slots"]),
                         ["key_file", "shares"])
        self.ok("list")
        one = self.write("s1", made["keys"][0])
        two = self.write("s2", made["keys"][2])
        self.ok("list", "--share", one, "--share", two, key=False)

    def test_text_output_has_each_share_alone_on_a_line(self):
        out = self.ok("init", "--shares", "3", "--threshold", "2", key=False).decode()
        shares = re.findall(r"^[0-9a-f]{92}$", out, re.MULTILINE)
        self.assertEqual(len(shares), 3)
        self.assertIn("Any 2 of these 3 shares", out)
        self.assertIn("ready", out)

    def test_existing_key_file_is_left_alone(self):
        self.write("key", "precious")
        self.fails(EXISTS, "init", says="exists already")
        self.assertEqual(self.read("key"), b"precious")
        self.assertFalse(self.status()["initialized"])

    def test_second_init_changes_nothing(self):
        self.init()
        before = self.status()
        self.fails(EXISTS, "init", "--key-file", self.path("second"))
        self.assertFalse(os.path.exists(self.path("second")))
        self.assertEqual(self.status(), before)
        self.ok("list")

    def test_key_file_in_a_missing_folder_makes_no_store(self):
        self.fails(UNAVAILABLE, "init", "--key-file", self.path("no/such/key"))
        self.assertFalse(self.status()["initialized"])

    def test_output_that_nobody_reads_makes_no_store(self):
        def closed():
            os.close(1)
        for args in (["init"], ["init", "--json"], ["init", "--json", "--shares", "3"]):
            reader, writer = os.pipe()
            os.close(reader)
            with open("/dev/full", "wb") as full:
                for how in ({"stdout": writer}, {"stdout": full}, {"preexec_fn": closed}):
                    process = self.start(*args, **how)
                    self.finish(process)
                    self.check_unwritten(process, is_pipe="stdout" in how and how["stdout"] == writer)
                    self.assertFalse(self.status()["initialized"])
                    self.assertFalse(os.path.exists(self.key_file), "a key file was left")
            os.close(writer)

    def test_wrong_numbers_are_usage_errors(self):
        for args in (["--shares", "2", "--threshold", "3"], ["--threshold", "1"],
                     ["--shares", "0"], ["--shares", "256"], ["--shares", "x"],
                     ["--max-secret-size", "67108865"]):
            self.fails(USAGE, "init", *args)
        self.assertFalse(os.path.exists(self.key_file))

    def test_max_secret_size_is_kept(self):
        self.init("--max-secret-size", "10")
        self.assertEqual(self.status()["max_secret_size"], 10)
        self.ok("create", "a", given=b"0123456789")
        self.fails(TOO_LARGE, "create", "b", given=b"0123456789x")


class Credentials(Case):
    def test_none_is_an_error_that_says_what_to_give(self):
        self.init()
        for args in (["list"], ["get", "a"], ["rotate"], ["unseal"], ["delete", "a"]):
            self.fails(SEALED, *args, key=False, says="--key-file")

    def test_key_of_another_store_is_denied(self):
        self.init()
        other = self.path("other-key")
        self.ok("--store", "lmdb:" + self.path("other"), "init", "--key-file", other)
        self.fails(DENIED, "list", "--key-file", other)

    def test_mistyped_key_is_invalid(self):
        self.init()
        text = bytearray(self.read("key"))
        text[40] = ord("0") if text[40] != ord("0") else ord("1")
        self.secrets.append(bytes(text).strip())
        self.fails(INVALID, "list", "--key-file", self.write("typo", bytes(text)))

    def test_file_that_is_no_key_is_invalid(self):
        self.init()
        for content in ("CANARY", "", "\n\n", "CANARY" * 200):
            self.fails(INVALID, "list", "--key-file", self.write("bad", content))
        self.fails(INVALID, "list", "--key-file", self.path("missing"), says="missing")
        self.fails(TOO_LARGE, "list", "--key-file", self.write("bad", "CANARY" * 2000))

    def test_key_file_open_to_others_is_refused_with_the_cure(self):
        self.init()
        for mode in (0o660, 0o604, 0o666):  # a group may read: see cli_private_files_test.py
            os.chmod(self.key_file, mode)
            self.fails(DENIED, "list", says="chmod 600 '" + self.key_file + "'")
        os.chmod(self.key_file, 0o400)
        self.ok("list")

    def test_three_of_five_shares(self):
        shares = self.init_shares(5, 3)
        files = [self.write(f"s{i}", share + "\n") for i, share in enumerate(shares)]
        foreign = self.write("foreign", self.init_shares(5, 3, store="other")[0])

        def given(*some):
            return [word for file in some for word in ("--share", file)]
        self.ok("list", *given(files[4], files[0], files[2]), key=False)
        self.ok("list", *given(*files), key=False)
        self.fails(DENIED, "list", *given(files[0], files[1]), key=False)
        self.fails(DENIED, "list", *given(files[0], files[0], files[0]), key=False)
        self.fails(DENIED, "list", *given(files[0], files[1], foreign), key=False)
        self.ok("list", *given(files[0], foreign, files[1], files[3]), key=False)

    def test_shares_come_from_standard_input_and_by_lines(self):
        shares = self.init_shares(3, 2)
        first = self.write("s1", shares[0])
        self.ok("list", "--share", first, "--share", "-", given=shares[1].encode(), key=False)
        lines = ("\n  " + shares[0] + "\r\n\n" + shares[2]).encode()
        self.ok("list", "--share", "-", given=lines, key=False)

    def test_standard_input_is_not_read_twice(self):
        self.init()
        for args in (["create", "a", "--share", "-"], ["resolve", "-", "--share", "-"],
                     ["list", "--share", "-", "--share", "-"],
                     ["run", "--env", "-", "--volumes", "-", "--", "true"]):
            self.fails(USAGE, *args, says="standard input")

    def test_shares_given_leave_the_environments_key_file_aside(self):
        self.init()
        self.fails(DENIED, "list", "--share",
                   self.write("s", self.init_shares(1, 1, store="other")[0]))

    def test_store_must_be_named_and_exist(self):
        self.fails(USAGE, "list", env={"STRONGROOM_STORE": ""}, says="STRONGROOM_STORE")
        self.write("key", "CANARY")
        self.fails(NOT_INITIALIZED, "list", says="strongroom init")
        self.fails(INVALID, "--store", "nonsense", "list")
        self.fails(INVALID, "--store", "lmdb:relative", "list")


class OnTerminal(Case):
    """A terminal, with the program as its foreground process."""

    def spawn(self, *args, key=False, env=None):
        pid, tty = pty.fork()
        if pid == 0:
            os.chdir(self.place)
            os.execve(PROGRAM, [PROGRAM, *args], self.environ(key, **(env or {})))
        self.addCleanup(os.close, tty)
        return pid, tty

    def until(self, tty, what, seen=b""):
        deadline = time.monotonic() + 30
        while what not in seen:
            self.assertGreater(deadline, time.monotonic(), seen)
            if select.select([tty], [], [], 0.2)[0]:
                try:
                    seen += os.read(tty, 4096)
                except OSError:  # the other side is closed
                    self.assertIn(what, seen)
        return seen

    def rest(self, pid, tty):
        seen = b""
        while True:
            try:
                more = os.read(tty, 4096)
            except OSError:
                break
            if not more:
                break
            seen += more
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen

    def echo_is_on(self, tty):
        return bool(termios.tcgetattr(tty)[3] & termios.ECHO)


class DoubleDash(Case):
    """What follows '--' is an argument, whatever comes before it."""

    def test_after_an_option_whose_value_may_be_left_out(self):
        self.init()
        file = self.write("file", "from a file")
        for number, option in enumerate(("-t", "--text-file", "--value-file", "-f", "--file")):
            with self.subTest(option):
                self.ok("create", option, file, "--", f"-a{number}")
                self.assertEqual(self.ok("get", "--", f"-a{number}"), b"from a file")
                self.ok("create", option, "--", f"-b{number}", given=b"from input")
                self.assertEqual(self.ok("get", "--", f"-b{number}"), b"from input")
                self.ok("create", option, "-", "--", f"-c{number}", given=b"from input")
                self.assertEqual(self.ok("get", "--", f"-c{number}"), b"from input")
                self.fails(USAGE, "create", option, file, f"-d{number}")
        self.assertEqual(len(self.ok("list").split()), 15)

    def test_after_every_other_option(self):
        self.init()
        self.ok("create", "--value", "x", "--", "-a")
        self.assertEqual(self.ok("get", "--raw", "--", "-a"), b"x")
        self.ok("create", "--", "--help", given=b"y")
        self.assertEqual(self.ok("get", "--", "--help"), b"y")
        self.ok("create", "--", "f", given=b"{\"--\":\"z\"}")
        self.assertEqual(self.ok("get", "--key", "--", "f"), b"z")  # a value that is needed is taken
        self.assertEqual(self.ok("list", "--", "-a").strip(), b"")
        self.ok("delete", "--", "-a")


class Terminal(OnTerminal):
    """What happens on a terminal."""

    def test_asks_for_the_shares_and_shows_none(self):
        shares = self.init_shares(3, 2)
        pid, tty = self.spawn("list")
        seen = self.until(tty, b"Share 1 of the 2 needed")
        self.assertFalse(self.echo_is_on(tty))
        os.write(tty, shares[2].encode() + b"\n")
        seen = self.until(tty, b"Share 2 of the 2 needed", seen)
        os.write(tty, shares[0].encode() + b"\n")
        status, more = self.rest(pid, tty)
        self.assertEqual(status, 0, more)
        for share in shares:
            self.assertNotIn(share.encode(), seen + more)

    def test_names_that_mislead_are_quoted_on_a_terminal_only(self):
        self.init()
        plain = "caf\u00e9/\u5b57\U0001f511"
        hidden = [chr(code) for code in (0xAD, 0x61C, 0x180E, 0x200B, 0x200D, 0x200F, 0x2028, 0x202E, 0x2066,
                                         0x2069, 0xFE0F, 0xFEFF, 0xFFA0, 0xE0041)]
        for name in [plain] + ["a" + each + "b" for each in hidden]:
            self.ok("create", name, given=b"x")
        listed = self.ok("list", "--recursive").decode()
        for name in [plain] + hidden:
            self.assertIn(name, listed)
        pid, tty = self.spawn("list", "--recursive", key=True)
        status, seen = self.rest(pid, tty)
        self.assertEqual(status, 0, seen)
        lines = seen.decode().split("\r\n")
        self.assertIn(plain, lines)
        for each in hidden:
            quoted = "".join(f"\\x{byte:02x}" for byte in each.encode())
            self.assertIn("a" + quoted + "b", lines)
            self.assertNotIn(each, seen.decode())
        self.assertIn("a\\xe2\\x80\\xaeb", self.fails(NOT_FOUND, "get", "a\u202eb/c"))

    def test_asks_for_the_key_and_takes_it_where_shares_would_do(self):
        self.init("--shares", "3")
        pid, tty = self.spawn("list")
        self.until(tty, b"Share 1 of the 2")
        os.write(tty, self.read("key"))
        self.assertEqual(self.rest(pid, tty)[0], 0)

    def test_wrong_answer_is_refused_unseen(self):
        self.init()
        pid, tty = self.spawn("list")
        self.until(tty, b"key file")
        os.write(tty, b"CANARY\n")
        status, more = self.rest(pid, tty)
        self.assertEqual(status, INVALID)
        self.assertNotIn(b"CANARY", more)

    def test_echo_comes_back_when_interrupted(self):
        self.init()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            pid, tty = self.spawn("list")
            self.until(tty, b"key file")
            self.assertFalse(self.echo_is_on(tty))
            os.kill(pid, number)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), -number)
            self.assertTrue(self.echo_is_on(tty))

    def test_interrupt_key_ends_the_question(self):
        self.init()
        pid, tty = self.spawn("list")
        self.until(tty, b"key file")
        os.write(tty, b"\x03")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), -signal.SIGINT)
        self.assertTrue(self.echo_is_on(tty))

    def test_value_of_create_is_asked_for_unseen(self):
        self.init()
        pid, tty = self.spawn("create", "a", key=True)
        seen = self.until(tty, b"The value")
        os.write(tty, b"CANARY typed\n")
        status, more = self.rest(pid, tty)
        self.assertEqual(status, 0, more)
        self.assertNotIn(b"CANARY", seen + more)
        self.assertEqual(self.ok("get", "a"), b"CANARY typed")

    def paste(self, tty, text):
        """Writes as a terminal does that was pasted into: as fast as it is read."""
        while text:
            self.assertTrue(select.select([], [tty], [], 10)[1])
            text = text[os.write(tty, text[:1024]):]

    def test_long_value_that_is_pasted_is_stored_whole(self):
        self.init()
        for length in (4094, 4095, 4096, 5003, 100_000):  # a terminal's own lines end after 4,095
            value = b"CANARY " + b"v" * (length - 7)
            pid, tty = self.spawn("create", f"a/{length}", key=True)
            self.until(tty, b"The value")
            self.paste(tty, value + b"\n")
            status, more = self.rest(pid, tty)
            self.assertEqual(status, 0, more)
            self.assertEqual(self.ok("get", f"a/{length}"), value)

    def test_value_longer_than_a_line_may_be_is_refused(self):
        self.init()
        pid, tty = self.spawn("create", "a", key=True)
        self.until(tty, b"The value")
        self.paste(tty, b"CANARY " + b"v" * 300_000 + b"\n")
        status, more = self.rest(pid, tty)
        self.assertEqual(status, TOO_LARGE, more)
        self.assertNotIn(b"CANARY", more)
        self.fails(NOT_FOUND, "get", "a")

    PEM = (b"-----BEGIN PRIVATE KEY-----\n" + b"CANARYCANARYCANARYCANARYCANARYCANARY\n" * 20
           + b"-----END PRIVATE KEY-----\n")

    def test_several_lines_that_are_pasted_are_refused_and_never_reach_the_shell(self):
        self.init()
        pid, tty = pty.fork()
        if pid == 0:
            os.chdir(self.place)
            os.execvpe("bash", ["bash", "-c", '"$0" create a; echo "status $?"; '
                                'read -t 1 line && echo "the shell got: $line"; echo over', PROGRAM],
                       self.environ(True))
        self.addCleanup(os.close, tty)
        self.until(tty, b"The value")
        self.paste(tty, self.PEM)
        seen = self.until(tty, b"over")
        os.waitpid(pid, 0)
        self.assertIn(b"status %d" % INVALID, seen)
        self.assertIn(b"more than one line", seen)
        self.assertNotIn(b"the shell got", seen)
        self.assertNotIn(b"CANARY", seen)
        self.fails(NOT_FOUND, "get", "a")

    def test_several_lines_at_other_prompts_are_refused_too(self):
        self.init()
        pid, tty = self.spawn("list")
        self.until(tty, b"key file")
        self.paste(tty, self.PEM)
        status, more = self.rest(pid, tty)
        self.assertEqual(status, INVALID, more)
        self.assertNotIn(b"CANARY", more)

    def test_line_that_is_typed_can_be_corrected(self):
        self.init()
        for number, (typed, value) in enumerate((
                (b"abX\x7fc\n", b"abc"), (b"wrong\x15right\n", b"right"), (b"\x7f\x7fa\n", b"a"),
                (b"one two\x17three\n", b"one three"), ("aé\x7fb\n".encode(), b"ab"),
                (b"ends by a key\x04", b"ends by a key"), (b"tab\there\r", b"tab\there"),
                (b"blank lines behind\n\n \n", b"blank lines behind"))):
            pid, tty = self.spawn("create", f"a/{number}", key=True)
            self.until(tty, b"The value")
            os.write(tty, typed)
            status, more = self.rest(pid, tty)
            self.assertEqual(status, 0, more)
            self.assertEqual(self.ok("get", f"a/{number}"), value)

    def test_get_shows_text_and_ends_the_line(self):
        self.init()
        self.ok("create", "a", given=b"plain text")
        pid, tty = self.spawn("get", "a", key=True)
        self.assertEqual(self.rest(pid, tty), (0, b"plain text\r\n"))

    def test_get_sends_a_terminal_no_binary_and_no_escapes_unless_raw(self):
        self.init()
        self.ok("create", "bin", "-f", "-", given=b"\xff\x00\x01")
        self.ok("create", "esc", given=b"\x1b[31mred")
        for name in ("bin", "esc"):
            pid, tty = self.spawn("get", name, key=True)
            status, seen = self.rest(pid, tty)
            self.assertEqual(status, INVALID)
            self.assertIn(b"--raw", seen)
            self.assertNotIn(b"\x1b", seen)
        pid, tty = self.spawn("get", "bin", "--raw", key=True)
        self.assertEqual(self.rest(pid, tty), (0, b"\xff\x00\x01"))


class Secrets(Case):
    def setUp(self):
        super().setUp()
        self.init()

    def test_life_of_a_secret(self):
        self.assertEqual(self.ok("create", "/my/secret", given=SECRET), b"")
        self.assertEqual(self.ok("get", "my/secret"), SECRET)
        self.fails(EXISTS, "create", "my/secret", given=b"other", says="strongroom update")
        self.assertEqual(self.ok("get", "my/secret"), SECRET)
        self.assertEqual(self.ok("update", "my/secret", given=b"v2"), b"")
        self.assertEqual(self.ok("get", "/my/secret"), b"v2")
        self.assertEqual(self.ok("delete", "my/secret"), b"")
        self.fails(NOT_FOUND, "get", "my/secret")
        self.fails(NOT_FOUND, "delete", "my/secret")
        self.fails(NOT_FOUND, "update", "my/secret", given=b"v3", says="strongroom create")
        self.ok("create", "my/secret", given=b"again")
        self.assertEqual(json.loads(self.ok("get", "my/secret", "--json"))["revision"], 4)

    def test_every_source_of_a_value(self):
        text = self.write("text", "from a file\n")
        cases = [([], b"in", b"in"), (["-t", "-"], b"in\n", b"in\n"), (["-f", "-"], b"\xff", b"\xff"),
                 (["-v", "-"], b"in", b"in"), (["-v", "arg"], b"", b"arg"), (["-varg"], b"", b"arg"),
                 (["--value=a=b"], b"", b"a=b"), (["--value", "--json"], b"", b"--json"),
                 (["-v", ""], b"", b""), (["--empty"], b"", b""), (["-t", text], b"", b"from a file\n"),
                 (["--value-file", text], b"", b"from a file\n"),
                 (["--text-file=" + text], b"", b"from a file\n"), (["-f", text], b"", b"from a file\n"),
                 (["-t"], b"in", b"in"), (["-f"], b"in", b"in")]
        for i, (args, given, wanted) in enumerate(cases):
            self.ok("create", f"s{i}", *args, given=given)
            self.assertEqual(self.ok("get", f"s{i}"), wanted, args)

    def test_sources_exclude_each_other(self):
        text = self.write("text", "CANARY")
        for args in (["-v", "CANARY", "-t", text], ["-t", text, "-f", text], ["-v", "x", "-f", text]):
            self.fails(USAGE, "create", "a", *args)

    def test_text_must_be_utf8_and_binary_needs_not(self):
        everything = bytes(range(256))
        for args in ([], ["-t", self.write("bad", b"CANARY\xff")]):
            self.fails(INVALID, "create", "a", *args, given=everything, says="UTF-8")
        self.ok("create", "a", "-f", "-", given=everything)
        self.assertEqual(self.ok("get", "a"), everything)
        self.assertEqual(self.ok("get", "a", "--raw"), everything)

    def test_one_mebibyte_fits_and_a_byte_more_does_not(self):
        most = os.urandom(MEBIBYTE)
        self.ok("create", "a", "-f", "-", given=most)
        self.assertEqual(self.ok("get", "a"), most)
        self.assertEqual(base64.b64decode(json.loads(self.ok("get", "a", "--json"))["value_base64"]),
                         most)
        self.fails(TOO_LARGE, "update", "a", "-f", "-", given=most + b"x")
        self.fails(TOO_LARGE, "update", "a", "-f", self.write("big", most + b"x"))
        self.fails(TOO_LARGE, "create", "b", "-f", self.write("big", most * 3))
        self.assertEqual(self.ok("get", "a"), most)
        self.fails(NOT_FOUND, "get", "b")

    def test_key_selects_one_member(self):
        self.ok("create", "my/secret", given=SECRET)
        self.assertEqual(self.ok("get", "my/secret", "--key", "password"), b"my-password")
        self.fails(NOT_FOUND, "get", "my/secret", "--key", "absent", says="absent")
        self.ok("create", "plain", given=b"CANARY no JSON")
        self.fails(INVALID, "get", "plain", "--key", "a", says="plain")
        shown = json.loads(self.ok("get", "my/secret", "--key", "username", "--json"))
        self.assertEqual((shown["key"], shown["value"]), ("username", "my-user"))

    def test_json_holds_any_text_and_any_bytes(self):
        text = "".join(map(chr, range(1, 0x300))) + "\u2028\ufffd\U0001f511\"\\/"
        self.ok("create", "t", given=text.encode())
        shown = json.loads(self.ok("get", "/t", "--json"))
        self.assertEqual(shown["value"], text)
        self.assertEqual((shown["path"], shown["content"], shown["revision"]), ("/t", "text", 1))
        for when in ("created", "changed"):
            self.assertRegex(shown[when], r"\A20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
        for length in range(8):
            self.ok("create", f"b{length}", "--empty", "-f", "-", given=bytes(range(250, 250 + length % 6)) * 2)
            shown = json.loads(self.ok("get", f"b{length}", "--json"))
            self.assertEqual(shown["content"], "binary")
            self.assertEqual(base64.b64decode(shown["value_base64"], validate=True),
                             bytes(range(250, 250 + length % 6)) * 2)
        self.fails(USAGE, "get", "t", "--json", "--raw")

    def test_list_is_relative_sorted_and_recursive(self):
        for name in ("key1", "folder/key2", "folder/key3", "folder/sub", "folder/sub/key4"):
            self.ok("create", name, given=name.encode())
        recursive = {
            "": ["folder/key2", "folder/key3", "folder/sub", "folder/sub/key4", "key1"],
            "folder": ["key2", "key3", "sub", "sub/key4"],
            "/folder/sub": ["key4"],
            "folder/sub/key4": [], "fold": [], "not/a/folder": [],
        }
        for folder, names in recursive.items():
            args = [folder] if folder else []
            self.assertEqual(json.loads(self.ok("list", *args, "--recursive", "--json")), names)
            self.assertEqual(self.ok("list", *args, "--recursive").decode().splitlines(), names)
        self.assertEqual(self.ok("list"), b"folder/\nkey1\n")
        self.assertEqual(json.loads(self.ok("list", "folder", "--json")),
                         ["key2", "key3", "sub", "sub/"])
        self.fails(NOT_FOUND, "get", "folder")
        self.assertEqual(self.ok("get", "folder/sub"), b"folder/sub")

    def test_names_outside_the_rules_are_refused(self):
        for name in ("", "/", "a//b", "a/", "../a", "a/./b", "a\nb", b"\xff", "a%2fb", "x" * 256):
            self.fails(INVALID, "create", name, given=b"CANARY")
        self.assertEqual(self.ok("list"), b"")

    def test_names_may_look_like_anything_else(self):
        for name in ("list", "get", "run", "value", "a b", "\u00fc/\U0001f511", "it's"):
            self.ok("create", name, given=name.encode())
            self.assertEqual(self.ok("get", name), name.encode())
        self.ok("create", "--", "--json", given=b"dashes")
        self.assertEqual(self.ok("get", "--", "--json"), b"dashes")

    def test_resolve_prints_what_a_message_stands_for(self):
        self.ok("create", "my/secret", given=SECRET)
        file = self.write("ref.json", reference("/my/secret", "username"))
        self.assertEqual(self.ok("resolve", file), b"my-user")
        self.assertEqual(self.ok("resolve", "-", given=json.dumps(reference("my/secret")).encode()),
                         SECRET)
        inline = {"type": "VALUE", "value": {"data": base64.b64encode(b"\x00\xff").decode()}}
        self.assertEqual(self.ok("resolve", self.write("v.json", inline)), b"\x00\xff")
        self.fails(NOT_FOUND, "resolve", "-", given=json.dumps(reference("absent")).encode())
        self.fails(INVALID, "resolve", "-", given=b'{"CANARY')
        self.fails(INVALID, "resolve", self.path("missing"))
        self.fails(TOO_LARGE, "resolve", "-", given=b" " * (2 * MEBIBYTE))

    def test_closed_standard_descriptors_harm_no_store(self):
        self.ok("create", "a", given=SECRET)
        for fds in ((0,), (1,), (2,), (0, 1, 2)):
            def closed():
                for fd in fds:
                    os.close(fd)
            for args in (["get", "a"], ["update", "a"], ["get", "nothing"], ["list"]):
                self.finish(self.start(*args, preexec_fn=closed))
        self.ok("status")
        self.assertEqual(self.ok("list"), b"a\n")

    def test_output_that_fails_is_an_error(self):
        self.ok("create", "a", given=SECRET)
        for args in (["get", "a"], ["get", "a", "--json"], ["list"], ["status"], ["--help"]):
            with open("/dev/full", "wb") as full:
                process = self.start(*args, stdout=full)
                self.finish(process)
            self.assertEqual(process.returncode, UNAVAILABLE, args)


class Paths(Case):
    """One spelling, one secret; tests/capi/paths_test.cpp has more of them."""

    REFUSED = [b"//a/b", b"a//b", b"a/b/", b"a/./b", b"a/../a/b", b"..", b"..%2fb", b"a%2Fb",
               b"a/%2e%2e/b", b"a%5cb", b"a/b%00", b"a/b\n", b"a/b\t", b"a\xc0\xafb",
               b"a/\xc0\xae\xc0\xae/b", b"a/b\xff", b"a/\xc2\x85b", b"x" * 256, b"a/" * 64 + b"b"]
    TAKEN = ["a/b", "A/b", "a/b ", " a/b", "a/b.", "a\\b", "a%252fb", "a/%252e%252e/b", "a\uff0fb",
             "a\u2215b", "a/\u00e9", "a/e\u0301", "\ufeffa/b", "a/b\u200b", "a/b\u00a0", "a/\u202eb",
             "\u0430/b", "a/*", "**", "a/b*", "{{a}}", "~", "$HOME", "a/..."]

    def setUp(self):
        super().setUp()
        self.init()

    def test_what_is_refused_is_refused_by_every_command(self):
        self.ok("create", "a/b", given=b"kept")
        for path in self.REFUSED:
            for command in ("create", "update", "get", "delete", "list", "watch"):
                self.fails(INVALID, command, path, given=b"x", says="a path ")
            named = json.loads(environment(V=reference(path.decode("utf-8", "surrogateescape"))))
            value = json.dumps(named, ensure_ascii=False).encode("utf-8", "surrogateescape")
            self.fails(INVALID, "run", "--env", self.write("env", value), "--", "true")
        self.assertEqual(self.ok("get", "a/b"), b"kept")
        self.assertEqual(self.ok("list", "--recursive"), b"a/b\n")

    def test_what_is_taken_names_its_own_bytes(self):
        for path in self.TAKEN:
            self.ok("create", path, "-f", "-", given=path.encode())
        for path in self.TAKEN:
            self.assertEqual(self.ok("get", "/" + path), path.encode())
        self.assertEqual(sorted(json.loads(self.ok("list", "--recursive", "--json"))),
                         sorted(self.TAKEN))
        for path in self.TAKEN[::2]:
            self.ok("delete", "/" + path)
        for path in self.TAKEN[1::2]:
            self.assertEqual(self.ok("get", path), path.encode())


class Hiding(Case):
    """Secrets must not be seen by those who look at the process."""

    def setUp(self):
        super().setUp()
        self.init("--shares", "1")

    def blocked(self, *args):
        """A process that waits for a share on standard input."""
        process = self.start(*args, "--share", "-", key=False)
        self.addCleanup(self.finish, process)
        self.wait_until_it_reads(process)
        return process

    def test_value_on_the_command_line_is_overwritten(self):
        for args in (["-v", "CANARY-v"], ["--value=CANARY-v"], ["-vCANARY-v"]):
            process = self.blocked("create", "a", *args)
            with open(f"/proc/{process.pid}/cmdline", "rb") as file:
                cmdline = file.read()
            self.assertIn(b"create\0a\0", cmdline)
            self.assertNotIn(b"CANARY", cmdline)

    def test_process_dumps_no_core_and_is_nobodys_to_trace(self):
        process = self.blocked("get", "a")
        with open(f"/proc/{process.pid}/limits", encoding="ascii") as file:
            core, = [line.split() for line in file if line.startswith("Max core file size")]
        self.assertEqual(core[4], "0")
        if os.geteuid() != 0:
            with self.assertRaises(PermissionError):
                os.listdir(f"/proc/{process.pid}/fd")

    def test_misplaced_value_is_not_repeated(self):
        for args in (["create", "a", "CANARY"], ["get", "a", "CANARY"], ["--CANARY"], ["CANARY"],
                     ["create", "a", "--CANARY"], ["create", "a", "-xCANARY"]):
            self.fails(USAGE, *args)

    def test_control_characters_do_not_reach_the_terminal(self):
        err = self.fails(NOT_INITIALIZED, "--store", "lmdb:/x\x1b[2J\n/\u009b", "list")
        self.assertNotIn("\x1b", err)
        self.assertNotIn("\u009b", err)

    def test_stored_files_hold_neither_name_nor_value(self):
        self.ok("create", "hidden-name/inside", given=b"CANARY-stored")
        data = b""
        with open(self.path("store", "data.mdb"), "rb") as file:
            data = file.read(4 * MEBIBYTE)
        self.assertTrue(data)
        for word in (b"hidden-name", b"inside", b"CANARY"):
            self.assertNotIn(word, data)


class Seal(Case):
    def setUp(self):
        super().setUp()
        self.init()
        self.ok("create", "a", given=SECRET)

    def test_sealed_store_refuses_until_it_is_unsealed(self):
        self.assertFalse(self.status()["sealed"])
        self.ok("seal", key=False)
        self.assertTrue(self.status()["sealed"])
        env = self.write("e.json", environment(A=reference("a")))
        for args in (["get", "a"], ["list"], ["create", "b"], ["delete", "a"], ["rotate"],
                     ["run", "--env", env, "--", "true"]):
            self.fails(SEALED, *args, says="strongroom unseal")
        self.ok("seal", key=False)
        self.ok("unseal")
        self.assertFalse(self.status()["sealed"])
        self.assertEqual(self.ok("get", "a"), SECRET)

    def test_unsealing_needs_the_right_credential(self):
        self.ok("seal", key=False)
        self.fails(SEALED, "unseal", key=False)
        other = self.write("share", self.init_shares(1, 1, store="other")[0])
        self.fails(DENIED, "unseal", "--share", other)
        self.assertTrue(self.status()["sealed"])

    def test_running_process_notices_the_seal_of_another(self):
        waiting = self.start("create", "late")  # it unseals first, and reads the value then
        self.wait_until_it_reads(waiting)
        self.ok("seal", key=False)
        self.finish(waiting, b"the rest")
        self.assertEqual(waiting.returncode, SEALED, waiting.err)
        self.ok("unseal")
        self.fails(NOT_FOUND, "get", "late")

    def test_rotation_keeps_what_is_stored(self):
        before = self.status()["generation"]
        self.ok("rotate")
        self.assertGreater(self.status()["generation"], before)
        self.ok("create", "b", given=b"new")
        self.assertEqual(self.ok("get", "a"), SECRET)
        self.assertEqual(self.ok("get", "b"), b"new")
        self.fails(SEALED, "rotate", key=False)

    def test_status_tells_without_keys(self):
        text = self.ok("status", key=False).decode()
        self.assertIn("in use", text)
        self.assertIn(self.status()["store_id"], text)
        empty = "lmdb:" + self.path("empty")
        self.assertIn("not initialized", self.ok("--store", empty, "status", key=False).decode())
        self.assertFalse(json.loads(self.ok("--store", empty, "status", "--json"))["initialized"])
        self.fails(NOT_INITIALIZED, "--store", empty, "seal")
        self.fails(NOT_INITIALIZED, "--store", empty, "get", "a")
        self.assertFalse(os.path.exists(self.path("empty")), "looking makes nothing")


class RunEnvironment(Case):
    def setUp(self):
        super().setUp()
        self.init()
        self.ok("create", "my/secret", given=SECRET)

    def run_env(self, variables, *command, **more):
        return self.ok("run", "--env", self.write("env.json", environment(**variables)), "--",
                       *command, **more)

    def test_command_sees_plain_and_secret_variables(self):
        out = self.run_env({"S": reference("/my/secret", "username"), "P": "foo"}, "env",
                           env={"INHERITED": "yes", "P": "old"})
        lines = out.splitlines()
        for line in (b"S=my-user", b"P=foo", b"INHERITED=yes"):
            self.assertIn(line, lines)
        self.assertNotIn(b"P=old", lines)
        self.assertFalse([line for line in lines if line.startswith(b"STRONGROOM_")])

    LIST_DESCRIPTORS = ["sh", "-c", 'for fd in /proc/$$/fd/*; do [ ! -e $fd ] || echo ${fd##*/}; done']

    def test_command_inherits_no_descriptor_of_the_store(self):
        out = self.run_env({"S": reference("my/secret", "username")}, *self.LIST_DESCRIPTORS)
        self.assertEqual(out.split(), [b"0", b"1", b"2"])

    def test_any_bytes_but_nul_pass(self):
        self.ok("create", "bytes", "-f", "-", given=bytes(range(1, 256)))
        out = self.run_env({"B": reference("bytes")}, "sh", "-c", 'printf %s "$B"')
        self.assertEqual(out, bytes(range(1, 256)))
        self.ok("create", "nul", "-f", "-", given=b"CANARY\0x")
        self.fails(INVALID, "run", "--env", self.write("e", environment(N=reference("nul"))), "--",
                   "touch", self.path("started"), says="'N'")
        self.assertFalse(os.path.exists(self.path("started")))

    def test_nothing_starts_unless_all_resolves(self):
        started = self.path("started")
        for content, status in ((environment(A="x", B=reference("absent")), NOT_FOUND),
                                (environment(B=reference("my/secret", "absent")), NOT_FOUND),
                                ("CANARY", INVALID), ('{"variables":[{"name":"A"}]}', INVALID)):
            self.fails(status, "run", "--env", self.write("e", content), "--", "touch", started)
        self.fails(INVALID, "run", "--env", self.path("missing"), "--", "touch", started)
        self.assertFalse(os.path.exists(started))

    def test_too_long_value_is_told_before_the_start(self):
        self.ok("create", "long", given=b"x" * (128 * 1024 - 3))
        self.assertEqual(self.run_env({"L": reference("long")}, "sh", "-c", "echo ${#L}"),
                         b"131069\n")
        self.ok("update", "long", given=b"x" * (128 * 1024 - 2))
        self.fails(TOO_LARGE, "run", "--env", self.write("e", environment(L=reference("long"))),
                   "--", "true", says="--volumes")

    def test_status_is_the_commands_own(self):
        for code in (0, 1, 2, 77, 255):
            self.assertEqual(self.run_it("run", "--", "sh", "-c", f"exit {code}").returncode, code)
        self.assertEqual(self.run_it("run", "--", "sh", "-c", "kill -9 $$").returncode, 137)
        self.fails(127, "run", "--", "/no/such/command")
        self.fails(127, "run", "--", "no-such-command-anywhere")
        self.fails(126, "run", "--", self.write("plain", "text"))
        self.fails(USAGE, "run", "true")
        self.fails(USAGE, "run")
        self.fails(USAGE, "run", "--")

    def test_arguments_and_input_pass_unchanged(self):
        out = self.ok("run", "--", "sh", "-c", 'printf "[%s]" "$@"; cat', "sh", "--", "-v", "", "a b",
                      given=b"input")
        self.assertEqual(out, b"[--][-v][][a b]input")

    def test_path_of_the_new_environment_finds_the_command(self):
        os.mkdir(self.path("bin"))
        self.write("bin/only-here", "#!/bin/sh\necho found\n", 0o700)
        self.assertEqual(self.run_env({"PATH": self.path("bin") + ":/usr/bin:/bin"}, "only-here"),
                         b"found\n")

    def test_signals_are_passed_on(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1):
            process = self.start(
                "run", "--env", self.write("e", environment(S=reference("my/secret"))), "--", "sh",
                "-c", f"trap 'echo caught; exit 5' {int(number)}; echo ready; while :; do sleep 0.05; done")
            self.assertEqual(process.stdout.readline(), b"ready\n")
            process.send_signal(number)
            self.finish(process)
            self.assertEqual((process.returncode, process.out), (5, b"caught\n"), number)

    def test_signal_that_ends_the_command_is_told(self):
        process = self.start("run", "--", "sh", "-c", "echo ready; exec sleep 60")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGTERM)
        self.finish(process)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)

    def test_command_is_an_ordinary_process(self):
        script = ("grep -E '^(SigBlk|SigIgn)' /proc/self/status; ulimit -c; ulimit -l; ls -l /proc/self/fd"
                  " | wc -l; stat -c %u /proc/self/environ")
        resource.setrlimit(resource.RLIMIT_CORE, (4096, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_CORE,
                        (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        plain = subprocess.run(["sh", "-c", script], capture_output=True, stdin=subprocess.DEVNULL,
                               cwd=self.place, check=True).stdout
        self.assertEqual(self.run_env({"S": reference("my/secret")}, "sh", "-c", script,
                                      stdin=subprocess.DEVNULL), plain)

    def test_waiting_parent_shows_no_secret(self):
        out = self.run_env({"S": reference("my/secret", "password")}, "sh", "-c",
                           "tr '\\0' '\\n' </proc/$PPID/cmdline; cat /proc/$PPID/environ 2>/dev/null; :")
        self.assertIn(b"run\n", out)
        self.assertNotIn(b"my-password", out)


class RunVolumes(Case):
    """Secret files by mounts."""

    options = []

    def setUp(self):
        super().setUp()
        if not mount_namespaces_allowed():
            self.skipTest("mount namespaces are forbidden here")
        self.init()
        self.ok("create", "my/secret", given=SECRET)
        self.box = self.path("box")
        os.mkdir(self.box)
        if self.user is not None:
            os.chown(self.box, self.user, self.user)

    def args(self, volumes, *command):
        return ["run", *self.options, "--volumes", self.write("v.json", volumes), "--", *command]

    def shell(self, volumes, script, **more):
        return self.ok(*self.args(volumes, "sh", "-c", script), cwd=self.box, **more)

    def refused(self, status, volumes, **more):
        self.fails(status, *self.args(volumes, "touch", self.path("started")), cwd=self.box, **more)
        self.assertFalse(os.path.exists(self.path("started")))
        for root, _, names in os.walk(self.box):
            for name in names:
                if stat.S_ISREG(os.lstat(os.path.join(root, name)).st_mode):
                    self.assertNotIn(b"my-user", self.read(root, name))

    def test_file_holds_the_bytes_in_memory_and_vanishes(self):
        where = "path/to/secret/file"
        for mode, rights in (("RW", b"600"), ("RO", b"400")):
            out = self.shell(volume(where, reference("my/secret", "username"), mode),
                             f"cat {where}; echo; stat -c '%a %u' {where}; stat -f -c %T {where}")
            content, owner, kind = out.splitlines()
            self.assertEqual(content, b"my-user")
            self.assertEqual(owner.split(), [rights, str(self.user or os.geteuid()).encode()])
            self.assertIn(kind, (b"tmpfs", b"ramfs"))
            self.assertEqual(os.listdir(self.box), [])

    def test_outside_sees_an_empty_file(self):
        process = self.start(*self.args(volume("a/f", reference("my/secret")), "sh", "-c",
                                        "cat a/f >/dev/null && echo ready; read -r _"), cwd=self.box)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        self.assertEqual(self.read("box", "a", "f"), b"")
        with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
            self.assertNotIn(self.box, mounts.read())
        self.finish(process, b"\n")
        self.assertEqual((process.returncode, os.listdir(self.box)), (0, []))

    def test_read_only_is_honoured_and_read_write_stays_inside(self):
        self.write("box/f", "host")
        script = "(echo new >f) 2>/dev/null; echo $?; cat f"
        status, content = self.shell(volume("f", reference("my/secret"), "RO"), script).split(b"\n", 1)
        self.assertNotEqual(status, b"0")
        self.assertEqual(content, SECRET)
        self.assertEqual(self.shell(volume("f", reference("my/secret"), "RW"), script), b"0\nnew\n")
        self.assertEqual(self.read("box/f"), b"host")

    def test_there_is_no_second_way_to_the_file(self):
        two = [volume("a", reference("my/secret")), volume("b/c", reference("my/secret"), "RW")]
        before = self.mount_points(self.read("/proc/self/mountinfo"))
        inside = self.mount_points(self.shell(two, "cat /proc/self/mountinfo"))
        self.assertEqual(sorted(inside), sorted(before + [self.path("box/a"), self.path("box/b/c")]))
        left = self.shell(two, "ls -l /proc/self/fd | wc -l", stdin=subprocess.DEVNULL)
        plain = subprocess.run(["sh", "-c", "ls -l /proc/self/fd | wc -l"], capture_output=True,
                               stdin=subprocess.DEVNULL, check=True).stdout
        self.assertEqual(left, plain)

    def test_any_bytes_and_any_size(self):
        for content in (b"", bytes(range(256)), os.urandom(MEBIBYTE)):
            self.run_it("delete", "bytes")
            self.ok("create", "bytes", "--empty", "-f", "-", given=content)
            self.assertEqual(self.shell(volume("f", reference("bytes")), "cat f"), content)

    def test_what_was_there_stays(self):
        os.makedirs(self.path("box/kept/deeper"))
        if self.user is not None:
            os.chown(self.path("box/kept"), self.user, self.user)
        self.write("box/kept/file", "old")
        two = [volume("kept/file", reference("my/secret")), volume("kept/new/f", reference("my/secret"))]
        self.assertEqual(self.shell(two, "cat kept/file kept/new/f"), SECRET * 2)
        self.assertEqual(self.read("box/kept/file"), b"old")
        self.assertEqual(sorted(os.listdir(self.path("box/kept"))), ["deeper", "file"])

    def test_what_the_command_left_stays(self):
        self.shell(volume("new/f", reference("my/secret")), "echo result >new/result")
        self.assertEqual(os.listdir(self.path("box/new")), ["result"])

    def test_paths_outside_the_rules_are_refused(self):
        for path in ("../x", "a/../../x", "", ".", "a/", "a/.", "x" * 256):
            self.refused(INVALID, volume(path, reference("my/secret")))
        self.refused(INVALID, [volume("a", reference("my/secret")), volume("a", reference("my/secret"))])
        self.refused(INVALID, [volume("a", reference("my/secret")), volume("a/b", reference("my/secret"))])
        self.assertEqual(os.listdir(self.box), [])

    def test_links_lead_nowhere(self):
        os.mkdir(self.path("outside"))
        self.write("outside/file", "outside")
        os.symlink(self.path("outside"), self.path("box/dir"))
        os.symlink(self.path("outside/file"), self.path("box/file"))
        os.symlink(self.path("outside/none"), self.path("box/dangling"))
        for path in ("dir/f", "dir/file", "dir/sub/f", "file", "dangling"):
            self.refused(INVALID, volume(path, reference("my/secret")), says="link")
        self.assertEqual(os.listdir(self.path("outside")), ["file"])

    def test_something_else_in_the_place_is_refused(self):
        os.mkdir(self.path("box/dir"))
        os.mkfifo(self.path("box/fifo"))
        self.write("box/plain", "")
        for path in ("dir", "fifo", "plain/f"):
            self.refused(INVALID, volume(path, reference("my/secret")))
        self.refused(INVALID, [volume("made/f", reference("my/secret")),
                               volume("dir", reference("my/secret"))])
        self.assertEqual(sorted(os.listdir(self.box)), ["dir", "fifo", "plain"])

    def test_absolute_path_must_be_a_file_already(self):
        absent = self.path("absent/file")
        self.refused(INVALID, volume(absent, reference("my/secret")),
                     says=f"Absolute container path '{absent}' does not exist")
        there = self.write("there", "host")
        self.assertEqual(self.shell(volume(there, reference("my/secret")), f"cat {there}"), SECRET)
        self.assertEqual(self.read("there"), b"host")
        shown = self.shell(volume("/bin/touch", reference("my/secret")), "cat /bin/touch")
        self.assertEqual(shown, SECRET)

    def test_two_runs_in_one_place_do_not_disturb_each_other(self):
        both = [self.start(*self.args(volume("d/f", reference("my/secret")), "sh", "-c",
                                      "cat d/f; echo; read -r _; cat d/f"), cwd=self.box)
                for _ in range(2)]
        for process in both:
            self.assertEqual(process.stdout.readline().strip(), SECRET)
        for process in both:
            self.finish(process, b"\n")
            self.assertEqual((process.returncode, process.out), (0, SECRET), process.err)

    def test_failing_command_leaves_nothing(self):
        self.fails(127, *self.args(volume("d/f", reference("my/secret")), "/no/such/command"),
                   cwd=self.box)
        self.assertEqual(os.listdir(self.box), [])

    def test_killed_command_leaves_nothing(self):
        process = self.start(*self.args(volume("d/f", reference("my/secret")), "sh", "-c",
                                        "echo ready; exec sleep 60"), cwd=self.box)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGTERM)
        self.finish(process)
        self.assertEqual((process.returncode, os.listdir(self.box)), (143, []))

    def test_environment_and_files_together(self):
        env = self.write("e.json", environment(S=reference("my/secret", "username")))
        out = self.ok("run", *self.options, "--env", env, "--volumes", "-", "--", "sh", "-c",
                      'echo "$S"; cat f', given=json.dumps({"volumes": [
                          volume("f", reference("my/secret", "password"))]}).encode(), cwd=self.box)
        self.assertEqual(out, b"my-user\nmy-password")


class AsNobody(Case):
    """A user without rights, which only root can become."""

    user = 65534

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        if self.try_as_nobody(PROGRAM, "--version") != 0:
            self.skipTest("the program lies where only root may go")
        super().setUp()

    def try_as_nobody(self, *command):
        try:
            return subprocess.run(command, user=self.user, group=self.user, extra_groups=[],
                                  capture_output=True, cwd="/").returncode
        except PermissionError:
            return 126


def sanitized(*kinds):
    """Whether the program was built with one of these sanitizers."""
    with open(PROGRAM, "rb") as program:
        content = program.read()
    return any(f"__{kind}_init".encode() in content for kind in kinds)


class RunVolumesAsNobody(AsNobody, RunVolumes):
    """The same in a user namespace."""

    def setUp(self):
        super().setUp()
        if self.try_as_nobody("unshare", "-Urm", "true") != 0:
            self.skipTest("user namespaces are forbidden here")
        if sanitized("tsan"):
            self.skipTest("ThreadSanitizer's own thread keeps the program out of a user namespace")


class LittleMemory(AsNobody):
    def setUp(self):
        if sanitized("asan", "tsan"):
            self.skipTest("under sanitizers every lock of memory seems to succeed")
        super().setUp()

    def limited(self, memlock, *args, **more):
        def limit():
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (memlock, memlock))
        return self.start(*args, preexec_fn=limit, **more)

    def test_memory_that_cannot_be_locked_is_an_error_unless_allowed(self):
        self.init("--max-secret-size", str(4 * MEBIBYTE))
        value = os.urandom(3 * MEBIBYTE)
        for allowed, status in ([], UNAVAILABLE), (["--allow-unlocked"], 0):
            done = self.finish(self.limited(MEBIBYTE, *allowed, "create", "a", "-f", "-"), value)
            self.assertEqual(done.returncode, status, done.err)
            self.assertEqual("RLIMIT_MEMLOCK" in done.err, status != 0)
        self.assertEqual(self.ok("get", "a", "--allow-unlocked"), value)

    def test_as_many_variables_as_a_message_holds_need_little_memory(self):
        self.init()
        number = 50_000
        text = json.dumps({"variables": [{"name": f"V{i}", "value": "x"} for i in range(number)]}, separators=(",", ":"))
        args = ["run", "--env", self.write("many", text), "--"]
        count = "import os; print(sum(v == 'x' for n, v in os.environ.items() if n[0] == 'V'))"
        done = self.finish(self.limited(8 * MEBIBYTE, *args, "python3", "-c", count))
        self.assertEqual((done.returncode, done.out.split()), (0, [str(number).encode()]), done.err)
        done = self.finish(self.limited(8 * MEBIBYTE, "run", "--env", self.write("more", text + " " * MEBIBYTE), "--",
                                        "true"))
        self.assertEqual(done.returncode, TOO_LARGE, done.err)
        self.assertIn("1572864", done.err)


class RunMemfds(Case):
    """Secret files where namespaces are forbidden."""

    def setUp(self):
        super().setUp()
        self.init()
        self.ok("create", "my/secret", given=SECRET)
        self.box = self.path("box")
        os.mkdir(self.box)

    def shell(self, volumes, script):
        done = self.run_it("run", "--no-namespace", "--volumes", self.write("v.json", volumes), "--",
                           "sh", "-c", script, cwd=self.box)
        self.assertEqual(done.returncode, 0, done.err)
        self.assertEqual(done.err.count("\n"), 1, done.err)
        self.assertIn("memfd", done.err)
        return done.out

    def test_file_is_a_sealed_memfd_behind_a_link(self):
        out = self.shell([volume("a/f", reference("my/secret")), volume("g", reference("my/secret"), "RW")],
                         "cat a/f g; stat -f -c %T -L a/f; (echo x >g) 2>/dev/null || echo sealed; readlink a/f")
        self.assertTrue(out.startswith(SECRET * 2), out)
        kind, sealed, link = out[2 * len(SECRET):].splitlines()
        self.assertEqual((kind, sealed), (b"tmpfs", b"sealed"))
        self.assertRegex(link, rb"\A/proc/self/fd/\d+\Z")
        self.assertEqual(os.listdir(self.box), [])

    def test_the_seals_hold_against_the_command_itself(self):
        out = self.shell(volume("f", reference("my/secret")),
                         f"exec {sys.executable} -c 'import fcntl, os; "
                         "print(fcntl.fcntl(int(os.readlink(\"f\").split(\"/\")[-1]), 1034))'")
        self.assertEqual(int(out) & 0xf, 0xf)  # F_GET_SEALS: seal, shrink, grow, write

    def test_what_cannot_be_covered_is_refused(self):
        self.write("box/there", "host")
        for path, status in (("there", INVALID), (self.path("box/there"), UNSUPPORTED)):
            self.fails(status, "run", "--no-namespace", "--volumes",
                       self.write("v.json", volume(path, reference("my/secret"))), "--", "true",
                       cwd=self.box)
        self.assertEqual(self.read("box/there"), b"host")
        self.assertEqual(os.listdir(self.box), ["there"])


class Watch(Case):
    """Lines of a running `watch`, while others write."""

    def setUp(self):
        super().setUp()
        self.init()
        self.ok("create", "db/old", given=b"1")

    def watch(self, *args, **more):
        """Starts it, and waits until it tells of what is written now."""
        watching = self.start("watch", *args, **more)
        self.addCleanup(watching.communicate)
        self.addCleanup(watching.kill)
        os.set_blocking(watching.stdout.fileno(), False)
        self.seen = b""
        marker = (args[0] + "/" if args and args[0][0] != "-" else "") + "begun"
        self.ok("create", marker, given=b"0")
        for _ in range(100):
            if self.lines(watching, 1, patience=0.3):
                break
            self.ok("update", marker, given=b"1")
        # Later updates of the marker may come as a second line.
        while any(marker in line for line in self.lines(watching, 1, patience=0.6)):
            pass
        return watching

    def lines(self, watching, number, patience=30):
        """The next lines, or those that came until patience ended."""
        deadline = time.monotonic() + patience
        while self.seen.count(b"\n") < number and time.monotonic() < deadline:
            if select.select([watching.stdout], [], [], 0.1)[0]:
                more = watching.stdout.read()
                if more == b"":
                    break
                self.seen += more or b""
        *whole, rest = self.seen.decode().split("\n")
        self.seen = "".join(line + "\n" for line in whole[number:]).encode() + rest.encode()
        return whole[:number]

    def test_changes_come_a_line_each(self):
        watching = self.watch()
        self.ok("update", "db/old", given=b"2")
        self.assertEqual(self.lines(watching, 1), ["changed 2 db/old"])
        self.ok("create", "new/deep/secret", given=SECRET)
        self.assertEqual(self.lines(watching, 1), ["changed 1 new/deep/secret"])
        self.ok("delete", "db/old")
        self.assertEqual(self.lines(watching, 1), ["deleted 3 db/old"])

    def test_json_is_an_object_a_line(self):
        watching = self.watch("db", "--json")
        self.ok("create", "elsewhere", given=b"x")
        self.ok("create", 'db/a"b', given=SECRET)
        self.assertEqual([json.loads(line) for line in self.lines(watching, 1)],
                         [{"path": 'db/a"b', "change": "changed", "revision": 1}])
        self.assertEqual(self.lines(watching, 1, patience=0.5), [])

    def test_rotation_and_reencryption_change_nothing(self):
        watching = self.watch()
        self.ok("rotate")
        self.ok("reencrypt", "--duty", "100")
        self.assertEqual(self.lines(watching, 1, patience=0.7), [])

    def test_it_ends_when_its_time_is_over(self):
        begin = time.monotonic()
        self.assertEqual(self.ok("watch", "--for", "0.5"), b"")
        self.assertLess(time.monotonic() - begin, 10)

    def test_signals_end_it_at_once(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            watching = self.start("watch")
            self.addCleanup(watching.kill)
            time.sleep(0.3)
            watching.send_signal(number)
            begin = time.monotonic()
            self.finish(watching)
            self.assertEqual((watching.returncode, watching.err), (-number, ""))
            self.assertLess(time.monotonic() - begin, 5)

    def test_seal_ends_it(self):
        watching = self.watch()
        self.ok("seal", key=False)
        self.assertEqual(watching.wait(timeout=30), SEALED)
        self.assertIn(b"sealed", watching.stderr.read())

    def test_a_fresh_read_is_a_read(self):
        self.assertEqual(self.ok("get", "db/old", "--fresh"), b"1")
        self.assertEqual(self.ok("get", "db/old", "--fresh", "--json").count(b"revision"), 1)
        self.fails(NOT_FOUND, "get", "none", "--fresh")


class ZkAuth(Case):
    """Credentials for ZooKeeper, as far as no server is needed. A storage elsewhere needs none."""

    def setUp(self):
        super().setUp()
        self.init()
        self.secrets.append(b"zk-canary")
        self.ok("create", "a", given=SECRET)

    def test_other_storages_take_no_notice(self):
        self.ok("get", "a", env={"STRONGROOM_ZK_AUTH": "no line at all"})
        self.ok("get", "a", "--zk-auth-file", "/absent")

    def test_credentials_are_looked_at_before_any_server(self):
        nowhere = ["--store", "zk://127.0.0.1:1/x", "--timeout", "1"]
        open_to_all = self.write("open", "u:zk-canary", mode=0o644)
        self.fails(DENIED, "status", *nowhere, "--zk-auth-file", open_to_all, says="chmod 600")
        self.fails(INVALID, "status", *nowhere, env={"STRONGROOM_ZK_AUTH": "zk-canary"},
                   says="user:password")
        self.fails(INVALID, "zk-reauth", "--new-zk-auth-file", open_to_all, says="zk://")
        self.fails(DENIED, "zk-reauth", *nowhere, "--new-zk-auth-file", open_to_all,
                   says="chmod 600")

    def test_the_environment_is_wiped_and_not_handed_on(self):
        env = {"STRONGROOM_ZK_AUTH": "u:zk-canary"}
        out = self.ok("run", "--env", self.write("e.json", environment(A="b")), "--", "sh", "-c",
                      "env; tr '\\0' '\\n' </proc/$PPID/environ 2>/dev/null; :", env=env)
        self.assertIn(b"A=b", out)
        self.assertNotIn(b"zk-canary", out)
        self.assertNotIn(b"ZK_AUTH", self.ok("run", "--", "env", env=env))


class Usage(Case):
    """Mistakes on the command line are named, and the way out with them."""

    def says(self, *args, **more):
        return self.fails(USAGE, *args, **more)

    def test_unknown_option_is_named_and_the_nearest_suggested(self):
        for args, says in (
                (["list", "--recusive"], "unknown option '--recusive'; did you mean --recursive?\n"),
                (["list", "--recurs"], "did you mean --recursive?\n"),
                (["list", "-recursive"], "unknown option '-recursive'; did you mean --recursive?\n"),
                (["get", "a", "-k"], "unknown option '-k'; did you mean --key?\n"),
                (["--sotre", "memory:", "list"], "did you mean --store?\n"),
                (["policy", "check", "--jsn"], "did you mean --json?\n"),
                (["get", "a", "-r"], "unknown option '-r'; did you mean --raw?\n"),
                (["list", "-q"], "unknown option '-q'; see 'strongroom list --help'\n"),
                (["list", "--quite-another"], "unknown option '--quite-another'; see ")):
            self.says(*args, says=says)

    def test_unknown_command_is_named_and_the_nearest_suggested(self):
        for args, says in ((["inti"], "unknown command 'inti'; did you mean init?\n"),
                           (["stat"], "did you mean status?"), (["udpate"], "did you mean update?"),
                           (["policy", "chek"], "unknown policy command 'chek'; did you mean check?"),
                           (["completion", "bsh"], "did you mean bash?"),
                           (["nonsense"], "unknown command 'nonsense'; see 'strongroom --help'")):
            self.says(*args, says=says)

    def test_misplaced_secret_is_repeated_by_no_suggestion(self):
        for args in (["create", "a", "--valeu=CANARY"], ["create", "a", "-vlaue=CANARY", "CANARY"],
                     ["list", "--recusive=CANARY"], ["run", "CANARY"], ["policy", "CANARY"],
                     ["--timeout", "CANARY", "list"], ["slot-remove", "CANARY"], ["completion", "CANARY"],
                     ["create", "a", "--json=CANARY"], ["list", "--json=CANARY"]):
            self.says(*args)

    def test_missing_dashes_of_run_are_named_with_what_to_type(self):
        self.says("run", "--env", "f.json", "printenv", "X",
                  says="'--' is missing before the command to run; type: strongroom run --env FILE -- COMMAND")
        self.says("run", "sh", "-c", "true", says="type: strongroom run -- COMMAND...")

    def test_what_is_missing_or_too_much_is_named(self):
        for args, says in ((["get"], "PATH is missing"), (["get", "a", "b"], "'get' takes only PATH"),
                           (["status", "a"], "'status' takes no argument"), (["policy"], "'policy' needs a command"),
                           (["get", "a", "--key"], "--key needs a value"), ([], "no command was given"),
                           (["list", "--json=x"], "--json takes no value"),
                           (["--store", "memory:", "--store", "memory:", "list"], "--store was given twice"),
                           (["reencrypt", "--duty", "101"], "--duty takes a number from 1 to 100"),
                           (["reencrypt", "--duty", "1x"], "--duty takes a number"),
                           (["watch", "--for", "nan"], "--for takes seconds"),
                           (["get", "a", "--json", "--raw"], "--json and --raw exclude each other")):
            self.says(*args, says=says)

    def test_letter_r_is_short_for_recursive(self):
        self.init()
        self.ok("create", "my/secret", given=SECRET)
        self.assertEqual(self.ok("list", "-r"), b"my/secret\n")
        self.assertEqual(self.ok("list", "my", "-r", "--json"), b'["secret"]\n')

    def test_a_sealed_store_has_two_scopes(self):
        text = self.ok("seal", "--help").decode()
        for scope in ("this process", "everywhere"):
            self.assertIn(scope, text)


class StrictJson(Case):
    """Mesos ignores members that it does not know. Whoever writes a file for `run` does not want that."""

    def setUp(self):
        super().setUp()
        self.init()
        self.ok("create", "my/secret", given=SECRET)

    def refused(self, option, content, says):
        file = self.write("it.json", content)
        self.fails(INVALID, "run", option, file, "--", "touch", self.path("started"), says=says)
        self.assertFalse(os.path.exists(self.path("started")))

    def test_environment_without_variables_is_refused(self):
        for content in ("{}", '{"variables": null}', " { } "):
            self.refused("--env", content, "has no member 'variables'")
        self.assertEqual(self.ok("run", "--env", self.write("e", '{"variables": []}'), "--", "echo", "x"), b"x\n")

    def test_misspelt_members_are_named_with_their_place(self):
        good = {"name": "A", "value": "CANARY"}
        secret = {"type": "SECRET", "name": "B", "secret": reference("my/secret", "username")}
        for content, says in (
                ({"variable": [good]}, "unknown member 'variable'; did you mean variables?"),
                ({"variables": [good, {"name": "A", "vlaue": "CANARY"}]},
                 "unknown member 'vlaue' in variables[1]; did you mean value?"),
                ({"variables": [good], "vars": [good]}, "unknown member 'vars'"),
                ({"variables": [dict(secret, secret={"type": "REFERENCE", "refrence": {"name": "my/secret"}})]},
                 "unknown member 'refrence' in variables[0].secret; did you mean reference?"),
                ({"variables": [dict(secret, secret={"type": "REFERENCE",
                                                     "reference": {"name": "my/secret", "ky": "CANARY"}})]},
                 "unknown member 'ky' in variables[0].secret.reference"),
                ({"variables": {"name": "A", "Value": "CANARY"}},
                 "unknown member 'Value' in variables; did you mean value?"),
                ({"variables": [good], "a secret, CANARY": 1}, ": unknown member\n")):
            self.refused("--env", content, says)

    def test_misspelt_members_of_volumes_are_named(self):
        one = volume("f", reference("my/secret"))
        for content, says in (({"volume": [one]}, "unknown member 'volume'; did you mean volumes?"),
                              ([one, dict(one, mod="RO")], "unknown member 'mod' in [1]; did you mean mode?"),
                              ({"volumes": [dict(one, source={"type": "SECRET", "secrte": {}})]},
                               "unknown member 'secrte' in volumes[0].source; did you mean secret?"),
                              (dict(one, container="x"), "unknown member 'container'")):
            self.refused("--volumes", content, says)

    def test_misspelt_member_of_a_message_does_not_widen_it(self):
        message = {"type": "REFERENCE", "reference": {"name": "my/secret", "kye": "username"}}
        self.fails(INVALID, "resolve", self.write("m.json", message),
                   says="unknown member 'kye' in reference; did you mean key?")

    def test_what_mesos_knows_is_accepted_in_any_layout(self):
        text = ('{ "variables" :[ {"name":"A","type":"VALUE","value":"a \\"quoted\\" ] } {"},\n\t'
                '[{"name":"N","value":"","secret":null}]] }')
        out = self.ok("run", "--env", self.write("e", text), "--", "sh", "-c", 'echo "$A"')
        self.assertEqual(out, b'a "quoted" ] } {\n')

    def test_what_is_no_json_is_left_to_the_parser(self):
        for content in ('{"variables": [', '{"variables" [', '{"variables": [{"name": "CANARY', "[" * 100, "{,}",
                        '{"variables": [{"name": "A" "value": "CANARY"}]}'):
            self.refused("--env", content, "a JSON text was refused at byte")


class EmptyInput(Case):
    def setUp(self):
        super().setUp()
        self.init()

    def test_empty_standard_input_is_no_value_unless_allowed(self):
        for args in ([], ["-t", "-"], ["-f", "-"], ["-v", "-"], ["-f"]):
            self.fails(INVALID, "create", "a", *args, given=b"",
                       says="standard input is empty; give --empty to store an empty value")
            self.fails(NOT_FOUND, "get", "a")
        self.ok("create", "a", given=b"kept")
        self.fails(INVALID, "update", "a", given=b"", says="--empty")
        self.assertEqual(self.ok("get", "a"), b"kept")
        self.ok("update", "a", "--empty", given=b"")
        self.assertEqual(self.ok("get", "a"), b"")
        self.ok("update", "a", "--empty", given=b"it is only allowed")
        self.assertEqual(self.ok("get", "a"), b"it is only allowed")

    def test_closed_standard_input_is_an_empty_one(self):
        def closed():
            os.close(0)
        refused = self.finish(self.start("create", "a", preexec_fn=closed))
        self.assertEqual(refused.returncode, INVALID)
        self.assertIn("standard input is empty; give --empty", refused.err)
        taken = self.finish(self.start("create", "a", "--empty", preexec_fn=closed))
        self.assertEqual((taken.returncode, taken.err), (0, ""))
        self.assertEqual(self.ok("get", "a"), b"")

    def test_empty_file_is_a_value_that_somebody_named(self):
        self.ok("create", "a", "-t", self.write("nothing", ""))
        self.assertEqual(self.ok("get", "a"), b"")

    def test_failed_command_before_the_pipe_replaces_nothing(self):
        self.ok("create", "a", given=b"kept")
        script = f"false | {shlex.quote(PROGRAM)} update a"
        self.assertNotEqual(subprocess.run(["sh", "-c", script], env=self.environ(), capture_output=True,
                                           check=False).returncode, 0)
        self.assertEqual(self.ok("get", "a"), b"kept")


class ByteOrderMark(Case):
    """What some editors put before a text, and no editor shows."""

    MARK = b"\xef\xbb\xbf"
    SAYS = "begins with a byte order mark (BOM); save it without"

    def marked(self, name, text):
        return self.write(name, self.MARK + (text if isinstance(text, bytes) else text.encode()))

    def setUp(self):
        super().setUp()
        self.init("--shares", "1")
        self.share = self.secrets[-2]

    def test_text_value_is_refused_and_binary_kept_as_it_is(self):
        value = self.MARK + b"CANARY"
        for args, given in (([], value), (["-t", self.write("v", value)], b""), (["-v", value], b"")):
            self.fails(INVALID, "create", "a", *args, given=given,
                       says="the value " + self.SAYS + ", or store its bytes as they are with -f")
        self.ok("create", "a", "-f", "-", given=value)
        self.assertEqual(self.ok("get", "a"), value)
        self.ok("create", "b", given=b"CANARY" + self.MARK)
        self.assertEqual(self.ok("get", "b"), b"CANARY" + self.MARK)

    def test_every_text_that_is_read_is_named(self):
        env = environment(A="CANARY")
        for args, what in (
                (["list", "--key-file", self.marked("k", self.read("key"))], "the key file '"),
                (["list", "--share", self.marked("s", self.share)], "the share in '"),
                (["list", "--pgp-private-key", self.marked("p", "x")], "the private key '"),
                (["list", "--pgp-private-key", self.write("q", "x"), "--pgp-passphrase-file",
                  self.marked("w", "CANARY")], "the passphrase file '"),
                (["list", "--anchor", self.marked("a", "x")], "the anchor in '"),
                (["run", "--env", self.marked("e", env), "--", "true"], "the environment in '"),
                (["run", "--volumes", self.marked("v", "[]"), "--", "true"], "the volumes in '"),
                (["resolve", self.marked("m", json.dumps(reference("a")))], "the message in '"),
                (["slot-add", "--pgp-key", self.marked("g", "x")], "the OpenPGP key in '"),
                (["policy", "check", self.marked("d.json", "{}")], "the policy in '"),
                (["policy", "put", "d", self.marked("d.json", "{}")], "the policy in '"),
                (["policy", "test", self.marked("t", "allow anyone read")], "the expectations in '"),
                (["--store", "zk://127.0.0.1:1/x", "status", "--zk-auth-file", self.marked("z", "u:CANARY")],
                 "the file with ZooKeeper credentials '"),
                (["--store", "zk://127.0.0.1:1/x", "zk-reauth", "--new-zk-auth-file",
                  self.marked("n", "u:CANARY")], "the file with ZooKeeper credentials '")):
            err = self.fails(INVALID, *args, says=self.SAYS)
            self.assertTrue(err.startswith("strongroom: " + what), err)

    def test_standard_input_and_environment_are_no_exception(self):
        self.fails(INVALID, "list", "--share", "-", given=self.MARK + self.share, key=False,
                   says="the share in standard input " + self.SAYS)
        self.fails(INVALID, "policy", "check", "-", given=self.MARK + b"{}", says=self.SAYS)
        self.fails(INVALID, "list", key=False, env={"STRONGROOM_KEY": (self.MARK + self.share).decode()},
                   says="STRONGROOM_KEY " + self.SAYS)
        os.mkdir(self.path("credentials"))
        self.marked("credentials/strongroom.key", self.share)
        self.fails(INVALID, "list", key=False, env={"CREDENTIALS_DIRECTORY": self.path("credentials")},
                   says="the systemd credential in '")


class ClosedPipe(Case):
    """A reader that has enough, as in `strongroom list | head`, is no error."""

    def setUp(self):
        super().setUp()
        self.init()
        self.ok("create", "a", given=SECRET)

    def into_closed_pipe(self, *args, **more):
        reader, writer = os.pipe()
        os.close(reader)
        try:
            return self.run_it(*args, stdout=writer, **more)
        finally:
            os.close(writer)

    def test_every_command_that_prints_ends_quietly_by_the_signal(self):
        backup = self.path("backup")
        self.ok("backup", backup)
        policy = self.write("p.json", {"version": 1, "rules": [
            {"to": ["user:a"], "allow": ["read"], "paths": ["a"]}]})
        message = self.write("m.json", reference("a"))
        for args in (["--help"], ["--version"], ["get", "--help"], ["status"], ["status", "--json"], ["get", "a"],
                     ["get", "a", "--json"], ["list"], ["list", "--json"], ["doctor"], ["doctor", "--json"],
                     ["anchor"], ["slots"], ["resolve", message], ["backup", "-"], ["backup-verify", backup],
                     ["policy", "check", policy], ["policy", "who-can", "read", "a", "--policy", policy],
                     ["policy", "explain", "user:a", "read", "a", "--policy", policy], ["completion", "zsh"],
                     ["slot-add", "--environment"], ["slot-add", "--shares", "2", "--json"]):
            done = self.into_closed_pipe(*args)
            self.assertEqual((done.returncode, done.err), (-signal.SIGPIPE, ""), args)

    def test_nothing_half_done_stays(self):
        before = json.loads(self.ok("slots", "--json"))
        for args in (["slot-add", "--new-key-file", self.path("n")], ["slot-add", "--shares", "3"], ["rekey", "--shares", "2"]):
            self.assertEqual(self.into_closed_pipe(*args).returncode, -signal.SIGPIPE, args)
        self.assertEqual(json.loads(self.ok("slots", "--json")), before)
        self.assertFalse(os.path.exists(self.path("n")))

    def test_change_that_took_effect_succeeds(self):
        for args in (["rotate"], ["seal"], ["unseal"], ["backup", self.path("b")]):
            done = self.into_closed_pipe(*args)
            self.assertEqual((done.returncode, done.err), (0, ""), args)

    def test_head_of_a_long_list_is_all_there_is(self):
        self.ok("create", "long", given=b"line\n" * 100_000)  # more than a pipe holds
        script = f"{shlex.quote(PROGRAM)} get long | head -1; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", script], env=self.environ(), capture_output=True, check=True)
        self.assertEqual((done.stdout, done.stderr), (b"line\n141\n", b""))

    def test_ignored_signal_ends_as_quietly(self):
        done = self.into_closed_pipe("list", restore_signals=False)
        self.assertEqual((done.returncode, done.err), (128 + signal.SIGPIPE, ""))


class Help(Case):
    COMMANDS = ("init status unseal seal doctor anchor slots slot-add slot-remove slot-replace rekey "
                "rotate reencrypt retire backup backup-verify restore migrate zk-reauth "
                "create update get list watch delete resolve run docker-credential policy audit completion").split()

    def test_help_and_version_need_no_store(self):
        text = self.ok("--help", env={"STRONGROOM_STORE": ""}).decode()
        for command in self.COMMANDS:
            self.assertIn(command, text)
        for word in ("Exit status", "STRONGROOM_STORE", "STRONGROOM_KEY_FILE", "--share"):
            self.assertIn(word, text)
        self.assertRegex(self.ok("--version").decode(), r"\Astrongroom \d+\.\d+\.\d+\n\Z")

    def test_every_command_has_help_with_an_example(self):
        for command in self.COMMANDS:
            text = self.ok(command, "--help").decode()
            self.assertIn("Example", text, command)
            self.assertIn("strongroom " + command, text)
            self.assertLessEqual(max(map(len, text.splitlines())), 100, command)
            self.assertIn(f"Usage: strongroom {command}", text)
        self.assertIn("can see", self.ok("create", "--help").decode())

    def test_nonsense_is_a_usage_error(self):
        for args in ([], ["nonsense"], ["get"], ["get", "a", "b"], ["completion", "tcsh"],
                     ["--timeout", "x", "list"], ["--timeout", "-1", "list"], ["create"],
                     ["list", "--share"], ["get", "a", "--key"], ["watch", "a", "b"],
                     ["watch", "--for", "0"], ["watch", "--for", "x"], ["zk-reauth"]):
            self.fails(USAGE, *args, says="--help")

    def test_options_may_stand_behind_the_command(self):
        self.ok("init", "--store", self.url, "--key-file", self.key_file, key=False,
                env={"STRONGROOM_STORE": ""})
        self.ok("list", "--store", self.url, "--key-file", self.key_file, "--timeout", "1.5",
                "--allow-unlocked", key=False, env={"STRONGROOM_STORE": ""})

    def bash_completes(self, *words):
        self.write("complete.bash", self.ok("completion", "bash"))
        script = (f"source {shlex.quote(self.path('complete.bash'))}; "
                  f"PATH={shlex.quote(os.path.dirname(PROGRAM))}:$PATH; "
                  'COMP_WORDS=(strongroom "$@"); COMP_CWORD=$#; _strongroom; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, check=True,
                              env=self.environ(), cwd=self.place)
        return done.stdout.decode().split("\n")[:-1]

    def test_bash_completes_commands_options_files_and_names(self):
        self.init()
        self.ok("create", "my/secret", given=SECRET)
        self.ok("create", "my other", given=SECRET)
        self.assertEqual(self.bash_completes("se"), ["seal"])
        self.assertEqual(self.bash_completes("--store", "lmdb:/x", "un"), ["unseal"])
        self.assertEqual(self.bash_completes("slot-re"), ["slot-remove", "slot-replace"])
        self.assertEqual(self.bash_completes("--anchor", "x", "rekey", "--ver"), ["--verify"])
        self.assertEqual(self.bash_completes("get", "my/"), ["my/secret"])
        self.assertEqual(self.bash_completes("delete", ""), ["my\\ other", "my/secret"])
        self.assertEqual(self.bash_completes("get", "--ra"), ["--raw"])
        self.assertEqual(self.bash_completes("watch", "my/"), ["my/secret"])
        self.assertEqual(self.bash_completes("--zk-auth-file", "x", "zk"), ["zk-reauth"])
        self.assertEqual(self.bash_completes("completion", ""), ["bash", "zsh", "fish"])
        self.write("env.json", "{}")
        self.assertEqual(self.bash_completes("run", "--env", "env"), ["env.json"])
        self.assertEqual(self.bash_completes("get", "--key", "x", "my/"), ["my/secret"])
        self.assertEqual(self.bash_completes("--store", "lm"), ["lmdb:/"])
        self.assertEqual(self.bash_completes("migrate", "zk"), ["zk://"])
        self.assertEqual(self.bash_completes("init", "--pgp-bits", ""), ["2048", "3072", "4096"])
        self.assertEqual(self.bash_completes("policy", "explain", "user:a", "re"), ["read", "resolve", "rekey"])
        self.assertEqual(self.bash_completes("create", "my"), [""])

    def test_completions_of_all_shells_are_printed(self):
        for shell in ("bash", "zsh", "fish"):
            text = self.ok("completion", shell).decode()
            for command in self.COMMANDS:
                self.assertIn(command, text, shell)
        for shell in ("bash", "zsh", "fish"):
            if shutil.which(shell):
                subprocess.run([shell, "-n", self.write("c." + shell, self.ok("completion", shell))], check=True)

    def test_completions_hold_every_option_of_every_command(self):
        texts = {shell: self.ok("completion", shell).decode() for shell in ("bash", "zsh", "fish")}
        options = 0
        for command in self.COMMANDS:
            for option in re.findall(r"^  .*?--([a-z-]+)", self.ok(command, "--help").decode(), re.MULTILINE):
                options += 1
                for shell, text in texts.items():
                    self.assertIn("-l " + option if shell == "fish" else "--" + option, text, (shell, command))
        self.assertGreater(options, 100)


def main(names):
    """names are those of the file that is run: globals()."""
    global PROGRAM
    if sys.argv[1:] == ["--cases"]:
        for name, what in names.items():
            if isinstance(what, type) and issubclass(what, Case):
                methods = unittest.defaultTestLoader.getTestCaseNames(what)
                print(*([f"{name}.{method}" for method in methods] if what.ONE_BY_ONE
                        else [name][:len(methods)]))
        return
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    # Whoever started us in the background may have left these ignored, and what we start inherits that.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    result = unittest.main(verbosity=2, exit=False).result
    if result.wasSuccessful() and len(result.skipped) == result.testsRun:
        sys.exit(77)  # meson: skipped
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main(globals())
