// Processes killed for real (SIGKILL) while they work on an LMDB store: on its secrets, its
// keys and its slots. Afterwards the store opens with a credential that its administrator holds at
// that instant, no acknowledged write is lost, and every secret reads.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/process.hpp"

namespace strongroom::kill_test {
namespace {

namespace fs = std::filesystem;
using testing::path;
using testing::plain;

const Identity kTrusted = Identity::trusted();
constexpr int kSecrets = 8;

// num_rounds is STRONGROOM_KILL_ROUNDS, else what ./check has time for.
int num_rounds() {
  const char* text = std::getenv("STRONGROOM_KILL_ROUNDS");
  if (text != nullptr) return std::atoi(text);
  if (std::getenv("STRONGROOM_LONG_TESTS") != nullptr) return testing::kSanitized ? 300 : 1000;
  return testing::kSanitized ? 100 : 300;
}

Path secret_path(int which) {
  return path("kill/s" + std::to_string(which));
}

class Directory {
 public:
  Directory() : path_(fs::temp_directory_path() / "strongroom-kill-XXXXXX") {
    std::string name = path_.string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~Directory() { fs::remove_all(path_); }
  std::string url() const { return "lmdb:" + path_.string() + "/store"; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// KeyFiles are what the administrator holds: files, each durable before anything relies on it. Those
// of one slot are named slot<number>-<which>.<part>. One that was being written when its writer was
// killed is no credential, and one whose change never happened opens nothing.
class KeyFiles {
 public:
  explicit KeyFiles(fs::path directory) : directory_(std::move(directory)) {}

  bool hand_out(const Handout& handout, SlotId slot) const {
    const std::string name = "slot" + std::to_string(slot) + "-" + std::to_string(::getpid()) +
                             std::to_string(::clock()) + ".";
    bool written = handout.key_file.empty() || write(name + "key", handout.key_file);
    for (std::size_t i = 0; i < handout.shares.size(); ++i) {
      written = write(name + std::to_string(i), handout.shares[i]) && written;
    }
    const int directory = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    written = ::fsync(directory) == 0 && written;
    ::close(directory);
    return written;
  }

  void throw_away(SlotId slot) const {
    const std::string prefix = "slot" + std::to_string(slot) + "-";
    for (const auto& entry : entries()) {
      if (entry.filename().string().rfind(prefix, 0) == 0) fs::remove(entry);
    }
  }

  // unseal tries what there is, slot by slot.
  Result<void> unseal(Store& store) const {
    Result<void> last = Error{Code::denied, "there was no key file"};
    for (const auto& [name, credentials] : all()) {
      last = store.as(kTrusted).unseal(credentials, true);
      if (last) return last;
    }
    return last;
  }

  // clear_out removes what opens nothing, so that it does not pile up.
  void clear_out(const std::string& url) const {
    Store store = Store::open(url).value();
    for (const auto& [name, credentials] : all()) {
      if (store.as(kTrusted).unseal(credentials, true)) continue;
      for (const auto& entry : entries()) {
        if (entry.stem() == name) fs::remove(entry);
      }
    }
  }

 private:
  std::vector<fs::path> entries() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (entry.is_regular_file()) found.push_back(entry.path());
    }
    return found;
  }

  std::map<std::string, std::vector<Credential>> all() const {
    std::map<std::string, std::vector<Credential>> found;
    for (const auto& entry : entries()) {
      std::ifstream in(entry, std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      auto credential = Credential::parse(SecretView(text.data(), text.size()));
      if (credential) found[entry.stem().string()].push_back(std::move(credential).value());
    }
    return found;
  }

  bool write(const std::string& name, const SecretBytes& text) const {
    const int file =
        ::open((directory_ / name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const auto bytes = text.reveal();
    const bool written =
        ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
        ::fsync(file) == 0;
    ::close(file);
    return written;
  }

  fs::path directory_;
};

// Note is what a child tells of a write: that it is about to do it, then that it was acknowledged.
struct Note {
  int secret = -1;
  unsigned value = 0;  // 0: erased, or never written
  bool done = false;
};

// Worker is what the child runs: it changes secrets, keys and slots for ever. Its exit codes tell
// which operation failed, which none may.
class Worker {
 public:
  Worker(const Directory& directory, int notes, unsigned seed)
      : keys_(directory.path()),
        store_(must(Store::open(directory.url()), 10)),
        notes_(notes),
        random_(seed) {
    must(keys_.unseal(store_), 11);
  }

  [[noreturn]] void work(unsigned first) {
    for (unsigned n = first;; ++n) {
      write(static_cast<int>(n % kSecrets), n % 11 == 10 ? 0 : n);
      change_keys();
    }
  }

 private:
  template <typename T>
  static T must(Result<T> result, int code) {
    if (!result) ::_exit(code);
    if constexpr (!std::is_void_v<T>) return std::move(result).value();
  }

  void tell(const Note& note) {
    if (::write(notes_, &note, sizeof note) != sizeof note) ::_exit(13);
  }

  // write puts a value, or erases where it is 0.
  void write(int which, unsigned value) {
    tell({which, value, false});
    if (value != 0) {
      const std::string text = std::to_string(value);
      must(store_.as(kTrusted).put(secret_path(which), Content::text,
                                   SecretView(text.data(), text.size())),
           14);
    } else if (auto erased = store_.as(kTrusted).erase(secret_path(which)); !erased) {
      if (erased.error().code != Code::not_found) ::_exit(15);
    }
    tell({which, value, true});
  }

  void change_keys() {
    const auto always = [](const ReencryptProgress&) { return true; };
    switch (random_() % 8) {
      case 0:
        return must(store_.as(kTrusted).rotate(), 16);
      case 1:
        return must(store_.as(kTrusted).rotate_root(), 17);
      case 2:
        must(store_.as(kTrusted).reencrypt({100}, always), 18);
        if (store_.status()->num_terms > 1) must(store_.as(kTrusted).retire(always), 19);
        return;
      case 3:
        must(store_.as(kTrusted).seal(), 20);
        return must(keys_.unseal(store_), 21);
      default:
        return change_slots();
    }
  }

  // change_slots adds, removes or replaces, with shares or a key.
  void change_slots() {
    const auto slots = must(store_.status(), 22).slots;
    SlotChange change;
    const bool all = random_() % 3 == 0;
    if (all || slots.size() > 3) change.remove.push_back(slots.front().id);
    for (std::size_t i = 1; all && i < slots.size(); ++i) change.remove.push_back(slots[i].id);
    if (change.remove.empty() || all || random_() % 2 == 0) {
      change.key_file = random_() % 2 == 0;
      if (!change.key_file) change.shares = 3, change.threshold = 2;
    }
    change.verify = random_() % 2 == 0;
    auto pending = must(store_.as(kTrusted).prepare_slots(change), 23);
    if (!pending.add->empty() && !keys_.hand_out(pending, (*pending.add)[0].slot.id)) ::_exit(24);
    for (const SecretBytes& share : pending.shares) must(typed_back(pending, share), 25);
    if (!pending.key_file.empty()) must(typed_back(pending, pending.key_file), 26);
    must(store_.as(kTrusted).activate(pending), 27);
    for (const SlotId id : change.remove) keys_.throw_away(id);
  }
  static Result<void> typed_back(PendingSlots& pending, const SecretBytes& text) {
    return give_back(pending, testing::parsed(text));
  }

  KeyFiles keys_;
  Store store_;
  int notes_;
  std::minstd_rand random_;
};

// Ledger is what the parent heard: per secret the acknowledged value, and the one under way.
struct Ledger {
  std::array<unsigned, kSecrets> acknowledged{};
  Note under_way;
  unsigned num_acknowledged = 0;

  bool hear(int notes) {
    Note note;
    if (::read(notes, &note, sizeof note) != sizeof note) return false;
    under_way = note.done ? Note{} : note;
    if (note.done) {
      acknowledged[static_cast<std::size_t>(note.secret)] = note.value;
      ++num_acknowledged;
    }
    return true;
  }

  // settle looks at what is stored: each secret reads, as it was acknowledged or as it was about to be.
  void settle(Store& store) {
    for (int i = 0; i < kSecrets; ++i) {
      auto read = store.as(kTrusted).get(secret_path(i));
      if (!read) {
        ASSERT_EQ(read.error().code, Code::not_found) << read.error().message;
      }
      const auto now = read ? static_cast<unsigned>(std::stoul(plain(read->value))) : 0;
      unsigned& known = acknowledged[static_cast<std::size_t>(i)];
      EXPECT_TRUE(now == known || (i == under_way.secret && now == under_way.value))
          << "secret " << i << " is " << now << ", acknowledged was " << known;
      known = now;
    }
    under_way = {};
  }
};

TEST(Kill, NoAcknowledgedWriteIsLostAndTheStoreOpens) {
  const Directory directory;
  const KeyFiles keys(directory.path());
  {
    const PendingInit pending = prepare_init({0, 0, true}).value();
    ASSERT_TRUE(keys.hand_out(pending, 1));
    Store store = Store::open(directory.url()).value();
    ASSERT_TRUE(store.as(kTrusted).activate(pending));
  }
  Ledger ledger;
  for (int round = 1; round <= num_rounds(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe[0]);
      const auto number = static_cast<unsigned>(round);
      Worker(directory, pipe[1], number).work(number * 100'000);
    }
    ::close(pipe[1]);
    // One round in four hits the start, the others the work.
    const int num_notes = round % 4 == 0 ? 0 : 2 + round % 7;
    for (int note = 0; note < num_notes; ++note) ASSERT_TRUE(ledger.hear(pipe[0]));
    ::usleep(static_cast<useconds_t>(round * 997 % 12'000));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child stopped by itself: " << WEXITSTATUS(status);
    while (ledger.hear(pipe[0])) {
    }
    ::close(pipe[0]);

    if (round % 16 == 0) keys.clear_out(directory.url());
    Store store = Store::open(directory.url()).value();
    auto unsealed = keys.unseal(store);
    ASSERT_TRUE(unsealed) << unsealed.error().message;
    ledger.settle(store);
    ASSERT_TRUE(store.as(kTrusted).list(path("kill")));
    if (HasFailure()) return;
  }
  RecordProperty("rounds", num_rounds());
  RecordProperty("acknowledged", static_cast<int>(ledger.num_acknowledged));
  EXPECT_GE(ledger.num_acknowledged, static_cast<unsigned>(num_rounds()))
      << "the children got to work";
}

}  // namespace
}  // namespace strongroom::kill_test
