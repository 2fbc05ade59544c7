// http_target_fuzz.cpp: a target is refused, or is split and decoded once, and the engine judges the path.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "message/target.hpp"
#include "strongroom/path.hpp"

namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

// escaped writes every byte of text as %XX.
std::string escaped(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string all;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    all += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  using namespace strongroomd;
  const std::string_view input(reinterpret_cast<const char*>(bytes), len);
  const auto target = Target::parse(input);
  if (!target) return 0;
  require(input.front() == '/' && input.size() <= kMaxTargetLen);

  // The pieces are the input up to the query, and nothing else.
  std::string pieces;
  for (std::size_t i = 0; i < target->size(); ++i) pieces += "/" + std::string(target->piece(i));
  require(pieces == input.substr(0, input.find('?')));

  if (const auto* list = target->parameter("list")) require(list->size() < input.size());

  const auto path = target->path(0);
  require(target->path(target->size()) == "");
  if (!path) return 0;
  require(path->size() < input.size());
  if (pieces.find('%') == std::string::npos) require("/" + *path == pieces);
  if (is_dcos_path(*path)) {
    for (const char c : *path) require(c == '-' || c == '_' || c == '/' || (c >= '0' && c <= 'z'));
  }
  // A path that the engine accepts arrives as the same path with each of its bytes escaped.
  const auto canonical = strongroom::Path::parse(*path);
  if (!canonical || canonical->text().size() * 3 >= kMaxTargetLen) return 0;
  const std::string again = "/" + escaped(canonical->text());
  const auto second = Target::parse(again);
  require(second && second->size() == 1 && second->path(0) == canonical->text());
  return 0;
}
