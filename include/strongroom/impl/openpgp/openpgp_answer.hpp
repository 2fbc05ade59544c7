// openpgp_answer.hpp: reads the answer of the OpenPGP helper, and trusts nothing in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strongroom/impl/openpgp/channel.hpp"
#include "strongroom/impl/openpgp/protocol.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::openpgp {

// describe returns the error for a reason. number  of the key, from 1, or kAbout... of protocol.hpp.
Error describe(const Reason& reason, unsigned number);

// Answer reads the fields in their order.
// Errors  those that the helper reported.  unavailable: it ended early, or its answer was invalid.
//         timeout.
class Answer {
 public:
  explicit Answer(const Channel& channel) noexcept : channel_(channel) {}

  Result<void> begin();
  Result<std::vector<std::uint8_t>> bytes(std::size_t max_len);
  Result<std::vector<std::uint8_t>> fingerprint();
  Result<SecretBytes> secret(std::size_t max_len);  // into key memory, without a copy
  Result<void> end();                               // nothing comes after

 private:
  Result<void> read(std::span<std::uint8_t> out);
  Result<std::size_t> length(std::size_t max_len);

  const Channel& channel_;
};

}  // namespace strongroom::openpgp
