// policy_pattern.ipp: which patterns mean something; see policy/rules.hpp.
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "strongroom/path.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom {
namespace detail::policy_pattern {

// Fault is what is wrong with a pattern, and at which byte.
struct Fault {
  const char* what = nullptr;
  std::size_t offset = 0;
};

// byte_fault finds bytes that no path can have.
static Fault byte_fault(std::string_view pattern) noexcept {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const auto c = static_cast<unsigned char>(pattern[i]);
    if (c < 0x20 || c == 0x7F) return {"had a control character", i};
    if (c != 0xC2 || i + 1 == pattern.size()) continue;
    const auto next = static_cast<unsigned char>(pattern[i + 1]);
    if (next >= 0x80 && next < 0xA0) return {"had a control character", i};  // U+0080..U+009F
  }
  if (!well_formed_utf8(pattern)) return {"was not UTF-8", 0};
  return {};
}

static Fault own_segment_fault(std::string_view segment, bool last) {
  if (segment.empty()) return {"had an empty segment, or a '/' too many at an end", 0};
  if (segment == "*") return {};
  if (segment == "**") {
    if (last) return {};
    return {"had '**' before its last segment", 0};
  }
  const std::size_t star = segment.find('*');
  if (star != std::string_view::npos) {
    return {"had a '*' that is no whole segment; '*' is one segment, '**' at the end all below",
            star};
  }
  if (segment.size() > kMaxSegmentLen) return {"had a segment longer than 255 bytes", 0};
  if (!Path::parse(segment)) return {"had a segment that no path can have", 0};
  return {};
}

// In Vault's patterns, a '+' or '*' that is not a wildcard is text, so it is not a fault here.
static Fault vault_segment_fault(std::string_view segment, bool last) noexcept {
  const std::size_t star = last && segment.ends_with('*') ? 1 : 0;
  if (segment.size() - star > kMaxSegmentLen) return {"had a segment longer than 255 bytes", 0};
  return {};
}

static Fault segments_fault(PolicyMode mode, std::string_view pattern) {
  const bool own = mode == PolicyMode::deny_overrides;
  // Vault looks up a list of "a" as "a/", which has one more segment, an empty one.
  const std::size_t max_segments = own ? kMaxSegments : kMaxSegments + 1;
  std::size_t num_segments = 0;
  for (std::size_t begin = 0;;) {
    const std::size_t slash = pattern.find('/', begin);
    const bool last = slash == std::string_view::npos;
    const std::string_view segment = pattern.substr(begin, slash - begin);
    if (++num_segments > max_segments) return {"had more than 64 segments", begin};
    const Fault fault = own ? own_segment_fault(segment, last) : vault_segment_fault(segment, last);
    if (fault.what != nullptr) return {fault.what, begin + fault.offset};
    if (last) return {};
    begin = slash + 1;
  }
}

static Fault vault_fault(std::string_view pattern) noexcept {
  if (const std::size_t at = pattern.find("+*"); at != std::string_view::npos) {
    return {"had '+*', which Vault forbids", at};
  }
  // A template read as text would never match, so a deny on it would deny nothing.
  const std::size_t at = std::min(pattern.find("{{"), pattern.find("}}"));
  if (at != std::string_view::npos) return {"had a template, which has no meaning here", at};
  return {};
}

static Fault pattern_fault(PolicyMode mode, std::string_view pattern) {
  const bool own = mode == PolicyMode::deny_overrides;
  if (own && pattern.empty()) return {"was empty", 0};
  // Vault's patterns may end in the '/' of a list, and in '*'.
  const std::size_t max_len = own ? kMaxPathLen : kMaxPathLen + 2;
  if (pattern.size() > max_len) return {"was longer than 4096 bytes", max_len};
  if (const Fault fault = byte_fault(pattern); fault.what != nullptr) return fault;
  if (!own) {
    if (const Fault fault = vault_fault(pattern); fault.what != nullptr) return fault;
  }
  return segments_fault(mode, pattern);
}

}  // namespace detail::policy_pattern

Result<void> check_pattern(PolicyMode mode, std::string_view pattern, std::size_t* offset) {
  const detail::policy_pattern::Fault fault = detail::policy_pattern::pattern_fault(mode, pattern);
  if (fault.what == nullptr) return {};
  if (offset != nullptr) *offset = fault.offset;
  return Error{Code::invalid, std::string("a pattern ") + fault.what};
}

}  // namespace strongroom
