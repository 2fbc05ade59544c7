// role.hpp: what a test program does when one of its tests starts it again, as another process.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strongroom::testing {

// Role registers a function under a name. `PROGRAM NAME ARGUMENT...` calls it instead of running
// tests, and ends with its result. Make one a file-level constant of the test that starts the process.
class Role {
 public:
  using Arguments = std::vector<std::string>;
  using Run = int (*)(const Arguments& arguments);

  Role(std::string_view name, Run function) : name_(name), run_(function), next_(first_) {
    first_ = this;
  }
  Role(const Role&) = delete;
  Role& operator=(const Role&) = delete;

  // find returns the role of this name, or nullptr.
  static const Role* find(std::string_view name) {
    const Role* role = first_;
    while (role != nullptr && role->name_ != name) role = role->next_;
    return role;
  }
  int run(const Arguments& arguments) const { return run_(arguments); }

 private:
  std::string_view name_;
  Run run_;
  const Role* next_;
  static inline const Role* first_ = nullptr;
};

}  // namespace strongroom::testing
