// zookeeper_scan.hpp: the keys of a tree in their order, a page at a time.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/result.hpp"
#include "zookeeper_session.hpp"

namespace strongroom::zookeeper {

// Lister goes through the nodes of records: first those of short keys by bucket, then those of long keys by
// bucket, head and stripe. It lists as many nodes at once as the page seems to need. The nodes that it
// returns exist, or did a moment ago; a short key's record may be erased.
class Lister {
 public:
  // after: empty, or the key after which to begin.
  Lister(Session& session, std::string prefix, ByteView after, Clock::time_point deadline);

  // next appends at least one place, in order, or none at the end; wanted is how many are enough.
  Result<void> next(std::size_t wanted, std::vector<Place>& places);

 private:
  using Names = std::vector<std::string>;

  Result<std::vector<Names>> children(const std::vector<std::string>& paths);
  Result<std::vector<std::uint32_t>> buckets(bool is_long);
  Result<void> next_short(std::size_t wanted, std::vector<Place>& places);
  Result<void> next_long(std::size_t wanted, std::vector<Place>& places);
  Result<void> next_heads();
  Result<void> next_stripes();
  bool comes_after(const Place& place) const;

  Session& session_;
  const std::string prefix_;
  const Clock::time_point deadline_;
  bool from_start_ = true;
  Place after_;

  // What is left of each level; filled when it is reached.
  enum class Stage { short_keys, long_keys, end } stage_ = Stage::short_keys;
  bool have_buckets_ = false;
  std::vector<std::uint32_t> buckets_;  // from the back
  std::size_t at_once_ = 1;
  std::vector<Place> heads_;    // from the back
  std::vector<Place> stripes_;  // from the back
};

}  // namespace strongroom::zookeeper
