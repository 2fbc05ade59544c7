#!/usr/bin/env python3
"""`strongroom run --on-change` and `--check`: cli_run_changes_test.py PROGRAM [CASE...], or --cases to name them."""
import os
import platform
import signal
import subprocess
import time

import cli_test
from cli_test import (Case, INVALID, TOO_LARGE, UNSUPPORTED, USAGE, environment, mount_namespaces_allowed, reference,
                      volume)

OLD, NEW = b"old-value-of-the-secret", b"new-and-longer-value-of-the-secret"

# Commands say what they see in lines, and end when their input does.
SHOW_VARIABLE = 'echo "$SECRET"; read -r _'
SHOW_FILE = 'trap "cat f; echo" HUP; cat f; echo; while :; do sleep 0.05; done'


class Changes(Case):
    def setUp(self):
        super().setUp()
        self.init()
        self.ok("create", "my/secret", given=OLD)
        self.secrets += [OLD, NEW]
        self.box = self.path("box")
        os.mkdir(self.box)
        self.environment = self.write("env.json", environment(SECRET=reference("my/secret")))
        self.volumes = self.write("volumes.json", [volume("f", reference("my/secret"))])

    def needs_mounts(self):
        if not mount_namespaces_allowed():
            self.skipTest("mount namespaces are forbidden here")

    def begin(self, *args):
        process = self.start("run", *args, cwd=self.box)
        self.addCleanup(self.clean, process)
        return process

    def clean(self, process):
        """After a failure, neither the run nor its command may stay."""
        if process.poll() is None:
            os.kill(self.command_of(process), signal.SIGKILL)
            process.kill()
            process.communicate()

    def follow(self, how, script, *more):
        kind = ["--env", self.environment] if script == SHOW_VARIABLE else ["--volumes", self.volumes]
        return self.begin("--on-change", how, *kind, *more, "--", "sh", "-c", script)

    @staticmethod
    def command_of(process):
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
            return int(children.read().split()[0])

    def line(self, process):
        return process.stdout.readline().rstrip(b"\n")

    def change(self, value, path="my/secret"):
        self.ok("update", path, given=value)

    def end(self, process, status=143):
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        self.finish(process)
        self.assertEqual(process.returncode, status, process.err)
        self.assertEqual(os.listdir(self.box), [])
        return process.err

    def quiet(self, process, seconds=1.0):
        """Nothing happens to the command."""
        os.set_blocking(process.stdout.fileno(), False)
        time.sleep(seconds)
        self.assertIsNone(process.stdout.read())
        self.assertIsNone(process.poll())
        os.set_blocking(process.stdout.fileno(), True)


class Restart(Changes):
    def test_command_is_started_again_with_the_new_variable(self):
        process = self.follow("restart", SHOW_VARIABLE)
        for value in (NEW, OLD, NEW):
            self.assertEqual(self.line(process), OLD if value == NEW else NEW)
            self.change(value)
        self.assertEqual(self.line(process), NEW)
        self.assertEqual(self.end(process), "")

    def test_and_with_the_new_file(self):
        for options in [["--no-namespace"]] + [[]] * mount_namespaces_allowed():
            process = self.follow("restart", SHOW_FILE, *options)
            self.assertEqual(self.line(process), OLD)
            self.change(NEW)
            self.assertEqual(self.line(process), NEW)
            self.end(process)
            self.change(OLD)

    def test_and_with_new_credentials(self):
        for options in [["--no-namespace"]] + [[]] * mount_namespaces_allowed():
            process = self.follow("restart", 'cat "$CREDENTIALS_DIRECTORY/f"; echo; read -r _', "--credentials-directory",
                                  *options)
            self.assertEqual(self.line(process), OLD)
            self.change(NEW)
            self.assertEqual(self.line(process), NEW)
            self.end(process)
            self.change(OLD)

    def test_what_gives_no_other_value_changes_nothing(self):
        process = self.follow("restart", SHOW_VARIABLE)
        self.assertEqual(self.line(process), OLD)
        self.change(OLD)
        self.ok("create", "my/other", given=NEW)
        self.quiet(process)
        self.assertEqual(self.end(process), "")

    def test_command_goes_on_when_its_secret_is_gone_and_restarts_when_it_is_back(self):
        process = self.follow("restart", SHOW_VARIABLE)
        self.assertEqual(self.line(process), OLD)
        self.ok("delete", "my/secret")
        self.quiet(process)
        self.ok("create", "my/secret", given=NEW)
        self.assertEqual(self.line(process), NEW)
        self.assertIn("goes on with what it has", self.end(process))

    def test_command_goes_on_when_the_store_is_sealed(self):
        process = self.follow("restart", SHOW_VARIABLE)
        self.assertEqual(self.line(process), OLD)
        self.ok("seal")
        self.quiet(process)
        self.assertIn("no longer followed", self.end(process))

    def test_its_own_end_is_the_end(self):
        process = self.follow("restart", SHOW_VARIABLE)
        self.assertEqual(self.line(process), OLD)
        self.finish(process, b"\n")
        self.assertEqual(process.returncode, 0)

    def test_a_signal_that_ends_the_command_during_a_restart_ends_the_run(self):
        process = self.follow("restart", 'trap "echo got; sleep 1; exit 9" TERM; echo ready; '
                              'while :; do sleep 0.05; done')
        self.assertEqual(self.line(process), b"ready")
        self.change(NEW)
        self.assertEqual(self.line(process), b"got")
        self.end(process, 9)
        self.assertNotIn(b"ready", process.out)

    def test_command_that_does_not_end_is_killed(self):
        process = self.follow("restart", 'trap "" TERM; cat f; echo; while :; do sleep 0.05; done')
        self.assertEqual(self.line(process), OLD)
        begin = time.monotonic()
        self.change(NEW)
        self.assertEqual(self.line(process), NEW)
        self.assertGreater(time.monotonic() - begin, 9)
        os.kill(self.command_of(process), signal.SIGKILL)
        self.assertEqual(process.wait(30), 128 + signal.SIGKILL)
        self.finish(process)


class Signal(Changes):
    def test_file_is_replaced_before_the_signal_comes(self):
        self.needs_mounts()
        for name in ("HUP", "SIGHUP", "1"):
            process = self.follow(name, SHOW_FILE)
            self.assertEqual(self.line(process), OLD)
            for value in (NEW, OLD, NEW, OLD):
                self.change(value)
                self.assertEqual(self.line(process), value)
            self.assertEqual(self.end(process), "")

    def test_reader_sees_the_old_file_or_the_new_one(self):
        self.needs_mounts()
        process = self.follow("WINCH", "trap : WINCH; exec 3<f; while :; do cat f || echo none; echo; done")
        for number in range(20):
            self.change((NEW, OLD)[number % 2])
        time.sleep(0.5)
        self.end(process)
        seen = process.out.split(b"\n")
        self.assertEqual(set(seen[:-2]), {OLD, NEW})

    def test_after_a_failed_replacement_the_next_change_tries_again(self):
        self.needs_mounts()
        self.write("volumes.json", [volume("a/f", reference("my/secret"))])
        process = self.begin("--on-change", "HUP", "--volumes", self.volumes, "--", "sh", "-c",
                             'exec 3<a; cd a; trap "cat f; echo" HUP; cat f; echo; while :; do sleep 0.05; done')
        self.assertEqual(self.line(process), OLD)
        os.rename(f"{self.box}/a", f"{self.box}/b")
        self.change(NEW)
        self.assertIn(b"goes on with what it has", process.stderr.readline())
        os.rename(f"{self.box}/b", f"{self.box}/a")
        self.quiet(process)
        self.change(NEW + b"er")
        self.assertEqual(self.line(process), NEW + b"er")
        self.assertEqual(self.end(process), "")

    def test_another_working_directory_at_its_path_is_left_alone(self):
        self.needs_mounts()
        process = self.follow("HUP", SHOW_FILE)
        self.assertEqual(self.line(process), OLD)
        os.rename(self.box, self.path("moved"))
        os.mkdir(self.box)
        self.write("box/f", "not the command's")
        self.change(NEW)
        self.assertIn(b"another directory took the place of the working directory", process.stderr.readline())
        self.assertEqual(self.read("box", "f"), b"not the command's")
        os.unlink(f"{self.box}/f")
        os.rmdir(self.box)
        os.rename(self.path("moved"), self.box)
        self.end(process)

    def test_old_files_do_not_pile_up_and_stay_private(self):
        self.needs_mounts()
        process = self.follow("HUP", SHOW_FILE)
        self.assertEqual(self.line(process), OLD)
        for value in (NEW, OLD, NEW):
            self.change(value)
            self.assertEqual(self.line(process), value)
        with open(f"/proc/{self.command_of(process)}/mountinfo", encoding="utf-8") as mounts:
            mounted = [line for line in mounts if line.split()[4] == f"{self.box}/f"]
        if tuple(map(int, platform.release().split(".")[:2])) >= (6, 5):
            self.assertEqual(len(mounted), 1, mounted)
        self.assertTrue(all(" ro," in line for line in mounted), mounted)
        self.assertEqual(os.path.getsize(f"{self.box}/f"), 0)
        with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
            self.assertNotIn(self.box, mounts.read())
        self.end(process)

    def test_works_for_a_user_with_a_namespace_of_its_own(self):
        self.needs_mounts()
        if subprocess.run(["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "unshare", "-Um", "true"],
                          capture_output=True, check=False).returncode != 0:
            self.skipTest("user namespaces are forbidden here")
        process = subprocess.Popen(
            ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", cli_test.PROGRAM, "run", "--on-change",
             "HUP", "--volumes", self.volumes, "--", "sh", "-c", SHOW_FILE],
            env=self.environ(), cwd=self.box, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.assertEqual(self.line(process), OLD)
        self.change(NEW)
        self.assertEqual(self.line(process), NEW)
        self.end(process)


class Check(Changes):
    def check(self, *args):
        return self.run_it("run", "--check", *args, "--", "touch", self.path("started"), cwd=self.box)

    def test_it_reports_what_would_run_and_starts_nothing(self):
        done = self.check("--env", self.environment, "--volumes", self.volumes)
        self.assertEqual((done.returncode, done.err), (0, ""))
        self.assertEqual(done.out, b"would run 'touch' with 1 variable and 1 file\n")
        self.assertEqual(self.check().out, b"would run 'touch' with 0 variables and 0 files\n")
        self.assertFalse(os.path.exists(self.path("started")))
        self.assertEqual(os.listdir(self.box), [])

    def test_what_would_fail_fails(self):
        missing = self.write("missing.json", environment(SECRET=reference("my/missing")))
        for args in (["--env", missing], ["--env", self.path("none.json")]):
            done = self.check(*args)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.out, b"")
        self.ok("update", "my/secret", given=b"x" * (128 << 10))
        self.assertEqual(self.check("--env", self.environment).returncode, TOO_LARGE)


class Usage(Changes):
    def test_what_is_neither_restart_nor_a_signal(self):
        for how in ("", "NOPE", "0", "65", "-1", "hup", "SIGSIGHUP", "restart "):
            self.fails(USAGE, "run", "--on-change", how, "--volumes", self.volumes, "--", "true", says="restart")

    def test_it_needs_something_that_can_change(self):
        self.fails(USAGE, "run", "--on-change", "restart", "--", "true", says="--env")
        self.fails(USAGE, "run", "--on-change", "HUP", "--env", self.environment, "--", "true", says="restart")
        self.fails(UNSUPPORTED, "run", "--on-change", "HUP", "--volumes", self.volumes, "--no-namespace", "--",
                   "true", says="restart")

    def test_missing_secret_starts_nothing(self):
        self.ok("delete", "my/secret")
        done = self.run_it("run", "--on-change", "restart", "--env", self.environment, "--", "touch",
                           self.path("started"))
        self.assertNotIn(done.returncode, (0, INVALID))
        self.assertFalse(os.path.exists(self.path("started")))


if __name__ == "__main__":
    cli_test.main(globals())
