// retirement.hpp: dropping data keys that nothing needs any more.
//
//   begin    raises the fence, so that nobody seals under an old key from now on, not even a process that
//            slept since before the rotation
//   check    looks at all records, whether any still needs an old key
//   KeyKeeper::retire drops them, in one commit
//
// It must never say that a key is not needed while a secret opens to nothing else.
//
// Threads  any number at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class Retirement {
 public:
  Retirement(Backend& backend, KeyKeeper& keeper, SecretReader& reader, Timeout timeout)
      : backend_(backend), keeper_(keeper), reader_(reader), timeout_(timeout) {}

  // begin gives the term that is to be the first one left: the active one; nothing where the permit
  // holds no more.
  // Errors  invalid: there is no old data key.
  Result<Fenced<TermId>> begin(Permit permit);

  // check tells whether all that opens is sealed in first_live or later.
  // Errors  invalid: there are secrets under old data keys; re-encrypt first.  unavailable: the observer
  //         said stop.
  Result<void> check(TermId first_live, ReencryptObserver observer);

 private:
  static constexpr std::size_t kScanPage = 1000;

  // count_older counts the records that open under a term before first_live, and would open no more.
  Result<std::uint64_t> count_older(TermId first_live, ReencryptObserver observer);

  // needs_older tells a secret from a record that is damaged anyway, or was replaced meanwhile. What
  // a newer program made may well open to it.
  Result<bool> needs_older(std::span<const std::uint8_t> key, TermId first_live);

  Backend& backend_;
  KeyKeeper& keeper_;
  SecretReader& reader_;
  const Timeout timeout_;
};

}  // namespace strongroom
