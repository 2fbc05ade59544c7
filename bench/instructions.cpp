// instructions.cpp: the hot paths, for bench/count_instructions to count. Instruction counts say nothing about
// caches, but noise does not change them.
//
//   instructions get|put|list|open|seal|decision COUNT
//
// The work has a fixed size: 1,000 secrets of 512 bytes in memory, a folder of 100, a policy of 1,000 rules.
// The caller runs COUNT and twice the COUNT. In the difference, set-up and shutdown cancel out.
#include <sodium.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"

// Replaces the kernel's random bytes by the same ones in every run: the order of keys and names decides how
// long a search takes.
extern "C" ssize_t getrandom(void* out, std::size_t len, unsigned) noexcept {
  static std::uint64_t state = 1;
  auto* const bytes = static_cast<unsigned char*>(out);
  for (std::size_t i = 0; i < len; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    bytes[i] = static_cast<unsigned char>(state >> 56U);
  }
  return static_cast<ssize_t>(len);
}

namespace strongroom::bench {
namespace {

constexpr std::size_t kNumSecrets = 1000;
constexpr std::size_t kNumInFolder = 100;
constexpr std::size_t kNumRules = 1000;
constexpr std::size_t kValueLen = 512;

[[noreturn]] void give_up(const std::string& why) {
  std::cerr << "instructions: " << why << '\n';
  std::exit(1);
}

template <typename T>
T must(Result<T> result) {
  if (!result) give_up(result.error().message);
  return std::move(result).value();
}

class Work {
 public:
  Work()
      : session_(must(Store::open("memory:")).as(Identity::trusted())),
        value_(must(SecretBytes::for_value(kValueLen))) {
    std::ranges::fill(value_.reveal_mutable(), std::uint8_t{7});
    const PendingInit pending = must(session_.init({.key_file = true}));
    if (!session_.activate(pending)) give_up("init failed");
    const Credential key = must(Credential::parse(pending.key_file.view()));
    if (!session_.unseal(key)) give_up("unseal failed");
    for (std::size_t i = 0; i < kNumSecrets; ++i) {
      const std::string folder = "folder-" + std::to_string(i / kNumInFolder);
      paths_.push_back(folder + "/secret-" + std::to_string(i));
      put(i);
    }
  }

  void get(std::size_t i) {
    if (!session_.get(paths_[i % kNumSecrets])) give_up("a get failed");
  }
  void put(std::size_t i) {
    if (!session_.put(paths_[i % kNumSecrets], Content::binary, value_.view())) {
      give_up("a put failed");
    }
  }
  void list(std::size_t) {
    if (must(session_.list(folder_)).size() != kNumInFolder) give_up("a list was incomplete");
  }

 private:
  const Session session_;
  SecretBytes value_;
  std::vector<std::string> paths_;
  const std::string folder_ = "folder-3";
};

class Envelopes {
 public:
  Envelopes() : value_(must(SecretBytes::for_value(kValueLen))) {
    std::ranges::fill(value_.reveal_mutable(), std::uint8_t{7});
    envelope_.resize(kEnvelopeOverhead + kValueLen);
    seal(0);
  }

  void seal(std::size_t) {
    if (!seal_envelope(keyring_, place(), RecordKind::secret, Revision(7), metadata_, value_.view(),
                       envelope_)) {
      give_up("seal_envelope failed");
    }
  }
  void open(std::size_t) {
    if (!open_envelope(keyring_, place(), envelope_)) give_up("open_envelope failed");
  }

 private:
  Place place() const noexcept { return {store_, location_}; }

  Keyring keyring_ = must(Keyring::create());
  const StoreId store_{};
  const Location location_{};
  const Metadata metadata_{Content::binary, 1'700'000'000'000, 1'700'000'000'000};
  SecretBytes value_;
  std::vector<std::uint8_t> envelope_;
};

class Decisions {
 public:
  Decisions() {
    PolicyRules rules;
    for (std::size_t i = 0; i < kNumRules; ++i) {
      PolicyRule rule;
      rule.subjects = {{Subject::Kind::group, "group-" + std::to_string(i % 20)}};
      rule.allow = Action::read;
      const std::string team = "team-" + std::to_string(i / 10);
      const std::array<std::string, 3> ends = {"/key-" + std::to_string(i), "/app/**", "/*/key"};
      rule.paths = {{team + ends[i % ends.size()], {}}};
      rules.rules.push_back(rule);
      paths_.push_back(must(Path::parse(team + "/app/key-" + std::to_string(i))));
    }
    policy_ = must(CompiledPolicy::compile(rules));
  }

  void decide(std::size_t i) {
    const Decision decision = policy_->decide(who_, Action::read, paths_[i % kNumRules]);
    __asm__ __volatile__("" : : "r"(decision));  // keeps the decision from being optimized away
  }

 private:
  const Identity who_ = Identity::user("ann", {"group-1", "group-7", "group-12"});
  std::shared_ptr<const CompiledPolicy> policy_;
  std::vector<Path> paths_;
};

template <typename Of>
void times(std::size_t count, void (Of::*one)(std::size_t)) {
  Of of;
  for (std::size_t i = 0; i < count; ++i) (of.*one)(i);
}

const std::map<std::string, void (*)(std::size_t)> kWork = {
    {"get", [](std::size_t count) { times(count, &Work::get); }},
    {"put", [](std::size_t count) { times(count, &Work::put); }},
    {"list", [](std::size_t count) { times(count, &Work::list); }},
    {"open", [](std::size_t count) { times(count, &Envelopes::open); }},
    {"seal", [](std::size_t count) { times(count, &Envelopes::seal); }},
    {"decision", [](std::size_t count) { times(count, &Decisions::decide); }},
};

}  // namespace
}  // namespace strongroom::bench

int main(int argc, char** argv) {
  using namespace strongroom::bench;
  const auto work = kWork.find(argc == 3 ? argv[1] : "");
  if (work == kWork.end()) give_up("get|put|list|open|seal|decision COUNT");
  if (sodium_init() < 0) give_up("libsodium did not start");
  work->second(std::stoul(argv[2]));
}
