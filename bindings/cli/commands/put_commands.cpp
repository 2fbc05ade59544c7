// put_commands.cpp: create, update.
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "commands/groups.hpp"
#include "store/access.hpp"
#include "syntax/common_options.hpp"
#include "syntax/table.hpp"
#include "terminal/input.hpp"
#include "terminal/terminal.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Secret;

constexpr Option kNewPath = argument("PATH", Kind::text, "The secret's path, as in my/secret");
constexpr Option kValue = {.names = "-v --value",
                           .kind = Kind::text,
                           .about = "The value; other users can see it",
                           .value = "VALUE",
                           .rivals = "value"};
constexpr Option kTextFile = {.names = "-t --text-file --value-file",
                              .kind = Kind::file,
                              .about = "A file with UTF-8 text",
                              .value = "FILE",
                              .optional = true,
                              .rivals = "value"};
constexpr Option kBinaryFile = {.names = "-f --file",
                                .kind = Kind::file,
                                .about = "A file with any bytes",
                                .value = "FILE",
                                .optional = true,
                                .rivals = "value"};
constexpr Option kEmpty = flag("--empty", "Accept an empty standard input as an empty value");

// value_file names the file with the value: "-" for standard input.
std::string value_file(const Options& options) {
  if (options.has(kBinaryFile)) return options.text(kBinaryFile);
  return options.has(kTextFile) ? options.text(kTextFile) : "-";
}

Secret read_value(const Options& options, std::size_t max_len) {
  const std::string file = value_file(options);
  if (file != "-") return read_secret(file, max_len, "the value");
  const bool asks = ::isatty(STDIN_FILENO) != 0 && can_ask();
  Secret value =
      asks ? ask("The value, one line (not shown): ") : read_secret(file, max_len, "the value");
  if (value.size() != 0 || options.has(kEmpty)) return value;
  throw Failure(kExitInvalid, "standard input is empty; give --empty to store an empty value");
}

// refuse_marked_value: a mark that nobody sees makes a password wrong, and removing it would change
// what was given.
void refuse_marked_value(std::string_view value) {
  if (!begins_with_mark(value)) return;
  throw Failure(kExitInvalid, "the value " + std::string(kMarkAdvice) +
                                  ", or store its bytes as they are with -f");
}

// explain adds what to do about a condition that does not hold.
Failure explain(const strongroom_abi::Error& error) {
  std::string why = error.what();
  if (error.status() == STRONGROOM_ALREADY_EXISTS) why += "; use 'strongroom update' to replace it";
  if (error.status() == STRONGROOM_NOT_FOUND) why += "; use 'strongroom create' to store it";
  return {10 + error.status(), why};
}

int put(const Options& options, const std::string& path, std::uint32_t condition) {
  const char* const given = options.raw(kValue);
  const bool from_input = given != nullptr ? std::string_view(given) == "-"
                                           : !options.has(kTextFile) && !options.has(kBinaryFile);
  if (from_input) options.check_standard_input(1);
  // First of all, so that the list of processes shows it no longer than needed.
  std::optional<Secret> argument;
  if (given != nullptr && !from_input) argument = take_argument(options.raw(kValue));
  Access access = open_unsealed(options);
  const Secret value =
      argument ? std::move(*argument) : read_value(options, access.report.info().max_secret_len);
  strongroom_put_options put = STRONGROOM_PUT_OPTIONS_INIT;
  put.condition = condition;
  const bool binary = options.has(kBinaryFile);
  if (!binary) refuse_marked_value(value.reveal());
  try {
    access.session.put(path, binary ? STRONGROOM_CONTENT_BINARY : STRONGROOM_CONTENT_TEXT,
                       value.reveal(), &put);
  } catch (const strongroom_abi::Error& error) {
    throw explain(error);
  }
  return kExitOk;
}

int run_create(const Options& options) {
  return put(options, options.text(kNewPath), STRONGROOM_CONDITION_CREATE);
}

int run_update(const Options& options) {
  return put(options, options.text(kPath), STRONGROOM_CONDITION_UPDATE);
}

constexpr const char* kPutHelp =
    R"(The value comes from standard input unless -v, -t or -f says otherwise; '-' is standard input too.
Standard input and -t are text: they must be UTF-8, and not begin with a byte order mark (BOM). -f
takes any bytes. Every byte counts, also a newline at the end. Other users can see what -v gives, in
the list of processes and in the shell's history: prefer the others. An empty standard input is
refused unless --empty is given: often the command before the pipe has failed.

Examples:
  printf %s "$PASSWORD" | strongroom create db/password
  strongroom create my/secret -t secret.json
  strongroom update my/keytab -f service.keytab
  strongroom create note -v 'not very secret')";

}  // namespace

const Command create_command("create", kSecretsGroup, "Store a new secret", kPutHelp,
                             {&kNewPath, &kValue, &kTextFile, &kBinaryFile, &kEmpty}, run_create);

const Command update_command("update", kSecretsGroup, "Give a secret another value", kPutHelp,
                             {&kPath, &kValue, &kTextFile, &kBinaryFile, &kEmpty}, run_update);

}  // namespace strongroom_cli
