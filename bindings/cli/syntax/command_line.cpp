// command_line.cpp: from argv to Options; see command_line.hpp.
#include "syntax/command_line.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "store/failure.hpp"
#include "syntax/arguments.hpp"
#include "syntax/syntax.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

Failure usage(std::string why, const CLI::App& command) {
  const std::string name = command.get_parent() == nullptr ? "" : " " + full_name(command);
  return {kExitUsage, std::move(why) + "; see 'strongroom" + name + " --help'"};
}

const char* environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

// take_from makes the store that migrate names the one that is opened.
void take_from(Options& options, const CLI::App& command) {
  if (options.command != Command::migrate) return;
  if (!options.store.empty()) {
    throw usage("the store to migrate was named twice; leave --store out", command);
  }
  options.store = options.from;
}

void add_environment(Options& options) {
  if (const char* url = environment("STRONGROOM_STORE"); options.store.empty() && url != nullptr) {
    options.store = url;
  }
  // What the command line names is all that is wanted; at init the file is to be made.
  const bool named =
      !options.share_files.empty() || !options.pgp_private_keys.empty() || options.escrowed;
  const bool wanted = !named || options.command == Command::init;
  if (const char* file = environment("STRONGROOM_KEY_FILE");
      options.key_file.empty() && wanted && file != nullptr) {
    options.key_file = file;
  }
}

// needs_stored_policy tells whether a tool for policies was not given files.
bool needs_stored_policy(const Options& options) {
  const auto stored = [](const std::string& each) { return each == "@"; };
  if (options.command == Command::policy_diff) return stored(options.from) || stored(options.to);
  return options.policies.empty() ||
         std::any_of(options.policies.begin(), options.policies.end(), stored);
}

bool needs_store(const Options& options) {
  if (options.command >= Command::policy_check && options.command <= Command::policy_test)
    return needs_stored_policy(options);
  if (options.command == Command::completion) return false;
  if (options.command == Command::backup_verify) return false;
  return options.command != Command::run || !options.environment_file.empty() ||
         !options.volumes_file.empty();
}

std::ptrdiff_t uses_of_standard_input(const Options& options) {
  const bool put = options.command == Command::create || options.command == Command::update;
  const bool reads_file =
      (put && options.source != Source::value) || options.command == Command::resolve ||
      options.command == Command::backup_verify || options.command == Command::restore ||
      options.command == Command::policy_put || options.command == Command::policy_test;
  const auto count = [](const std::vector<std::string>& files) {
    return std::count(files.begin(), files.end(), "-");
  };
  const NewCredentials& fresh = options.fresh;
  return count(options.share_files) + count(options.pgp_private_keys) + count(fresh.pgp_key_files) +
         count(fresh.share_backs) + (options.key_file == "-") +
         (options.pgp_passphrase_file == "-") + (options.anchor_file == "-") +
         (reads_file && options.file == "-") + count(options.policies) +
         (options.command == Command::policy_diff && options.from == "-") +
         (options.command == Command::policy_diff && options.to == "-") +
         (options.environment_file == "-") + (options.volumes_file == "-");
}

// check_counts holds before anything is read or made.
void check_counts(const Options& options, const CLI::App& command) {
  const NewCredentials& fresh = options.fresh;
  const bool rekey = options.command == Command::rekey;  // takes what is left open from before
  const std::size_t num_keys =
      fresh.pgp_key_files.size() + (fresh.generated_key_file.empty() && !fresh.escrow ? 0 : 1);
  if (num_keys > 0 && fresh.shares != 0 && fresh.shares != num_keys) {
    throw usage("--shares was " + std::to_string(fresh.shares) + ", and there were " +
                    std::to_string(num_keys) + " OpenPGP keys; one for each share is needed",
                command);
  }
  const std::size_t shares = num_keys > 0 ? num_keys : fresh.shares;
  if (fresh.threshold > 0 && shares == 0 && !rekey) {
    throw usage("--threshold was given without --shares", command);
  }
  if (fresh.threshold > shares && (shares != 0 || !rekey)) {
    throw usage("--threshold was more than --shares", command);
  }
  if (fresh.escrow && (num_keys > 1 || !fresh.pgp_key_files.empty())) {
    throw usage("--escrow-in-store makes its one key itself; leave --pgp-key out", command);
  }
}

void finish_fresh(Options& options, const CLI::App& command) {
  NewCredentials& fresh = options.fresh;
  if (!fresh.share_backs.empty()) fresh.verify = true;
  check_counts(options, command);
  if (options.command == Command::init) fresh.key_file = options.key_file;
  const bool needs_some =
      options.command == Command::slot_add || options.command == Command::slot_replace;
  if (needs_some && fresh.empty()) {
    throw usage(
        "there was nothing to make: give --shares, --pgp-key, --new-key-file, "
        "--environment or --system-credential",
        command);
  }
  if (options.command == Command::migrate && !options.rekey && !fresh.empty()) {
    throw usage("new credentials were asked for without --rekey", command);
  }
  if (!options.pgp_passphrase_file.empty() && options.pgp_private_keys.empty()) {
    throw usage("--pgp-passphrase-file was given without --pgp-private-key", command);
  }
}

void finish(Options& options, const Syntax& parser) {
  const CLI::App& command = parser.current();
  take_from(options, command);
  add_environment(options);
  if (options.source == Source::value && std::string_view(options.value) == "-") {
    options.source = Source::standard_input;
  }
  if (needs_store(options) && options.store.empty()) {
    throw Failure(kExitUsage, "no store was named: give --store URL or set STRONGROOM_STORE");
  }
  if (options.command == Command::run && options.program.empty()) {
    throw usage("no command was given to run; it goes behind --", command);
  }
  if (parser.timeout_s() < 0 || !(parser.timeout_s() < 86400)) {
    throw usage("--timeout was not a number of seconds up to a day", command);
  }
  options.timeout_ms = static_cast<std::uint32_t>(std::ceil(parser.timeout_s() * 1000));
  finish_fresh(options, command);
  if (uses_of_standard_input(options) > 1) {
    throw usage("standard input can be read only once; name a file for the others", command);
  }
}

}  // namespace

std::optional<Options> parse_command_line(int argc, char** argv) {
  Syntax parser;
  Arguments arguments = split_arguments(argc, argv);
  try {
    Options options =
        parser.parse(static_cast<int>(arguments.shown.size()), arguments.shown.data());
    options.value = arguments.value;
    options.program = std::move(arguments.program);
    finish(options, parser);
    return options;
  } catch (const CLI::CallForHelp&) {
    print(parser.current().help());
  } catch (const CLI::CallForAllHelp&) {
    print(parser.current().help());
  } catch (const CLI::CallForVersion& version) {
    print(std::string(version.what()) + "\n");
  } catch (const CLI::ExtrasError&) {
    // Not which one: it may be a secret that lacks its -v.
    throw usage("there was an argument too many, or an unknown option", parser.current());
  } catch (const CLI::ParseError& error) {
    throw usage(error.what(), parser.current());
  }
  return std::nullopt;
}

}  // namespace strongroom_cli
