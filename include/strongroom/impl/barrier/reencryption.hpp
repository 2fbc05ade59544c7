// reencryption.hpp: sealing what is stored under the newest data key, while the store is in use.
//
// Each record is replaced by compare-and-set and keeps its revision, so readers notice nothing, and a
// writer that was faster wins. The records themselves show how far it went: it can be stopped anywhere,
// even by a crash, and goes on where it stopped.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// Reencryption walks over all records, and again until a pass finds nothing left to do, since other
// writers may still have used an old key during the pass before.
class Reencryption {
 public:
  Reencryption(Backend& backend, KeyKeeper& keeper, Timeout timeout, ReencryptOptions options)
      : backend_(backend), keeper_(keeper), timeout_(timeout), options_(options) {}

  // run returns when everything that opens is sealed under the newest data key, or when the observer
  // returned false.
  // Errors  sealed, and the storage's errors; what was done until then stays.
  Result<ReencryptProgress> run(ReencryptObserver observer);

 private:
  static constexpr int kMaxPasses = 100;
  static constexpr std::size_t kPage = 128;
  static constexpr std::size_t kMaxGroupBytes = std::size_t{256} << 10;

  // Old is a record to be rewritten.
  struct Old {
    RecordKey key;
    Version version;
    std::size_t len;
  };

  Result<bool> walk(ReencryptObserver observer);

  // find_old collects the old records of the next page. Returns  whether more pages follow.
  Result<bool> find_old(std::vector<std::uint8_t>& after);

  static std::size_t group_len(std::span<const Old> old);

  // rewrite replaces a group in one commit. If another writer was faster with one of the records, each
  // is replaced in a commit of its own (alone); one that fails then is left to the next pass.
  Result<void> rewrite(std::span<const Old> group, bool alone = false);

  Result<void> commit(std::span<const Old> group, bool alone, std::span<SecretBytes> envelopes,
                      std::span<const Version> versions);

  Result<void> store(std::span<const Old> group, bool alone, std::span<const Change> batch);

  static Result<void> reseal(const Keys& keys, const Old& old, SecretBytes& envelope,
                             std::vector<std::uint8_t>& fresh);

  // rest sleeps so that work takes its share of the time, and calls the observer once a second.
  // Returns  whether to go on.
  bool rest(std::chrono::steady_clock::duration work, ReencryptObserver observer) const;

  Backend& backend_;
  KeyKeeper& keeper_;
  const Timeout timeout_;
  const ReencryptOptions options_;
  std::vector<Old> old_;  // of the page
  ReencryptProgress progress_;
  std::uint64_t num_missed_ = 0;  // in this pass: other writers were faster
};

}  // namespace strongroom
