// option.hpp: an option or argument as the table of commands describes it. Parsing, help, suggestions
// and completions all read this description; nothing else knows an option's name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strongroom_cli {

// Kind says what a value is: how it is checked, and what a shell offers for it.
enum class Kind {
  flag,      // no value
  text,      // anything; nothing is offered
  number,    // min to max
  seconds,   // min to max, with a fraction
  word,      // one of `words`
  file,      // a file that is read; "-" is standard input
  new_file,  // a file that is made
  url,       // a store
  secret,    // the path of a secret that exists
};

struct Option {
  const char* names;  // "-t --text-file --value-file"; without a dash it is an argument: "PATH"
  Kind kind;
  const char* about;
  const char* value = "";  // what the help calls the value
  double min = 0;          // of a number or of seconds
  double max = 0;
  const char* words = "";   // the words that a value may be; of a number, those that are offered
  bool optional = false;    // an argument: may be left out; an option: its value, which is "-" then
  bool many = false;        // may be given again
  const char* rivals = "";  // options of a command that share this mark exclude each other
};

constexpr Option flag(const char* names, const char* about, const char* rivals = "") {
  return {.names = names, .kind = Kind::flag, .about = about, .rivals = rivals};
}

constexpr Option file(const char* names, const char* about, Kind kind = Kind::file) {
  return {.names = names, .kind = kind, .about = about, .value = "FILE"};
}

constexpr Option files(const char* names, const char* about) {
  return {.names = names, .kind = Kind::file, .about = about, .value = "FILE", .many = true};
}

constexpr Option number(const char* names, const char* value, double min, double max,
                        const char* about, const char* offered = "") {
  return {.names = names,
          .kind = Kind::number,
          .about = about,
          .value = value,
          .min = min,
          .max = max,
          .words = offered};
}

constexpr Option argument(const char* name, Kind kind, const char* about) {
  return {.names = name, .kind = kind, .about = about};
}

constexpr Option optional_argument(const char* name, Kind kind, const char* about) {
  return {.names = name, .kind = kind, .about = about, .optional = true};
}

// split returns the words of a text that are separated by spaces.
std::vector<std::string_view> split(std::string_view text);

// is_argument reports whether the option is known by its place and not by its name.
constexpr bool is_argument(const Option& option) {
  return option.names[0] != '-';
}

// main_name returns the name that messages use: the first long one.
std::string_view main_name(const Option& option);

// fault_of says what is wrong with a value, without repeating it; empty where nothing is.
std::string fault_of(const Option& option, std::string_view value);

}  // namespace strongroom_cli
