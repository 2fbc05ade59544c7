// Any bytes as a header record: read or refused, never a crash; what is read is written the same way;
// and no credential opens what was not made by its store.
#include <sodium.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/impl/crypto/digest.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/slots.hpp"

using namespace strongroom;

namespace {

// with_right_digest lets the fuzzer past the digest, which it could not guess.
std::vector<std::uint8_t> with_right_digest(std::span<const std::uint8_t> input) {
  std::vector<std::uint8_t> record(input.begin(), input.end());
  if (record.size() < sizeof(Digest)) return record;
  const auto body = std::span(record).first(record.size() - sizeof(Digest));
  const Digest right = digest(body);
  std::copy(right.begin(), right.end(), record.end() - static_cast<std::ptrdiff_t>(right.size()));
  return record;
}

void try_record(std::span<const std::uint8_t> record, const Credential& key) {
  auto header = Header::decode(record);
  if (!header) return;
  auto written = header->encode();
  if (written && !header->damaged && !std::ranges::equal(written.value(), record)) std::abort();
  if (open_root(header.value(), std::span(&key, 1))) std::abort();
  (void)header->open_keyring(key.secret.view());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const PendingInit pending = prepare_init({2, 2, true}).value();
  static const Credential key = Credential::parse(pending.key_file.view()).value();
  const std::span input(data, size);
  try_record(input, key);
  try_record(with_right_digest(input), key);

  auto as_text = Credential::parse(SecretView(input));
  if (as_text) {
    auto text = as_text->text();
    if (!text || !Credential::parse(text->view())) std::abort();
  }
  return 0;
}
