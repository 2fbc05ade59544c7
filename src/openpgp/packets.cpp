// packets.cpp: see packets.hpp.
#include "packets.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace strongroom::openpgp {
namespace {

using Bytes = std::span<std::uint8_t>;
using View = std::span<const std::uint8_t>;
using std::string_view_literals::operator""sv;

Tag tag_of(std::uint8_t first) noexcept {
  const bool new_format = (first & 0x40) != 0;
  return static_cast<Tag>(new_format ? first & 0x3F : first >> 2 & 0x0F);
}

// A Head is the tag and the length of a packet. RFC 9580, section 4.2.
struct Head {
  Tag tag = Tag::none;
  std::size_t len = 0;  // of the head itself
  std::size_t body_len = 0;
  bool definite = true;
};

std::size_t big_endian(View bytes) noexcept {
  std::size_t number = 0;
  for (const std::uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

bool read_old_length(View bytes, Head& head) noexcept {
  const unsigned kind = bytes[0] & 3U;
  head.definite = kind != 3;
  head.len = head.definite ? 1 + (std::size_t{1} << kind) : 1;
  if (head.len > bytes.size()) return false;
  head.body_len = head.definite ? big_endian(bytes.subspan(1, head.len - 1)) : bytes.size() - 1;
  return true;
}

bool read_new_length(View bytes, Head& head) noexcept {
  if (bytes.size() < 2) return false;
  const std::size_t first = bytes[1];
  head.len = first < 192 ? 2 : first < 224 ? 3 : first == 255 ? 6 : 2;
  head.definite = first < 224 || first == 255;
  if (head.len > bytes.size()) return false;
  if (first < 192) head.body_len = first;
  if (head.len == 3) head.body_len = ((first - 192) << 8) + bytes[2] + 192;
  if (head.len == 6) head.body_len = big_endian(bytes.subspan(2, 4));
  return true;
}

// read_head returns false when the bytes end before the head, or before the body that it announces.
bool read_head(View bytes, Head& head) noexcept {
  head.tag = first_tag(bytes);
  const bool new_format = (bytes[0] & 0x40) != 0;
  const bool read = new_format ? read_new_length(bytes, head) : read_old_length(bytes, head);
  return read && head.body_len <= bytes.size() - head.len;
}

bool only_blanks(View bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](std::uint8_t c) { return c == 0 || c == ' ' || (c >= '\t' && c <= '\r'); });
}

// type_of returns the type of a signature of version 3 or 4, or of a later one; 0 for a binary signature and
// for what is too short to have a type.
unsigned type_of(View body) noexcept {
  if (body.size() >= 3 && body[0] <= 3) return body[2];
  return body.size() >= 2 && body[0] > 3 ? body[1] : 0;
}

constexpr unsigned kUserAttribute = 17;
constexpr unsigned kKeyRevocation = 0x20;
constexpr unsigned kSubkeyRevocation = 0x28;
constexpr std::uint8_t kEcdh = 18;
constexpr std::size_t kAlgorithmAt = 5;  // in a key of version 4

// Of RFC 9580, section 9.1, what librnp knows: RSA, ElGamal, DSA, ECDH, ECDSA, EdDSA.
constexpr std::array<std::uint8_t, 8> kAlgorithms = {1, 2, 3, 16, 17, kEcdh, 19, 22};
constexpr std::array<std::uint8_t, 4> kSignOnly = {3, 17, 19, 22};

// Of RFC 9580, section 9.2, the curves of ECDH that librnp knows.
constexpr std::array<std::string_view, 8> kCurves = {
    "\x2B\x06\x01\x04\x01\x97\x55\x01\x05\x01",  // Curve25519
    "\x2A\x86\x48\xCE\x3D\x03\x01\x07",          // NIST P-256
    "\x2B\x81\x04\x00\x22"sv,                    // NIST P-384
    "\x2B\x81\x04\x00\x23"sv,                    // NIST P-521
    "\x2B\x24\x03\x03\x02\x08\x01\x01\x07",      // Brainpool P-256
    "\x2B\x24\x03\x03\x02\x08\x01\x01\x0B",      // Brainpool P-384
    "\x2B\x24\x03\x03\x02\x08\x01\x01\x0D",      // Brainpool P-512
    "\x2B\x81\x04\x00\x0A"sv,                    // secp256k1
};

template <typename Values, typename Value>
bool contains(const Values& values, const Value& value) noexcept {
  return std::find(values.begin(), values.end(), value) != values.end();
}

std::string_view curve_of(View body) noexcept {
  const View rest = body.subspan(kAlgorithmAt + 1);
  if (rest.empty() || rest[0] >= rest.size()) return {};
  return {reinterpret_cast<const char*>(rest.data()) + 1, rest[0]};
}

// unknown_key returns why librnp does not know a key or subkey.
Reason unknown_key(View body) noexcept {
  const std::uint8_t version = body.empty() ? 0 : body[0];
  if (version == 2 || version == 3) return {Trouble::other_format, 3};
  if (version == 5 || version == 6) return {Trouble::other_format, version};
  if (version != 4) return Trouble::not_a_key;
  if (body.size() <= kAlgorithmAt) return Trouble::damaged_key;
  const std::uint8_t algorithm = body[kAlgorithmAt];
  const bool known =
      algorithm == kEcdh ? contains(kCurves, curve_of(body)) : contains(kAlgorithms, algorithm);
  return known ? Reason() : Reason(Trouble::other_algorithm, algorithm);
}

bool only_signs(View body) noexcept {
  return body.size() > kAlgorithmAt && contains(kSignOnly, body[kAlgorithmAt]);
}

// for_each_packet calls visit(tag, packet, body) for packets of definite length.
template <typename Visit>
Trouble for_each_packet(View left, Visit visit) {
  while (!left.empty()) {
    Head head;
    if (first_tag(left) == Tag::none) {
      // Editors leave a newline after a binary key.
      return only_blanks(left) ? Trouble::none : Trouble::damaged_key;
    }
    if (!read_head(left, head)) return Trouble::cut_short;
    if (!head.definite) return Trouble::damaged_key;
    const std::size_t len = head.len + head.body_len;
    visit(head.tag, left.first(len), left.subspan(head.len, head.body_len));
    left = left.subspan(len);
  }
  return Trouble::none;
}

using PublicKeys = std::set<std::vector<std::uint8_t>>;

// revoked_subkeys copies the public subkeys that have a revocation.
PublicKeys revoked_subkeys(View keys) {
  PublicKeys revoked;
  View subkey;
  for_each_packet(keys, [&](Tag tag, View, View body) {
    if (tag == Tag::public_subkey) subkey = body;
    if (tag == Tag::public_key || tag == Tag::user_id) subkey = {};
    if (tag != Tag::signature || type_of(body) != kSubkeyRevocation || subkey.empty()) return;
    revoked.emplace(subkey.begin(), subkey.end());
  });
  return revoked;
}

// Keeper writes the packets that stay over those that go.
class Keeper {
 public:
  Keeper(std::uint8_t* out, Kind kind, PublicKeys revoked, Survey& survey)
      : out_(out), kind_(kind), revoked_(std::move(revoked)), survey_(survey) {}

  std::size_t len() const noexcept { return len_; }

  void add(Tag tag, View packet, View body) {
    switch (tag) {
      case Tag::public_key:
      case Tag::private_key:
        return add_primary(tag, packet, body);
      case Tag::public_subkey:
      case Tag::private_subkey:
        return begin(packet, is_wanted(tag) && is_known_subkey(body));
      case Tag::user_id:
        return begin(packet, wanted_);
      case Tag::signature:
        return add_signature(packet, body);
      default:
        // A photo's signatures go with it. Other packets stand between signatures, as gpg's trust
        // packets do, and begin nothing.
        if (static_cast<unsigned>(tag) == kUserAttribute) keeping_ = false;
    }
  }

 private:
  void begin(View packet, bool keeping) {
    keeping_ = keeping;
    if (keeping) keep(packet);
  }

  bool is_wanted(Tag tag) noexcept {
    const bool is_private = tag == Tag::private_key || tag == Tag::private_subkey;
    const bool wanted = is_private == (kind_ == Kind::private_key);
    survey_.other_kind = survey_.other_kind || !wanted;
    return wanted;
  }

  void add_primary(Tag tag, View packet, View body) noexcept {
    wanted_ = is_wanted(tag);
    if (!wanted_) return begin(packet, false);
    ++survey_.num_primaries;
    survey_.primary = unknown_key(body);
    begin(packet, survey_.primary.good());
  }

  void keep(View packet) noexcept {
    std::memmove(out_ + len_, packet.data(), packet.size());
    len_ += packet.size();
  }

  bool is_known_subkey(View body) {
    Reason reason = unknown_key(body);
    if (reason.good() && !revoked_.empty() && revoked_.contains({body.begin(), body.end()})) {
      reason = Trouble::subkey_revoked;
    }
    if (!reason.good() && !only_signs(body)) survey_.subkey = reason;
    return reason.good();
  }

  void add_signature(View packet, View body) noexcept {
    survey_.key_revocation = survey_.key_revocation || type_of(body) == kKeyRevocation;
    if (keeping_ && !body.empty() && (body[0] == 3 || body[0] == 4)) keep(packet);
  }

  std::uint8_t* out_;
  Kind kind_;
  PublicKeys revoked_;
  Survey& survey_;
  std::size_t len_ = 0;
  bool wanted_ = true;  // the primary key is
  bool keeping_ = true;
};

}  // namespace

// Tag 0 is reserved: what begins with it is not OpenPGP.
Tag first_tag(View bytes) noexcept {
  return !bytes.empty() && (bytes[0] & 0x80) != 0 ? tag_of(bytes[0]) : Tag::none;
}

Trouble keep_known(Bytes& keys, Kind kind, Survey& survey) {
  Keeper keeper(keys.data(), kind, kind == Kind::public_key ? revoked_subkeys(keys) : PublicKeys(),
                survey);
  const Trouble trouble = for_each_packet(
      keys, [&](Tag tag, View packet, View body) { keeper.add(tag, packet, body); });
  keys = keys.first(keeper.len());
  return trouble;
}

Reason message_reason(View& message) noexcept {
  for (View left = message; !left.empty();) {
    Head head;
    const Tag tag = first_tag(left);
    if (tag == Tag::none) return Trouble::not_a_message;
    const bool whole = read_head(left, head);
    const std::uint8_t first = left.size() > head.len ? left[head.len] : 0;
    switch (tag) {
      case Tag::session_key:
      case Tag::password_session_key:
        if (tag == Tag::session_key ? first > 3 : first > 5) return {Trouble::other_format, 6};
        break;
      case Tag::encrypted_and_checked:
        if (first > 1) return {Trouble::other_format, 6};
        return {};
      case Tag::aead_encrypted:
        return {};
      case Tag::encrypted:
        return Trouble::no_integrity;
      case Tag::one_pass_signature:
      case Tag::signature:
      case Tag::compressed:
      case Tag::literal:
        return Trouble::not_encrypted;
      case Tag::marker:
        break;
      default:
        return Trouble::not_a_message;
    }
    if (!whole || !head.definite) return Trouble::cut_short;
    left = left.subspan(head.len + head.body_len);
    if (tag == Tag::marker) message = left;
  }
  return Trouble::cut_short;
}

}  // namespace strongroom::openpgp
