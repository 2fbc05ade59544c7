#include "audit/chain.hpp"

#include <nettle/sha2.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace strongroom_audit {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr std::string_view kHashName = ",\"hash\":\"";
constexpr std::size_t kSuffixLen = kHashName.size() + 2 * kHashLen + 2;
constexpr std::int64_t kSecond = 1'000'000;

// is_plain reports the bytes that stand for themselves in a JSON string.
constexpr bool is_plain(char c) noexcept {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

bool is_ascii(std::string_view bytes) noexcept {
  return std::none_of(bytes.begin(), bytes.end(), [](char c) { return (c & 0x80) != 0; });
}

bool is_continuation(char c) noexcept {
  return (c & 0xC0) == 0x80;
}

// take_character removes the first character from a text that is not empty.
// Returns  its code point, or nothing if it is none (Unicode 15, table 3-7).
std::optional<char32_t> take_character(std::string_view& text) noexcept {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t len = first < 0x80   ? 1
                          : first < 0xC2 ? 0
                          : first < 0xE0 ? 2
                          : first < 0xF0 ? 3
                          : first < 0xF5 ? 4
                                         : 0;
  if (len == 0 || text.size() < len) return {};
  char32_t code = len == 1 ? first : first & (0xFFU >> (len + 1));
  for (const char next : text.substr(1, len - 1)) {
    if (!is_continuation(next)) return {};
    code = code << 6 | (static_cast<unsigned char>(next) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[len] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {};
  text.remove_prefix(len);
  return code;
}

bool is_utf8_text(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    if (!take_character(bytes)) return false;
  }
  return true;
}

// cut_text returns up to max_len bytes of a text, and does not end within a character.
std::string_view cut_text(std::string_view text, std::size_t max_len) noexcept {
  if (text.size() <= max_len) return text;
  std::size_t len = max_len;
  while (len > 0 && max_len - len < 3 && is_continuation(text[len])) --len;
  return text.substr(0, is_continuation(text[len]) ? max_len : len);
}

void put_digits(char* out, std::size_t num, std::uint64_t value) noexcept {
  while (num > 0) {
    out[--num] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

// The parts of a line that is read, one after the other. Each returns false where another one stands.
class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : text_(text) {}

  bool skip(std::string_view expected) noexcept {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  bool number(std::uint64_t& out) noexcept {
    const char* const end = text_.data() + text_.size();
    const auto [stop, error] = std::from_chars(text_.data(), end, out);
    if (error != std::errc() || (text_[0] == '0' && stop != text_.data() + 1)) return false;
    text_.remove_prefix(static_cast<std::size_t>(stop - text_.data()));
    return true;
  }
  bool word(std::string_view& out) noexcept {
    const std::size_t len = text_.find('"');
    if (len == std::string_view::npos || !is_instance(text_.substr(0, len))) return false;
    out = text_.substr(0, len);
    text_.remove_prefix(len);
    return true;
  }
  bool hash(Hash& out) noexcept {
    if (text_.size() < 2 * kHashLen) return false;
    for (std::uint8_t& byte : out) {
      const int high = digit(text_[0]);
      const int low = digit(text_[1]);
      if (high < 0 || low < 0) return false;
      byte = static_cast<std::uint8_t>(high << 4 | low);
      text_.remove_prefix(2);
    }
    return true;
  }
  bool time(std::int64_t& out) noexcept;
  bool at_end() const noexcept { return text_.empty(); }

 private:
  static int digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  }
  // digits takes a number of fixed length, and what must follow it.
  bool digits(std::size_t num, char end, unsigned& out) noexcept {
    if (text_.size() <= num || text_[num] != end) return false;
    out = 0;
    for (const char c : text_.substr(0, num)) {
      if (c < '0' || c > '9') return false;
      out = out * 10 + static_cast<unsigned>(c - '0');
    }
    text_.remove_prefix(num + 1);
    return true;
  }

  std::string_view text_;
};

bool Reader::time(std::int64_t& out) noexcept {
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, micros = 0;
  if (!digits(4, '-', year) || !digits(2, '-', month) || !digits(2, 'T', day) ||
      !digits(2, ':', hour) || !digits(2, ':', minute) || !digits(2, '.', second) ||
      !digits(6, 'Z', micros))
    return false;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok() || year < 1970 || hour > 23 || minute > 59 || second > 59) return false;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  out = ((days * 24 + hour) * 3600 + minute * 60 + second) * kSecond + micros;
  return true;
}

// read_event reads the members of an event up to the end of the body.
bool read_event(Reader& reader, Parsed& line) noexcept {
  if (!reader.word(line.event) || !reader.skip("\"")) return false;
  const std::string_view event = line.event;
  if (event == kBroken) return reader.at_end();
  if (event == kCut)
    return reader.skip(",\"bytes\":") && reader.number(line.number) && reader.at_end();
  if (event == kLost)
    return reader.skip(",\"count\":") && reader.number(line.number) && reader.at_end();
  if (event == kBegin) {
    return reader.skip(",\"previous_seq\":") && reader.number(line.previous.seq) &&
           reader.skip(",\"previous_hash\":\"") && reader.hash(line.previous.hash) &&
           reader.skip("\"") && reader.at_end();
  }
  Hash ignored;
  return event == kBehind && reader.skip(",\"head_seq\":") && reader.number(line.number) &&
         reader.skip(",\"head_hash\":\"") && reader.hash(ignored) && reader.skip("\"") &&
         reader.at_end();
}

std::string lines_text(std::uint64_t first, std::uint64_t last) {
  if (first == last) return "the line " + std::to_string(first) + " is missing";
  return "the lines " + std::to_string(first) + " to " + std::to_string(last) + " are missing";
}

}  // namespace

bool is_instance(std::string_view text) noexcept {
  if (text.empty() || text.size() > kMaxInstanceLen) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
  });
}

Hash chain_hash(const Hash& previous, std::string_view body) noexcept {
  sha256_ctx context;
  Hash hash;
  sha256_init(&context);
  sha256_update(&context, previous.size(), previous.data());
  sha256_update(&context, body.size(), reinterpret_cast<const std::uint8_t*>(body.data()));
  sha256_digest(&context, hash.size(), hash.data());
  return hash;
}

std::string hex_of(const Hash& hash) {
  std::string hex;
  for (const std::uint8_t byte : hash) hex += {kHexDigits[byte >> 4], kHexDigits[byte & 15]};
  return hex;
}

// ---- writing ----

std::string_view TimeText::of(std::int64_t time_us) noexcept {
  const std::int64_t time = std::max<std::int64_t>(time_us, 0);
  if (time / kSecond != second_) put_second(time / kSecond);
  put_digits(text_.data() + 20, 6, static_cast<std::uint64_t>(time % kSecond));
  return {text_.data(), text_.size()};
}

void TimeText::put_second(std::int64_t second) noexcept {
  using namespace std::chrono;
  second_ = second;
  const sys_seconds since{seconds(second)};
  const auto day = floor<days>(since);
  const year_month_day date(day);
  const hh_mm_ss time(since - day);
  std::memcpy(text_.data(), "0000-00-00T00:00:00.000000Z", text_.size());
  put_digits(text_.data(), 4, static_cast<std::uint64_t>(static_cast<int>(date.year())));
  put_digits(text_.data() + 5, 2, static_cast<unsigned>(date.month()));
  put_digits(text_.data() + 8, 2, static_cast<unsigned>(date.day()));
  put_digits(text_.data() + 11, 2, static_cast<std::uint64_t>(time.hours().count()));
  put_digits(text_.data() + 14, 2, static_cast<std::uint64_t>(time.minutes().count()));
  put_digits(text_.data() + 17, 2, static_cast<std::uint64_t>(time.seconds().count()));
}

void Line::begin(const Head& previous, std::int64_t time_us, std::string_view instance) {
  len_ = 0;
  previous_ = previous;
  head_.seq = previous.seq + 1;
  head_.time_us = time_us;
  put("{\"seq\":");
  put_number(head_.seq);
  put(",\"time\":\"");
  put(time_.of(time_us));
  put("\",\"instance\":\"");
  put(instance);
  put("\"");
}

void Line::text(std::string_view name, std::string_view bytes, std::size_t max_len) {
  const std::string_view kept = cut_text(bytes, max_len);
  if (is_ascii(kept)) {
    put_name(name);
    put_ascii(kept);
  } else if (is_utf8_text(kept)) {
    put_name(name);
    put_utf8(kept);
  } else {
    put_name(name, "_hex");
    put_hex(reinterpret_cast<const std::uint8_t*>(kept.data()), kept.size());
  }
  put("\"");
  if (kept.size() == bytes.size()) return;
  put(",\"");
  put(name);
  put("_len\":");
  put_number(bytes.size());
}

void Line::number(std::string_view name, std::uint64_t number) {
  put(",\"");
  put(name);
  put("\":");
  put_number(number);
}

void Line::hex(std::string_view name, const std::uint8_t* bytes, std::size_t len) {
  put_name(name);
  put_hex(bytes, len);
  put("\"");
}

std::string_view Line::end() {
  head_.hash = chain_hash(previous_.hash, std::string_view(buffer_.data(), len_));
  put(kHashName);
  put_hex(head_.hash.data(), head_.hash.size());
  put("\"}\n");
  return {buffer_.data(), len_};
}

void Line::put(std::string_view bytes) {
  if (bytes.size() > buffer_.size() - len_) throw std::length_error("an audit line is too long");
  std::copy(bytes.begin(), bytes.end(), buffer_.data() + len_);
  len_ += bytes.size();
}

void Line::put_name(std::string_view name, std::string_view suffix) {
  put(",\"");
  put(name);
  put(suffix);
  put("\":\"");
}

void Line::put_number(std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  put({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void Line::put_hex(const std::uint8_t* bytes, std::size_t len) {
  if (2 * len > buffer_.size() - len_) throw std::length_error("an audit line is too long");
  for (std::size_t i = 0; i < len; ++i) {
    buffer_[len_++] = kHexDigits[bytes[i] >> 4];
    buffer_[len_++] = kHexDigits[bytes[i] & 15];
  }
}

void Line::put_ascii(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto stop = std::find_if_not(bytes.begin(), bytes.end(), is_plain);
    const auto num = static_cast<std::size_t>(stop - bytes.begin());
    put(bytes.substr(0, num));
    bytes.remove_prefix(num);
    if (bytes.empty()) return;
    const char c = bytes[0];
    if (c == '"' || c == '\\') {
      put(c == '"' ? "\\\"" : "\\\\");
    } else {
      put_escape(static_cast<unsigned char>(c));
    }
    bytes.remove_prefix(1);
  }
}

// Everything beyond ASCII is escaped: a viewer may take U+0085 and U+2028 for the end of a line, and others
// change the order of what is shown.
void Line::put_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    if ((bytes[0] & 0x80) == 0) {
      put_ascii(bytes.substr(0, 1));
      bytes.remove_prefix(1);
      continue;
    }
    const auto code = static_cast<unsigned>(*take_character(bytes));
    if (code < 0x10000) {
      put_escape(code);
    } else {
      put_escape(0xD800 + ((code - 0x10000) >> 10));
      put_escape(0xDC00 + ((code - 0x10000) & 0x3FF));
    }
  }
}

void Line::put_escape(unsigned unit) {
  const std::array<char, 6> escape = {'\\',
                                      'u',
                                      kHexDigits[unit >> 12],
                                      kHexDigits[unit >> 8 & 15],
                                      kHexDigits[unit >> 4 & 15],
                                      kHexDigits[unit & 15]};
  put({escape.data(), escape.size()});
}

// ---- reading ----

std::optional<Parsed> parse(std::string_view line) noexcept {
  Parsed parsed;
  if (line.size() < kSuffixLen || line.size() >= kMaxLineLen) return {};
  parsed.body = line.substr(0, line.size() - kSuffixLen);
  Reader suffix(line.substr(parsed.body.size()));
  if (!suffix.skip(kHashName) || !suffix.hash(parsed.head.hash) || !suffix.skip("\"}")) return {};
  Reader reader(parsed.body);
  if (!reader.skip("{\"seq\":") || !reader.number(parsed.head.seq) || parsed.head.seq == 0 ||
      !reader.skip(",\"time\":\"") || !reader.time(parsed.head.time_us) ||
      !reader.skip("\",\"instance\":\"") || !reader.word(parsed.instance) || !reader.skip("\""))
    return {};
  if (reader.skip(",\"peer")) return parsed;
  if (!reader.skip(",\"event\":\"") || !read_event(reader, parsed)) return {};
  return parsed;
}

std::string text_of(const HeadRecord& record) {
  TimeText time;
  return "{\"seq\":" + std::to_string(record.head.seq) + ",\"time\":\"" +
         std::string(time.of(record.head.time_us)) + "\",\"hash\":\"" + hex_of(record.head.hash) +
         "\",\"breaks\":" + std::to_string(record.breaks) + "}";
}

std::optional<HeadRecord> parse_head(std::string_view text) noexcept {
  HeadRecord record;
  Reader reader(text);
  if (!reader.skip("{\"seq\":") || !reader.number(record.head.seq) ||
      !reader.skip(",\"time\":\"") || !reader.time(record.head.time_us) ||
      !reader.skip("\",\"hash\":\"") || !reader.hash(record.head.hash) ||
      !reader.skip("\",\"breaks\":") || !reader.number(record.breaks) || !reader.skip("}") ||
      !reader.at_end())
    return {};
  return record;
}

Verifier::Verifier(OnLine on_line) : on_line_(std::move(on_line)) {}

void Verifier::begin_file(std::string name) {
  file_ = std::move(name);
  line_ = 0;
  part_.clear();
}

bool Verifier::feed(std::string_view bytes) {
  while (!fault_) {
    const std::size_t len = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, len);
    if (part_.size() + piece.size() >= kMaxLineLen) {
      ++line_;
      return fail("it is longer than a line can be");
    }
    if (len == std::string_view::npos) {
      part_ += piece;
      return true;
    }
    if (part_.empty()) {
      take(piece);
    } else {
      part_ += piece;
      take(part_);
      part_.clear();
    }
    bytes.remove_prefix(len + 1);
  }
  return false;
}

bool Verifier::end_file() {
  if (fault_) return false;
  ++line_;
  if (!part_.empty()) return fail("it is incomplete");
  if (line_ == 1) return fail("the file is empty, and each file of the log begins with a line");
  return true;
}

bool Verifier::take(std::string_view line) {
  ++line_;
  const auto parsed = parse(line);
  if (!parsed) return fail("it is no line of an audit log");
  if (!check(*parsed)) return false;
  if (num_lines_++ == 0) {
    first_ = parsed->head;
    instance_ = parsed->instance;
  }
  last_ = parsed->head;
  note(*parsed);
  if (on_line_) on_line_(*parsed);
  return true;
}

bool Verifier::check(const Parsed& line) {
  const bool begins = line.event == kBegin;
  if (line_ == 1 && !begins) return fail("the beginning of the file is missing");
  if (num_lines_ == 0) {
    last_ = line.previous;
    if (last_.seq == 0 && last_.hash != Hash{}) return fail("it begins a log after a hash");
  } else if (line.instance != instance_) {
    return fail("it is of another server, " + std::string(line.instance));
  }
  if (!check_place(line)) return false;
  if (begins && (line.previous.seq != last_.seq || line.previous.hash != last_.hash))
    return fail("the file does not follow the line before it");
  if (chain_hash(last_.hash, line.body) != line.head.hash)
    return fail("its hash is wrong: this line or the one before it was changed");
  return true;
}

bool Verifier::check_place(const Parsed& line) {
  const std::uint64_t expected = last_.seq + 1;
  if (line.head.seq == expected) return true;
  if (line.head.seq > expected) return fail(lines_text(expected, line.head.seq - 1) + " before it");
  return fail("it is the line " + std::to_string(line.head.seq) + ", where " +
              std::to_string(expected) + " is expected");
}

bool Verifier::fail(std::string why) {
  fault_ = Fault{file_, line_, std::move(why)};
  return false;
}

void Verifier::note(const Parsed& line) {
  if (line.event.empty() || line.event == kBegin) return;
  if (line.event != kCut) ++num_alarms_;
  if (notes_.size() == kMaxNotes) return;
  notes_.push_back(Note{file_, line_, std::string(line.event), line.number});
}

}  // namespace strongroom_audit
