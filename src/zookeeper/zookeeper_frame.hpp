// zookeeper_frame.hpp: ZooKeeper's multiRead, which the client library does not have, as bytes on the wire.
//
// A request for many nodes costs a server about as much as a request for one node. It is answered from one
// state of the tree, because a server applies no commit while it serves reads. It needs ZooKeeper 3.6.
//
//   request  len:i32 xid:i32 22:i32 { 4:i32 0:u8 -1:i32 path_len:i32 path watch:u8 }* -1:i32 1:u8 -1:i32
//   answer   len:i32 xid:i32 zxid:i64 err:i32 { type:i32 done:u8 err:i32 body }* -1:i32 1:u8 -1:i32
//            body of type 4:  value_len:i32 (-1: none) value stat:68 bytes;  of type -1:  err:i32
//
// All integers are big-endian. Source: ZooKeeper 3.8, MultiOperationRecord and MultiResponse (Java),
// and zookeeper.jute.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zookeeper_client.hpp"

namespace strongroom::zookeeper {

inline constexpr std::size_t kMaxFrameLen = std::size_t{256} << 20;  // of an answer

// Xids of our frames. The library counts up from the current time and reaches this range only after billions
// of requests; the servers use -1 to -8.
inline constexpr std::int32_t kFirstXid = -1000;
inline constexpr std::int32_t kLastXid = -65'000;

// FrameHead is the beginning of an answer.
inline constexpr std::size_t kFrameHeadLen = 8;
struct FrameHead {
  std::size_t len = 0;  // of all that follows these four bytes
  std::int32_t xid = 0;
};
FrameHead decode_frame_head(std::span<const std::uint8_t, kFrameHeadLen> bytes) noexcept;

class FrameWriter {
 public:
  FrameWriter(std::vector<std::uint8_t>& out, std::int32_t xid);
  void get(std::string_view path);
  void finish();

 private:
  void u8(std::uint8_t number) { out_.push_back(number); }
  void i32(std::int32_t number);

  std::vector<std::uint8_t>& out_;
  const std::size_t begin_;
};

// decode_frame decodes an answer, without its length, to a request for num_nodes nodes.
// Returns  nothing if the answer is damaged. An error of the whole request is reported for each node.
std::optional<std::vector<NodeAnswer>> decode_frame(std::span<const std::uint8_t> bytes,
                                                    std::size_t num_nodes);

}  // namespace strongroom::zookeeper
