// zookeeper_read.hpp: reads records in one pipeline and as of one point in time, and fills the cache.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/result.hpp"
#include "zookeeper_cache.hpp"
#include "zookeeper_session.hpp"

namespace strongroom::zookeeper {

// Found is a record that a read found. value points into node, or into whole if the value was split.
struct Found {
  std::shared_ptr<const std::string> node;
  std::string whole;
  std::string_view value;
  Version version = kAbsent;
  NodeStat stat;  // of the node, if there is one
  std::optional<BlobRef> ref;
};

// ReadCall reads some records from the servers, as of one point in time, and calls done once: on the
// client's thread, or on the caller's thread if the client is closed.
class ReadCall : public std::enable_shared_from_this<ReadCall> {
 public:
  using Done = std::function<void(ReadCall&)>;
  enum class SplitValues : std::uint8_t { fetch, leave };

  ReadCall(Session& session, Cache& cache, std::vector<Place> places, Clock::time_point deadline,
           Done done, SplitValues split_values = SplitValues::fetch);

  void start();

  // The outcome, once done was called.
  Result<Stamp> stamp = Stamp{0};
  std::vector<Found> found;  // one per place
  const std::vector<Place>& places() const noexcept { return places_; }

 private:
  class Attempt;
  class Parts;

  // Seen is the answer for one record in an attempt.
  struct Seen {
    int rc = kNoNode;
    std::shared_ptr<std::string> node;
    NodeStat stat;
    Shards::View view;
  };

  void attempt_done(Attempt& attempt);
  void take(std::vector<Seen>& seen);
  void next_split();
  void parts_done(Parts& parts);
  static bool add_parts(Found& record, const std::vector<NodeAnswer>& nodes, std::uint64_t first);
  void finish(Result<Stamp> outcome);

  Session& session_;
  Cache& cache_;
  const std::vector<Place> places_;
  const Clock::time_point deadline_;
  Done done_;
  const SplitValues split_values_;
  std::optional<BlobRef> torn_;  // the value whose parts were not all there last time
  int num_torn_ = 0;
  std::size_t split_ = 0;  // the record whose parts are being read
};

// read_and_wait runs a ReadCall to its end, or to the deadline.
Result<std::shared_ptr<ReadCall>> read_and_wait(
    Session& session, Cache& cache, std::vector<Place> places, Clock::time_point deadline,
    ReadCall::SplitValues split_values = ReadCall::SplitValues::fetch);

}  // namespace strongroom::zookeeper
