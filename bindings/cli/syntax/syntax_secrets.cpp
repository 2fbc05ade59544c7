// syntax_secrets.cpp: the commands that read and write secrets; see syntax.hpp.
#include "syntax/help_texts.hpp"
#include "syntax/syntax.hpp"

namespace strongroom_cli {
namespace {

constexpr const char* kSecrets = "Secrets";

}  // namespace

void Syntax::add_path(CLI::App* command) {
  command->add_option("PATH", options_.path, "The secret's name, as in my/secret")
      ->type_name("")
      ->required();
}

void Syntax::add_put(const char* name, Command command, const char* description) {
  CLI::App* const put = add(kSecrets, name, command, description, kPutFooter);
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

void Syntax::add_secret_commands() {
  add_put("create", Command::create, "Store a new secret");
  add_put("update", Command::update, "Give a secret another value");
  CLI::App* const get = add(kSecrets, "get", Command::get, "Print a secret", kGetFooter);
  add_path(get);
  CLI::Option* const key =
      get->add_option("--key", options_.key, "One member of a JSON object secret")->type_name("K");
  get->parse_complete_callback([this, key] { options_.has_key = key->count() > 0; });
  CLI::Option* const json = get->add_flag("--json", options_.json, "Print JSON");
  get->add_flag("--fresh", options_.fresh_read,
                "See all that anybody wrote before, whatever that takes");
  get->add_flag("--raw", options_.raw, "Print exactly the bytes, even on a terminal")
      ->excludes(json);
  CLI::App* const list =
      add(kSecrets, "list", Command::list, "Print names of secrets", kListFooter);
  list->add_option("PATH", options_.path, "The folder; all of the store when left out")
      ->type_name("");
  list->add_flag("--recursive", options_.recursive, "All secrets below PATH");
  add_json(list);
  CLI::App* const watch =
      add(kSecrets, "watch", Command::watch, "Print which secrets change", kWatchFooter);
  watch->add_option("PATH", options_.path, "A secret or folder; all of the store when left out")
      ->type_name("");
  watch
      ->add_option("--for", options_.watch_s,
                   "End after so long, from a part of a second to a year")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 31536000.0));
  add_json(watch);
  add_path(add(kSecrets, "delete", Command::erase, "Delete a secret", kDeleteFooter));
}

void Syntax::add_task_commands() {
  CLI::App* const resolve = add(kSecrets, "resolve", Command::resolve,
                                "Print what a Mesos Secret stands for", kResolveFooter);
  resolve->add_option("FILE", options_.file, "The message in JSON")->type_name("")->required();
  resolve->add_flag("--raw", options_.raw, "Print exactly the bytes, even on a terminal");
  CLI::App* const run =
      add(kSecrets, "run", Command::run, "Run a command that sees secrets", kRunFooter);
  run->add_option("--env", options_.environment_file, "Environment variables, in JSON")
      ->type_name("FILE");
  run->add_option("--volumes", options_.volumes_file, "Secret files, in JSON")->type_name("FILE");
  run->add_flag("--no-namespace", options_.no_namespace,
                "Use sealed memfds for the files, even where namespaces are allowed");
  CLI::App* const completion = add("Shell", "completion", Command::completion,
                                   "Print the completion of a shell", kCompletionFooter);
  completion->add_option("SHELL", options_.shell, "bash, zsh or fish")
      ->type_name("")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

}  // namespace strongroom_cli
