// armor.cpp: see armor.hpp.
#include "armor.hpp"

#include <array>
#include <string_view>

#include "strongroom/impl/crypto/base64.hpp"

namespace strongroom::openpgp {
namespace {

using Bytes = std::span<std::uint8_t>;

constexpr std::string_view kBegin = "-----BEGIN PGP ";
constexpr std::string_view kEnd = "-----END PGP ";
constexpr std::string_view kDashes = "-----";
constexpr std::string_view kBlanks = " \t\r";

struct Label {
  std::string_view name;
  bool is_public;
  bool is_private;
  bool is_message;
};

// gpg's labels; gpg --enarmor writes ARMORED FILE around anything, and old PGP wrote SECRET.
constexpr std::array<Label, 7> kLabels{{
    {"PUBLIC KEY BLOCK", true, false, false},
    {"PRIVATE KEY BLOCK", false, true, false},
    {"SECRET KEY BLOCK", false, true, false},
    {"MESSAGE", false, false, true},
    {"ARMORED FILE", true, true, true},
    {"SIGNATURE", false, false, false},
    {"SIGNED MESSAGE", false, false, false},
}};

std::string_view text_of(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view right_trimmed(std::string_view line) noexcept {
  return line.substr(0, line.find_last_not_of(kBlanks) + 1);
}

std::string_view trimmed(std::string_view line) noexcept {
  line = right_trimmed(line);
  return line.substr(std::min(line.find_first_not_of(kBlanks), line.size()));
}

// Lines takes a text apart, and knows where it is.
class Lines {
 public:
  explicit Lines(std::string_view text) noexcept : text_(text) {}
  bool done() const noexcept { return at_ >= text_.size(); }
  std::string_view peek() const noexcept {
    return text_.substr(at_, std::min(text_.find('\n', at_), text_.size()) - at_);
  }
  std::string_view next() noexcept {
    const std::string_view line = peek();
    at_ += line.size() + 1;
    return line;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// label_of returns the label of a line that begins a block; null for any other line.
const Label* label_of(std::string_view line) noexcept {
  line = right_trimmed(line);
  if (!line.starts_with(kBegin) || !line.ends_with(kDashes)) return nullptr;
  line.remove_prefix(kBegin.size());
  line.remove_suffix(std::min(kDashes.size(), line.size()));
  for (const Label& label : kLabels) {
    if (line == label.name) return &label;
  }
  return nullptr;
}

// Radix decodes the lines of one block into `out`, which never overtakes them.
class Radix {
 public:
  explicit Radix(std::uint8_t* out) noexcept : out_(out) {}

  std::size_t len() const noexcept { return len_; }

  // add decodes one line. Returns false when it has a character that does not belong.
  bool add(std::string_view line) noexcept {
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (kBlanks.find(line[i]) != std::string_view::npos) continue;
      if (line[i] == '=') {
        if (!equals_sign()) return false;
        continue;
      }
      const int value = base64_sextet(static_cast<std::uint8_t>(line[i]));
      if (value < 0 || !(in_sum_ ? add_to_sum(value) : add_sextet(value))) return false;
    }
    return true;
  }

  // trouble judges the whole block. ended  its last line was there.
  Trouble trouble(bool ended) const noexcept {
    const bool whole_sum = num_sum_ == 4;
    if (in_sum_ && whole_sum) return sum_ == crc_ ? Trouble::none : Trouble::bad_checksum;
    if (!ended) return Trouble::cut_short;
    // One left-over character is not a byte; padding may be missing.
    return in_sum_ || bits_ == 6 ? Trouble::bad_armor : Trouble::none;
  }

 private:
  // After the last group, padding comes first, and then the sign that begins the checksum.
  bool equals_sign() noexcept {
    if (in_sum_) return false;
    if (bits_ == 6) return false;
    if (bits_ == 0) return in_sum_ = true;
    bits_ -= 2;  // 4 bits are left over from two characters, 2 bits from three
    padded_ = true;
    return true;
  }

  bool add_sextet(int value) noexcept {
    if (padded_) return false;
    group_ = (group_ << 6 | static_cast<std::uint32_t>(value)) & 0xFFFF;
    bits_ += 6;
    if (bits_ < 8) return true;
    bits_ -= 8;
    const auto byte = static_cast<std::uint8_t>(group_ >> bits_);
    out_[len_++] = byte;
    add_to_crc(byte);
    return true;
  }

  bool add_to_sum(int value) noexcept {
    sum_ = sum_ << 6 | static_cast<std::uint32_t>(value);
    return ++num_sum_ <= 4;
  }

  // RFC 4880, section 6.1, without a branch on the bytes.
  void add_to_crc(std::uint8_t byte) noexcept {
    crc_ ^= std::uint32_t{byte} << 16;
    for (int i = 0; i < 8; ++i) {
      crc_ <<= 1;
      crc_ ^= (0U - (crc_ >> 24 & 1U)) & 0x1864CFBU;
    }
  }

  std::uint8_t* out_;
  std::size_t len_ = 0;
  std::uint32_t group_ = 0;
  unsigned bits_ = 0;
  bool padded_ = false;
  bool in_sum_ = false;
  unsigned num_sum_ = 0;
  std::uint32_t sum_ = 0;
  std::uint32_t crc_ = 0xB704CE;
};

// skip_headers skips "Version: ..." and the like, up to an empty line. Without headers the empty line may
// be missing, since base64 has no colon.
void skip_headers(Lines& lines) noexcept {
  while (!lines.done()) {
    const std::string_view line = trimmed(lines.peek());
    if (!line.empty() && line.find(':') == std::string_view::npos) return;
    lines.next();
    if (line.empty()) return;
  }
}

Trouble decode_block(Lines& lines, Radix& radix) noexcept {
  skip_headers(lines);
  while (!lines.done()) {
    const std::string_view line = trimmed(lines.peek());
    const bool end = line.starts_with(kEnd);
    // A block that begins inside this one means that this one lost its end.
    if (!end && label_of(line) != nullptr) return radix.trouble(false);
    lines.next();
    if (end) return radix.trouble(true);
    if (!radix.add(line)) return Trouble::bad_armor;
  }
  return radix.trouble(false);
}

bool is_wanted(const Label& label, Kind wanted) noexcept {
  switch (wanted) {
    case Kind::public_key:
      return label.is_public;
    case Kind::private_key:
      return label.is_private;
    case Kind::message:
      break;
  }
  return label.is_message;
}

// nothing_found says why a text with armor had no block of the wanted kind.
struct Seen {
  bool any = false;
  bool public_key = false;
  bool signed_text = false;

  void add(const Label& label) noexcept {
    any = true;
    public_key = public_key || label.is_public;
    signed_text = signed_text || label.name == "SIGNED MESSAGE";
  }
  Trouble nothing_found(Kind wanted) const noexcept {
    if (!any) return Trouble::displaced_armor;
    if (signed_text) return Trouble::signed_text;
    if (wanted == Kind::private_key && public_key) return Trouble::public_key;
    return wanted == Kind::message ? Trouble::not_a_message : Trouble::not_a_key;
  }
};

}  // namespace

bool has_armor(std::span<const std::uint8_t> text) noexcept {
  return std::string_view(reinterpret_cast<const char*>(text.data()), text.size()).find(kBegin) !=
         std::string_view::npos;
}

Trouble decode_armor(Bytes text, Kind wanted, Bytes& out) noexcept {
  Lines lines(text_of(text));
  Seen seen;
  std::size_t len = 0;
  bool found = false;
  while (!lines.done()) {
    const Label* const label = label_of(lines.next());
    if (label == nullptr) continue;
    seen.add(*label);
    if (wanted == Kind::public_key && label->is_private && !label->is_public) {
      return Trouble::private_key;
    }
    if (!is_wanted(*label, wanted)) continue;
    Radix radix(text.data() + len);
    if (const Trouble trouble = decode_block(lines, radix); trouble != Trouble::none) {
      return trouble;
    }
    found = true;
    len += radix.len();
    if (wanted == Kind::message) break;  // what follows is another message
  }
  if (!found) return seen.nothing_found(wanted);
  out = text.first(len);
  return len == 0 ? Trouble::empty : Trouble::none;
}

}  // namespace strongroom::openpgp
