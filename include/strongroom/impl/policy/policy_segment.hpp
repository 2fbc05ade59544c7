// policy_segment.hpp: a path's segments as machine words; each byte is read once.
//
// A segment of up to 23 bytes is three words: its bytes, zeros, and its length in the last byte. These
// hold all of it, so two segments are equal if their words are. A longer one is its hash and its length;
// code that finds an equal one must compare the bytes too.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "strongroom/impl/policy/policy_hash.hpp"

namespace strongroom::policy_segment {

inline constexpr std::size_t kShortLen = 23;
inline constexpr std::uint64_t kLong = std::uint64_t{0xFF} << 56U;

struct Segment {
  std::uint64_t words[3];  // of a long one: hash, 0, kLong and its length
  std::uint64_t hash;
  std::string_view text;

  bool is_long() const noexcept { return words[2] >= kLong; }
};

class SegmentReader {
 public:
  SegmentReader(const policy_hash::Seed& seed, std::string_view text) noexcept
      : seed_(seed), next_(text.data()), end_(text.data() + text.size()), last_word_(0) {
    if (text.size() >= 8) {
      last_word_ = whole_word(end_ - 8);
    } else {
      for (const char c : text) {
        last_word_ = last_word_ >> 8U | std::uint64_t{static_cast<unsigned char>(c)} << 56U;
      }
    }
  }

  // at_end: the segment read last ended the text. (After "a/" an empty segment is still to come.)
  bool at_end() const noexcept { return at_end_; }

  Segment next() noexcept {
    Segment segment;
    const char* const begin = next_;
    std::size_t len = 0;
    segment.words[0] = word(len);
    segment.words[1] = len == 8 ? word(len) : 0;
    segment.words[2] = len == 16 ? word(len) : 0;
    if (len < 24) {
      segment.words[2] |= std::uint64_t{len} << 56U;
    } else {
      segment.words[0] = long_hash(segment, len);
      segment.words[1] = 0;
      segment.words[2] = kLong | len;
    }
    segment.text = std::string_view(begin, len);
    segment.hash = finish(segment);
    at_end_ = next_ == end_;
    if (!at_end_) ++next_;
    return segment;
  }

 private:
  static constexpr std::uint64_t kOnes = 0x0101010101010101U;
  static constexpr std::uint64_t kSlashes = kOnes * '/';

  static std::uint64_t whole_word(const char* from) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, from, 8);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    return word;
  }

  // ahead returns the next eight bytes, as if the text were followed by endless '/'.
  std::uint64_t ahead() const noexcept {
    const auto left = static_cast<std::size_t>(end_ - next_);
    if (left >= 8) return whole_word(next_);
    if (left == 0) return kSlashes;
    return last_word_ >> (64 - 8 * left) | kSlashes << (8 * left);
  }

  // word takes up to eight bytes before the next '/', and adds their number to len.
  std::uint64_t word(std::size_t& len) noexcept {
    const std::uint64_t bytes = ahead();
    const std::uint64_t slashes = bytes ^ kSlashes;
    const std::uint64_t found = (slashes - kOnes) & ~slashes & (kOnes << 7U);
    if (found == 0) {
      next_ += 8;
      len += 8;
      return bytes;
    }
    const auto num_bits = static_cast<unsigned>(std::countr_zero(found)) & ~7U;
    next_ += num_bits / 8;
    len += num_bits / 8;
    return bytes & ((std::uint64_t{1} << num_bits) - 1);
  }

  std::uint64_t long_hash(const Segment& first, std::size_t& len) noexcept {
    std::uint64_t hash = seed_.words[0];
    for (const std::uint64_t word : first.words) {
      hash = policy_hash::mix(hash ^ word, seed_.words[1]);
    }
    for (;;) {
      const std::size_t before = len;
      hash = policy_hash::mix(hash ^ word(len), seed_.words[1]);
      if (len != before + 8) return hash;
    }
  }

  std::uint64_t finish(const Segment& of) const noexcept {
    const std::uint64_t hash =
        policy_hash::mix(of.words[0] ^ seed_.words[0], of.words[1] ^ seed_.words[1]);
    return policy_hash::mix(hash ^ of.words[2], seed_.words[2]);
  }

  const policy_hash::Seed& seed_;
  const char* next_;
  const char* end_;
  std::uint64_t last_word_;  // the text's last eight bytes
  bool at_end_ = false;
};

}  // namespace strongroom::policy_segment
