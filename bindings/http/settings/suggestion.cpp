#include "settings/suggestion.hpp"

#include <algorithm>
#include <numeric>

namespace strongroomd {
namespace {

constexpr std::size_t kMaxNameLen = 32;

// distance counts the insertions, deletions and replacements from a to b (V. Levenshtein 1966).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

// without_dashes drops what every option begins with, so that it does not count as likeness.
std::string_view without_dashes(std::string_view word) {
  return word.substr(std::min(word.find_first_not_of('-'), word.size()));
}

}  // namespace

std::string did_you_mean(std::string_view wrong, const std::vector<std::string_view>& words) {
  const std::string_view bare = without_dashes(wrong);
  if (bare.size() > kMaxNameLen) return "";
  std::string_view nearest;
  std::size_t least = std::min<std::size_t>(2, bare.size() / 3) + 1;
  for (const std::string_view each : words) {
    const std::string_view word = without_dashes(each);
    // The beginning of a word, of three letters or more, is as good as one wrong letter.
    const bool begins = bare.size() >= 3 && word.starts_with(bare);
    const std::size_t steps = begins ? 1 : distance(bare, word);
    if (steps >= least) continue;
    least = steps;
    nearest = each;
  }
  return nearest.empty() ? "" : "; did you mean " + std::string(nearest) + "?";
}

std::string quoted_name(std::string_view text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz_-";
  if (text.empty() || text.size() > kMaxNameLen) return "";
  if (text.find_first_not_of(kLetters) != std::string_view::npos) return "";
  return " '" + std::string(text) + "'";
}

}  // namespace strongroomd
