// path_fuzz.cpp: a text is refused or is one canonical path, which reads as itself again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "strongroom/path.hpp"

namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  using namespace strongroom;
  const std::string_view input(reinterpret_cast<const char*>(bytes), len);
  const auto path = Path::parse(input);
  require(Path::parse_secret(input).ok() == (path && !path->is_root()));
  if (!path) {
    require(path.error().code == Code::invalid);
    return 0;
  }
  const std::string& text = path->text();
  require(input == text || input == "/" + text);  // nothing folded, nothing decoded
  require(Path::parse(text).value() == *path);
  require(Path::parse("/" + text).value() == *path);
  require(text.size() <= kMaxPathLen && well_formed_utf8(text));
  const std::string fenced = "/" + text + "/";
  if (!path->is_root()) require(fenced.find("//") == std::string::npos);
  require(fenced.find("/./") == std::string::npos && fenced.find("/../") == std::string::npos);
  for (const char c : text) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);

  const std::string parent(path->parent());
  require(Path::parse(parent).ok());
  require(text ==
          (parent.empty() ? std::string(path->name()) : parent + "/" + std::string(path->name())));
  return 0;
}
