// suggestion.cpp: edit distance; see suggestion.hpp.
#include "syntax/suggestion.hpp"

#include <algorithm>

namespace strongroom_cli {
namespace {

constexpr std::size_t kMaxNameLen = 32;

// distance counts the insertions, deletions, replacements and swaps of neighbours from a to b.
// Source: optimal string alignment, F. Damerau 1964.
std::size_t distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> table((a.size() + 1) * width);
  for (std::size_t i = 0; i <= a.size(); ++i) table[i * width] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) table[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t* const at = &table[i * width + j];
      std::size_t best = std::min(at[-1], *(at - width)) + 1;
      best = std::min(best, *(at - width - 1) + (a[i - 1] == b[j - 1] ? 0 : 1));
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) best = std::min(best, *(at - 2 * width - 2) + 1);
      table[i * width + j] = best;
    }
  }
  return table.back();
}

}  // namespace

std::string did_you_mean(std::string_view wrong, const std::vector<std::string_view>& words,
                         std::string_view dashes) {
  if (wrong.size() > kMaxNameLen) return "";
  std::string_view nearest;
  std::size_t least = std::min<std::size_t>(2, wrong.size() / 3) + 1;
  for (const std::string_view each : words) {
    const std::string_view word = each.substr(dashes.size());
    // The beginning of a word, of three letters or more, is as good as one wrong letter.
    const bool begins = wrong.size() >= 3 && word.starts_with(wrong);
    const std::size_t steps = begins ? 1 : distance(wrong, word);
    if (steps >= least) continue;
    least = steps;
    nearest = each;
  }
  return nearest.empty() ? "" : "; did you mean " + std::string(nearest) + "?";
}

std::string quoted_name(std::string_view text, bool upper) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz_-ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const std::string_view letters = upper ? kLetters : kLetters.substr(0, 28);
  if (text.empty() || text.size() > kMaxNameLen) return "";
  if (text.find_first_not_of(letters) != std::string_view::npos) return "";
  return " '" + std::string(text) + "'";
}

}  // namespace strongroom_cli
