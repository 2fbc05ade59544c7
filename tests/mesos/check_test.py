"""strongroom-mesos-check, and small_agent, which load the module in processes of their own.

check_test.py CHECK SMALL_AGENT MODULE LIBAGENT STRONGROOM LIBSTRONGROOM

LIBAGENT has the stand-ins, as libmesos has the real ones.
"""
import os
import subprocess
import sys
import tempfile
import unittest

CHECK, SMALL_AGENT, MODULE, LIBAGENT, STRONGROOM, LIBSTRONGROOM = sys.argv[1:7]
VERSION = "0.0.1"


def run(*command, status=0, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == status, f"{done.returncode} instead of {status}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


class Store:
    def __init__(self, directory):
        self.key_file = os.path.join(directory, "key")
        self.url = "lmdb:" + os.path.join(directory, "store")
        self.environment = {**os.environ, "STRONGROOM_STORE": self.url, "STRONGROOM_KEY_FILE": self.key_file}
        run(STRONGROOM, "init", env=self.environment)
        run(STRONGROOM, "create", "web/db", env=self.environment, input='{"username": "my-user"}')

    def parameters(self, **changes):
        return {"store": self.url, "key_file": self.key_file, "allow": "/web", **changes}


class Tests(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.store = Store(self.directory.name)

    def check(self, *arguments, status=0, file=MODULE):
        return run(CHECK, file, *arguments, status=status)

    def check_parameters(self, status=0, **changes):
        words = []
        for key, value in self.store.parameters(**changes).items():
            words += ["--parameter", f"{key}={value}"]
        return self.check(*words, status=status)

    def test_a_module_that_fits_is_good(self):
        said = self.check("--agent-version", VERSION, "--libmesos", LIBAGENT)
        self.assertIn("ok     compiled for Mesos " + VERSION, said)
        self.assertIn("symbols that the module needs", said)
        self.assertIn("ok     opens as the agent opens it: module API 2, SecretResolver, Mesos " + VERSION, said)
        self.assertNotIn("wrong", said)

    def test_without_an_agent_it_says_what_the_agent_must_have(self):
        said = self.check("--agent-version", VERSION)
        self.assertIn("not opened", said)
        self.assertIn("note     google::LogMessage::stream()", said)
        self.assertIn("note     mesos::Secret_Value::~Secret_Value()", said)

    def test_another_version_is_wrong_in_the_words_of_mesos(self):
        said = self.check("--agent-version", "1.11.0", status=1)
        self.assertIn("wrong  Mesos has version 1.11.0, but module is compiled with version " + VERSION, said)

    def test_every_symbol_that_an_agent_lacks_is_named(self):
        said = self.check("--libmesos", LIBSTRONGROOM, status=1)
        for symbol in ("google::LogMessage::stream()", "mesos::Secret_Value::Secret_Value()",
                       "google::protobuf::MessageLite::SerializePartialToString"):
            self.assertIn("has no " + symbol, said)
        self.assertIn("an agent would not start with this module", said)

    def test_a_libmesos_that_does_not_open_is_wrong(self):
        said = self.check("--libmesos", "/nosuch/libmesos.so", status=1)
        self.assertIn("'/nosuch/libmesos.so' does not open", said)

    def test_other_files_are_no_modules(self):
        said = self.check(file=LIBSTRONGROOM, status=1)
        self.assertIn("this is not strongroom's module", said)
        self.assertIn("cannot be read", self.check(file="/nosuch/module.so", status=1))
        self.assertIn("not a whole shared library", self.check(file=__file__, status=1))

    def test_a_damaged_file_is_refused_and_never_a_crash(self):
        with open(MODULE, "rb") as file:
            whole = file.read()
        broken = os.path.join(self.directory.name, "module.so")
        for at in [0, 1, 15, 16, 63, 64, *range(500, len(whole), len(whole) // 20)]:
            with open(broken, "wb") as out:
                out.write(whole[:at])
            run(CHECK, broken, status=1)
        # Section headers that lie, a byte at a time.
        begin = int.from_bytes(whole[40:48], "little")
        for at in range(begin, min(begin + 2_000, len(whole)), 7):
            with open(broken, "wb") as out:
                out.write(whole[:at] + b"\xff" + whole[at + 1:])
            done = subprocess.run([CHECK, broken], capture_output=True, timeout=60)
            self.assertIn(done.returncode, (0, 1))

    def test_parameters_are_tried(self):
        said = self.check_parameters()
        self.assertIn("ok     the store is open and unsealed", said)
        self.assertIn("every task of this agent may resolve what 'user:mesos-agent' may", said)

    def test_a_wrong_parameter_is_named(self):
        self.assertIn("wrong  unknown parameter 'vault_token'", self.check_parameters(status=1, vault_token="s.1"))
        self.assertIn("'timeout_ms' must be a number", self.check_parameters(status=1, timeout_ms="soon"))
        self.assertIn("'/nosuch/key' cannot be read", self.check_parameters(status=1, key_file="/nosuch/key"))
        other = os.path.join(self.directory.name, "other")
        with open(other, "w", encoding="ascii") as file:
            file.write("0" * 114)
        os.chmod(other, 0o600)
        self.assertIn("wrong  the store is not open", self.check_parameters(status=1, key_file=other))

    def test_usage(self):
        self.assertIn("Usage:", run(CHECK, "--help"))
        self.assertIn("the module is missing", run(CHECK, status=2))
        self.assertIn("unknown option --nosuch", run(CHECK, MODULE, "--nosuch", status=2))
        self.assertIn("--parameter needs KEY=VALUE", run(CHECK, MODULE, "--parameter", "x", status=2))
        self.assertIn("--libmesos needs a value", run(CHECK, MODULE, "--libmesos", status=2))

    def test_a_small_agent_loads_the_module_and_resolves(self):
        parameters = [f"{key}={value}" for key, value in self.store.parameters().items()]
        said = run(SMALL_AGENT, MODULE, *parameters, "--", "/web/db#username", "/other", "value:x", "threads:80:/web/db")
        self.assertIn("/web/db#username -> ready: my-user", said)
        self.assertIn("/other -> failed: ", said)
        self.assertIn("value:x -> ready: x", said)
        self.assertIn("-> 80 ready in", said)
        said = run(SMALL_AGENT, MODULE, "store=memory:", "--", status=1)
        self.assertIn("Error creating Module instance for 'strongroom_SecretResolver'", said)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
