// zookeeper_tree.cpp: see zookeeper_tree.hpp.
#include "zookeeper_tree.hpp"

#include <algorithm>
#include <charconv>
#include <climits>

#include "strongroom/impl/base/codec.hpp"

namespace strongroom::zookeeper {
namespace {

constexpr std::string_view kShape =
    "zk://host:port,host:port/root[?session_ms=N&cache_bytes=N&stale_ms=N&access=world]";
constexpr std::size_t kMaxServersLen = 4096;
constexpr std::size_t kMaxRootLen = 200;
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// The URL itself is not repeated: somebody may have put a password into it.
Error refuse(std::string_view why) {
  return {Code::invalid,
          "the ZooKeeper URL " + std::string(why) + "; it looks like " + std::string(kShape)};
}

bool good_server(std::string_view server) {
  const std::size_t colon = server.rfind(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  unsigned port = 0;
  const char* const end = server.data() + server.size();
  const auto [stop, trouble] = std::from_chars(server.data() + colon + 1, end, port);
  if (trouble != std::errc{} || stop != end || port == 0 || port > 65535) return false;
  if (server[colon + 1] == '0') return false;  // the client library would take it for octal
  return server.substr(0, colon).find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") ==
         std::string_view::npos;
}

bool good_servers(std::string_view servers) {
  if (servers.empty() || servers.size() > kMaxServersLen) return false;
  while (!servers.empty()) {
    const std::size_t comma = std::min(servers.find(','), servers.size());
    if (!good_server(servers.substr(0, comma))) return false;
    if (comma + 1 == servers.size()) return false;
    servers.remove_prefix(std::min(comma + 1, servers.size()));
  }
  return true;
}

bool good_root(std::string_view root) {
  if (root.size() < 2 || root.size() > kMaxRootLen || root.front() != '/' || root.back() == '/')
    return false;
  if (root == "/zookeeper" || root.starts_with("/zookeeper/")) return false;
  for (std::size_t begin = 1; begin <= root.size();) {
    const std::size_t end = std::min(root.find('/', begin), root.size());
    const std::string_view name = root.substr(begin, end - begin);
    if (name.empty() || name == "." || name == "..") return false;
    begin = end + 1;
  }
  return std::all_of(root.begin(), root.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

template <typename Number>
bool take_number(std::string_view text, Number least, Number most, Number& out) {
  Number number{};
  const auto [stop, trouble] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (trouble != std::errc{} || stop != text.data() + text.size()) return false;
  if (number < least || number > most) return false;
  out = number;
  return true;
}

bool take_option(std::string_view option, Address& address) {
  const std::size_t equals = option.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = option.substr(0, equals);
  const std::string_view value = option.substr(equals + 1);
  std::uint64_t number = 0;
  if (name == "access" && value == "world") return address.world = true;
  if (name == "session_ms" && take_number<std::uint64_t>(value, 2000, 60'000, number)) {
    address.session = std::chrono::milliseconds(number);
    return true;
  }
  if (name == "stale_ms" && take_number<std::uint64_t>(value, 0, 86'400'000, number)) {
    address.stale = std::chrono::milliseconds(number);
    return true;
  }
  return name == "cache_bytes" &&
         take_number<std::size_t>(value, 0, std::size_t{1} << 40, address.cache_bytes);
}

std::uint32_t hash_of(std::string_view bytes) noexcept {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : bytes) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3u;
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

std::string base64url(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int num_bits = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<std::uint8_t>(c);
    for (num_bits += 8; num_bits >= 6; num_bits -= 6)
      text.push_back(kBase64[bits >> (num_bits - 6) & 63]);
  }
  if (num_bits > 0) text.push_back(kBase64[bits << (6 - num_bits) & 63]);
  return text;
}

}  // namespace

Result<Address> parse_address(std::string_view url) {
  constexpr std::string_view kScheme = "zk://";
  if (!url.starts_with(kScheme)) return refuse("did not begin with zk://");
  url.remove_prefix(kScheme.size());
  if (url.find('@') != std::string_view::npos) {
    return refuse("had an '@'; pass passwords by --zk-auth-file or STRONGROOM_ZK_AUTH");
  }
  Address address;
  const std::size_t mark = url.find('?');
  std::string_view query = mark == std::string_view::npos ? "" : url.substr(mark + 1);
  url = url.substr(0, mark);
  if (mark != std::string_view::npos && query.empty()) return refuse("had no option after '?'");
  const std::size_t slash = std::min(url.find('/'), url.size());
  if (!good_servers(url.substr(0, slash))) return refuse("had no list of host:port");
  if (!good_root(url.substr(slash))) return refuse("had no root node, such as /strongroom");
  address.servers = url.substr(0, slash);
  address.root = url.substr(slash);
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    if (!take_option(query.substr(0, end), address)) {
      return refuse("had an option that is unknown or out of its range");
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return address;
}

// ---- places ----

Place place_of(ByteView key) {
  const std::string_view text(reinterpret_cast<const char*>(key.data()), key.size());
  Place place;
  place.is_long = key.size() > kHeadLen;
  place.head = text.substr(0, kHeadLen);
  place.bucket = hash_of(place.head) & 0xFFF;
  if (!place.is_long) return place;
  place.tail = text.substr(kHeadLen);
  place.stripe = hash_of(place.tail) % kNumStripes;
  return place;
}

std::string key_at(const Place& place) {
  return place.head + place.tail;
}

std::string hex_number(std::uint64_t number, int num_digits) {
  std::string text(static_cast<std::size_t>(num_digits), '0');
  for (std::size_t i = text.size(); i-- > 0; number >>= 4)
    text[i] = "0123456789abcdef"[number & 15];
  return text;
}

std::string hex_bytes(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += hex_number(static_cast<std::uint8_t>(c), 2);
  return text;
}

std::string bucket_path(const std::string& root, bool is_long, std::uint32_t bucket) {
  return root + (is_long ? "/e/" : "/r/") + hex_number(bucket, 3);
}
std::string head_path(const std::string& root, const Place& place) {
  return bucket_path(root, place.is_long, place.bucket) + "/" + hex_bytes(place.head);
}
std::string stripe_path(const std::string& root, const Place& place) {
  return head_path(root, place) + "/" + hex_number(place.stripe, 2);
}
std::string node_path(const std::string& root, const Place& place) {
  if (!place.is_long) return head_path(root, place);
  return stripe_path(root, place) + "/" + base64url(place.tail);
}
std::string stamp_path(const std::string& root, std::size_t shard) {
  return root + "/s/" + hex_number(shard, 2);
}

std::vector<std::string> parents_of(const std::string& root, const Place& place) {
  std::vector<std::string> parents = {bucket_path(root, place.is_long, place.bucket)};
  if (!place.is_long) return parents;
  parents.push_back(head_path(root, place));
  parents.push_back(stripe_path(root, place));
  return parents;
}

std::optional<std::uint32_t> parse_number(std::string_view hex, std::size_t num_digits) {
  if (hex.size() != num_digits) return {};
  std::uint32_t number = 0;
  for (const char c : hex) {
    const std::size_t digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos) return {};
    number = number << 4 | static_cast<std::uint32_t>(digit);
  }
  return number;
}

std::optional<std::string> parse_head(std::string_view name) {
  if (name.empty() || name.size() % 2 != 0 || name.size() > 2 * kHeadLen) return {};
  std::string head;
  for (std::size_t i = 0; i < name.size(); i += 2) {
    const auto byte = parse_number(name.substr(i, 2), 2);
    if (!byte) return {};
    head.push_back(static_cast<char>(*byte));
  }
  return head;
}

std::optional<std::string> parse_tail(std::string_view name) {
  std::string tail;
  std::uint32_t bits = 0;
  int num_bits = 0;
  for (const char c : name) {
    const std::size_t digit = kBase64.find(c);
    if (digit == std::string_view::npos) return {};
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    num_bits += 6;
    if (num_bits < 8) continue;
    num_bits -= 8;
    tail.push_back(static_cast<char>(bits >> num_bits & 0xFF));
  }
  if (tail.empty() || tail.size() > kMaxBackendKeyLen - kHeadLen) return {};
  if (base64url(tail) != name) return {};  // each key has one spelling
  return tail;
}

std::optional<std::size_t> shard_at(std::string_view path) {
  if (path.size() < 2) return {};
  const auto shard = parse_number(path.substr(path.size() - 2), 2);
  if (!shard) return {};
  return *shard;
}

// ---- what nodes hold ----

std::string part_path(const std::string& root, const BlobRef& ref, std::uint64_t part) {
  return root + "/b/" + ref.blob.substr(0, 2) + "/" + ref.stem() + "-" + hex_number(part, 4);
}

std::string first_part(std::string_view record_path, std::string_view bytes) {
  std::string part;
  part.reserve(2 + record_path.size() + bytes.size());
  part.push_back(static_cast<char>(record_path.size() >> 8));
  part.push_back(static_cast<char>(record_path.size() & 0xFF));
  part += record_path;
  part += bytes;
  return part;
}

std::string_view part_owner(std::string_view part) {
  if (part.size() < 2) return {};
  const std::size_t len =
      std::size_t{static_cast<std::uint8_t>(part[0])} << 8 | static_cast<std::uint8_t>(part[1]);
  return part.size() < 2 + len ? std::string_view() : part.substr(2, len);
}

std::string_view part_bytes(std::string_view part) {
  const std::string_view owner = part_owner(part);
  return owner.empty() ? std::string_view() : part.substr(2 + owner.size());
}

std::optional<PartName> parse_part(std::string_view name) {
  constexpr std::size_t kClientLen = 16, kBlobLen = 32, kPartDigits = 4;
  if (name.size() != kClientLen + 1 + kBlobLen + 1 + kPartDigits) return {};
  if (name[kClientLen] != '-' || name[kClientLen + 1 + kBlobLen] != '-') return {};
  const auto part = parse_number(name.substr(name.size() - kPartDigits), kPartDigits);
  if (!part) return {};
  PartName parsed;
  parsed.client = name.substr(0, kClientLen);
  parsed.blob = name.substr(kClientLen + 1, kBlobLen);
  parsed.stem = name.substr(0, kClientLen + 1 + kBlobLen);
  parsed.part = *part;
  return parsed;
}

// The first byte says what follows.
std::string encode_value(ByteView value) {
  std::string bytes;
  bytes.reserve(1 + value.size());
  bytes.push_back(1);
  bytes.append(reinterpret_cast<const char*>(value.data()), value.size());
  return bytes;
}

std::string encode_ref(const BlobRef& ref) {
  std::array<std::uint8_t, 8> len{};
  put_be(std::span(len), ref.len);
  std::string bytes(1, 2);
  bytes += ref.client + ref.blob;
  bytes.append(reinterpret_cast<const char*>(len.data()), len.size());
  return bytes;
}

NodeValue decode_node(std::string_view bytes) {
  constexpr std::size_t kRefLen = 1 + 16 + 32 + 8;
  NodeValue node;
  if (bytes.empty()) {
    node.kind = NodeValue::Kind::erased;
  } else if (bytes[0] == 1) {
    node.kind = NodeValue::Kind::whole;
    node.value = bytes.substr(1);
  } else if (bytes[0] == 2 && bytes.size() == kRefLen) {
    node.ref.client = bytes.substr(1, 16);
    node.ref.blob = bytes.substr(17, 32);
    std::array<std::uint8_t, 8> len{};
    std::copy(bytes.end() - 8, bytes.end(), reinterpret_cast<char*>(len.data()));
    node.ref.len = get_be(std::span<const std::uint8_t, 8>(len));
    const bool hex = (node.ref.client + node.ref.blob).find_first_not_of("0123456789abcdef") ==
                     std::string::npos;
    if (hex && node.ref.len > 0 && node.ref.len <= kMaxBackendValueLen)
      node.kind = NodeValue::Kind::split;
  }
  return node;
}

Version version_of(const Place& place, const NodeStat& stat) noexcept {
  if (place.is_long) return Version(static_cast<std::uint64_t>(stat.mzxid));
  if (stat.data_len == 0) return kAbsent;
  return Version(std::uint64_t{static_cast<std::uint32_t>(stat.version)} + 1);
}

std::optional<int> node_version(Version version) noexcept {
  if (version == kAbsent || version.value() > UINT32_MAX) return {};  // -1 would mean any version
  return static_cast<int>(static_cast<std::uint32_t>(version.value() - 1));
}

}  // namespace strongroom::zookeeper
