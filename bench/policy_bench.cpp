// policy_bench.cpp: the cost of a policy.
//
//   decide/<rules>/same     a decision, on 256 paths of the first ten of the rules
//   decide/<rules>/all      on 256 paths, or /cold 65,536, of any of the rules
//   decide/hash             keyed BLAKE2b-256 of 64 bytes, by libsodium
//   compile/<rules>         from rules to a policy
//   sort/<rules>            sorting the texts of their patterns
//   get/policy, get/none    Session::get of 1 KiB from LMDB by a user under 10,000 rules, and by a trusted
//                           caller of a store without rules
//
// The rules are mixed: 60 % name one path, 25 % end in '**', 15 % have a '*'. Paths have two to six segments.
// The rules are for users, services and groups, and one in ten denies. The caller is a user with three groups.
#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "bench_main.hpp"
#include "scratch.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"

namespace {

std::size_t num_allocations = 0;

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t len) {
  ++num_allocations;
  void* const memory = std::malloc(len == 0 ? 1 : len);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace strongroom::bench {
namespace {

using Dice = std::mt19937_64;

std::size_t throw_dice(Dice& dice, std::size_t n) {
  return dice() % n;
}

std::string numbered(const char* what, Dice& dice, std::size_t n) {
  return what + std::to_string(throw_dice(dice, n));
}

// some_path returns a path such as a company has: there are as many teams as it takes for 50 rules each.
std::vector<std::string> some_path(Dice& dice, std::size_t num_rules) {
  std::vector<std::string> path = {numbered("team-", dice, 1 + num_rules / 50)};
  const std::size_t num_segments = 2 + throw_dice(dice, 5);
  if (num_segments > 2) path.push_back(numbered("app-", dice, 20));
  if (num_segments > 3) path.push_back(numbered("environment-", dice, 3));
  if (num_segments > 4) path.push_back(numbered("component-", dice, 10));
  if (num_segments > 5) path.push_back(numbered("node-", dice, 10));
  path.push_back(numbered("key-", dice, 1000));
  return path;
}

std::string joined(const std::vector<std::string>& path) {
  std::string text;
  for (const std::string& segment : path) text += (text.empty() ? "" : "/") + segment;
  return text;
}

Subject some_subject(Dice& dice, std::size_t num_rules) {
  const std::size_t kind = throw_dice(dice, 10);
  if (kind < 4) return {Subject::Kind::user, numbered("person-", dice, 1 + num_rules / 10)};
  if (kind < 6) return {Subject::Kind::service, numbered("service-", dice, 1 + num_rules / 10)};
  return {Subject::Kind::group, numbered("group-", dice, 1 + num_rules / 100)};
}

PolicyRule some_rule(Dice& dice, std::size_t num_rules) {
  PolicyRule rule;
  rule.subjects = {some_subject(dice, num_rules)};
  if (throw_dice(dice, 4) == 0) rule.subjects.push_back(some_subject(dice, num_rules));
  const ActionSet actions = ActionSet(Action::read) | Action::list;
  (throw_dice(dice, 10) == 0 ? rule.deny : rule.allow) = actions;
  std::vector<std::string> path = some_path(dice, num_rules);
  const std::size_t kind = throw_dice(dice, 100);
  if (kind < 25) {
    path.back() = "**";
  } else if (kind < 40) {
    path[throw_dice(dice, path.size())] = "*";
  }
  rule.paths = {{joined(path), {}}};
  return rule;
}

const PolicyRules& mixed_rules(std::size_t num_rules) {
  static std::map<std::size_t, PolicyRules> made;
  auto [found, fresh] = made.try_emplace(num_rules);
  if (!fresh) return found->second;
  Dice dice(1);
  // The first ten are the same for every number of rules.
  for (std::size_t i = 0; i < num_rules; ++i) {
    found->second.rules.push_back(some_rule(dice, i < 10 ? 1000 : num_rules));
  }
  return found->second;
}

const std::shared_ptr<const CompiledPolicy>& policy_of(std::size_t num_rules) {
  static std::map<std::size_t, std::shared_ptr<const CompiledPolicy>> made;
  auto& policy = made[num_rules];
  if (!policy) policy = must(CompiledPolicy::compile(mixed_rules(num_rules)));
  return policy;
}

// paths_under returns num paths, each of which matches one of the first num_rules rules.
std::vector<Path> paths_under(const PolicyRules& rules, std::size_t num_rules, std::size_t num) {
  Dice dice(2);
  std::vector<Path> paths;
  while (paths.size() < num) {
    std::string text = rules.rules[throw_dice(dice, num_rules)].paths[0].text;
    if (text.ends_with("**")) text.replace(text.size() - 2, 2, numbered("key-", dice, 1000));
    if (const std::size_t star = text.find('*'); star != std::string::npos) {
      text.replace(star, 1, star == 0 ? numbered("team-", dice, 20) : numbered("app-", dice, 20));
    }
    paths.push_back(must(Path::parse(text)));
  }
  return paths;
}

// asker returns a user to whom some of the first ten rules apply, whatever rules follow.
Identity asker() {
  std::string id;
  std::vector<std::string> groups;
  for (std::size_t i = 0; i < 10; ++i) {
    const Subject& subject = mixed_rules(10).rules[i].subjects[0];
    if (subject.kind == Subject::Kind::user && id.empty()) id = subject.name;
    if (subject.kind == Subject::Kind::group && groups.size() < 3) groups.push_back(subject.name);
  }
  if (id.empty() || groups.size() < 3) give_up("the first rules know too few subjects");
  return Identity::user(id, groups);
}

// ---- cases ----

void decide(benchmark::State& state, std::size_t num_rules, std::size_t paths_of, std::size_t num) {
  const CompiledPolicy& policy = *policy_of(num_rules);
  const std::vector<Path> paths =
      paths_under(mixed_rules(std::max(paths_of, num_rules)), paths_of, num);
  const Identity who = asker();
  std::size_t next = 0;
  std::size_t allowed = 0;
  for (const Path& path : paths) {  // once, so that the first look-up of names is over
    allowed += policy.decide(who, Action::read, path) == Decision::allowed ? 1 : 0;
  }
  const std::size_t before = num_allocations;
  for (auto _ : state) {
    Decision decision = policy.decide(who, Action::read, paths[next]);
    benchmark::DoNotOptimize(decision);
    if (++next == num) next = 0;
  }
  state.counters["allocations"] = static_cast<double>(num_allocations - before);
  state.counters["allowed"] = static_cast<double>(allowed) / static_cast<double>(num);
  state.counters["nodes"] = static_cast<double>(policy.num_nodes());
  state.counters["memory_bytes"] = static_cast<double>(policy.memory_bytes());
  state.counters["longest_probe"] = static_cast<double>(policy.longest_probe());
}

void hash(benchmark::State& state) {
  unsigned char message[64];
  unsigned char key[crypto_generichash_KEYBYTES];
  unsigned char out[crypto_generichash_BYTES];
  randombytes_buf(message, sizeof message);
  randombytes_buf(key, sizeof key);
  for (auto _ : state) {
    crypto_generichash(out, sizeof out, message, sizeof message, key, sizeof key);
    benchmark::DoNotOptimize(out);
  }
}

void compile(benchmark::State& state, std::size_t num_rules) {
  const PolicyRules& rules = mixed_rules(num_rules);
  for (auto _ : state) {
    auto policy = CompiledPolicy::compile(rules);
    if (!policy) return state.SkipWithError(policy.error().message.c_str());
    benchmark::DoNotOptimize(policy);
  }
}

void sort(benchmark::State& state, std::size_t num_rules) {
  std::vector<std::string_view> texts;
  for (const PolicyRule& rule : mixed_rules(num_rules).rules) texts.push_back(rule.paths[0].text);
  for (auto _ : state) {
    std::vector<std::string_view> sorted = texts;
    std::sort(sorted.begin(), sorted.end());
    benchmark::DoNotOptimize(sorted.data());
  }
}

constexpr std::size_t kNumSecrets = 64;

// GuardedStore holds a few secrets of 1 KiB, with a policy or without.
class GuardedStore {
 public:
  GuardedStore(const std::filesystem::path& directory, std::shared_ptr<const Policy> policy)
      : store_(must(Store::open("lmdb:" + directory.string(), {.policy = std::move(policy)}))) {
    const Session all = store_.as(Identity::trusted());
    const PendingInit pending = must(all.init({.key_file = true}));
    must(all.activate(pending));
    const Credential key = must(Credential::parse(pending.key_file.view()));
    must(all.unseal(key));
    const SecretBytes value = must(SecretBytes::for_value(1024));
    for (std::size_t i = 0; i < kNumSecrets; ++i) {
      paths_.push_back("bench/policy/secret-" + std::to_string(i));
      if (!all.put(paths_.back(), Content::binary, value.view())) give_up("a put failed");
    }
  }

  Session as(const Identity& who) const { return store_.as(who); }

  bool get(const Session& session, std::size_t i) const { return session.get(paths_[i]).ok(); }

 private:
  Store store_;
  std::vector<std::string> paths_;
};

std::shared_ptr<const Policy> policy_for_store() {
  PolicyRules rules = mixed_rules(10'000);
  PolicyRule mine;
  mine.subjects = {{Subject::Kind::group, "readers"}};
  mine.allow = Action::read;
  mine.paths = {{"bench/*/**", {}}};
  rules.rules.push_back(mine);
  return must(CompiledPolicy::compile(rules));
}

void get(benchmark::State& state, const GuardedStore& store, const Identity& who) {
  const Session session = store.as(who);
  std::size_t next = 0;
  for (auto _ : state) {
    if (!store.get(session, next)) return state.SkipWithError("a get failed");
    next = (next + 1) % kNumSecrets;
  }
}

void add_decisions() {
  for (const std::size_t num_rules : {10U, 10'000U, 100'000U}) {
    const std::string name = "decide/" + std::to_string(num_rules);
    benchmark::RegisterBenchmark((name + "/same").c_str(), decide, num_rules, 10, 256);
    if (num_rules == 10) continue;
    benchmark::RegisterBenchmark((name + "/all").c_str(), decide, num_rules, num_rules, 256);
    benchmark::RegisterBenchmark((name + "/cold").c_str(), decide, num_rules, num_rules, 65'536);
    benchmark::RegisterBenchmark(("compile/" + std::to_string(num_rules)).c_str(), compile,
                                 num_rules);
    benchmark::RegisterBenchmark(("sort/" + std::to_string(num_rules)).c_str(), sort, num_rules);
  }
  benchmark::RegisterBenchmark("decide/hash", hash);
}

}  // namespace
}  // namespace strongroom::bench

int main(int argc, char** argv) {
  using namespace strongroom;
  using namespace strongroom::bench;
  const std::string dir = option(argc, argv, "dir").value_or("/tmp");
  if (sodium_init() < 0) give_up("libsodium did not start");
  add_decisions();
  const Scratch guarded(std::nullopt, dir);
  const Scratch open(std::nullopt, dir);
  GuardedStore with(guarded.path(), policy_for_store());
  GuardedStore without(open.path(), nullptr);
  const Identity reader = Identity::user("reader", {"one", "readers", "another"});
  const Identity trusted = Identity::trusted();
  benchmark::RegisterBenchmark("get/policy", [&](benchmark::State& s) { get(s, with, reader); });
  benchmark::RegisterBenchmark("get/none", [&](benchmark::State& s) { get(s, without, trusted); });
  return run(argc, argv);
}
