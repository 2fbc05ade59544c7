// zookeeper_clients.hpp: a process of clients that write and read by compare-and-set for as long as
// they are let, and note what they see. The parent does to them and to their servers what it likes.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "tests/support/cas_history.hpp"
#include "tests/support/child_process.hpp"

namespace strongroom::testing {

// What the clients share: a few records, one of them too large for a packet, and two that always change
// together. The first is of shard 0, as the header is.
inline constexpr int kNumKeys = 7;
inline constexpr int kLargeKey = 4;
inline constexpr int kTwins[] = {5, 6};

inline std::string record_key(int key) {
  return key == 0 ? "h" : "r" + std::string(16, static_cast<char>('a' + key));
}
inline ByteView view(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// numbered_bytes is a number, and more bytes that follow from it, so that half of one is recognised.
inline std::string numbered_bytes(std::uint64_t number, std::size_t len) {
  std::string bytes(len, '\0');
  std::uint64_t state = number * 2 + 1;
  for (char& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<char>(state >> 56);
  }
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

// number_of takes such bytes back apart; nothing where they are not whole.
inline std::optional<std::uint64_t> number_of(ByteView bytes) {
  std::uint64_t number = 0;
  if (bytes.size() < sizeof number) return {};
  std::memcpy(&number, bytes.data(), sizeof number);
  const std::string wanted = numbered_bytes(number, bytes.size());
  if (!std::equal(bytes.begin(), bytes.end(), view(wanted).begin())) return {};
  return number;
}

inline std::string value_bytes(int key, std::uint64_t value) {
  return numbered_bytes(value,
                        8 + (key == kLargeKey ? 1'200'000 + value % 1'000'000 : value % 900));
}

// take puts what a record holds into a note.
inline void take(const Record& record, Note& note) {
  note.version = record.version.value();
  note.value = 0;
  if (record.version == kAbsent) return;
  const auto number = number_of(record.value);
  note.value = number.value_or(0);
  if (!number) note.damage = 1;
  if (number && value_bytes(note.key, *number).size() != record.value.size()) note.damage = 2;
}

// CasClient is one client: one handle, one thread, one file of notes.
class CasClient {
 public:
  CasClient(int number, std::unique_ptr<Backend> backend, const std::filesystem::path& notes,
            Timeout timeout)
      : number_(number), timeout_(timeout), backend_(std::move(backend)), file_(notes) {}

  void run(const std::atomic<bool>& over) {
    while (!over) {
      const bool good = step();
      std::this_thread::sleep_for(std::chrono::milliseconds(good ? random_() % 4 : 20));
    }
  }

 private:
  using Kind = Note::Kind;

  bool step() {
    const auto dice = random_() % 100;
    const int key = dice % 16 == 15 ? kLargeKey : static_cast<int>(random_() % 4);
    if (dice < 35) return all_done(read({key}, Kind::plain_read));
    if (dice < 40) return all_done(read({0, 1, 2, 3}, Kind::plain_read));
    if (dice < 60) return all_done(read({key}, Kind::fresh_read));
    if (dice < 65) return all_done(read({kTwins[0], kTwins[1]}, Kind::plain_read));
    if (dice < 72) return write({kTwins[0], kTwins[1]});
    return write({key});
  }

  static bool all_done(const std::vector<Note>& notes) {
    return notes.front().outcome == Note::Outcome::done;
  }

  // read notes what it finds under each key. Of the twins it must find the same.
  std::vector<Note> read(const std::vector<int>& keys, Kind kind) {
    std::vector<Note> notes(keys.size());
    std::vector<std::string> names;
    std::vector<ByteView> views;
    for (const int key : keys) names.push_back(record_key(key));
    for (const std::string& name : names) views.push_back(view(name));
    for (std::size_t i = 0; i < keys.size(); ++i) {
      notes[i].key = keys[i];
      notes[i].kind = kind;
      notes[i].client = number_;
      notes[i].invoked = now_ns();
    }
    Result<Stamp> done = Stamp{0};
    if (kind == Kind::fresh_read) {
      if (auto synced = backend_->sync(timeout_); !synced) done = synced.error();
    }
    if (done) done = random_() % 2 == 0 ? read_now(views, notes) : read_later(views, notes);
    const bool differ = done && keys.size() == 2 && notes[0].value != notes[1].value;
    for (Note& note : notes) {
      note.returned = now_ns();
      if (!done) fail(note, done.error(), Note::Outcome::nothing);
      if (differ) note.damage = 3;
      file_.add(note);
    }
    return notes;
  }

  Result<Stamp> read_now(const std::vector<ByteView>& keys, std::vector<Note>& notes) {
    return backend_->read(
        keys, [&](std::size_t index, const Record& record) { take(record, notes[index]); },
        timeout_);
  }
  Result<Stamp> read_later(const std::vector<ByteView>& keys, std::vector<Note>& notes) {
    std::promise<Result<Stamp>> promise;
    auto answer = promise.get_future();
    backend_->read_async(keys, timeout_, [&](Result<Stamp> done, std::span<const Record> records) {
      for (std::size_t i = 0; i < records.size(); ++i) take(records[i], notes[i]);
      promise.set_value(std::move(done));
    });
    return answer.get();
  }

  // write reads, and replaces what it found by a new value, under all keys in one commit.
  bool write(const std::vector<int>& keys) {
    std::vector<Note> notes = read(keys, Kind::plain_read);
    if (!all_done(notes)) return false;
    const std::uint64_t value = (std::uint64_t(number_) << 32) + ++num_values_;
    std::vector<std::string> bytes;
    std::vector<std::string> names;
    for (Note& note : notes) {
      names.push_back(record_key(note.key));
      bytes.push_back(value_bytes(note.key, value));
      note.kind = Kind::compare_and_set;
      note.expected = note.value;
      note.value = value;
    }
    std::vector<Change> batch;
    for (std::size_t i = 0; i < notes.size(); ++i) {
      batch.push_back(
          {Change::Kind::put, view(names[i]), view(bytes[i]), Version(notes[i].version)});
      notes[i].invoked = now_ns();
    }
    const auto done = backend_->commit(batch, timeout_);
    for (Note& note : notes) {
      note.returned = now_ns();
      if (!done) {
        const bool unknown = done.error().code == Code::indeterminate;
        fail(note, done.error(), unknown ? Note::Outcome::unknown : Note::Outcome::nothing);
      } else if (done->conflict) {
        // The refusal names one key; what the other one held then is not said.
        const bool named = note.key == keys[*done->conflict];
        note.outcome = named ? Note::Outcome::refused : Note::Outcome::nothing;
      }
      file_.add(note);
    }
    return done.ok();
  }

  // fail notes an error. What it said goes to standard error where it is none of an outage.
  void fail(Note& note, const Error& error, Note::Outcome outcome) const {
    note.outcome = outcome;
    note.code = static_cast<std::int32_t>(error.code);
    if (error.code != Code::unavailable && error.code != Code::timeout &&
        error.code != Code::indeterminate)
      std::fprintf(stderr, "client %d: %s\n", number_, error.message.c_str());
  }

  int number_;
  Timeout timeout_;
  std::unique_ptr<Backend> backend_;
  NoteFile file_;
  std::uint64_t num_values_ = 0;
  std::minstd_rand random_{static_cast<unsigned>(number_)};
};

// ClientRole is how one client of a process is told what to do: number, URL, file, timeout in ms.
inline constexpr std::size_t kWordsPerClient = 4;

// run_clients is the role of the child: all clients that its arguments tell of, until the end of its
// standard input. It writes a line when all of them have opened their storage.
inline int run_clients(const std::vector<std::string>& words) {
  std::atomic<bool> over{false};
  std::vector<std::unique_ptr<CasClient>> clients;
  for (std::size_t i = 0; i + kWordsPerClient <= words.size(); i += kWordsPerClient) {
    auto backend = open_backend(words[i + 1]);
    if (!backend) {
      std::fprintf(stderr, "client %s: %s\n", words[i].c_str(), backend.error().message.c_str());
      return 2;
    }
    clients.push_back(std::make_unique<CasClient>(std::stoi(words[i]), std::move(backend).value(),
                                                  words[i + 2], Timeout(std::stoi(words[i + 3]))));
  }
  std::vector<std::thread> threads;
  for (auto& client : clients) threads.emplace_back([&] { client->run(over); });
  std::puts("ready");
  std::fflush(stdout);
  ChildProcess::await_end();
  over = true;
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace strongroom::testing
