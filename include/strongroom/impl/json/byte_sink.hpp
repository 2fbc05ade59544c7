// byte_sink.hpp: writes a message of secrets twice: once to measure its length, once into memory of
// exactly that length. So no buffer grows, and no half-written copy is left behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

class ByteSink {
 public:
  // make calls write(sink) twice and returns what it wrote. Both calls must write the same bytes.
  template <typename Write>
  static Result<SecretBytes> make(Write write) {
    ByteSink measure;
    write(measure);
    auto secret = SecretBytes::for_value(measure.len_);
    STRONGROOM_TRY(secret);
    ByteSink fill;
    fill.out_ = secret->reveal_mutable().data();
    write(fill);
    return secret;
  }

  void put(std::uint8_t byte) noexcept {
    if (out_ != nullptr) out_[len_] = byte;
    ++len_;
  }
  void put(std::string_view text) noexcept {
    if (out_ != nullptr && !text.empty()) std::memcpy(out_ + len_, text.data(), text.size());
    len_ += text.size();
  }
  // put_with calls fill(out), which must write len bytes.
  template <typename Fill>
  void put_with(std::size_t len, Fill fill) noexcept {
    if (out_ != nullptr) fill(out_ + len_);
    len_ += len;
  }

  std::size_t size() const noexcept { return len_; }

 private:
  std::uint8_t* out_ = nullptr;  // none while measuring
  std::size_t len_ = 0;
};

}  // namespace strongroom
