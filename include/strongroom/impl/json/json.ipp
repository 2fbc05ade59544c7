// json.ipp: json.hpp over RapidJSON's event reader; the only file that includes RapidJSON.
//
// The reader itself keeps only a stack of states and counts (eight bytes per level), here in a fixed
// buffer. Strings are decoded in place and numbers stay as they are spelled, so no content leaves the
// secret memory of the text.
#include <rapidjson/error/error.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {
namespace detail::json {

// InPlace is the stream that RapidJSON reads and writes. RapidJSON's own stream ends at a NUL, and steps
// past it on a cut-off UTF-8 sequence. This one knows its end, needs no terminator, and distinguishes a
// NUL in the text from the end of the text.
class InPlace {
 public:
  using Ch = char;

  explicit InPlace(std::span<std::uint8_t> text) noexcept
      : begin_(reinterpret_cast<char*>(text.data())),
        src_(begin_),
        dst_(begin_),
        string_begin_(begin_),
        end_(begin_ + text.size()) {}

  Ch Peek() const noexcept { return src_ != end_ ? *src_ : '\0'; }
  Ch Take() noexcept { return src_ != end_ ? *src_++ : '\0'; }
  std::size_t Tell() const noexcept { return offset(src_); }
  std::size_t offset(const char* at) const noexcept {
    return static_cast<std::size_t>(at - begin_);
  }
  const char* at(std::size_t offset) const noexcept { return begin_ + offset; }
  bool at_end() const noexcept { return src_ == end_; }
  // The offset of the string that was begun last.
  std::size_t string_begin() const noexcept { return offset(string_begin_); }

  Ch* PutBegin() noexcept {
    string_begin_ = src_;
    return dst_ = src_;
  }
  void Put(Ch c) noexcept {
    if (dst_ != end_) *dst_++ = c;
  }
  void Flush() noexcept {}
  std::size_t PutEnd(const Ch* begin) const noexcept {
    return static_cast<std::size_t>(dst_ - begin);
  }

 private:
  char* begin_;
  char* src_;
  char* dst_;
  char* string_begin_;
  char* end_;
};

// FixedStack selects the stack below: the reader takes it in place of an allocator.
struct FixedStack {};

// Tape receives the reader's events. The first event that it refuses ends the parse, with Tape's fault.
class Tape : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Tape> {
 public:
  Tape(const InPlace& stream, std::size_t max_values) noexcept
      : stream_(stream), max_values_(max_values) {}

  bool Null() { return add(JsonKind::null, stream_.Tell() - (sizeof("null") - 1), 0); }
  bool Bool(bool value) {
    const std::size_t len = value ? sizeof("true") - 1 : sizeof("false") - 1;
    return add(JsonKind::boolean, stream_.Tell() - len, value ? 1 : 0);
  }
  bool RawNumber(const char* begin, std::uint32_t len, bool) {
    return add(JsonKind::number, stream_.offset(begin), len);
  }
  bool String(const char* begin, std::uint32_t len, bool) {
    // We check this ourselves, since the reader's own check lets a lone "\uDC00" pass.
    const std::size_t at = stream_.offset(begin);
    if (!well_formed_utf8({begin, len})) return refuse("a string was not Unicode", at);
    return add(JsonKind::string, at, len);
  }
  bool Key(const char* begin, std::uint32_t len, bool copy) { return String(begin, len, copy); }
  bool StartObject() { return open(JsonKind::object); }
  bool StartArray() { return open(JsonKind::array); }
  bool EndObject(std::uint32_t) {
    const std::uint32_t object = close();
    return refuse_duplicates(object);
  }
  bool EndArray(std::uint32_t) {
    close();
    return true;
  }

  const char* fault() const noexcept { return fault_; }
  std::size_t fault_offset() const noexcept { return fault_offset_; }
  bool full() const noexcept { return full_; }
  const std::vector<JsonNode>& nodes() const noexcept { return nodes_; }
  std::vector<JsonNode> take() noexcept { return std::move(nodes_); }

 private:
  static constexpr std::size_t kUnknown = SIZE_MAX;  // then the reader's own offset is used

  bool refuse(const char* fault, std::size_t at) noexcept {
    fault_ = fault;
    fault_offset_ = at;
    return false;
  }

  bool add(JsonKind kind, std::size_t begin, std::uint32_t extent) {
    if (nodes_.size() == max_values_) {
      full_ = true;
      return refuse("it held too many values", begin);
    }
    nodes_.push_back({static_cast<std::uint32_t>(begin), extent, kind});
    return true;
  }

  bool open(JsonKind kind) {
    if (depth_ == kMaxJsonDepth) return refuse("it was nested deeper than 64 levels", kUnknown);
    open_[depth_++] = static_cast<std::uint32_t>(nodes_.size());
    return add(kind, stream_.Tell(), 0);  // the reader consumes the bracket after this
  }

  std::uint32_t close() noexcept {
    const std::uint32_t index = open_[--depth_];
    nodes_[index].extent = static_cast<std::uint32_t>(nodes_.size());
    return index;
  }

  // Names are sorted by length and content, so that equal names are neighbours. There is no hash table,
  // which a sender could attack with collisions.
  bool refuse_duplicates(std::uint32_t object) {
    names_.clear();
    for (std::uint32_t i = object + 1; i < nodes_.size();) {
      names_.push_back(i);
      const JsonNode& value = nodes_[++i];
      const bool container = value.kind == JsonKind::object || value.kind == JsonKind::array;
      i = container ? value.extent : i + 1;
    }
    const auto name = [this](std::uint32_t i) {
      return SecretView(stream_.at(nodes_[i].begin), nodes_[i].extent).reveal_text();
    };
    std::sort(names_.begin(), names_.end(), [&](std::uint32_t a, std::uint32_t b) {
      if (nodes_[a].extent != nodes_[b].extent) return nodes_[a].extent < nodes_[b].extent;
      if (const int order = name(a).compare(name(b)); order != 0) return order < 0;
      return a < b;  // so that the later one is reported
    });
    const auto twin =
        std::adjacent_find(names_.begin(), names_.end(),
                           [&](std::uint32_t a, std::uint32_t b) { return name(a) == name(b); });
    if (twin == names_.end()) return true;
    return refuse("a member appeared twice", nodes_[*std::next(twin)].begin);
  }

  const InPlace& stream_;
  std::size_t max_values_;
  std::vector<JsonNode> nodes_;
  std::vector<std::uint32_t> names_;
  std::array<std::uint32_t, kMaxJsonDepth> open_{};
  std::size_t depth_ = 0;
  const char* fault_ = nullptr;
  std::size_t fault_offset_ = kUnknown;
  bool full_ = false;
};

static const char* describe(rapidjson::ParseErrorCode code) noexcept {
  switch (code) {
    case rapidjson::kParseErrorDocumentEmpty:
      return "it was empty, or began with no value";
    case rapidjson::kParseErrorDocumentRootNotSingular:
      return "text followed its end";
    case rapidjson::kParseErrorValueInvalid:
      return "a value was expected";
    case rapidjson::kParseErrorObjectMissName:
      return "a member's name was expected";
    case rapidjson::kParseErrorObjectMissColon:
      return "a ':' was expected";
    case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket:
      return "a ',' or '}' was expected";
    case rapidjson::kParseErrorArrayMissCommaOrSquareBracket:
      return "a ',' or ']' was expected";
    case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex:
      return "a \\u escape was malformed";
    case rapidjson::kParseErrorStringUnicodeSurrogateInvalid:
      return "a string was not Unicode";
    case rapidjson::kParseErrorStringEscapeInvalid:
      return "an escape was unknown, or a control character stood in a string";
    case rapidjson::kParseErrorStringMissQuotationMark:
      return "a string was not closed";
    case rapidjson::kParseErrorNumberTooBig:
      return "a number was out of range";
    case rapidjson::kParseErrorNumberMissFraction:
    case rapidjson::kParseErrorNumberMissExponent:
      return "a number was malformed";
    default:
      return "it was malformed";
  }
}

// place_of says in which line an offset is. Strings before it were decoded in place: a newline in one
// was an escape, and what decoding left behind it holds none.
//
// nodes         the values before the fault.
// string_begin  where the last string began; 0: there was none. One that was not good is not among the nodes.
static std::string place_of(std::size_t offset, std::span<const std::uint8_t> text,
                            std::span<const JsonNode> nodes, std::size_t string_begin) {
  std::size_t line = 1, line_begin = 0, at = 0;
  const auto count_to = [&](std::size_t end) {
    for (; at < end; ++at) {
      if (text[at] != '\n') continue;
      ++line;
      line_begin = at + 1;
    }
  };
  for (const JsonNode& node : nodes) {
    if (node.begin >= offset) break;
    if (node.kind != JsonKind::string) continue;
    count_to(node.begin);
    at = node.begin + node.extent;
  }
  const bool in_string = string_begin > (nodes.empty() ? 0 : nodes.back().begin);
  count_to(in_string ? std::min(string_begin, offset) : offset);
  return "byte " + std::to_string(offset) + " (line " + std::to_string(line) + ", column " +
         std::to_string(offset - line_begin + 1) + ")";
}

}  // namespace detail::json
}  // namespace strongroom

// With the copy optimization, the reader reports the right begin of a number in place (in reader.h,
// ParseNumber takes it from the stream as it was before the number).
template <>
struct rapidjson::StreamTraits<strongroom::detail::json::InPlace> {
  enum { copyOptimization = 1 };
};

// The reader's own stack, here of a fixed size and never on the heap. RapidJSON's stack would also start
// with arithmetic on a null pointer, which is undefined.
template <>
class rapidjson::internal::Stack<strongroom::detail::json::FixedStack> {
 public:
  Stack(strongroom::detail::json::FixedStack*, std::size_t) noexcept {}

  void Clear() noexcept { len_ = 0; }
  template <typename T>
  T* Push(std::size_t count = 1) noexcept {
    // Two 32-bit words per level, and Tape::open stops one level after the last.
    assert(len_ + count * sizeof(T) <= kLen);
    len_ += count * sizeof(T);
    return reinterpret_cast<T*>(bytes_.data() + len_ - count * sizeof(T));
  }
  template <typename T>
  T* Pop(std::size_t count) noexcept {
    assert(count * sizeof(T) <= len_);
    len_ -= count * sizeof(T);
    return reinterpret_cast<T*>(bytes_.data() + len_);
  }
  template <typename T>
  T* Top() noexcept {
    return reinterpret_cast<T*>(bytes_.data() + len_ - sizeof(T));
  }

 private:
  static constexpr std::size_t kLen = (strongroom::kMaxJsonDepth + 1) * 2 * sizeof(std::uint32_t);
  alignas(8) std::array<std::uint8_t, kLen> bytes_{};
  std::size_t len_ = 0;
};

namespace strongroom {

namespace detail::json {

// read fills nodes from the text, or sets fault and returns an error.
static Result<void> read(std::span<std::uint8_t> text, std::size_t max_values,
                         std::vector<JsonNode>& nodes, JsonFault& fault) {
  constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                              rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, FixedStack> reader;
  InPlace stream(text);
  Tape tape(stream, max_values);
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, tape);
  if (tape.fault() != nullptr) {
    fault = {std::min(tape.fault_offset(), result.Offset()), tape.fault()};
  } else if (result.IsError()) {
    fault = {result.Offset(), describe(result.Code())};
  } else if (!stream.at_end()) {
    // A raw NUL reads as the end; everything before it was one good value.
    fault = {stream.Tell(), "text followed its end"};
  } else {
    nodes = tape.take();
    return {};
  }
  if (!tape.full()) {
    const std::string place = place_of(fault.offset, text, tape.nodes(), stream.string_begin());
    return Error{Code::invalid, "a JSON text was refused at " + place + ": " + fault.why};
  }
  return Error{Code::too_large,
               "a JSON text held more than " + std::to_string(max_values) + " values"};
}

}  // namespace detail::json

Result<JsonText> JsonText::parse(SecretBytes text, std::size_t max_len) {
  const std::size_t limit = std::min(max_len, kMaxJsonLen);
  if (text.size() > limit) {
    return Error{Code::too_large,
                 "a JSON text was longer than " + std::to_string(limit) + " bytes"};
  }
  std::vector<JsonNode> nodes;
  JsonFault fault;
  STRONGROOM_TRY(detail::json::read(text.reveal_mutable(), SIZE_MAX, nodes, fault));
  return JsonText(std::move(text), {}, std::move(nodes));
}

Result<JsonText> JsonText::parse_public(std::vector<std::uint8_t> text, std::size_t max_values,
                                        JsonFault* fault) {
  if (text.size() > kMaxJsonLen) {
    return Error{Code::too_large,
                 "a JSON text was longer than " + std::to_string(kMaxJsonLen) + " bytes"};
  }
  std::vector<JsonNode> nodes;
  JsonFault found;
  auto done = detail::json::read(text, max_values, nodes, found);
  if (fault != nullptr) *fault = found;
  STRONGROOM_TRY(done);
  return JsonText({}, std::move(text), std::move(nodes));
}

}  // namespace strongroom
