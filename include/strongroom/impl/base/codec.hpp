// codec.hpp: big-endian fields of the stored records, read and written within bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace strongroom {

// Writer appends fields to a growing record that is not secret.
class Writer {
 public:
  void u8(std::uint8_t v) { bytes_.push_back(v); }
  void u16(std::uint16_t v) { number(v, 2); }
  void u32(std::uint32_t v) { number(v, 4); }
  void u64(std::uint64_t v) { number(v, 8); }
  void bytes(std::span<const std::uint8_t> v);

  std::size_t size() const noexcept { return bytes_.size(); }
  std::span<const std::uint8_t> view() const noexcept { return bytes_; }
  std::vector<std::uint8_t> take() && { return std::move(bytes_); }

 private:
  void number(std::uint64_t v, unsigned len);

  std::vector<std::uint8_t> bytes_;
};

// Reader walks over a record; once it ran past the end, ok() is false and every field reads as
// zero.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) noexcept : rest_(bytes) {}

  std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() noexcept { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() noexcept { return number(8); }
  std::span<const std::uint8_t> bytes(std::size_t len) noexcept;
  // copy fills out, with zeros where the record is too short.
  void copy(std::span<std::uint8_t> out) noexcept;

  bool ok() const noexcept { return ok_; }
  std::size_t left() const noexcept { return rest_.size(); }

 private:
  std::uint64_t number(std::size_t len) noexcept;

  std::span<const std::uint8_t> rest_;
  bool ok_ = true;
};

// put_be and get_be do the same for one number of Len bytes at a known place, without a loop.
template <std::size_t Len>
requires(Len <= 8) void put_be(std::span<std::uint8_t, Len> out, std::uint64_t v) noexcept {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((out[I] = static_cast<std::uint8_t>(v >> (8 * (Len - 1 - I)))), ...);
  }
  (std::make_index_sequence<Len>());
}
template <typename Byte, std::size_t Len>
requires(Len <= 8 && sizeof(Byte) == 1) std::uint64_t get_be(std::span<Byte, Len> in)
noexcept {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return ((std::uint64_t{in[I]} << (8 * (Len - 1 - I))) | ... | std::uint64_t{0});
  }
  (std::make_index_sequence<Len>());
}

}  // namespace strongroom
