// After seal, no key and no value is left anywhere in the memory of the process.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "tests/memory_scan.hpp"
#include "tests/support/barrier_fixture.hpp"

namespace strongroom::seal_memory_test {
namespace {

using testing::in_memory;
using testing::Masked;
using testing::path;

const Identity kTrusted = Identity::trusted();

// keys_of collects every key of an unsealed store, masked.
std::vector<Masked> keys_of(const PendingInit& pending) {
  const Header header = Header::decode(pending.record).value();
  const Credential key = testing::parsed(pending.key_file);
  const SecretBytes root = std::move(open_root(header, std::span(&key, 1)).value().root);
  const SecretBytes keyring =
      open_blob(root.view(), header.keyring_context(), header.sealed_keyring).value();
  std::vector<Masked> keys;
  keys.emplace_back(root.view());
  keys.emplace_back(key.secret.view());
  for (std::size_t at = 48; at + 32 <= keyring.size(); at += 32) {
    keys.emplace_back(keyring.view().subview(at, 32));
  }
  return keys;
}

TEST(SealMemory, HoldsNeitherKeyNorCanaryAfterSeal) {
  Store store = Store::open("memory:").value();
  std::vector<Masked> keys;
  const Masked canary = Masked::random(40);
  const Masked large_canary = Masked::random(40);
  {
    PendingInit pending = store.as(kTrusted).init({5, 3, true}).value();
    ASSERT_TRUE(store.as(kTrusted).activate(pending));
    const Credential key = testing::parsed(pending.key_file);
    ASSERT_TRUE(store.as(kTrusted).unseal(std::span(&key, 1)));
    keys = keys_of(pending);
    for (const Masked* each : {&canary, &large_canary}) {
      const std::size_t len = each == &canary ? 40 : 100'000;
      SecretBytes value = SecretBytes::for_value(len).value();
      std::fill(value.reveal_mutable().begin(), value.reveal_mutable().end(), std::uint8_t{'.'});
      each->unmask_to(value.reveal_mutable().data());
      const Path name = path(each == &canary ? "small" : "large");
      for (int i = 0; i < 20; ++i)
        ASSERT_TRUE(store.as(kTrusted).put(name, Content::text, value.view()));
    }
    ASSERT_TRUE(store.as(kTrusted).rotate());
    ASSERT_TRUE(store.as(kTrusted).get(path("small")));
    EXPECT_TRUE(in_memory(keys[0])) << "the scan finds what is there";
    auto held = store.as(kTrusted).get(path("large"));
    EXPECT_TRUE(in_memory(large_canary)) << "the scan finds what is there";
  }
  ASSERT_TRUE(store.as(kTrusted).seal());
  EXPECT_FALSE(in_memory(canary));
  EXPECT_FALSE(in_memory(large_canary));
  for (std::size_t i = 0; i < keys.size(); ++i) EXPECT_FALSE(in_memory(keys[i])) << i;
}

TEST(SealMemory, AFailedUnsealLeavesNoKeyEither) {
  Store store = Store::open("memory:").value();
  std::vector<Masked> keys;
  {
    PendingInit pending = store.as(kTrusted).init({0, 0, true}).value();
    ASSERT_TRUE(store.as(kTrusted).activate(pending));
    keys = keys_of(pending);
    Credential wrong = testing::parsed(pending.key_file);
    wrong.secret.reveal_mutable()[0] ^= 1;
    EXPECT_FALSE(store.as(kTrusted).unseal(std::span(&wrong, 1)));
    const Credential key = testing::parsed(pending.key_file);
    ASSERT_TRUE(store.as(kTrusted).seal());
    EXPECT_EQ(store.as(kTrusted).unseal(std::span(&key, 1)).error().code, Code::sealed);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) EXPECT_FALSE(in_memory(keys[i])) << i;
}

}  // namespace
}  // namespace strongroom::seal_memory_test
