#include "state/lifecycle.hpp"

#include <signal.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "state/bootstrap.hpp"
#include "state/keys_at_hand.hpp"
#include "state/state_dir.hpp"

namespace strongroomd {
namespace {

using std::chrono::milliseconds;
using strongroom_abi::Error;
using strongroom_abi::Report;
using strongroom_abi::Secret;
using strongroom_abi::Session;

constexpr const char* kInstance = "instance";
constexpr const char* kIntent = "intent";
constexpr const char* kSetupToken = "setup-token";
constexpr std::size_t kMaxShareTextLen = 4096;
constexpr std::size_t kMaxPublicKeyLen = std::size_t{64} << 10;
constexpr unsigned kMaxShares = 255;
// How long the pauses grow while the storage is away, and while no key opens the store: each try of an
// OpenPGP key starts a process.
constexpr int kLongestStoragePause = 4;
constexpr int kLongestKeyPause = 60;

// log_line writes one line for the operator. Messages may quote paths of others, so control bytes are escaped.
void log_line(const std::string& text) {
  std::string line = "strongroomd: ";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    line += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  line += '\n';
  std::fputs(line.c_str(), stderr);  // one call, so that lines of threads do not mix
}

std::string random_hex() {
  std::array<char, 8> bytes;
  ::randombytes_buf(bytes.data(), bytes.size());
  return hex_of({bytes.data(), bytes.size()});
}

std::string read_instance(const StateDir& dir) {
  const auto kept = dir.read(kInstance);
  if (!kept) {
    const std::string made = random_hex();
    dir.write(kInstance, made);
    return made;
  }
  const std::string name(trimmed(kept->reveal()));
  if (name.size() != 16 || name.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw std::runtime_error("'" + dir.path_of(kInstance) +
                             "' must contain 16 hex digits; remove it to get a new name");
  return name;
}

// read_intent returns whether the store should be unsealed; nothing where nobody said so.
std::optional<bool> read_intent(const StateDir& dir) {
  const auto kept = dir.read(kIntent);
  if (!kept) return std::nullopt;
  const std::string_view word = trimmed(kept->reveal());
  if (word == "unsealed") return true;
  if (word == "sealed") return false;
  throw std::runtime_error("'" + dir.path_of(kIntent) +
                           "' must contain the word sealed or unsealed");
}

// allow throws unless the session may do something to the store as a whole.
void allow(Session& caller, std::uint32_t action) {
  strongroom_error* error = nullptr;
  const strongroom_status status = ::strongroom_check(caller.raw(), action, "", &error);
  if (status != STRONGROOM_OK) throw Error(status, error);
}

Failure no_store() {
  return {404, "No store", "there is no store yet; PUT /secrets/v1/init/default makes one"};
}

void check_init(unsigned shares, unsigned threshold, const std::vector<std::string>& pgp_keys) {
  const auto refuse = [](const std::string& why) { throw Failure(400, "Invalid request", why); };
  if (shares < 1 || shares > kMaxShares) refuse("shares must be a number from 1 to 255");
  if (threshold < 1 || threshold > shares) refuse("threshold must be a number from 1 to shares");
  if (pgp_keys.empty())
    refuse(
        "pgp_keys must have an OpenPGP public key for each share; only the command line, "
        "strongroom init, makes shares in clear");
  if (pgp_keys.size() != shares) refuse("pgp_keys must have one OpenPGP public key for each share");
  for (const std::string& key : pgp_keys) {
    if (trimmed(key).empty() || key.size() > kMaxPublicKeyLen)
      refuse("each of pgp_keys must have from 1 to 65,536 bytes");
  }
}

template <typename Shares>
void add_shares(InitAnswer& answer, const Shares& shares) {
  for (const strongroom_abi::WrappedShare& share : shares) {
    answer.keys.push_back(hex_of(share.message));
    answer.pgp_fingerprints.push_back(hex_of(share.fingerprint));
  }
}

// Quiet blocks all signals for the threads that are started while it lives.
class QuietSignals {
 public:
  QuietSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~QuietSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  QuietSignals(const QuietSignals&) = delete;
  QuietSignals& operator=(const QuietSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

struct Lifecycle::State {
  State(const Settings& settings, const StateDir& state_dir, strongroom_abi::Store& opened,
        OperatorTokens given, LifecycleOptions chosen)
      : bootstraps(settings.bootstrap),
        dir(state_dir),
        store(opened),
        tokens(std::move(given)),
        options(chosen),
        trusted(opened.trusted()),
        instance(read_instance(state_dir)),
        written(read_intent(state_dir)),
        wants_unsealed(written.value_or(true)),
        keys(settings, state_dir, trusted),
        bootstrap(settings, state_dir, trusted, chosen.pair_bits) {}

  // Under turn.
  void remember(bool unsealed);
  void keep_unsealed(const std::string& by);
  void revoke_file(const char* name);
  bool tend();
  void make_store();
  bool heal(const Report& report);
  void adopt();
  void activate(Session& caller, const strongroom_abi::Pending& pending);
  void begin_round(const Report& report);
  [[noreturn]] void refuse_auto_unseal(const Unlocking& outcome);

  // Without turn.
  SealStatus shown(const Report& report);
  void announce();
  void say_trouble(const std::string& text);
  bool has_lost_keys();
  void look();
  void work();
  void grow_pause(int most);

  const bool bootstraps;
  const StateDir& dir;
  strongroom_abi::Store& store;
  const OperatorTokens tokens;
  const LifecycleOptions options;
  Session trusted;
  const std::string instance;

  std::mutex turn;              // one change at a time; held while the storage is slow
  std::optional<bool> written;  // STATE_DIR/intent
  std::atomic<bool> wants_unsealed;
  std::atomic<bool> had_keys{false};  // when it was looked at last
  KeysAtHand keys;
  Bootstrap bootstrap;
  std::atomic<bool> must_adopt{false};  // what the bootstrap left

  std::mutex short_mutex;  // of these two
  std::string nonce;
  std::string said;  // the last trouble

  std::mutex announcing;  // one call at a time
  std::function<void()> on_unsealed;

  std::mutex waiting;
  std::condition_variable stopped;
  bool stopping = false;
  int pause = 1;  // in units of options.pause
  std::thread thread;
};

// ---- what is kept ----

void Lifecycle::State::remember(bool unsealed) {
  wants_unsealed = unsealed;
  if (written == unsealed) return;
  written.reset();
  dir.write(kIntent, unsealed ? "unsealed" : "sealed");
  written = unsealed;
}

void Lifecycle::State::keep_unsealed(const std::string& by) {
  had_keys = true;
  log_line("unsealed by " + by);
  {
    const std::lock_guard lock(short_mutex);
    said.clear();
  }
  try {
    trusted.unseal_forget();
    remember(true);
  } catch (const std::exception& error) {
    log_line(std::string("the store is unsealed, but that could not be written down: ") +
             error.what());
  }
}

// revoke_file revokes the token in a file before it removes it, so that a crash leaves no token in use.
void Lifecycle::State::revoke_file(const char* name) {
  const auto text = dir.read(name);
  if (!text) return;
  tokens.revoke(text->reveal());
  dir.remove(name);
}

// ---- the seal by itself ----

// tend makes what should be out of what is. Returns  whether it unsealed.
bool Lifecycle::State::tend() {
  Report report = store.status();
  if (!report.initialized()) {
    make_store();
    report = store.status();
    if (!report.initialized()) return false;
  }
  revoke_file(kSetupToken);
  had_keys = !report.sealed();
  if (had_keys || !wants_unsealed) return false;
  if (!report.locked()) return heal(report);
  say_trouble(
      "an operator sealed the store for everybody; it stays sealed until the lock is lifted: "
      "strongroom unseal");
  return false;
}

void Lifecycle::State::make_store() {
  if (bootstraps) {
    revoke_file(kRootToken);  // of a store that is gone
    remember(true);
    bootstrap.make(instance);
    return;
  }
  if (!dir.read(kSetupToken)) dir.write(kSetupToken, tokens.make("setup token").reveal());
  say_trouble(
      "there is no store yet; make one with PUT /secrets/v1/init/default and the token in '" +
      dir.path_of(kSetupToken) + "', or start this server with --bootstrap");
}

bool Lifecycle::State::heal(const Report& report) {
  const Unlocking outcome = keys.unseal(report);
  if (outcome.pending_is_wrong) {
    bootstrap.forget();
    log_line("another server made the store; the OpenPGP key of this one was removed");
  }
  if (!outcome.unsealed) {
    const std::string why = outcome.why.empty() ? "no key is at hand" : outcome.why;
    throw std::runtime_error("the store is sealed: " + why +
                             "; PUT its shares to /secrets/v1/unseal/default, name a "
                             "key file with --key-file, or copy " +
                             kUnsealKey + " of the server that made the store to '" +
                             dir.path_of(kUnsealKey) + "'");
  }
  must_adopt = outcome.by_pending;
  keep_unsealed(outcome.by);
  return true;
}

void Lifecycle::State::adopt() {
  if (!must_adopt) return;
  bootstrap.adopt([this] { return tokens.make("root token of the bootstrap"); });
  must_adopt = false;
  log_line("made a new store; the token of its administrator is in '" + dir.path_of(kRootToken) +
           "', and its key in '" + dir.path_of(kUnsealKey) + "': keep a copy of both");
}

// has_lost_keys finds out in the cheapest way that there is: a read of a record that does not exist, which
// fails at once without keys, notices changes of other processes, and never holds up a seal. (A status
// reads the header, and a seal waits for it.)
bool Lifecycle::State::has_lost_keys() {
  try {
    trusted.record("lifecycle/none");
  } catch (const Error& error) {
    return error.status() == STRONGROOM_SEALED;
  }
  return false;
}

void Lifecycle::State::look() {
  if (had_keys && !must_adopt && !has_lost_keys()) return;
  bool unsealed = false;
  std::exception_ptr trouble;
  {
    const std::lock_guard lock(turn);
    unsealed = tend();
    try {
      adopt();
    } catch (...) {
      trouble = std::current_exception();
    }
  }
  if (unsealed) announce();
  if (trouble) std::rethrow_exception(trouble);
}

void Lifecycle::State::announce() {
  if (!on_unsealed) return;
  const std::lock_guard lock(announcing);
  try {
    on_unsealed();
  } catch (const std::exception& error) {
    log_line(std::string("after the unseal: ") + error.what());
  } catch (...) {
    log_line("after the unseal: an unknown error");
  }
}

void Lifecycle::State::say_trouble(const std::string& text) {
  const std::lock_guard lock(short_mutex);
  if (text == said) return;
  said = text;
  log_line(text);
}

void Lifecycle::State::grow_pause(int most) {
  pause = std::min(std::max(pause, 1) * 2, most);
}

void Lifecycle::State::work() {
  try {
    look();
    pause = 1;
  } catch (const Error& error) {
    say_trouble(error.what());
    const bool is_away =
        error.status() == STRONGROOM_UNAVAILABLE || error.status() == STRONGROOM_TIMEOUT;
    grow_pause(is_away ? kLongestStoragePause : kLongestKeyPause);
  } catch (const std::exception& error) {
    say_trouble(error.what());
    grow_pause(kLongestKeyPause);
  }
}

// ---- for requests ----

SealStatus Lifecycle::State::shown(const Report& report) {
  SealStatus status;
  status.initialized = report.initialized();
  status.sealed = report.sealed();
  status.locked = report.locked();
  status.threshold = report.info().unseal_threshold;
  status.shares = report.info().unseal_shares;
  if (!status.sealed) return status;
  status.progress = report.info().unseal_progress;
  const std::lock_guard lock(short_mutex);
  if (status.progress > 0) status.nonce = nonce;
  return status;
}

// begin_round names the next collection of shares, if none was given to it yet.
void Lifecycle::State::begin_round(const Report& report) {
  const std::lock_guard lock(short_mutex);
  if (report.info().unseal_progress == 0) nonce = random_hex();
}

void Lifecycle::State::refuse_auto_unseal(const Unlocking& outcome) {
  throw Failure(409, "No key",
                "this server has no key that unseals the store" +
                    (outcome.why.empty() ? std::string() : " (" + outcome.why + ")") +
                    "; PUT its shares to /secrets/v1/unseal/default instead");
}

void Lifecycle::State::activate(Session& caller, const strongroom_abi::Pending& pending) {
  try {
    caller.init_activate(pending);
  } catch (const Error& error) {
    if (error.status() != STRONGROOM_INDETERMINATE) throw;
    const std::string made = pending.store_id();
    const Report report = store.status();
    if (!report.initialized()) throw;
    if (report.store_id() != made)
      throw Failure(409, "Already initialized", "another server made the store first");
  }
}

Lifecycle::Lifecycle(const Settings& settings, const StateDir& dir, strongroom_abi::Store& store,
                     OperatorTokens tokens, LifecycleOptions options)
    : state_(std::make_unique<State>(settings, dir, store, std::move(tokens), options)) {}

Lifecycle::~Lifecycle() {
  {
    const std::lock_guard lock(state_->waiting);
    state_->stopping = true;
  }
  state_->stopped.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

const std::string& Lifecycle::instance() const noexcept {
  return state_->instance;
}

void Lifecycle::start(std::function<void()> on_unsealed) {
  State& state = *state_;
  state.on_unsealed = std::move(on_unsealed);
  state.work();
  const QuietSignals quiet;
  state.thread = std::thread([&state] {
    std::unique_lock lock(state.waiting);
    while (!state.stopped.wait_for(lock, state.options.pause * state.pause,
                                   [&state] { return state.stopping; })) {
      lock.unlock();
      state.work();
      lock.lock();
    }
  });
}

SealStatus Lifecycle::status() {
  return state_->shown(state_->store.status());
}

InitAnswer Lifecycle::init(Session& caller, unsigned shares, unsigned threshold,
                           const std::vector<std::string>& pgp_keys) {
  check_init(shares, threshold, pgp_keys);
  std::vector<strongroom_bytes> public_keys;
  for (const std::string& key : pgp_keys) public_keys.push_back(strongroom_abi::bytes(key));
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.shares = shares;
  options.threshold = threshold;
  options.pgp_keys = public_keys.data();
  options.num_pgp_keys = public_keys.size();

  const std::lock_guard lock(state_->turn);
  const strongroom_abi::Pending pending = caller.init_prepare(options);
  InitAnswer answer;
  answer.initialized = true;
  add_shares(answer, pending.wrapped());
  answer.root_token = state_->tokens.make("root token of init");
  try {
    state_->activate(caller, pending);
  } catch (...) {
    state_->tokens.revoke(answer.root_token->reveal());
    throw;
  }
  log_line("made a new store");
  try {
    state_->revoke_file(kSetupToken);
  } catch (const std::exception& error) {  // the answer is worth more, and the thread tries again
    log_line(error.what());
  }
  return answer;
}

InitAnswer Lifecycle::init_status() {
  const Report report = state_->store.status();
  InitAnswer answer;
  answer.initialized = report.initialized();
  for (std::size_t i = 0; i < report.num_slots(); ++i) {
    std::vector<strongroom_abi::WrappedShare> shares;
    const std::size_t num = report.slot(i).num_wrapped;
    for (std::size_t k = 0; k < num; ++k) shares.push_back(report.wrapped(i, k));
    add_shares(answer, shares);
  }
  return answer;
}

SealStatus Lifecycle::unseal(std::string_view share, bool lift_lock) {
  const std::string_view text = trimmed(share);
  if (text.empty() || text.size() > kMaxShareTextLen)
    throw Failure(400, "Invalid key", "the key must be a share or a key of the store, in one line");
  State& state = *state_;
  SealStatus status;
  {
    const std::lock_guard lock(state.turn);
    const Report report = state.store.status();
    if (report.initialized() && !report.sealed()) return state.shown(report);
    state.begin_round(report);
    const auto progress = state.trusted.unseal_share(
        text, lift_lock ? STRONGROOM_UNSEAL_LIFT_LOCK : std::uint32_t{0});
    if (progress.unsealed != 0) state.keep_unsealed("what was given with a request");
    status = state.shown(state.store.status());
  }
  if (!status.sealed) state.announce();
  return status;
}

SealStatus Lifecycle::auto_unseal(Session& caller, std::string_view encrypted_key) {
  allow(caller, STRONGROOM_ACTION_UNSEAL);
  State& state = *state_;
  SealStatus status;
  {
    const std::lock_guard lock(state.turn);
    const Report report = state.store.status();
    if (!report.initialized()) throw no_store();
    if (!report.sealed()) return state.shown(report);
    if (report.locked())
      throw Failure(
          409, "Locked",
          "an operator sealed the store for everybody; lift that first: strongroom unseal");
    state.begin_round(report);
    if (trimmed(encrypted_key).empty()) {
      const Unlocking outcome = state.keys.unseal(report);
      if (!outcome.unsealed) state.refuse_auto_unseal(outcome);
      if (outcome.by_pending) state.must_adopt = true;
      state.keep_unsealed(outcome.by);
    } else if (state.keys.open(report, encrypted_key).unsealed != 0) {
      state.keep_unsealed("an encrypted key that was given with a request");
    }
    status = state.shown(state.store.status());
  }
  if (!status.sealed) state.announce();
  return status;
}

void Lifecycle::seal(Session& caller) {
  allow(caller, STRONGROOM_ACTION_SEAL);
  State& state = *state_;
  std::unique_lock lock(state.turn, std::try_to_lock);
  if (!lock) {
    caller.seal(STRONGROOM_SEAL_PROCESS);  // whoever has its turn may wait for the storage
    lock.lock();
  }
  const bool wanted = state.wants_unsealed;
  std::string trouble;
  try {
    state.remember(false);
  } catch (const std::exception& error) {
    trouble = error.what();
  }
  try {
    caller.seal(STRONGROOM_SEAL_PROCESS);
  } catch (const Error&) {
    state.remember(wanted);  // the right to it ended in between
    throw;
  }
  state.had_keys = false;
  log_line("sealed by a request; it stays sealed until a request unseals it");
  if (!trouble.empty())
    throw Failure(500, "Sealed for now",
                  "the store is sealed, but a restart would unseal it: " + trouble);
}

}  // namespace strongroomd
