// world.hpp: a store over memory, the credentials that people hold at an instant, and what must be
// true of both at every instant.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "barrier_fixture.hpp"
#include "faulty_backend.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"

namespace strongroom::testing {

// copy_records gives a storage that holds the same, to try things on.
inline std::unique_ptr<MemoryBackend> copy_records(const MemoryBackend& from) {
  std::vector<std::pair<std::vector<std::uint8_t>, std::vector<std::uint8_t>>> all;
  const auto take = [&](const Record& record) -> Result<void> {
    all.push_back(
        {{record.key.begin(), record.key.end()}, {record.value.begin(), record.value.end()}});
    return {};
  };
  EXPECT_TRUE(from.share()->snapshot({}, take, kDefaultTimeout));
  std::vector<Change> batch;
  for (const auto& [key, value] : all) batch.push_back({Change::Kind::put, key, value, kAbsent});
  auto copy = std::make_unique<MemoryBackend>();
  EXPECT_TRUE(copy->commit(batch, kDefaultTimeout));
  return copy;
}

// Held is what somebody holds that was handed out to open one slot. Copies share it.
struct Held {
  std::string name;
  std::shared_ptr<std::vector<Credential>> handed_out = std::make_shared<std::vector<Credential>>();

  std::span<const Credential> credentials() const { return *handed_out; }
  void add(const SecretBytes& text) { handed_out->push_back(parsed(text)); }

  // opens tells whether it yields the root key of what is stored.
  bool opens(MemoryBackend& storage) const {
    auto records = read_header_records(storage, kDefaultTimeout);
    return records && open_root(records->header, credentials()).ok();
  }
};

class World {
 public:
  MemoryBackend records;
  std::shared_ptr<Plan> plan = std::make_shared<Plan>();
  std::vector<Held> held;       // of which one must open
  std::vector<Held> forgotten;  // thrown away after a change was acknowledged: none may open
  bool must_exist = false;      // the store was acknowledged
  // What each secret may be; "" is for one that is not there.
  std::map<std::string, std::set<std::string>> secrets;
  // What the stored policies may be, all together; none of these: it is not looked at.
  using Policies = std::map<std::string, std::string>;
  std::set<Policies> policies;

  // establish makes the store: "old key", "old shares" (2 of 3), two secrets, and a policy.
  void establish() {
    const PendingInit pending = prepare_init({3, 2, true}).value();
    take(pending, "old");
    Handle handle(records.share());
    ASSERT_TRUE(handle.barrier->keys().activate(pending));
    must_exist = true;
    ASSERT_TRUE(handle.unseal(held[1].credentials()[0]));
    for (const char* name : {"a/b", "c"}) {
      ASSERT_TRUE(handle.barrier->writer().write(path(name), Content::text, secret("old").view(),
                                                 {}, Permit::always()));
      secrets[name] = {"old"};
    }
    const auto index = handle.barrier->policies().index();
    ASSERT_TRUE(index);
    ASSERT_TRUE(handle.barrier->policies().put(index.value(), "p", "old").value());
    policies = {{{"p", "old"}}};
  }

  // faulty gives a barrier whose every call the plan steers.
  std::unique_ptr<Barrier> faulty() {
    return std::make_unique<Barrier>(std::make_unique<FaultyBackend>(records.share(), plan));
  }

  // ---- people ----

  std::span<const Credential> of(const std::string& name) const {
    const auto it =
        std::find_if(held.begin(), held.end(), [&](const Held& each) { return each.name == name; });
    return it == held.end() ? std::span<const Credential>() : it->credentials();
  }

  // hand_out is a step of the plan: a process that stops before it handed nothing out.
  void hand_out(const Handout& handout, const std::string& whose) {
    if (plan->dead) return;
    if (plan->step()) {
      plan->dead = plan->dead_after;
      if (plan->dead && plan->fault != Fault::unheard) return;
    }
    take(handout, whose);
  }

  void throw_away(const std::string& name) {
    const auto it =
        std::find_if(held.begin(), held.end(), [&](const Held& each) { return each.name == name; });
    if (it == held.end()) return;
    forgotten.push_back(std::move(*it));
    held.erase(it);
  }

  // ---- what must be true ----

  // opened gives a process of now, unsealed by the first credential that opens, or null. It lifts a
  // lock.
  std::unique_ptr<Barrier> opened() const { return opened(records); }
  std::unique_ptr<Barrier> opened(const MemoryBackend& storage) const {
    for (const Held& each : held) {
      auto barrier = std::make_unique<Barrier>(storage.share());
      if (barrier->keys().unseal(each.credentials(), true)) return barrier;
    }
    return nullptr;
  }

  // expect_sound: as expect_opens, and the store can be written to.
  void expect_sound(std::size_t num_torn = 0) const {
    auto barrier = opened();
    if (barrier == nullptr) return expect_no_store(num_torn > 0);
    expect_opens(records, num_torn);
    auto written = barrier->writer().write(path("later"), Content::text, secret("later").view(),
                                           Condition::any(), Permit::always());
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(plain(barrier->reader().read(path("later"))->value), "later");
  }

  // expect_opens: something that is held opens what is stored, nothing thrown away does, and every
  // secret reads, of num_torn records no more than that.
  void expect_opens(const MemoryBackend& storage, std::size_t num_torn = 0) const {
    auto barrier = opened(storage);
    ASSERT_NE(barrier, nullptr) << "nothing that is held opens the store";
    for (const Held& each : forgotten) {
      EXPECT_FALSE(each.opens(*storage.share())) << each.name << " still opens";
    }
    expect_reads(*barrier, num_torn);
  }

  // expect_no_store: nothing was acknowledged, and nothing is there. A storage that is not atomic may
  // have torn the first header that it ever had.
  void expect_no_store(bool torn) const {
    ASSERT_FALSE(must_exist) << "nothing that is held opens the store";
    auto status = Barrier(records.share()).keys().status();
    if (!status) {
      ASSERT_TRUE(torn && status.error().code == Code::corrupt) << status.error().message;
      return;
    }
    ASSERT_FALSE(status->initialized) << "nothing that is held opens the store";
  }

  void expect_reads(Barrier& barrier, std::size_t num_torn = 0) const {
    for (const auto& [name, allowed] : secrets) {
      auto read = barrier.reader().read(path(name));
      if (!read && read.error().code == Code::corrupt && num_torn > 0) {
        --num_torn;
        continue;
      }
      if (!read) {
        ASSERT_EQ(read.error().code, Code::not_found) << name << ": " << read.error().message;
      }
      const std::string now = read ? plain(read->value) : "";
      EXPECT_TRUE(allowed.count(now) != 0) << name << " is '" << now << "'";
    }
    expect_policies(barrier, num_torn > 0);
  }

  // expect_policies: they are what they were before a change or after it, never some of each.
  void expect_policies(Barrier& barrier, bool may_be_torn) const {
    if (policies.empty()) return;
    auto stored = barrier.policies().read();
    if (!stored && may_be_torn) {
      const Code code = stored.error().code;
      EXPECT_TRUE(code == Code::corrupt || code == Code::rollback) << stored.error().message;
      return;
    }
    ASSERT_TRUE(stored) << stored.error().message;
    Policies now;
    for (std::size_t i = 0; i < stored->texts.size(); ++i)
      now[stored->index.entries[i].name] = stored->texts[i];
    EXPECT_TRUE(policies.count(now) != 0) << now.size() << " policies";
  }

 private:
  void take(const Handout& handout, const std::string& whose) {
    if (!handout.shares.empty()) {
      held.push_back({whose + " shares"});
      for (const auto& share : handout.shares) held.back().add(share);
    }
    if (handout.key_file.empty()) return;
    held.push_back({whose + " key"});
    held.back().add(handout.key_file);
  }
};

}  // namespace strongroom::testing
