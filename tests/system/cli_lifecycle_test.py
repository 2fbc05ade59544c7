#!/usr/bin/env python3
"""Slots, keys and backups through the real `strongroom` program: cli_lifecycle_test.py PROGRAM [CASE...].

Every secret that a test makes is remembered, and every run's standard error is searched for them.
"""
import base64
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # the sources stay as they are
import cli_test
from cli_test import (DENIED, EXISTS, INVALID, NOT_FOUND, NOT_INITIALIZED, SEALED, SECRET, TOO_LARGE,
                      UNAVAILABLE, USAGE, OnTerminal)

CORRUPT, ROLLBACK = 20, 21
LONG = os.environ.get("STRONGROOM_LONG_TESTS") == "1"


class Lifecycle(cli_test.Case):
    def setUp(self):
        super().setUp()
        self.num_files = 0

    def file_of(self, content):
        self.num_files += 1
        return self.write(f"file{self.num_files}", content)

    def given(self, *shares):
        return [word for share in shares for word in ("--share", self.file_of(share))]

    def made(self, *args, **more):
        """Runs a command that hands out credentials as JSON, and remembers them."""
        made = json.loads(self.ok(*args, "--json", **more))
        self.secrets += [key.encode() for key in made["keys"] if len(key) == 92]
        if "key" in made:
            self.secrets.append(made["key"].encode())
        return made

    def slots(self):
        return json.loads(self.ok("slots", "--json", key=False))

    def kinds(self):
        return [slot["kind"] for slot in self.slots()]

    def store_a_secret(self, **more):
        self.ok("create", "my/secret", given=SECRET, **more)

    def reads(self, *args, **more):
        more.setdefault("key", False)
        self.assertEqual(self.ok("get", "my/secret", *args, **more), SECRET)

    def state(self):
        """What must be as before after a command that failed."""
        return self.status(), sorted(os.listdir(self.place))

    def refused(self, status, *args, says="", **more):
        before = self.state()
        err = self.fails(status, *args, says=says, **more)
        self.assertEqual(self.state(), before, args)
        return err


class Slots(Lifecycle):
    def setUp(self):
        super().setUp()
        self.init()
        self.store_a_secret()

    def test_added_key_file_opens_and_the_old_one_too(self):
        second = self.path("second")
        self.assertIn("Slot 2 was added", self.ok("slot-add", "--new-key-file", second).decode())
        self.assertEqual(stat.S_IMODE(os.stat(second).st_mode), 0o600)
        self.assertRegex(self.read("second"), rb"\A[0-9a-f]{114}\n\Z")
        self.reads("--key-file", second)
        self.reads(key=True)
        self.assertEqual(self.kinds(), ["key_file", "key_file"])

    def test_removed_slot_opens_no_more_and_the_last_one_stays(self):
        second = self.path("second")
        self.ok("slot-add", "--new-key-file", second)
        generation = self.status()["generation"]
        self.assertIn("Slot 1 was removed", self.ok("slot-remove", "1", "--key-file", second).decode())
        self.assertGreater(self.status()["generation"], generation)
        self.fails(DENIED, "get", "my/secret", says="removed")
        self.reads("--key-file", second)
        self.refused(INVALID, "slot-remove", "2", "--key-file", second, says="last")
        self.refused(NOT_FOUND, "slot-remove", "7", "--key-file", second, says="7")
        self.refused(INVALID, "slot-remove", "2", "2", "--key-file", second, says="twice")

    def test_shares_are_added_removed_and_replaced(self):
        old = self.made("slot-add", "--shares", "3", "--threshold", "2")["keys"]
        self.reads(*self.given(old[0], old[2]))
        new = self.made("slot-replace", "2", "--shares", "5", "--threshold", "3")["keys"]
        self.reads(*self.given(*new[1:4]))
        self.fails(DENIED, "get", "my/secret", *self.given(old[0], old[2]), key=False,
                   says="a set that was replaced")
        self.assertEqual([(slot["id"], slot["kind"]) for slot in self.slots()],
                         [(1, "key_file"), (3, "shares")])
        self.refused(NOT_FOUND, "slot-replace", "2", "--shares", "1")

    def test_key_for_the_environment(self):
        made = self.made("slot-add", "--environment")
        self.assertEqual(self.kinds(), ["key_file", "environment"])
        self.reads(env={"STRONGROOM_KEY": made["key"]})
        self.reads(env={"STRONGROOM_KEY": made["key"] + "\n", "CREDENTIALS_DIRECTORY": "/nowhere"})
        self.fails(DENIED, "list", key=False, env={"STRONGROOM_KEY": self.key_of_another_store()},
                   says="STRONGROOM_KEY: ")
        self.fails(INVALID, "list", key=False, env={"STRONGROOM_KEY": "CANARY"})
        self.fails(SEALED, "list", key=False, env={"STRONGROOM_KEY": ""})

    def key_of_another_store(self):
        other = self.path("other-key")
        self.ok("--store", "lmdb:" + self.path("other"), "init", "--key-file", other)
        return self.read("other-key").decode().strip()

    def test_key_as_a_system_credential(self):
        key = self.ok("slot-add", "--system-credential").decode()  # and nothing else, to be piped on
        self.assertRegex(key, r"\A[0-9a-f]{114}\n\Z")
        key = key.strip()
        self.secrets.append(key.encode())
        self.assertEqual(self.kinds()[1], "system_credential")
        os.mkdir(self.path("credentials"))
        self.write("credentials/strongroom.key", key, mode=0o440)
        env = {"CREDENTIALS_DIRECTORY": self.path("credentials")}
        self.reads(env=env)
        # In the order that the help tells.
        self.fails(INVALID, "list", key=False, env={**env, "STRONGROOM_KEY": "CANARY"})
        self.fails(INVALID, "list", env={**env, "STRONGROOM_KEY_FILE": self.write("bad", "CANARY")})
        self.reads("--key-file", self.key_file, env={**env, "STRONGROOM_KEY": "CANARY"})

    def test_environments_key_may_go_to_a_file(self):
        made = self.made("slot-add", "--environment", "--new-key-file", self.path("env-key"))
        self.assertNotIn("key", made)
        self.assertEqual(self.kinds()[1], "environment")
        self.reads(env={"STRONGROOM_KEY": self.read("env-key").decode()})

    def test_key_of_the_environment_is_seen_by_nobody(self):
        key = self.made("slot-add", "--environment")["key"].encode()
        process = self.start("create", "a", key=False, env={"STRONGROOM_KEY": key.decode()})
        self.wait_until_it_reads(process)
        with open(f"/proc/{process.pid}/environ", "rb") as file:
            self.assertNotIn(key, file.read())
        self.assertEqual(self.finish(process).returncode, 0)
        out = self.ok("run", "--env", self.file_of('{"variables":[]}'), "--", "env", key=False,
                      env={"STRONGROOM_KEY": key.decode()})
        self.assertNotIn(b"STRONGROOM_KEY", out)
        self.assertNotIn(key, out)
        # Also where no store is needed.
        out = self.ok("run", "--", "cat", "/proc/self/environ", key=False,
                      env={"STRONGROOM_KEY": key.decode()})
        self.assertNotIn(key, out)

    def test_nothing_changes_unless_the_credentials_are_out(self):
        def closed():
            os.close(1)
        commands = (["slot-add", "--new-key-file", self.path("second")], ["slot-add", "--shares", "3"],
                    ["slot-replace", "1", "--environment"], ["slot-add", "--json", "--shares", "2"])
        reader, writer = os.pipe()
        os.close(reader)
        before = self.state()
        with open("/dev/full", "wb") as full:
            for command in commands:
                for how in ({"stdout": writer}, {"stdout": full}, {"preexec_fn": closed}):
                    process = self.finish(self.start(*command, **how))
                    self.check_unwritten(process, is_pipe=how.get("stdout") == writer)
                    self.assertEqual(self.state(), before, command)
        os.close(writer)

    def test_existing_file_and_file_within_the_store_are_refused(self):
        self.write("second", "precious")
        self.refused(EXISTS, "slot-add", "--new-key-file", self.path("second"), says="left alone")
        self.assertEqual(self.read("second"), b"precious")
        self.refused(INVALID, "slot-add", "--new-key-file", self.path("store", "key"), says="copies")
        os.symlink(self.path("store"), self.path("link"))
        self.refused(INVALID, "slot-add", "--new-key-file", self.path("link", "key"), says="copies")
        self.assertFalse(os.path.exists(self.path("store", "key")))
        self.refused(UNAVAILABLE, "slot-add", "--new-key-file", self.path("no/such/key"))

    def test_wrong_wishes_are_usage_errors(self):
        for args in (["slot-add"], ["slot-add", "--shares", "2", "--threshold", "3"],
                     ["slot-add", "--threshold", "1"], ["slot-add", "--shares", "0"],
                     ["slot-add", "--shares", "-1"], ["slot-add", "--shares", "256"],
                     ["slot-add", "--environment", "--system-credential"], ["slot-remove"],
                     ["slot-remove", "0"], ["slot-remove", "x"], ["slot-replace", "1"],
                     ["slot-replace", "1", "2", "--shares", "1"], ["rekey", "--threshold", "0"],
                     ["slot-add", "--shares", "2", "--pgp-key", "a"], ["reencrypt", "--duty", "101"],
                     ["migrate"], ["migrate", "lmdb:/x"], ["migrate", "lmdb:/x", "lmdb:/y", "--shares", "1"],
                     ["--store", "lmdb:/x", "migrate", "lmdb:/x", "lmdb:/y"],
                     ["list", "--pgp-passphrase-file", "x"], ["slots", "--wrapped", "0"],
                     ["slot-add", "--shares", "1", "--verify"]):
            self.refused(USAGE, *args)

    def test_slots_are_listed_without_keys(self):
        self.ok("slot-add", "--shares", "3", "--threshold", "2")
        text = self.ok("slots", key=False).decode()
        self.assertRegex(text, r"(?m)^1  key file, made 20\d\d-")
        self.assertRegex(text, r"(?m)^2  2 of 3 shares, made 20\d\d-")
        for slot in self.slots():
            self.assertFalse(slot["damaged"])
        self.fails(NOT_FOUND, "slots", "--wrapped", "2", key=False)
        self.fails(NOT_FOUND, "slots", "--wrapped", "9", key=False)
        self.fails(NOT_INITIALIZED, "--store", "lmdb:" + self.path("none"), "slots")
        self.assertFalse(os.path.exists(self.path("none")))


class Rekey(Lifecycle):
    def setUp(self):
        super().setUp()
        self.old = self.init_shares(3, 2)
        self.with_old = self.given(*self.old[:2])
        self.ok("create", "my/secret", *self.with_old, given=SECRET, key=False)

    def test_new_shares_take_the_place_of_the_old_ones(self):
        new = self.made("rekey", *self.with_old, key=False)["keys"]
        self.assertEqual(len(new), 3)
        self.reads(*self.given(*new[1:]))
        self.fails(DENIED, "list", *self.with_old, key=False, says="replaced")
        slot, = self.slots()
        self.assertEqual((slot["shares"], slot["threshold"]), (3, 2))

    def test_counts_may_change(self):
        new = self.made("rekey", "--shares", "5", "--threshold", "5", *self.with_old, key=False)["keys"]
        self.reads(*self.given(*new))
        self.fails(DENIED, "list", *self.given(*new[:4]), key=False, says="4 of the 5")
        three = self.made("rekey", "--threshold", "3", *self.given(*new), key=False)["keys"]
        self.assertEqual(len(three), 5)
        self.reads(*self.given(*three[:3]))

    def test_other_slots_stay(self):
        self.ok("slot-add", "--new-key-file", self.key_file, *self.with_old, key=False)
        self.ok("rekey", *self.with_old, key=False)
        self.reads(key=True)
        self.assertEqual(sorted(self.kinds()), ["key_file", "shares"])

    def test_store_without_shares_has_none_to_replace(self):
        self.url = "lmdb:" + self.path("keyed")
        self.init()
        self.refused(NOT_FOUND, "rekey", says="slot-add")
        first = self.made("rekey", "--shares", "3")["keys"]
        self.ok("list", *self.given(*first[:2]), key=False)
        self.assertEqual(self.kinds(), ["key_file", "shares"])

    def test_wrong_share_given_back_changes_nothing(self):
        before = self.status()
        for back, status in ((self.old[0], DENIED), ("CANARY", INVALID), ("", INVALID)):
            done = self.run_it("rekey", "--share-back", self.file_of(back), *self.with_old, key=False)
            self.assertEqual(done.returncode, status, done.err)
            self.assertEqual(self.status(), before)
        self.reads(*self.with_old)

    def test_shares_given_back_through_a_pipe_make_it_so(self):
        process = self.start("rekey", "--json", "--share-back", "-", *self.with_old, key=False)
        new = json.loads(process.stdout.readline())["keys"]
        self.secrets += [share.encode() for share in new]
        self.reads(*self.with_old)  # still
        self.finish(process, f"{new[2]}\n{new[0]}\n".encode())
        self.assertEqual(process.returncode, 0, process.err)
        self.reads(*self.given(*new[:2]))

    def test_too_few_given_back_is_not_enough(self):
        process = self.start("rekey", "--json", "--share-back", "-", *self.with_old, key=False)
        new = json.loads(process.stdout.readline())["keys"]
        self.finish(process, f"{new[2]}\n{new[2]}\n".encode())
        self.assertEqual(process.returncode, INVALID)
        self.assertIn("old ones are valid", process.err)
        self.reads(*self.with_old)
        self.fails(DENIED, "list", *self.given(*new), key=False)

    def test_key_file_is_read_back_by_itself(self):
        self.ok("slot-add", "--verify", "--new-key-file", self.key_file, *self.with_old, key=False)
        self.reads(key=True)


class Typing(OnTerminal, Lifecycle):
    """What a person types."""

    def setUp(self):
        super().setUp()
        self.shares = self.init_shares(3, 2)
        self.with_shares = self.given(*self.shares[:2])
        self.ok("create", "my/secret", *self.with_shares, given=SECRET, key=False)

    def type(self, tty, text):
        os.write(tty, text.encode() + b"\n")

    def rekeying(self):
        pid, tty = self.spawn("rekey", "--verify", *self.with_shares)
        seen = self.until(tty, b"typed back")
        new = re.findall(r"^([0-9a-f]{92})\r$", seen.decode(), re.MULTILINE)
        self.assertEqual(len(new), 3)
        self.assertFalse(self.echo_is_on(tty))
        return pid, tty, new

    def test_new_shares_are_typed_back_before_they_rule(self):
        pid, tty, new = self.rekeying()
        for typed, says in ((self.shares[0], b"not one of the new"), ("CANARY", b"neither"), (new[1], b"\r\n")):
            self.type(tty, typed)
            said = self.until(tty, says).partition(says)[2]
            self.until(tty, b"typed back", said)
        self.reads(*self.with_shares)
        self.type(tty, new[0])
        status, more = self.rest(pid, tty)
        self.assertEqual(status, 0, more)
        for text in [*new, "CANARY"]:
            self.assertNotIn(text.encode(), more)
        self.reads(*self.given(*new[:2]))
        self.fails(DENIED, "list", *self.with_shares, key=False)

    def test_interrupt_forgets_the_new_ones(self):
        before = self.status()
        pid, tty, new = self.rekeying()
        self.type(tty, new[1])
        self.until(tty, b"typed back")
        os.write(tty, b"\x03")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), -signal.SIGINT)
        self.assertTrue(self.echo_is_on(tty))
        self.assertEqual(self.status(), before)
        self.reads(*self.with_shares)

    def test_interrupt_leaves_no_key_file(self):
        before = self.state()
        pid, tty = self.spawn("slot-add", "--verify", "--shares", "1", "--new-key-file",
                              self.path("second"), *self.with_shares)
        self.until(tty, b"typed back")
        self.assertTrue(os.path.exists(self.path("second")))
        os.write(tty, b"\x03")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), -signal.SIGINT)
        self.assertEqual(self.state(), before)

    def test_empty_line_gives_up(self):
        pid, tty, _ = self.rekeying()
        self.type(tty, "")
        status, seen = self.rest(pid, tty)
        self.assertEqual(status, INVALID)
        self.assertIn(b"old ones are valid", seen)

    def test_wrong_share_is_told_and_the_good_ones_are_kept(self):
        foreign = self.init_shares(3, 2, store="other")[0]
        pid, tty = self.spawn("get", "my/secret")
        self.until(tty, b"Share 1 of the 2")
        self.type(tty, self.shares[0])
        said = b""
        for wrong, says in ((foreign, b"another store"), ("CANARY", b"neither a share"),
                            (self.shares[1][:-1] + "x", b"neither"), (self.shares[0], b"already")):
            self.until(tty, b"Share 2 of the 2", said)
            self.type(tty, wrong)
            said = self.until(tty, says).partition(says)[2]
        self.until(tty, b"Share 2 of the 2", said)
        self.type(tty, self.shares[2])
        status, seen = self.rest(pid, tty)
        self.assertEqual(status, 0, seen)
        self.assertIn(b"my-password", seen)

    def test_base64_is_taken_too(self):
        pid, tty = self.spawn("get", "my/secret")
        for share in self.shares[:2]:
            self.until(tty, b"Share ")
            self.type(tty, base64.b64encode(bytes.fromhex(share)).decode())
        self.assertEqual(self.rest(pid, tty)[0], 0)

    def test_backup_is_not_written_to_a_terminal(self):
        pid, tty = self.spawn("backup", "-")
        status, seen = self.rest(pid, tty)
        self.assertEqual(status, USAGE)
        self.assertIn(b"name a file", seen)
        pid, tty = self.spawn("restore", "-", "--store", "lmdb:" + self.path("new"))
        self.assertEqual(self.rest(pid, tty)[0], USAGE)
        self.assertFalse(os.path.exists(self.path("new")))


class Mistakes(Lifecycle):
    """One sentence that says what is wrong and what to do; nothing is written."""

    def setUp(self):
        super().setUp()
        self.shares = self.init_shares(3, 2)

    def test_wrong_share_is_named(self):
        good = self.file_of(self.shares[0])
        foreign = self.file_of(self.init_shares(3, 2, store="other")[0])
        err = self.refused(DENIED, "list", "--share", good, "--share", foreign, key=False,
                           says=f"'{foreign}': ")
        self.assertIn("another store", err)
        self.assertIn("1 of the 2", err)
        typo = self.file_of(self.shares[1][:20] + ("0" if self.shares[1][20] != "0" else "1")
                            + self.shares[1][21:])
        self.refused(INVALID, "list", "--share", good, "--share", typo, key=False, says="mistyped")

    def test_share_of_an_older_set_is_named(self):
        old = self.file_of(self.shares[0])
        new = self.made("rekey", *self.given(*self.shares[:2]), key=False)["keys"]
        self.refused(DENIED, "list", "--share", self.file_of(new[0]), "--share", old, key=False,
                     says=f"'{old}': ")

    def test_same_share_twice_counts_once(self):
        self.refused(DENIED, "list", *self.given(self.shares[0], self.shares[0]), key=False,
                     says="1 of the 2")

    def test_base64_and_hex_in_any_case_are_shares(self):
        texts = [base64.b64encode(bytes.fromhex(self.shares[0])), self.shares[2].upper()]
        self.ok("list", *self.given(*texts), key=False)

    def test_wrong_files_are_refused(self):
        garbage = self.path("garbage")
        with open(garbage, "wb") as file:
            file.write(os.urandom(1 << 20) * 10)
        os.chmod(garbage, 0o600)
        text = self.file_of("CANARY and more\n" * 100)
        binary = self.file_of(b"\x85\x01" + b"\0" * 3000)
        folder = self.path("folder")
        os.mkdir(folder)
        for option in ("--share", "--key-file"):
            self.refused(TOO_LARGE, "list", option, garbage, key=False)
            self.refused(INVALID, "list", option, text, key=False)
            self.refused(INVALID, "list", option, self.path("missing"), key=False, says="missing")
            self.refused(INVALID, "list", option, folder, key=False, says="it is a directory")
        self.refused(INVALID, "list", "--share", binary, key=False, says="--pgp-private-key")
        self.refused(TOO_LARGE, "--anchor", garbage, "list", *self.given(*self.shares), key=False)
        self.refused(INVALID, "--anchor", text, "list", *self.given(*self.shares), key=False,
                     says="anchor")
        self.refused(INVALID, "backup-verify", garbage, key=False, says="backup")
        self.refused(INVALID, "--store", "lmdb:" + self.path("new"), "restore", garbage, key=False)
        self.refused(INVALID, "--store", "lmdb:" + self.path("new"), "restore", text, key=False)

    def test_init_makes_keys_for_the_environment(self):
        self.url = "lmdb:" + self.path("new")
        made = self.made("init", "--environment", key=False)
        self.assertEqual((made["keys"], self.kinds()), ([], ["environment"]))
        self.ok("list", key=False, env={"STRONGROOM_KEY": made["key"]})

    def test_init_makes_nothing_of_a_wrong_wish(self):
        self.url = "lmdb:" + self.path("new")
        for args in (["--shares", "2", "--threshold", "3"], ["--shares", "0"], ["--shares", "-1"],
                     ["--shares", "256"], ["--threshold", "0", "--shares", "1"],
                     ["--shares", "2", "--pgp-key", "a"], ["--pgp-key", "a", "--threshold", "2"],
                     ["--escrow-in-store", "--shares", "2"], ["--pgp-bits", "1024"],
                     ["--escrow-in-store", "--pgp-key", "a"]):
            self.fails(USAGE, "init", *args, key=False)
        self.assertFalse(os.path.exists(self.path("new")))


class Keys(Lifecycle):
    def setUp(self):
        super().setUp()
        self.init()
        self.store_a_secret()

    def test_rotated_reencrypted_and_retired_store_reads_everything(self):
        self.ok("rotate")
        self.ok("create", "other", given=b"under the second key")
        self.assertIn("root key", self.ok("rotate", "--root").decode())
        self.refused(INVALID, "retire", says="reencrypt")
        self.assertIn("2 records were not yet", self.ok("reencrypt", "--duty", "100").decode())
        self.assertIn("0 records", self.ok("reencrypt").decode())
        self.assertIn("gone", self.ok("retire").decode())
        self.refused(INVALID, "retire")
        self.reads(key=True)
        self.assertEqual(self.ok("get", "other"), b"under the second key")

    def test_anchor_tells_an_older_store(self):
        shutil.copytree(self.path("store"), self.path("copy"))
        self.ok("rotate")
        line = self.ok("anchor").decode()
        self.assertRegex(line, r"\Astrongroom-anchor-1:[0-9a-f]+\n\Z")
        anchor = self.write("anchor", line)
        self.reads("--anchor", anchor, key=True)
        self.ok("rotate", "--anchor", anchor)
        self.reads("--anchor", anchor, key=True)
        older = "lmdb:" + self.path("copy")
        self.fails(ROLLBACK, "--store", older, "--anchor", anchor, "get", "my/secret", says="anchor")
        self.reads("--store", older, key=True)  # without the anchor nobody knows
        self.ok("--store", "lmdb:" + self.path("other"), "init", "--key-file", self.path("other-key"))
        self.fails(ROLLBACK, "--store", "lmdb:" + self.path("other"), "--key-file",
                   self.path("other-key"), "--anchor", anchor, "list", says="another store")

    def test_what_took_effect_succeeds_whatever_becomes_of_its_closing_line(self):
        def with_output(output, *args, key=True):
            return self.run_it(*args, key=key, stdout=output)

        def closed_pipe():
            reader, writer = os.pipe()
            os.close(reader)
            return writer

        self.ok("create", "extra", given=b"v")
        for name, output in (("full", lambda: os.open("/dev/full", os.O_WRONLY)), ("closed", closed_pipe)):
            backup = self.path("backup-" + name)
            for args, took_effect in (
                    (["rotate"], None), (["rotate", "--root"], None), (["reencrypt"], None),
                    (["retire"], None),
                    (["slot-add", "--new-key-file", self.path("key-" + name)], None),
                    (["slot-replace", "1", "--new-key-file", self.path("new-" + name)], None),
                    (["seal"], lambda: self.assertTrue(self.status()["sealed"])),
                    (["unseal"], lambda: self.assertFalse(self.status()["sealed"])),
                    (["backup", backup], lambda: self.ok("backup-verify", backup)),
                    (["--store", "lmdb:" + self.path("restored-" + name), "restore", backup],
                     lambda: self.ok("--store", "lmdb:" + self.path("restored-" + name), "list")),
                    (["migrate", self.url, "lmdb:" + self.path("moved-" + name)],
                     lambda: self.ok("--store", "lmdb:" + self.path("moved-" + name), "list"))):
                before = self.status()["generation"]
                descriptor = output()
                done = with_output(descriptor, *args)
                os.close(descriptor)
                with self.subTest(args=args, output=name):
                    if args[0] in ("slot-add", "slot-replace"):
                        # Its text goes out before it takes effect: then it does not.
                        self.check_unwritten(done, is_pipe=name == "closed")
                        self.assertEqual(self.status()["generation"], before)
                        continue
                    self.assertEqual(done.returncode, 0, done.err)
                    says = "" if name == "closed" else (
                        "strongroom: the change took effect, but writing to standard output failed: "
                        "No space left on device\n")
                    self.assertEqual(done.err, says)
                    if took_effect:
                        took_effect()
                    else:
                        self.assertGreater(self.status()["generation"], before - (args[0] == "reencrypt"))

    def test_credentials_that_cannot_be_handed_out_do_not_take_effect(self):
        before = self.state()
        for args in (["rekey", "--shares", "3"], ["slot-add", "--shares", "2"], ["slot-add", "--environment", "--json"]):
            with open("/dev/full", "wb") as full:
                done = self.run_it(*args, stdout=full)
            self.assertEqual(done.returncode, UNAVAILABLE, (args, done.err))
            self.assertEqual(self.state(), before, args)

    def test_first_acknowledgement_over_a_file_of_others_flushes_its_directory(self):
        reason = strace_works()
        if reason:
            self.skipTest(reason)
        trace = self.path("trace")
        done = subprocess.run(
            ["strace", "-f", "-y", "-o", trace, "-e", "trace=fsync,fdatasync,pwrite64,pwritev,pwritev2",
             cli_test.PROGRAM, "update", "my/secret", "-f", "-"], input=b"new", env=self.environ(),
            cwd=self.place, timeout=60, check=False)
        self.assertEqual(done.returncode, 0)
        lines = self.read("trace").decode(errors="replace").splitlines()
        store = os.path.realpath(self.path("store"))
        flushes = [i for i, line in enumerate(lines) if f"fsync(" in line and f"<{store}>" in line]
        writes = [i for i, line in enumerate(lines) if "pwrite" in line and f"<{store}/data.mdb>" in line]
        self.assertTrue(flushes and writes, lines)
        self.assertLess(flushes[0], writes[-1], "before it is acknowledged")

    def test_any_number_of_credentials_in_one_text(self):
        made = self.made("rekey", "--shares", "7", "--threshold", "4")
        shares = made["keys"]
        os.remove(self.key_file)
        folder = self.path("credentials")
        os.mkdir(folder)
        texts = {
            "lines": "\n".join(shares) + "\n",
            "without an end": "\n".join(shares[:4]),
            "CRLF": "\r\n".join(shares) + "\r\n",
            "blank lines": "\n\n  " + "  \n\n\t".join(shares) + "\n\n",
            "comments": "# the shares of the store\n" + "\n# next\n".join(shares) + "\n",
            "all of it": "# from a mail\r\n\r\n" + "\r\n#\r\n".join(shares) + "\r\n",
        }
        for name, text in texts.items():
            with self.subTest(text=name):
                file = self.write("shares", text)
                self.assertEqual(self.ok("list", "--share", file, key=False), b"my/\n")
                self.assertEqual(self.ok("list", "--share", "-", given=text.encode(), key=False), b"my/\n")
                self.assertEqual(self.ok("list", "--key-file", file, key=False), b"my/\n")
                self.assertEqual(self.ok("list", key=False, env={"STRONGROOM_KEY": text}), b"my/\n")
                shutil.copy(file, os.path.join(folder, "strongroom.key"))
                self.assertEqual(self.ok("list", key=False, env={"CREDENTIALS_DIRECTORY": folder}),
                                 b"my/\n")

    def test_anchor_is_checked_by_commands_that_need_no_key(self):
        shutil.copytree(self.path("store"), self.path("copy"))
        self.ok("rotate")
        anchor = self.write("anchor", self.ok("anchor"))
        self.ok("status", "--anchor", anchor)
        self.ok("slots", "--anchor", anchor)
        older = ["--store", "lmdb:" + self.path("copy"), "--anchor", anchor]
        for command in (["status"], ["slots"], ["seal"], ["unseal"], ["backup", self.path("b")]):
            self.fails(ROLLBACK, *older, *command, says="anchor")
        self.fails(ROLLBACK, "--anchor", anchor, "migrate", older[1], "lmdb:" + self.path("new"),
                   says="anchor")
        self.assertFalse(os.path.exists(self.path("b")))
        self.assertFalse(os.path.exists(self.path("new", "data.mdb")))
        self.ok("--store", "lmdb:" + self.path("copy"), "status")
        self.reads("--store", "lmdb:" + self.path("copy"), key=True)  # it was not sealed

    def test_status_tells_since_when_it_is_sealed(self):
        self.assertIsNone(self.status()["since"])
        self.ok("seal")
        status = self.status()
        self.assertEqual((status["sealed"], status["reason"]), (True, "operator_lock"))
        self.assertRegex(status["since"], r"\A20\d\d-\d\d-\d\dT")
        self.assertIn("sealed by an operator since 20", self.ok("status").decode())
        self.fails(SEALED, "slot-add", "--shares", "1", says="unseal")
        self.fails(SEALED, "rotate")


class Doctor(Lifecycle):
    def setUp(self):
        super().setUp()
        self.init()

    def examined(self, *args, **more):
        done = self.run_it("doctor", "--json", *args, **more)
        self.assertIn(done.returncode, (0, 3, 4), done.err)
        return done.returncode, json.loads(done.out)

    def level(self, examined, check):
        levels = [finding["level"] for finding in examined["findings"] if finding["check"] == check]
        order = ["good", "note", "warning", "danger"]
        return max(levels, key=order.index) if levels else None

    def test_findings_come_worst_first_and_steer_the_exit_status(self):
        status, examined = self.examined()
        order = [["danger", "warning", "note", "good"].index(f["level"]) for f in examined["findings"]]
        self.assertEqual(order, sorted(order))
        self.assertEqual(status, [4, 3, 0, 0][order[0]])
        self.assertTrue(examined["unsealed"])
        for finding in examined["findings"]:
            self.assertTrue(finding["what"])
            self.assertEqual(finding["level"] == "good", finding["advice"] == "", finding)

    def test_it_asks_for_no_credential_and_says_what_it_missed(self):
        done = self.run_it("doctor", key=False)
        self.assertIn(b"is not unsealed", done.out)
        self.assertFalse(self.examined(key=False)[1]["unsealed"])
        done = self.run_it("doctor", env={"STRONGROOM_KEY_FILE": self.write("bad", "CANARY")})
        self.assertIn("not unsealed", done.err)
        self.assertIn(done.returncode, (0, 3, 4))

    def test_file_modes_and_keys_beside_the_data_are_seen(self):
        self.assertEqual(self.level(self.examined()[1], "file-modes"), "good")
        shutil.copy(self.key_file, self.path("store", "inside"))
        os.chmod(self.path("store", "inside"), 0o600)
        _, examined = self.examined("--key-file", self.path("store", "inside"), key=False)
        self.assertIn(self.level(examined, "key-beside-data"), ("warning", "danger"))

    def test_lock_old_keys_and_the_missing_anchor_are_seen(self):
        self.ok("rotate")
        examined = self.examined()[1]
        self.assertNotEqual(self.level(examined, "terms"), "good")
        anchor = self.write("anchor", self.ok("anchor"))
        self.assertEqual(self.level(self.examined("--anchor", anchor)[1], "anchor"), "good")
        self.ok("seal")
        self.assertNotEqual(self.level(self.examined()[1], "locked"), "good")

    def test_no_store_is_told(self):
        self.fails(NOT_INITIALIZED, "--store", "lmdb:" + self.path("none"), "doctor")
        self.assertFalse(os.path.exists(self.path("none")))

    def test_repair_of_what_is_whole_changes_nothing(self):
        before = self.status()
        _, examined = self.examined("--repair")
        self.assertFalse(examined["repaired"])
        self.assertEqual(self.status(), before)
        self.fails(SEALED, "doctor", "--repair", key=False)


class Backups(Lifecycle):
    def setUp(self):
        super().setUp()
        self.init()
        self.store_a_secret()
        self.ok("create", "big", "-f", "-", given=os.urandom(300000))
        self.file = self.path("backup")

    def restored(self, name="new"):
        return ["--store", "lmdb:" + self.path(name)]

    def test_round_trip_through_a_file(self):
        out = self.ok("backup", self.file, key=False).decode()
        self.assertIn("Wrote", out)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        self.assertFalse(os.path.exists(self.file + ".part"))
        self.assertIn("Good", self.ok("backup-verify", self.file, key=False,
                                      env={"STRONGROOM_STORE": ""}).decode())
        self.ok(*self.restored(), "restore", self.file, key=False)
        self.reads(*self.restored(), key=True)
        self.assertEqual(self.ok(*self.restored(), "get", "big"), self.ok("get", "big"))
        self.fails(EXISTS, *self.restored(), "restore", self.file, key=False)

    def test_round_trip_through_pipes(self):
        stream = self.ok("backup", "-", key=False)
        info = json.loads(self.ok("backup-verify", "-", "--json", given=stream, key=False))
        self.assertEqual(info["store_id"], self.status()["store_id"])
        self.assertEqual(info["size"], len(stream))
        self.ok(*self.restored(), "restore", "-", given=stream, key=False)
        self.reads(*self.restored(), key=True)

    def test_backup_replaces_the_one_before_when_it_is_whole(self):
        self.write("backup", "precious", mode=0o644)
        self.write("backup.part", "left by a killed one")
        self.ok("backup", self.file, key=False)
        self.ok("backup-verify", self.file, key=False)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        before = self.read("backup")
        self.fails(UNAVAILABLE, "backup", self.path("no/such/backup"), key=False)
        self.fails(NOT_INITIALIZED, "--store", "lmdb:" + self.path("none"), "backup", self.file)
        self.assertEqual(self.read("backup"), before)
        self.fails(INVALID, "backup", "/dev/null", key=False)
        with open("/dev/full", "wb") as full:
            process = self.finish(self.start("backup", "-", stdout=full))
        self.assertEqual(process.returncode, UNAVAILABLE, process.err)

    def test_damaged_and_cut_backups_make_no_store(self):
        stream = bytearray(self.ok("backup", "-", key=False))
        for damage in (lambda s: s[:-1], lambda s: s[:len(s) // 2],
                       lambda s: s[:5000] + bytes([s[5000] ^ 1]) + s[5001:], lambda s: s + b"x"):
            bad = bytes(damage(bytes(stream)))
            file = self.write("bad", bad)
            self.fails(CORRUPT, "backup-verify", file, key=False)
            self.fails(CORRUPT, *self.restored(), "restore", file, key=False)
            self.assertFalse(os.path.exists(self.path("new")))
            self.fails(CORRUPT, *self.restored("piped"), "restore", "-", given=bad, key=False)
        status = json.loads(self.ok(*self.restored("piped"), "status", "--json", key=False))
        self.assertFalse(status["initialized"])
        self.ok(*self.restored("piped"), "restore", "-", given=bytes(stream), key=False)
        self.reads(*self.restored("piped"), key=True)

    def test_migrated_store_opens_with_the_same_credentials(self):
        new = "lmdb:" + self.path("new")
        out = self.ok("migrate", self.url, new, key=False).decode()
        self.assertRegex(out, r"Copied \d+ records \(.*KiB\) to .*, and compared each")
        self.reads(*self.restored(), key=True)
        self.assertEqual(self.ok(*self.restored(), "get", "big"), self.ok("get", "big"))
        self.fails(EXISTS, "migrate", self.url, new, key=False, says="this store")
        self.fails(EXISTS, "migrate", self.url, self.url, key=False, says="this store")
        self.fails(NOT_INITIALIZED, "migrate", "lmdb:" + self.path("none"),
                   "lmdb:" + self.path("other"), key=False)
        self.assertFalse(os.path.exists(self.path("none")) or os.path.exists(self.path("other")))
        self.fails(INVALID, "migrate", self.url, "nonsense", key=False)

    def test_migrated_store_stays_sealed(self):
        self.ok("seal", key=False)
        told = json.loads(self.ok("migrate", self.url, "lmdb:" + self.path("new"), "--json", key=False))
        self.assertEqual(told["written"], told["records"] - 3)
        self.assertEqual(told["removed"], 0)
        self.fails(SEALED, *self.restored(), "get", "my/secret")
        self.ok(*self.restored(), "unseal")
        self.reads(*self.restored(), key=True)
        self.fails(SEALED, "get", "my/secret")

    def test_migration_into_a_full_storage_goes_on_when_there_is_room(self):
        self.fails(UNAVAILABLE, "migrate", self.url, "lmdb:" + self.path("new") + "?quota=65536",
                   key=False, says="quota")
        status = json.loads(self.ok(*self.restored(), "status", "--json", key=False))
        self.assertFalse(status["initialized"])
        self.fails(NOT_INITIALIZED, "migrate", "lmdb:" + self.path("new"), "lmdb:" + self.path("newer"),
                   key=False)
        self.ok("migrate", self.url, "lmdb:" + self.path("new"), key=False)
        self.reads(*self.restored(), key=True)

    def test_rekeyed_copy_opens_with_new_credentials_alone(self):
        made = self.made("migrate", self.url, "lmdb:" + self.path("new"), "--rekey", "--shares", "3",
                         "--threshold", "2", "--new-key-file", self.path("new-key"))
        self.assertNotEqual(made["store_id"], self.status()["store_id"])
        self.reads(*self.restored(), *self.given(*made["keys"][:2]))
        self.reads(*self.restored(), "--key-file", self.path("new-key"))
        self.fails(DENIED, *self.restored(), "get", "my/secret", says="another store")
        self.reads(key=True)
        before = self.read("new-key")
        self.fails(EXISTS, "migrate", self.url, "lmdb:" + self.path("new"), "--rekey",
                   "--new-key-file", self.path("third-key"))
        self.assertFalse(os.path.exists(self.path("third-key")))
        self.assertEqual(self.read("new-key"), before)


class OpenPgp(OnTerminal, Lifecycle):
    """Against the real gpg."""

    @classmethod
    def setUpClass(cls):
        helper = os.environ.get("STRONGROOM_OPENPGP_HELPER", "")
        if not os.access(helper, os.X_OK):
            cls.skip = "the OpenPGP helper is not built"
            return
        cls.skip = "" if shutil.which("gpg") else "there is no gpg"
        if cls.skip:
            return
        cls.home = tempfile.mkdtemp(prefix="sr-gpg-")  # short: sockets lie in it
        cls.gpg("--quick-generate-key", "Ann <ann@example.org>", "future-default", "default", "never")
        cls.gpg("--quick-generate-key", "Bob <bob@example.org>", "rsa2048", "default", "never")
        cls.gpg("--quick-add-key", cls.fingerprint("bob"), "rsa2048", "encrypt", "never")
        cls.gpg("--quick-generate-key", "Sig <sig@example.org>", "ed25519", "sign", "never")
        cls.gpg("--quick-generate-key", "Eve <eve@example.org>", "future-default", "default", "never",
                passphrase="CANARY open")

    @classmethod
    def tearDownClass(cls):
        if not cls.skip:
            subprocess.run(["gpgconf", "--homedir", cls.home, "--kill", "all"], check=False)
            shutil.rmtree(cls.home, ignore_errors=True)

    @classmethod
    def gpg(cls, *args, given=b"", passphrase=""):
        return subprocess.run(
            ["gpg", "--homedir", cls.home, "--batch", "--quiet", "--pinentry-mode", "loopback",
             "--passphrase", passphrase, *args], input=given, capture_output=True, check=True,
            timeout=60).stdout

    @classmethod
    def fingerprint(cls, who):
        listed = cls.gpg("--with-colons", "--list-keys", who + "@example.org").decode()
        return re.search(r"^fpr:+([0-9A-F]{40}):", listed, re.MULTILINE)[1]

    def setUp(self):
        if self.skip:
            self.skipTest(self.skip)
        super().setUp()
        self.secrets.append(b"CANARY open")

    def environ(self, key=True, **extra):
        return super().environ(key, STRONGROOM_OPENPGP_HELPER=os.environ["STRONGROOM_OPENPGP_HELPER"],
                               **extra)

    def public(self, who, armor=True):
        return self.file_of(self.gpg(*(["--armor"] if armor else []), "--export",
                                     who + "@example.org"))

    def private(self, who, armor=True, passphrase=""):
        return self.file_of(self.gpg(*(["--armor"] if armor else []), "--export-secret-keys",
                                     who + "@example.org", passphrase=passphrase))

    def init_wrapped(self, *args):
        """A store whose shares Ann and Bob have, two of two."""
        made = self.made("init", "--pgp-key", self.public("ann"), "--pgp-key",
                         self.public("bob", armor=False), "--threshold", "2", *args, key=False)
        self.messages = [bytes.fromhex(message) for message in made["keys"]]
        return made

    def test_shares_decrypt_with_gpg_and_open_the_store(self):
        made = self.init_wrapped()
        self.assertEqual(sorted(made), ["keys", "pgp_fingerprints", "store_id"])
        self.assertEqual(made["pgp_fingerprints"],
                         [self.fingerprint(who).lower() for who in ("ann", "bob")])
        shares = [self.gpg("--decrypt", given=message) for message in self.messages]
        self.secrets += shares
        for share in shares:
            self.assertRegex(share, rb"\A[0-9a-f]{92}\Z")
        with_shares = self.given(*shares)
        self.ok("create", "my/secret", *with_shares, given=SECRET, key=False)
        self.reads(*with_shares)
        slot, = self.slots()
        self.assertEqual((slot["kind"], slot["pgp_fingerprints"], slot["threshold"]),
                         ("wrapped_shares", made["pgp_fingerprints"], 2))

    def test_encrypted_shares_are_taken_in_every_form(self):
        self.init_wrapped()
        keys = ["--pgp-private-key", self.private("ann"), "--pgp-private-key",
                self.private("bob", armor=False)]
        armored = subprocess.run(["gpg", "--enarmor"], input=self.messages[1], capture_output=True,
                                 check=True).stdout.replace(b"ARMORED FILE", b"MESSAGE")
        broken = base64.encodebytes(self.messages[1])
        for form in (self.messages[1], armored, broken, base64.b64encode(self.messages[1]),
                     self.messages[1].hex(), self.messages[1].hex().upper() + "\n"):
            self.ok("list", *self.given(self.messages[0], form), *keys, key=False)
        self.ok("list", "--share", "-", *keys, key=False, given=self.ok("slots", "--wrapped", "1"))
        self.refused(INVALID, "list", *self.given(*self.messages), key=False,
                     says="--pgp-private-key")
        self.refused(DENIED, "list", *self.given(*self.messages), "--pgp-private-key",
                     self.private("ann"), key=False)

    def test_private_keys_open_what_the_store_keeps(self):
        self.init_wrapped()
        ann, bob = self.private("ann"), self.private("bob")
        self.ok("list", "--pgp-private-key", ann, "--pgp-private-key", bob, key=False)
        self.refused(DENIED, "list", "--pgp-private-key", ann, key=False, says="1 of the 2")
        self.refused(DENIED, "list", "--pgp-private-key", self.private("sig"), key=False)
        os.chmod(ann, 0o644)
        self.refused(DENIED, "list", "--pgp-private-key", ann, key=False, says="chmod 600")
        self.refused(INVALID, "list", "--pgp-private-key", self.public("ann"), key=False,
                     says="public")
        self.refused(INVALID, "list", "--pgp-private-key", self.file_of("CANARY"), key=False)

    def test_wrapped_shares_are_read_while_sealed(self):
        made = self.init_wrapped()
        self.ok("seal", key=False)
        lines = self.ok("slots", "--wrapped", "1", key=False).decode().splitlines()
        self.assertEqual(lines, [" ".join(pair) for pair in zip(made["pgp_fingerprints"], made["keys"])])
        self.assertEqual(json.loads(self.ok("slots", "--wrapped", "1", "--json", key=False)),
                         {"keys": made["keys"], "pgp_fingerprints": made["pgp_fingerprints"]})

    def test_passphrase_comes_from_a_file_or_a_person(self):
        self.ok("init", "--pgp-key", self.public("eve"), key=False)
        eve = self.private("eve", passphrase="CANARY open")
        self.ok("list", "--pgp-private-key", eve, "--pgp-passphrase-file",
                self.file_of("CANARY open\n"), key=False)
        self.refused(DENIED, "list", "--pgp-private-key", eve, "--pgp-passphrase-file",
                     self.file_of("CANARY wrong"), key=False, says="passphrase")
        self.refused(DENIED, "list", "--pgp-private-key", eve, key=False,
                     says="--pgp-passphrase-file")
        for typed, status in ((b"CANARY open\n", 0), (b"CANARY wrong\n", DENIED)):
            pid, tty = self.spawn("list", "--pgp-private-key", eve)
            self.until(tty, b"passphrase of the private key")
            self.assertFalse(self.echo_is_on(tty))
            os.write(tty, typed)
            ended, seen = self.rest(pid, tty)
            self.assertEqual(ended, status, seen)
            self.assertNotIn(b"CANARY", seen)

    def test_wrong_keys_make_no_store(self):
        ann = self.public("ann")
        both = self.file_of(self.gpg("--armor", "--export", "ann@example.org", "bob@example.org"))
        for wrong, says in ((self.private("ann"), "private"), (self.private("ann", armor=False), "private"),
                            (self.public("sig"), "encrypt"), (self.file_of("CANARY"), "not an OpenPGP public key"),
                            (self.file_of(""), "empty"), (both, "several")):
            self.fails(INVALID, "init", "--pgp-key", ann, "--pgp-key", wrong, key=False, says=says)
            self.assertFalse(self.status()["initialized"])
        self.fails(INVALID, "init", "--pgp-key", self.path("missing"), key=False, says="missing")
        garbage = self.file_of(os.urandom(1 << 20) * 10)
        self.fails(TOO_LARGE, "init", "--pgp-key", garbage, key=False)
        self.assertFalse(self.status()["initialized"])

    def test_generated_pair_opens_and_gpg_reads_it(self):
        private = self.path("private.asc")
        made = self.made("init", "--generate-pgp-key", private, "--pgp-bits", "2048", key=False)
        self.assertEqual(stat.S_IMODE(os.stat(private).st_mode), 0o600)
        self.ok("list", "--pgp-private-key", private, key=False)
        home = tempfile.mkdtemp(prefix="sr-gpg-")
        self.addCleanup(shutil.rmtree, home, True)
        self.addCleanup(subprocess.run, ["gpgconf", "--homedir", home, "--kill", "all"])
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        subprocess.run([*gpg, "--import", private], check=True, capture_output=True)
        share = subprocess.run([*gpg, "--decrypt"], input=bytes.fromhex(made["keys"][0]), check=True,
                               capture_output=True).stdout
        self.secrets.append(share)
        self.ok("list", *self.given(share), key=False)

    def test_generated_key_does_not_lie_in_the_store(self):
        self.fails(INVALID, "init", "--generate-pgp-key", self.path("store", "private"), "--pgp-bits",
                   "2048", key=False, says="copies")
        self.assertFalse(self.status()["initialized"])
        self.write("there", "precious")
        self.fails(EXISTS, "init", "--generate-pgp-key", self.path("there"), "--pgp-bits", "2048",
                   key=False)
        self.assertEqual(self.read("there"), b"precious")
        self.assertFalse(self.status()["initialized"])

    def test_escrow_is_warned_of_opens_and_is_found(self):
        done = self.run_it("init", "--escrow-in-store", "--pgp-bits", "2048", key=False)
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn("warning", done.err)
        self.assertTrue(self.status()["escrowed"])
        self.ok("create", "my/secret", "--escrowed", given=SECRET, key=False)
        self.reads("--escrowed")
        self.ok("seal", key=False)
        self.ok("unseal", "--escrowed", key=False)
        self.reads("--escrowed")
        done = self.run_it("doctor", "--json", key=False)
        self.assertIn(done.returncode, (3, 4))
        worst = [finding["check"] for finding in json.loads(done.out)["findings"]
                 if finding["level"] in ("warning", "danger")]
        self.assertIn("escrow", worst)

    def test_store_without_escrow_has_none(self):
        self.init_wrapped()
        self.fails(NOT_FOUND, "list", "--escrowed", key=False)

    def test_slots_are_added_and_rekeyed_with_keys(self):
        self.init()
        self.store_a_secret()
        made = self.made("slot-add", "--pgp-key", self.public("bob"))
        self.assertEqual(made["pgp_fingerprints"], [self.fingerprint("bob").lower()])
        bob = ["--pgp-private-key", self.private("bob")]
        self.reads(*bob)
        self.refused(USAGE, "rekey", says="--pgp-key")
        process = self.start("rekey", "--json", "--pgp-key", self.public("ann"), "--share-back", "-")
        message = bytes.fromhex(json.loads(process.stdout.readline())["keys"][0])
        self.finish(process, self.gpg("--decrypt", given=message))
        self.assertEqual(process.returncode, 0, process.err)
        self.reads("--pgp-private-key", self.private("ann"))
        self.fails(DENIED, "list", *bob, key=False)


# What leaves a trace, or frees one: a process that is killed at any other call has done nothing new.
# The question marks are for machines that lack the older ones.
CALLS = ",".join("?" + name for name in (
    "open openat creat write writev pwrite64 pwritev fsync fdatasync sync_file_range msync ftruncate "
    "fallocate rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat fchmod chmod close "
    "fcntl flock lseek munmap").split())


def strace_works():
    if shutil.which("strace") is None:
        return "there is no strace"
    done = subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True)
    return "" if done.returncode == 0 else "tracing is forbidden here"


class Canary(Lifecycle):
    """What is secret is where it was asked for, and nowhere else."""

    def test_memory_of_a_waiting_command_is_not_dumped(self):
        self.init("--shares", "1")
        process = self.start("rekey", "--share-back", "-")
        self.wait_until_it_reads(process)
        with open(f"/proc/{process.pid}/cmdline", "rb") as file:
            seen = file.read()
        with open(f"/proc/{process.pid}/environ", "rb") as file:
            seen += file.read()
        self.assertEqual([secret for secret in self.secrets if secret in seen], [])
        with open(f"/proc/{process.pid}/limits", encoding="ascii") as file:
            self.assertIn("0", next(line for line in file if line.startswith("Max core")).split()[4])
        self.finish(process)
        self.assertEqual(process.returncode, INVALID)

    def test_commands_that_hand_nothing_out_print_no_secret(self):
        self.init("--shares", "2", "--threshold", "1")
        self.store_a_secret()
        for args in (["status"], ["status", "--json"], ["slots"], ["slots", "--json"], ["doctor"],
                     ["doctor", "--json"], ["anchor"], ["rotate"], ["reencrypt"], ["retire"],
                     ["backup", "-"], ["seal"], ["unseal"]):
            out = self.run_it(*args).out
            for secret in [*self.secrets, SECRET]:
                self.assertNotIn(secret, out, args)

    def test_storage_holds_no_share_or_key(self):
        self.init("--shares", "2", "--threshold", "1")
        self.made("rekey", "--shares", "3")
        with open(self.path("store", "data.mdb"), "rb") as file:
            data = file.read(4 * cli_test.MEBIBYTE)
        for secret in self.secrets:
            self.assertNotIn(secret, data)
            if len(secret) in (92, 114):
                self.assertNotIn(bytes.fromhex(secret.decode()), data)


class Killed(Lifecycle):
    """kill -9 at any system call: what was handed out by then, or before, opens the store."""

    MOST_KILLS = 1000000 if LONG else 40
    ONE_BY_ONE = True

    @classmethod
    def setUpClass(cls):
        cls.skip = strace_works()

    def setUp(self):
        if self.skip:
            self.skipTest(self.skip)
        super().setUp()

    def traced(self, *args, at=None):
        """Runs a command, killed at a call: a name and which of those. Its output is the file out."""
        how = ["-o", self.path("trace"), "-e", "trace=" + CALLS]
        if at is not None:
            how += ["-e", f"inject={at[0]}:signal=KILL:when={at[1]}"]
        with open(self.path("out"), "wb") as out:
            # Nothing may be asked of a program that is traced: it has no leak to look for.
            done = subprocess.run(["strace", "-f", *how, cli_test.PROGRAM, *args], stdout=out,
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60,
                                  env=self.environ(key=False), cwd=self.place)
        return done.returncode

    def calls(self):
        """The calls from the first that has to do with the store: names, and which of those it is."""
        with open(self.path("trace"), encoding="utf-8", errors="replace") as file:
            lines = [re.match(r"(\d+) +(\w+)\((.*)", line) for line in file]
        process = lines[0][1]
        seen, calls, begun = {}, [], False
        for line in lines:
            if line is None or line[1] != process:
                continue
            name = line[2]
            seen[name] = seen.get(name, 0) + 1
            begun = begun or self.place in line[3]
            if begun:
                calls.append((name, seen[name]))
        return calls

    def kill_everywhere(self, prepare, command, check):
        """Kills command at call after call. check is told whether it came to its end."""
        prepare()
        self.assertEqual(self.traced(*command), 0)
        check(True)
        calls = self.calls()
        step = max(1, -(-len(calls) // self.MOST_KILLS))
        killed = 0
        for at in calls[::step]:
            prepare()
            status = self.traced(*command, at=at)
            if status != 0:
                self.assertIn(status, (-signal.SIGKILL, 128 + signal.SIGKILL), at)
                killed += 1
            with self.subTest(at=at):
                check(status == 0)
        self.assertGreater(killed, min(len(calls), self.MOST_KILLS) // 2)

    def remove(self, *names):
        for name in names:
            path = self.path(name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)

    def template(self):
        """The store as it was when this was called first."""
        self.remove("store")
        shutil.copytree(self.path("template"), self.path("store"))

    def opens(self, *args):
        done = self.run_it("get", "my/secret", *args, key=False)
        return done.returncode == 0 and done.out == SECRET

    def shares_out(self):
        return re.findall(rb"^[0-9a-f]{92}$", self.read("out"), re.MULTILINE)

    def test_init(self):
        def prepare():
            self.remove("store", "new-key")

        def check(done):
            status = json.loads(self.ok("status", "--json", key=False))
            self.assertTrue(status["initialized"] or not done)
            if status["initialized"]:
                self.ok("list", "--key-file", self.path("new-key"), key=False)
                shares = self.shares_out()
                self.assertEqual(len(shares), 3)
                self.ok("list", *self.given(*shares[:2]), key=False)
            else:
                self.remove("new-key")
                self.ok("init", "--key-file", self.path("new-key"), key=False)

        self.kill_everywhere(prepare, ["init", "--key-file", self.path("new-key"), "--shares", "3"],
                             check)

    def with_template(self):
        self.init("--shares", "3")
        self.store_a_secret()
        os.rename(self.path("store"), self.path("template"))

    def test_slot_add(self):
        self.with_template()

        def check(done):
            self.assertTrue(self.opens("--key-file", self.key_file))
            if done or len(self.slots()) == 3:
                self.assertTrue(self.opens("--key-file", self.path("new-key")))

        def prepare():
            self.template()
            self.remove("new-key")

        self.kill_everywhere(prepare, ["slot-add", "--key-file", self.key_file, "--new-key-file",
                                       self.path("new-key")], check)

    def test_migrate_rekeyed(self):
        self.init()
        self.store_a_secret()
        new = ["--store", "lmdb:" + self.path("new"), "--key-file", self.path("new-key")]

        def check(done):
            self.assertTrue(self.opens("--key-file", self.key_file))
            status = json.loads(self.ok(*new, "status", "--json", key=False))
            if done or status["initialized"]:
                self.assertTrue(self.opens(*new))

        def prepare():
            self.remove("new", "new-key")

        self.kill_everywhere(prepare, ["migrate", self.url, "lmdb:" + self.path("new"), "--rekey",
                                       "--key-file", self.key_file, "--new-key-file",
                                       self.path("new-key")], check)

    def test_migrate(self):
        self.init()
        self.store_a_secret()
        self.ok("create", "big", "-f", "-", given=os.urandom(1000000))
        self.ok("create", "bigger", "-f", "-", given=os.urandom(1000000))
        from_, to = self.url, "lmdb:" + self.path("new")
        command = ["migrate", from_, to]

        def check(done):
            self.assertTrue(self.opens("--key-file", self.key_file))
            again = self.run_it(*command, key=False)
            self.assertIn(again.returncode, [EXISTS] if done else [0, EXISTS], again.err)
            self.assertTrue(self.opens("--store", to, "--key-file", self.key_file))
            self.assertEqual(self.ok("--store", to, "get", "bigger"), self.ok("get", "bigger"))

        def prepare():
            self.remove("new")

        self.kill_everywhere(prepare, command, check)

    def test_slot_replace(self):
        self.with_template()

        def check(done):
            old = self.opens("--key-file", self.key_file)
            new = os.path.exists(self.path("new-key")) and self.opens("--key-file", self.path("new-key"))
            self.assertTrue(new if done else old or new)

        def prepare():
            self.template()
            self.remove("new-key")

        self.kill_everywhere(prepare, ["slot-replace", "2", "--key-file", self.key_file,
                                       "--new-key-file", self.path("new-key")], check)

    def test_rekey(self):
        self.url = "lmdb:" + self.path("store")
        old = self.init_shares(3, 2)
        with_old = self.given(*old[:2])
        self.ok("create", "my/secret", *with_old, given=SECRET, key=False)
        os.rename(self.path("store"), self.path("template"))

        def check(done):
            shares = self.shares_out()
            new = len(shares) == 3 and self.opens(*self.given(*shares[1:]))
            self.assertTrue(new if done else self.opens(*with_old) or new)

        self.kill_everywhere(self.template, ["rekey", *with_old], check)

    def test_backup(self):
        self.init()
        self.store_a_secret()
        backup = self.path("backup")

        def prepare():
            self.ok("backup", backup, key=False)

        def check(_):
            self.ok("backup-verify", backup, key=False)
            self.ok("backup", backup, key=False)
            self.assertFalse(os.path.exists(backup + ".part"))

        self.kill_everywhere(prepare, ["backup", backup], check)

    def test_restore(self):
        self.with_template()
        self.template()
        backup = self.path("backup")
        self.ok("backup", backup, key=False)

        def prepare():
            self.remove("store")

        def check(done):
            if done or json.loads(self.ok("status", "--json", key=False))["initialized"]:
                return self.assertTrue(self.opens("--key-file", self.key_file))
            self.ok("restore", backup, key=False)
            self.assertTrue(self.opens("--key-file", self.key_file))

        self.kill_everywhere(prepare, ["restore", backup], check)


if __name__ == "__main__":
    cli_test.main(globals())
