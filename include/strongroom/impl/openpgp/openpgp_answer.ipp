// openpgp_answer.ipp: see openpgp_answer.hpp.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/openpgp/channel.hpp"
#include "strongroom/impl/openpgp/openpgp_answer.hpp"
#include "strongroom/impl/openpgp/protocol.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::openpgp {
namespace detail::openpgp_answer {

static Error nonsense() {
  return {Code::unavailable,
          "the OpenPGP helper gave an invalid answer; install the helper of this version"};
}

static Error ended() {
  return {Code::unavailable,
          "the OpenPGP helper ended before it answered; it was killed or ran out of memory"};
}

static Error too_late() {
  return {Code::timeout, "the OpenPGP helper was too slow and was killed; try again"};
}

// date_of writes a day as gpg does, "2020-06-01", in UTC.
// Source  days to a date by Howard Hinnant, chrono-Compatible Low-Level Date Algorithms.
static std::string date_of(std::uint32_t seconds) {
  const std::uint32_t days = seconds / 86400 + 719468;
  const std::uint32_t era = days / 146097;
  const std::uint32_t day_of_era = days % 146097;
  const std::uint32_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::uint32_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint32_t shifted_month = (5 * day_of_year + 2) / 153;
  const std::uint32_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const std::uint32_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const std::uint32_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);
  const auto two = [](std::uint32_t number) {
    return (number < 10 ? "-0" : "-") + std::to_string(number);
  };
  return std::to_string(year) + two(month) + two(day);
}

// algorithm_name  of RFC 9580, section 9.1, and of its drafts.
static std::string algorithm_name(std::uint32_t number) {
  switch (number) {
    case 18:
      return "ECDH over a curve";
    case 20:
      return "ElGamal that also signs";
    case 25:
      return "X25519 of RFC 9580";
    case 26:
      return "X448 of RFC 9580";
    case 27:
      return "Ed25519 of RFC 9580";
    case 28:
      return "Ed448 of RFC 9580";
    default:
      return number == 0 ? "an algorithm" : "algorithm " + std::to_string(number);
  }
}

// Sentence is what describe says of a trouble, behind the name of the key or message that it is about.
// The detail, as a text, replaces the first '@'.
struct Sentence {
  Trouble trouble;
  Code code;
  const char* what;
};

static constexpr Sentence kSentences[] = {
    {Trouble::empty, Code::invalid, "is empty; pass the right file"},
    {Trouble::utf16, Code::invalid, "is text in UTF-16; save it as UTF-8 or ASCII"},
    {Trouble::displaced_armor, Code::invalid,
     "is quoted, indented or damaged: no line begins with a whole \"-----BEGIN PGP ...-----\"; "
     "pass it "
     "as it was exported"},
    {Trouble::bad_armor, Code::invalid,
     "has damaged ASCII armor: a character that does not belong, or one too few; pass an intact "
     "copy of it"},
    {Trouble::bad_checksum, Code::invalid,
     "was changed on its way: the checksum of its ASCII armor is wrong; pass an intact copy of it"},
    {Trouble::cut_short, Code::invalid, "is cut short; pass an intact copy of it"},
    {Trouble::signed_text, Code::invalid,
     "is a signed text; pass only what gpg --decrypt takes out of it"},
    {Trouble::other_format, Code::invalid,
     "is in the format of OpenPGP v@, which this version does not know; pass one of v4"},
    {Trouble::damaged_key, Code::invalid, "is damaged; pass an intact copy of it"},
    {Trouble::private_key, Code::invalid,
     "is a private key; keep it secret and pass the public key"},
    {Trouble::public_key, Code::invalid,
     "is a public one; pass what gpg --export-secret-keys writes"},
    {Trouble::many_keys, Code::invalid, "is a file of several keys; pass one public key per file"},
    {Trouble::from_future, Code::invalid,
     "was made in the future, on @; set this machine's clock or pass another one"},
    {Trouble::expired, Code::invalid, "has expired on @; extend it or pass another one"},
    {Trouble::subkey_expired, Code::invalid,
     "cannot be encrypted to any more: its subkey for that has expired on @; extend it or pass "
     "another one"},
    {Trouble::revoked, Code::invalid, "was revoked; pass another one"},
    {Trouble::subkey_revoked, Code::invalid,
     "cannot be encrypted to any more: its subkey for that was revoked; pass another one"},
    {Trouble::unverified_revocation, Code::invalid,
     "has a revocation that could not be verified; pass another one, or what gpg --export writes "
     "after "
     "gpg --import"},
    {Trouble::no_self_signature, Code::invalid,
     "has no user id with a valid signature of its own (one with MD5 does not count); pass a fresh "
     "export of it"},
    {Trouble::unbound_subkey, Code::invalid,
     "has a subkey for encryption that its owner did not sign validly; pass a fresh export of it"},
    {Trouble::cannot_encrypt, Code::invalid,
     "can sign but not encrypt; pass one with a subkey for encryption"},
    {Trouble::weak, Code::invalid,
     "encrypts with only @ bits, less than 2048 bits; pass a longer one"},
    {Trouble::too_long, Code::invalid,
     "encrypts with @ bits, more than 8192 bits; pass a shorter one"},
    {Trouble::other_algorithm, Code::invalid,
     "uses @, which this version does not know; pass one that encrypts with RSA, ElGamal, or ECDH "
     "over "
     "Curve25519, NIST or Brainpool"},
    {Trouble::stub, Code::denied,
     "was exported without the private part that opens this message, which is on a smartcard or "
     "elsewhere; decrypt the share there: gpg --decrypt"},
    {Trouble::not_encrypted, Code::invalid, "was not encrypted to a key"},
    {Trouble::no_integrity, Code::invalid, "had no integrity protection and was refused"},
    {Trouble::damaged, Code::invalid, "was damaged; pass an intact copy of it"},
    {Trouble::text_too_large, Code::too_large, "held more than a share; pass another one"},
    {Trouble::wrong_key, Code::denied, "was encrypted to another key"},
    {Trouble::needs_passphrase, Code::denied, "has a passphrase, and none was given"},
    {Trouble::other_version, Code::unsupported,
     "is of another version; install the helper of this version"},
    {Trouble::unlocked_memory, Code::unavailable,
     "could not lock its memory; raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=)"},
    {Trouble::no_memory, Code::unavailable,
     "ran out of memory; pass smaller keys or raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=)"},
    {Trouble::failed, Code::unavailable, "failed; try again"},
};

static std::string subject_of(const Reason& reason, unsigned number) {
  if (reason.trouble >= Trouble::other_version) return "the OpenPGP helper";
  if (number == kAboutPrivateKey) return "the private key";
  return number == kAboutMessage ? "the OpenPGP message" : "key " + std::to_string(number);
}

static std::string detail_of(const Reason& reason) {
  switch (reason.trouble) {
    case Trouble::from_future:
    case Trouble::expired:
    case Trouble::subkey_expired:
      return date_of(reason.detail);
    case Trouble::other_algorithm:
      return algorithm_name(reason.detail);
    default:
      return std::to_string(reason.detail);
  }
}

static Error describe_not_openpgp(unsigned number) {
  if (number == kAboutMessage) {
    return {Code::invalid, "the message is not an OpenPGP message; pass the encrypted share"};
  }
  if (number == kAboutPrivateKey) {
    return {Code::invalid,
            "the private key is not an OpenPGP key; pass what gpg --export-secret-keys writes"};
  }
  return {Code::invalid, "key " + std::to_string(number) +
                             " is not an OpenPGP public key; pass what gpg --export writes"};
}

}  // namespace detail::openpgp_answer

Error describe(const Reason& reason, unsigned number) {
  using namespace detail::openpgp_answer;
  if (reason.trouble == Trouble::not_a_key || reason.trouble == Trouble::not_a_message) {
    return describe_not_openpgp(number);
  }
  if (reason.trouble == Trouble::wrong_passphrase) {
    return {Code::denied, "the passphrase of the private key was wrong"};
  }
  for (const Sentence& sentence : kSentences) {
    if (sentence.trouble != reason.trouble) continue;
    std::string what = sentence.what;
    if (const auto at = what.find('@'); at != std::string::npos) {
      what.replace(at, 1, detail_of(reason));
    }
    return {sentence.code, subject_of(reason, number) + " " + what};
  }
  return nonsense();
}

Result<void> Answer::begin() {
  std::array<std::uint8_t, kHeadLen> bytes{};
  STRONGROOM_TRY(read(bytes));
  Reader head(bytes);
  if (head.u32() != kMagic) return detail::openpgp_answer::nonsense();
  const auto trouble = static_cast<Trouble>(head.u8());
  const bool padded = head.u8() == 0;
  const unsigned number = head.u16();
  if (!padded || trouble >= Trouble::count || number > kAboutMessage)
    return detail::openpgp_answer::nonsense();
  if (trouble == Trouble::none) return {};
  std::array<std::uint8_t, 4> detail{};
  STRONGROOM_TRY(read(detail));
  return describe({trouble, Reader(detail).u32()}, number);
}

Result<std::vector<std::uint8_t>> Answer::bytes(std::size_t max_len) {
  STRONGROOM_ASSIGN(len, length(max_len));
  std::vector<std::uint8_t> field(len);
  STRONGROOM_TRY(read(field));
  return field;
}

Result<std::vector<std::uint8_t>> Answer::fingerprint() {
  auto field = bytes(kMaxFingerprintLen);
  if (field && field->size() != 20 && field->size() != kMaxFingerprintLen)
    return detail::openpgp_answer::nonsense();
  return field;
}

Result<SecretBytes> Answer::secret(std::size_t max_len) {
  STRONGROOM_ASSIGN(len, length(max_len));
  auto field = SecretBytes::for_key(len);
  STRONGROOM_TRY(field);
  STRONGROOM_TRY(read(field->reveal_mutable()));
  return field;
}

Result<void> Answer::end() {
  std::array<std::uint8_t, 1> more{};
  switch (channel_.read(more)) {
    case Io::ended:
      return {};
    case Io::timed_out:
      return detail::openpgp_answer::too_late();
    case Io::done:
      break;
  }
  return detail::openpgp_answer::nonsense();
}

Result<void> Answer::read(std::span<std::uint8_t> out) {
  switch (channel_.read(out)) {
    case Io::done:
      return {};
    case Io::timed_out:
      return detail::openpgp_answer::too_late();
    case Io::ended:
      break;
  }
  return detail::openpgp_answer::ended();
}

Result<std::size_t> Answer::length(std::size_t max_len) {
  std::array<std::uint8_t, 4> bytes{};
  STRONGROOM_TRY(read(bytes));
  const std::size_t len = Reader(bytes).u32();
  if (len > max_len) return detail::openpgp_answer::nonsense();
  return len;
}

}  // namespace strongroom::openpgp
