#!/usr/bin/env python3
"""`strongroom run --app`, `--pod`, `--job` and `--task`: cli_run_definitions_test.py PROGRAM [CASE...], or --cases."""
import json
import os
import signal
import subprocess

import cli_test
from cli_test import AsNobody, Case, DENIED, INVALID, NOT_FOUND, USAGE, mount_namespaces_allowed

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "unit", "mesos", "cases")
ONE, TWO = b"value-of-the-developers", b"value-of-all-services"


def case(name):
    with open(os.path.join(CASES, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


class Definitions(Case):
    def setUp(self):
        super().setUp()
        self.init()
        for path in ("developer/my-secret", "developer/databasepassword"):
            self.ok("create", path, given=ONE)
        for path in ("mysecret", "my/secret"):
            self.ok("create", path, given=TWO)
        self.secrets += [ONE, TWO]
        self.box = self.path("box")
        os.mkdir(self.box)
        # With mounts where they are allowed, and with memfds.
        self.ways = [["--no-namespace"]] + [[]] * mount_namespaces_allowed()

    def run_by(self, option, definition, *command, more=(), **how):
        """The output of the run; it leaves nothing behind."""
        file = self.write("definition.json", definition)
        done = self.run_it("run", *more, option, file, *(["--", *command] if command else []), cwd=self.box, **how)
        self.assertEqual(os.listdir(self.box), [])
        self.assertEqual(done.returncode, 0, done.err)
        return done.out

    def refused(self, status, option, definition, says, more=(), command=("touch", "started")):
        file = self.write("definition.json", definition)
        self.fails(status, "run", *more, option, file, "--", *command, says=says, cwd=self.box)
        self.assertEqual(os.listdir(self.box), [])


class RealFiles(Definitions):
    """Files that people wrote, from their first line to what the command sees."""

    def test_app_with_a_variable(self):
        self.assertEqual(self.run_by("--app", case("01-app-env"), "sh", "-c", 'printf %s "$MY_SECRET"'), ONE)

    def test_app_with_a_file(self):
        for way in self.ways:
            self.assertEqual(self.run_by("--app", case("02-app-file"), "sh", "-c", 'cat "$MESOS_SANDBOX/path"',
                                         more=way), ONE)

    def test_app_runs_its_own_command(self):
        definition = case("02-app-file")
        definition["cmd"] = definition["cmd"].replace("sleep 100", "echo ' ends'")
        for way in self.ways:
            self.assertEqual(self.run_by("--app", definition, more=way), ONE + b" ends\n")

    def test_pod_with_a_variable(self):
        self.assertEqual(self.run_by("--pod", case("03-pod-env"), "sh", "-c", 'printf %s "$MY_SECRET"'), ONE)

    def test_pod_with_a_file(self):
        for way in self.ways:
            self.assertEqual(self.run_by("--pod", case("04-pod-file"), "cat", "path/to/db/password", more=way), ONE)

    def test_app_with_a_pull_secret(self):
        definition = case("05-app-pull")
        self.refused(DENIED, "--app", {**definition, "id": "/other"},
                     "secrets.0: Secret /mesos-docker/pullConfig is not accessible")
        definition["container"]["docker"]["image"] = "r.io/private"
        self.refused(NOT_FOUND, "--app", definition, "there is no secret 'mesos-docker/pullConfig'", more=["--check"])
        self.ok("create", "mesos-docker/pullConfig", given=b'{"auths":{"r.io":{"auth":"dXNlcjpwYXNz"}}}')
        self.assertEqual(self.run_by("--app", definition, "true", more=["--check"]),
                         b"would run 'true' with 0 variables and 0 files\n")
        definition["container"]["docker"]["image"] = "other.io/private"
        self.refused(NOT_FOUND, "--app", definition, "other.io", more=["--check"])

    def test_texts_with_dollars_pass_through(self):
        definition = case("07-app-mom-advanced")
        del definition["user"]
        names = {"service-credential": "mysecret", "docker-registry-credential": "mysecret"}
        for name, source in names.items():
            definition["secrets"][name]["source"] = source
        definition["env"]["TEXT"] = "${NOT} $(EXPANDED)"
        self.assertEqual(self.run_by("--app", definition, "sh", "-c", 'printf "%s %s" "$TEXT" "$JVM_OPTS"'),
                         b"${NOT} $(EXPANDED) -Xms256m -Xmx2g")

    def test_app_with_the_secret_of_another_service(self):
        self.refused(DENIED, "--app", case("08-app-misplaced-secrets"),
                     "secrets.0: Secret /mesos-docker/pullConfig is not accessible")

    def test_app_that_is_no_json(self):
        with open(os.path.join(CASES, "09-app-csi-broken.json"), encoding="utf-8") as file:
            self.refused(INVALID, "--app", file.read(), "(line 23, column 13)")

    def test_app_with_an_undefined_secret(self):
        self.refused(INVALID, "--app", case("14-app-api-example"),
                     "/env/PASSWORD/secret: references an undefined secret")

    def test_job_with_a_variable(self):
        definition = case("15-job-env")
        self.assertEqual(self.run_by("--job", definition, "sh", "-c", 'printf %s "$SECRET_ENV"'), TWO)
        definition["run"]["cmd"] = definition["run"]["cmd"].replace("; sleep 5", "; cat secret-env; rm secret-env")
        self.assertEqual(self.run_by("--job", definition), TWO + b"\n")

    def test_job_with_a_file(self):
        """Its path is absolute: there must be such a file, as in Mesos without an image."""
        if not mount_namespaces_allowed():
            self.skipTest("mount namespaces are forbidden here")
        self.refused(INVALID, "--job", case("16-job-file"), "/mnt/test")
        definition = case("16-job-file")
        definition["run"]["volumes"][0]["containerPath"] = self.write("target", "as it was")
        self.assertEqual(self.run_by("--job", definition, "cat", self.path("target")), TWO)
        self.assertEqual(self.read("target"), b"as it was")

    def test_task_info_with_the_examples_of_mesos(self):
        self.ok("update", "my/secret", given=b'{"username": "value-of-one-user"}')
        definition = {
            "name": "task", "task_id": {"value": "1"}, "slave_id": {"value": "s"}, "resources": [],
            "command": {"value": 'printf "%s %s " "$MY_SECRET_ENV" "$MY_NORMAL_ENV"; cat path/to/secret/file',
                        "environment": case("21-mesos-environment")},
            "container": {"type": "MESOS", "volumes": [case("22-mesos-volume")]},
            "labels": {"labels": [{"key": "DCOS_SPACE", "value": "/my"}]}}
        for way in self.ways:
            self.assertEqual(self.run_by("--task", definition, more=way),
                             b"value-of-one-user foo value-of-one-user")
        del definition["labels"]
        self.refused(DENIED, "--task", definition, "Secret /my/secret is not accessible")


def app(**more):
    return {"id": "/developer/app", "cmd": "true", "secrets": {"s": {"source": "developer/my-secret"}}, **more}


class Commands(Definitions):
    def test_arguments_are_no_shell_line(self):
        definition = app(env={"S": {"secret": "s"}}, args=["printf", "%s|", "$S", "a b"])
        del definition["cmd"]
        self.assertEqual(self.run_by("--app", definition), b"$S|a b|")

    def test_program_and_its_own_name(self):
        task = {"name": "t", "task_id": {"value": "1"},
                "command": {"shell": False, "value": "sh", "arguments": ["my-name", "-c", 'printf %s "$0"']}}
        self.assertEqual(self.run_by("--task", task), b"my-name")

    def test_exit_status_and_signals_pass_through(self):
        file = self.write("definition.json", app(cmd="exit 7"))
        self.assertEqual(self.run_it("run", "--app", file, cwd=self.box).returncode, 7)
        file = self.write("definition.json", app(cmd='trap "exit 9" USR1; echo ready; while :; do sleep 0.05; done'))
        process = self.start("run", "--app", file, cwd=self.box)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGUSR1)
        self.finish(process)
        self.assertEqual(process.returncode, 9)

    def test_definition_without_a_command_needs_one(self):
        image = {"container": {"type": "MESOS", "docker": {"image": "i"}}}
        file = self.write("a.json", {"id": "a", **image})
        self.fails(USAGE, "run", "--app", file, says="the app has no command of its own; give one behind '--'")
        file = self.write("b.json", {"id": "a", "args": ["x"], **image})
        self.fails(USAGE, "run", "--app", file, says="arguments for the program of its image")

    def test_container_of_a_pod(self):
        pod = {"id": "/developer/pod", "secrets": {"s": {"source": "developer/my-secret"}},
               "environment": {"A": {"secret": "s"}},
               "containers": [{"name": "one", "exec": {"command": {"shell": 'printf %s "$A"'}}},
                              {"name": "two", "environment": {"A": "own"},
                               "exec": {"command": {"argv": ["sh", "-c", 'printf %s "$A"']}}}]}
        self.assertEqual(self.run_by("--pod", pod, more=["--container", "one"]), ONE)
        self.assertEqual(self.run_by("--pod", pod, more=["--container", "two"]), b"own")
        self.refused(INVALID, "--pod", pod, "the pod has 2 containers; choose one of them: one, two")
        self.refused(NOT_FOUND, "--pod", pod, "has no container 'three'", more=["--container", "three"])
        pod["containers"][1]["name"] = "one"
        self.refused(INVALID, "--pod", pod, "/containers: container names must be unique", more=["--container", "one"])

    def test_options_that_do_not_fit(self):
        file = self.write("definition.json", app())
        for more, says in ((["--env", "e.json"], "leave out --env and --volumes"),
                           (["--job", "j.json"], "exclude each other"),
                           (["--container", "c"], "--container is for --pod"),
                           (["--owner", "nobody"], "--owner is for the files"),
                           (["--on-change", "HUP"], "the variables of a running command cannot change")):
            self.fails(USAGE, "run", "--app", file, *more, "--", "true", says=says)

    def test_base64_of_old_binary_secrets_is_decoded(self):
        self.ok("create", "developer/__dcos_base64__key", given=b"AAEC/w==\n")
        definition = app(secrets={"s": {"source": "developer/__dcos_base64__key"}},
                         container={"type": "MESOS", "volumes": [{"containerPath": "key", "secret": "s"}]})
        for way in self.ways:
            self.assertEqual(self.run_by("--app", definition, "cat", "key", more=way), b"\0\1\2\xff")
        self.ok("update", "developer/__dcos_base64__key", given=b"no base64!")
        self.refused(INVALID, "--app", definition, "is not base64, as its name says it is")

    def test_label_of_old_environments(self):
        directive = [{"name": "/my/secret", "type": "ENVIRONMENT", "environment": {"name": "OLD"}}]
        task = {"name": "t", "task_id": {"value": "1"}, "command": {"value": 'printf %s "$OLD"'},
                "labels": {"labels": [{"key": "DCOS_SPACE", "value": "/my/service"},
                                      {"key": "DCOS_SECRETS_DIRECTIVE", "value": json.dumps(directive)}]}}
        self.assertEqual(self.run_by("--task", task), TWO)

    def test_secret_is_in_no_argument_and_on_no_disk(self):
        definition = app(cmd="echo ready; read -r _", env={"S": {"secret": "s"}},
                         container={"type": "MESOS", "volumes": [{"containerPath": "f", "secret": "s"}]})
        file = self.write("definition.json", definition)
        process = self.start("run", "--app", file, cwd=self.box)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as arguments:
                    self.assertNotIn(ONE, arguments.read())
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended
        for root, _, names in os.walk(self.place):
            for name in names:
                path = os.path.join(root, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    self.assertNotIn(ONE, self.read(path))
        self.finish(process, b"\n")
        self.assertEqual(process.returncode, 0)

    def test_change_restarts_it(self):
        file = self.write("definition.json", app(cmd='echo "$S"; read -r _', env={"S": {"secret": "s"}}))
        process = self.start("run", "--on-change", "restart", "--app", file, cwd=self.box)
        self.assertEqual(process.stdout.readline().strip(), ONE)
        newer = b"newer-value-of-the-developers"
        self.secrets.append(newer)
        self.ok("update", "developer/my-secret", given=newer)
        self.assertEqual(process.stdout.readline().strip(), newer)
        self.finish(process, b"\n")
        self.assertEqual(process.returncode, 0, process.err)


class Users(Definitions):
    def setUp(self):
        super().setUp()
        os.chmod(self.place, 0o711)
        os.chmod(self.box, 0o777)

    definition = app(user="nobody", env={"S": {"secret": "s"}},
                     container={"type": "MESOS", "volumes": [{"containerPath": "f", "secret": "s"}]})

    def test_root_becomes_the_user_whom_the_files_belong_to(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        ids = subprocess.run(["id", "-u", "nobody"], check=True, capture_output=True).stdout.strip()
        groups = subprocess.run(["id", "-G", "nobody"], check=True, capture_output=True).stdout.strip()
        script = ('id -u; id -G; grep -cE "^Cap(Inh|Prm|Eff|Amb):[[:space:]]*0+$" /proc/self/status; '
                  'grep -E "^[UG]id:" /proc/self/status; echo "$USER $LOGNAME"; cat f; stat -c " %U %a" f')
        for way in self.ways:
            out = self.run_by("--app", self.definition, "sh", "-c", script, more=way).splitlines()
            self.assertEqual(out[:2], [ids, groups])
            self.assertEqual(out[2], b"4")
            for line in out[3:5]:  # real, effective, saved, of files
                self.assertEqual(len(set(line.split()[1:])), 1, line)
            self.assertEqual(out[3].split()[1], ids)
            self.assertEqual(out[5], b"nobody nobody")
            self.assertTrue(out[6].startswith(ONE), out[6])
            if way == []:
                self.assertEqual(out[6], ONE + b" nobody 400")
        self.assertEqual(self.run_by("--app", self.definition, "true", more=["--check"]),
                         b"would run 'true' as 'nobody' with 1 variable and 1 file\n")

    def test_unknown_user_is_refused(self):
        self.refused(INVALID, "--app", {**self.definition, "user": "no-such-user"}, "there is no user 'no-such-user'")


class OtherThanRoot(AsNobody):
    def test_definition_of_another_user_runs_as_the_caller(self):
        self.init()
        file = self.write("definition.json", {"id": "a", "cmd": "id -un", "user": "root"})
        done = self.run_it("run", "--app", file)
        self.assertEqual((done.returncode, done.out), (0, b"nobody\n"), done.err)
        self.assertIn("the app is to run as user 'root'; that needs root, so it runs as you", done.err)
        file = self.write("other.json", {"id": "a", "cmd": "id -un", "user": "no-such-user"})
        done = self.run_it("run", "--app", file)
        self.assertEqual((done.returncode, done.out), (0, b"nobody\n"), done.err)


if __name__ == "__main__":
    cli_test.main(globals())
