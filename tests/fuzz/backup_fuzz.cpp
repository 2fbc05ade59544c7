// Any bytes as a backup: checked or refused, never a crash; what can be restored was found good before,
// what was refused leaves nothing, and what was restored makes a backup that restores to the same.
#include <sodium.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <span>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/impl/crypto/digest.hpp"

using namespace strongroom;

namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr auto silent = [](std::uint64_t, std::uint64_t) {};

struct Feed {
  ByteView rest;
  std::size_t at_most;

  Result<std::size_t> operator()(std::span<std::uint8_t> out) {
    const std::size_t len = std::min({rest.size(), out.size(), at_most});
    std::copy_n(rest.begin(), len, out.begin());
    rest = rest.subspan(len);
    return len;
  }
};

std::map<Bytes, Bytes> contents(Backend& backend) {
  std::map<Bytes, Bytes> found;
  auto done = backend.snapshot(
      {},
      [&](const Record& record) -> Result<void> {
        found[Bytes(record.key.begin(), record.key.end())].assign(record.value.begin(),
                                                                  record.value.end());
        return {};
      },
      kDefaultTimeout);
  if (!done) std::abort();
  return found;
}

void try_stream(ByteView stream) {
  Feed whole{stream, SIZE_MAX};
  auto verified = verify_backup(whole, silent);
  Feed pieces{stream, 13};
  MemoryBackend first;
  auto restored = restore_backup(pieces, first, kDefaultTimeout, silent);
  if (restored && !verified) std::abort();
  if (!restored) {
    if (!contents(first).empty()) std::abort();
    return;
  }
  Bytes again;
  auto made = write_backup(
      first,
      [&](ByteView part) -> Result<void> {
        again.insert(again.end(), part.begin(), part.end());
        return {};
      },
      silent);
  MemoryBackend second;
  Feed feed{again, SIZE_MAX};
  if (!made || !restore_backup(feed, second, kDefaultTimeout, silent)) std::abort();
  if (contents(first) != contents(second)) std::abort();
}

// with_right_digests lets the fuzzer past the digests, which it could not guess. It stops where a
// length leads out of the input.
Bytes with_right_digests(ByteView input) {
  using namespace strongroom::backup;
  Bytes stream(input.begin(), input.end());
  if (stream.size() < sizeof(Head)) return stream;
  const auto set = [&](std::size_t at, ByteView bytes) {
    std::copy(bytes.begin(), bytes.end(), stream.begin() + static_cast<std::ptrdiff_t>(at));
  };
  const auto part = [&](std::size_t at, std::size_t len) {
    return ByteView(stream).subspan(at, len);
  };
  set(kHeadBodyLen, mark(part(0, kHeadBodyLen)));
  const Bytes store(stream.begin() + 8, stream.begin() + 24);
  for (std::size_t at = sizeof(Head); stream.size() - at >= kFrameHeadLen;) {
    const std::span<const std::uint8_t, 8> lengths(stream.data() + at, 8);
    const auto len =
        static_cast<std::size_t>(get_be(lengths.subspan<2, 2>()) + get_be(lengths.subspan<4, 4>()));
    const bool end = lengths[0] == static_cast<std::uint8_t>(FrameKind::end);
    const Mark check = mark(store, part(at, kFrameBodyLen));
    set(at + kFrameBodyLen, ByteView(check).first(kFrameCheckLen));
    const std::size_t body = at + kFrameHeadLen;
    const std::size_t digest_len = end ? sizeof(Digest) : kMarkLen;
    if (stream.size() - body < digest_len || stream.size() - body - digest_len < len) break;
    if (end) {
      set(body, digest(part(0, body)));
      break;
    }
    set(body + len, mark(store, part(at, kFrameBodyLen), part(body, len)));
    at = body + len + kMarkLen;
  }
  return stream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  try_stream(input);
  try_stream(with_right_digests(input));
  return 0;
}
