// command_line.cpp: the syntax; see command_line.hpp.
#include "command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "arguments.hpp"
#include "failure.hpp"
#include "help_texts.hpp"
#include "output.hpp"

namespace strongroom_cli {
namespace {

// Help leaves out what the texts say already: ranges, types, what excludes what.
class Help : public CLI::Formatter {
 public:
  Help() { column_width(32); }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    if (app->get_parent() == nullptr) return "Usage: strongroom [OPTIONS] COMMAND\n";
    std::string usage = "Usage: strongroom " + name + " [OPTIONS]";
    for (const CLI::Option* option : app->get_options()) {
      if (!option->get_positional()) continue;
      usage += option->get_required() ? " " + option->get_name(true)
                                      : " [" + option->get_name(true) + "]";
    }
    return usage + (name == "run" ? " -- COMMAND...\n" : "\n");
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_name();
    return type.empty() ? "" : " " + type.substr(0, type.find(':'));
  }
};

// Parser declares the commands, one function each.
class Parser {
 public:
  Parser() : app_(kDescription, "strongroom") {
    app_.set_version_flag("-V,--version", std::string("strongroom ") + strongroom_version(),
                          "Print the version");
    app_.set_help_flag("-h,--help", "Print this help");
    app_.require_subcommand(1);
    app_.footer(kFooter);
    app_.formatter(std::make_shared<Help>());
    app_.fallthrough();
    add_global_options();
    add_key_commands();
    add_secret_commands();
    add_task_commands();
  }

  Options parse(int argc, const char* const* argv) {
    app_.parse(argc, argv);
    return options_;
  }

  // current is the command whose help is meant.
  const CLI::App& current() const {
    const auto used = app_.get_subcommands();
    return used.empty() ? app_ : *used.front();
  }

  double timeout_s() const { return timeout_s_; }

 private:
  void add_global_options() {
    app_.add_option("--store", options_.store, "The store: lmdb:/directory (or STRONGROOM_STORE)")
        ->type_name("URL");
    app_.add_option("--key-file", options_.key_file, "A key file (or STRONGROOM_KEY_FILE)")
        ->type_name("FILE");
    app_.add_option("--share", options_.share_files,
                    "A file with one share, '-' for standard input; may be given again")
        ->type_name("FILE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app_.add_option("--timeout", timeout_s_, "How long to wait for the storage (10)")
        ->type_name("SECONDS");
    app_.add_flag("--allow-unlocked", options_.allow_unlocked,
                  "Go on with memory that may be swapped when no more can be locked");
  }

  CLI::App* add(const char* name, Command command, const char* description, const char* footer) {
    CLI::App* const added = app_.add_subcommand(name, description);
    added->group("Commands");
    added->footer(std::string(footer) + "\n\nOptions of all commands: strongroom --help");
    added->final_callback([this, command] { options_.command = command; });
    return added;
  }

  void add_json(CLI::App* command) { command->add_flag("--json", options_.json, "Print JSON"); }

  void add_key_commands() {
    CLI::App* const init = add("init", Command::init, "Make a store", kInitFooter);
    init->add_option("--shares", options_.shares, "How many shares to make, 1 to 255")
        ->type_name("N")
        ->check(CLI::Range(1, 255));
    init->add_option("--threshold", options_.threshold, "How many of them open the store")
        ->type_name("T")
        ->check(CLI::Range(1, 255));
    init->add_option("--max-secret-size", options_.max_secret_len,
                     "The most bytes of one secret, up to 67108864 (1048576)")
        ->type_name("BYTES")
        ->check(CLI::Range(1, 64 << 20));
    add_json(init);
    add_json(add("status", Command::status, "Tell about the store", kStatusFooter));
    add("unseal", Command::unseal, "Let the store be used again after 'seal'", kUnsealFooter);
    add("seal", Command::seal, "Seal the store for everybody", kSealFooter);
    add("rotate", Command::rotate, "Make a new data key", kRotateFooter);
  }

  void add_path(CLI::App* command) {
    command->add_option("PATH", options_.path, "The secret's name, as in my/secret")
        ->type_name("")
        ->required();
  }

  void add_put(const char* name, Command command, const char* description) {
    CLI::App* const put = add(name, command, description, kPutFooter);
    add_path(put);
    CLI::Option* const value =
        put->add_option("-v,--value", hidden_, "The value; other users can see it")
            ->type_name("VALUE");
    CLI::Option* const text =
        put->add_option("-t,--text-file,--value-file", options_.file, "A file with UTF-8 text")
            ->type_name("FILE")
            ->expected(0, 1);
    CLI::Option* const file = put->add_option("-f,--file", binary_file_, "A file with any bytes")
                                  ->type_name("FILE")
                                  ->expected(0, 1);
    value->excludes(text)->excludes(file);
    text->excludes(file);
    put->parse_complete_callback([this, value, text, file] {
      if (value->count() > 0) options_.source = Source::value;
      if (text->count() > 0) options_.source = Source::text_file;
      if (file->count() > 0) {
        options_.source = Source::binary_file;
        options_.file = binary_file_;
      }
      if (options_.file.empty()) options_.file = "-";
    });
  }

  void add_secret_commands() {
    add_put("create", Command::create, "Store a new secret");
    add_put("update", Command::update, "Give a secret another value");
    CLI::App* const get = add("get", Command::get, "Print a secret", kGetFooter);
    add_path(get);
    CLI::Option* const key =
        get->add_option("--key", options_.key, "One member of a JSON object secret")
            ->type_name("K");
    get->parse_complete_callback([this, key] { options_.has_key = key->count() > 0; });
    CLI::Option* const json = get->add_flag("--json", options_.json, "Print JSON");
    get->add_flag("--raw", options_.raw, "Print exactly the bytes, even on a terminal")
        ->excludes(json);
    CLI::App* const list = add("list", Command::list, "Print names of secrets", kListFooter);
    list->add_option("PATH", options_.path, "The folder; all of the store when left out")
        ->type_name("");
    list->add_flag("--recursive", options_.recursive, "All secrets below PATH");
    add_json(list);
    add_path(add("delete", Command::erase, "Delete a secret", kDeleteFooter));
  }

  void add_task_commands() {
    CLI::App* const resolve =
        add("resolve", Command::resolve, "Print what a Mesos Secret stands for", kResolveFooter);
    resolve->add_option("FILE", options_.file, "The message in JSON")->type_name("")->required();
    resolve->add_flag("--raw", options_.raw, "Print exactly the bytes, even on a terminal");
    CLI::App* const run = add("run", Command::run, "Run a command that sees secrets", kRunFooter);
    run->add_option("--env", options_.environment_file, "Environment variables, in JSON")
        ->type_name("FILE");
    run->add_option("--volumes", options_.volumes_file, "Secret files, in JSON")->type_name("FILE");
    run->add_flag("--no-namespace", options_.no_namespace,
                  "Use sealed memfds for the files, even where namespaces are allowed");
    CLI::App* const completion = add("completion", Command::completion,
                                     "Print the completion of a shell", kCompletionFooter);
    completion->add_option("SHELL", options_.shell, "bash, zsh or fish")
        ->type_name("")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  }

  CLI::App app_;
  Options options_;
  double timeout_s_ = 0;
  std::string hidden_;
  std::string binary_file_;
};

Failure usage(std::string why, const CLI::App& command) {
  const std::string name = command.get_parent() == nullptr ? "" : " " + command.get_name();
  return {kExitUsage, std::move(why) + "; see 'strongroom" + name + " --help'"};
}

const char* environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

void add_environment(Options& options) {
  if (const char* url = environment("STRONGROOM_STORE"); options.store.empty() && url != nullptr) {
    options.store = url;
  }
  // Shares on the command line are all that is wanted; at init the file is to be made.
  const bool wanted = options.share_files.empty() || options.command == Command::init;
  if (const char* file = environment("STRONGROOM_KEY_FILE");
      options.key_file.empty() && wanted && file != nullptr) {
    options.key_file = file;
    options.key_file_from_environment = true;
  }
}

bool needs_store(const Options& options) {
  if (options.command == Command::completion) return false;
  return options.command != Command::run || !options.environment_file.empty() ||
         !options.volumes_file.empty();
}

std::ptrdiff_t uses_of_standard_input(const Options& options) {
  const bool put = options.command == Command::create || options.command == Command::update;
  const bool reads_file =
      (put && options.source != Source::value) || options.command == Command::resolve;
  return std::count(options.share_files.begin(), options.share_files.end(), "-") +
         (reads_file && options.file == "-") + (options.environment_file == "-") +
         (options.volumes_file == "-");
}

void finish(Options& options, const Parser& parser) {
  const CLI::App& command = parser.current();
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
  if (options.threshold > 0 && options.shares == 0) {
    throw usage("--threshold was given without --shares", command);
  }
  if (options.threshold > options.shares) {
    throw usage("--threshold was more than --shares", command);
  }
  if (uses_of_standard_input(options) > 1) {
    throw usage("standard input can be read only once; name a file for the others", command);
  }
}

}  // namespace

std::optional<Options> parse_command_line(int argc, char** argv) {
  Parser parser;
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
