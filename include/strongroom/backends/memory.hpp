// memory.hpp: the backend that forgets: records in this process's memory, gone with the last handle.
//
// For tests, caches and stores that are filled at every start. It keeps envelopes, never plaintext,
// so it needs no locked memory. It is atomic and isolated as backend.hpp requires, but not durable.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "strongroom/backend.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class MemoryBackend final : public Backend {
 public:
  MemoryBackend();

  // share returns another handle to the same records, like a second process of a real storage.
  std::unique_ptr<MemoryBackend> share() const;

  // read runs the sink while writers wait: it must be short and must not call this storage.
  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override;

  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override;

  // scan goes in the bytewise order of the keys. The rules of read for the sink apply.
  Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                    Timeout timeout) override;

  // snapshot lists the records while writers wait. It passes them to the sink after the writers go on:
  // values are shared with the records and never changed. The list costs about 100 bytes per record.
  Result<void> snapshot(std::span<const ByteView> first, SnapshotSink sink,
                        Timeout timeout) override;

  Result<void> sync(Timeout timeout) override;

  std::string url() const override;

 private:
  struct Records;
  explicit MemoryBackend(std::shared_ptr<Records> records);

  std::shared_ptr<Records> records_;
};

}  // namespace strongroom
