// command.hpp: a command: its name, its options, its help, and the function that runs it.
#pragma once

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "syntax/option.hpp"

namespace strongroom_cli {

class Options;

enum class Needs {
  store,
  perhaps_store,  // the command finds out by itself
  program,        // perhaps one behind "--", and perhaps a store
};

struct Command {
  using Run = int (*)(const Options& options);

  constexpr Command(const char* name_, const char* group_, const char* about_, const char* help_,
                    std::initializer_list<const Option*> options_ = {}, Run run_ = nullptr,
                    Needs needs_ = Needs::store)
      : name(name_), group(group_), about(about_), help(help_), run(run_), needs(needs_) {
    std::copy(options_.begin(), options_.end(), options.begin());
  }

  const char* name;   // with the command above it: "policy check"
  const char* group;  // its heading in the help
  const char* about;
  const char* help;  // rules and examples, shown below the options
  std::array<const Option*, 16> options{};
  Run run;  // none where there are commands below this one
  Needs needs;
};

// options_of returns a command's own options and arguments; null has none.
std::vector<const Option*> options_of(const Command* command);

// arguments_of returns only its arguments, in their order.
std::vector<const Option*> arguments_of(const Command& command);

// global_options returns those of all commands.
std::vector<const Option*> global_options();

// below returns the commands directly below one; null is the program.
std::vector<const Command*> below(const Command* parent);

// find_below returns the command of that name below another, or null.
const Command* find_below(const Command* parent, std::string_view name);

// last_name returns a command's name without the one above it: "check".
std::string_view last_name(const Command& command);

}  // namespace strongroom_cli
