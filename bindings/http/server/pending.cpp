#include "server/pending.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace strongroomd {
namespace {

// The largest memory of a connection that the settings allow: limits.header_bytes.
constexpr std::uintptr_t kMaxHeaderMemory = 1 << 20;

bool is_name(std::string_view name, std::string_view wanted) noexcept {
  return name.size() == wanted.size() &&
         ::strncasecmp(name.data(), wanted.data(), name.size()) == 0;
}

// is_field_name returns whether a name has only the characters that it may have (RFC 9110, token). The library
// passes "Authorization " on, and joins a folded line to the name before it.
bool is_field_name(std::string_view name) noexcept {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  for (const char each : name) {
    const bool is_word = (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
                         (each >= '0' && each <= '9');
    if (!is_word && kMarks.find(each) == kMarks.npos) return false;
  }
  return !name.empty();
}

Method method_of(std::string_view name) noexcept {
  if (name == "GET") return Method::get;
  if (name == "HEAD") return Method::head;
  if (name == "PUT") return Method::put;
  if (name == "POST") return Method::post;
  if (name == "PATCH") return Method::patch;
  if (name == "DELETE") return Method::remove;
  return Method::other;
}

[[noreturn]] void fail_request(const char* why) {
  throw Failure(400, "Bad request", why);
}

}  // namespace

Pending::Pending(const char* target, MHD_Connection* mhd, Connection& from, BodyBudget& budget,
                 std::size_t max_body_len)
    : handle(mhd),
      connection(from),
      exchange(budget, max_body_len),
      target_at_(target),
      max_body_len_(max_body_len) {
  exchange.request.begun = std::chrono::steady_clock::now();
  exchange.target_text = target;
  exchange.request.target = exchange.target_text;
}

void Pending::read(const char* method, const char* version) {
  Request& request = exchange.request;
  request.method_name = method;
  request.method = method_of(request.method_name);
  request.peer = &connection.peer;
  const auto each = [](void* self, MHD_ValueKind, const char* name, std::size_t name_len,
                       const char* value, std::size_t value_len) {
    static_cast<Pending*>(self)->read_field({name, name_len},
                                            {value == nullptr ? "" : value, value_len});
    return MHD_YES;
  };
  MHD_get_connection_values_n(handle, MHD_HEADER_KIND, each, this);
  has_body = num_transfer_encoding_ > 0 || request.headers.content_length.value_or(0) > 0;
  check_target(version);
  check_length();
}

void Pending::read_field(std::string_view name, std::string_view value) {
  Headers& headers = exchange.request.headers;
  if (!is_field_name(name) || value.find('\0') != value.npos) is_malformed_ = true;
  if (is_name(name, "Authorization")) {
    headers.authorization = value;
    ++headers.num_authorization;
  } else if (is_name(name, "Accept")) {
    headers.accept = value;
    ++headers.num_accept;
  } else if (is_name(name, "Content-Type")) {
    headers.content_type = value;
    ++headers.num_content_type;
  } else if (is_name(name, "Cookie")) {
    read_cookies(value);
  } else if (is_name(name, "Content-Length")) {
    ++num_content_length_;
    std::uint64_t len = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), len);
    if (error == std::errc() && end == value.data() + value.size()) headers.content_length = len;
  } else if (is_name(name, "Transfer-Encoding")) {
    ++num_transfer_encoding_;
    if (!is_name(value, "chunked")) is_malformed_ = true;
  } else if (is_name(name, "Host")) {
    ++num_host_;
  } else if (is_name(name, "Expect")) {
    expects_continue = is_name(value, "100-continue");
  }
}

// The form is NAME=VALUE; NAME=VALUE (RFC 6265).
void Pending::read_cookies(std::string_view value) {
  Headers& headers = exchange.request.headers;
  while (!value.empty()) {
    std::string_view pair = value.substr(0, value.find(';'));
    value.remove_prefix(std::min(value.size(), pair.size() + 1));
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (!pair.starts_with(kTokenCookie)) continue;
    pair.remove_prefix(kTokenCookie.size());
    if (!pair.starts_with('=')) continue;
    headers.token_cookie = pair.substr(1);
    ++headers.num_token_cookie;
  }
}

// A NUL in the target ends what the library shows of it. The version follows the target in the same memory, so the
// distance between the two shows the difference.
void Pending::check_target(const char* version) const {
  const auto from = reinterpret_cast<std::uintptr_t>(target_at_);
  const auto to = reinterpret_cast<std::uintptr_t>(version);
  const bool is_near = to > from && to - from <= kMaxHeaderMemory;
  if (is_near && to - from != exchange.target_text.size() + 1)
    fail_request("the target of the request contains a NUL, or a blank");
}

void Pending::check_length() const {
  if (is_malformed_) fail_request("a header field is malformed");
  if (num_host_ > 1) fail_request("there are several Host fields");
  if (num_content_length_ > 1 || (num_content_length_ > 0 && num_transfer_encoding_ > 0) ||
      num_transfer_encoding_ > 1)
    fail_request("the length of the body is given more than once");
  if (num_content_length_ > 0 && !exchange.request.headers.content_length)
    fail_request("the Content-Length is no number");
  if (exchange.request.headers.content_length.value_or(0) > max_body_len_)
    throw Failure(413, "Too large",
                  "the body is longer than " + std::to_string(max_body_len_) + " bytes");
}

}  // namespace strongroomd
