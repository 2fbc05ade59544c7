// definition_fuzz.cpp: a digit for the kind of definition, the name of a container up to the first line feed, and JSON.
// What is read passes all checks again, refers to nothing that is not among its sources, and resolves.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/mesos/task.hpp"

namespace {

using namespace strongroom;
using namespace strongroom::mesos;

void require(bool promise) {
  if (!promise) std::abort();
}

Result<Task> read(Definition definition, std::string_view text, std::string_view container) {
  return task_from_json(
      definition,
      SecretBytes::copy_value({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()})
          .value(),
      container);
}

bool is_source(const Task& task, const Secret& secret) {
  if (!secret.reference) return true;
  return std::any_of(task.sources.begin(), task.sources.end(),
                     [&](const Source& source) { return source.path == secret.reference->name; });
}

void check(const Task& task) {
  require(validate_environment(task.environment).ok());
  require(validate_container_paths(task.volumes).ok());
  for (const Variable& each : task.environment.variables) {
    if (each.secret) require(is_source(task, *each.secret));
  }
  for (const Volume& each : task.volumes) require(is_source(task, each.secret));
  if (task.pull_config) require(is_source(task, *task.pull_config));
  for (const std::string& word : task.command.words) require(word.find('\0') == std::string::npos);
  require((task.command.kind == Command::Kind::shell) ? task.command.words.size() == 1 : true);
}

Result<std::vector<SecretBytes>> empty_values(std::span<const Secret* const> secrets,
                                              std::size_t&) {
  std::vector<SecretBytes> values;
  for (std::size_t i = 0; i < secrets.size(); ++i) values.push_back(SecretBytes{});
  return values;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), len);
  const std::string_view line = input.substr(0, input.find('\n'));
  const std::string_view text = input.substr(std::min(len, line.size() + 1));
  if (line.empty()) return 0;
  const auto definition = static_cast<Definition>(line[0] - '0');
  auto task = read(definition, text, line.substr(1));
  if (!task) {
    const Code code = task.error().code;
    require(code == Code::invalid || code == Code::not_found || code == Code::too_large);
    return 0;
  }
  check(*task);
  const std::size_t num_files = task->volumes.size();
  const auto resolve = [](std::span<const Secret* const> secrets, std::size_t& failed) {
    return empty_values(secrets, failed);
  };
  const auto resolved = resolve_task(std::move(task).value(), resolve);
  if (resolved) {
    require(resolved->files.size() == num_files);
  } else {
    require(resolved.error().code == Code::invalid);
  }
  return 0;
}
