#include "api/negotiation.hpp"

#include <algorithm>
#include <string>

#include "message/failure.hpp"
#include "message/response.hpp"

namespace strongroomd {
namespace {

std::string_view without_blanks(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

bool equals(std::string_view text, std::string_view lower) noexcept {
  return std::ranges::equal(text, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b;
  });
}

// cut returns what is before the separator, and leaves what is after it.
std::string_view cut(std::string_view& text, char separator) noexcept {
  const std::string_view first = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), first.size() + 1));
  return without_blanks(first);
}

// is_refused returns whether the parameters of a media range have a quality of 0: "not this".
bool is_refused(std::string_view parameters) noexcept {
  while (!parameters.empty()) {
    std::string_view value = cut(parameters, ';');
    if (!equals(cut(value, '='), "q")) continue;
    return value.find_first_not_of("0.") == value.npos && value.starts_with('0');
  }
  return false;
}

// Wanted is which forms an Accept field allows.
struct Wanted {
  bool json = false;
  bool bytes = false;
};

// wanted_of reads the ranges from the least to the most specific, so that a more specific one counts.
Wanted wanted_of(std::string_view accept) {
  Wanted wanted;
  for (const int specific : {0, 1, 2}) {
    for (std::string_view rest = accept; !rest.empty();) {
      std::string_view range = cut(rest, ',');
      const std::string_view type = cut(range, ';');
      const bool yes = !is_refused(range);
      if (specific == 0 && type == "*/*") wanted = {yes, yes};
      if (specific == 1 && equals(type, "application/*")) wanted = {yes, yes};
      if (specific == 2 && equals(type, kJson)) wanted.json = yes;
      if (specific == 2 && equals(type, kBytes)) wanted.bytes = yes;
    }
  }
  return wanted;
}

[[noreturn]] void fail_accept(const char* what) {
  throw Failure(400, "Unsupported Accept", what);
}

}  // namespace

Form form_to_send(const Headers& headers, bool is_text) {
  if (headers.num_accept > 1) fail_accept("there are several Accept fields; send one");
  const Wanted wanted =
      without_blanks(headers.accept).empty() ? Wanted{true, true} : wanted_of(headers.accept);
  if (is_text && wanted.json) return Form::json;
  if (wanted.bytes) return Form::bytes;
  if (is_text) fail_accept("this secret is sent as application/json or application/octet-stream");
  fail_accept("this secret is binary: it is sent as application/octet-stream");
}

Form form_of_body(const Headers& headers) {
  std::string_view rest = headers.content_type;
  const std::string_view type = cut(rest, ';');
  if (headers.num_content_type <= 1) {
    if (type.empty() || equals(type, kJson)) return Form::json;
    if (equals(type, kBytes)) return Form::bytes;
  }
  throw Failure(400, "Unsupported Content-Type",
                "send a text as application/json, {\"value\":\"...\"}, and other bytes as "
                "application/octet-stream");
}

}  // namespace strongroomd
