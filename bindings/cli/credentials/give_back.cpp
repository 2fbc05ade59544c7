// give_back.cpp: new credentials come back before they take effect.
#include <string>

#include "credentials/credentials.hpp"
#include "credentials/handout.hpp"
#include "store/failure.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"
#include "terminal/terminal.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Error;
using strongroom_abi::Pending;
using strongroom_abi::Secret;

Failure not_back() {
  return {
      kExitInvalid,
      "not all of the new credentials came back; nothing was changed, and the old ones are valid"};
}

// give_back_files returns whether all came back. A wrong one ends it: finding that is its purpose.
bool give_back_files(Pending& pending, const NewCredentials& wanted, const Options& options,
                     Access& access) {
  bool ready = false;
  PrivateKeys keys(options);
  for (const std::string& file : wanted.share_backs) {
    Credentials credentials;
    credentials.add_share(read_share(file), name_of(file), access.session, keys);
    for (const Credentials::Line& line : credentials.lines()) {
      try {
        ready = pending.verify(line.text);
      } catch (const Error& error) {
        throw Failure(10 + error.status(), line.from + ": " + error.what());
      }
    }
  }
  return ready;
}

// ask_back passes what the person typed to the engine, and reports what is wrong with it.
bool ask_back(Pending& pending, const KeyRequest& request) {
  const std::string question =
      request.threshold() == 0
          ? "The new key, typed back (not shown): "
          : "A new share, typed back; " + std::to_string(request.threshold()) +
                (request.threshold() == 1 ? " is needed" : " different ones are needed") +
                " (not shown): ";
  const Secret answer = ask(question);
  if (answer.reveal().find_first_not_of(" \t\r") == std::string_view::npos) throw not_back();
  try {
    return pending.verify(answer.reveal());
  } catch (const Error& error) {
    if (error.status() != STRONGROOM_DENIED && error.status() != STRONGROOM_INVALID) throw;
    complain(error.what());
    return false;
  }
}

}  // namespace

void give_back(Pending& pending, const KeyRequest& request, const NewCredentials& wanted,
               const Options& options, Access& access) {
  if (!wanted.verify) return;
  bool ready = false;
  if (!wanted.key_file.empty()) ready = pending.verify(read_key_file(wanted.key_file, {}).reveal());
  if (!wanted.share_backs.empty()) {
    if (!give_back_files(pending, wanted, options, access)) throw not_back();
    return;
  }
  if (!ready && !can_ask()) throw not_back();
  while (!ready) ready = ask_back(pending, request);
}

}  // namespace strongroom_cli
