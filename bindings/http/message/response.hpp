// response.hpp: what is sent back: public text, or a secret that stays in locked memory until it is on the wire.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "strongroom_abi.hpp"

namespace strongroomd {

inline constexpr const char* kJson = "application/json";
inline constexpr const char* kBytes = "application/octet-stream";
inline constexpr const char* kText = "text/plain";

struct Response {
  unsigned status = 200;
  const char* content_type = nullptr;  // null: without a body
  std::string text;                    // the body, if secret is empty
  std::optional<strongroom_abi::Secret> secret;
  std::optional<strongroom_abi::Secret> set_cookie;
  std::vector<std::pair<const char*, std::string>> headers;  // Allow, Retry-After, ...
  std::chrono::milliseconds delay{0};                        // how long it is held back
};

}  // namespace strongroomd
