// Values that no packet holds are written in parts before a commit names them. Writers die, or hang for
// longer than their session lasts, in between: what the dead left is swept, what the living need never
// is, and no reader ever sees less than a whole value.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "strongroom/backend.hpp"
#include "tests/support/process.hpp"
#include "tests/support/raw_zookeeper.hpp"
#include "tests/support/role.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/zookeeper_server.hpp"
#include "zookeeper_clients.hpp"

namespace strongroom::testing::zookeeper_leftovers_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr milliseconds kSession{2000};
constexpr std::size_t kLen = 5'300'000;  // six parts

std::string writer_key(int writer) {
  return "r" + std::string(16, static_cast<char>('A' + writer));
}

// version_of reads a record, and gives its version. Who knows what he replaces removes its parts.
Result<Version> version_of(Backend& backend, const std::string& key) {
  Version version = kAbsent;
  const ByteView one = view(key);
  const auto read = backend.read(
      {&one, 1}, [&](std::size_t, const Record& record) { version = record.version; },
      kDefaultTimeout);
  if (!read) return read.error();
  return version;
}

// run_writer is the role of a child: writer, URL, file of notes. It writes one value after the other.
int run_writer(int writer, const std::string& url, const std::string& notes) {
  auto backend = open_backend(url);
  if (!backend) {
    std::fprintf(stderr, "%s\n", backend.error().message.c_str());
    return 2;
  }
  NoteFile file(notes);
  std::atomic<bool> over{false};
  std::thread end([&] { ChildProcess::await_end(), over = true; });
  std::puts("ready");
  std::fflush(stdout);
  const std::string key = writer_key(writer);
  for (std::uint64_t number = NoteFile::load(notes).size() + 1; !over; ++number) {
    const std::string bytes = numbered_bytes(number, kLen);
    Note note;
    note.value = number;
    note.invoked = now_ns();
    const auto version = version_of(**backend, key);
    const Change change{Change::Kind::put, view(key), view(bytes), version ? *version : kAny};
    std::puts("writing");
    std::fflush(stdout);
    const auto done = version ? (*backend)->commit({&change, 1}, kDefaultTimeout) : version.error();
    note.returned = now_ns();
    if (!done) note.code = static_cast<std::int32_t>(done.error().code);
    if (!done || done->conflict) note.outcome = Note::Outcome::unknown;
    file.add(note);
  }
  end.join();
  return 0;
}

const Role kWriter("writer", [](const Role::Arguments& words) {
  return words.size() == 3 ? run_writer(std::stoi(words[0]), words[1], words[2]) : 2;
});

class Leftovers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
    // A server keeps all nodes in memory: what hundreds of killed writers left, until it is swept.
    const bool is_long = std::getenv("STRONGROOM_LONG_TESTS") != nullptr;
    servers_.emplace(ZooKeeperOptions{1, 500, is_long ? 6000 : 768});
    raw_.emplace(servers_->connect_string());
    ASSERT_TRUE(open_backend(url()));
  }

  std::string url() const {
    return "zk://" + servers_->connect_string() +
           "/leftovers?access=world&session_ms=" + std::to_string(kSession.count());
  }
  std::string notes_file(int writer) const {
    return scratch_.path() / ("notes." + std::to_string(writer));
  }
  ChildProcess start_writer(int writer) {
    ChildProcess child({"writer", std::to_string(writer), url(), notes_file(writer)});
    EXPECT_THAT(child.receive(), ::testing::StartsWith("ready\n"));
    return child;
  }

  // stems gives the names of the split values that have parts in the tree: client-blob.
  std::set<std::string> stems() {
    std::set<std::string> found;
    for (const std::string& bucket : raw_->children("/leftovers/b")) {
      for (const std::string& part : raw_->children("/leftovers/b/" + bucket))
        found.insert(part.substr(0, part.rfind('-')));
    }
    return found;
  }
  // swept waits until what is there has its parts, and nothing else has: one stem a value.
  bool swept(Backend& backend, int num_writers) {
    std::size_t num_values = 0;
    for (int writer = 0; writer < num_writers; ++writer) num_values += settle(writer, backend);
    const auto deadline = steady_clock::now() + seconds(30);
    while (stems().size() != num_values) {
      if (steady_clock::now() > deadline) return false;
      const auto sweeps = open_backend(url());  // soon after it was opened
      std::this_thread::sleep_for(milliseconds(1500));
    }
    return true;
  }

  // settle looks at what a writer left: the last acknowledged value or a later one, whole. It gives the
  // number of values, 0 or 1.
  std::size_t settle(int writer, Backend& backend) {
    std::size_t count = 0;
    std::uint64_t acknowledged = 0;
    for (const Note& note : NoteFile::load(notes_file(writer))) {
      if (note.outcome == Note::Outcome::done) acknowledged = note.value;
    }
    const std::string key = writer_key(writer);
    const ByteView one = view(key);
    const auto read = backend.read(
        {&one, 1},
        [&](std::size_t, const Record& record) {
          if (record.version == kAbsent) {
            EXPECT_EQ(acknowledged, 0u);
            return;
          }
          count = 1;
          const auto number = number_of(record.value);
          ASSERT_TRUE(number.has_value()) << "half a value";
          EXPECT_GE(*number, acknowledged);
          EXPECT_EQ(record.value.size(), kLen);
        },
        kDefaultTimeout);
    EXPECT_TRUE(read) << read.error().message;
    return count;
  }

  Scratch scratch_;
  std::optional<ZooKeeperServers> servers_;
  std::optional<RawZooKeeper> raw_;
};

int num_rounds(int usually, int in_long_form) {
  return std::getenv("STRONGROOM_LONG_TESTS") != nullptr ? in_long_form : usually;
}

TEST_F(Leftovers, OfKilledWritersAreSweptOfALivingOneNever) {
  ChildProcess living = start_writer(0);
  auto reader = open_backend(url());
  ASSERT_TRUE(reader);
  std::minstd_rand random(1);
  std::size_t most = 0;
  for (int round = 0; round < num_rounds(10, 400); ++round) {
    ChildProcess writer = start_writer(1);
    EXPECT_THAT(writer.receive(), ::testing::StartsWith("writing\n"));
    std::this_thread::sleep_for(milliseconds(random() % 150));
    writer.kill();
    most = std::max(most, stems().size());
    settle(0, **reader);
    settle(1, **reader);
    if (HasFailure()) return;
  }
  EXPECT_GT(most, 2u) << "some died in between";
  const auto status = living.end(kDefaultTimeout);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(*status, 0);
  const auto notes = NoteFile::load(notes_file(0));
  EXPECT_GT(notes.size(), 5u);
  for (const Note& note : notes) EXPECT_EQ(note.outcome, Note::Outcome::done) << note.code;
  EXPECT_TRUE(swept(**reader, 2)) << stems().size();
  settle(0, **reader);
  settle(1, **reader);
}

// A writer that wakes up after its session is over, and after its parts were swept, must not make them
// visible.
TEST_F(Leftovers, OfAWriterThatHungAreNeverNamedAfterwards) {
  constexpr int kNumWriters = 3;
  std::vector<ChildProcess> writers;
  for (int writer = 0; writer < kNumWriters; ++writer) writers.push_back(start_writer(writer));
  std::minstd_rand random(2);
  for (int round = 0; round < num_rounds(2, 40); ++round) {
    for (ChildProcess& writer : writers) {
      std::this_thread::sleep_for(milliseconds(50 + random() % 150));
      writer.pause();
    }
    std::this_thread::sleep_for(kSession + milliseconds(1500));
    auto reader = open_backend(url());
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_TRUE(swept(**reader, kNumWriters)) << stems().size();
    for (int writer = 0; writer < kNumWriters; ++writer) settle(writer, **reader);
    for (ChildProcess& writer : writers) writer.resume();
    const auto until = steady_clock::now() + seconds(2);
    while (steady_clock::now() < until) {
      for (int writer = 0; writer < kNumWriters; ++writer) settle(writer, **reader);
    }
    if (HasFailure()) return;
  }
  for (ChildProcess& writer : writers) EXPECT_EQ(writer.end(2 * kDefaultTimeout), 0);
  for (int writer = 0; writer < kNumWriters; ++writer) {
    for (const Note& note : NoteFile::load(notes_file(writer))) {
      EXPECT_THAT(note.code, ::testing::AnyOf(0, int(Code::unavailable), int(Code::timeout),
                                              int(Code::indeterminate)));
    }
  }
}

// Lengths around what a packet and a part hold.
TEST_F(Leftovers, ValuesOfEveryLengthGoRound) {
  auto backend = open_backend(url() + "&cache_bytes=0");
  ASSERT_TRUE(backend);
  std::vector<std::size_t> lengths = {8, 1000, 65'536};
  for (const std::size_t edge : {900'000u, 1'000'000u, 1'048'575u, 2'000'000u, 3'000'000u}) {
    for (const std::size_t less : {0u, 1u, 30u, 100u, 150u, 200u, 300u, 500u})
      lengths.push_back(edge - less);
    for (const std::size_t more : {1u, 100u, 1000u}) lengths.push_back(edge + more);
  }
  lengths.push_back(std::getenv("STRONGROOM_LONG_TESTS") != nullptr ? kMaxBackendValueLen
                                                                    : 10'000'000);
  const std::string key = writer_key(0);
  for (const std::size_t len : lengths) {
    const std::string bytes = numbered_bytes(len, len);
    const auto version = version_of(**backend, key);
    ASSERT_TRUE(version);
    const Change change{Change::Kind::put, view(key), view(bytes), *version};
    const auto written = (*backend)->commit({&change, 1}, kDefaultTimeout);
    ASSERT_TRUE(written) << len << ": " << written.error().message;
    const ByteView one = view(key);
    const auto read = (*backend)->read(
        {&one, 1},
        [&](std::size_t, const Record& record) { EXPECT_EQ(number_of(record.value), len); },
        kDefaultTimeout);
    ASSERT_TRUE(read) << len << ": " << read.error().message;
  }
  const std::string bytes(kMaxBackendValueLen + 1, 'x');
  const Change change{Change::Kind::put, view(key), view(bytes), kAny};
  const auto refused = (*backend)->commit({&change, 1}, kDefaultTimeout);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::too_large) << refused.error().message;
  EXPECT_EQ(raw_->children("/leftovers/l").size(), 1u);
}

}  // namespace
}  // namespace strongroom::testing::zookeeper_leftovers_test
