// command_line.cpp: parsing by the table of commands; see command_line.hpp.
#include "syntax/command_line.hpp"

#include <algorithm>
#include <cmath>

#include "syntax/common_options.hpp"
#include "syntax/help.hpp"
#include "syntax/suggestion.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

char kNoValue[] = "-";  // stands for a value that was left out, and for that of a flag

class Parser {
 public:
  Parser(int argc, char** argv) : all_(argv, argv + argc) {}

  Options parse() {
    while (next_ < all_.size()) take(all_[next_++]);
    if (wants_help()) return std::move(options_);
    check_complete();
    options_.check_rivals();
    options_.check_standard_input();
    return std::move(options_);
  }

 private:
  bool wants_help() const { return options_.has(kHelp) || options_.has(kVersion); }

  void take(char* given) {
    const std::string_view text = given;
    if (wants_help()) return;
    if (only_arguments_ || text.size() < 2 || text[0] != '-') return take_word(given);
    if (text != "--") return take_option(given);
    only_arguments_ = true;
    if (options_.command == nullptr || options_.command->needs != Needs::program) return;
    options_.program.assign(all_.begin() + static_cast<std::ptrdiff_t>(next_), all_.end());
    next_ = all_.size();
  }

  void take_word(char* given) {
    if (options_.command == nullptr || options_.command->run == nullptr) return take_command(given);
    const auto arguments = arguments_of(*options_.command);
    if (num_arguments_ < arguments.size()) {
      add(*arguments[num_arguments_], given);
      if (!arguments[num_arguments_]->many) ++num_arguments_;
      return;
    }
    if (options_.command->needs == Needs::program) throw missing_dashes();
    std::string takes = arguments.empty() ? "no argument" : "only";
    for (const Option* each : arguments) takes += std::string(" ") + each->names;
    throw options_.usage(std::string("one argument too many: '") + options_.command->name +
                         "' takes " + takes);
  }

  // missing_dashes shows what to type, with the options as they were given, but without their values.
  Failure missing_dashes() const {
    std::string line = "strongroom " + std::string(options_.command->name);
    for (const Option* option : options_of(options_.command)) {
      if (!options_.has(*option)) continue;
      line += " " + std::string(main_name(*option));
      if (*option->value != '\0') line += std::string(" ") + option->value;
    }
    return options_.usage("'--' is missing before the command to run; type: " + line +
                          " -- COMMAND...");
  }

  void take_command(char* given) {
    const Command* const found = find_below(options_.command, given);
    if (found != nullptr) {
      options_.command = found;
      return;
    }
    std::vector<std::string_view> names;
    for (const Command* each : below(options_.command)) names.push_back(last_name(*each));
    const std::string above =
        options_.command == nullptr ? "" : std::string(options_.command->name) + " ";
    throw options_.usage("unknown " + above + "command" + quoted_name(given) +
                         did_you_mean(given, names));
  }

  void take_option(char* given) {
    const std::string_view text = given;
    const bool is_long = text.starts_with("--");
    const std::size_t name_len = std::min(is_long ? text.find('=') : 2, text.size());
    const Option* const option = find(text.substr(0, name_len));
    char* const rest = name_len == text.size() ? nullptr : given + name_len + (is_long ? 1 : 0);
    if (option == nullptr || (option->kind == Kind::flag && rest != nullptr && !is_long)) {
      throw unknown_option(text.substr(0, is_long ? name_len : text.size()));
    }
    take_value(*option, rest);
  }

  // attached  what follows the name in the same argument, or null.
  void take_value(const Option& option, char* attached) {
    const std::string name(main_name(option));
    if (option.kind == Kind::flag) {
      if (attached != nullptr) throw options_.usage(name + " takes no value");
      return options_.add(option, kNoValue);
    }
    char* const value = attached != nullptr ? attached : value_of(option);
    if (value == nullptr) throw options_.usage(name + " needs a value: " + option.value);
    if (!option.many && options_.has(option)) throw options_.usage(name + " was given twice");
    add(option, value);
  }

  // value_of takes the next argument. One that may be left out does not begin with a dash.
  char* value_of(const Option& option) {
    const bool end = next_ == all_.size();
    if (!option.optional) return end ? nullptr : all_[next_++];
    const bool other = end || (all_[next_][0] == '-' && all_[next_][1] != '\0');
    return other ? kNoValue : all_[next_++];
  }

  std::vector<const Option*> named_options() const {
    auto options = options_of(options_.command);
    const auto global = global_options();
    options.insert(options.end(), global.begin(), global.end());
    return options;
  }

  const Option* find(std::string_view name) const {
    for (const Option* option : named_options()) {
      const auto names = split(option->names);
      if (std::find(names.begin(), names.end(), name) != names.end()) return option;
    }
    return nullptr;
  }

  // unknown_option shows of "-xWORD" only "-x", unless it is near to an option: WORD may be a secret.
  Failure unknown_option(std::string_view text) const {
    std::vector<std::string_view> names;
    for (const Option* option : named_options()) {
      const std::string_view name = main_name(*option);
      if (name.starts_with("--")) names.push_back(name);
    }
    const bool is_long = text[1] == '-';
    const std::string meant = text.size() == 2
                                  ? begins_with_letter(text[1], names)
                                  : did_you_mean(text.substr(is_long ? 2 : 1), names, "--");
    const bool is_name = is_long || !meant.empty();
    return options_.usage("unknown option" + quoted_name(is_name ? text : text.substr(0, 2)) +
                          meant);
  }

  static std::string begins_with_letter(char letter, const std::vector<std::string_view>& names) {
    for (const std::string_view name : names) {
      if (name[2] == letter) return "; did you mean " + std::string(name) + "?";
    }
    return "";
  }

  void add(const Option& option, char* value) {
    const std::string fault = fault_of(option, value);
    if (!fault.empty()) throw options_.usage(fault);
    options_.add(option, value);
  }

  void check_complete() const {
    if (options_.command == nullptr) throw options_.usage("no command was given");
    if (options_.command->run == nullptr) {
      throw options_.usage(std::string("'") + options_.command->name + "' needs a command");
    }
    for (const Option* each : arguments_of(*options_.command)) {
      if (each->optional || options_.has(*each)) continue;
      throw options_.usage(std::string(each->names) + " is missing");
    }
  }

  std::vector<char*> all_;
  std::size_t next_ = 1;  // argv[0] is the program
  std::size_t num_arguments_ = 0;
  bool only_arguments_ = false;
  Options options_;
};

void take_store(Options& options) {
  if (options.has(kFrom)) {
    if (!options.store.empty()) {
      throw options.usage("the store to migrate was named twice; leave --store out");
    }
    options.store = options.text(kFrom);
  }
  if (options.store.empty()) options.store = from_environment("STRONGROOM_STORE");
  if (options.command->needs == Needs::store) options.check_store();
}

// fill sets what all commands share.
void fill(Options& options) {
  options.store = options.text(kStore);
  options.key_file = options.text(kKeyFile);
  options.share_files = options.texts(kShare);
  options.pgp_private_keys = options.texts(kPgpPrivateKey);
  options.pgp_passphrase_file = options.text(kPgpPassphraseFile);
  options.escrowed = options.has(kEscrowed);
  options.anchor_file = options.text(kAnchorFile);
  options.zk_auth_file = options.text(kZkAuthFile);
  options.timeout_ms = static_cast<std::uint32_t>(std::ceil(options.seconds(kTimeout) * 1000));
  options.allow_unlocked = options.has(kAllowUnlocked);
  options.allow_readable = options.has(kAllowReadable);
  take_store(options);
  // Credentials that the command line names are the only ones.
  const bool named =
      !options.share_files.empty() || !options.pgp_private_keys.empty() || options.escrowed;
  if (options.key_file.empty() && !named) {
    options.key_file = from_environment("STRONGROOM_KEY_FILE");
  }
}

}  // namespace

std::optional<Options> parse_command_line(int argc, char** argv) {
  Options options = Parser(argc, argv).parse();
  if (options.has(kHelp)) {
    print(help_of(options.command));
    return std::nullopt;
  }
  if (options.has(kVersion)) {
    print(std::string("strongroom ") + strongroom_version() + "\n");
    return std::nullopt;
  }
  fill(options);
  if (!options.pgp_passphrase_file.empty() && options.pgp_private_keys.empty()) {
    throw options.usage("--pgp-passphrase-file was given without --pgp-private-key");
  }
  return options;
}

}  // namespace strongroom_cli
