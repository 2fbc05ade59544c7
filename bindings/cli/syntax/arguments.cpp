// arguments.cpp: splitting argv; see arguments.hpp.
#include "syntax/arguments.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace strongroom_cli {
namespace {

// takes_value tells the options before and behind `create` whose next argument is theirs.
bool takes_value(std::string_view argument) {
  static constexpr std::array<std::string_view, 13> kOptions = {"--store",
                                                                "--key-file",
                                                                "--share",
                                                                "--timeout",
                                                                "--anchor",
                                                                "--zk-auth-file",
                                                                "--pgp-private-key",
                                                                "--pgp-passphrase-file",
                                                                "-t",
                                                                "-f",
                                                                "--text-file",
                                                                "--value-file",
                                                                "--file"};
  return std::find(kOptions.begin(), kOptions.end(), argument) != kOptions.end();
}

class Splitter {
 public:
  Splitter(int argc, char** argv) : all_(argv, argv + argc) {}

  Arguments split() {
    if (!all_.empty()) arguments_.shown.push_back(all_[next_++]);
    while (next_ < all_.size()) {
      if (!take_value() && !take_program()) take_shown();
    }
    return std::move(arguments_);
  }

 private:
  static constexpr const char* kHidden = "hidden";

  // take_value handles -v VALUE, -vVALUE, --value VALUE and --value=VALUE of create and update.
  bool take_value() {
    if (command_ != "create" && command_ != "update") return false;
    char* const argument = all_[next_];
    const std::string_view text = argument;
    if (only_positionals_) return false;
    if (text == "-v" || text == "--value") {
      if (next_ + 1 == all_.size()) return false;
      hide(all_[next_ + 1]);
      next_ += 2;
    } else if (text.starts_with("--value=")) {
      hide(argument + std::string_view("--value=").size());
      next_ += 1;
    } else if (text.starts_with("-v")) {
      hide(argument + 2);
      next_ += 1;
    } else {
      return false;
    }
    return true;
  }

  bool take_program() {
    if (command_ != "run" || std::string_view(all_[next_]) != "--") return false;
    arguments_.program.assign(all_.begin() + static_cast<std::ptrdiff_t>(next_) + 1, all_.end());
    next_ = all_.size();
    return true;
  }

  void take_shown() {
    const std::string_view text = all_[next_];
    arguments_.shown.push_back(all_[next_++]);
    if (only_positionals_) return;
    if (text == "--") {
      only_positionals_ = true;
    } else if (takes_value(text) && next_ < all_.size() && !is_option(all_[next_])) {
      arguments_.shown.push_back(all_[next_++]);
    } else if (command_.empty() && !text.starts_with('-')) {
      command_ = text;
    }
  }

  static bool is_option(std::string_view text) { return text.size() > 1 && text[0] == '-'; }

  void hide(char* value) {
    arguments_.value = value;
    arguments_.shown.push_back("-v");
    arguments_.shown.push_back(kHidden);
  }

  std::vector<char*> all_;
  std::size_t next_ = 0;
  std::string_view command_;
  bool only_positionals_ = false;
  Arguments arguments_;
};

}  // namespace

Arguments split_arguments(int argc, char** argv) {
  return Splitter(argc, argv).split();
}

}  // namespace strongroom_cli
