// environment_wire_fuzz.cpp: any bytes decode as an Environment or are refused; what decodes is written, in both forms,
// and read again as the same message.
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "strongroom/mesos/environment.hpp"

namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  using namespace strongroom;
  using namespace strongroom::mesos;
  const auto environment = decode_environment(SecretView(bytes, len));
  if (!environment) {
    require(environment.error().code == Code::invalid);
    return 0;
  }
  const SecretBytes wire = encode_environment(*environment).value();
  require(wire.size() <= len);  // the shortest way to say it
  const Environment back = decode_environment(wire.view()).value();
  require(encode_environment(back).value().reveal_text() == wire.reveal_text());
  require(back.variables.size() == environment->variables.size());
  const auto valid = validate_environment(*environment);
  require(validate_environment(back).ok() == valid.ok());

  auto json = environment_to_json(*environment);
  if (!json) {  // a text that is not UTF-8
    require(json.error().code == Code::invalid);
    return 0;
  }
  const Environment read =
      environment_from_json(std::move(json).value(), kMaxSecretWireLen).value();
  require(encode_environment(read).value().reveal_text() == wire.reveal_text());
  return 0;
}
