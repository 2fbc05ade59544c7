// policy_text.hpp: what the forms of a policy's text have in common: places, errors, limits.
//
// A form reads one document and adds what it says to PolicyParts; policy_text.ipp joins the parts
// of all documents. Text that an error quotes is cut short and escaped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_text {

// in_quotes puts untrusted text between quotation marks: at most 60 bytes of it, with control characters
// and anything that is not UTF-8 escaped.
std::string in_quotes(std::string_view text);

// did_you_mean returns "; did you mean 'read'?" if one of the known words is close, else "".
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

// listed returns "'a', 'b' and 'c'".
std::string listed(std::span<const std::string_view> words);

// error_at returns "policy 'web', line 3, column 14: what".
Error error_at(std::string_view document, const TextPlace& place, std::string_view what,
               Code code = Code::invalid);

// Text is one document while it is read.
class Text {
 public:
  Text(const PolicyDocument& document, std::size_t index) noexcept
      : document_(document), index_(static_cast<std::uint32_t>(index)) {}

  const std::string& name() const noexcept { return document_.name; }
  std::string_view text() const noexcept { return document_.text; }

  // place is fast if offsets come in the order of the text, or go back within a line only.
  TextPlace place(std::size_t offset) noexcept;
  Error error(std::size_t offset, std::string_view what, Code code = Code::invalid) {
    return error_at(name(), place(offset), what, code);
  }

 private:
  const PolicyDocument& document_;
  std::uint32_t index_;
  std::size_t at_ = 0;  // lines are counted up to here
  std::size_t line_begin_ = 0;
  std::uint32_t line_ = 1;
};

// Spelled is a decoded part of a document that knows its place there.
class Spelled {
 public:
  // as_is is a part of the document that needs no decoding.
  static Spelled as_is(Text& text, std::string_view part) noexcept {
    const auto begin = static_cast<std::size_t>(part.data() - text.text().data());
    return Spelled(text, part, begin, false);
  }
  // json_string is a string's content. begin  its offset, after the quotation mark.
  static Spelled json_string(Text& text, std::string_view decoded, std::size_t begin) noexcept {
    return Spelled(text, decoded, begin, true);
  }

  Text& text() const noexcept { return *text_; }
  std::string_view value() const noexcept { return value_; }

  // offset returns where a part of the value is in the document.
  std::size_t offset(std::string_view part) const noexcept;
  TextPlace place(std::string_view part) const noexcept { return text_->place(offset(part)); }
  Error error(std::string_view part, std::string_view what, Code code = Code::invalid) const {
    return text_->error(offset(part), what, code);
  }

 private:
  Spelled(Text& text, std::string_view value, std::size_t begin, bool escaped) noexcept
      : text_(&text), value_(value), begin_(begin), escaped_(escaped) {}

  Text* text_;
  std::string_view value_;
  std::size_t begin_;
  bool escaped_;
};

// read_subject and read_pattern read a part of a Spelled; one leading '/' of a pattern is dropped.
Result<Subject> read_subject(const Spelled& spelled, std::string_view part);
Result<PathPattern> read_pattern(const Spelled& spelled, std::string_view part, PolicyMode mode);

// PolicyParts is what was read of all documents so far.
class PolicyParts {
 public:
  // enter_mode sets the mode of a document; all documents must be of one mode.
  // offset  where the document says so.
  Result<void> enter_mode(Text& text, std::size_t offset, PolicyMode mode);
  void need_grants_for_services() noexcept { rules_.services_need_grants = true; }

  // add takes a rule that is at an offset, unless it is one too many.
  Result<void> add(Text& text, std::size_t offset, PolicyRule rule);

  // skip notes a part that has no effect. why  what it is, and why.
  void skip(Text& text, std::size_t offset, SkippedPart::Kind kind, std::string why);

  // begin_vault_policy names the Vault policy to which rules are added from now on.
  Result<void> begin_vault_policy(Text& text, std::size_t offset, std::string_view name);
  void end_vault_policy() noexcept { vault_policy_ = nullptr; }

  // grant gives Vault policies to subjects. finish checks that these policies exist, since all documents
  // have been read then.
  struct NamedPolicy {
    std::string name;
    TextPlace place;
  };
  struct Grant {
    std::vector<Subject> to;
    std::vector<NamedPolicy> policies;
  };
  Result<void> grant(Text& text, std::size_t offset, Grant grant);

  // finish joins everything.
  Result<PolicyRules> finish(std::span<const PolicyDocument> documents);

 private:
  struct VaultPolicy {
    TextPlace place;
    std::size_t first_rule = 0;
    std::size_t num_rules = 0;
    std::vector<Subject> to;
  };

  std::string count(std::size_t num_paths, std::span<const Subject> to);
  Result<void> wire(std::span<const PolicyDocument> documents, const Grant& grant);

  PolicyRules rules_;
  bool has_mode_ = false;
  std::string mode_from_;  // the document that gave the mode
  std::map<std::string, VaultPolicy, std::less<>> vault_policies_;
  VaultPolicy* vault_policy_ = nullptr;  // rules are being added to it
  std::vector<Grant> grants_;
  std::size_t num_rules_ = 0;
  std::size_t num_grants_ = 0;
  std::size_t num_grant_pairs_ = 0;  // a subject and a Vault policy
  std::size_t grant_pairs_len_ = 0;
  std::size_t subjects_len_ = 0;  // bytes of names, copied to each rule
};

// ---- the forms, a file each ----

class Json;

// read_own reads our own form, {"version": 1, ...}.
Result<void> read_own(Json& json, PolicyParts& parts);

// read_vault reads Vault's form by itself, {"path": {...}}; the document's name is the policy's name.
Result<void> read_vault(Json& json, PolicyParts& parts);

// read_permissions reads a text of DC/OS permissions.
Result<void> read_permissions(Text& text, PolicyParts& parts);

// add_permission adds one DC/OS permission, "dcos:secrets:default:/path read".
Result<void> add_permission(const Spelled& permission, std::span<const Subject> to,
                            PolicyParts& parts);

}  // namespace strongroom::policy_text
