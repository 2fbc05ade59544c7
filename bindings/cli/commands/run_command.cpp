// run_command.cpp: a command that sees secrets, in its environment and in files.
//
// Everything is resolved before the command starts, and the store is closed by then. The child gets the
// values by inheriting this process's memory until it execs; the parent wipes them once the command runs. With
// --on-change the store stays open and the values stay in locked memory, to be compared with newer ones.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "child/child.hpp"
#include "child/secret_memfds.hpp"
#include "child/secret_mounts.hpp"
#include "child/signals.hpp"
#include "commands/groups.hpp"
#include "credentials/credentials.hpp"
#include "store/access.hpp"
#include "store/changes.hpp"
#include "store/definition.hpp"
#include "store/failure.hpp"
#include "store/owner.hpp"
#include "store/strict_json.hpp"
#include "store/targets.hpp"
#include "syntax/table.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Secret;

constexpr std::size_t kMaxVariableLen = std::size_t{128} << 10;  // MAX_ARG_STRLEN of Linux

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

// Resolved is everything that the command gets to see.
struct Resolved {
  std::optional<strongroom_abi::Environment> variables;
  std::optional<strongroom_abi::Volumes> volumes;
};

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

// Request is what the command is to see, and the open store that has it.
class Request {
 public:
  // definition  borrowed; null where there is none.
  Request(const Options& options, const Definition* definition)
      : environment_(read_json(options, kEnv, "the environment", &check_environment)),
        volumes_(read_json(options, kVolumes, "the volumes", &check_volumes)),
        definition_(definition) {
    if (environment_ || volumes_ || definition_ != nullptr) access_.emplace(open_unsealed(options));
    if (definition_ != nullptr) service_.emplace(definition_->service(access_->store));
  }

  Resolved resolve() {
    Resolved resolved;
    if (definition_ != nullptr) {
      strongroom_abi::ResolvedTask task = service_->resolve(definition_->task());
      resolved.variables.emplace(std::move(task.environment));
      if (definition_->has_volumes()) resolved.volumes.emplace(std::move(task.volumes));
      return resolved;
    }
    if (environment_) {
      resolved.variables.emplace(
          access_->session.resolve_environment(STRONGROOM_FORMAT_JSON, environment_->reveal()));
    }
    if (volumes_) {
      resolved.volumes.emplace(
          access_->session.resolve_volumes(STRONGROOM_FORMAT_JSON, volumes_->reveal()));
    }
    return resolved;
  }

  // check_pull_secret throws where the image of the definition could not be pulled for a lack of credentials.
  void check_pull_secret() {
    if (definition_ == nullptr || definition_->task().describe().has_pull_config == 0) return;
    service_->authorization(definition_->task());
  }

  strongroom_abi::Session& session() { return access_->session; }
  void close() noexcept {
    service_.reset();
    access_.reset();
  }

 private:
  std::optional<Secret> environment_;
  std::optional<Secret> volumes_;
  const Definition* definition_;
  std::optional<Access> access_;
  std::optional<strongroom_abi::Session> service_;
};

template <typename T>
bool same_values(const std::optional<T>& one, const std::optional<T>& other) {
  if (!one || !other) return !one && !other;
  if (one->size() != other->size()) return false;
  for (std::size_t i = 0; i < one->size(); ++i) {
    if (one->reveal_value(i) != other->reveal_value(i)) return false;
  }
  return true;
}

bool same(const Resolved& one, const Resolved& other) {
  return same_values(one.variables, other.variables) && same_values(one.volumes, other.volumes);
}

// What systemd calls the directory of a service's credentials, and the folder of the working directory that
// --credentials-directory makes it in. A file in that keeps the folder until the last run ends.
constexpr std::string_view kCredentialsVariable = "CREDENTIALS_DIRECTORY";
constexpr const char* kCredentialsFolder = ".strongroom-credentials";
constexpr const char* kCredentialsInUse = ".strongroom-credentials/.in-use";

// check_credential_name refuses names that systemd refuses for a credential.
void check_credential_name(std::string_view name) {
  const auto fits = [](char c) { return c >= ' ' && c <= '~' && c != ':' && c != '/'; };
  constexpr std::size_t kMaxNameLen = 255;
  if (!name.empty() && name.size() <= kMaxNameLen && name != "." && name != ".." &&
      std::all_of(name.begin(), name.end(), fits)) {
    return;
  }
  throw Failure(
      kExitInvalid,
      "the container path '" + printable(std::string(name)) +
          "' is no name of a credential: printable ASCII without '/' and ':', as 'db-password'");
}

void check_credentials(const Resolved& resolved) {
  for (std::size_t i = 0; i < resolved.volumes->size(); ++i) {
    check_credential_name(resolved.volumes->path(i));
  }
  const std::size_t count = resolved.variables ? resolved.variables->size() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (resolved.variables->name(i) != kCredentialsVariable) continue;
    throw Failure(kExitInvalid,
                  "--env has a variable CREDENTIALS_DIRECTORY, which --credentials-directory sets");
  }
}

// CommandEnvironment is the environment that the child starts with: pointers to the inherited variables, those
// that this program sets itself, and the resolved ones as "NAME=VALUE" in locked memory. The later win.
class CommandEnvironment {
 public:
  // own  "NAME=VALUE", without secrets.
  explicit CommandEnvironment(const strongroom_abi::Environment* variables,
                              std::vector<std::string> own = {})
      : own_(std::move(own)) {
    const std::size_t count = variables == nullptr ? 0 : variables->size();
    for (char** inherited = ::environ; *inherited != nullptr; ++inherited) {
      const std::string_view entry = *inherited;
      if (!entry.starts_with("STRONGROOM_") && !is_own(entry) && !resolved(entry, variables)) {
        pointers_.push_back(*inherited);
      }
    }
    for (std::string& each : own_) {
      if (!resolved(each, variables)) pointers_.push_back(each.data());
    }
    std::size_t len = 0;
    for (std::size_t i = 0; i < count; ++i) len += checked_len(*variables, i);
    block_.emplace(len);
    char* next = reinterpret_cast<char*>(block_->writable());
    for (std::size_t i = 0; i < count; ++i) {
      pointers_.push_back(next);
      next = append(next, variables->name(i));
      next = append(next, "=");
      next = append(next, variables->reveal_value(i));
      *next++ = '\0';
    }
    pointers_.push_back(nullptr);
  }

  CommandEnvironment(const CommandEnvironment&) = delete;  // it points into itself
  CommandEnvironment& operator=(const CommandEnvironment&) = delete;

  char* const* pointers() const noexcept { return pointers_.data(); }
  void wipe() noexcept { block_.reset(); }

 private:
  static std::string_view name_in(std::string_view entry) {
    return entry.substr(0, entry.find('='));
  }

  bool is_own(std::string_view entry) const {
    return std::any_of(own_.begin(), own_.end(),
                       [&](const std::string& each) { return name_in(each) == name_in(entry); });
  }

  static bool resolved(std::string_view entry, const strongroom_abi::Environment* variables) {
    const std::size_t count = variables == nullptr ? 0 : variables->size();
    for (std::size_t i = 0; i < count; ++i) {
      if (name_in(entry) == variables->name(i)) return true;
    }
    return false;
  }

  static std::size_t checked_len(const strongroom_abi::Environment& variables, std::size_t i) {
    const std::string_view name = variables.name(i);
    const std::size_t len = name.size() + 1 + variables.reveal_value(i).size() + 1;
    if (len <= kMaxVariableLen) return len;
    throw Failure(kExitTooLarge, "the environment variable '" + std::string(name) +
                                     "' is longer than the " + std::to_string(kMaxVariableLen - 1) +
                                     " bytes that Linux takes; use --volumes");
  }

  static char* append(char* out, std::string_view bytes) noexcept {
    if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
    return out + bytes.size();
  }

  std::vector<std::string> own_;
  std::optional<Secret> block_;
  std::vector<char*> pointers_;
};

// FileAccess is who may use the files: their owner only, or every user.
struct FileAccess {
  Owner owner;
  bool mesos_modes = false;
  bool all_read_only = false;  // whatever the volumes say

  mode_t mode(bool read_only) const noexcept {
    if (mesos_modes) return 0644;
    return read_only ? 0400 : 0600;
  }
  bool others_pass() const noexcept { return mesos_modes || owner != Owner{}; }
};

std::vector<SecretFile> files_of(const strongroom_abi::Volumes& volumes, const FileAccess& access) {
  std::vector<SecretFile> files;
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    const std::string_view value = volumes.reveal_value(i);
    const bool read_only = access.all_read_only || volumes.read_only(i);
    files.push_back({volumes.path(i),
                     read_only,
                     {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()},
                     access.mode(read_only),
                     access.owner});
  }
  return files;
}

// How is what stays the same for every start of the command.
struct How {
  const Options& options;
  const Program& program;
  bool by_definition;
  const Signals& signals;
  FileAccess access;
  bool mounts;
  bool credentials;  // in one directory
};

// FilePlan makes the command's files visible to it, by mounts where they are allowed.
class FilePlan {
 public:
  FilePlan(std::vector<SecretFile> files, const How& how)
      : files_(std::move(files)),
        targets_(how.access.others_pass()),
        credentials_(how.credentials),
        owner_(how.access.owner) {
    if (files_.empty()) return;
    if (how.mounts && credentials_) {
      targets_.add_file(kCredentialsInUse);
      return;
    }
    if (how.mounts) {
      for (const SecretFile& file : files_) ids_.push_back(targets_.add_file(file.path));
      return;
    }
    memfds_.emplace(files_);
    const std::string folder = credentials_ ? std::string(kCredentialsFolder) + "/" : "";
    for (std::size_t i = 0; i < files_.size(); ++i) {
      memfds_->move(i, targets_.add_link(folder + files_[i].path, memfds_->number(i)));
    }
    complain(
        "no mount namespace: the secret files are sealed, read-only memfds, which the command "
        "inherits");
  }

  void apply_in_child() const {
    if (memfds_) return memfds_->leave_open();
    if (files_.empty()) return;
    if (credentials_) return mount_credentials(files_, owner_, kCredentialsFolder);
    mount_secret_files(files_, ids_);
  }

  // release frees what only the child needs; the targets stay until the end.
  void release() noexcept {
    memfds_.reset();
    files_.clear();
  }

 private:
  std::vector<SecretFile> files_;
  Targets targets_;
  bool credentials_;
  Owner owner_;
  std::vector<FileId> ids_;
  std::optional<SecretMemfds> memfds_;
};

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
  return {owner, mesos_modes, options.has(kCredentialsDirectory)};
}

// OnChange is what to do when a secret changes.
struct OnChange {
  bool follow = false;
  int signal = 0;  // 0: restart
};

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

// Run is one start of the command.
class Run {
 public:
  Run(const How& how, const Resolved& resolved)
      : environment_(resolved.variables ? &*resolved.variables : nullptr, own_of(how, resolved)),
        files_(files_of(how, resolved), how),
        child(how.signals, *how.options.process, how.program, environment_.pointers(),
              [this] { files_.apply_in_child(); }) {
    files_.release();
    environment_.wipe();
  }

  static std::vector<SecretFile> files_of(const How& how, const Resolved& resolved) {
    if (!resolved.volumes) return {};
    return strongroom_cli::files_of(*resolved.volumes, how.access);
  }

 private:
  // own_of returns the variables that are set for the command besides those that were asked for.
  static std::vector<std::string> own_of(const How& how, const Resolved& resolved) {
    std::vector<std::string> own;
    const std::filesystem::path here = std::filesystem::current_path();
    if (how.by_definition) own.push_back("MESOS_SANDBOX=" + here.string());
    if (how.credentials && resolved.volumes->size() != 0) {
      own.push_back(std::string(kCredentialsVariable) + "=" + (here / kCredentialsFolder).string());
    }
    return own;
  }

  CommandEnvironment environment_;
  FilePlan files_;

 public:
  Child child;
};

// Follower runs the command and acts on what changes in the store.
class Follower {
 public:
  Follower(const How& how, const OnChange& on_change, Request& request, Changes& changes)
      : how_(how),
        on_change_(on_change),
        request_(request),
        folder_(std::filesystem::current_path()),
        changes_(changes) {}

  int run(Resolved resolved) {
    resolved_ = std::move(resolved);
    for (;;) {
      Run run(how_, resolved_);
      if (const auto exit_status = until_restart(run.child)) return *exit_status;
    }
  }

 private:
  // until_restart returns the exit status of the command when it ends by itself.
  std::optional<int> until_restart(Child& child) {
    for (;;) {
      const int timeout_ms = again_ ? kRetryMs : changes_.timeout_ms();
      if (auto ended = child.wait_until(changes_.fd(), timeout_ms)) return ended;
      const bool changed = changes_.take();
      if (!changed && !again_) continue;
      std::optional<Resolved> newer = resolve_again();
      if (!newer) continue;
      if (on_change_.signal != 0) {
        replace_files(child, std::move(*newer));
        continue;
      }
      resolved_ = std::move(*newer);
      if (!child.stop()) return child.wait();
      return std::nullopt;
    }
  }

  // resolve_again returns other values, if there are any. The command goes on with the old ones when a secret is
  // missing or out of reach; in the latter case it is read again a little later.
  std::optional<Resolved> resolve_again() try {
    Resolved newer = request_.resolve();
    again_ = false;
    if (same(newer, resolved_)) return std::nullopt;
    return newer;
  } catch (const strongroom_abi::Error& error) {
    const bool out_of_reach =
        error.status() == STRONGROOM_UNAVAILABLE || error.status() == STRONGROOM_TIMEOUT;
    if (!again_ || !out_of_reach) {
      complain(std::string(error.what()) + "; the command goes on with what it has");
    }
    again_ = out_of_reach;
    return std::nullopt;
  }

  // After a failure the old values still count, so that the next change is a reason to try again.
  void replace_files(Child& child, Resolved newer) try {
    replace_secret_files(Run::files_of(how_, newer), child.pid(), folder_);
    resolved_ = std::move(newer);
    child.send(on_change_.signal);
  } catch (const Failure& failure) {
    complain(std::string(failure.what()) + "; the command goes on with what it has");
  }

  static constexpr int kRetryMs = 1000;

  const How& how_;
  OnChange on_change_;
  Request& request_;
  std::string folder_;
  Changes& changes_;
  Resolved resolved_;
  bool again_ = false;  // the secrets could not be read after a change
};

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
  const std::optional<Definition> definition = read_definition(options);
  const Program program = program_of(options, definition);
  const FileAccess access = access_of(options, definition);
  const bool mounts =
      wants_files(options, definition) && !options.has(kNoNamespace) && mounts_allowed();
  const OnChange on_change = on_change_of(options, definition, mounts);
  if (options.has(kEnv) || options.has(kVolumes) || definition) options.check_store();
  Request request(options, definition ? &*definition : nullptr);
  std::optional<Changes> changes;  // from before the secrets are read, so that none is missed
  if (on_change.follow) changes.emplace(request.session());
  Resolved resolved = request.resolve();
  const bool credentials = options.has(kCredentialsDirectory);
  if (credentials) check_credentials(resolved);
  if (options.has(kCheck)) {
    request.check_pull_secret();
    return check_only(program, resolved);
  }
  if (!changes) request.close();
  // Until here a signal acts on this process as on any other: the command never starts.
  const Signals signals;
  const How how{options, program, definition.has_value(), signals, access, mounts, credentials};
  if (changes) return Follower(how, on_change, request, *changes).run(std::move(resolved));
  Run run(how, resolved);
  resolved = {};
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
