// cas_history.hpp: what clients of a shared store saw, written down as they go, and judged afterwards.
//
// Every value that is ever written is another number, and is written by compare-and-set. So the values
// of a key form a chain, each link made by who replaced one by the next, and a position in it is a time.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "linearizable.hpp"

namespace strongroom::testing {

// now_ns is the clock that all processes of a machine share.
inline std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Note is one call of one client.
struct Note {
  enum class Kind : std::uint8_t { plain_read, fresh_read, compare_and_set };
  enum class Outcome : std::uint8_t {
    done,
    refused,  // compare_and_set found another version
    nothing,  // failed, and says that nothing was changed
    unknown,  // failed, and does not say
  };

  std::int64_t invoked = 0;
  std::int64_t returned = 0;
  std::uint64_t value = 0;     // what was read or is to be written; 0: no such record
  std::uint64_t expected = 0;  // the value that a compare_and_set replaces
  std::uint64_t version = 0;   // of what was read, or expected
  std::int32_t client = 0;
  std::int32_t key = 0;
  std::int32_t code = 0;  // of the error, where there was one
  Kind kind = Kind::plain_read;
  Outcome outcome = Outcome::done;
  std::uint16_t damage = 0;  // not zero: what was read is not what anybody wrote
};

// NoteFile takes one client's notes; each is there when add returns, whatever becomes of the process.
class NoteFile {
 public:
  explicit NoteFile(const std::filesystem::path& file)
      : file_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
    if (file_ < 0) throw std::runtime_error("no file for notes");
  }
  ~NoteFile() { ::close(file_); }
  NoteFile(const NoteFile&) = delete;
  NoteFile& operator=(const NoteFile&) = delete;

  void add(const Note& note) {
    if (::write(file_, &note, sizeof note) != sizeof note) throw std::runtime_error("no room");
  }

  static std::vector<Note> load(const std::filesystem::path& file) {
    std::vector<Note> notes;
    std::ifstream in(file, std::ios::binary);
    for (Note note; in.read(reinterpret_cast<char*>(&note), sizeof note);) notes.push_back(note);
    return notes;
  }

 private:
  int file_;
};

// Complaints are what is wrong with a history, a sentence each.
using Complaints = std::vector<std::string>;

inline std::string describe(const Note& note) {
  static constexpr const char* kKinds[] = {"plain read", "fresh read", "compare-and-set"};
  static constexpr const char* kOutcomes[] = {"done", "refused", "nothing", "unknown"};
  return std::string(kKinds[static_cast<int>(note.kind)]) + " of key " + std::to_string(note.key) +
         " by client " + std::to_string(note.client) + ", value " + std::to_string(note.value) +
         ", expected " + std::to_string(note.expected) + ", " +
         kOutcomes[static_cast<int>(note.outcome)] + " (" + std::to_string(note.code) + "), at " +
         std::to_string(note.invoked) + " for " + std::to_string(note.returned - note.invoked) +
         " ns";
}

// KeyHistory is all that was noted of one key.
class KeyHistory {
 public:
  // The history begins with `initial`, and ended with `last`, which was read when all was quiet.
  KeyHistory(std::vector<Note> notes, std::uint64_t initial, std::uint64_t last)
      : notes_(std::move(notes)), initial_(initial) {
    look_at_reads();
    follow_the_chain(last);
  }

  // judge gives the promises that were broken, ten of them at most.
  Complaints judge() {
    look_at_writes();
    look_at_clients();
    look_at_order();
    return complaints_;
  }

  // lag gives for how long the value that a plain read gave had been replaced when it was asked for: the
  // longest of them, and which read it was.
  std::pair<std::int64_t, Note> lag() const {
    std::vector<std::int64_t> replaced_at(position_.size() + 1, INT64_MAX);
    for (const Note& note : notes_) {
      const auto at = position_.find(note.value);
      if (is_read(note) || note.outcome != Note::Outcome::done || at == position_.end()) continue;
      replaced_at[at->second] = std::min(replaced_at[at->second], note.returned);
    }
    // A later value that was acknowledged earlier had replaced it as well.
    for (std::size_t i = replaced_at.size(); i-- > 1;)
      replaced_at[i - 1] = std::min(replaced_at[i - 1], replaced_at[i]);
    std::pair<std::int64_t, Note> longest{0, {}};
    for (const Note& note : notes_) {
      const auto at = position_.find(note.value);
      if (note.kind != Note::Kind::plain_read || note.outcome != Note::Outcome::done ||
          at == position_.end() || replaced_at[at->second + 1] == INT64_MAX)
        continue;
      const std::int64_t lag = note.invoked - replaced_at[at->second + 1];
      if (lag > longest.first) longest = {lag, note};
    }
    return longest;
  }

 private:
  static bool is_read(const Note& note) { return note.kind != Note::Kind::compare_and_set; }
  void complain(const std::string& what, const Note& note) {
    if (complaints_.size() < 10) complaints_.push_back(what + ": " + describe(note));
  }

  // Whole, and of one version a value: no version stands for two values.
  void look_at_reads() {
    std::map<std::uint64_t, std::uint64_t> value_of;
    for (const Note& note : notes_) {
      if (!is_read(note) || note.outcome != Note::Outcome::done) continue;
      if (note.damage != 0) complain("read something that nobody wrote", note);
      if (note.value == 0) continue;
      seen_.insert(note.value);
      if (!value_of.emplace(note.version, note.value).second &&
          value_of[note.version] != note.value)
        complain("one version stood for two values", note);
    }
  }

  // Who replaced a value: once one compare-and-set was told so, no other may have been, nor may one of
  // unknown outcome have got in as well.
  void follow_the_chain(std::uint64_t last) {
    seen_.insert(last);
    for (const Note& note : notes_) {
      if (note.kind == Note::Kind::compare_and_set && note.outcome == Note::Outcome::done)
        seen_.insert(note.expected);
    }
    std::map<std::uint64_t, const Note*> next;
    for (const Note& note : notes_) {
      if (note.kind != Note::Kind::compare_and_set) continue;
      const bool happened =
          note.outcome == Note::Outcome::done ||
          (note.outcome == Note::Outcome::unknown && seen_.count(note.value) != 0);
      if (happened && !next.emplace(note.expected, &note).second)
        complain("two replaced the same value, the other being " + describe(*next[note.expected]),
                 note);
    }
    position_[initial_] = 0;
    auto link = next.find(initial_);
    std::uint64_t end = initial_;
    for (; link != next.end(); link = next.find(end)) {
      end = link->second->value;
      if (!position_.emplace(end, position_.size()).second)
        return complain("a value came twice", *link->second);
    }
    if (end != last) {
      complaints_.push_back("the last value was " + std::to_string(last) + ", and the last link " +
                            std::to_string(end));
    }
  }

  // No write that says that nothing was changed happened, no acknowledged one is lost, and nothing was
  // read that nobody wrote. In this order: the first of them is why the others are seen.
  void look_at_writes() {
    using Outcome = Note::Outcome;
    for (const Note& note : notes_) {
      const bool denied = note.outcome == Outcome::nothing || note.outcome == Outcome::refused;
      if (!is_read(note) && denied && seen_.contains(note.value))
        complain("a write that changed nothing was seen", note);
    }
    for (const Note& note : notes_) {
      if (note.outcome != Outcome::done || position_.contains(note.value)) continue;
      complain(is_read(note) ? "read what was never written" : "an acknowledged write was lost",
               note);
    }
  }

  // Each client's reads go forward only, and past its own writes.
  void look_at_clients() {
    std::map<std::int32_t, std::size_t> reached;
    std::map<std::int32_t, std::int64_t> last_return;
    for (const Note& note : notes_) {
      if (note.outcome != Note::Outcome::done || position_.count(note.value) == 0) continue;
      if (note.invoked < last_return[note.client]) complain("notes are out of order", note);
      last_return[note.client] = note.returned;
      std::size_t& before = reached[note.client];
      const std::size_t here = position_[note.value];
      if (here < before) complain("a client saw an older value than before", note);
      before = std::max(before, here);
    }
  }

  // Compare-and-set, and reads after sync, are linearizable.
  void look_at_order() {
    std::vector<Operation> history;
    for (const Note& note : notes_) {
      if (note.kind == Note::Kind::plain_read || note.outcome == Note::Outcome::nothing) continue;
      Operation operation;
      operation.kind = is_read(note) ? Operation::Kind::read : Operation::Kind::compare_and_set;
      operation.outcome = note.outcome == Note::Outcome::done      ? Operation::Outcome::done
                          : note.outcome == Note::Outcome::refused ? Operation::Outcome::refused
                                                                   : Operation::Outcome::unknown;
      operation.value = note.value;
      operation.expected = note.expected;
      operation.invoked = note.invoked;
      operation.returned = note.returned;
      operation.client = note.client;
      history.push_back(operation);
    }
    const Verdict verdict = LinearizabilityChecker::check(history, initial_);
    if (verdict.kind != Verdict::Kind::linearizable)
      complaints_.push_back("not linearizable: " + verdict.why);
  }

  std::vector<Note> notes_;  // each client's in the order of its calls
  std::uint64_t initial_;
  std::set<std::uint64_t> seen_;
  std::map<std::uint64_t, std::size_t> position_;
  Complaints complaints_;
};

}  // namespace strongroom::testing
