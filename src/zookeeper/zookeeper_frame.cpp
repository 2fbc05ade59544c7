// zookeeper_frame.cpp: see zookeeper_frame.hpp.
#include "zookeeper_frame.hpp"

#include "strongroom/impl/base/codec.hpp"

namespace strongroom::zookeeper {
namespace {

constexpr std::int32_t kMultiRead = 22;
constexpr std::int32_t kGetData = 4;
constexpr std::int32_t kError = -1;

std::int32_t i32(Reader& in) noexcept {
  return static_cast<std::int32_t>(in.u32());
}
std::int64_t i64(Reader& in) noexcept {
  return static_cast<std::int64_t>(in.u64());
}

NodeStat read_stat(Reader& in) noexcept {
  NodeStat stat;
  stat.czxid = i64(in);
  stat.mzxid = i64(in);
  stat.ctime_ms = i64(in);
  stat.mtime_ms = i64(in);
  stat.version = i32(in);
  (void)i32(in);  // cversion, aversion, ephemeral owner
  (void)i32(in);
  (void)i64(in);
  stat.data_len = i32(in);
  stat.num_children = i32(in);
  stat.pzxid = i64(in);
  return stat;
}

bool read_node(Reader& in, NodeAnswer& node) {
  const std::int32_t type = i32(in);
  const bool done = in.u8() != 0;
  (void)i32(in);
  if (!in.ok() || done) return false;
  if (type == kError) {
    node.rc = i32(in);
    return in.ok() && node.rc != kOk;
  }
  if (type != kGetData) return false;
  const std::int32_t len = i32(in);
  const auto value = in.bytes(len < 0 ? 0 : static_cast<std::size_t>(len));
  node.bytes.assign(reinterpret_cast<const char*>(value.data()), value.size());
  node.stat = read_stat(in);
  node.rc = kOk;
  return in.ok();
}

}  // namespace

FrameHead decode_frame_head(std::span<const std::uint8_t, kFrameHeadLen> bytes) noexcept {
  return {get_be(bytes.first<4>()), static_cast<std::int32_t>(get_be(bytes.last<4>()))};
}

FrameWriter::FrameWriter(std::vector<std::uint8_t>& out, std::int32_t xid)
    : out_(out), begin_(out.size()) {
  i32(0);
  i32(xid);
  i32(kMultiRead);
}

void FrameWriter::i32(std::int32_t number) {
  const auto bits = static_cast<std::uint32_t>(number);
  for (int shift = 24; shift >= 0; shift -= 8) u8(static_cast<std::uint8_t>(bits >> shift));
}

void FrameWriter::get(std::string_view path) {
  i32(kGetData);
  u8(0);
  i32(-1);
  i32(static_cast<std::int32_t>(path.size()));
  out_.insert(out_.end(), path.begin(), path.end());
  u8(0);  // no watch: the library would not know about it
}

void FrameWriter::finish() {
  i32(-1);
  u8(1);
  i32(-1);
  put_be(std::span(out_).subspan(begin_).first<4>(),
         static_cast<std::uint32_t>(out_.size() - begin_ - 4));
}

std::optional<std::vector<NodeAnswer>> decode_frame(std::span<const std::uint8_t> bytes,
                                                    std::size_t num_nodes) {
  Reader in(bytes);
  (void)i32(in);  // xid
  (void)i64(in);  // zxid
  const std::int32_t error = i32(in);
  if (!in.ok()) return {};
  std::vector<NodeAnswer> nodes(num_nodes);
  for (NodeAnswer& node : nodes) {
    if (error != kOk) {
      node.rc = error;
    } else if (!read_node(in, node)) {
      return {};
    }
  }
  if (error != kOk) return nodes;
  const bool ended = i32(in) == -1 && in.u8() == 1 && i32(in) == -1;
  if (!ended || !in.ok() || in.left() > 0) return {};
  return nodes;
}

}  // namespace strongroom::zookeeper
