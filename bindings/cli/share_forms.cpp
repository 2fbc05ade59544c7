// share_forms.cpp: the looks of shares; see share_forms.hpp.
#include "share_forms.hpp"

#include <algorithm>

#include "failure.hpp"

namespace strongroom_cli {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kMaxClearLen = 200;  // characters; a message is longer, a share shorter

std::string_view trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

bool is_base64(std::string_view text) {
  return text.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= "
             "\t\r\n") == std::string_view::npos;
}

// The first byte of an OpenPGP packet has its highest bit set (RFC 4880, section 4.2).
bool is_message(std::string_view text) {
  if (text.size() <= kMaxClearLen) return false;
  const char first = text.front();
  if (is_hex(text)) return std::string_view("89abcdefABCDEF").find(first) != std::string_view::npos;
  return is_base64(text) && (first >= 'g' || first < 'A');
}

// word_behind_fingerprint gives the second of two words, where the first is a fingerprint.
std::string_view word_behind_fingerprint(std::string_view line) {
  const std::size_t space = line.find_first_of(" \t");
  if ((space != 40 && space != 64) || !is_hex(line.substr(0, space))) return line;
  return trim(line.substr(space));
}

std::vector<SharePart> lines_of(std::string_view text) {
  std::vector<SharePart> parts;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = word_behind_fingerprint(trim(text.substr(0, end)));
    if (!line.empty()) parts.push_back({line, is_message(line), number});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (parts.size() == 1) parts.front().line = 0;
  return parts;
}

}  // namespace

std::vector<SharePart> share_parts(std::string_view text, const std::string& from) {
  const std::string_view trimmed = trim(text);
  if (trimmed.empty()) return {};
  if (trimmed.starts_with("-----BEGIN PGP P")) {
    throw Failure(kExitInvalid, from +
                                    " is an OpenPGP key and no share; a private key is given by "
                                    "--pgp-private-key");
  }
  const bool binary = (static_cast<unsigned char>(text.front()) & 0x80) != 0;
  if (binary) return {{text, true, 0}};
  if (trimmed.starts_with("-----BEGIN PGP MESSAGE-----")) return {{trimmed, true, 0}};
  std::vector<SharePart> parts = lines_of(text);
  const bool wrapped_lines = std::none_of(parts.begin(), parts.end(),
                                          [](const SharePart& part) { return part.encrypted; });
  // Base64 that was broken into lines, as base64(1) does.
  if (wrapped_lines && parts.size() > 1 && is_message(trimmed)) return {{trimmed, true, 0}};
  return parts;
}

void refuse_private_key(std::string_view text, const std::string& from) {
  if (!trim(text).starts_with("-----BEGIN PGP PRIVATE KEY")) return;
  throw Failure(kExitInvalid, from +
                                  " is a private key; keep that one secret, and give the public "
                                  "key: gpg --armor --export");
}

}  // namespace strongroom_cli
