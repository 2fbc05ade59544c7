#include "state/keys_at_hand.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "message/failure.hpp"
#include "state/key_file.hpp"
#include "state/state_dir.hpp"

namespace strongroomd {
namespace {

using strongroom_abi::Error;
using strongroom_abi::Report;
using strongroom_abi::Secret;

// is_no_matter_of_keys: another key would not help.
bool is_no_matter_of_keys(strongroom_status status) noexcept {
  return status == STRONGROOM_UNAVAILABLE || status == STRONGROOM_TIMEOUT ||
         status == STRONGROOM_SEALED || status == STRONGROOM_NOT_INITIALIZED;
}

void add_reason(Unlocking& outcome, const std::string& reason) {
  outcome.why += (outcome.why.empty() ? "" : "; ") + reason;
}

// attempt runs f, which unseals. Returns  true if it did; otherwise the outcome says why not.
template <typename F>
bool attempt(Unlocking& outcome, const std::string& by, F f) {
  try {
    f();
  } catch (const Error& error) {
    if (is_no_matter_of_keys(error.status())) throw;
    add_reason(outcome, by + ": " + error.what());
    return false;
  } catch (const std::exception& error) {
    add_reason(outcome, error.what());
    return false;
  }
  outcome.unsealed = true;
  outcome.by = by;
  return true;
}

// unwrap_or_none returns nothing where the message was encrypted to another key.
std::optional<Secret> unwrap_or_none(strongroom_abi::Session& session, std::string_view message,
                                     const Secret& key) {
  try {
    return session.unwrap(message, key.reveal());
  } catch (const Error& error) {
    if (error.status() != STRONGROOM_DENIED) throw;
    return std::nullopt;
  }
}

// unwrapped_shares decrypts what a private key opens, and no more of a slot than it needs.
std::vector<Secret> unwrapped_shares(strongroom_abi::Session& session, const Report& report,
                                     const Secret& key) {
  std::vector<Secret> shares;
  for (std::size_t i = 0; i < report.num_slots(); ++i) {
    const strongroom_slot slot = report.slot(i);
    std::uint32_t found = 0;
    for (std::size_t k = 0; k < slot.num_wrapped && found < slot.threshold; ++k) {
      auto share = unwrap_or_none(session, report.wrapped(i, k).message, key);
      if (!share) continue;
      shares.push_back(std::move(*share));
      ++found;
    }
  }
  return shares;
}

void unseal_by(strongroom_abi::Session& session, const std::vector<Secret>& shares) {
  std::vector<std::string_view> texts;
  for (const Secret& share : shares) texts.push_back(share.reveal());
  session.unseal(texts);
}

// find_wrapped returns the share whose message has these hex digits.
std::optional<strongroom_abi::WrappedShare> find_wrapped(const Report& report,
                                                         const std::string& hex) {
  for (std::size_t i = 0; i < report.num_slots(); ++i) {
    const std::size_t num = report.slot(i).num_wrapped;
    for (std::size_t k = 0; k < num; ++k) {
      const auto share = report.wrapped(i, k);
      if (share.message.size() * 2 == hex.size() && hex_of(share.message) == hex) return share;
    }
  }
  return std::nullopt;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

}  // namespace

std::string hex_of(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return hex;
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr const char* kBlank = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::optional<Secret> KeysAtHand::read_pgp(const char* name, Unlocking& outcome) {
  try {
    return dir_.read(name);
  } catch (const std::exception& error) {
    add_reason(outcome, error.what());
    return std::nullopt;
  }
}

bool KeysAtHand::try_pgp(const char* name, const Report& report, Unlocking& outcome) {
  const auto key = read_pgp(name, outcome);
  if (!key) return false;
  const bool is_pending = std::string_view(name) == kPendingKey;
  const bool done = attempt(outcome, "the OpenPGP key '" + dir_.path_of(name) + "'", [&] {
    const auto shares = unwrapped_shares(trusted_, report, *key);
    // A damaged header may not show the share that the key opens.
    outcome.pending_is_wrong |= is_pending && shares.empty() && !report.header_damaged();
    if (shares.empty())
      throw std::runtime_error("'" + dir_.path_of(name) + "' opens no share of this store");
    unseal_by(trusted_, shares);
  });
  outcome.by_pending = done && is_pending;
  return done;
}

bool KeysAtHand::try_key_file(Unlocking& outcome) {
  if (settings_.key_file.empty()) return false;
  return attempt(outcome, "the key file '" + settings_.key_file + "'", [&] {
    const Secret key = read_key_file(settings_.key_file);
    trusted_.unseal({key.reveal()});
  });
}

bool KeysAtHand::try_escrow(const Report& report, Unlocking& outcome) {
  if (!report.escrowed()) return false;
  return attempt(outcome, "the OpenPGP key in the store",
                 [&] { trusted_.unseal({}, STRONGROOM_UNSEAL_ESCROWED); });
}

Unlocking KeysAtHand::unseal(const Report& report) {
  Unlocking outcome;
  static_cast<void>(try_pgp(kPendingKey, report, outcome) || try_key_file(outcome) ||
                    try_pgp(kUnsealKey, report, outcome) || try_escrow(report, outcome));
  return outcome;
}

strongroom_unseal_progress KeysAtHand::open(const Report& report, std::string_view encrypted_key) {
  const auto message = find_wrapped(report, lower_case(trimmed(encrypted_key)));
  if (!message)
    throw Failure(400, "No such key",
                  "the key is none of the encrypted keys of this store, which GET "
                  "/secrets/v1/init/default returns");
  if (const auto key = dir_.read(kUnsealKey)) {
    const auto share = unwrap_or_none(trusted_, message->message, *key);
    if (share) return trusted_.unseal_share(share->reveal());
  }
  if (!report.escrowed())
    throw Failure(409, "No private key",
                  "this server has no OpenPGP private key that decrypts this key; decrypt it, for "
                  "example with gpg --decrypt, and PUT the result to /secrets/v1/unseal/default");
  trusted_.unseal({}, STRONGROOM_UNSEAL_ESCROWED);
  strongroom_unseal_progress progress = STRONGROOM_UNSEAL_PROGRESS_INIT;
  progress.unsealed = 1;
  return progress;
}

}  // namespace strongroomd
