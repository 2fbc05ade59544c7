// barrier_fixture.hpp: a store over memory, with what its administrator was handed.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "secret_text.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/path.hpp"
#include "strongroom/slots.hpp"

namespace strongroom::testing {

inline Path path(std::string_view text) {
  return Path::parse(text).value();
}

inline std::string plain(const SecretBytes& secret) {
  return std::string(secret.reveal_text());
}

inline std::vector<std::uint8_t> bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

inline Credential parsed(const SecretBytes& text) {
  return Credential::parse(text.view()).value();
}

// done gives what came of a write whose permit always holds.
template <typename T>
Result<T> done(Result<Fenced<T>> written) {
  if (!written) return std::move(written).error();
  return std::move(**written);
}

// retire drops the old data keys of a store, as somebody who may.
inline Result<void> retire(Barrier& barrier, ReencryptObserver observer) {
  auto first = done(barrier.retirement().begin(Permit::always()));
  if (!first) return std::move(first).error();
  if (auto needless = barrier.retirement().check(*first, observer); !needless) return needless;
  auto retired = done(barrier.keys().retire(*first, Permit::always()));
  return retired ? Result<void>() : std::move(retired).error();
}

// Handle is one process's view of a store: its own keys over shared records.
struct Handle {
  MemoryBackend* backend;  // owned by barrier
  std::unique_ptr<Barrier> barrier;

  explicit Handle(std::unique_ptr<MemoryBackend> from)
      : backend(from.get()), barrier(std::make_unique<Barrier>(std::move(from))) {}

  Result<void> unseal(const Credential& credential, bool lift_lock = false) {
    return barrier->keys().unseal(std::span(&credential, 1), lift_lock);
  }
};

// TestStore is initialised, with a key file and 3 of 5 shares, and unsealed.
struct TestStore {
  std::unique_ptr<MemoryBackend> records = std::make_unique<MemoryBackend>();
  PendingInit pending;
  Credential key;
  std::vector<Credential> shares;
  Handle first{records->share()};

  explicit TestStore(std::uint32_t max_secret_len = kDefaultMaxSecretLen)
      : pending(prepare_init({5, 3, true, max_secret_len}).value()), key(parsed(pending.key_file)) {
    for (const auto& share : pending.shares) shares.push_back(parsed(share));
    EXPECT_TRUE(first.barrier->keys().activate(pending));
    EXPECT_TRUE(first.unseal(key));
  }

  Barrier& barrier() { return *first.barrier; }

  // another gives a second handle, as another process would have it.
  Handle another(bool unsealed = true) {
    Handle handle(records->share());
    if (unsealed) {
      EXPECT_TRUE(handle.unseal(key));
    }
    return handle;
  }

  // stored reads a record as it lies in the backend.
  std::vector<std::uint8_t> stored(ByteView record_key) {
    std::vector<std::uint8_t> found;
    EXPECT_TRUE(records->read(
        std::span(&record_key, 1),
        [&](std::size_t, const Record& record) {
          found.assign(record.value.begin(), record.value.end());
        },
        kDefaultTimeout));
    return found;
  }

  // tamper replaces a record behind the barrier's back.
  void tamper(ByteView record_key, ByteView value) {
    const Change change{Change::Kind::put, record_key, value, kAny};
    EXPECT_TRUE(records->commit(std::span(&change, 1), kDefaultTimeout));
  }

  // keys_with gives all backend keys that begin with one letter.
  std::vector<std::vector<std::uint8_t>> keys_with(char letter) {
    const std::uint8_t prefix = static_cast<std::uint8_t>(letter);
    std::vector<std::vector<std::uint8_t>> keys;
    EXPECT_TRUE(records->scan(
        std::span(&prefix, 1), {}, 100'000,
        [&](const Record& record) { keys.emplace_back(record.key.begin(), record.key.end()); },
        kDefaultTimeout));
    return keys;
  }
};

}  // namespace strongroom::testing
