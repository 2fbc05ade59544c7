#!/usr/bin/env python3
"""Files of `strongroom run`: what stays behind, and whom they belong to. cli_run_files_test.py PROGRAM [CASE...]"""
import grp
import itertools
import os
import pwd
import shutil
import subprocess

import cli_test
from cli_test import (AsNobody, Case, INVALID, SECRET, UNAVAILABLE, UNSUPPORTED, USAGE, mount_namespaces_allowed, reference,
                      volume)

NOBODY = "nobody"


class Files(Case):
    options = []

    def setUp(self):
        super().setUp()
        if not self.options and not mount_namespaces_allowed():
            self.skipTest("mount namespaces are forbidden here")
        self.init()
        self.ok("create", "my/secret", given=SECRET)
        self.box = self.path("box")
        os.mkdir(self.box)
        if self.user is not None:
            os.chown(self.box, self.user, self.user)

    def args(self, paths, *command, options=None, more=()):
        options = self.options if options is None else options
        volumes = [volume(path, reference("my/secret")) for path in paths]
        name = self.write("v" + "-".join(paths).replace("/", "_") + ".json", volumes)
        return ["run", *options, *more, "--volumes", name, "--", *command]

    def left(self):
        return sorted(os.path.relpath(os.path.join(root, name), self.box)
                      for root, folders, names in os.walk(self.box) for name in folders + names)

    def begin(self, *paths, options=None):
        process = self.start(*self.args(paths, "sh", "-c", 'cat "$@" && echo && read -r _ && cat "$@"', "sh",
                                        *paths, options=options), cwd=self.box)
        self.assertEqual(process.stdout.readline().strip(), SECRET * len(paths))
        return process

    def end(self, process, paths):
        self.finish(process, b"\n")
        self.assertEqual((process.returncode, process.out), (0, SECRET * paths), process.err)

    def kill(self, process):
        """SIGKILL to run and then to its command, which goes on."""
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
            commands = [int(pid) for pid in children.read().split()]
        process.kill()
        process.wait()
        self.assertEqual(process.returncode, -9)
        for pid in commands:
            os.kill(pid, 9)
        process.communicate()  # until the last of them is gone

    def once(self, *paths, options=None):
        done = self.run_it(*self.args(paths, "cat", *paths, options=options), cwd=self.box)
        self.assertEqual((done.returncode, done.out), (0, SECRET * len(paths)), done.err)


class Leftovers(Files):
    def test_next_run_takes_over_what_a_killed_one_left(self):
        for _ in range(2):
            self.kill(self.begin("a/b/f", "g"))
            self.assertNotEqual(self.left(), [])
            self.once("a/b/f", "g")
            self.assertEqual(self.left(), [])

    def test_a_run_of_the_other_kind_takes_over_too(self):
        if not mount_namespaces_allowed():
            self.skipTest("mount namespaces are forbidden here")
        self.kill(self.begin("a/f"))
        self.once("a/f", options=[] if self.options else ["--no-namespace"])
        self.assertEqual(self.left(), [])

    def test_last_of_two_removes_everything_in_either_order(self):
        for order in ((0, 1), (1, 0)):
            for other in (["a/f"], ["a/g"], ["b/g", "h"], ["a/f", "a/b/g"]):
                paths = (["a/f"], other)
                both = [self.begin(*mine) for mine in paths]
                for i in order:
                    self.end(both[i], len(paths[i]))
                self.assertEqual(self.left(), [], (order, other))

    def test_three_runs_of_which_one_is_killed(self):
        for killed in range(3):
            for rest in itertools.permutations([i for i in range(3) if i != killed]):
                runs = [self.begin("a/f") for _ in range(3)]
                self.kill(runs[killed])
                for i in rest:
                    self.end(runs[i], 1)
                self.assertEqual(self.left(), [], (killed, rest))

    def test_many_at_once_leave_nothing(self):
        for _ in range(3):
            args = self.args(["a/b/f"], "cat", "a/b/f")
            runs = [self.start(*args, cwd=self.box) for _ in range(8)]
            for process in runs:
                self.finish(process)
                self.assertEqual((process.returncode, process.out), (0, SECRET), process.err)
            self.assertEqual(self.left(), [])

    def test_what_somebody_put_there_stays(self):
        process = self.begin("a/b/f", "c/g")
        self.write("box/a/theirs", "")
        self.end(process, 2)
        self.assertEqual(self.left(), ["a", "a/theirs"])
        self.kill(self.begin("a/b/f"))
        self.write("box/a/b/theirs", "")
        self.once("a/b/f")
        self.assertEqual(self.left(), ["a", "a/b", "a/b/theirs", "a/theirs"])


class LeftoversNoNamespace(Leftovers):
    options = ["--no-namespace"]

    def test_link_that_is_not_surely_ours_is_refused_and_stays(self):
        os.symlink("/proc/self/fd/300", self.path("box/f"))
        done = self.run_it(*self.args(["f"], "true"), cwd=self.box)
        self.assertEqual(done.returncode, INVALID)
        self.assertEqual(os.readlink(self.path("box/f")), "/proc/self/fd/300")
        inode = os.lstat(self.path("box/f")).st_ino
        self.write(f"box/.strongroom-run-{inode}", "not empty")
        self.assertEqual(self.run_it(*self.args(["f"], "true"), cwd=self.box).returncode, INVALID)
        os.unlink(self.path("box/f"))
        os.unlink(self.path(f"box/.strongroom-run-{inode}"))
        # The sign next to a link that leads elsewhere is none either.
        os.symlink("/etc/hostname", self.path("box/f"))
        inode = os.lstat(self.path("box/f")).st_ino
        self.write(f"box/.strongroom-run-{inode}", "")
        self.assertEqual(self.run_it(*self.args(["f"], "true"), cwd=self.box).returncode, INVALID)
        self.assertEqual(self.left(), [f".strongroom-run-{inode}", "f"])

    def test_shared_link_whose_descriptor_is_taken_is_refused_with_a_text(self):
        first = self.begin("f")
        self.fails_late(["g", "f"], "descriptor 300")
        self.end(first, 1)
        self.assertEqual(self.left(), [])

    def fails_late(self, paths, says):
        done = self.run_it(*self.args(paths, "true"), cwd=self.box)
        self.assertEqual((done.returncode, done.out), (UNAVAILABLE, b""), done.err)
        self.assertIn(says, done.err)

    def test_link_of_another_user_is_not_ours(self):
        if os.geteuid() != 0:
            self.skipTest("only root can make files of somebody else")
        self.kill(self.begin("f"))
        os.chown(self.path("box/f"), 65534, 65534, follow_symlinks=False)
        self.assertEqual(self.run_it(*self.args(["f"], "true"), cwd=self.box).returncode, INVALID)
        self.assertTrue(os.path.islink(self.path("box/f")))


class LeftoversAsNobody(AsNobody, Leftovers):
    """The same in a user namespace."""

    def setUp(self):
        super().setUp()
        if self.try_as_nobody("unshare", "-Urm", "true") != 0:
            self.skipTest("user namespaces are forbidden here")


class Strangers(Files):
    """Empty files and directories that are not surely ours."""

    def test_empty_files_and_directories_of_the_user_stay(self):
        os.mkdir(self.path("box/a"))
        self.write("box/a/f", "")
        self.once("a/f", "a/g")
        self.assertEqual(self.left(), ["a", "a/f"])

    def test_copy_of_a_placeholder_is_not_one(self):
        process = self.begin("a/f")
        subprocess.run(["cp", "-a", self.path("box/a"), self.path("box/copy")], check=True)
        self.end(process, 1)
        self.assertEqual(self.left(), ["copy", "copy/f"])
        self.once("copy/f")
        self.assertEqual(self.left(), ["copy", "copy/f"])

    def test_leftover_that_another_user_owns_or_wrote_to_stays(self):
        self.kill(self.begin("f", "g", "h"))
        self.write("box/f", "written")
        os.link(self.path("box/g"), self.path("box/second"))
        self.once("f", "g", "h")
        self.assertEqual(self.left(), ["f", "g", "second"])
        if os.geteuid() == 0:
            self.kill(self.begin("h"))
            os.chown(self.path("box/h"), 65534, 65534)
            self.once("h")
            self.assertIn("h", self.left())

    def test_without_attributes_only_the_maker_knows(self):
        mounted = subprocess.run(["mount", "-t", "ramfs", "none", self.box], capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("a file system without extended attributes cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.box], check=True)
        try:
            self.write("box/probe", "")
            os.setxattr(self.path("box/probe"), "user.x", b"")
            self.skipTest("ramfs has extended attributes here")
        except OSError:
            os.unlink(self.path("box/probe"))
        self.once("a/f")
        self.assertEqual(self.left(), [])
        self.kill(self.begin("a/f"))
        self.once("a/f")
        self.assertEqual(self.left(), ["a", "a/f"])
        self.once("l", options=["--no-namespace"])
        self.kill(self.begin("l", options=["--no-namespace"]))
        self.once("l", options=["--no-namespace"])
        self.assertEqual(self.left(), ["a", "a/f"])


class AsRoot(Files):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        if not shutil.which("setpriv"):
            self.skipTest("setpriv is not installed")
        super().setUp()
        self.nobody = pwd.getpwnam(NOBODY)
        for place in (self.place, self.box):
            os.chmod(place, 0o755)


class Owner(AsRoot):
    def owned(self, owner, *command, **more):
        return self.run_it(*self.args(["a/b/f"], *command, more=["--owner", owner]), cwd=self.box, **more)

    def test_command_that_drops_its_rights_reads_its_file(self):
        done = self.owned(NOBODY, "setpriv", "--reuid=nobody", "--clear-groups", "cat", "a/b/f")
        self.assertEqual((done.returncode, done.out), (0, SECRET), done.err)
        self.assertEqual(self.left(), [])
        done = self.owned("root", "setpriv", "--reuid=nobody", "--clear-groups", "cat", "a/b/f")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.out, b"")

    def test_the_directories_let_it_through_whatever_the_umask_is(self):
        done = self.owned(NOBODY, "setpriv", "--reuid=nobody", "--clear-groups", "cat", "a/b/f",
                          preexec_fn=lambda: os.umask(0o077))
        self.assertEqual((done.returncode, done.out), (0, SECRET), done.err)

    def test_every_form_of_chown(self):
        uid, gid = self.nobody.pw_uid, self.nobody.pw_gid
        group = grp.getgrgid(gid).gr_name
        for owner, expected in ((NOBODY, (uid, 0)), (f"{NOBODY}:", (uid, gid)), (f"{uid}:", (uid, gid)),
                                (f"{NOBODY}:daemon", (uid, grp.getgrnam("daemon").gr_gid)),
                                (f":{group}", (0, gid)), (":77", (0, 77)), ("1234:5678", (1234, 5678)),
                                ("4294967294:4294967294", (4294967294, 4294967294)), ("0", (0, 0))):
            done = self.owned(owner, "stat", "-L", "-c", "%u %g %a", "a/b/f")
            self.assertEqual(done.out.decode().split(), [*map(str, expected), "400"], (owner, done.err))

    def test_writable_file_is_the_users_to_write(self):
        if self.options:
            return  # a memfd is never written
        volumes = self.write("rw.json", volume("f", reference("my/secret"), "RW"))
        done = self.run_it("run", "--volumes", volumes, "--owner", NOBODY, "--", "setpriv", "--reuid=nobody",
                           "--clear-groups", "sh", "-c", "stat -c %a f; echo new >f; cat f", cwd=self.box)
        self.assertEqual((done.returncode, done.out), (0, b"600\nnew\n"), done.err)

    def test_without_the_right_to_chown_nothing_starts(self):
        flags = ["--user", "--map-root-user"]
        if subprocess.run(["unshare", *flags, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("user namespaces are forbidden here")
        for prefix in (["unshare", *flags], ["setpriv", "--bounding-set=-chown", "--inh-caps=-chown"]):
            done = subprocess.run([*prefix, cli_test.PROGRAM,
                                   *self.args(["a/b/f"], "touch", self.path("started"), more=["--owner", NOBODY])],
                                  env=self.environ(), capture_output=True, cwd=self.box, check=False)
            self.assertEqual(done.returncode, UNSUPPORTED, (prefix, done.stderr))
            self.assertIn(b"CAP_CHOWN", done.stderr)
            self.assertFalse(os.path.exists(self.path("started")))
            self.assertEqual(self.left(), [])


class OwnerNoNamespace(Owner):
    options = ["--no-namespace"]


class MesosModes(AsRoot):
    """Files as Mesos has them: of the caller, and for every user to read."""

    def mesos(self, file, *command, **more):
        return self.run_it("run", "--volumes", file, "--mesos-modes", *self.options, "--", *command, cwd=self.box,
                           **more)

    def test_every_user_reads_and_only_the_caller_writes(self):
        for mode in ("RO", "RW"):
            file = self.write("m.json", volume("a/b/f", reference("my/secret"), mode))
            done = self.mesos(file, "stat", "-L", "-c", "%u %g %a", "a/b/f")
            self.assertEqual(done.out.decode().split(), ["0", "0", "444" if self.options else "644"], done.err)
            done = self.mesos(file, "setpriv", "--reuid=nobody", "--clear-groups", "cat", "a/b/f",
                              preexec_fn=lambda: os.umask(0o077))
            self.assertEqual((done.returncode, done.out), (0, SECRET), done.err)
            done = self.mesos(file, "setpriv", "--reuid=nobody", "--clear-groups", "sh", "-c", "echo x > a/b/f")
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(self.left(), [])

    def test_it_is_for_volumes_and_without_an_owner(self):
        self.fails(USAGE, "run", "--mesos-modes", "--", "true", says="--volumes")
        self.fails(USAGE, "run", "--volumes", self.path("missing"), "--mesos-modes", "--owner", "root", "--", "true",
                   says="exclude")


class MesosModesNoNamespace(MesosModes):
    options = ["--no-namespace"]


class OwnerAsNobody(AsNobody, Files):
    options = ["--no-namespace"]

    def test_user_without_rights_may_not_give_away_but_keep(self):
        kinds = [["--no-namespace"]] + [[]] * mount_namespaces_allowed()
        for options in kinds:
            done = self.run_it(*self.args(["f"], "true", options=options, more=["--owner", "root"]), cwd=self.box)
            self.assertEqual(done.returncode, UNSUPPORTED, done.err)
            self.assertIn("CAP_CHOWN", done.err)
            done = self.run_it(*self.args(["f"], "cat", "f", options=options, more=["--owner", NOBODY]),
                               cwd=self.box)
            self.assertEqual((done.returncode, done.out), (0, SECRET), done.err)


CREDENTIALS = ".strongroom-credentials"


class Credentials(Files):
    """The files in one directory, as systemd gives them to a service."""

    SHOW = 'cat "$CREDENTIALS_DIRECTORY/$0"'

    def args(self, paths, *command, options=None, more=()):
        return super().args(paths, *command, options=options, more=["--credentials-directory", *more])

    def begin(self, *paths, options=None):
        script = 'cd "$CREDENTIALS_DIRECTORY" && cat "$@" && echo && read -r _ && cd / && cd - >/dev/null && cat "$@"'
        process = self.start(*self.args(paths, "sh", "-c", script, "sh", *paths, options=options), cwd=self.box)
        self.assertEqual(process.stdout.readline().strip(), SECRET * len(paths))
        return process

    def test_the_variable_leads_to_the_files(self):
        script = 'echo "$CREDENTIALS_DIRECTORY"; cd "$CREDENTIALS_DIRECTORY"; cat db-password b.x'
        done = self.run_it(*self.args(["db-password", "b.x"], "sh", "-c", script), cwd=self.box,
                           env={"CREDENTIALS_DIRECTORY": "/of/the/caller"})
        place = os.path.join(self.box, CREDENTIALS).encode()
        self.assertEqual((done.returncode, done.out), (0, place + b"\n" + SECRET * 2), done.err)
        self.assertEqual(self.left(), [])

    def test_only_the_owner_reads_and_nobody_writes(self):
        for mode in ("RO", "RW"):
            volumes = self.write("v.json", [volume("f", reference("my/secret"), mode)])
            script = 'cd "$CREDENTIALS_DIRECTORY"; stat -L -c "%a %u" f; echo x 2>/dev/null >f || echo no; cat f'
            done = self.run_it("run", *self.options, "--credentials-directory", "--volumes", volumes, "--", "sh", "-c",
                               script, cwd=self.box)
            self.assertEqual(done.out, f"400 {self.user or os.geteuid()}\nno\n".encode() + SECRET, done.err)
            self.assertEqual(self.left(), [])

    def test_the_directory_is_read_only_in_memory_and_unseen_outside(self):
        if self.options:
            return  # links to memfds
        process = self.begin("f")
        self.assertEqual(self.left(), [CREDENTIALS, f"{CREDENTIALS}/.in-use"])
        self.assertEqual(os.path.getsize(os.path.join(self.box, CREDENTIALS, ".in-use")), 0)
        self.end(process, 1)
        script = 'cd "$CREDENTIALS_DIRECTORY"; stat -c "%a %u" .; stat -f -c %T .; touch new 2>/dev/null || echo no; ls -A'
        done = self.run_it(*self.args(["f"], "sh", "-c", script), cwd=self.box)
        rights, kind, new, names = done.out.decode().splitlines()
        self.assertEqual((rights, new, names), (f"500 {self.user or os.geteuid()}", "no", "f"), done.err)
        self.assertIn(kind, ("tmpfs", "ramfs"))

    def test_runs_in_one_directory_keep_their_files(self):
        for order in ((0, 1), (1, 0)):
            for paths in ((["a"], ["a"]), (["a"], ["b", "c"])):
                both = [self.begin(*mine) for mine in paths]
                for i in order:
                    self.end(both[i], len(paths[i]))
                self.assertEqual(self.left(), [], (order, paths))

    def test_next_run_takes_over_what_a_killed_one_left(self):
        self.kill(self.begin("a", "b"))
        self.assertNotEqual(self.left(), [])
        for options in [["--no-namespace"]] + [[]] * mount_namespaces_allowed():
            done = self.run_it(*self.args(["a"], "sh", "-c", self.SHOW, "a", options=options), cwd=self.box)
            self.assertEqual((done.returncode, done.out), (0, SECRET), done.err)
        if not self.options:
            self.assertEqual(self.left(), [])

    def test_a_folder_that_is_something_else_is_refused(self):
        for make in (lambda place: os.symlink(self.place, place), lambda place: self.write(place, "x")):
            make(os.path.join(self.box, CREDENTIALS))
            done = self.run_it(*self.args(["a"], "touch", self.path("started")), cwd=self.box)
            self.assertEqual(done.returncode, INVALID, done.err)
            self.assertFalse(os.path.exists(self.path("started")))
            os.unlink(os.path.join(self.box, CREDENTIALS))

    def test_what_is_no_name_of_a_credential_is_refused(self):
        for path in ("a/b", "./a", "/bin/true", "a:b", "\u00e4", "a\tb"):
            for more in ([], ["--check"]):
                done = self.run_it(*self.args([path], "touch", self.path("started"), more=more), cwd=self.box)
                self.assertEqual(done.returncode, INVALID, (path, done.err))
                self.assertIn("is no name of a credential", done.err)
        self.assertFalse(os.path.exists(self.path("started")))
        self.assertEqual(self.left(), [])

    def test_it_does_not_go_with_what_contradicts_it(self):
        volumes = self.write("v.json", volume("a", reference("my/secret")))
        run = ["run", "--credentials-directory"]
        self.fails(USAGE, *run, "--", "true", says="--volumes")
        self.fails(USAGE, *run, "--volumes", volumes, "--mesos-modes", "--", "true", says="exclude")
        self.fails(USAGE, *run, "--volumes", volumes, "--on-change=HUP", "--", "true", says="--on-change=restart")
        env = self.write("e.json", cli_test.environment(CREDENTIALS_DIRECTORY="x"))
        self.fails(INVALID, *run, "--volumes", volumes, "--env", env, "--", "true", says="CREDENTIALS_DIRECTORY")

    def test_no_files_are_no_directory(self):
        done = self.run_it(*self.args([], "sh", "-c", 'echo "${CREDENTIALS_DIRECTORY-unset}"'), cwd=self.box)
        self.assertEqual((done.returncode, done.out), (0, b"unset\n"), done.err)
        self.assertEqual(self.left(), [])


class CredentialsNoNamespace(Credentials):
    options = ["--no-namespace"]


class CredentialsAsNobody(AsNobody, Credentials):
    """In a user namespace, if one may be made."""


class CredentialsOfOwner(AsRoot):
    def test_command_that_drops_its_rights_reads_them(self):
        for options in ([], ["--no-namespace"]):
            more = ["--credentials-directory", "--owner", NOBODY]
            done = self.run_it(*self.args(["a"], "setpriv", "--reuid=nobody", "--clear-groups", "sh", "-c",
                                          Credentials.SHOW, "a", options=options, more=more), cwd=self.box)
            self.assertEqual((done.returncode, done.out), (0, SECRET), done.err)
            self.assertEqual(self.left(), [])
        done = self.run_it(*self.args(["a"], "setpriv", "--reuid=nobody", "--clear-groups", "sh", "-c",
                                      Credentials.SHOW, "a", more=["--credentials-directory"]), cwd=self.box)
        self.assertEqual((done.out, done.returncode != 0), (b"", True))


class OwnerUsage(Case):
    def test_what_is_no_owner_is_refused_before_anything_is_read(self):
        for owner in ("", ":", "a:b:c", "nobody:nogroup:", "::", "no-such-user", ":no-such-group",
                      "nobody:no-such-group", "no-such-user:0", "-1", "4294967295", ":4294967295", "0:-1",
                      "4294967296", "99999999999999999999999", "1.5", "0x10", " 0", "1234567:"):
            self.fails(INVALID, "run", "--volumes", self.path("missing"), "--owner", owner, "--", "true",
                       says="--owner")

    def test_it_needs_volumes_and_a_value(self):
        self.fails(USAGE, "run", "--owner", "root", "--", "true", says="--volumes")
        self.fails(USAGE, "run", "--owner", says="--owner")

    def test_help_and_completions_have_it(self):
        self.assertIn("--owner", self.ok("run", "--help").decode())
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("credentials-directory", self.ok("completion", shell).decode())
            self.assertIn("owner", self.ok("completion", shell).decode())


if __name__ == "__main__":
    cli_test.main(globals())
