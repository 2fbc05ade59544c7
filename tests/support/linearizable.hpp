// linearizable.hpp: tells whether a recorded history of one register is linearizable: whether every
// operation can be given one instant between its invocation and its return so that, in the order of
// these instants, each did what it says it did.
//
// The search is Wing's and Gong's, with Lowe's memory of the configurations already tried (G. Lowe,
// "Testing for linearizability", 2017). A write whose outcome nobody knows may take effect at any time
// after its invocation, or never. Several keys are several histories: linearizability is local.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

namespace strongroom::testing {

// Operation is one call, as its caller saw it. Times are of any one clock; two calls whose times touch
// count as concurrent.
struct Operation {
  enum class Kind : std::uint8_t { read, write, compare_and_set };
  enum class Outcome : std::uint8_t { done, refused, unknown };

  Kind kind = Kind::read;
  Outcome outcome = Outcome::done;  // refused: a compare_and_set found something else
  std::uint64_t value = 0;          // what was read, or is to be written
  std::uint64_t expected = 0;       // by a compare_and_set
  std::int64_t invoked = 0;
  std::int64_t returned = 0;  // of no meaning where the outcome is unknown
  int client = 0;             // for messages
};

// Verdict over a history: linearizable, or not, or too hard to tell.
struct Verdict {
  enum class Kind : std::uint8_t { linearizable, not_linearizable, gave_up };
  Kind kind = Kind::linearizable;
  std::string why;  // what the furthest attempt could not place
  std::size_t num_configurations = 0;
};

class LinearizabilityChecker {
 public:
  // check judges a history, in any order, of a register that held `initial` at first.
  static Verdict check(std::span<const Operation> history, std::uint64_t initial = 0,
                       std::size_t max_configurations = 5'000'000) {
    LinearizabilityChecker checker(history, initial, max_configurations);
    return checker.search();
  }

 private:
  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

  // Event is a call or a return. Those of operations that have no instant yet form a list in the order
  // of time, behind event 0.
  struct Event {
    std::size_t operation = kNone;
    bool is_call = false;
    std::size_t before = kNone;
    std::size_t after = kNone;
  };
  // Step is one operation that was given its instant.
  struct Step {
    std::size_t call = kNone;
    std::uint64_t old_value = 0;
    bool among_unknown = false;
  };

  LinearizabilityChecker(std::span<const Operation> history, std::uint64_t initial,
                         std::size_t max_configurations)
      : history_(history), value_(initial), max_configurations_(max_configurations) {
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i < history.size(); ++i) marks_.push_back({random(), random()});
    lay_out();
  }

  bool is_unknown(std::size_t operation) const {
    return history_[operation].outcome == Operation::Outcome::unknown;
  }
  std::int64_t time(const Event& event) const {
    const Operation& operation = history_[event.operation];
    if (event.is_call) return operation.invoked;
    const bool never = operation.outcome == Operation::Outcome::unknown;
    return never ? std::numeric_limits<std::int64_t>::max() : operation.returned;
  }

  void lay_out() {
    for (std::size_t i = 0; i < history_.size(); ++i) {
      events_.push_back({i, true});
      events_.push_back({i, false});
    }
    std::stable_sort(events_.begin(), events_.end(), [this](const Event& a, const Event& b) {
      return time(a) != time(b) ? time(a) < time(b) : a.is_call && !b.is_call;
    });
    events_.insert(events_.begin(), Event{});
    return_of_.resize(history_.size(), kNone);
    for (std::size_t i = 0; i < events_.size(); ++i) {
      events_[i].before = i == 0 ? kNone : i - 1;
      events_[i].after = i + 1 < events_.size() ? i + 1 : kNone;
      if (i > 0 && !events_[i].is_call) return_of_[events_[i].operation] = i;
    }
  }

  void take_out(std::size_t event) {
    const Event& e = events_[event];
    events_[e.before].after = e.after;
    if (e.after != kNone) events_[e.after].before = e.before;
  }
  void put_back(std::size_t event) {
    const Event& e = events_[event];
    events_[e.before].after = event;
    if (e.after != kNone) events_[e.after].before = event;
  }

  // result gives what the register holds after an operation, or nothing where that could not be.
  std::optional<std::uint64_t> result(const Operation& operation) const {
    const bool equal = value_ == operation.expected;
    switch (operation.kind) {
      case Operation::Kind::read:
        if (value_ == operation.value) return value_;
        return {};
      case Operation::Kind::write:
        return operation.value;
      case Operation::Kind::compare_and_set:
        if (operation.outcome == Operation::Outcome::refused) {
          if (!equal) return value_;
          return {};
        }
        // An unknown one that finds something else may as well come last, where it does no harm.
        if (equal) return operation.value;
        return {};
    }
    return {};
  }

  // place gives an operation its instant here, unless that led nowhere before.
  bool place(std::size_t call, bool among_unknown) {
    const std::size_t operation = events_[call].operation;
    const auto next = result(history_[operation]);
    if (!next) return false;
    const Mark taken{placed_.low ^ marks_[operation].low, placed_.high ^ marks_[operation].high};
    // 128 random bits a set of operations: two sets that look alike are not to be feared.
    const Mark seen{taken.low + *next * 0x9E3779B97F4A7C15u, taken.high};
    if (!tried_.insert(seen).second) return false;
    steps_.push_back({call, value_, among_unknown});
    placed_ = taken;
    value_ = *next;
    take_out(call);
    take_out(return_of_[operation]);
    return true;
  }

  Step undo() {
    const Step step = steps_.back();
    steps_.pop_back();
    const std::size_t operation = events_[step.call].operation;
    placed_ = {placed_.low ^ marks_[operation].low, placed_.high ^ marks_[operation].high};
    value_ = step.old_value;
    put_back(return_of_[operation]);
    put_back(step.call);
    return step;
  }

  Verdict search();
  std::string stuck_at(std::size_t operation) const;

  struct Mark {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    bool operator==(const Mark&) const = default;
  };
  struct MarkHash {
    std::size_t operator()(const Mark& mark) const noexcept { return mark.low ^ mark.high; }
  };

  std::span<const Operation> history_;
  std::uint64_t value_;
  std::size_t max_configurations_;
  std::vector<Mark> marks_;
  std::vector<Event> events_;
  std::vector<std::size_t> return_of_;
  std::vector<Step> steps_;
  Mark placed_;
  std::unordered_set<Mark, MarkHash> tried_;
};

// Candidates are the calls before the first return that has none of its instant yet: those with a known
// outcome first, since of the others most never happened.
inline Verdict LinearizabilityChecker::search() {
  Verdict verdict;
  std::size_t furthest = 0;
  std::size_t event = events_[0].after;
  bool among_unknown = false;
  while (event != kNone) {
    const Event& e = events_[event];
    if (e.is_call) {
      if (is_unknown(e.operation) == among_unknown && place(event, among_unknown)) {
        event = events_[0].after;
        among_unknown = false;
      } else {
        event = e.after;
      }
      if (tried_.size() < max_configurations_) continue;
      return {Verdict::Kind::gave_up, "there were too many configurations", tried_.size()};
    }
    if (is_unknown(e.operation)) break;  // all with a known outcome have their instant
    if (!among_unknown) {
      among_unknown = true;
      event = events_[0].after;
      continue;
    }
    if (verdict.why.empty() || steps_.size() > furthest) {
      furthest = steps_.size();
      verdict.why = stuck_at(e.operation);
    }
    if (steps_.empty()) {
      verdict.kind = Verdict::Kind::not_linearizable;
      break;
    }
    const Step step = undo();
    among_unknown = step.among_unknown;
    event = events_[step.call].after;
  }
  verdict.num_configurations = tried_.size();
  if (verdict.kind == Verdict::Kind::linearizable) verdict.why.clear();
  return verdict;
}

// stuck_at tells what had to have its instant by then, and what the register held.
inline std::string LinearizabilityChecker::stuck_at(std::size_t operation) const {
  const Operation& o = history_[operation];
  const char* kind = o.kind == Operation::Kind::read    ? "a read of "
                     : o.kind == Operation::Kind::write ? "a write of "
                                                        : "a compare-and-set to ";
  std::string text = kind + std::to_string(o.value) + " by client " + std::to_string(o.client);
  if (o.kind == Operation::Kind::compare_and_set) {
    text += o.outcome == Operation::Outcome::refused ? ", refused," : ", done,";
    text += " expecting " + std::to_string(o.expected);
  }
  return text + " in [" + std::to_string(o.invoked) + ", " + std::to_string(o.returned) +
         "] found no instant: the register held " + std::to_string(value_) + " after " +
         std::to_string(steps_.size()) + " operations";
}

}  // namespace strongroom::testing
