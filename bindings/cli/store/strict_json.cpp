// strict_json.cpp: a walk over the text in place; see strict_json.hpp.
#include "store/strict_json.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "store/failure.hpp"
#include "syntax/suggestion.hpp"

namespace strongroom_cli {
namespace {

struct Shape;

struct Member {
  const char* name;
  const Shape* shape;  // of the objects in it; null: anything goes
};

// Shape is what an object may have. The fields are those of Mesos' mesos.proto.
struct Shape {
  std::vector<Member> members;
  const char* needed = nullptr;
};

const Shape kReferenceShape = {{{"name", nullptr}, {"key", nullptr}}};
const Shape kValueShape = {{{"data", nullptr}}};
const Shape kSecretShape = {
    {{"type", nullptr}, {"reference", &kReferenceShape}, {"value", &kValueShape}}};
const Shape kVariableShape = {
    {{"name", nullptr}, {"type", nullptr}, {"value", nullptr}, {"secret", &kSecretShape}}};
const Shape kEnvironmentShape = {{{"variables", &kVariableShape}}, "variables"};
const Shape kSourceShape = {{{"type", nullptr},
                             {"secret", &kSecretShape},
                             {"docker_volume", nullptr},
                             {"host_path", nullptr},
                             {"sandbox_path", nullptr},
                             {"csi_volume", nullptr}}};
const Shape kVolumeShape = {{{"mode", nullptr},
                             {"container_path", nullptr},
                             {"host_path", nullptr},
                             {"image", nullptr},
                             {"source", &kSourceShape}}};
// A list of volumes in "volumes", or a volume itself.
const Shape kVolumesShape = {{{"volumes", &kVolumeShape},
                              {"mode", nullptr},
                              {"container_path", nullptr},
                              {"host_path", nullptr},
                              {"image", nullptr},
                              {"source", &kSourceShape}}};

// Walk goes over one text. Its functions return false where the text is not JSON.
class Walk {
 public:
  Walk(std::string_view text, const std::string& from) : text_(text), from_(from) {}

  // value walks over a value, whose objects, also those in arrays, have that shape.
  // where  its place: "variables[0].secret".
  bool value(const Shape* shape, const std::string& where) {
    constexpr std::size_t kMaxDepth = 64;  // the engine's own
    if (depth_ == kMaxDepth) return false;
    skip_space();
    const char first = peek();
    if (first == '"') return string().data() != nullptr;
    if (first != '{' && first != '[') return scalar();
    ++depth_;
    ++at_;
    const bool good = first == '{' ? object(shape, where) : array(shape, where);
    --depth_;
    return good;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

  bool take(char wanted) {
    skip_space();
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }

  bool scalar() {
    const std::size_t begin = at_;
    at_ = std::min(text_.find_first_of(" \t\r\n,]}", at_), text_.size());
    return at_ > begin;
  }

  // string returns what stands between the quotation marks, escapes and all; a null view on failure.
  std::string_view string() {
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) return {};
    return text_.substr(begin, at_++ - begin);
  }

  bool array(const Shape* shape, const std::string& where) {
    if (take(']')) return true;
    for (std::size_t i = 0;; ++i) {
      if (!value(shape, where + "[" + std::to_string(i) + "]")) return false;
      if (take(']')) return true;
      if (!take(',')) return false;
    }
  }

  bool object(const Shape* shape, const std::string& where) {
    bool complete = shape == nullptr || shape->needed == nullptr;
    for (bool more = !take('}'); more;) {
      skip_space();
      if (peek() != '"') return false;
      const std::string_view name = string();
      if (name.data() == nullptr || !take(':')) return false;
      skip_space();
      const Member member = shape != nullptr ? find(*shape, name, where) : Member{"", nullptr};
      if (!complete)
        complete = name == shape->needed && peek() != 'n';  // null is as good as absent
      if (!value(member.shape, where.empty() ? member.name : where + "." + member.name))
        return false;
      more = take(',');
      if (!more && !take('}')) return false;
    }
    if (complete) return true;
    throw Failure(kExitInvalid, from_ + " has no member '" + shape->needed + "'");
  }

  Member find(const Shape& shape, std::string_view name, const std::string& where) const {
    std::vector<std::string_view> known;
    for (const Member& each : shape.members) {
      if (each.name == name) return each;
      known.emplace_back(each.name);
    }
    throw Failure(kExitInvalid, from_ + ": unknown member" + quoted_name(name, true) +
                                    (where.empty() ? "" : " in " + where) +
                                    did_you_mean(name, known));
  }

  std::string_view text_;
  const std::string& from_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

void check_environment(std::string_view json, const std::string& from) {
  Walk(json, from).value(&kEnvironmentShape, "");
}

void check_volumes(std::string_view json, const std::string& from) {
  Walk(json, from).value(&kVolumesShape, "");
}

void check_message(std::string_view json, const std::string& from) {
  Walk(json, from).value(&kSecretShape, "");
}

}  // namespace strongroom_cli
