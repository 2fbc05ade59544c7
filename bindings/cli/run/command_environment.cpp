// command_environment.cpp: "NAME=VALUE"; see command_environment.hpp.
#include "run/command_environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "store/failure.hpp"

namespace strongroom_cli {
namespace {

constexpr std::size_t kMaxVariableLen = std::size_t{128} << 10;  // MAX_ARG_STRLEN of Linux

std::string_view name_in(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

bool resolved(std::string_view entry, const strongroom_abi::Environment* variables) {
  const std::size_t count = variables == nullptr ? 0 : variables->size();
  for (std::size_t i = 0; i < count; ++i) {
    if (name_in(entry) == variables->name(i)) return true;
  }
  return false;
}

std::size_t checked_len(const strongroom_abi::Environment& variables, std::size_t i) {
  const std::string_view name = variables.name(i);
  const std::size_t len = name.size() + 1 + variables.reveal_value(i).size() + 1;
  if (len <= kMaxVariableLen) return len;
  throw Failure(
      kExitTooLarge,
      "the environment variable '" + std::string(name) + "' is longer than the " +
          std::to_string(kMaxVariableLen - 1) +
          " bytes that Linux takes; use a file: --volumes, or a volume of the definition");
}

char* append(char* out, std::string_view bytes) noexcept {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

}  // namespace

CommandEnvironment::CommandEnvironment(const strongroom_abi::Environment* variables,
                                       std::vector<std::string> own)
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

bool CommandEnvironment::is_own(std::string_view entry) const {
  return std::any_of(own_.begin(), own_.end(),
                     [&](const std::string& each) { return name_in(each) == name_in(entry); });
}

}  // namespace strongroom_cli
