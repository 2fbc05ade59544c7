// access.cpp: unsealing; see access.hpp.
#include "store/access.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "credentials/credentials.hpp"
#include "store/failure.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"
#include "terminal/terminal.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Error;
using strongroom_abi::Report;
using strongroom_abi::Secret;

constexpr std::size_t kMaxAnchorFileLen = 4096;
constexpr std::size_t kMaxZkAuthFileLen = 1026;  // 1,024 bytes and a line end

bool is_wrong_credential(const Error& error) {
  return error.status() == STRONGROOM_DENIED || error.status() == STRONGROOM_INVALID;
}

// too_few says what is missing, starting with the first credential that was wrong.
Failure too_few(const std::optional<Failure>& wrong, const strongroom_unseal_progress& progress) {
  const std::string good = std::to_string(progress.progress) + " of the " +
                           std::to_string(progress.threshold) + " different shares needed " +
                           (progress.progress == 1 ? "was given" : "were given");
  if (!wrong) return {kExitDenied, good + "; give more of them"};
  if (progress.progress == 0) return *wrong;
  return {wrong->exit_status(), std::string(wrong->what()) + "; " + good};
}

// unseal_by tries one credential after the other, so that a wrong one can be named. A wrong one does no
// harm where the others are enough.
void unseal_by(Access& access, const Credentials& credentials, std::uint32_t flags) {
  std::optional<Failure> wrong;
  strongroom_unseal_progress progress = STRONGROOM_UNSEAL_PROGRESS_INIT;
  for (const Credentials::Line& line : credentials.lines()) {
    try {
      progress = access.session.unseal_share(line.text, flags);
      if (progress.unsealed != 0) return;
    } catch (const Error& error) {
      if (!is_wrong_credential(error)) throw;
      if (!wrong) wrong.emplace(10 + error.status(), line.from + ": " + error.what());
    }
  }
  throw too_few(wrong, progress);
}

// shares_wanted returns the greatest threshold, or 0 where only keys open the store.
unsigned shares_wanted(const Report& report) {
  unsigned most = 0;
  for (std::size_t i = 0; i < report.num_slots(); ++i) {
    most = std::max<unsigned>(most, report.slot(i).threshold);
  }
  return most;
}

// take_share tells the person what is wrong with an answer, and returns whether to continue.
bool take_share(Access& access, const Secret& answer, std::uint32_t flags,
                strongroom_unseal_progress& progress) try {
  const std::uint32_t had = progress.progress;
  progress = access.session.unseal_share(answer.reveal(), flags);
  if (progress.unsealed == 0 && progress.progress == had) {
    complain("this share was given already; another one is needed");
  }
  return progress.unsealed == 0;
} catch (const Error& error) {
  if (!is_wrong_credential(error)) throw;
  complain(error.what());
  return true;
}

// unseal_by_person keeps the good shares, whatever is typed between them.
void unseal_by_person(Access& access, std::uint32_t flags) {
  const std::string of = " of " + std::string(access.report.url()) + " (not shown): ";
  strongroom_unseal_progress progress = STRONGROOM_UNSEAL_PROGRESS_INIT;
  progress.threshold = shares_wanted(access.report);
  if (progress.threshold == 0) {
    access.session.unseal_share(ask("The line in the key file" + of).reveal(), flags);
    return;
  }
  for (;;) {
    const Secret answer = ask("Share " + std::to_string(progress.progress + 1) + " of the " +
                              std::to_string(progress.threshold) + " needed" + of);
    if (answer.reveal().find_first_not_of(" \t\r") == std::string_view::npos) {
      throw too_few(std::nullopt, progress);
    }
    if (!take_share(access, answer, flags, progress)) return;
  }
}

std::string read_anchor(const std::string& file) {
  if (file.empty()) return {};
  const Secret text = read_secret_text(file, kMaxAnchorFileLen, "the anchor");
  if (text.reveal().find('\0') != std::string_view::npos || text.size() == 0) {
    throw Failure(kExitInvalid,
                  "the file '" + file + "' is not an anchor; 'strongroom anchor' prints one");
  }
  return std::string(text.reveal());
}

// read_zk_auth refuses what is no user:password here, since the engine does not know the file's name.
Secret read_zk_auth(const std::string& file, bool allow_readable) {
  Secret auth = read_private(file, kMaxZkAuthFileLen, "the file with ZooKeeper credentials",
                             {.allow_readable = allow_readable, .own = true});
  const std::string_view text = auth.reveal();
  const std::size_t colon = text.find(':');
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  const std::string_view behind = text.substr(line.size());
  const bool one = behind.empty() || behind == "\n" || behind == "\r\n";
  if (one && colon != 0 && colon < line.size()) return auth;
  throw Failure(kExitInvalid, "the file with ZooKeeper credentials " + name_of(file) +
                                  " must be one line, user:password");
}

Access open_at(const std::string& url, const Options& options, const std::string& anchor, bool make,
               const std::string& zk_auth_file) {
  options.check_store();
  strongroom_store_options how = STRONGROOM_STORE_OPTIONS_INIT;
  how.timeout_ms = options.timeout_ms;
  how.must_exist = make ? 0 : 1;
  how.anchor = anchor.empty() ? nullptr : anchor.c_str();
  const ZkAuth auth(how, url, zk_auth_file, options);
  strongroom_abi::Store store(url, &how);
  strongroom_abi::Session session = store.trusted();
  Report report = store.status();
  return {std::move(store), std::move(session), std::move(report)};
}

void check_usable(const Report& report, std::uint32_t flags) {
  if (!report.initialized()) {
    throw Failure(kExitNotInitialized, "there is no store at " + std::string(report.url()) +
                                           " yet; make one with 'strongroom init'");
  }
  if (report.locked() && (flags & STRONGROOM_UNSEAL_LIFT_LOCK) == 0) {
    throw Failure(kExitSealed,
                  "an operator sealed the store; it stays sealed until 'strongroom unseal'");
  }
}

}  // namespace

Access open_sealed(const Options& options, bool make) {
  return open_at(options.store, options, read_anchor(options.anchor_file), make,
                 options.zk_auth_file);
}

Access open_other(const std::string& url, const Options& options, const std::string& zk_auth_file) {
  return open_at(url, options, {}, true,
                 zk_auth_file.empty() ? options.zk_auth_file : zk_auth_file);
}

bool in_zookeeper(std::string_view url) noexcept {
  return url.starts_with("zk:") || url.starts_with("zks:");
}

ZkAuth::ZkAuth(strongroom_store_options& how, std::string_view url, const std::string& file,
               const Options& options) {
  if (!in_zookeeper(url)) return;
  std::string_view text;
  if (!file.empty()) {
    text = read_.emplace(read_zk_auth(file, options.allow_readable)).reveal();
  } else if (options.zk_auth) {
    text = options.zk_auth->reveal();
    refuse_mark(text, "STRONGROOM_ZK_AUTH");
  }
  how.zk_auth = text.data();
  how.zk_auth_len = text.size();
}

Access open_unsealed(const Options& options, std::uint32_t flags) {
  Access access = open_sealed(options);
  check_usable(access.report, flags);
  if (options.escrowed) {
    access.session.unseal({}, flags | STRONGROOM_UNSEAL_ESCROWED);
    return access;
  }
  const Credentials credentials = gather_credentials(options, access.report, access.session);
  if (!credentials.lines().empty()) {
    unseal_by(access, credentials, flags);
  } else if (can_ask()) {
    unseal_by_person(access, flags);
  } else {
    throw Failure(kExitSealed,
                  "no credential was given to unseal the store: use --key-file, --share, "
                  "--pgp-private-key, STRONGROOM_KEY_FILE or STRONGROOM_KEY");
  }
  return access;
}

bool unseal_unasked(Access& access, const Options& options) {
  if (!access.report.initialized() || access.report.locked()) return false;
  if (options.escrowed) {
    access.session.unseal({}, STRONGROOM_UNSEAL_ESCROWED);
    return true;
  }
  const Credentials credentials = gather_credentials(options, access.report, access.session);
  if (credentials.lines().empty()) return false;
  unseal_by(access, credentials, 0);
  return true;
}

}  // namespace strongroom_cli
