#!/usr/bin/env python3
"""Which key files are private enough, through the real `strongroom` program: cli_private_files_test.py PROGRAM [CASE...].

The files are those that orchestrators provide: owned by root, mode 0440, behind links, on a read-only mount.
"""
import json
import os
import struct
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True  # the sources stay as they are
import cli_test
from cli_test import DENIED, INVALID, SECRET, UNAVAILABLE

OURS, OTHER = 4321, 8765  # groups
USER = 65534
READABLE = "--allow-readable-key-file"
NOWHERE = ["--store", "zk://127.0.0.1:1/x", "--timeout", "1"]
OWNER, NAMED_USER, GROUP, NAMED_GROUP, MASK, OTHERS = 1, 2, 4, 8, 16, 32


def acl(*entries):
    """The bytes of system.posix_acl_access (linux/posix_acl_xattr.h): tag, what it may, id."""
    none = 0xFFFFFFFF
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, may, none if who is None else who) for tag, may, who in entries)


def provided(*, user=0, group=OURS, mode=0o440):
    return {"user": user, "group": group, "mode": mode}


@unittest.skipIf(os.geteuid() != 0, "it gives files to other users, which only root may do")
class PrivateFiles(cli_test.Case):
    """The program runs as a user with a group of its own and one more."""

    def setUp(self):
        super().setUp()
        os.chmod(self.place, 0o755)
        self.init()
        self.ok("create", "my/secret", given=SECRET)
        self.give_store_to(USER)
        self.key = self.read("key")

    def give_store_to(self, user):
        for folder, _, files in os.walk(self.path("store")):
            for name in [folder] + [os.path.join(folder, file) for file in files]:
                os.chown(name, user, user)

    def start(self, *args, **more):
        if "groups" in more:
            more.update(user=USER, group=USER, extra_groups=more.pop("groups"))
        return super().start(*args, **more)

    def give(self, name, how, content=None):
        file = self.write(name, self.key if content is None else content)
        os.chown(file, how["user"], how["group"])
        os.chmod(file, how["mode"])
        return file

    def gets(self, file, *more, groups=(OURS,)):
        self.assertEqual(self.ok("get", "my/secret", "--key-file", file, *more, key=False,
                                 groups=list(groups)), SECRET)

    def denied(self, file, *more, groups=(OURS,), says=""):
        return self.fails(DENIED, "get", "my/secret", "--key-file", file, *more, key=False,
                          groups=list(groups), says=says)

    def test_a_file_of_root_that_our_group_can_read_is_taken(self):
        for mode in (0o440, 0o640, 0o040):
            self.gets(self.give("k", provided(mode=mode)))
        self.gets(self.give("k", provided(user=USER, mode=0o440)))
        self.gets(self.give("k", provided(user=USER, mode=0o400)))
        self.gets(self.give("k", provided(group=USER)), groups=())  # the effective group
        self.ok("get", "my/secret", key=False, groups=[OURS], env={"STRONGROOM_KEY_FILE": self.path("k")})

    def test_as_root_too(self):
        self.give_store_to(0)
        file = self.give("k", provided(group=0))
        self.assertEqual(self.ok("get", "my/secret", "--key-file", file), SECRET)

    def test_links_of_a_projected_volume_are_followed(self):
        os.mkdir(self.path("..2024_02_29"))
        self.give("..2024_02_29/key", provided())
        os.symlink("..2024_02_29", self.path("..data"))
        os.symlink("..data/key", self.path("linked"))
        self.gets(self.path("linked"))
        os.chmod(self.path("..2024_02_29/key"), 0o444)
        self.denied(self.path("linked"), says=READABLE)

    def test_a_group_of_others_and_everybody_need_the_option(self):
        for how in (provided(mode=0o444), provided(group=OTHER, mode=0o404), provided(mode=0o644),
                    provided(user=USER, group=OTHER, mode=0o444)):
            file = self.give("k", how)
            self.denied(file, says="is open to others (mode 0%o)" % how["mode"])
            self.gets(file, READABLE)
        # A group that this process is not in; the owner can still read it.
        file = self.give("k", provided(user=USER, group=OTHER))
        self.denied(file, says="chmod 600 '" + file + "'")
        self.gets(file, READABLE)

    def test_a_group_that_another_user_chose_is_not_trusted(self):
        self.denied(self.give("k", provided(user=1234)), says=READABLE)

    def test_what_others_can_write_is_never_taken(self):
        for how in (provided(mode=0o460), provided(mode=0o446), provided(user=USER, mode=0o666),
                    provided(user=USER, group=USER, mode=0o620)):
            file = self.give("k", how)
            err = self.denied(file, READABLE, says="who can change it")
            self.assertNotIn("or accept it", err)

    def test_chmod_is_advised_only_where_it_works(self):
        err = self.denied(self.give("k", provided(mode=0o444)))
        self.assertNotIn("chmod", err)  # it is root's
        self.assertIn("defaultMode: 0400 with fsGroup", err)
        file = self.give("it's", provided(user=USER, mode=0o444))
        self.denied(file, says="; run: chmod 600 '" + file.replace("'", "'\\''") + "'\n")

    def test_access_control_lists_count(self):
        file = self.give("k", provided(user=USER, mode=0o600))
        base = [(OWNER, 6, None), (GROUP, 0, None), (OTHERS, 0, None)]
        cases = [([(NAMED_USER, 4, 1234), (MASK, 4, None)], False),
                 ([(NAMED_USER, 4, 1234), (MASK, 0, None)], True),     # the mask takes it away
                 ([(NAMED_USER, 4, USER), (MASK, 4, None)], True),     # systemd does this
                 ([(NAMED_USER, 4, 0), (MASK, 4, None)], True),
                 ([(NAMED_GROUP, 4, OTHER), (MASK, 4, None)], False),
                 ([(NAMED_GROUP, 4, OURS), (MASK, 4, None)], True)]
        for more, taken in cases:
            order = sorted(base + more, key=lambda entry: entry[0])
            try:
                os.setxattr(file, "system.posix_acl_access", acl(*order))
            except OSError as error:
                self.skipTest("the file system has no access control lists: " + str(error))
            if taken:
                self.gets(file)
            else:
                self.denied(file, says="is open to others")
                self.gets(file, READABLE)

    def test_other_private_files_have_the_same_rule(self):
        """Each gets past the rule to what is wrong with its bytes, or not."""
        for args, what, name in ((["get", "my/secret", "--pgp-private-key"], "no key", "the private key"),
                                 (["status", *NOWHERE, "--zk-auth-file"], "no colon", "ZooKeeper"),
                                 (["migrate", self.url, NOWHERE[1], "--to-zk-auth-file"], "no colon",
                                  "ZooKeeper")):
            for mode, more, open_to_us in ((0o440, [], True), (0o444, [], False), (0o444, [READABLE], True),
                                           (0o464, [READABLE], False)):
                file = self.give("f", provided(mode=mode), what)
                done = self.run_it(*args, file, *more, key=False, groups=[OURS])
                said = (args, oct(mode), more, done.returncode, done.err)
                self.assertIn(name, done.err, said) if not open_to_us else None
                self.assertEqual("open to others" in done.err, not open_to_us, said)
                self.assertEqual(done.returncode == DENIED and "open to others" in done.err, not open_to_us, said)

    def test_the_passphrase_file_has_the_same_rule(self):
        key = self.give("pgp", provided(), "no key")
        for mode, more, open_to_us in ((0o440, [], True), (0o444, [], False), (0o444, [READABLE], True)):
            file = self.give("f", provided(mode=mode), "passphrase-CANARY")
            done = self.run_it("get", "my/secret", "--pgp-private-key", key, "--pgp-passphrase-file", file,
                               *more, key=False, groups=[OURS])
            self.assertEqual("the passphrase file" in done.err and "open to others" in done.err,
                             not open_to_us, done.err)

    def test_zookeepers_credentials_of_another_user_are_refused(self):
        file = self.give("f", provided(user=1234, mode=0o444), "u:zk-canary")
        self.fails(DENIED, "status", *NOWHERE, "--zk-auth-file", file, READABLE, groups=[OURS],
                   says="belongs to another user")
        file = self.give("f", provided(mode=0o440), "u:zk-canary")
        self.fails(UNAVAILABLE, "status", *NOWHERE, "--zk-auth-file", file, groups=[OURS])
        # The engine reads this one, by the same rule.
        file = self.give("f", provided(mode=0o444), "u:zk-canary")
        err = self.fails(DENIED, "zk-reauth", *NOWHERE, "--new-zk-auth-file", file, groups=[OURS],
                         says="open to others")
        self.assertNotIn("chmod", err)

    def findings(self, file, *wrapper, check="file-modes"):
        command = [*wrapper, cli_test.PROGRAM, "doctor", "--json", "--key-file", file, READABLE]
        done = subprocess.run(command, env=self.environ(key=False), capture_output=True, timeout=60,
                              cwd=self.place)
        self.assertIn(done.returncode, (0, 3, 4), done.stderr)
        return [each for each in json.loads(done.stdout)["findings"] if each["check"] == check
                and each["what"].startswith(file)]

    def test_doctor_reports_what_a_group_or_others_can_read(self):
        self.give_store_to(0)
        file = self.give("k", provided(group=0, mode=0o440))
        found, = self.findings(file)
        self.assertEqual(found["level"], "warning")
        self.assertIn("can be read by a group (mode 0440)", found["what"])
        self.assertIn("chmod 600", found["advice"])
        file = self.give("k", provided(group=0, mode=0o444))
        found, = self.findings(file)
        self.assertEqual(found["level"], "danger")
        self.assertIn("is open to others (mode 0444)", found["what"])
        file = self.give("k", provided(group=0, mode=0o400))
        self.assertEqual(self.findings(file), [])
        self.assertEqual([each["level"] for each in self.findings(file, check="key-file")], ["good"])

    def test_nobody_advises_chmod_on_a_read_only_mount(self):
        if not cli_test.mount_namespaces_allowed():
            self.skipTest("this host forbids mount namespaces")
        self.give_store_to(0)
        os.mkdir(self.path("mount"))
        file = self.path("mount/key")
        script = ('mount -t tmpfs tmpfs mount && cp key mount/key && chmod $0 mount/key && '
                  'mount -o remount,ro mount && exec "$@"')
        for mode, level in (("0440", "note"), ("0444", "danger")):
            found, = self.findings(file, "unshare", "-m", "sh", "-c", script, mode)
            self.assertEqual(found["level"], level)
            self.assertNotIn("chmod", found["advice"])
            self.assertIn("defaultMode: 0400", found["advice"])
            done = subprocess.run(["unshare", "-m", "sh", "-c", script, mode, cli_test.PROGRAM, "get",
                                   "my/secret", "--key-file", file], env=self.environ(key=False),
                                  capture_output=True, timeout=60, cwd=self.place)
            err = done.stderr.decode()
            if mode == "0440":
                self.assertEqual((done.returncode, done.stdout), (0, SECRET), err)
            else:
                self.assertEqual(done.returncode, DENIED, err)
                self.assertNotIn("chmod", err)
                self.assertIn("or accept it with " + READABLE, err)


if __name__ == "__main__":
    cli_test.main(globals())
