// lifecycle_bench.hpp: benches that share one program, lifecycle_bench, because each program of its own would
// compile the whole engine again.
//
//   lifecycle_bench backup --secrets=1000       runs the benches of backup_bench.cpp
#pragma once

#include <string_view>

namespace strongroom::bench {

// Main registers the main function of one file under a name. argv[0] stays the program; the name is
// removed from the arguments.
class Main {
 public:
  using Run = int (*)(int argc, char** argv);

  Main(std::string_view name, Run function) : name_(name), run_(function), next_(first_) {
    first_ = this;
  }
  Main(const Main&) = delete;
  Main& operator=(const Main&) = delete;

  // find returns the one of this name, or nullptr.
  static const Main* find(std::string_view name) {
    const Main* main = first_;
    while (main != nullptr && main->name_ != name) main = main->next_;
    return main;
  }
  int run(int argc, char** argv) const { return run_(argc, argv); }

 private:
  std::string_view name_;
  Run run_;
  const Main* next_;
  static inline const Main* first_ = nullptr;
};

}  // namespace strongroom::bench
