// marathon.ipp: reading apps, pods and jobs; see task.hpp.
#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/mesos/definition.hpp"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/task.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/result.hpp"

namespace strongroom::mesos {
namespace detail::marathon {

constexpr const char* kUndefinedSecret = "references an undefined secret";
constexpr const char* kUndefinedVolumeSecret = "volume.secret must refer to an existing secret";
constexpr const char* kUndefinedPullSecret = "pullConfig.secret must refer to an existing secret";

// shortened cuts a name between two characters.
static std::string shortened(std::string_view name) {
  constexpr std::size_t kMaxShown = 256;
  if (name.size() <= kMaxShown) return std::string(name);
  std::size_t end = kMaxShown;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return std::string(name.substr(0, end)) + "...";
}

// Place is where something is, as Marathon writes it: "/containers(0)/image".
class Place {
 public:
  Place() = default;

  Place of(std::string_view member) const { return Place(text_ + "/" + shortened(member)); }
  Place at(std::size_t index) const { return Place(text_ + "(" + std::to_string(index) + ")"); }

  Error error(const std::string& why) const {
    return {Code::invalid, (text_.empty() ? "/" : text_) + ": " + why};
  }

 private:
  explicit Place(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

// Member is a member of an object, if it is there and not null, and its place.
struct Member {
  std::optional<JsonValue> value;
  Place place;
};

static const char* must_be(JsonKind kind) noexcept {
  switch (kind) {
    case JsonKind::string:
      return "must be a string";
    case JsonKind::array:
      return "must be an array";
    case JsonKind::boolean:
      return "must be true or false";
    default:
      return "must be an object";
  }
}

static Result<Member> find(JsonValue object, const Place& place, std::string_view name,
                           JsonKind kind) {
  Member member{object.member(name), place.of(name)};
  if (member.value && member.value->is(JsonKind::null)) member.value.reset();
  if (member.value && !member.value->is(kind)) return member.place.error(must_be(kind));
  return member;
}

static std::string text_of(JsonValue value) {
  return std::string(value.text().reveal_text());
}

// find_text returns a string that is no secret; empty where there is none.
static Result<std::string> find_text(JsonValue object, const Place& place, std::string_view name) {
  STRONGROOM_ASSIGN(member, find(object, place, name, JsonKind::string));
  return member.value ? text_of(*member.value) : std::string();
}

static Result<std::string> need_text(JsonValue object, const Place& place, std::string_view name) {
  STRONGROOM_ASSIGN(text, find_text(object, place, name));
  if (text.empty()) return place.of(name).error("must not be empty");
  return std::move(text);
}

static Result<std::vector<std::string>> find_texts(JsonValue object, const Place& place,
                                                   std::string_view name) {
  STRONGROOM_ASSIGN(list, find(object, place, name, JsonKind::array));
  std::vector<std::string> texts;
  if (!list.value) return texts;
  for (const JsonValue each : list.value->elements()) {
    if (!each.is(JsonKind::string)) {
      return list.place.at(texts.size()).error(must_be(JsonKind::string));
    }
    texts.push_back(text_of(each));
  }
  return texts;
}

using ReadElement = FunctionRef<Result<void>(JsonValue, const Place&)>;

// each_object calls read for the objects of an array, if it is there.
static Result<void> each_object(JsonValue object, const Place& place, std::string_view name,
                                ReadElement read) {
  STRONGROOM_ASSIGN(list, find(object, place, name, JsonKind::array));
  if (!list.value) return {};
  std::size_t index = 0;
  for (const JsonValue each : list.value->elements()) {
    const Place here = list.place.at(index++);
    if (!each.is(JsonKind::object)) return here.error(must_be(JsonKind::object));
    STRONGROOM_TRY(read(each, here));
  }
  return {};
}

// Secrets is the member "secrets": the names that the rest of a definition uses, and their paths.
class Secrets {
 public:
  static Result<Secrets> of(JsonValue owner, const Place& place) {
    Secrets secrets;
    STRONGROOM_ASSIGN(member, find(owner, place, "secrets", JsonKind::object));
    if (!member.value) return secrets;
    for (const auto& [shown, declared] : member.value->members()) {
      const std::string name(shown.reveal_text());
      const Place here = member.place.of(name);
      if (name.empty()) return member.place.error("a name must not be empty");
      if (!declared.is(JsonKind::object)) return here.error(must_be(JsonKind::object));
      STRONGROOM_ASSIGN(source, need_text(declared, here, "source"));
      const std::string index = std::to_string(secrets.sources_.size());
      secrets.by_name_.emplace(name, source);
      secrets.sources_.push_back({source, "secrets." + index + ": "});
    }
    return secrets;
  }

  // use returns a reference to the secret of that name; none if it was not declared.
  std::optional<Secret> use(const std::string& name) {
    const auto declared = by_name_.find(name);
    (declared == by_name_.end() ? undefined_ : used_).insert(name);
    if (declared == by_name_.end()) return std::nullopt;
    Secret secret;
    secret.type = Secret::Type::reference;
    secret.reference = Reference{declared->second, std::nullopt};
    return secret;
  }

  std::vector<Source> sources() const { return sources_; }

  const std::set<std::string>& undefined() const noexcept { return undefined_; }
  std::set<std::string> unused() const {
    std::set<std::string> unused;
    for (const auto& [name, path] : by_name_) {
      if (used_.count(name) == 0) unused.insert(name);
    }
    return unused;
  }

 private:
  std::map<std::string, std::string> by_name_;
  std::vector<Source> sources_;
  std::set<std::string> used_;
  std::set<std::string> undefined_;
};

// Names that are not declared: Marathon stops at each, Metronome lists them all at the end.
enum class Undefined { refuse, collect };

static Result<Variable> read_variable(const std::string& name, JsonValue value, const Place& place,
                                      Secrets& secrets, Undefined undefined) {
  Variable variable;
  variable.name = name;
  if (value.is(JsonKind::string)) {
    variable.value = value.text();
    return variable;
  }
  if (!value.is(JsonKind::object)) {
    return place.error(R"(must be a string, or {"secret": NAME})");
  }
  STRONGROOM_ASSIGN(secret, need_text(value, place, "secret"));
  variable.type = Variable::Type::secret;
  variable.secret = secrets.use(secret);
  if (!variable.secret && undefined == Undefined::refuse) {
    return place.of("secret").error(kUndefinedSecret);
  }
  return variable;
}

static Result<std::vector<Variable>> read_variables(JsonValue owner, const Place& place,
                                                    std::string_view member, Secrets& secrets,
                                                    Undefined undefined = Undefined::refuse) {
  STRONGROOM_ASSIGN(environment, find(owner, place, member, JsonKind::object));
  std::vector<Variable> variables;
  if (!environment.value) return variables;
  for (const auto& [shown, value] : environment.value->members()) {
    const std::string name(shown.reveal_text());
    if (name.empty()) return environment.place.error("a name must not be empty");
    STRONGROOM_ASSIGN(variable,
                      read_variable(name, value, environment.place.of(name), secrets, undefined));
    variables.push_back(std::move(variable));
  }
  return variables;
}

// read_volumes takes those that are secrets. Marathon mounts them read-only.
static Result<std::vector<Volume>> read_volumes(JsonValue owner, const Place& place,
                                                Secrets& secrets,
                                                Undefined undefined = Undefined::refuse) {
  std::vector<Volume> volumes;
  const auto read = [&](JsonValue object, const Place& here) -> Result<void> {
    STRONGROOM_ASSIGN(secret, find(object, here, "secret", JsonKind::string));
    if (!secret.value) return {};
    Volume volume;
    STRONGROOM_ASSIGN(path, need_text(object, here, "containerPath"));
    volume.container_path = std::move(path);
    std::optional<Secret> used = secrets.use(text_of(*secret.value));
    if (!used && undefined == Undefined::refuse) return here.error(kUndefinedVolumeSecret);
    if (used) volume.secret = std::move(*used);
    volumes.push_back(std::move(volume));
    return {};
  };
  STRONGROOM_TRY(each_object(owner, place, "volumes", read));
  return volumes;
}

// read_pull_config reads {"pullConfig": {"secret": NAME}}.
static Result<std::optional<Secret>> read_pull_config(JsonValue image, const Place& place,
                                                      Secrets& secrets) {
  STRONGROOM_ASSIGN(config, find(image, place, "pullConfig", JsonKind::object));
  if (!config.value) return std::optional<Secret>();
  STRONGROOM_ASSIGN(name, need_text(*config.value, config.place, "secret"));
  std::optional<Secret> secret = secrets.use(name);
  if (!secret) return config.place.error(kUndefinedPullSecret);
  return secret;
}

// path_of returns an id as the absolute path that it stands for.
static Result<std::string> path_of(const std::string& id, char separator, const Place& place) {
  std::string path;
  for (std::size_t begin = 0; begin <= id.size();) {
    const std::size_t end = std::min(id.find(separator, begin), id.size());
    const std::string segment = id.substr(begin, end - begin);
    if (segment == "." || segment == "..") return place.error("must not have '.' or '..' in it");
    if (!segment.empty()) path += "/" + segment;
    begin = end + 1;
  }
  if (path.empty()) return place.error("Path must contain at least one path element");
  return path;
}

static Result<void> read_id(JsonValue owner, char separator, Task& task) {
  const Place place = Place().of("id");
  STRONGROOM_ASSIGN(id, find_text(owner, Place(), "id"));
  STRONGROOM_ASSIGN(path, path_of(id, separator, place));
  task.id = path;
  task.space = std::move(path);
  return {};
}

// read_command reads cmd and args, of which an app has one at most. Arguments alone are for the program of the image.
static Result<Command> read_command(JsonValue owner, const Place& place, bool has_image,
                                    const char* both) {
  STRONGROOM_ASSIGN(cmd, find_text(owner, place, "cmd"));
  STRONGROOM_ASSIGN(args, find_texts(owner, place, "args"));
  if (!cmd.empty() && !args.empty()) return place.error(both);
  if (!cmd.empty()) return Command{Command::Kind::shell, {}, {std::move(cmd)}};
  if (args.empty()) return Command{};
  if (has_image) return Command{Command::Kind::image_args, {}, std::move(args)};
  std::string program = args.front();
  return Command{Command::Kind::program, std::move(program), std::move(args)};
}

// Lists of names in messages end about here.
constexpr std::size_t kMaxListed = 1024;

static std::string joined(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (text.size() > kMaxListed) return text + ", ...";
    text += (text.empty() ? "" : ", ") + shortened(name);
  }
  return text;
}

//
// Pods
//

// PodVolume is a volume of a pod, which its containers mount by name.
struct PodVolume {
  std::optional<Secret> secret;
  bool mounted = false;
};

using PodVolumes = std::map<std::string, PodVolume>;

static Secret copy_of(const Secret& reference) {
  Secret copy;
  copy.type = reference.type;
  copy.reference = reference.reference;
  return copy;
}

static Result<PodVolumes> read_pod_volumes(JsonValue pod, Secrets& secrets) {
  PodVolumes volumes;
  const auto read = [&](JsonValue object, const Place& here) -> Result<void> {
    STRONGROOM_ASSIGN(name, need_text(object, here, "name"));
    STRONGROOM_ASSIGN(secret, find(object, here, "secret", JsonKind::string));
    PodVolume volume;
    if (secret.value) {
      volume.secret = secrets.use(text_of(*secret.value));
      if (!volume.secret) return secret.place.error(kUndefinedVolumeSecret);
    }
    if (!volumes.emplace(name, std::move(volume)).second) {
      return Place().of("volumes").error("volume names must be unique");
    }
    return {};
  };
  STRONGROOM_TRY(each_object(pod, Place(), "volumes", read));
  return volumes;
}

static Result<std::vector<Volume>> read_mounts(JsonValue container, const Place& place,
                                               PodVolumes& volumes) {
  std::vector<Volume> mounts;
  const auto read = [&](JsonValue object, const Place& here) -> Result<void> {
    STRONGROOM_ASSIGN(name, need_text(object, here, "name"));
    STRONGROOM_ASSIGN(path, need_text(object, here, "mountPath"));
    STRONGROOM_ASSIGN(read_only, find(object, here, "readOnly", JsonKind::boolean));
    const auto volume = volumes.find(name);
    if (volume == volumes.end()) {
      return here.of("name").error("Referenced Volume in VolumeMount should exist");
    }
    volume->second.mounted = true;
    if (!volume->second.secret) return {};
    Volume mount;
    mount.container_path = std::move(path);
    if (read_only.value && !read_only.value->is_true()) mount.mode = Volume::Mode::read_write;
    mount.secret = copy_of(*volume->second.secret);
    mounts.push_back(std::move(mount));
    return {};
  };
  STRONGROOM_TRY(each_object(container, place, "volumeMounts", read));
  return mounts;
}

static Result<Command> read_exec(JsonValue container, const Place& place, bool has_image) {
  STRONGROOM_ASSIGN(exec, find(container, place, "exec", JsonKind::object));
  if (!exec.value) return Command{};
  STRONGROOM_ASSIGN(command, find(*exec.value, exec.place, "command", JsonKind::object));
  if (!command.value) return exec.place.of("command").error("must be an object");
  STRONGROOM_ASSIGN(shell, find_text(*command.value, command.place, "shell"));
  STRONGROOM_ASSIGN(argv, find_texts(*command.value, command.place, "argv"));
  if (shell.empty() == argv.empty()) {
    return command.place.error("specify either `shell` or `argv`, never both");
  }
  if (!shell.empty()) return Command{Command::Kind::shell, {}, {std::move(shell)}};
  STRONGROOM_ASSIGN(override_entrypoint,
                    find(*exec.value, exec.place, "overrideEntrypoint", JsonKind::boolean));
  const bool overrides = override_entrypoint.value && override_entrypoint.value->is_true();
  if (has_image && !overrides) return Command{Command::Kind::image_args, {}, std::move(argv)};
  std::string program = argv.front();
  return Command{Command::Kind::program, std::move(program), std::move(argv)};
}

// PodContainer is one container of a pod. The pod's own variables and user are not in it.
struct PodContainer {
  std::string name;
  Task task;
};

static Result<PodContainer> read_container(JsonValue object, const Place& place,
                                           PodVolumes& volumes, Secrets& secrets) {
  PodContainer container;
  STRONGROOM_ASSIGN(name, need_text(object, place, "name"));
  container.name = std::move(name);
  Task& task = container.task;
  STRONGROOM_ASSIGN(image, find(object, place, "image", JsonKind::object));
  if (image.value) {
    STRONGROOM_ASSIGN(id, need_text(*image.value, image.place, "id"));
    task.image = std::move(id);
    STRONGROOM_ASSIGN(pull_config, read_pull_config(*image.value, image.place, secrets));
    task.pull_config = std::move(pull_config);
  }
  STRONGROOM_ASSIGN(variables, read_variables(object, place, "environment", secrets));
  task.environment.variables = std::move(variables);
  STRONGROOM_ASSIGN(mounts, read_mounts(object, place, volumes));
  task.volumes = std::move(mounts);
  STRONGROOM_ASSIGN(user, find_text(object, place, "user"));
  task.user = std::move(user);
  STRONGROOM_ASSIGN(command, read_exec(object, place, image.value.has_value()));
  task.command = std::move(command);
  return container;
}

static Result<std::vector<PodContainer>> read_containers(JsonValue pod, PodVolumes& volumes,
                                                         Secrets& secrets) {
  const Place place = Place().of("containers");
  std::vector<PodContainer> containers;
  std::set<std::string> names;
  const auto read = [&](JsonValue object, const Place& here) -> Result<void> {
    STRONGROOM_ASSIGN(container, read_container(object, here, volumes, secrets));
    if (!names.insert(container.name).second) {
      return place.error("container names must be unique");
    }
    containers.push_back(std::move(container));
    return {};
  };
  STRONGROOM_TRY(each_object(pod, Place(), "containers", read));
  if (containers.empty()) return place.error("must not be empty");
  return containers;
}

static Result<PodContainer> choose(std::vector<PodContainer> containers, std::string_view wanted) {
  std::set<std::string> names;
  for (PodContainer& each : containers) {
    if (each.name == wanted || (wanted.empty() && containers.size() == 1)) return std::move(each);
    names.insert(each.name);
  }
  if (wanted.empty()) {
    return Error{Code::invalid, "the pod has " + std::to_string(containers.size()) +
                                    " containers; choose one of them: " + joined(names)};
  }
  return Error{Code::not_found,
               "the pod has no container '" + shortened(wanted) + "'; it has: " + joined(names)};
}

// add_outer puts the pod's variables before the container's, which win.
static void add_outer(std::vector<Variable> outer, std::vector<Variable>& variables) {
  std::set<std::string_view> inner;
  for (const Variable& each : variables) inner.insert(each.name);
  std::vector<Variable> all;
  for (Variable& each : outer) {
    if (inner.count(each.name) == 0) all.push_back(std::move(each));
  }
  for (Variable& each : variables) all.push_back(std::move(each));
  variables = std::move(all);
}

//
// Jobs
//

// all_or_none is Metronome's rule: what is declared is used, and what is used is declared.
static Result<void> all_or_none(const Secrets& secrets, const Place& place) {
  std::string why;
  if (!secrets.undefined().empty()) {
    why += "The following secrets are referenced, but undefined: " + joined(secrets.undefined()) +
           ". Please add them to the secrets field.";
  }
  if (const std::set<std::string> unused = secrets.unused(); !unused.empty()) {
    why += "The following secrets are defined, but not referenced: " + joined(unused) +
           ". Please remove them from the secrets field.";
  }
  if (why.empty()) return {};
  return place.error(why);
}

//
// Definitions as a whole
//

static Result<Task> read_app(JsonValue app) {
  const Place top;
  Task task;
  STRONGROOM_TRY(read_id(app, '/', task));
  STRONGROOM_ASSIGN(secrets, Secrets::of(app, top));

  STRONGROOM_ASSIGN(container, find(app, top, "container", JsonKind::object));
  if (container.value) {
    STRONGROOM_ASSIGN(volumes, read_volumes(*container.value, container.place, secrets));
    task.volumes = std::move(volumes);
    STRONGROOM_ASSIGN(engine, find_text(*container.value, container.place, "type"));
    STRONGROOM_ASSIGN(docker, find(*container.value, container.place, "docker", JsonKind::object));
    if (docker.value) {
      STRONGROOM_ASSIGN(image, need_text(*docker.value, docker.place, "image"));
      task.image = std::move(image);
      if (engine == "DOCKER" && docker.value->member("pullConfig")) {
        return docker.place.of("pullConfig")
            .error("pullConfig is not supported with Docker containerizer");
      }
      STRONGROOM_ASSIGN(pull_config, read_pull_config(*docker.value, docker.place, secrets));
      task.pull_config = std::move(pull_config);
    }
  }
  STRONGROOM_ASSIGN(variables, read_variables(app, top, "env", secrets));
  task.environment.variables = std::move(variables);

  constexpr const char* kOneOf =
      "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.";
  STRONGROOM_ASSIGN(command, read_command(app, top, !task.image.empty(), kOneOf));
  if (command.kind == Command::Kind::none && !container.value) return top.error(kOneOf);
  task.command = std::move(command);
  STRONGROOM_ASSIGN(user, find_text(app, top, "user"));
  task.user = std::move(user);
  task.sources = secrets.sources();
  return task;
}

static Result<Task> read_pod(JsonValue pod, std::string_view wanted) {
  const Place top;
  Task named;
  STRONGROOM_TRY(read_id(pod, '/', named));
  STRONGROOM_ASSIGN(secrets, Secrets::of(pod, top));
  STRONGROOM_ASSIGN(outer, read_variables(pod, top, "environment", secrets));
  STRONGROOM_ASSIGN(volumes, read_pod_volumes(pod, secrets));
  STRONGROOM_ASSIGN(containers, read_containers(pod, volumes, secrets));
  for (const auto& [name, volume] : volumes) {
    if (!volume.mounted) {
      return top.of("volumes").of(name).error(
          "volume must be referenced by at least one container");
    }
  }
  STRONGROOM_ASSIGN(user, find_text(pod, top, "user"));
  STRONGROOM_ASSIGN(container, choose(std::move(containers), wanted));

  Task& task = container.task;
  task.id = std::move(named.id);
  task.space = std::move(named.space);
  add_outer(std::move(outer), task.environment.variables);
  if (task.user.empty()) task.user = std::move(user);
  task.sources = secrets.sources();
  return std::move(task);
}

static Result<Task> read_job(JsonValue job) {
  Task task;
  STRONGROOM_TRY(read_id(job, '.', task));
  STRONGROOM_ASSIGN(run, find(job, Place(), "run", JsonKind::object));
  if (!run.value) return run.place.error("must be an object");
  STRONGROOM_ASSIGN(secrets, Secrets::of(*run.value, run.place));

  STRONGROOM_ASSIGN(docker, find(*run.value, run.place, "docker", JsonKind::object));
  STRONGROOM_ASSIGN(ucr, find(*run.value, run.place, "ucr", JsonKind::object));
  if (docker.value) {
    STRONGROOM_ASSIGN(image, need_text(*docker.value, docker.place, "image"));
    task.image = std::move(image);
  } else if (ucr.value) {
    STRONGROOM_ASSIGN(image, find(*ucr.value, ucr.place, "image", JsonKind::object));
    if (!image.value) return image.place.error("must be an object");
    STRONGROOM_ASSIGN(id, need_text(*image.value, image.place, "id"));
    task.image = std::move(id);
  }
  STRONGROOM_ASSIGN(variables,
                    read_variables(*run.value, run.place, "env", secrets, Undefined::collect));
  task.environment.variables = std::move(variables);
  STRONGROOM_ASSIGN(volumes, read_volumes(*run.value, run.place, secrets, Undefined::collect));
  if (docker.value && !volumes.empty()) {
    return run.place.of("volumes").error("File based secrets are only supported by UCR");
  }
  task.volumes = std::move(volumes);
  constexpr const char* kBoth = "It is invalid to supply both `cmd` and `args` in the same job";
  STRONGROOM_ASSIGN(command, read_command(*run.value, run.place, !task.image.empty(), kBoth));
  if (command.kind != Command::Kind::shell && task.image.empty()) {
    return run.place.error("Cmd, Docker or UCR image must be specified");
  }
  if (docker.value && ucr.value) {
    return run.place.error("Either Docker or UCR should be provided, but not both");
  }
  STRONGROOM_TRY(all_or_none(secrets, run.place));
  task.command = std::move(command);
  STRONGROOM_ASSIGN(user, find_text(*run.value, run.place, "user"));
  task.user = std::move(user);
  task.sources = secrets.sources();
  return task;
}

}  // namespace detail::marathon

Result<Task> definition::read_app(JsonValue app) {
  return detail::marathon::read_app(app);
}
Result<Task> definition::read_pod(JsonValue pod, std::string_view container) {
  return detail::marathon::read_pod(pod, container);
}
Result<Task> definition::read_job(JsonValue job) {
  return detail::marathon::read_job(job);
}

}  // namespace strongroom::mesos
