// audit_chain_fuzz.cpp: a log is verified alike however it is read, what is good cannot be changed, and any text stays
// in its line.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "audit/chain.hpp"

namespace {

using namespace strongroom_audit;

void require(bool promise) {
  if (!promise) std::abort();
}

Verifier verified(std::string_view log, std::size_t piece_len) {
  Verifier verifier;
  verifier.begin_file("log");
  for (std::size_t i = 0; i < log.size(); i += piece_len) verifier.feed(log.substr(i, piece_len));
  verifier.end_file();
  return verifier;
}

void check_log(std::string_view log) {
  const Verifier whole = verified(log, log.size() + 1);
  const Verifier pieces = verified(log, 7);
  require(whole.num_lines() == pieces.num_lines() && whole.last().hash == pieces.last().hash);
  require(whole.fault().has_value() == pieces.fault().has_value());
  if (whole.fault()) {
    require(whole.fault()->line == pieces.fault()->line &&
            whole.fault()->why == pieces.fault()->why);
    return;
  }
  require(whole.last().seq - whole.first().seq + 1 == whole.num_lines());
  std::string changed(log);
  char& middle = changed[log.size() / 2];
  middle = static_cast<char>(middle ^ 1);
  require(verified(changed, log.size()).fault().has_value());
}

void check_text(std::string_view text) {
  Line line;
  line.begin({}, 0, "a");
  line.text("event", kBegin, 64);
  line.number("previous_seq", 0);
  line.hex("previous_hash", Hash{}.data(), kHashLen);
  std::string log(line.end());
  const Head begun = line.head();
  line.begin(begun, 1, "a");
  line.text("peer", text, 256);
  line.text("path", text, 4096);
  const std::string_view made = line.end();
  require(made.find('\n') == made.size() - 1);
  for (const char c : made.substr(0, made.size() - 1)) require(c >= 0x20 && c < 0x7F);
  log += made;
  const Verifier verifier = verified(log, log.size());
  require(!verifier.fault() && verifier.num_lines() == 2 && verifier.notes().empty());
}

void check_head(std::string_view text) {
  const auto record = parse_head(text);
  if (record) require(text_of(*record) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), len);
  check_log(input);
  check_text(input);
  check_head(input);
  return 0;
}
