// What a server answers to our own frames, and what it says a node is called or holds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "src/zookeeper/zookeeper_frame.hpp"
#include "src/zookeeper/zookeeper_tree.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  using namespace strongroom::zookeeper;
  if (len == 0) return 0;
  const std::span<const std::uint8_t> rest(bytes + 1, len - 1);
  (void)decode_frame(rest, bytes[0] % 8);
  const std::string text(rest.begin(), rest.end());
  const NodeValue node = decode_node(text);
  if (node.kind == NodeValue::Kind::split && encode_ref(node.ref) != text) std::abort();
  if (const auto tail = parse_tail(text); tail && tail->empty()) std::abort();
  (void)parse_head(text);
  (void)parse_part(text);
  (void)part_bytes(text);
  (void)parse_address("zk://" + text);
  return 0;
}
