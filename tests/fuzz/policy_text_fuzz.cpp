// policy_text_fuzz.cpp: any text is a policy or is refused with a place; and what one is read as
// depends on nothing but the text.
//
// A byte 0x1E parts documents, which are named "0", "1" and so on.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/path.hpp"
#include "strongroom/policy/text.hpp"

namespace {

using namespace strongroom;

void require(bool promise) {
  if (!promise) std::abort();
}

std::vector<PolicyDocument> documents_of(std::string_view input) {
  std::vector<PolicyDocument> documents;
  for (;;) {
    const std::string_view text = input.substr(0, input.find('\x1e'));
    documents.push_back({std::to_string(documents.size()), std::string(text)});
    if (text.size() == input.size()) return documents;
    input.remove_prefix(text.size() + 1);
  }
}

void check_place(const TextPlace& place, const std::vector<PolicyDocument>& documents) {
  require(place.document < documents.size());
  const std::string& text = documents[place.document].text;
  require(place.line >= 1 && place.column >= 1);
  std::size_t begin = 0;
  for (std::uint32_t line = 1; line < place.line; ++line) {
    begin = text.find('\n', begin);
    require(begin != std::string::npos);
    ++begin;
  }
  require(place.column - 1 < std::min(text.find('\n', begin), text.size()) - begin);
}

void check_path(const PathPattern& path, PolicyMode mode) {
  require(check_pattern(mode, path.text).ok());
  require(well_formed_utf8(path.text));
}

void check_subject(const Subject& subject) {
  const auto again = parse_subject(to_string(subject));
  require(again.ok() && *again == subject);
}

void check_rule(const PolicyRule& rule, PolicyMode mode,
                const std::vector<PolicyDocument>& documents) {
  check_place(rule.place, documents);
  const ActionSet actions = rule.allow | rule.deny;
  require(rule.allow.empty() || rule.deny.empty());
  if (rule.paths.empty()) {
    require((actions & ActionSet::on_paths()).empty() && !actions.empty());
  } else {
    require((actions & ActionSet::administration()).empty());
    require(mode == PolicyMode::vault_compat || !actions.empty());
  }
  require(mode == PolicyMode::vault_compat || !rule.subjects.empty());
  for (const Subject& subject : rule.subjects) check_subject(subject);
  for (const PathPattern& path : rule.paths) {
    check_path(path, mode);
    check_place(path.place, documents);
  }
}

void check_skipped(const PolicyRules& rules, const std::vector<PolicyDocument>& documents) {
  require(rules.skipped.size() == std::min(rules.num_skipped, kMaxPolicySkipped));
  for (const SkippedPart& part : rules.skipped) {
    check_place(part.place, documents);
    require(well_formed_utf8(part.text) && part.text.size() < 300);
  }
}

void check_error(const Error& error) {
  require(error.code == Code::invalid || error.code == Code::too_large);
  require(error.message.starts_with("policy '") && error.message.size() < 1200);
  require(well_formed_utf8(error.message));
  for (const char c : error.message) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

bool same(const PolicyRule& a, const PolicyRule& b) {
  const auto same_path = [](const PathPattern& x, const PathPattern& y) {
    return x.text == y.text && x.place.line == y.place.line && x.place.column == y.place.column;
  };
  return a.allow == b.allow && a.deny == b.deny && a.subjects == b.subjects &&
         a.place.line == b.place.line && a.place.column == b.place.column &&
         std::equal(a.paths.begin(), a.paths.end(), b.paths.begin(), b.paths.end(), same_path);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), len);
  const std::vector<PolicyDocument> documents = documents_of(input);
  if (documents.size() > 16) return 0;
  const auto rules = parse_policy(documents);
  const auto again = parse_policy(documents);
  require(rules.ok() == again.ok());
  if (!rules) {
    check_error(rules.error());
    require(rules.error().message == again.error().message);
    return 0;
  }
  require(std::equal(rules->rules.begin(), rules->rules.end(), again->rules.begin(),
                     again->rules.end(), same));
  require(rules->mode == again->mode && rules->documents.size() == documents.size());
  for (const PolicyRule& rule : rules->rules) check_rule(rule, rules->mode, documents);
  check_skipped(*rules, documents);
  return 0;
}
