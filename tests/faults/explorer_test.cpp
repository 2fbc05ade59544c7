// The explorer: two administrators and one store, in every state that a few steps lead to. Each may
// unseal with a right, old or wrong credential or share by share, seal, close, rotate, rekey in all
// its parts, retire, write, or die; each step also with the other one acting in between any two calls
// of the storage, or with its process dying there. It is the real code over the memory backend; a
// state is reached by replaying the shortest way to it.
//
// After every step: something that somebody holds opens the store, nothing thrown away does, every
// secret reads, of two changes at once one wins, and nothing but an operator lifts a lock.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "strongroom/backends/memory.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "tests/support/process.hpp"
#include "tests/support/world.hpp"

namespace strongroom::explorer_test {
namespace {

using testing::copy_records;
using testing::Fault;
using testing::FaultyBackend;
using testing::Held;
using testing::path;
using testing::Plan;
using testing::secret;
using testing::World;

enum class Act {
  unseal,        // with whatever opens, as long as there is no lock
  lift,          // likewise, and lifts the lock
  unseal_old,    // with the first key that there ever was
  unseal_wrong,  // with the key of another store
  first_share,
  second_share,
  seal,
  close,
  rotate,
  rotate_root,
  prepare_rekey,   // a new key instead of all slots, to be given back first
  prepare_add,     // one more key
  prepare_remove,  // of the first slot
  give_back,
  activate,
  cancel,
  retire,  // re-encrypt, then retire all old terms
  put,
  crash,
  count
};

const char* name_of(Act act) {
  constexpr const char* names[] = {"unseal",
                                   "lift",
                                   "unseal with the old key",
                                   "unseal with a wrong key",
                                   "first share",
                                   "second share",
                                   "seal",
                                   "close",
                                   "rotate",
                                   "rotate root",
                                   "prepare a rekey",
                                   "prepare to add",
                                   "prepare to remove",
                                   "give back",
                                   "activate",
                                   "cancel",
                                   "retire",
                                   "put",
                                   "crash"};
  return names[static_cast<int>(act)];
}

// changes_store tells acts that write, which are those worth interleaving.
bool changes_store(Act act) {
  return act == Act::lift || act == Act::seal || act == Act::rotate || act == Act::rotate_root ||
         act == Act::activate || act == Act::retire || act == Act::put;
}

// Step is one act, undisturbed, or with something happening at one call of its storage.
struct Step {
  enum class Twist { none, interleaved, dies_before, dies_after };
  int who = 0;
  Act act = Act::unseal;
  Twist twist = Twist::none;
  int call = 0;
  Act other = Act::unseal;  // what the other one does there
};

std::string name_of(const Step& step) {
  std::string text = std::string(step.who == 0 ? "A: " : "B: ") + name_of(step.act);
  const std::string at = " at call " + std::to_string(step.call);
  if (step.twist == Step::Twist::interleaved)
    return text + ", and the other one" + at + ": " + name_of(step.other);
  if (step.twist == Step::Twist::dies_before) return text + ", dying before" + at;
  if (step.twist == Step::Twist::dies_after) return text + ", dying after" + at;
  return text;
}

// Origin is the store that every replay begins with, made once.
struct Origin {
  World world;
  SecretBytes wrong_key = prepare_init({0, 0, true}).value().key_file;

  Origin() { world.establish(); }
  static const Origin& instance() {
    static const Origin origin;
    return origin;
  }
};

Credential copy_of(const Credential& credential) {
  return Credential::parse(credential.text().value().view()).value();
}

struct Admin {
  std::shared_ptr<Plan> plan = std::make_shared<Plan>();
  std::unique_ptr<Barrier> barrier;
  std::optional<PendingSlots> pending;
  std::string whose;  // the name of what was handed out for it
};

// Scene is a store with two administrators, and what people know of it.
class Scene {
 public:
  Scene() {
    const Origin& origin = Origin::instance();
    world_.held = origin.world.held;
    world_.secrets = origin.world.secrets;
    for (Admin& admin : admins_) open(admin);
  }

  // run does one step and checks what must be true after it.
  // Returns  how many calls of the storage the act made.
  int run(const Step& step, bool check) {
    Admin& admin = admins_[static_cast<std::size_t>(step.who)];
    Admin& other = admins_[static_cast<std::size_t>(1 - step.who)];
    const std::uint64_t before = stored().header.generation;
    changes_ = 0;
    bool lifted = step.act == Act::lift;
    *admin.plan = Plan{};
    if (step.twist == Step::Twist::interleaved) {
      lifted |= step.other == Act::lift;
      admin.plan->before_call = [&](int call) {
        if (call == step.call) act(other, step.other);
      };
    } else if (step.twist != Step::Twist::none) {
      const bool after = step.twist == Step::Twist::dies_after;
      *admin.plan = Plan{step.call, after ? Fault::unheard : Fault::refused, true};
    }
    act(admin, step.act);
    const int num_calls = admin.plan->num_calls;
    const bool died = admin.plan->dead;
    *admin.plan = Plan{};
    if (check) expect_true(step, before, died, lifted);
    if (died) bury(admin);
    return num_calls;
  }

  bool may(int who, Act act) {
    const Admin& admin = admins_[static_cast<std::size_t>(who)];
    const bool unsealed = generation_of(admin) != 0;
    switch (act) {
      case Act::give_back:
        return admin.pending && !admin.pending->ready();
      case Act::activate:
      case Act::cancel:
        return admin.pending.has_value();
      case Act::prepare_rekey:
      case Act::prepare_remove:
        return unsealed && !admin.pending && world_.held.size() < 4;
      case Act::prepare_add:
        return unsealed && !admin.pending && world_.held.size() < 3;
      case Act::rotate:
      case Act::rotate_root:
        return num_terms() < 3;
      case Act::count:
        return false;
      default:
        return true;
    }
  }

  // state is all that matters of this scene for what can come of it. The two administrators are
  // told apart by nothing but their states. It is the last thing to ask a scene for.
  std::string state() {
    std::array<std::string, 2> people = {state_of(admins_[0]), state_of(admins_[1])};
    if (people[1] < people[0]) std::swap(people[0], people[1]);
    const HeaderRecords records = stored();
    std::string text = records.header.locked ? "locked " : "open ";
    for (const Slot& slot : records.header.slots) text += has_key(slot.kind) ? 'k' : 's';
    text += " terms " + std::to_string(num_terms()) + " held";
    for (const Held& each : world_.held) {
      text += each.opens(*records_) ? " +" : " -";
      text += each.name.substr(0, 3) == "old" ? each.name : "";
    }
    return text + " | " + people[0] + " | " + people[1];
  }
  bool same_states() { return state_of(admins_[0]) == state_of(admins_[1]); }

 private:
  void open(Admin& admin) {
    admin.barrier =
        std::make_unique<Barrier>(std::make_unique<FaultyBackend>(records_->share(), admin.plan));
  }
  HeaderRecords stored() { return read_header_records(*records_, kDefaultTimeout).value(); }
  static std::uint64_t generation_of(const Admin& admin) {
    auto generation = admin.barrier->keys().with_keys(
        [](const Keys& keys) -> Result<std::uint64_t> { return keys.records.header.generation; });
    return generation ? generation.value() : 0;
  }
  std::size_t num_terms() {
    auto barrier = world_.opened(*copy_records(*records_));
    if (barrier == nullptr) return 0;
    return barrier->keys()
        .with_keys([](const Keys& keys) -> Result<std::size_t> { return keys.keyring.num_terms(); })
        .value();
  }
  std::string state_of(const Admin& admin) {
    const HeaderRecords records = stored();
    const std::uint64_t generation = generation_of(admin);
    std::string text = generation == 0                           ? "sealed"
                       : generation == records.header.generation ? "current"
                                                                 : "behind";
    if (admin.pending) {
      text += " pending " + std::to_string(admin.pending->add->size()) +
              std::to_string(admin.pending->remove.size()) +
              (admin.pending->ready() ? " ready" : "") +
              (admin.pending->table == records.header.fixed_table() ? "" : " stale");
    }
    auto status = admin.barrier->keys().status();
    return text + " " + std::to_string(status ? status->progress.progress : 9);
  }

  // ---- acts ----

  // act does it, and counts the changes of the header that were acknowledged.
  void act(Admin& admin, Act what) {
    KeyKeeper& keys = admin.barrier->keys();
    switch (what) {
      case Act::unseal:
      case Act::lift: {
        const std::vector<Held> held = world_.held;  // the other one may throw some away meanwhile
        for (const Held& each : held) {
          if (keys.unseal(each.credentials(), what == Act::lift)) return;
        }
        return;
      }
      case Act::unseal_old:
        return unseal_old(keys);
      case Act::unseal_wrong: {
        const Credential wrong = testing::parsed(Origin::instance().wrong_key);
        EXPECT_FALSE(keys.unseal(std::span(&wrong, 1), true));
        return;
      }
      case Act::first_share:
      case Act::second_share: {
        const auto& shares = Origin::instance().world.held[0].credentials();
        (void)keys.submit(copy_of(shares[what == Act::first_share ? 0 : 1]));
        return;
      }
      case Act::seal: {
        sealed_ = keys.seal().ok();
        EXPECT_EQ(generation_of(admin), 0u) << "sealed here in any case";
        return;
      }
      case Act::close:
        return keys.close();
      case Act::rotate:
        return acknowledged(keys.rotate(Permit::always()));
      case Act::rotate_root:
        return acknowledged(keys.rotate_root(Permit::always()));
      case Act::prepare_rekey:
      case Act::prepare_add:
      case Act::prepare_remove:
        return prepare(admin, what);
      case Act::give_back:
        if (!admin.pending) return;
        for (const Credential& each : world_.of(admin.whose + " key")) {
          EXPECT_TRUE(give_back(*admin.pending, copy_of(each)));
        }
        return;
      case Act::activate:
        return activate(admin);
      case Act::cancel:
        return cancel(admin);
      case Act::retire:
        return retire(*admin.barrier);
      case Act::put:
        (void)admin.barrier->writer().write(path("a/b"), Content::text, secret("old").view(), {},
                                            Permit::always());
        return;
      case Act::crash:
        admin.plan->dead = true;
        return;
      case Act::count:
        return;
    }
  }

  void unseal_old(KeyKeeper& keys) {
    const auto& old = Origin::instance().world.held[1].credentials();
    const bool done = keys.unseal(old).ok();
    const bool thrown_away = world_.of("old key").empty();
    EXPECT_FALSE(done && thrown_away) << "a key that was removed unsealed";
  }

  void prepare(Admin& admin, Act what) {
    const HeaderRecords records = stored();
    const Header& header = records.header;
    SlotChange change;
    change.key_file = what != Act::prepare_remove;
    change.verify = what == Act::prepare_rekey;
    if (what == Act::prepare_remove) change.remove = {header.slots.front().id};
    if (what == Act::prepare_rekey) {
      for (const Slot& slot : header.slots) change.remove.push_back(slot.id);
    }
    auto pending = admin.barrier->keys().prepare_slots(change, nullptr);
    if (!pending) {
      EXPECT_TRUE(what == Act::prepare_remove || pending.error().code != Code::invalid);
      return;
    }
    admin.whose = "new" + std::to_string(num_handed_out_++);
    world_.hand_out(pending.value(), admin.whose);
    admin.pending = std::move(pending).value();
  }

  void activate(Admin& admin) {
    if (!admin.pending) return;
    auto done = admin.barrier->keys().activate(*admin.pending, Permit::always());
    if (admin.plan->dead) return;  // nobody knows
    acknowledged(done);
    if (done) {
      for (const SlotId id : admin.pending->remove) throw_away_slot(id, admin.whose);
      admin.pending.reset();
    } else if (done.error().code == Code::conflict) {
      cancel(admin);
    } else {
      EXPECT_TRUE(done.error().code == Code::invalid || done.error().code == Code::sealed)
          << done.error().message;
    }
  }

  // cancel forgets the change; what was handed out for it is waste paper.
  void cancel(Admin& admin) {
    if (!admin.pending) return;
    admin.pending.reset();
    world_.throw_away(admin.whose + " key");
  }

  // retire raises the generation where there was anything to retire.
  void retire(Barrier& barrier) {
    const auto always = [](const ReencryptProgress&) { return true; };
    if (barrier.reencryption({100}).run(always)) acknowledged(testing::retire(barrier, always));
  }

  template <typename T>
  void acknowledged(const Result<T>& done) {
    changes_ += done.ok() ? 1 : 0;
  }

  void throw_away_slot(SlotId id, const std::string& but) {
    for (const Held& each : world_.held) {
      const Credential& one = each.credentials().front();
      const bool of_slot = one.kind == Credential::Kind::share ? id == 1 : one.slot == id;
      // Two may have prepared a slot of the same number. The other's was never in the store.
      if (of_slot && each.name != but + " key") return world_.throw_away(std::string(each.name));
    }
  }

  // bury opens a new process in place of one that died. What nobody knows, people find out.
  void bury(Admin& admin) {
    admin.pending.reset();
    open(admin);
    std::vector<std::string> useless;
    for (const Held& each : world_.held) {
      const bool wanted = &admin != &admins_[0] ? admins_[0].pending && is_of(each, admins_[0])
                                                : admins_[1].pending && is_of(each, admins_[1]);
      if (!wanted && !each.opens(*records_)) useless.push_back(each.name);
    }
    for (const std::string& name : useless) world_.throw_away(name);
  }
  static bool is_of(const Held& each, const Admin& admin) {
    return each.name == admin.whose + " key";
  }

  // ---- what must be true ----

  void expect_true(const Step& step, std::uint64_t before, bool died, bool lifted) {
    const HeaderRecords records = stored();
    const std::uint64_t now = records.header.generation;
    if (!died) {
      EXPECT_EQ(now - before, changes_) << "each acknowledged change is one generation";
    }
    const bool sealed = step.act == Act::seal ||
                        (step.twist == Step::Twist::interleaved && step.other == Act::seal);
    if (sealed && sealed_ && !died && !lifted) {
      EXPECT_TRUE(records.header.locked) << "a lock was lifted by somebody who was not asked to";
    }
    sealed_ = false;
    world_.expect_opens(*copy_records(*records_));
  }

  World world_;  // its people; the records are
  std::unique_ptr<MemoryBackend> records_ = copy_records(Origin::instance().world.records);
  std::array<Admin, 2> admins_;
  std::uint64_t changes_ = 0;
  bool sealed_ = false;
  int num_handed_out_ = 0;
};

using Way = std::vector<Step>;

std::string name_of(const Way& way) {
  std::string text;
  for (const Step& step : way) text += "\n  " + name_of(step);
  return text;
}

// Explorer goes breadth-first from several states, to each other one by the shortest way.
class Explorer {
 public:
  Explorer(std::size_t max_depth, std::size_t max_twisted_depth)
      : max_depth_(max_depth), max_twisted_depth_(max_twisted_depth) {}

  void begin_at(const Way& way) {
    states_.insert(replay(way)->state());
    queue_.push_back({way, 0});
  }
  void explore() {
    while (!queue_.empty() && !::testing::Test::HasFailure()) {
      const Place place = std::move(queue_.front());
      queue_.pop_front();
      if (place.depth < max_depth_) leave(place);
    }
  }
  std::size_t num_states() const { return states_.size(); }
  std::size_t num_transitions() const { return num_transitions_; }

 private:
  // Place is a state, by the way to it, so many steps from where it began.
  struct Place {
    Way way;
    std::size_t depth;
  };

  // replay gives the scene at the end of a way that was checked before.
  static std::unique_ptr<Scene> replay(const Way& way) {
    auto scene = std::make_unique<Scene>();
    for (const Step& step : way) scene->run(step, false);
    return scene;
  }

  // leave takes every step that leads on.
  void leave(const Place& place) {
    auto scene = replay(place.way);
    std::vector<Step> steps;
    for (int who = 0; who < 2; ++who) {
      for (int act = 0; act < static_cast<int>(Act::count); ++act) {
        if (scene->may(who, static_cast<Act>(act))) steps.push_back({who, static_cast<Act>(act)});
      }
    }
    if (scene->same_states()) {
      std::erase_if(steps, [](const Step& step) { return step.who == 1; });
    }
    const bool twisted = place.depth < max_twisted_depth_;
    for (const Step& step : steps) {
      const int num_calls = take(place, step);
      if (!twisted || !changes_store(step.act)) continue;
      for (int call = 0; call < num_calls; ++call) twist(place, step, call);
    }
  }

  // twist lets the process die at that call, or the other one act there.
  void twist(const Place& place, Step step, int call) {
    step.call = call;
    for (const auto death : {Step::Twist::dies_before, Step::Twist::dies_after}) {
      step.twist = death;
      take(place, step);
    }
    step.twist = Step::Twist::interleaved;
    for (int act = 0; act < static_cast<int>(Act::count); ++act) {
      step.other = static_cast<Act>(act);
      if (changes_store(step.other)) take(place, step);
    }
  }

  // take checks one step, and notes the state that it leads to.
  int take(const Place& place, const Step& step) {
    if (::testing::Test::HasFailure()) return 0;
    Way on = place.way;
    on.push_back(step);
    SCOPED_TRACE(name_of(on));
    auto scene = replay(place.way);
    const int num_calls = scene->run(step, true);
    ++num_transitions_;
    if (states_.insert(scene->state()).second) queue_.push_back({std::move(on), place.depth + 1});
    return num_calls;
  }

  const std::size_t max_depth_;
  const std::size_t max_twisted_depth_;
  std::unordered_set<std::string> states_;
  std::deque<Place> queue_;
  std::size_t num_transitions_ = 0;
};

// beginnings are where to explore from: sealed; both unsealed; each with a change that is ready; one
// of them done; one of them overtaken; half-way through a round of shares when the store is sealed.
std::vector<Way> beginnings() {
  const Way unsealed = {{0, Act::unseal}, {1, Act::unseal}};
  std::vector<Way> ways = {{}, unsealed, unsealed, unsealed, unsealed, unsealed, unsealed};
  const auto go_on = [](Way& way, std::vector<Step> steps) {
    way.insert(way.end(), steps.begin(), steps.end());
  };
  const Step rekey{0, Act::prepare_rekey};
  const Step back{0, Act::give_back};
  go_on(ways[2], {rekey, back, {1, Act::prepare_rekey}, {1, Act::give_back}});
  go_on(ways[3], {{0, Act::prepare_remove}, {1, Act::prepare_add}});
  go_on(ways[4], {rekey, back, {0, Act::activate}});
  go_on(ways[5], {rekey, back, {1, Act::rotate_root}});
  go_on(ways[6], {{0, Act::close}, {0, Act::first_share}, {1, Act::seal}});
  return ways;
}

// explore goes from the beginnings `from` to `to`, which is not one of them.
Explorer explore(std::size_t from, std::size_t to) {
  const bool is_long = std::getenv("STRONGROOM_LONG_TESTS") != nullptr;
  const std::size_t depth = testing::kSanitized ? 1 : is_long ? 3 : 2;
  Explorer explorer(depth, is_long ? 2 : 1);
  const auto ways = beginnings();
  for (std::size_t i = from; i < std::min(to, ways.size()); ++i) explorer.begin_at(ways[i]);
  explorer.explore();
  return explorer;
}

TEST(Explorer, InEveryStateSomethingHeldOpensAndEverySecretReads) {
  const Explorer explorer = explore(0, 4);
  RecordProperty("states", static_cast<int>(explorer.num_states()));
  RecordProperty("transitions", static_cast<int>(explorer.num_transitions()));
  // So that the search does not become a smaller one unnoticed.
  EXPECT_GE(explorer.num_states(), testing::kSanitized ? 40u : 450u);
  EXPECT_GE(explorer.num_transitions(), testing::kSanitized ? 400u : 3200u);
}

// The other beginnings, so that both halves can be explored at the same time.
TEST(Explorer, InEveryStateAfterAChangeSomethingHeldOpensAndEverySecretReads) {
  const Explorer explorer = explore(4, 7);
  RecordProperty("states", static_cast<int>(explorer.num_states()));
  RecordProperty("transitions", static_cast<int>(explorer.num_transitions()));
  // So that the search does not become a smaller one unnoticed.
  EXPECT_GE(explorer.num_states(), testing::kSanitized ? 40u : 280u);
  EXPECT_GE(explorer.num_transitions(), testing::kSanitized ? 400u : 2700u);
}

}  // namespace
}  // namespace strongroom::explorer_test
