// target.hpp: the target of an HTTP request, read exactly as it was sent.
//
// HTTP servers decode a target before a handler sees it, so that "/a%00b" arrives as "/a", and "%2Fa" as a path
// with an empty segment. Here it is split first, and then each piece is decoded once. Nothing is normalized: what
// is no path of a secret stays none, and the engine's one path function judges it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strongroomd {

// The longest target that is read, in bytes: the longest path of a secret with every byte escaped, and an address.
inline constexpr std::size_t kMaxTargetLen = 16 * 1024;

// The most parameters that a query may have.
inline constexpr std::size_t kMaxParameters = 16;

class Target {
 public:
  // parse splits a target. Its pieces are views of text, which must outlive the result.
  // Returns  nothing if it does not begin with '/' ("http://..." and "*" are not served), is too long, or contains
  //          a byte that a target cannot contain (RFC 3986): controls, blanks, '#', and bytes from 128 on.
  //          Likewise if its query has a parameter twice, a malformed escape, or more than kMaxParameters.
  static std::optional<Target> parse(std::string_view text);

  // size is the number of pieces: "/" has one, which is empty.
  std::size_t size() const noexcept { return pieces_.size(); }

  // piece is one piece as it was sent. The fixed parts of an address are compared with it, so an escaped
  // one matches none.
  std::string_view piece(std::size_t i) const { return pieces_.at(i); }

  // path decodes the pieces from number first on, each once, and joins them by '/'; "" if there are none. An
  // escaped '/' becomes part of the result: clients send paths both ways. An escaped NUL does too, so pass the result
  // on through strongroom_abi.hpp, which refuses it, and never as a C string, which would end there.
  // Returns  nothing if an escape is incomplete or has other digits than hexadecimal ones.
  std::optional<std::string> path(std::size_t first) const;

  // parameter returns the decoded value of a parameter of the query, "" if it has none; null if it is absent. It is
  // valid as long as the target.
  const std::string* parameter(std::string_view name) const noexcept;

 private:
  bool add_parameters(std::string_view query);

  std::vector<std::string_view> pieces_;
  std::vector<std::pair<std::string_view, std::string>> parameters_;
};

// is_dcos_path returns whether a decoded path has only the characters that DC/OS' route accepts: A-Z, a-z, 0-9,
// '-', '_' and '/', at least one of them. For another one DC/OS answers 404.
bool is_dcos_path(std::string_view path) noexcept;

}  // namespace strongroomd
