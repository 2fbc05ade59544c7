// policy_trie.hpp: the patterns of a policy, segment by segment, and what they grant to which subject.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/policy/policy_hash.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom {
namespace policy_trie {

inline constexpr std::uint32_t kNone = policy_hash::Index::kNone;
// At most this many different placements of wildcards among the first n segments of all patterns.
inline constexpr std::size_t kMaxPlacements = 64;
inline constexpr std::size_t kMaxPrefixes = 64;  // of one node, that one segment may begin with

// Texts keeps texts at places that never move.
class Texts {
 public:
  std::string_view keep(std::string_view text) {
    if (text.size() > left_) {
      left_ = text.size() > kBlockLen ? text.size() : kBlockLen;
      blocks_.push_back(std::make_unique<char[]>(left_));
      next_ = blocks_.back().get();
    }
    if (!text.empty()) std::memcpy(next_, text.data(), text.size());
    const std::string_view kept(next_, text.size());
    next_ += text.size();
    left_ -= text.size();
    return kept;
  }

 private:
  static constexpr std::size_t kBlockLen = 65'536;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
};

// Labels gives numbers to the segments in patterns.
class Labels {
 public:
  explicit Labels(policy_hash::Seed seed) : seed_(seed) {}

  std::uint32_t find(std::string_view text) const noexcept {
    return find(policy_hash::hash_bytes(seed_, text), text);
  }
  std::uint32_t number(std::string_view text, Texts& texts) {
    const std::uint64_t hash = policy_hash::hash_bytes(seed_, text);
    if (const std::uint32_t known = find(hash, text); known != kNone) return known;
    const auto fresh = static_cast<std::uint32_t>(texts_.size());
    texts_.push_back(texts.keep(text));
    index_.add(hash, fresh);
    return fresh;
  }
  std::string_view operator[](std::uint32_t label) const noexcept { return texts_[label]; }
  std::size_t size() const noexcept { return texts_.size(); }

 private:
  std::uint32_t find(std::uint64_t hash, std::string_view text) const noexcept {
    return index_.find(hash, [&](std::uint32_t label) { return texts_[label] == text; });
  }

  policy_hash::Seed seed_;
  std::vector<std::string_view> texts_;
  policy_hash::Index index_;
};

// Subjects gives numbers to the subjects of rules.
class Subjects {
 public:
  explicit Subjects(policy_hash::Seed seed) : seed_(seed) {}

  std::uint32_t find(Subject::Kind kind, std::string_view name) const noexcept {
    return find(hash_of(kind, name), kind, name);
  }
  std::uint32_t number(const Subject& subject) {
    const std::uint64_t hash = hash_of(subject.kind, subject.name);
    const std::uint32_t known = find(hash, subject.kind, subject.name);
    if (known != kNone) return known;
    const auto fresh = static_cast<std::uint32_t>(all_.size());
    all_.push_back(subject);
    index_.add(hash, fresh);
    return fresh;
  }
  const std::vector<Subject>& all() const noexcept { return all_; }

 private:
  std::uint64_t hash_of(Subject::Kind kind, std::string_view name) const noexcept {
    const std::uint64_t hash = policy_hash::hash_bytes(seed_, name);
    return policy_hash::mix(hash ^ static_cast<std::uint64_t>(kind), policy_hash::kOdd);
  }
  std::uint32_t find(std::uint64_t hash, Subject::Kind kind, std::string_view name) const noexcept {
    return index_.find(hash, [&](std::uint32_t number) {
      return all_[number].kind == kind && all_[number].name == name;
    });
  }

  policy_hash::Seed seed_;
  std::vector<Subject> all_;
  policy_hash::Index index_;
};

// Slice is a part of one of the long arrays.
struct Slice {
  std::uint32_t first = 0;
  std::uint32_t size = 0;
};

template <typename T>
std::span<const T> part(const std::vector<T>& all, Slice slice) noexcept {
  return std::span<const T>(all).subspan(slice.first, slice.size);
}

// Prefix is a Vault pattern that ends in bytes and '*'; it is at the node of the segments before them.
struct Prefix {
  std::uint32_t label = 0;
  std::uint32_t pattern = 0;
};

struct Node {
  std::uint32_t parent = 0;         // of a lower number
  std::uint32_t any = kNone;        // the node below by a wildcard
  std::uint32_t child = kNone;      // the first of those by a label
  std::uint32_t num_wildcards = 0;  // above
  std::uint32_t placement = 0;      // which segments above are wildcards; see TrieBuilder
  std::uint32_t end = kNone;        // the pattern that ends here
  std::uint32_t tail = kNone;       // the pattern that takes everything below
  std::uint32_t prefixes = kNone;   // number into Trie::prefixes
};

struct Child {
  std::uint32_t parent = 0;
  std::uint32_t label = 0;
  std::uint32_t node = 0;
  std::uint32_t next = kNone;  // its sibling
};

// Grant is what one rule gives to, or takes from, one subject, as effective (rules.hpp) widens it: read
// with resolve, and so on.
struct Grant {
  std::uint32_t subject = 0;  // index into Trie::subjects
  std::uint32_t rule = 0;
  std::uint32_t path = 0;  // index into the rule's paths; 0 where there is none
  ActionSet allow;
  ActionSet deny;
};

// Pattern is one pattern text, however many rules have it.
struct Pattern {
  std::string_view text;
  // vault_compat: of two patterns that match and are not exact, the one of higher rank decides, whatever
  // the path. No two ranks are equal. 0 in deny_overrides.
  std::uint32_t rank = 0;
  bool exact = false;             // no wildcard: in vault_compat it decides before all others
  std::span<const Grant> grants;  // by subject
};

struct Trie {
  Trie(PolicyMode mode_of_rules, policy_hash::Seed its_seed)
      : mode(mode_of_rules), seed(its_seed) {}

  PolicyMode mode;
  policy_hash::Seed seed;
  Texts texts;
  Labels labels{seed};
  Subjects subjects{seed};
  std::vector<Pattern> patterns;
  std::vector<Grant> grants;  // by pattern, then by subject
  std::vector<Grant> administration;

  std::vector<Node> nodes;  // 0 is the root
  std::vector<Child> children;
  policy_hash::Index child_index;
  std::vector<std::vector<Prefix>> prefixes;  // of a node, by text

  // child returns the node below that a label leads to, or kNone.
  std::uint32_t child(std::uint32_t node, std::uint32_t label) const noexcept {
    const std::uint64_t hash = policy_hash::hash_pair(seed, node, label);
    const std::uint32_t found = child_index.find(hash, [&](std::uint32_t number) {
      return children[number].parent == node && children[number].label == label;
    });
    return found == kNone ? found : children[found].node;
  }
};

// build makes the trie of rules, which it does not need afterwards.
// Errors  invalid: a pattern that means nothing in its mode, or actions on paths without a path, or
//         actions on the whole store with one.  too_large: over a limit of rules.hpp or of the trie; the
//         message names the pattern at which the limit was reached.
Result<Trie> build(const PolicyRules& rules);

// shown returns a text for a message, cut short if it is long.
std::string shown(std::string_view text);

}  // namespace policy_trie
}  // namespace strongroom
