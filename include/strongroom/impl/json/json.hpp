// json.hpp: reads JSON texts that hold secrets, and large ones that hold none.
//
// The text is decoded in place, in secret memory. The only other memory is a tape of offsets, which shows
// the shape of the text but not its content. There is no document tree and no std::string of content.
// An error names a place and a kind of fault, never the text at that place. A text without secrets (a
// policy) is read by the same rules from ordinary memory, which has more room than the arena.
//
// It is stricter than RFC 8259 requires. Members of one object must have different names: two readers
// that disagree about which one counts are a way past a check. Nesting is bounded, strings must be
// Unicode (no lone surrogates), and a number beyond the range of a double is refused. U+0000 in a string
// is legal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

inline constexpr std::size_t kMaxJsonLen = std::size_t{1} << 30;
inline constexpr std::size_t kMaxJsonDepth = 64;

enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };

// to_string returns the kind's name as Mesos' messages spell it.
constexpr std::string_view to_string(JsonKind kind) noexcept {
  switch (kind) {
    case JsonKind::null:
      return "null";
    case JsonKind::boolean:
      return "boolean";
    case JsonKind::number:
      return "number";
    case JsonKind::string:
      return "string";
    case JsonKind::array:
      return "array";
    case JsonKind::object:
      return "object";
  }
  return "unknown";
}

// JsonNode is one value on the tape. The children of a container follow it; a member's value follows its
// name.
struct JsonNode {
  std::uint32_t begin;   // offset of its first byte in the original text; string: of the byte
                         // after its quotation mark
  std::uint32_t extent;  // number, string: their length; container: index after its last child;
                         // boolean: 1 for true
  JsonKind kind;
};

class JsonElements;
class JsonMembers;

// JsonValue points to one value of a JsonText. It is valid as long as that JsonText lives, even if the
// JsonText is moved.
class JsonValue {
 public:
  JsonValue(const std::uint8_t* bytes, const JsonNode* nodes, std::size_t index) noexcept
      : bytes_(bytes), nodes_(nodes), index_(index) {}

  JsonKind kind() const noexcept { return node().kind; }
  bool is(JsonKind kind) const noexcept { return node().kind == kind; }
  bool is_true() const noexcept { return is(JsonKind::boolean) && node().extent == 1; }

  // text returns a string's decoded bytes (UTF-8, may hold NULs) or a number as it is spelled; empty for
  // the other kinds.
  SecretView text() const noexcept {
    if (!is(JsonKind::string) && !is(JsonKind::number)) return {};
    return SecretView(bytes_ + node().begin, node().extent);
  }

  // offset is where the value begins in the original text; for a string, after its quotation mark.
  std::size_t offset() const noexcept { return node().begin; }

  // member finds a member of an object; nullopt when there is none, or this is not an object.
  std::optional<JsonValue> member(std::string_view name) const noexcept;

  // members iterates over an object, elements over an array, both in the order of the text. Both are
  // empty for the other kinds. `for (auto [name, value] : object.members())`.
  JsonMembers members() const noexcept;
  JsonElements elements() const noexcept;

 private:
  friend class JsonElements;
  friend class JsonMembers;

  const JsonNode& node() const noexcept { return nodes_[index_]; }
  bool is_container() const noexcept { return is(JsonKind::array) || is(JsonKind::object); }
  JsonValue at(std::size_t index) const noexcept { return {bytes_, nodes_, index}; }
  std::size_t next() const noexcept { return is_container() ? node().extent : index_ + 1; }
  std::size_t end_of(JsonKind kind) const noexcept { return is(kind) ? node().extent : index_ + 1; }

  const std::uint8_t* bytes_;
  const JsonNode* nodes_;
  std::size_t index_;
};

// JsonElements is the range of an array's values.
class JsonElements {
 public:
  class Iterator {
   public:
    explicit Iterator(JsonValue value) noexcept : value_(value) {}
    JsonValue operator*() const noexcept { return value_; }
    Iterator& operator++() noexcept {
      value_ = value_.at(value_.next());
      return *this;
    }
    bool operator==(const Iterator& other) const noexcept {
      return value_.index_ == other.value_.index_;
    }

   private:
    JsonValue value_;
  };

  explicit JsonElements(JsonValue array) noexcept : array_(array) {}
  Iterator begin() const noexcept { return Iterator(array_.at(array_.index_ + 1)); }
  Iterator end() const noexcept { return Iterator(array_.at(array_.end_of(JsonKind::array))); }

 private:
  JsonValue array_;
};

// JsonMembers is the range of an object's (name, value) pairs.
class JsonMembers {
 public:
  class Iterator {
   public:
    explicit Iterator(JsonValue name) noexcept : name_(name) {}
    std::pair<SecretView, JsonValue> operator*() const noexcept { return {name_.text(), value()}; }
    // name is the member's name as a value of the text, which has an offset.
    JsonValue name() const noexcept { return name_; }
    JsonValue value() const noexcept { return name_.at(name_.next()); }
    Iterator& operator++() noexcept {
      name_ = name_.at(name_.at(name_.next()).next());
      return *this;
    }
    bool operator==(const Iterator& other) const noexcept {
      return name_.index_ == other.name_.index_;
    }

   private:
    JsonValue name_;
  };

  explicit JsonMembers(JsonValue object) noexcept : object_(object) {}
  Iterator begin() const noexcept { return Iterator(object_.at(object_.index_ + 1)); }
  Iterator end() const noexcept { return Iterator(object_.at(object_.end_of(JsonKind::object))); }

 private:
  JsonValue object_;
};

inline JsonMembers JsonValue::members() const noexcept {
  return JsonMembers(*this);
}
inline JsonElements JsonValue::elements() const noexcept {
  return JsonElements(*this);
}

inline std::optional<JsonValue> JsonValue::member(std::string_view name) const noexcept {
  for (const auto& [each, value] : members()) {
    if (each.reveal_text() == name) return value;
  }
  return std::nullopt;
}

// JsonFault says where, and why, a text was refused.
struct JsonFault {
  std::size_t offset = 0;
  const char* why = "";
};

// JsonText owns a parsed text.
class JsonText {
 public:
  // parse takes over the text and decodes it in place. The text must be one JSON value, with white space
  // around it and nothing else. On failure the text is wiped.
  //
  // max_len  at most kMaxJsonLen. The tape takes up to 12 bytes of ordinary memory per two bytes of
  //          text.
  // Errors   invalid: not JSON, or outside the rules at the top of this file; the message has the byte
  //          offset, the line and column (from 1, in bytes), and the kind of fault.  too_large.
  // Threads  any number at once, for different texts. Several threads may read one JsonText.
  // Source   RFC 8259.
  static Result<JsonText> parse(SecretBytes text, std::size_t max_len = kDefaultMaxJsonLen);

  // parse_public is parse for a text without secrets, in ordinary memory, which is not wiped.
  //
  // max_values  the most names, scalars and containers together, so that a small text cannot make a large
  //             tape. Errors  too_large: more of them.
  // fault       where not null, *fault is set to the place and reason of an error that is found in the
  //             text (invalid, or too_large for max_values).
  static Result<JsonText> parse_public(std::vector<std::uint8_t> text, std::size_t max_values,
                                       JsonFault* fault = nullptr);

  JsonValue root() const noexcept {
    return {public_.empty() ? text_.reveal().data() : public_.data(), nodes_.data(), 0};
  }

 private:
  JsonText(SecretBytes text, std::vector<std::uint8_t> public_text,
           std::vector<JsonNode> nodes) noexcept
      : text_(std::move(text)), public_(std::move(public_text)), nodes_(std::move(nodes)) {}

  // One of these two is empty.
  SecretBytes text_;
  std::vector<std::uint8_t> public_;
  std::vector<JsonNode> nodes_;
};

}  // namespace strongroom
