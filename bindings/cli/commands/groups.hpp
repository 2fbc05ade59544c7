// groups.hpp: the headings of the help.
#pragma once

namespace strongroom_cli {

inline constexpr const char* kStoreGroup = "Store";
inline constexpr const char* kSecretsGroup = "Secrets";
inline constexpr const char* kPoliciesGroup = "Policies";
inline constexpr const char* kSlotsGroup = "Slots: what opens the store";
inline constexpr const char* kKeysGroup = "Keys inside the store";
inline constexpr const char* kBackupsGroup = "Backups";
inline constexpr const char* kAuditGroup = "Audit log";

}  // namespace strongroom_cli
