// access.cpp: credentials; see access.hpp.
#include "access.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "failure.hpp"
#include "input.hpp"
#include "terminal.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Report;
using strongroom_abi::Secret;

constexpr std::size_t kMaxShareFileLen = 65536;

// Credentials holds texts, and the lines in them: a file may hold several.
class Credentials {
 public:
  void add(Secret text) {
    texts_.push_back(std::move(text));
    std::string_view left = texts_.back().reveal();
    while (!left.empty()) {
      const std::size_t end = std::min(left.find('\n'), left.size());
      const std::string_view line = left.substr(0, end);
      if (line.find_first_not_of(" \t\r") != std::string_view::npos) lines_.push_back(line);
      left.remove_prefix(std::min(end + 1, left.size()));
    }
  }

  const std::vector<std::string_view>& lines() const noexcept { return lines_; }

 private:
  std::vector<Secret> texts_;
  std::vector<std::string_view> lines_;  // in texts_, whose bytes stay where they are
};

// shares_wanted is the greatest threshold, or 0 where only key files open the store.
unsigned shares_wanted(const Report& report) {
  unsigned most = 0;
  for (std::size_t i = 0; i < report.num_slots(); ++i) {
    most = std::max<unsigned>(most, report.slot(i).threshold);
  }
  return most;
}

Credentials ask_for_credentials(const Report& report) {
  Credentials credentials;
  const unsigned wanted = shares_wanted(report);
  const std::string of = " of " + std::string(report.url()) + " (not shown): ";
  if (wanted == 0) {
    credentials.add(ask("The line in the key file" + of));
    return credentials;
  }
  while (credentials.lines().size() < wanted) {
    const std::size_t had = credentials.lines().size();
    credentials.add(ask("Share " + std::to_string(had + 1) + " of the " + std::to_string(wanted) +
                        " needed" + of));
    if (credentials.lines().size() == had) break;             // an empty line: no more
    if (credentials.lines().back().starts_with("02")) break;  // a key file's line opens it alone
  }
  return credentials;
}

Credentials gather(const Options& options, const Report& report) {
  Credentials credentials;
  for (const std::string& file : options.share_files) {
    credentials.add(read_secret(file, kMaxShareFileLen, "the share"));
  }
  if (!options.key_file.empty()) credentials.add(read_key_file(options.key_file));
  if (!credentials.lines().empty()) return credentials;
  if (!options.key_file.empty() || !options.share_files.empty()) {
    throw Failure(kExitInvalid, "the files with credentials were empty");
  }
  if (can_ask()) return ask_for_credentials(report);
  throw Failure(kExitSealed,
                "no credential was given to unseal the store: use --key-file, --share or "
                "STRONGROOM_KEY_FILE");
}

}  // namespace

Access open_sealed(const Options& options, bool make) {
  strongroom_store_options how = STRONGROOM_STORE_OPTIONS_INIT;
  how.timeout_ms = options.timeout_ms;
  how.must_exist = make ? 0 : 1;
  strongroom_abi::Store store(options.store, &how);
  strongroom_abi::Session session = store.trusted();
  strongroom_abi::Report report = store.status();
  return {std::move(store), std::move(session), std::move(report)};
}

Access open_unsealed(const Options& options, std::uint32_t flags) {
  Access access = open_sealed(options);
  if (!access.report.initialized()) {
    throw Failure(kExitNotInitialized, "there is no store at " + std::string(access.report.url()) +
                                           " yet; make one with 'strongroom init'");
  }
  if (access.report.locked() && (flags & STRONGROOM_UNSEAL_LIFT_LOCK) == 0) {
    throw Failure(kExitSealed,
                  "an operator sealed the store; it stays sealed until 'strongroom unseal'");
  }
  access.session.unseal(gather(options, access.report).lines(), flags);
  return access;
}

}  // namespace strongroom_cli
