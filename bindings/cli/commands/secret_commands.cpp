// secret_commands.cpp: create, update, get, list, delete, resolve.
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/access.hpp"
#include "store/failure.hpp"
#include "syntax/commands.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"
#include "terminal/terminal.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Secret;

Secret read_value(const Options& options, std::size_t max_len) {
  if (options.file == "-" && ::isatty(STDIN_FILENO) != 0 && can_ask()) {
    return ask("The value, one line (not shown): ");
  }
  return read_secret(options.file, max_len, "the value");
}

int put(const Options& options, std::uint32_t condition) {
  // First of all, so that the list of processes shows it no longer than needed.
  std::optional<Secret> argument;
  if (options.source == Source::value) argument = take_argument(options.value);
  Access access = open_unsealed(options);
  const Secret value =
      argument ? std::move(*argument) : read_value(options, access.report.max_secret_len());
  strongroom_put_options put = STRONGROOM_PUT_OPTIONS_INIT;
  put.condition = condition;
  const bool binary = options.source == Source::binary_file;
  access.session.put(options.path, binary ? STRONGROOM_CONTENT_BINARY : STRONGROOM_CONTENT_TEXT,
                     value.reveal(), &put);
  return kExitOk;
}

void print_json(const Options& options, const Secret& secret) {
  SecretOutput out;
  out.text("{\"path\":" + json_text(options.path));
  if (options.has_key) out.text(",\"key\":" + json_text(options.key));
  if (secret.is_text()) {
    out.text(",\"content\":\"text\",\"value\":");
    out.json_string(secret.reveal());
  } else {
    out.text(",\"content\":\"binary\",\"value_base64\":\"");
    out.base64(secret.reveal());
    out.text("\"");
  }
  out.text(",\"revision\":" + std::to_string(secret.revision()) +
           ",\"created\":" + json_text(time_text(secret.created_ms())) +
           ",\"changed\":" + json_text(time_text(secret.changed_ms())) + "}\n");
  out.flush();
}

// c_text refuses what a C string would cut short.
const char* c_text(const std::string& text) {
  if (text.find('\0') == std::string::npos) return text.c_str();
  throw Failure(kExitInvalid, "the name of a member had a NUL byte");
}

// names_of writes folders with a '/' at their end, so that a secret of the same name differs.
std::vector<std::string> names_of(const strongroom_abi::List& list) {
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

}  // namespace

int create_command(const Options& options) {
  return put(options, STRONGROOM_CONDITION_CREATE);
}

int update_command(const Options& options) {
  return put(options, STRONGROOM_CONDITION_UPDATE);
}

int get_command(const Options& options) {
  Access access = open_unsealed(options);
  strongroom_get_options how = STRONGROOM_GET_OPTIONS_INIT;
  how.fresh = options.fresh_read ? 1 : 0;
  how.key = options.has_key ? c_text(options.key) : nullptr;
  const Secret secret = access.session.get_with(options.path, how);
  if (secret.stale_ms() > 0) {
    complain("the storage is out of reach: this is what it held " +
             std::to_string((secret.stale_ms() + 999) / 1000) + " seconds ago");
  }
  if (options.json) {
    print_json(options, secret);
  } else {
    show_secret(secret.reveal(), options.raw);
  }
  return kExitOk;
}

int list_command(const Options& options) {
  Access access = open_unsealed(options);
  const auto names = names_of(
      access.session.list(options.path, options.recursive ? STRONGROOM_LIST_RECURSIVE : 0));
  if (options.json) {
    print(json_of(names));
    return kExitOk;
  }
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  print(text);
  return kExitOk;
}

int delete_command(const Options& options) {
  open_unsealed(options).session.erase(options.path);
  return kExitOk;
}

int resolve_command(const Options& options) {
  const Secret message = read_secret(options.file, kMaxMessageLen, "the message");
  Access access = open_unsealed(options);
  const Secret secret = access.session.resolve(STRONGROOM_FORMAT_JSON, message.reveal());
  show_secret(secret.reveal(), options.raw);
  return kExitOk;
}

}  // namespace strongroom_cli
