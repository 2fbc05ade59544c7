// json_fuzz.cpp: any text parses or is refused, and what parses holds what json.hpp promises.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "strongroom/impl/json/json.hpp"
#include "strongroom/path.hpp"

namespace {

using namespace strongroom;

void require(bool promise) {
  if (!promise) std::abort();
}

// check walks the whole tree, and counts its depth.
void check(JsonValue value, std::size_t depth) {
  require(depth <= kMaxJsonDepth);
  require(well_formed_utf8(value.text().reveal_text()));
  require(!value.is(JsonKind::number) || !value.text().empty());
  for (const JsonValue element : value.elements()) check(element, depth + 1);
  std::set<std::string_view> names;
  for (const auto& [name, member] : value.members()) {
    require(well_formed_utf8(name.reveal_text()));
    require(names.insert(name.reveal_text()).second);
    check(member, depth + 1);
  }
  for (const std::string_view name : names) require(value.member(name).has_value());
}

// guarded puts the text right before a guard page, so that one byte read beyond it is a crash.
SecretBytes guarded(const std::uint8_t* bytes, std::size_t len) {
  const std::size_t room = (len + 15) / 16 * 16;
  SecretBytes secret = SecretBytes::for_key(room).value();
  if (len != 0) std::memcpy(secret.reveal_mutable().data() + room - len, bytes, len);
  secret.keep(room - len, len);
  return secret;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  const auto json = JsonText::parse(guarded(bytes, len), 1 << 20);
  if (json) {
    check(json->root(), 0);
  } else {
    require(json.error().code == (len > (1 << 20) ? Code::too_large : Code::invalid));
  }
  return 0;
}
