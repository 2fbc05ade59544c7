// retirement.ipp: the bodies of retirement.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/retirement.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<Fenced<TermId>> Retirement::begin(Permit permit) {
  STRONGROOM_TRY(keeper_.refresh());
  STRONGROOM_ASSIGN(active, keeper_.with_keys([](const Keys& keys) -> Result<TermId> {
    return keys.keyring.active_term();
  }));
  STRONGROOM_ASSIGN(raised, keeper_.raise_fence(active, permit));
  return raised ? Fenced<TermId>(active) : Fenced<TermId>(kFenceMoved);
}

Result<void> Retirement::check(TermId first_live, ReencryptObserver observer) {
  STRONGROOM_ASSIGN(needed, count_older(first_live, observer));
  if (needed == 0) return {};
  return Error{Code::invalid, std::to_string(needed) +
                                  " secrets are still sealed under older data keys; re-encrypt "
                                  "first ('reencrypt')"};
}

Result<std::uint64_t> Retirement::count_older(TermId first_live, ReencryptObserver observer) {
  ReencryptProgress progress;
  std::uint64_t needed = 0;
  std::vector<std::uint8_t> after;
  for (bool more = true; more;) {
    std::vector<std::vector<std::uint8_t>> old;
    const std::uint8_t prefix = 'r';
    auto page = backend_.scan(
        std::span(&prefix, 1), after, kScanPage,
        [&](const Record& record) {
          progress.seen += 1;
          after.assign(record.key.begin(), record.key.end());
          const bool ours =
              record.key.size() == sizeof(RecordKey) && record.value.size() >= kEnvelopeOverhead;
          if (ours && get_be(record.value.subspan<4, 4>()) < first_live) old.push_back(after);
        },
        timeout_);
    STRONGROOM_TRY(page);
    more = page.value();
    for (const auto& key : old) {
      STRONGROOM_ASSIGN(older, needs_older(key, first_live));
      needed += older ? 1 : 0;
    }
    if (!observer(progress))
      return Error{Code::unavailable, "retiring was stopped; nothing was changed"};
  }
  return needed;
}

Result<bool> Retirement::needs_older(std::span<const std::uint8_t> key, TermId first_live) {
  Fetched fetched;
  auto stamp = backend_.read(
      std::span(&key, 1), [&](std::size_t, const Record& record) { fetched.take(record); },
      timeout_);
  STRONGROOM_TRY(stamp);
  if (fetched.version == kAbsent) return false;
  Location location;
  std::copy(key.begin() + 1, key.end(), location.begin());
  auto opened =
      keeper_.with_keys([&](const Keys& keys) { return reader_.unwrap(keys, location, fetched); });
  if (opened) return fetched.opened.term < first_live;
  if (opened.error().code == Code::corrupt) return false;
  if (opened.error().code == Code::unsupported) return true;
  return std::move(opened).error();
}

}  // namespace strongroom
