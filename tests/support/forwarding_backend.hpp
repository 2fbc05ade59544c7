// forwarding_backend.hpp: a backend that passes its calls on to another one. A test derives from it,
// and overrides the calls that it is about.
//
// It forwards only what Backend leaves pure: read, commit, scan, sync and url. The other functions
// keep Backend's defaults, which call read and scan of this object, so that what a subclass does in
// those two (faults, counts, old records) also happens in read_async, scan_keys, watch and snapshot.
// A subclass that wants one of these four from the other backend overrides it and calls real_.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "strongroom/backend.hpp"

namespace strongroom::testing {

class ForwardingBackend : public Backend {
 public:
  explicit ForwardingBackend(std::shared_ptr<Backend> real) : real_(std::move(real)) {}

  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override {
    return real_->read(keys, sink, timeout);
  }
  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override {
    return real_->commit(batch, timeout);
  }
  Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                    Timeout timeout) override {
    return real_->scan(prefix, after, limit, sink, timeout);
  }
  Result<void> sync(Timeout timeout) override { return real_->sync(timeout); }
  std::string url() const override { return real_->url(); }

 protected:
  const std::shared_ptr<Backend> real_;  // shared, so that a late call of a subclass may outlive it
};

}  // namespace strongroom::testing
