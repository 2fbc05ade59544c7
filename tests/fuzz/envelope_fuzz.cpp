// Any bytes as an envelope: refused, never a crash, never plaintext; and what was sealed opens.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/keys/keyring.hpp"

using namespace strongroom;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Keyring keyring = Keyring::create().value().with_new_term().value();
  static const StoreId store = {1};
  static const Location location = {2};
  const std::span input(data, size);
  const Place place{store, location};

  // Nobody without the key writes an envelope that opens.
  if (open_envelope(keyring, place, input)) std::abort();
  auto copy = SecretBytes::copy_value(input);
  Opened there;
  if (copy) there.value = std::move(copy).value();
  if (open_in_place(keyring, place, there)) std::abort();

  // The input as a value comes back; with one byte of the envelope changed by the input it does not.
  std::vector<std::uint8_t> envelope(kEnvelopeOverhead + size);
  if (!seal_envelope(keyring, place, RecordKind::secret, Revision(1), {}, SecretView(input),
                     envelope))
    return 0;
  auto opened = open_envelope(keyring, place, envelope);
  if (!opened || !same_secret(opened->value.view(), SecretView(input))) std::abort();
  if (size < 2 || data[0] == 0) return 0;
  envelope[data[1] % envelope.size()] ^= data[0];
  if (open_envelope(keyring, place, envelope)) std::abort();
  return 0;
}
