// secret_wire_fuzz.cpp: any bytes decode or are refused; what decodes is written, and read again,
// as the same message.
#include <cstdint>
#include <cstdlib>

#include "strongroom/mesos/secret.hpp"

namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  using namespace strongroom;
  using namespace strongroom::mesos;
  const auto secret = decode_secret(SecretView(bytes, len));
  if (!secret) {
    require(secret.error().code == Code::invalid);
    return 0;
  }
  const SecretBytes wire = encode_secret(*secret).value();
  require(wire.size() <= len);  // the shortest way to say it
  const Secret back = decode_secret(wire.view()).value();
  require(encode_secret(back).value().reveal_text() == wire.reveal_text());
  require(back.type == secret->type);
  require(back.reference.has_value() == secret->reference.has_value());
  require(back.value.has_value() == secret->value.has_value());
  if (back.value) require(same_secret(back.value->data.view(), secret->value->data.view()));
  return 0;
}
