#include "identity/identity_text.hpp"

#include "message/failure.hpp"

namespace strongroomd {
namespace {

constexpr std::size_t kMaxIdentityLen = 8 * 1024;
constexpr std::string_view kPlusGroup = "+group:";

[[noreturn]] void fail_identity() {
  throw Failure(400, "Bad request",
                "an identity is user:ID, service:ID@SPACE or administrator:ID, each with "
                "+group:NAME for its groups, "
                "or trusted");
}

std::uint32_t kind_of(std::string_view word) {
  if (word == "user") return STRONGROOM_IDENTITY_USER;
  if (word == "service") return STRONGROOM_IDENTITY_SERVICE;
  if (word == "administrator") return STRONGROOM_IDENTITY_ADMINISTRATOR;
  fail_identity();
}

// take_groups takes "+group:a+group:b" off the end of text.
std::vector<std::string> take_groups(std::string_view& text) {
  std::vector<std::string> groups;
  const std::size_t first = text.find(kPlusGroup);
  if (first == text.npos) return groups;
  std::string_view rest = text.substr(first);
  text = text.substr(0, first);
  while (!rest.empty()) {
    rest.remove_prefix(kPlusGroup.size());
    groups.emplace_back(rest.substr(0, rest.find(kPlusGroup)));
    rest.remove_prefix(groups.back().size());
  }
  return groups;
}

bool has_control(std::string_view text) noexcept {
  for (const char each : text) {
    if (static_cast<unsigned char>(each) < 0x20 || each == 0x7f) return true;
  }
  return false;
}

}  // namespace

Identity parse_identity(std::string_view text) {
  if (text == "trusted") return {STRONGROOM_IDENTITY_TRUSTED, {}, {}, {}};
  const std::size_t colon = text.find(':');
  if (text.size() > kMaxIdentityLen || colon == text.npos || has_control(text)) fail_identity();
  Identity identity;
  identity.kind = kind_of(text.substr(0, colon));
  std::string_view rest = text.substr(colon + 1);
  const bool is_service = identity.kind == STRONGROOM_IDENTITY_SERVICE;
  const std::size_t at = is_service ? rest.rfind('@') : rest.npos;
  if (at != rest.npos) {
    identity.space = rest.substr(at + 1);
    rest = rest.substr(0, at);
  }
  identity.groups = take_groups(rest);
  identity.id = rest;
  if (is_service && at == text.npos) identity.space = identity.id;
  if (identity.id.empty() || identity.space.find(kPlusGroup) != std::string::npos) fail_identity();
  return identity;
}

strongroom_abi::Session open_session(strongroom_abi::Store& store, const Identity& identity) {
  if (identity.kind == STRONGROOM_IDENTITY_TRUSTED) return store.trusted();
  std::vector<const char*> groups;
  for (const std::string& each : identity.groups) groups.push_back(each.c_str());
  strongroom_identity wanted = STRONGROOM_IDENTITY_INIT;
  wanted.kind = identity.kind;
  wanted.id = identity.id.c_str();
  if (identity.kind == STRONGROOM_IDENTITY_SERVICE) wanted.space = identity.space.c_str();
  wanted.groups = groups.data();
  wanted.num_groups = groups.size();
  return store.session(wanted);
}

}  // namespace strongroomd
