// The judge of what clients noted: it sees each broken promise in a history made for it.
#include "cas_history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace strongroom::testing::cas_history_test {
namespace {

using Kind = Note::Kind;
using Outcome = Note::Outcome;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Clients make notes one after the other, at times of their own.
class Notes {
 public:
  Notes& read(int client, std::uint64_t value, Kind kind = Kind::plain_read) {
    return add(client, kind, value, 0, Outcome::done);
  }
  Notes& set(int client, std::uint64_t expected, std::uint64_t value,
             Outcome outcome = Outcome::done) {
    return add(client, Kind::compare_and_set, value, expected, outcome);
  }
  Note& last() { return notes_.back(); }
  std::int64_t lag() const { return KeyHistory(notes_, 0, 0).lag().first; }
  Complaints judged(std::uint64_t last) const { return KeyHistory(notes_, 0, last).judge(); }

 private:
  Notes& add(int client, Kind kind, std::uint64_t value, std::uint64_t expected, Outcome outcome) {
    Note note;
    note.kind = kind;
    note.outcome = outcome;
    note.client = client;
    note.value = value;
    note.version = 100 + value;
    note.expected = expected;
    note.invoked = time_;
    note.returned = time_ + 1;
    time_ += 2;
    notes_.push_back(note);
    return *this;
  }

  std::vector<Note> notes_;
  std::int64_t time_ = 1;
};

TEST(KeyHistory, HasNothingAgainstAGoodOne) {
  Notes notes;
  notes.read(1, 0).set(1, 0, 10).read(2, 0).read(2, 10).set(2, 10, 20);
  notes.set(1, 10, 30, Outcome::refused).read(1, 20, Kind::fresh_read);
  notes.set(1, 20, 40, Outcome::unknown).set(2, 20, 50, Outcome::unknown).read(2, 50);
  notes.set(1, 50, 60, Outcome::nothing);
  EXPECT_THAT(notes.judged(50), IsEmpty());
}

TEST(KeyHistory, SeesALostWrite) {
  EXPECT_THAT(Notes().set(1, 0, 10).set(2, 10, 20).judged(10),
              Contains(HasSubstr("the last value was 10")));
  EXPECT_THAT(Notes().set(1, 0, 10).set(2, 7, 20).judged(10), Contains(HasSubstr("was lost")));
  EXPECT_THAT(Notes().set(1, 0, 10).set(2, 0, 20).judged(20),
              Contains(HasSubstr("two replaced the same value")));
}

TEST(KeyHistory, SeesAWriteThatCameTwice) {
  // The unknown one was applied, and once more after another one was.
  EXPECT_THAT(Notes().set(1, 0, 10, Outcome::unknown).read(2, 10).set(2, 10, 20).judged(10),
              Contains(HasSubstr("the last value was 10")));
  EXPECT_THAT(Notes().set(1, 0, 10).set(2, 10, 20).set(1, 20, 10, Outcome::unknown).judged(10),
              Contains(HasSubstr("came twice")));
}

TEST(KeyHistory, SeesAWriteThatWasDenied) {
  for (const Outcome outcome : {Outcome::nothing, Outcome::refused}) {
    EXPECT_THAT(Notes().set(1, 0, 10, outcome).read(2, 10).judged(0),
                Contains(HasSubstr("changed nothing was seen")));
  }
}

TEST(KeyHistory, SeesAClientGoBack) {
  EXPECT_THAT(Notes().set(1, 0, 10).set(1, 10, 20).read(2, 20).read(2, 10).judged(20),
              Contains(HasSubstr("older value")));
  EXPECT_THAT(Notes().set(1, 0, 10).read(1, 0).judged(10), Contains(HasSubstr("older value")));
  EXPECT_THAT(Notes().set(1, 0, 10).read(2, 0).judged(10), IsEmpty()) << "others may lag";
}

TEST(KeyHistory, TellsHowFarAReadLagged) {
  Notes notes;
  notes.set(1, 0, 10).set(1, 10, 20).read(2, 10);  // 20 was acknowledged at 4, the read began at 5
  EXPECT_EQ(notes.lag(), 1);
  notes.read(3, 0);  // replaced at 2, asked for at 7
  EXPECT_EQ(notes.lag(), 5);
  notes.read(3, 20).read(2, 20);
  EXPECT_EQ(notes.lag(), 5);
}

TEST(KeyHistory, SeesAStaleFreshRead) {
  EXPECT_THAT(Notes().set(1, 0, 10).read(2, 0, Kind::fresh_read).judged(10),
              Contains(HasSubstr("not linearizable")));
}

TEST(KeyHistory, SeesAVersionThatCameAgainAndDamage) {
  Notes notes;
  notes.set(1, 0, 10).read(2, 10).set(1, 10, 20).read(2, 20);
  notes.last().version = 110;
  EXPECT_THAT(notes.judged(20), Contains(HasSubstr("one version")));
  notes.last().version = 120;
  EXPECT_THAT(notes.judged(20), IsEmpty());
  notes.last().damage = 1;
  EXPECT_THAT(notes.judged(20), Contains(HasSubstr("nobody wrote")));
  EXPECT_THAT(Notes().read(1, 5).judged(0), Contains(HasSubstr("never written")));
}

}  // namespace
}  // namespace strongroom::testing::cas_history_test
