// options.cpp: reading what was given; see options.hpp.
#include "syntax/options.hpp"

#include <algorithm>
#include <cstdlib>

namespace strongroom_cli {

char* Options::raw(const Option& option) const noexcept {
  for (auto given = given_.rbegin(); given != given_.rend(); ++given) {
    if (given->first == &option) return given->second;
  }
  return nullptr;
}

std::string Options::text(const Option& option) const {
  const char* const value = raw(option);
  return value != nullptr ? value : "";
}

std::vector<std::string> Options::texts(const Option& option) const {
  std::vector<std::string> texts;
  for (const auto& [each, value] : given_) {
    if (each == &option) texts.emplace_back(value);
  }
  return texts;
}

std::uint32_t Options::number(const Option& option) const {
  const auto all = numbers(option);
  return all.empty() ? 0 : all.back();
}

std::vector<std::uint32_t> Options::numbers(const Option& option) const {
  std::vector<std::uint32_t> numbers;
  for (const std::string& text : texts(option)) {
    numbers.push_back(static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 10)));
  }
  return numbers;
}

double Options::seconds(const Option& option) const {
  const char* const value = raw(option);
  return value != nullptr ? std::strtod(value, nullptr) : 0;
}

void Options::check_standard_input(std::size_t more) const {
  const auto reads = std::count_if(given_.begin(), given_.end(), [](const auto& given) {
    return given.first->kind == Kind::file && std::string_view(given.second) == "-";
  });
  if (static_cast<std::size_t>(reads) + more <= 1) return;
  throw usage("standard input can be read only once; name a file for the others");
}

void Options::check_rivals() const {
  for (const auto& [one, _] : given_) {
    for (const auto& [other, _2] : given_) {
      if (one == other || *one->rivals == '\0') continue;
      if (std::string_view(one->rivals) != other->rivals) continue;
      throw usage(std::string(main_name(*one)) + " and " + std::string(main_name(*other)) +
                  " exclude each other");
    }
  }
}

void Options::check_store() const {
  if (!store.empty()) return;
  throw Failure(kExitUsage, "no store was named: give --store URL or set STRONGROOM_STORE");
}

Failure Options::usage(const std::string& why) const {
  if (why.ends_with('?')) return {kExitUsage, why};  // it suggests what to type
  const std::string name = command == nullptr ? "" : std::string(" ") + command->name;
  return {kExitUsage, why + "; see 'strongroom" + name + " --help'"};
}

std::string from_environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace strongroom_cli
