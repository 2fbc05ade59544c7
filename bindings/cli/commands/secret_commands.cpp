// secret_commands.cpp: get, list, delete, resolve.
#include <algorithm>
#include <string>
#include <vector>

#include "commands/groups.hpp"
#include "credentials/credentials.hpp"
#include "store/access.hpp"
#include "store/strict_json.hpp"
#include "syntax/common_options.hpp"
#include "syntax/table.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Secret;

constexpr Option kKey = {.names = "--key",
                         .kind = Kind::text,
                         .about = "One member of a secret that is a JSON object",
                         .value = "K"};
constexpr Option kFresh =
    flag("--fresh", "See everything that anybody wrote before, whatever that takes");
constexpr Option kFolder =
    optional_argument("PATH", Kind::text, "The folder; all of the store when left out");
constexpr Option kMessage = argument("FILE", Kind::file, "The message in JSON");

void print_json(const Options& options, const Secret& secret) {
  SecretOutput out;
  out.text("{\"path\":" + json_text(options.text(kPath)));
  if (options.has(kKey)) out.text(",\"key\":" + json_text(options.text(kKey)));
  if (secret.is_text()) {
    out.text(",\"content\":\"text\",\"value\":");
    out.json_string(secret.reveal());
  } else {
    out.text(",\"content\":\"binary\",\"value_base64\":\"");
    out.base64(secret.reveal());
    out.text("\"");
  }
  const strongroom_secret_info info = secret.describe();
  out.text(",\"revision\":" + std::to_string(info.revision) +
           ",\"created\":" + json_text(time_text(info.created_ms)) +
           ",\"changed\":" + json_text(time_text(info.changed_ms)) + "}\n");
  out.flush();
}

// names_of writes folders with a '/' at their end, so that a secret of the same name differs.
std::vector<std::string> names_of(const strongroom_abi::Names& list) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < list.size(); ++i) {
    names.push_back(std::string(list.name(i)) + (list.is_folder(i) ? "/" : ""));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string json_of(const std::vector<std::string>& names) {
  std::string json = "[";
  for (const std::string& name : names) json += (json.size() > 1 ? "," : "") + json_text(name);
  return json + "]\n";
}

int run_get(const Options& options) {
  Access access = open_unsealed(options);
  strongroom_get_options how = STRONGROOM_GET_OPTIONS_INIT;
  how.fresh = options.has(kFresh) ? 1 : 0;
  how.key = options.raw(kKey);
  const Secret secret = access.session.get(options.text(kPath), &how);
  if (const auto stale_ms = secret.describe().stale_ms; stale_ms > 0) {
    complain("the storage is out of reach: this is what it held " +
             std::to_string((stale_ms + 999) / 1000) + " seconds ago");
  }
  if (options.has(kJson)) {
    print_json(options, secret);
  } else {
    show_secret(secret.reveal(), options.has(kRaw));
  }
  return kExitOk;
}

int run_list(const Options& options) {
  Access access = open_unsealed(options);
  strongroom_list_options how = STRONGROOM_LIST_OPTIONS_INIT;
  how.recursive = options.has(kRecursive) ? 1 : 0;
  const auto names = names_of(access.session.list(options.text(kFolder), &how));
  if (options.has(kJson)) {
    print(json_of(names));
    return kExitOk;
  }
  std::string text;
  for (const std::string& name : names) text += name_text(name) + "\n";
  print(text);
  return kExitOk;
}

int run_delete(const Options& options) {
  open_unsealed(options).session.erase(options.text(kPath));
  return kExitOk;
}

int run_resolve(const Options& options) {
  const std::string file = options.text(kMessage);
  const Secret message = read_secret_text(file, kMaxMessageLen, "the message");
  check_message(message.reveal(), name_of(file));
  Access access = open_unsealed(options);
  const Secret secret = access.session.resolve(STRONGROOM_FORMAT_JSON, message.reveal());
  show_secret(secret.reveal(), options.has(kRaw));
  return kExitOk;
}

}  // namespace

constexpr const char* kGetHelp =
    R"(Prints exactly the secret's bytes. On a terminal a newline follows, and a value that is not plain
text is refused unless --raw is given. --json has "value", or "value_base64" for a binary secret.
A secret in ZooKeeper may lag behind what others have just written; with --fresh it does not.

Examples:
  strongroom get db/password
  strongroom get my/secret --key username
  strongroom get my/keytab >service.keytab)";

const Command get_command("get", kSecretsGroup, "Print a secret", kGetHelp,
                          {&kPath, &kKey, &kJson, &kFresh, &kRaw}, run_get);

constexpr const char* kListHelp =
    R"(Prints the names below PATH, relative to it and sorted; folders end in '/'. With --recursive, the
secrets of all folders below.

Examples:
  strongroom list
  strongroom list my --recursive --json)";

const Command list_command("list", kSecretsGroup, "Print the names of secrets", kListHelp,
                           {&kFolder, &kRecursive, &kJson}, run_list);

constexpr const char* kDeleteHelp =
    R"(Deletes one secret, never a folder.

Example:
  strongroom delete my/secret)";

const Command delete_command("delete", kSecretsGroup, "Delete a secret", kDeleteHelp, {&kPath},
                             run_delete);

constexpr const char* kResolveHelp =
    R"(FILE holds a Secret as Mesos has it in JSON; '-' is standard input. Prints the bytes that it stands
for, as 'get' does. A member that Mesos does not know is refused.

Example:
  echo '{"type":"REFERENCE","reference":{"name":"my/secret","key":"username"}}' |
    strongroom resolve -)";

const Command resolve_command("resolve", kSecretsGroup, "Print what a Mesos Secret stands for",
                              kResolveHelp, {&kMessage, &kRaw}, run_resolve);

}  // namespace strongroom_cli
