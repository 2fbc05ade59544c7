// rnp.hpp: librnp's handles, which free themselves.
#pragma once

#include <rnp/rnp.h>
#include <rnp/rnp_err.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

namespace strongroom::openpgp {

template <auto destroy>
struct RnpDelete {
  template <typename T>
  void operator()(T* handle) const noexcept {
    destroy(handle);
  }
};
template <typename Handle, auto destroy>
using Rnp = std::unique_ptr<std::remove_pointer_t<Handle>, RnpDelete<destroy>>;

using RnpRing = Rnp<rnp_ffi_t, rnp_ffi_destroy>;
using RnpKey = Rnp<rnp_key_handle_t, rnp_key_handle_destroy>;
using RnpUserId = Rnp<rnp_uid_handle_t, rnp_uid_handle_destroy>;
using RnpInput = Rnp<rnp_input_t, rnp_input_destroy>;
using RnpOutput = Rnp<rnp_output_t, rnp_output_destroy>;
using RnpText = Rnp<char*, rnp_buffer_destroy>;
using RnpIterator = Rnp<rnp_identifier_iterator_t, rnp_identifier_iterator_destroy>;

// rnp_get calls a function of librnp that writes its result through its last argument.
// Returns  an empty owner on failure.
template <typename Owner, typename Function, typename... Arguments>
Owner rnp_get(Function function, Arguments... arguments) {
  typename Owner::pointer made = nullptr;
  if (function(arguments..., &made) != RNP_SUCCESS) return Owner();
  return Owner(made);
}

template <typename Number, typename Function, typename... Arguments>
Number rnp_number(Function function, Arguments... arguments) {
  Number number{};
  return function(arguments..., &number) == RNP_SUCCESS ? number : Number{};
}

inline RnpInput rnp_input(std::span<const std::uint8_t> bytes) {
  rnp_input_t input = nullptr;
  if (rnp_input_from_memory(&input, bytes.data(), bytes.size(), false) != RNP_SUCCESS) return {};
  return RnpInput(input);
}

inline RnpOutput rnp_memory(std::size_t max_len) {
  rnp_output_t output = nullptr;
  if (rnp_output_to_memory(&output, max_len) != RNP_SUCCESS) return {};
  return RnpOutput(output);
}

// rnp_written returns what was written to an output of rnp_memory; it is valid as long as the output.
inline std::span<std::uint8_t> rnp_written(const RnpOutput& output) {
  std::uint8_t* bytes = nullptr;
  std::size_t len = 0;
  if (rnp_output_memory_get_buf(output.get(), &bytes, &len, false) != RNP_SUCCESS) return {};
  return {bytes, len};
}

}  // namespace strongroom::openpgp
