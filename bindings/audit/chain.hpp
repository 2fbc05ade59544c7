// chain.hpp: the form of the audit log of strongroomd, whose lines are chained by hashes.
//
//   {"seq":7,"time":"2026-01-31T12:00:00.000001Z","instance":"0123456789abcdef","peer":"127.0.0.1:4711",
//    "actor":"user:bob","action":"secret_read","path":"db/password","status":200,"outcome":"ok",
//    "duration_us":153,"hash":"..."}
//
// A line is ASCII, up to kMaxLineLen bytes, and ends in a line feed. FORMAT.md has the whole of it. Server and
// command line share this file. Hashes are not keyed: whoever may write to the log can make another chain of it.
// That shows only by comparing it with the head that the store keeps.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strongroom_audit {

inline constexpr std::size_t kHashLen = 32;
inline constexpr std::size_t kMaxLineLen = std::size_t{40} << 10;
inline constexpr std::size_t kMaxInstanceLen = 64;

using Hash = std::array<std::uint8_t, kHashLen>;

// Head is where a chain stands: at its last line, or at zeros before its first one.
struct Head {
  std::uint64_t seq = 0;
  Hash hash{};
  std::int64_t time_us = 0;  // since 1970, UTC
};

// TimeText writes times as the log has them: 2026-01-31T12:00:00.000001Z.
class TimeText {
 public:
  // of returns the text of microseconds since 1970, UTC. It is valid until the next call.
  std::string_view of(std::int64_t time_us) noexcept;

 private:
  void put_second(std::int64_t second) noexcept;

  std::int64_t second_ = -1;  // whose text is in text_
  std::array<char, 27> text_{};
};

// is_instance returns whether a text can name a server: 1 to kMaxInstanceLen of A-Z a-z 0-9 '-' '_'.
bool is_instance(std::string_view text) noexcept;

// Line makes one line at a time, in memory of its own.
class Line {
 public:
  // begin starts the line that follows previous.
  void begin(const Head& previous, std::int64_t time_us, std::string_view instance);

  // text adds a member with any bytes. What is no UTF-8 becomes NAME_hex. What is longer than max_len bytes is cut, and
  // NAME_len says how long it was.
  void text(std::string_view name, std::string_view bytes, std::size_t max_len);
  void number(std::string_view name, std::uint64_t number);
  void hex(std::string_view name, const std::uint8_t* bytes, std::size_t len);

  // end adds the hash, and returns the line with its line feed. It is valid until begin.
  std::string_view end();

  // head is where the chain stands after this line.
  const Head& head() const noexcept { return head_; }

 private:
  void put(std::string_view bytes);
  void put_name(std::string_view name, std::string_view suffix = {});
  void put_number(std::uint64_t number);
  void put_hex(const std::uint8_t* bytes, std::size_t len);
  void put_ascii(std::string_view bytes);
  void put_utf8(std::string_view bytes);
  void put_escape(unsigned unit);

  std::array<char, kMaxLineLen> buffer_;
  std::size_t len_ = 0;
  Head previous_;
  Head head_;
  TimeText time_;
};

// The events that a line may report in place of a request.
inline constexpr std::string_view kBegin = "begin";    // of a file: previous_seq, previous_hash
inline constexpr std::string_view kCut = "cut";        // an unfinished line was removed: bytes
inline constexpr std::string_view kBroken = "broken";  // the line before does not follow its own
inline constexpr std::string_view kBehind =
    "behind";  // the store's head is not in this log: head_seq, head_hash
inline constexpr std::string_view kLost = "lost";  // requests were served without a line: count

// Parsed is what the chain needs of a line. Its views are of the line.
struct Parsed {
  Head head;
  std::string_view instance;
  std::string_view event;    // "" for a request
  Head previous;             // of kBegin
  std::uint64_t number = 0;  // of kCut, kBehind and kLost
  std::string_view body;     // what the hash is over
};

// parse reads a line without its line feed; nothing if it does not have the form.
std::optional<Parsed> parse(std::string_view line) noexcept;

// chain_hash is the hash of a line: SHA-256 over the hash before and the line up to its member "hash".
Hash chain_hash(const Hash& previous, std::string_view body) noexcept;

// HeadRecord is what the store keeps about a log, as the host record audit/INSTANCE.
struct HeadRecord {
  Head head;
  std::uint64_t breaks = 0;  // how often the log was found not to contain the head
};

std::string text_of(const HeadRecord& record);
std::optional<HeadRecord> parse_head(std::string_view text) noexcept;

std::string hex_of(const Hash& hash);

// Fault is the first line that is bad or missing.
struct Fault {
  std::string file;
  std::uint64_t line;  // from 1
  std::string why;
};

// Note is a line that reports an event.
struct Note {
  std::string file;
  std::uint64_t line;
  std::string event;
  std::uint64_t number;
};

// Verifier reads one log, as pieces of one or more files, the oldest first.
class Verifier {
 public:
  using OnLine = std::function<void(const Parsed& line)>;

  // on_line is called with each line that is good.
  explicit Verifier(OnLine on_line = {});

  void begin_file(std::string name);

  // feed takes the next bytes of a file.
  // Returns  false if there is a fault; nothing more is read then.
  bool feed(std::string_view bytes);

  // end_file ends a file, which must end with a line feed.
  bool end_file();

  // is_in_line returns whether what was fed ends within a line.
  bool is_in_line() const noexcept { return !part_.empty(); }

  const std::optional<Fault>& fault() const noexcept { return fault_; }
  const std::vector<Note>& notes() const noexcept { return notes_; }  // up to kMaxNotes
  std::uint64_t num_alarms() const noexcept { return num_alarms_; }   // events other than kCut
  const Head& first() const noexcept { return first_; }
  const Head& last() const noexcept { return last_; }
  std::uint64_t num_lines() const noexcept { return num_lines_; }
  const std::string& instance() const noexcept { return instance_; }

  static constexpr std::size_t kMaxNotes = 1000;

 private:
  bool take(std::string_view line);
  bool check(const Parsed& line);
  bool check_place(const Parsed& line);
  bool fail(std::string why);
  void note(const Parsed& line);

  OnLine on_line_;
  std::string file_;
  std::uint64_t line_ = 0;
  std::string part_;  // of a line whose end was not fed yet
  std::string instance_;
  Head first_;
  Head last_;
  std::uint64_t num_lines_ = 0;
  std::optional<Fault> fault_;
  std::vector<Note> notes_;
  std::uint64_t num_alarms_ = 0;
};

}  // namespace strongroom_audit
