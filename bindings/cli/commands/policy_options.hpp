// policy_options.hpp: options and headings of the commands below `policy`.
#pragma once

#include "syntax/common_options.hpp"
#include "syntax/options.hpp"

namespace strongroom_cli {

inline constexpr const char* kUnderstandGroup = "Understanding a policy";
inline constexpr const char* kStoredGroup = "The stored policy";

inline constexpr Option kPolicy =
    files("--policy", "A file or directory; may be given again ('@': the stored policy)");
inline constexpr Option kFiles = {.names = "FILE",
                                  .kind = Kind::file,
                                  .about = "Files; the stored policy when left out",
                                  .optional = true,
                                  .many = true};
inline constexpr Option kWho = argument("WHO", Kind::text, "As in user:alice+group:dba");
// The words are in the order of STRONGROOM_ACTION_CREATE and its successors.
inline constexpr Option kAction = {
    .names = "ACTION",
    .kind = Kind::word,
    .about = "As in read",
    .words =
        "create read update delete list scan resolve seal unseal init rekey rotate policy audit "
        "backup"};
inline constexpr Option kPolicyPath = optional_argument("PATH", Kind::text, "As in db/password");
inline constexpr Option kOld =
    argument("OLD", Kind::file, "A file or directory, or '@' for the stored policy");
inline constexpr Option kNew = argument("NEW", Kind::file, "Likewise");
inline constexpr Option kExpectations = argument("EXPECTATIONS", Kind::file, "A file");
inline constexpr Option kName = argument("NAME", Kind::text, "The document's name");
inline constexpr Option kDocument = argument("FILE", Kind::file, "Its text; '-' is standard input");

}  // namespace strongroom_cli
