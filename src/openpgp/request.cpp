// request.cpp: see request.hpp.
#include "request.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "strongroom/impl/base/codec.hpp"
#include "strongroom/openpgp.hpp"

namespace strongroom::openpgp {
namespace {

constexpr std::size_t kPart = std::size_t{64} << 10;

class Fields {
 public:
  explicit Fields(const Channel& channel) noexcept : channel_(channel) {}

  Trouble trouble() const noexcept { return trouble_; }
  bool good() const noexcept { return trouble_ == Trouble::none; }

  void read(std::span<std::uint8_t> out) {
    if (good() && channel_.read(out) != Io::done) trouble_ = Trouble::malformed;
  }

  std::size_t length(std::size_t max_len) {
    std::array<std::uint8_t, 4> bytes{};
    read(bytes);
    const std::size_t len = Reader(bytes).u32();
    if (good() && len > max_len) trouble_ = Trouble::malformed;
    return good() ? len : 0;
  }

  std::vector<std::uint8_t> bytes(std::size_t max_len) {
    std::vector<std::uint8_t> field;
    for (std::size_t left = length(max_len); left > 0 && good();) {
      const std::size_t part = std::min(left, kPart);
      field.resize(field.size() + part);
      read(std::span(field).last(part));
      left -= part;
    }
    return field;
  }

  SecretBytes secret(std::size_t max_len) {
    const std::size_t len = length(max_len);
    if (!good()) return {};
    auto field = SecretBytes::for_key(len);
    if (!field) {
      trouble_ = Trouble::unlocked_memory;
      return {};
    }
    read(field->reveal_mutable());
    return std::move(field).value();
  }

 private:
  const Channel& channel_;
  Trouble trouble_ = Trouble::none;
};

void read_keys(Fields& fields, Request& request) {
  std::size_t left = kMaxKeysLen;
  for (unsigned i = 0; i < request.number && fields.good(); ++i) {
    request.keys.push_back(fields.bytes(std::min(left, kMaxOpenPgpKeyLen)));
    left -= request.keys.back().size();
  }
}

void read_texts(Fields& fields, Request& request) {
  for (unsigned i = 0; i < request.number && fields.good(); ++i) {
    request.texts.push_back(fields.secret(kMaxTextLen));
  }
}

Trouble read_head(Fields& fields, Request& request) {
  std::array<std::uint8_t, kHeadLen> bytes{};
  fields.read(bytes);
  if (!fields.good()) return fields.trouble();
  Reader head(bytes);
  if (head.u32() != kMagic) return Trouble::other_version;
  request.op = static_cast<Op>(head.u8());
  const bool padded = head.u8() == 0;
  request.number = head.u16();
  return padded ? Trouble::none : Trouble::malformed;
}

}  // namespace

Trouble read_request(const Channel& channel, Request& request) {
  Fields fields(channel);
  if (const Trouble trouble = read_head(fields, request); trouble != Trouble::none) return trouble;
  switch (request.op) {
    case Op::inspect:
    case Op::wrap:
      if (request.number == 0 || request.number > kMaxKeys) return Trouble::malformed;
      read_keys(fields, request);
      if (request.op == Op::wrap) read_texts(fields, request);
      return fields.trouble();
    case Op::unwrap:
      request.message = fields.bytes(kMaxOpenPgpMessageLen);
      request.private_key = fields.secret(kMaxPrivateKeyLen);
      request.passphrase = fields.secret(kMaxPassphraseLen);
      return fields.trouble();
    case Op::generate: {
      if (request.number < kMinBits || request.number > kMaxBits) return Trouble::malformed;
      const auto user_id = fields.bytes(kMaxUserIdLen);
      request.user_id.assign(user_id.begin(), user_id.end());
      return fields.trouble();
    }
  }
  return Trouble::malformed;
}

}  // namespace strongroom::openpgp
