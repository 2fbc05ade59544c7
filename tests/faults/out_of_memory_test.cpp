// Memory that runs out: every allocation of an operation fails once. What a caller is told stays true,
// and nothing ends the process.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <new>
#include <string>

#include "strongroom/backend.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "tests/support/barrier_fixture.hpp"

namespace {

// How many more allocations of this thread succeed; negative: all.
thread_local int g_num_left = -1;

void* allocate(std::size_t len) {
  if (g_num_left == 0) {
    g_num_left = -1;
    throw std::bad_alloc();
  }
  if (g_num_left > 0) --g_num_left;
  void* memory = std::malloc(len == 0 ? 1 : len);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t len) {
  return allocate(len);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace strongroom {
namespace {

using testing::Handle;
using testing::parsed;
using testing::path;
using testing::plain;
using testing::secret;
using testing::TestStore;

enum class End { done, failed, out_of_memory };

// failing_at runs f while its allocation of that number, from 0, fails.
// Returns  whether there was one, and sets how f ended.
bool failing_at(int allocation, const std::function<bool()>& f, End& end) {
  g_num_left = allocation;
  try {
    end = f() ? End::done : End::failed;
  } catch (const std::bad_alloc&) {
    end = End::out_of_memory;
  }
  const bool failed = g_num_left < 0;
  g_num_left = -1;
  return failed;
}

constexpr int kMaxAllocations = 5000;

bool opens(TestStore& store, const Credential& key) {
  return store.another(false).unseal(key).ok();
}

// The holder throws the new credentials away when told of a failure, and the old ones when not.
TEST(OutOfMemory, AReplacedKeyOpensExactlyWhenTheChangeWasAcknowledged) {
  int num_done = 0;
  for (int allocation = 0;; ++allocation) {
    SCOPED_TRACE("allocation " + std::to_string(allocation));
    ASSERT_LT(allocation, kMaxAllocations);
    TestStore store;
    SlotChange change;
    change.key_file = true;
    change.remove = {1, 2};
    KeyKeeper& keeper = store.barrier().keys();
    const PendingSlots pending = keeper.prepare_slots(change, nullptr).value();
    const Credential fresh = parsed(pending.key_file);
    End end = End::failed;
    const bool more = failing_at(
        allocation, [&] { return keeper.activate(pending, Permit::always()).ok(); }, end);
    ASSERT_EQ(opens(store, fresh), end == End::done);
    ASSERT_EQ(opens(store, store.key), end != End::done);
    if (end != End::done) {
      ASSERT_TRUE(keeper.activate(pending, Permit::always())) << "the same again, with memory";
    }
    ASSERT_TRUE(keeper.refresh()) << "this process follows";
    if (more && end == End::done) ++num_done;
    if (!more) break;
  }
  EXPECT_GT(num_done, 0) << "some memory was wanted after the commit as well";
}

TEST(OutOfMemory, AWriteIsThereWhenItWasAcknowledgedAndTheStoreGoesOn) {
  TestStore store;
  ASSERT_TRUE(store.barrier().writer().write(path("a"), Content::text, secret("0").view(), {},
                                             Permit::always()));
  std::string last = "0";
  for (int allocation = 0;; ++allocation) {
    SCOPED_TRACE("allocation " + std::to_string(allocation));
    ASSERT_LT(allocation, kMaxAllocations);
    const std::string next = std::to_string(allocation + 1);
    const SecretBytes value = secret(next);
    const Path at = path("a");
    End end = End::failed;
    const auto write = [&] {
      return store.barrier()
          .writer()
          .write(at, Content::text, value.view(), {}, Permit::always())
          .ok();
    };
    const bool more = failing_at(allocation, write, end);
    if (end == End::done) last = next;
    auto found = store.barrier().reader().read(path("a"));
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_EQ(plain(found->value), last);
    if (!more) return;
  }
}

TEST(OutOfMemory, SealWipesTheKeysAllTheSame) {
  for (int allocation = 0;; ++allocation) {
    SCOPED_TRACE("allocation " + std::to_string(allocation));
    ASSERT_LT(allocation, kMaxAllocations);
    TestStore store;
    End end = End::failed;
    const bool more = failing_at(
        allocation, [&] { return store.barrier().keys().seal().ok(); }, end);
    const auto found = store.barrier().reader().read(path("a"));
    ASSERT_FALSE(found);
    ASSERT_EQ(found.error().code, Code::sealed);
    ASSERT_EQ(store.barrier().keys().status()->locked, end == End::done);
    if (!more) return;
  }
}

TEST(OutOfMemory, APolicyIsThereWhenItWasAcknowledgedAndTheStoreGoesOn) {
  TestStore store;
  PolicyRecords& records = store.barrier().policies();
  std::string last;
  for (int allocation = 0;; ++allocation) {
    SCOPED_TRACE("allocation " + std::to_string(allocation));
    ASSERT_LT(allocation, kMaxAllocations);
    const PolicyIndex index = records.index().value();
    const std::string next = std::to_string(allocation + 1);
    End end = End::failed;
    const auto put = [&] {
      auto done = records.put(index, "p", next);
      return done && done->has_value();
    };
    const bool more = failing_at(allocation, put, end);
    if (end == End::done) last = next;
    auto found = records.read();
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_EQ(found->texts, last.empty() ? std::vector<std::string>() : std::vector{last});
    if (!more) return;
  }
}

// What could not be decided is not allowed, and is decided by the next call.
TEST(OutOfMemory, NothingIsAllowedWhileAPolicyCanNotBeLoaded) {
  TestStore near;
  Store owner(near.records->share());
  Store store(near.records->share());
  for (Store* each : {&owner, &store})
    ASSERT_TRUE(each->as(Identity::trusted()).unseal(std::span(&near.key, 1)));
  const Path at = path("a");
  ASSERT_TRUE(owner.as(Identity::trusted()).put(at, Content::text, secret("v").view()));
  const Session alice = store.as(Identity::user("alice"));
  const std::string_view texts[] = {
      R"({"version": 1, "rules": []})",
      R"({"version": 1, "rules": [{"to": ["user:alice"], "allow": ["read"], "paths": ["*"]}]})"};
  bool more = true;
  for (int allocation = 0; more; ++allocation) {
    SCOPED_TRACE("allocation " + std::to_string(allocation));
    ASSERT_LT(allocation, kMaxAllocations);
    more = false;
    for (const bool allowed : {true, false}) {
      ASSERT_TRUE(owner.as(Identity::trusted()).put_policy("p", texts[allowed ? 1 : 0]));
      End end = End::failed;
      const bool failed = failing_at(
          allocation, [&] { return alice.get(at).ok(); }, end);
      more = more || failed;
      if (!allowed) {
        ASSERT_NE(end, End::done);
      }
      ASSERT_EQ(alice.get(at).ok(), allowed);
    }
  }
}

// OnePgp gives each share a message of no meaning.
class OnePgp final : public OpenPgp {
 public:
  Result<std::vector<WrappedShare>> wrap(std::span<const SecretView> texts,
                                         std::span<const ByteView>) override {
    return std::vector<WrappedShare>(texts.size(), {{1, 2, 3}, {4, 5, 6}});
  }
  Result<SecretBytes> unwrap(ByteView, SecretView, SecretView) override {
    return Error{Code::unsupported, "not of this test"};
  }
  Result<OpenPgpPair> generate(unsigned, const std::string&) override {
    return Error{Code::unsupported, "not of this test"};
  }
};

TEST(OutOfMemory, LookingAtASlotDoesNotEndTheProcess) {
  TestStore store;
  OnePgp pgp;
  SlotChange change;
  change.shares = change.threshold = 2;
  change.pgp_keys = {{1}, {2}};
  KeyKeeper& keeper = store.barrier().keys();
  ASSERT_TRUE(keeper.activate(keeper.prepare_slots(change, &pgp).value(), Permit::always()));
  const std::vector<std::uint8_t> record = store.stored(kHeaderKey);
  for (int allocation = 0;; ++allocation) {
    ASSERT_LT(allocation, kMaxAllocations);
    End end = End::failed;
    if (!failing_at(
            allocation, [&] { return Header::decode(record).ok(); }, end))
      break;
    ASSERT_EQ(end, End::out_of_memory);
  }
  for (int allocation = 0;; ++allocation) {
    ASSERT_LT(allocation, kMaxAllocations);
    End end = End::failed;
    if (!failing_at(
            allocation, [&] { return keeper.status().ok(); }, end))
      break;
    ASSERT_NE(end, End::done) << "nothing may be told that was not seen";
  }
}

}  // namespace
}  // namespace strongroom
