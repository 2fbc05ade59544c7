// openpgp.ipp: OpenPGP through the helper program; see openpgp.hpp. There is no OpenPGP library here.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/openpgp/channel.hpp"
#include "strongroom/impl/openpgp/openpgp_answer.hpp"
#include "strongroom/impl/openpgp/openpgp_process.hpp"
#include "strongroom/impl/openpgp/protocol.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {
namespace detail::openpgp_client {

using namespace openpgp;

static Error too_large(const std::string& what, std::size_t len, std::size_t max_len) {
  return {Code::too_large, what + " had " + std::to_string(len) + " bytes, but may have at most " +
                               std::to_string(max_len) + "; pass the right file"};
}

static Result<void> check_keys(std::span<const SecretView> texts, std::span<const ByteView> keys) {
  if (keys.size() > kMaxKeys) return Error{Code::invalid, "there were more than 255 keys"};
  if (!texts.empty() && texts.size() != keys.size()) {
    return Error{Code::invalid, "there were " + std::to_string(keys.size()) + " keys for " +
                                    std::to_string(texts.size()) +
                                    " shares; pass one for each share"};
  }
  std::size_t total = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string name = "key " + std::to_string(i + 1);
    if (keys[i].empty()) return Error{Code::invalid, name + " was empty; pass a public key"};
    if (keys[i].size() > kMaxOpenPgpKeyLen) {
      return too_large(name, keys[i].size(), kMaxOpenPgpKeyLen);
    }
    total += keys[i].size();
  }
  if (total > kMaxKeysLen) return too_large("the keys together", total, kMaxKeysLen);
  for (const SecretView text : texts) {
    if (text.size() > kMaxTextLen) return too_large("a share", text.size(), kMaxTextLen);
  }
  return {};
}

static bool good_user_id(const std::string& user_id) noexcept {
  if (user_id.empty() || user_id.size() > kMaxUserIdLen || !well_formed_utf8(user_id)) return false;
  for (const char c : user_id) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return false;
  }
  return true;
}

// Conversation is one request and its answer. A failure to send is not an error yet: the helper may have
// answered why, and its answer is read even then.
class Conversation {
 public:
  Conversation(const std::string& program, Timeout timeout)
      : deadline_(Channel::Clock::now() + timeout), process_(HelperProcess::start(program)) {}

  Result<void> started() const {
    if (!process_) return process_.error();
    return {};
  }
  void head(Op op, std::size_t number) {
    Writer head;
    head.u32(kMagic);
    head.u8(static_cast<std::uint8_t>(op));
    head.u8(0);
    head.u16(static_cast<std::uint16_t>(number));
    send(head.view());
  }
  void field(std::span<const std::uint8_t> bytes) {
    Writer len;
    len.u32(static_cast<std::uint32_t>(bytes.size()));
    send(len.view());
    send(bytes);
  }
  Channel channel() const { return process_->channel(deadline_); }

 private:
  void send(std::span<const std::uint8_t> bytes) {
    if (sending_) sending_ = channel().write(bytes) == Io::done;
  }

  Channel::Clock::time_point deadline_;
  Result<HelperProcess> process_;
  bool sending_ = true;
};

class HelperOpenPgp final : public OpenPgp {
 public:
  HelperOpenPgp(std::string program, Timeout timeout)
      : program_(std::move(program)), timeout_(timeout) {}

  Result<std::vector<WrappedShare>> wrap(std::span<const SecretView> texts,
                                         std::span<const ByteView> public_keys) override {
    STRONGROOM_TRY(check_keys(texts, public_keys));
    if (public_keys.empty()) return std::vector<WrappedShare>{};
    Conversation talk(program_, timeout_);
    STRONGROOM_TRY(talk.started());
    talk.head(texts.empty() ? Op::inspect : Op::wrap, public_keys.size());
    for (const ByteView key : public_keys) talk.field(key);
    for (const SecretView text : texts) talk.field(text.reveal());
    return wrapped(talk.channel(), public_keys.size());
  }

  Result<SecretBytes> unwrap(ByteView message, SecretView private_key,
                             SecretView passphrase) override {
    if (message.size() > kMaxOpenPgpMessageLen) {
      return too_large("the OpenPGP message", message.size(), kMaxOpenPgpMessageLen);
    }
    if (private_key.size() > kMaxPrivateKeyLen) {
      return too_large("the private key", private_key.size(), kMaxPrivateKeyLen);
    }
    if (passphrase.size() > kMaxPassphraseLen) {
      return too_large("the passphrase", passphrase.size(), kMaxPassphraseLen);
    }
    Conversation talk(program_, timeout_);
    STRONGROOM_TRY(talk.started());
    talk.head(Op::unwrap, 0);
    talk.field(message);
    talk.field(private_key.reveal());
    talk.field(passphrase.reveal());
    return unwrapped(talk.channel());
  }

  Result<OpenPgpPair> generate(unsigned bits, const std::string& user_id) override {
    if (bits < kMinBits || bits > kMaxBits || bits % 8 != 0) {
      return Error{Code::invalid, "an RSA key of " + std::to_string(bits) +
                                      " bits was requested; request 2048 to 4096"};
    }
    if (!good_user_id(user_id)) {
      return Error{Code::invalid,
                   "the user id was not 1 to 127 bytes of UTF-8 without control characters"};
    }
    Conversation talk(program_, timeout_);
    STRONGROOM_TRY(talk.started());
    talk.head(Op::generate, bits);
    talk.field({reinterpret_cast<const std::uint8_t*>(user_id.data()), user_id.size()});
    return generated(talk.channel());
  }

 private:
  static Result<std::vector<WrappedShare>> wrapped(const Channel& channel, std::size_t count) {
    Answer answer(channel);
    STRONGROOM_TRY(answer.begin());
    std::vector<WrappedShare> shares;
    for (std::size_t i = 0; i < count; ++i) {
      STRONGROOM_ASSIGN(fingerprint, answer.fingerprint());
      STRONGROOM_ASSIGN(message, answer.bytes(kMaxOpenPgpMessageLen));
      shares.push_back({std::move(fingerprint), std::move(message)});
    }
    STRONGROOM_TRY(answer.end());
    return shares;
  }

  static Result<SecretBytes> unwrapped(const Channel& channel) {
    Answer answer(channel);
    STRONGROOM_TRY(answer.begin());
    auto text = answer.secret(kMaxTextLen);
    STRONGROOM_TRY(text);
    STRONGROOM_TRY(answer.end());
    return text;
  }

  static Result<OpenPgpPair> generated(const Channel& channel) {
    Answer answer(channel);
    STRONGROOM_TRY(answer.begin());
    STRONGROOM_ASSIGN(fingerprint, answer.fingerprint());
    STRONGROOM_ASSIGN(public_key, answer.bytes(kMaxOpenPgpKeyLen));
    STRONGROOM_ASSIGN(private_key, answer.secret(kMaxPrivateKeyLen));
    STRONGROOM_TRY(answer.end());
    return OpenPgpPair{std::move(fingerprint), std::move(public_key), std::move(private_key)};
  }

  const std::string program_;
  const Timeout timeout_;
};

}  // namespace detail::openpgp_client

std::shared_ptr<OpenPgp> openpgp_helper(std::string program, Timeout timeout) {
  if (program.empty()) program = openpgp::find_helper();
  return std::make_shared<detail::openpgp_client::HelperOpenPgp>(std::move(program), timeout);
}

}  // namespace strongroom
