// reencryption.hpp: sealing what is stored under the newest data key, while the store is in use.
//
// Each record is replaced by compare-and-set, under the revision that it has, so a reader notices
// nothing and a writer who was faster wins. How far it went is told by the records themselves: it can
// be stopped anywhere, by a crash too, and goes on where it stopped.
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

// Reencryption walks over all records once, or again while it met writers who still used an old key.
class Reencryption {
 public:
  Reencryption(Backend& backend, KeyKeeper& keeper, Timeout timeout, ReencryptOptions options)
      : backend_(backend), keeper_(keeper), timeout_(timeout), options_(options) {}

  // run returns when everything that opens is sealed under the newest data key, or the observer said
  // stop.
  // Errors  sealed, and the storage's trouble; what was done until then stays.
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

  // find_old collects the old records of the next page. Returns  whether there are more pages.
  Result<bool> find_old(std::vector<std::uint8_t>& after);

  static std::size_t group_len(std::span<const Old> old);

  // rewrite replaces a group in one commit; where somebody was faster with one of them, each alone.
  // alone: then the next pass looks again.
  Result<void> rewrite(std::span<const Old> group, bool alone = false);

  Result<void> commit(std::span<const Old> group, bool alone, std::span<SecretBytes> envelopes,
                      std::span<const Version> versions);

  Result<void> store(std::span<const Old> group, bool alone, std::span<const Change> batch);

  static Result<void> reseal(const Keys& keys, const Old& old, SecretBytes& envelope,
                             std::vector<std::uint8_t>& fresh);

  // rest sleeps so that work is its share of the time; the observer is asked once a second meanwhile.
  // Returns  whether to go on.
  bool rest(std::chrono::steady_clock::duration work, ReencryptObserver observer) const;

  Backend& backend_;
  KeyKeeper& keeper_;
  const Timeout timeout_;
  const ReencryptOptions options_;
  std::vector<Old> old_;  // of the page
  ReencryptProgress progress_;
  std::uint64_t num_missed_ = 0;  // of this pass: others were faster
};

}  // namespace strongroom
