// zookeeper_tree.hpp: where records are in ZooKeeper's tree, and what a node holds.
//
// Keys are opaque here, as everywhere below the barrier. FORMAT.md describes the tree. In short, below the
// root, whose own bytes name the format:
//
//   s/<hh>                         stamp of a shard: set whenever a record of it changes
//   l/<client>                     a session that is alive (ephemeral)
//   o/<client>-<n>                 number of the last commit that this client made in its lane n
//   r/<bucket>/<key>               a record whose key has up to 17 bytes
//   e/<bucket>/<head>/<stripe>/<tail>   a record with a longer key: its first 17 bytes, and the rest
//   b/<hh>/<client>-<blob>-<n>     part n of a value that is too large for one packet
//
// A short key's node is never removed: erasing leaves it empty, so that its version goes on counting and
// serves as the record's version. A long key's node is removed; the record's version is the transaction that
// set the node. Nodes above the records are made when first needed and never removed, so nothing races with
// their removal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/result.hpp"
#include "zookeeper_client.hpp"

namespace strongroom::zookeeper {

inline constexpr std::string_view kFormat = "strongroom zookeeper 1\n";
inline constexpr std::string_view kFormatName = "strongroom zookeeper ";

// A server accepts requests of up to jute.maxbuffer (1,048,575 bytes); at one byte more it drops the
// connection. What a multi holds in addition to paths and values is counted generously.
inline constexpr std::size_t kMaxPacketLen = 1'048'575;
inline constexpr std::size_t kStepOverhead = 100;
inline constexpr std::size_t kMaxMultiLen = 900'000;  // of which paths are a part
inline constexpr std::size_t kPartLen = 1'000'000;    // of a split value

inline constexpr std::size_t kHeadLen = kShardKeyLen;  // 17
inline constexpr std::size_t kNumStripes = 64;

// Address is a parsed URL; zookeeper.hpp has its form.
struct Address {
  std::string servers;
  std::string root;  // with its leading slash
  std::chrono::milliseconds session{10'000};
  std::size_t cache_bytes = std::size_t{16} << 20;
  std::chrono::milliseconds stale{0};
  bool world = false;
  bool any_owner = false;  // anybody may own the tree: for functions that examine exactly that
};
Result<Address> parse_address(std::string_view url);

// Place is where a key is stored. Places are ordered as a scan goes: short keys first, each group by path.
struct Place {
  bool is_long = false;
  std::uint32_t bucket = 0;  // 0..4095
  std::string head;          // the key, or its first 17 bytes
  std::uint32_t stripe = 0;  // 0..63, of a long key
  std::string tail;

  friend auto operator<=>(const Place&, const Place&) = default;
};
Place place_of(ByteView key);
std::string key_at(const Place& place);

// The paths of a tree.
std::string bucket_path(const std::string& root, bool is_long, std::uint32_t bucket);
std::string head_path(const std::string& root, const Place& place);
std::string stripe_path(const std::string& root, const Place& place);
std::string node_path(const std::string& root, const Place& place);
std::string stamp_path(const std::string& root, std::size_t shard);
// parents_of returns the nodes above a record that may be missing, the topmost first.
std::vector<std::string> parents_of(const std::string& root, const Place& place);

// These parse the names in a listing; they return nothing for a name that is not ours.
std::optional<std::uint32_t> parse_number(std::string_view hex, std::size_t num_digits);
std::optional<std::string> parse_head(std::string_view name);
std::optional<std::string> parse_tail(std::string_view name);
std::string hex_number(std::uint64_t number, int num_digits);
std::string hex_bytes(std::string_view bytes);
std::optional<std::size_t> shard_at(std::string_view stamp_path);

// BlobRef is where the parts of a split value are.
struct BlobRef {
  std::string client;  // 16 hex digits
  std::string blob;    // 32 hex digits
  std::uint64_t len = 0;

  std::uint64_t num_parts() const noexcept { return (len + kPartLen - 1) / kPartLen; }
  std::string stem() const { return client + "-" + blob; }
  friend bool operator==(const BlobRef&, const BlobRef&) = default;
};
std::string part_path(const std::string& root, const BlobRef& ref, std::uint64_t part);
// The first part begins with the path of the record that it belongs to, for the client that cleans up.
std::string first_part(std::string_view record_path, std::string_view bytes);
std::string_view part_owner(std::string_view first_part);  // empty if the part is damaged
std::string_view part_bytes(std::string_view first_part);
// parse_part parses a part's name: its client, its value, and its number. The name has no value length.
struct PartName {
  std::string stem;
  std::string client;
  std::string blob;
  std::uint64_t part = 0;
};
std::optional<PartName> parse_part(std::string_view name);

// A record's node holds nothing if the record was erased; else its value, or where the value's parts are.
std::string encode_value(ByteView value);
std::string encode_ref(const BlobRef& ref);
struct NodeValue {
  enum class Kind { erased, whole, split, damaged } kind = Kind::damaged;
  std::string_view value;
  BlobRef ref;
};
NodeValue decode_node(std::string_view bytes);

// version_of returns a record's version; kAbsent if the node holds no record.
Version version_of(const Place& place, const NodeStat& stat) noexcept;
// node_version returns the node version for a record version of a short key; nothing if no node can have it.
std::optional<int> node_version(Version version) noexcept;

}  // namespace strongroom::zookeeper
