#!/usr/bin/env python3
"""Every option and argument that names a file to read, with every bad input: cli_bad_input_test.py PROGRAM [CASE...].

An option that is new fails `test_every_option_that_reads_a_file_has_a_row` until it has a row here.
"""
import codecs
import errno
import os
import re
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # the sources stay as they are
import cli_test
from cli_test import INVALID, SECRET, TOO_LARGE

CORRUPT = 20
GIBIBYTE = 1 << 30
NOWHERE = ["--store", "zk://127.0.0.1:1/x", "--timeout", "1"]
POLICY = '{"version": 1, "rules": [{"to": ["anyone"], "allow": ["read"], "paths": ["db/**"]}]}\n'
MESSAGE = '{"name": "x", "type": "REFERENCE", "reference": {"name": "my/secret"}}\n'
# Files that are made, and words that are no file.
NEW_FILES = {"--generate-pgp-key", "--new-key-file", "backup FILE"}


class Row:
    def __init__(self, args, content, *, text=True, empty=INVALID, huge=TOO_LARGE, engine=False):
        """args: the command, with None in place of the file.  content: a good file, as text.
        text: a mark and UTF-16 are refused.  empty, huge: the status; 0 where it is taken.
        engine: the engine reads the file itself, and takes only files."""
        self.args, self.content, self.text, self.empty = args, content, text, empty
        self.huge, self.engine = huge, engine

    def command(self, file):
        return [file if word is None else word for word in self.args]


ROWS = {
    "--key-file": Row(["list", "--key-file", None], "KEY"),
    "--share": Row(["list", "--share", None], "KEY"),
    "--share-back": Row(["slot-add", "--shares", "1", "--share-back", None], "KEY"),
    "--anchor": Row(["status", "--anchor", None], "ANCHOR"),
    "--pgp-private-key": Row(["list", "--pgp-private-key", None], "no key\n"),
    "--pgp-passphrase-file": Row(["list", "--pgp-private-key", "GOOD", "--pgp-passphrase-file", None], "x\n",
                                 empty=None),
    "--zk-auth-file": Row(["status", *NOWHERE, "--zk-auth-file", None], "u:p\n"),
    "--to-zk-auth-file": Row(["migrate", "STORE", NOWHERE[1], "--timeout", "1", "--to-zk-auth-file", None], "u:p\n"),
    "--new-zk-auth-file": Row(["zk-reauth", *NOWHERE, "--new-zk-auth-file", None], "u:p\n", engine=True, huge=INVALID),
    "--pgp-key": Row(["slot-add", "--pgp-key", None], "no key\n"),
    "--text-file": Row(["create", "a/new", "--text-file", None], "any text\n", text=False, empty=0),
    "--file": Row(["create", "a/new", "--file", None], "any bytes\n", text=False, empty=0),
    "--env": Row(["run", "--env", None, "--", "true"], '{"variables": []}\n'),
    "--volumes": Row(["run", "--volumes", None, "--", "true"], "[]\n"),
    "--app": Row(["run", "--app", None, "--", "true"], '{"id": "a", "cmd": "true"}\n'),
    "--pod": Row(["run", "--pod", None, "--", "true"], '{"id": "a", "containers": [{"name": "c"}]}\n'),
    "--job": Row(["run", "--job", None, "--", "true"], '{"id": "a", "run": {"cmd": "true"}}\n'),
    "--task": Row(["run", "--task", None, "--", "true"],
                  '{"name": "n", "task_id": {"value": "i"}, "command": {}}\n'),
    "--policy": Row(["policy", "explain", "--policy", None, "user:a", "read", "db/x"], POLICY),
    "resolve FILE": Row(["resolve", None], MESSAGE),
    "policy put FILE": Row(["policy", "put", "p", None], POLICY),
    "policy check FILE": Row(["policy", "check", None], POLICY),
    "policy lint FILE": Row(["policy", "lint", None], POLICY),
    "policy diff OLD": Row(["policy", "diff", None, "GOODPOLICY"], POLICY),
    "policy diff NEW": Row(["policy", "diff", "GOODPOLICY", None], POLICY),
    "policy test EXPECTATIONS": Row(["policy", "test", None, "--policy", "GOODPOLICY"], "{}\n"),
    "audit verify FILE": Row(["audit", "verify", None], "no log\n", text=False, empty=CORRUPT, huge=CORRUPT),
    "backup-verify FILE": Row(["backup-verify", None], "no backup\n", text=False, empty=CORRUPT, huge=None),
    "restore FILE": Row(["--store", "INTO", "restore", None], "no backup\n", text=False, empty=CORRUPT, huge=None),
}


class BadInput(cli_test.Case):
    ONE_BY_ONE = True

    def setUp(self):
        super().setUp()
        self.init()
        self.ok("create", "my/secret", given=SECRET)
        self.words = {"STORE": self.url, "INTO": "lmdb:" + self.path("into"), "GOOD": self.write("good", "no key\n"),
                      "GOODPOLICY": self.write("good.json", POLICY)}
        self.contents = {"KEY": self.read("key").decode(), "ANCHOR": self.ok("anchor").decode()}

    def commands_of_help(self):
        """The commands that there are, from the help of the program itself."""
        names = []
        for prefix in ([], ["policy"], ["audit"]):
            text = self.ok(*prefix, "--help").decode()
            names += [prefix + [name] for name in re.findall(r"(?m)^  ([a-z][a-z-]+)  ", text)]
        return [name for name in names if name not in (["policy"], ["audit"])]

    def run_row(self, row, file, **more):
        args = [self.words.get(word, word) for word in row.command(file)]
        own_key = not {"--share", "--key-file", "--pgp-private-key"} & set(args)
        began = time.monotonic()
        done = self.run_it(*args, key=own_key, **more)
        done.seconds = time.monotonic() - began
        return done

    def content(self, row):
        return self.contents.get(row.content, row.content).encode()

    def each(self, make, says, status, skip=lambda row: False, **more):
        for name, row in ROWS.items():
            if skip(row):
                continue
            with self.subTest(name):
                file = make(row)
                done = self.run_row(row, file, **more)
                expected = status(row) if callable(status) else status
                if expected is not None:
                    self.assertEqual(done.returncode, expected, done.err)
                if expected == 0:
                    self.ok("delete", "a/new")
                    continue
                self.assertNotIn(done.returncode, (0, 25), done.err)
                self.assertEqual(done.err.count("\n"), 1, done.err)
                self.assertIn(says(row) if callable(says) else says, done.err)
                # Bytes from a pipe or of several shares are not those of one file.
                if name != "--share-back" and not ("restore" in name and "endless" in file):
                    self.assertIn(os.path.basename(file), done.err)
                self.assertLess(done.seconds, 20)
        self.assertEqual(self.ok("get", "my/secret"), SECRET)

    def test_every_option_that_reads_a_file_has_a_row(self):
        found, arguments = set(), set()
        commands = self.commands_of_help()
        self.assertGreater(len(commands), 30)
        for command in commands:
            text = self.ok(*command, "--help").decode()
            for argument in re.findall(r"(?m)^  (FILE|OLD|NEW|EXPECTATIONS)\b", text):
                arguments.add(" ".join([*command, argument]))
        for option in re.findall(r"(?m) -l ([a-z-]+) (?:-r )?-F\b", self.ok("completion", "fish").decode()):
            found.add("--" + option)
        names = {name for name in ROWS if name.startswith("--")}
        self.assertGreater(len(found), 10, "the help has another form now")
        self.assertEqual(found - NEW_FILES - {"--value-file"} - names, set(), "has no row in ROWS")
        self.assertEqual(arguments - NEW_FILES - set(ROWS), set(), "has no row in ROWS")

    def test_that_is_not_there(self):
        self.each(lambda row: self.path("no-such-file"), os.strerror(errno.ENOENT), INVALID)

    def test_that_may_not_be_read(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        self.each(lambda row: self.write("unreadable", self.content(row), mode=0), os.strerror(errno.EACCES), INVALID)

    def test_directory(self):
        os.mkdir(self.path("directory"))
        self.each(lambda row: self.path("directory"), lambda row: "plain file" if row.engine else "directory", INVALID)

    def test_socket(self):
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self.path("socket"))
            self.each(lambda row: self.path("socket"), lambda row: "" if row.engine else "it is a socket", INVALID)

    def test_endless_device(self):
        os.symlink("/dev/zero", self.path("endless"))
        self.each(lambda row: self.path("endless"), lambda row: "", None)

    def test_gibibyte_is_refused_without_being_read(self):
        def sparse(row):
            with open(self.write("sparse", b""), "r+b") as file:
                file.truncate(GIBIBYTE)
            return self.path("sparse")

        def limit():
            import resource
            resource.setrlimit(resource.RLIMIT_DATA, (512 << 20, 512 << 20))
        # The shadow memory of sanitizers is larger than the limit.
        more = {} if cli_test.sanitized("asan", "tsan") else {"preexec_fn": limit}
        self.each(sparse, lambda row: "over" if row.huge == TOO_LARGE else "", lambda row: row.huge,
                  skip=lambda row: row.huge is None, **more)

    def test_gibibyte_of_no_backup_is_refused_at_its_beginning(self):
        with open(self.write("sparse", b""), "r+b") as file:
            file.truncate(GIBIBYTE)
        for name in ("backup-verify FILE", "restore FILE"):
            done = self.run_row(ROWS[name], self.path("sparse"))
            self.assertEqual(done.returncode, INVALID, done.err)
            self.assertLess(done.seconds, 10)

    def test_fifo_that_nobody_writes_to_is_waited_for_only_so_long(self):
        os.mkfifo(self.path("fifo"), 0o600)
        def impatient(row):
            return self.path("fifo")
        for name, row in ROWS.items():
            with self.subTest(name):
                row = Row(["--timeout", "0.3", *[word for word in row.args if word not in ("--timeout", "1")]]
                          if "--shares" not in row.args else ["--timeout", "0.3", *row.args], row.content,
                          engine=row.engine)
                done = self.run_row(row, impatient(row))
                self.assertEqual(done.returncode, INVALID, done.err)
                self.assertIn("plain file" if row.engine else "it is a FIFO, and no process writes to it", done.err)
                self.assertLess(done.seconds, 15)

    def test_fifo_and_process_substitution_are_read_like_files(self):
        """The program says the same as of the file itself."""
        for name, row in ROWS.items():
            if row.engine or "restore" in name:
                continue
            with self.subTest(name):
                plain = self.run_row(row, self.write("plain", self.content(row)))
                self.run_it("delete", "a/new")
                reader, writer = os.pipe()
                os.write(writer, self.content(row))
                os.close(writer)
                piped = self.run_row(row, f"/dev/fd/{reader}", pass_fds=[reader])
                os.close(reader)
                self.run_it("delete", "a/new")
                self.assertEqual(piped.returncode, plain.returncode, (plain.err, piped.err))
                os.mkfifo(self.path("fifo"), 0o600)
                late = subprocess.Popen(["sh", "-c", "sleep 0.3; exec >fifo; sleep 0.2; cat plain"], cwd=self.place)
                named = self.run_row(row, self.path("fifo"))
                late.kill()
                late.wait()
                self.run_it("delete", "a/new")
                os.remove(self.path("fifo"))
                self.assertEqual(named.returncode, plain.returncode, (plain.err, named.err))

    def test_byte_order_mark(self):
        self.each(lambda row: self.write("marked", codecs.BOM_UTF8 + self.content(row)), "byte order mark", INVALID,
                  skip=lambda row: not row.text)

    def test_utf_16(self):
        for encoding in ("utf-16-le", "utf-16-be", "utf-16"):
            self.each(lambda row: self.write("wide", self.content(row).decode().encode(encoding)), "is UTF-16", INVALID,
                      skip=lambda row: not row.text)

    def test_empty_file(self):
        self.each(lambda row: self.write("empty", b""), "", lambda row: row.empty,
                  skip=lambda row: row.empty is None or "--env" in row.args or row.args[0] in ("policy", "list"))

    def test_line_ends_of_windows_are_the_same_as_ours(self):
        for name, row in ROWS.items():
            if not row.text:
                continue
            with self.subTest(name):
                plain = self.run_row(row, self.write("plain", self.content(row)))
                windows = self.run_row(row, self.write("windows", self.content(row).replace(b"\n", b"\r\n")))
                self.assertEqual(windows.returncode, plain.returncode, (plain.err, windows.err))

    def test_values_may_be_any_bytes(self):
        wide = "wide".encode("utf-16")
        for content in (b"", codecs.BOM_UTF8 + b"x", wide, b"\r\n", b"\0"):
            self.ok("create", "a/new", "-f", self.write("any", content))
            self.assertEqual(self.ok("get", "a/new"), content)
            self.ok("delete", "a/new")

    def test_control_characters_in_a_name_are_quoted(self):
        for name, row in ROWS.items():
            with self.subTest(name):
                done = self.run_row(row, self.path("a\nb\x1b[31m"))
                self.assertEqual(done.returncode, INVALID, done.err)
                self.assertEqual(done.err.count("\n"), 1, done.err)
                self.assertIn("a\\x0ab\\x1b[31m", done.err)


if __name__ == "__main__":
    cli_test.main(globals())
