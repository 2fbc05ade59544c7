/* strongroom_policy_tools.h: tools for people who write policies.
 *
 * Each takes a policy of strongroom_policy_parse or strongroom_policy_stored, and returns an
 * analysis: lines of one shape. The conventions are those of strongroom.h.
 *
 * An identity is a text here: "user:ID", "service:ID" or "administrator:ID", then "+group:NAME" for
 * each group, and "@SPACE" for the space of a service (its id, when left out); or "trusted". An id
 * that contains "+group:", or an '@' in the id of a service that has no space after it, cannot be
 * written so.
 */
#ifndef STRONGROOM_POLICY_TOOLS_H
#define STRONGROOM_POLICY_TOOLS_H

#include <stddef.h>
#include <stdint.h>

#include "strongroom.h"

#ifdef __cplusplus
extern "C" {
#endif

/* strongroom_analysis is the result of a tool, in lines. Since: 0.1 */
typedef struct strongroom_analysis strongroom_analysis;

/* strongroom_analysis_line is one line. What does not apply is NULL or 0. Since: 0.1 */
typedef struct strongroom_analysis_line {
  size_t struct_size;
  const char* kind;     /* a word that never changes; each function has its own */
  const char* document; /* where it stands */
  uint32_t line;
  uint32_t column;
  const char* subject;
  const char* action;
  const char* path;
  const char* before; /* "allowed", "refused" (no rule allows it) or "denied" (a rule forbids it) */
  const char* after;
  const char* text; /* one sentence */
} strongroom_analysis_line;

/* Since: 0.1 */
#define STRONGROOM_ANALYSIS_LINE_INIT \
  { sizeof(strongroom_analysis_line), NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL }

/* strongroom_policy_explain returns a decision and the rules that led to it: a first line of kind
 * "decision", whose after has it, then lines of kind "decided" and "matched". out is own.
 * Errors  STRONGROOM_INVALID: identity, action or path. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_policy_explain(
    const strongroom_policy* policy, const char* identity, uint32_t action, const char* path,
    strongroom_analysis** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_who_can lists the subjects to which a rule allows the action: lines of kind
 * "may", and "unless" for each group to which it is denied. What a policy gives to all without a
 * rule is not listed. out is own.
 * Errors  STRONGROOM_INVALID: action or path. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_policy_who_can(
    const strongroom_policy* policy, uint32_t action, const char* path, strongroom_analysis** out,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_diff lists how decisions change from one policy to another: lines of kind
 * "change", each with a path for which it is so. No line: both decide alike. out is own.
 * Errors  STRONGROOM_TOO_LARGE: more than 10,000 changes, or policies too large together.
 *         Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_policy_diff(const strongroom_policy* before, const strongroom_policy* after,
                       strongroom_analysis** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_lint lists rules that are probably mistakes: lines of kind "redundant" (without it
 * nothing changes), "overridden" (a denial or a more specific pattern always wins), "needless" (it
 * denies what nobody is allowed), "unmatched" (no request can match it), and "suspicious" (it means
 * something else than it seems to). out is own.
 * Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_policy_lint(const strongroom_policy* policy, strongroom_analysis** out,
                       strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_skipped lists parts of the documents that were skipped, since they have no effect on
 * secrets and neither narrow a rule nor deny anything: lines of kind "member", "capability" and
 * "permission", each with its place. At most 10,000 are listed; num_skipped of strongroom_policy_info
 * counts all. out is own. Since: 0.1 */
STRONGROOM_API strongroom_status
strongroom_policy_skipped(const strongroom_policy* policy, strongroom_analysis** out,
                          strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_policy_test checks expectations, one for each line: "allow IDENTITY ACTION [PATH]" or
 * "deny IDENTITY ACTION [PATH]"; '#' begins a comment. The lines are of kind "passed" and "failed",
 * with the line of the expectation, what was expected in before, and the decision in after. out is
 * own.
 * Errors  STRONGROOM_INVALID: with line and column.  STRONGROOM_TOO_LARGE. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_policy_test(
    const strongroom_policy* policy, const void* expectations, size_t expectations_len,
    strongroom_analysis** out, strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_analysis_size returns the number of lines. Since: 0.1 */
STRONGROOM_API size_t strongroom_analysis_size(const strongroom_analysis* analysis)
    STRONGROOM_NOEXCEPT;

/* strongroom_analysis_at fills out_line with one line. Since: 0.1 */
STRONGROOM_API strongroom_status strongroom_analysis_at(
    const strongroom_analysis* analysis, size_t index, strongroom_analysis_line* out_line,
    strongroom_error** out_error) STRONGROOM_NOEXCEPT;

/* strongroom_analysis_free frees an analysis. Since: 0.1 */
STRONGROOM_API void strongroom_analysis_free(strongroom_analysis* analysis) STRONGROOM_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
