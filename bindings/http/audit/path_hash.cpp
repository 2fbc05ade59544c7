#include "audit/path_hash.hpp"

#include <nettle/hmac.h>
#include <sodium.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "state/state_dir.hpp"

namespace strongroomd {
namespace {

constexpr std::size_t kPathKeyLen = 32;
constexpr const char* kPathKeyName = "audit-path-key";

strongroom_abi::Secret path_key(const StateDir& dir) {
  if (auto key = dir.read(kPathKeyName)) {
    if (key->size() == kPathKeyLen) return std::move(*key);
    throw std::runtime_error(
        "'" + dir.path_of(kPathKeyName) +
        "' is no key for the paths in the audit log: it must have 32 bytes; move "
        "it away, and a new one is made");
  }
  strongroom_abi::Secret key(kPathKeyLen);
  ::randombytes_buf(key.writable(), key.size());
  dir.write(kPathKeyName, key.reveal());
  return key;
}

// context_in is where the state of nettle is in locked memory, at an address that suits it.
hmac_sha256_ctx* context_in(strongroom_abi::Secret& memory) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(memory.writable());
  const std::uintptr_t shift = (0 - address) % alignof(hmac_sha256_ctx);
  return reinterpret_cast<hmac_sha256_ctx*>(memory.writable() + shift);
}

}  // namespace

PathHash::PathHash(const StateDir& dir)
    : context_(sizeof(hmac_sha256_ctx) + alignof(hmac_sha256_ctx)) {
  const strongroom_abi::Secret key = path_key(dir);
  hmac_sha256_set_key(context_in(context_), key.size(),
                      reinterpret_cast<const std::uint8_t*>(key.reveal().data()));
}

std::array<std::uint8_t, 32> PathHash::of(std::string_view path) noexcept {
  std::array<std::uint8_t, 32> hash;
  hmac_sha256_ctx* const context = context_in(context_);
  if (!path.empty())
    hmac_sha256_update(context, path.size(), reinterpret_cast<const std::uint8_t*>(path.data()));
  hmac_sha256_digest(context, hash.size(), hash.data());  // and is ready for the next one
  return hash;
}

}  // namespace strongroomd
