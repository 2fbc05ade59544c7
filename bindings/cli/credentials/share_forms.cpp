// share_forms.cpp: recognizing shares; see share_forms.hpp.
#include "credentials/share_forms.hpp"

#include <algorithm>

#include "store/failure.hpp"

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

// line_begins_with reports whether any line of a text does.
bool line_begins_with(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    if (at == 0 || text[at - 1] == '\n') return true;
  }
  return false;
}

// word_behind_fingerprint returns the second of two words, where the first is a fingerprint.
std::string_view word_behind_fingerprint(std::string_view line) {
  const std::size_t space = line.find_first_of(" \t");
  if ((space != 40 && space != 64) || !is_hex(line.substr(0, space))) return line;
  return trim(line.substr(space));
}

constexpr std::string_view kBeginMessage = "-----BEGIN PGP MESSAGE-----";
constexpr std::string_view kEndMessage = "-----END PGP MESSAGE-----";

// is_clear reports whether a line can be a credential in clear: those are hex.
bool is_clear(const SharePart& part) {
  return !part.encrypted && part.text.size() <= kMaxClearLen && is_hex(part.text);
}

// is_prose reports whether a line next to an armored message is only a part of the mail that holds it. "Dad" is
// hex as well, so length counts.
bool is_prose(const SharePart& part) {
  constexpr std::size_t kMinClearLen = 32;
  return !part.encrypted && !(is_clear(part) && part.text.size() >= kMinClearLen);
}

// lines_of finds one credential on each line, except for armored messages. Blank lines and comments do
// not count, nor do the lines of a mail around an armored message.
std::vector<SharePart> lines_of(std::string_view text) {
  std::vector<SharePart> parts;
  bool armored = false;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    std::size_t used = end;
    if (text.substr(0, end).starts_with(kBeginMessage)) {
      const std::size_t begin = static_cast<std::size_t>(line.data() - text.data());
      const std::size_t last = text.find(kEndMessage, begin);
      used = last == text.npos ? text.size() : last + kEndMessage.size();
      const std::string_view message = text.substr(begin, used - begin);
      parts.push_back({message, true, number});
      armored = true;
      number += static_cast<std::size_t>(std::count(message.begin(), message.end(), '\n'));
    } else if (!line.empty() && !line.starts_with('#')) {
      const std::string_view word = word_behind_fingerprint(line);
      parts.push_back({word, is_message(word), number});
    }
    text.remove_prefix(std::min(used + 1, text.size()));
  }
  if (armored) std::erase_if(parts, is_prose);
  if (parts.size() == 1) parts.front().line = 0;
  return parts;
}

}  // namespace

std::vector<SharePart> share_parts(std::string_view text, const std::string& from) {
  const std::string_view trimmed = trim(text);
  if (trimmed.empty()) return {};
  const bool has_message = line_begins_with(text, kBeginMessage);
  if (!has_message && line_begins_with(text, "-----BEGIN PGP P")) {
    throw Failure(kExitInvalid, from +
                                    " is an OpenPGP key and not a share; give a private key by "
                                    "--pgp-private-key");
  }
  // A mail may begin with a letter outside ASCII.
  const bool binary = !has_message && (static_cast<unsigned char>(text.front()) & 0x80) != 0;
  if (binary) return {{text, true, 0}};
  std::vector<SharePart> parts = lines_of(text);
  const bool is_one = parts.size() > 1 && !is_clear(parts.front()) &&
                      std::none_of(parts.begin(), parts.end(),
                                   [](const SharePart& part) { return part.encrypted; });
  if (!is_one) return parts;
  // Base64 that was broken into lines, as base64(1) does.
  const std::string_view last = parts.back().text;
  const std::string_view whole(
      parts.front().text.data(),
      static_cast<std::size_t>(last.data() + last.size() - parts.front().text.data()));
  if (is_message(whole)) return {{whole, true, 0}};
  return parts;
}

void refuse_private_key(std::string_view text, const std::string& from) {
  if (!line_begins_with(text, "-----BEGIN PGP PRIVATE KEY")) return;
  throw Failure(kExitInvalid, from +
                                  " is a private key; keep that one secret, and give the public "
                                  "key: gpg --armor --export");
}

}  // namespace strongroom_cli
