// run_command.cpp: a command that sees secrets, in its environment and in files.
//
// Everything is resolved before the command starts, and the store is closed by then. The child gets the
// values by inheriting this process's memory until it execs; the parent wipes them once the command runs. With
// --on-change the store stays open and the values stay in locked memory, to be compared with newer ones.
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "child/child.hpp"
#include "child/secret_mounts.hpp"
#include "child/signals.hpp"
#include "commands/groups.hpp"
#include "credentials/credentials.hpp"
#include "run/changes.hpp"
#include "run/command_environment.hpp"
#include "run/definition.hpp"
#include "run/file_plan.hpp"
#include "run/request.hpp"
#include "run/run.hpp"
#include "store/failure.hpp"
#include "store/owner.hpp"
#include "store/strict_json.hpp"
#include "syntax/table.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Secret;

constexpr Option kEnv = file("--env", "Environment variables, in JSON");
constexpr Option kVolumes = file("--volumes", "Secret files, in JSON");
constexpr Option kNoNamespace =
    flag("--no-namespace", "Use sealed memfds for the files, even where namespaces are allowed");
constexpr Option kOwner = {.names = "--owner",
                           .kind = Kind::text,
                           .about = "Whom the secret files belong to: USER[:GROUP], as for chown",
                           .value = "OWNER",
                           .rivals = "owner"};
constexpr Option kMesosModes =
    flag("--mesos-modes", "Let every user read the files (0644), as Mesos does", "owner");
constexpr Option kCredentialsDirectory =
    flag("--credentials-directory", "Put the files into $CREDENTIALS_DIRECTORY, as systemd does");
constexpr Option kCheck =
    flag("--check", "Start nothing; report whether the command would get its secrets");
constexpr Option kOnChange = {
    .names = "--on-change",
    .kind = Kind::text,
    .about = "Restart the command when a secret changes, or send it a signal",
    .value = "restart|SIGNAL"};

// read_json reads the file of an option, if it is given, and checks its members.
std::optional<Secret> read_json(const Options& options, const Option& option,
                                const std::string& what,
                                void (*check)(std::string_view, const std::string&)) {
  if (!options.has(option)) return std::nullopt;
  const std::string file = options.text(option);
  Secret text = read_secret_text(file, kMaxMessageLen, what);
  check(text.reveal(), what + " in " + name_of(file));
  return text;
}

// What tells the command from its files: how many there are is known once they are resolved.
constexpr const char* kFilesOf = "the files of --volumes, or of a definition";

bool wants_files(const Options& options, const std::optional<Definition>& definition) {
  return options.has(kVolumes) || (definition && definition->has_volumes());
}

FileAccess access_of(const Options& options, const std::optional<Definition>& definition) {
  for (const Option* each : {&kOwner, &kMesosModes, &kCredentialsDirectory}) {
    if (options.has(*each) && !wants_files(options, definition)) {
      throw options.usage(std::string(each->names) + " is for " + kFilesOf);
    }
  }
  if (options.has(kMesosModes) && options.has(kCredentialsDirectory)) {
    throw options.usage("--credentials-directory and --mesos-modes exclude each other");
  }
  const bool mesos_modes = options.has(kMesosModes);
  Owner owner;
  if (options.has(kOwner)) {
    owner = find_owner(options.text(kOwner));
  } else if (definition && definition->account() && !mesos_modes) {
    owner = definition->account()->owner();
  }
  const bool mounts =
      wants_files(options, definition) && !options.has(kNoNamespace) && mounts_allowed();
  return {owner, mesos_modes, options.has(kCredentialsDirectory), mounts};
}

int signal_named(std::string_view name) noexcept {
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (int each = 1; each < _NSIG; ++each) {
    const char* const known = ::sigabbrev_np(each);
    if (name == std::to_string(each) || (known != nullptr && name == known)) return each;
  }
  return 0;
}

OnChange on_change_of(const Options& options, const std::optional<Definition>& definition,
                      bool mounts) {
  if (!options.has(kOnChange)) return {};
  if (!options.has(kEnv) && !options.has(kVolumes) && !definition) {
    throw options.usage("--on-change is for the secrets of --env, --volumes or a definition");
  }
  const std::string text = options.text(kOnChange);
  if (text == "restart") return {true, 0};
  const int signal = signal_named(text);
  if (signal == 0) {
    throw options.usage("--on-change takes 'restart' or a signal, as HUP, SIGUSR1 or 10");
  }
  if (!wants_files(options, definition)) {
    throw options.usage(
        "the variables of a running command cannot change; use --on-change=restart, or files");
  }
  if (options.has(kCredentialsDirectory)) {
    throw options.usage(
        "the files of --credentials-directory do not change while the command runs; use "
        "--on-change=restart");
  }
  if (!mounts) {
    throw Failure(kExitUnsupported,
                  "without a mount namespace, the files of a running command cannot change; use "
                  "--on-change=restart");
  }
  return {true, signal};
}

std::string count_text(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// program_of returns what to run: what stands behind "--", or else the definition's own command.
Program program_of(const Options& options, const std::optional<Definition>& definition) {
  Program program{};
  if (!options.program.empty()) {
    program = {options.program[0], options.program};
  } else if (definition) {
    program = definition->program(options);
  } else {
    throw options.usage("no command to run was given; it goes behind '--'");
  }
  if (definition && definition->account()) program.account = &*definition->account();
  return program;
}

// read_definition refuses what a definition says itself.
std::optional<Definition> read_definition(const Options& options) {
  std::optional<Definition> definition = Definition::read(options);
  if (definition && (options.has(kEnv) || options.has(kVolumes))) {
    throw options.usage(
        "a definition has its own variables and files; leave out --env and --volumes");
  }
  return definition;
}

// check_only does what can be done without a trace: nothing is made for the files.
int check_only(const Program& program, const Resolved& resolved) {
  const CommandEnvironment environment(resolved.variables ? &*resolved.variables : nullptr);
  const std::size_t variables = resolved.variables ? resolved.variables->size() : 0;
  const std::size_t files = resolved.volumes ? resolved.volumes->size() : 0;
  const std::string whose =
      program.account != nullptr ? " as '" + printable(program.account->name) + "'" : "";
  print("would run '" + printable(program.file) + "'" + whose + " with " +
        count_text(variables, "variable") + " and " + count_text(files, "file") + "\n");
  return kExitOk;
}

int run_run(const Options& options) {
  std::optional<Definition> definition = read_definition(options);
  const Program program = program_of(options, definition);
  const FileAccess access = access_of(options, definition);
  const OnChange on_change = on_change_of(options, definition, access.mounts);
  Request request(options, read_json(options, kEnv, "the environment", &check_environment),
                  read_json(options, kVolumes, "the volumes", &check_volumes),
                  definition ? &*definition : nullptr);
  std::optional<Changes> changes;  // from before the secrets are read, so that none is missed
  if (on_change.follow) changes.emplace(request.session());
  Resolved resolved = request.resolve();
  if (access.credentials) check_credentials(resolved);
  if (options.has(kCheck)) {
    request.check_pull_secret();
    return check_only(program, resolved);
  }
  if (!changes) request.close();
  // Until here a signal acts on this process as on any other: the command never starts.
  const Signals signals;
  const How how{options, program, definition.has_value(), signals, access};
  if (changes) return Follower(how, on_change, request, *changes).run(std::move(resolved));
  Run run(how, resolved);
  resolved = {};
  definition.reset();
  return run.child.wait();
}

}  // namespace

constexpr const char* kRunHelp =
    R"(--env takes an Environment as Mesos has it in JSON, {"variables":[...]}: its variables, plain and
secret, are added to the command's environment; STRONGROOM_* is removed from it.
--volumes takes a Volume, an array of them, or {"volumes":[...]}: each secret becomes a file at its
container_path, in a memory file system that only the command can see. A relative path starts at
the working directory; an absolute one must be a file already. Missing directories and an empty
file are made on the outside, and removed by the last run that uses them, also when another run was
killed. A member that Mesos does not know is refused. Everything is resolved before the command
starts. Where namespaces are forbidden, the files are sealed memfds behind symbolic links to
/proc/self/fd, and a line on standard error says so; a hidden file .strongroom-run-N next to a link
says who made it.
--owner is for a command that drops its rights (gosu, setpriv, su): it takes USER, USER:GROUP, USER:
(with the login group) or :GROUP, names or numbers. Without it the files belong to the caller.
Giving files away needs root. --mesos-modes is for a task that expects what Mesos gives it: files
that belong to the caller, and that every user in the command's namespace may read (0644).
--credentials-directory is for a command that expects the credentials of a systemd service: each
container_path is a plain name, as db-password, and $CREDENTIALS_DIRECTORY names the directory with
the files (0400), which nobody may write. Nothing in it changes while the command runs. It is
mounted read-only (0500) over .strongroom-credentials in the working directory; where namespaces
are forbidden, that directory has the links to the memfds.

--app, --pod, --job and --task take the definition of a service instead: its variables and secret
files become the command's, and without one behind "--" its own cmd or args are run. Networks,
resources, images, checks and other volumes are ignored. It is checked in the words of Marathon,
Metronome or Mesos. The service gets what lies in its space: the path of its id; for a TaskInfo the
one in its label DCOS_SPACE. As root the command runs as the definition's user, whom the files then
belong to. $MESOS_SANDBOX is the working directory. With --check its pullConfig is read too.

--on-change keeps the store open while the command runs, and looks at the secrets again when
something in the store changed. If one of them has another value, "restart" ends the command
(SIGTERM, and SIGKILL 10 s later) and starts it again with the new values; a signal (HUP, SIGUSR1,
10) is sent to it when the new files are in place of the old ones. Variables of a running command
cannot change. When a secret is missing or out of reach, the command goes on with what it has, and
a line says so.

Every signal reaches the command, once it has started; before, signals act on strongroom. When the
command stops, strongroom stops too, and SIGCONT to strongroom continues both. When SIGKILL ends
strongroom, the command goes on; the next run in that directory then takes its places over.

Examples:
  strongroom run --env env.json -- ./server
  strongroom run --env env.json --volumes volumes.json -- sh -c 'cat path/to/secret/file'
  strongroom run --check --env env.json -- ./server
  strongroom run --app app.json
  strongroom run --pod pod.json --container web -- ./server
  strongroom run --volumes v.json --owner nobody -- setpriv --reuid=nobody --clear-groups cat f)";

const Command run_command("run", kSecretsGroup, "Run a command that sees secrets", kRunHelp,
                          {&kEnv, &kVolumes, &kNoNamespace, &kOwner, &kMesosModes,
                           &kCredentialsDirectory, &kAppOption, &kPodOption, &kJobOption,
                           &kTaskOption, &kContainerOption, &kOnChange, &kCheck},
                          run_run, Needs::program);

}  // namespace strongroom_cli
