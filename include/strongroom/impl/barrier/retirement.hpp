// retirement.hpp: dropping data keys that nothing needs any more.
//
//   begin    raises the fence, so that no process seals under an old key from now on, not even one that
//            has been asleep since before the rotation
//   check    looks through all records for one that still needs an old key
//   KeyKeeper::retire drops the old keys, in one commit
//
// It must never report that a key is not needed while a secret opens with that key only.
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

  // begin returns the first term that will be kept, which is the active one; nothing if the permit no
  // longer holds.
  // Errors  invalid: there is no old data key.
  Result<Fenced<TermId>> begin(Permit permit);

  // check succeeds if everything that opens is sealed in first_live or later.
  // Errors  invalid: there are secrets under old data keys; re-encrypt first.  unavailable: the observer
  //         returned false.
  Result<void> check(TermId first_live, ReencryptObserver observer);

 private:
  static constexpr std::size_t kScanPage = 1000;

  // count_older counts the records that open under a term before first_live and then would no longer.
  Result<std::uint64_t> count_older(TermId first_live, ReencryptObserver observer);

  // needs_older returns whether a record still needs a term before first_live. One that is damaged
  // anyway, or was replaced meanwhile, does not; one that a newer program made may, so it counts.
  Result<bool> needs_older(std::span<const std::uint8_t> key, TermId first_live);

  Backend& backend_;
  KeyKeeper& keeper_;
  SecretReader& reader_;
  const Timeout timeout_;
};

}  // namespace strongroom
