// jwt_fuzz.cpp: no text but a signed one is a JSON Web Token, and the texts of tokens have one form.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "identity/jwt.hpp"
#include "identity/jwt_keys.hpp"
#include "identity/tokens.hpp"

namespace {

// RFC 7515, appendix A.3.
constexpr const char* kKeys =
    R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";
constexpr std::string_view kSigned =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".";

void require(bool promise) {
  if (!promise) std::abort();
}

// write_keys writes the keys to a file that stays: the verifier looks at it again.
std::string write_keys() {
  char name[] = "/tmp/strongroom-fuzz-XXXXXX";
  const int fd = ::mkstemp(name);
  require(fd >= 0);
  ::close(fd);
  std::ofstream(name) << kKeys;
  static const std::string kept = name;
  std::atexit([] { std::remove(kept.c_str()); });
  return kept;
}

strongroomd::JwtSettings settings() {
  strongroomd::JwtSettings settings;
  settings.key_files = {write_keys()};
  settings.algorithm = "ES256";
  settings.user_claim = "iss";
  return settings;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  using namespace strongroomd;
  static JwtVerifier verifier(settings(), [] { return std::uint64_t{1300819379}; });
  const std::string_view input(reinterpret_cast<const char*>(bytes), len);
  if (const auto id = verifier.verify(input))
    require(*id == "joe" && input.substr(0, kSigned.size()) == kSigned);
  if (is_token(input)) require(len == 70 && input.find('\0') == input.npos);
  std::string decoded;
  if (decode_base64url(input, decoded)) require(decoded.size() == len * 3 / 4);
  return 0;
}
