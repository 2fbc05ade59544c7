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

// about_key completes a sentence about a public key: "the key ..." where it has no number.
static Error about_key(unsigned number, const char* what) {
  const std::string key = number == 0 ? "the key " : "key " + std::to_string(number) + " ";
  return {Code::invalid, key + what};
}

static Error describe_key(Trouble trouble, unsigned number) {
  switch (trouble) {
    case Trouble::private_key:
      return about_key(number, "is a private key; keep it secret and pass the public key");
    case Trouble::many_keys:
      return about_key(number, "is a file of several keys; pass one public key per file");
    case Trouble::expired:
      return about_key(number, "has expired; extend it or pass another one");
    case Trouble::revoked:
      return about_key(number, "was revoked; pass another one");
    case Trouble::cannot_encrypt:
      return about_key(number, "cannot be encrypted to; pass one with a subkey for encryption");
    case Trouble::weak:
      return about_key(number, "is an RSA key of less than 2048 bits; pass a longer one");
    case Trouble::other_algorithm:
      return about_key(number,
                       "is of a kind that is not accepted; pass RSA of 2048 to 4096 bits, or "
                       "Curve25519");
    default:
      return about_key(number, "is not an OpenPGP public key; pass what gpg --export writes");
  }
}

static Error describe_message(Trouble trouble) {
  switch (trouble) {
    case Trouble::not_encrypted:
      return {Code::invalid, "the OpenPGP message was not encrypted to a key"};
    case Trouble::no_integrity:
      return {Code::invalid, "the OpenPGP message had no integrity protection and was refused"};
    case Trouble::damaged:
      return {Code::invalid, "the OpenPGP message was damaged; pass an intact copy of it"};
    case Trouble::text_too_large:
      return {Code::too_large, "the OpenPGP message held more than a share; pass another one"};
    default:
      return {Code::invalid, "the message is not an OpenPGP message; pass the encrypted share"};
  }
}

static Error describe_private_key(Trouble trouble) {
  switch (trouble) {
    case Trouble::public_key:
      return {Code::invalid,
              "the private key is a public one; pass what gpg --export-secret-keys writes"};
    case Trouble::wrong_key:
      return {Code::denied, "the OpenPGP message was encrypted to another key"};
    case Trouble::needs_passphrase:
      return {Code::denied, "the private key has a passphrase, and none was given"};
    default:
      return {Code::denied, "the passphrase of the private key was wrong"};
  }
}

}  // namespace detail::openpgp_answer

Error describe(Trouble trouble, unsigned number) {
  switch (trouble) {
    case Trouble::not_a_key:
      if (number != 0) return detail::openpgp_answer::describe_key(trouble, number);
      return {Code::invalid,
              "the private key is not an OpenPGP key; pass what gpg --export-secret-keys writes"};
    case Trouble::private_key:
    case Trouble::many_keys:
    case Trouble::expired:
    case Trouble::revoked:
    case Trouble::cannot_encrypt:
    case Trouble::weak:
    case Trouble::other_algorithm:
      return detail::openpgp_answer::describe_key(trouble, number);
    case Trouble::not_a_message:
    case Trouble::not_encrypted:
    case Trouble::no_integrity:
    case Trouble::damaged:
    case Trouble::text_too_large:
      return detail::openpgp_answer::describe_message(trouble);
    case Trouble::public_key:
    case Trouble::wrong_key:
    case Trouble::needs_passphrase:
    case Trouble::wrong_passphrase:
      return detail::openpgp_answer::describe_private_key(trouble);
    case Trouble::other_version:
      return {Code::unsupported,
              "the OpenPGP helper is of another version; install the helper of this version"};
    case Trouble::unlocked_memory:
      return {Code::unavailable,
              "the OpenPGP helper could not lock its memory; raise RLIMIT_MEMLOCK "
              "(ulimit -l, LimitMEMLOCK=)"};
    case Trouble::no_memory:
      return {Code::unavailable,
              "the OpenPGP helper ran out of memory; pass smaller keys or raise RLIMIT_MEMLOCK "
              "(ulimit -l, LimitMEMLOCK=)"};
    case Trouble::failed:
      return {Code::unavailable, "the OpenPGP helper failed; try again"};
    case Trouble::none:
    case Trouble::malformed:
    case Trouble::count:
      break;
  }
  return detail::openpgp_answer::nonsense();
}

Result<void> Answer::begin() {
  std::array<std::uint8_t, kHeadLen> bytes{};
  STRONGROOM_TRY(read(bytes));
  Reader head(bytes);
  if (head.u32() != kMagic) return detail::openpgp_answer::nonsense();
  const auto trouble = static_cast<Trouble>(head.u8());
  const bool padded = head.u8() == 0;
  const unsigned number = head.u16();
  if (!padded || trouble >= Trouble::count || number > kMaxKeys)
    return detail::openpgp_answer::nonsense();
  if (trouble != Trouble::none) return describe(trouble, number);
  return {};
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
