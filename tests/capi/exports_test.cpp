// exports_test.cpp: the ABI as it is bound by whoever was compiled against it: the names that the
// library exports, the layout of structs, and the numbers of constants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "source_root.h"
#include "strongroom.h"
#include "strongroom_backend.h"

namespace capi_test::exports_test {
namespace {

// ---- layouts: LP64; a change here breaks programs that are not compiled again ----

#if defined(__LP64__)
#define EXPECT_AT(type, member, offset) static_assert(offsetof(type, member) == (offset))

static_assert(sizeof(strongroom_status) == 4);
static_assert(sizeof(strongroom_bytes) == 16);
EXPECT_AT(strongroom_bytes, data, 0);
EXPECT_AT(strongroom_bytes, len, 8);

static_assert(sizeof(strongroom_memory_info) == 32);
EXPECT_AT(strongroom_memory_info, struct_size, 0);
EXPECT_AT(strongroom_memory_info, budget_bytes, 8);
EXPECT_AT(strongroom_memory_info, reserved_bytes, 16);
EXPECT_AT(strongroom_memory_info, unlocked_allowed, 24);
EXPECT_AT(strongroom_memory_info, reserved, 28);

static_assert(sizeof(strongroom_store_options) == 72);
EXPECT_AT(strongroom_store_options, struct_size, 0);
EXPECT_AT(strongroom_store_options, timeout_ms, 8);
EXPECT_AT(strongroom_store_options, must_exist, 12);
EXPECT_AT(strongroom_store_options, anchor, 16);
EXPECT_AT(strongroom_store_options, openpgp_helper, 24);
EXPECT_AT(strongroom_store_options, share_expiry_ms, 32);
EXPECT_AT(strongroom_store_options, reserved, 36);
EXPECT_AT(strongroom_store_options, zk_auth, 40);
EXPECT_AT(strongroom_store_options, zk_auth_len, 48);
EXPECT_AT(strongroom_store_options, zk_auth_file, 56);
EXPECT_AT(strongroom_store_options, policy, 64);

static_assert(sizeof(strongroom_identity) == 48);
EXPECT_AT(strongroom_identity, struct_size, 0);
EXPECT_AT(strongroom_identity, kind, 8);
EXPECT_AT(strongroom_identity, reserved, 12);
EXPECT_AT(strongroom_identity, id, 16);
EXPECT_AT(strongroom_identity, space, 24);
EXPECT_AT(strongroom_identity, groups, 32);
EXPECT_AT(strongroom_identity, num_groups, 40);

static_assert(sizeof(strongroom_policy_text) == 24);
EXPECT_AT(strongroom_policy_text, name, 0);
EXPECT_AT(strongroom_policy_text, text, 8);
EXPECT_AT(strongroom_policy_text, text_len, 16);

static_assert(sizeof(strongroom_policy_info) == 48);
EXPECT_AT(strongroom_policy_info, struct_size, 0);
EXPECT_AT(strongroom_policy_info, mode, 8);
EXPECT_AT(strongroom_policy_info, services_need_grants, 12);
EXPECT_AT(strongroom_policy_info, num_documents, 16);
EXPECT_AT(strongroom_policy_info, num_rules, 24);
EXPECT_AT(strongroom_policy_info, num_nodes, 32);
EXPECT_AT(strongroom_policy_info, memory_bytes, 40);

static_assert(sizeof(strongroom_document) == 48);
EXPECT_AT(strongroom_document, struct_size, 0);
EXPECT_AT(strongroom_document, name, 8);
EXPECT_AT(strongroom_document, revision, 16);
EXPECT_AT(strongroom_document, changed_ms, 24);
EXPECT_AT(strongroom_document, text_len, 32);
EXPECT_AT(strongroom_document, text, 40);

static_assert(sizeof(strongroom_account_line) == 80);
EXPECT_AT(strongroom_account_line, struct_size, 0);
EXPECT_AT(strongroom_account_line, kind, 8);
EXPECT_AT(strongroom_account_line, document, 16);
EXPECT_AT(strongroom_account_line, line, 24);
EXPECT_AT(strongroom_account_line, column, 28);
EXPECT_AT(strongroom_account_line, subject, 32);
EXPECT_AT(strongroom_account_line, action, 40);
EXPECT_AT(strongroom_account_line, path, 48);
EXPECT_AT(strongroom_account_line, before, 56);
EXPECT_AT(strongroom_account_line, after, 64);
EXPECT_AT(strongroom_account_line, text, 72);

static_assert(sizeof(strongroom_init_options) == 64);
EXPECT_AT(strongroom_init_options, struct_size, 0);
EXPECT_AT(strongroom_init_options, shares, 8);
EXPECT_AT(strongroom_init_options, threshold, 12);
EXPECT_AT(strongroom_init_options, key_file, 16);
EXPECT_AT(strongroom_init_options, max_secret_len, 20);
EXPECT_AT(strongroom_init_options, pgp_keys, 24);
EXPECT_AT(strongroom_init_options, num_pgp_keys, 32);
EXPECT_AT(strongroom_init_options, key_kind, 40);
EXPECT_AT(strongroom_init_options, reserved, 44);
EXPECT_AT(strongroom_init_options, escrow, 48);
EXPECT_AT(strongroom_init_options, escrow_len, 56);

static_assert(sizeof(strongroom_slots_options) == 64);
EXPECT_AT(strongroom_slots_options, struct_size, 0);
EXPECT_AT(strongroom_slots_options, shares, 8);
EXPECT_AT(strongroom_slots_options, threshold, 12);
EXPECT_AT(strongroom_slots_options, key, 16);
EXPECT_AT(strongroom_slots_options, key_kind, 20);
EXPECT_AT(strongroom_slots_options, pgp_keys, 24);
EXPECT_AT(strongroom_slots_options, num_pgp_keys, 32);
EXPECT_AT(strongroom_slots_options, remove, 40);
EXPECT_AT(strongroom_slots_options, num_remove, 48);
EXPECT_AT(strongroom_slots_options, keep_keys, 56);
EXPECT_AT(strongroom_slots_options, verify, 60);

static_assert(sizeof(strongroom_wrapped_share) == 40);
EXPECT_AT(strongroom_wrapped_share, struct_size, 0);
EXPECT_AT(strongroom_wrapped_share, fingerprint, 8);
EXPECT_AT(strongroom_wrapped_share, fingerprint_len, 16);
EXPECT_AT(strongroom_wrapped_share, message, 24);
EXPECT_AT(strongroom_wrapped_share, message_len, 32);

static_assert(sizeof(strongroom_unseal_progress) == 24);
EXPECT_AT(strongroom_unseal_progress, struct_size, 0);
EXPECT_AT(strongroom_unseal_progress, unsealed, 8);
EXPECT_AT(strongroom_unseal_progress, progress, 12);
EXPECT_AT(strongroom_unseal_progress, threshold, 16);
EXPECT_AT(strongroom_unseal_progress, shares, 20);

static_assert(sizeof(strongroom_backup_info) == 56);
EXPECT_AT(strongroom_backup_info, struct_size, 0);
EXPECT_AT(strongroom_backup_info, store_id, 8);
EXPECT_AT(strongroom_backup_info, generation, 24);
EXPECT_AT(strongroom_backup_info, created_ms, 32);
EXPECT_AT(strongroom_backup_info, num_records, 40);
EXPECT_AT(strongroom_backup_info, size_bytes, 48);

static_assert(sizeof(strongroom_copy_info) == 64);
EXPECT_AT(strongroom_copy_info, struct_size, 0);
EXPECT_AT(strongroom_copy_info, store_id, 8);
EXPECT_AT(strongroom_copy_info, generation, 24);
EXPECT_AT(strongroom_copy_info, num_records, 32);
EXPECT_AT(strongroom_copy_info, size_bytes, 40);
EXPECT_AT(strongroom_copy_info, num_written, 48);
EXPECT_AT(strongroom_copy_info, num_removed, 56);

static_assert(sizeof(strongroom_finding) == 40);
EXPECT_AT(strongroom_finding, struct_size, 0);
EXPECT_AT(strongroom_finding, level, 8);
EXPECT_AT(strongroom_finding, reserved, 12);
EXPECT_AT(strongroom_finding, check, 16);
EXPECT_AT(strongroom_finding, what, 24);
EXPECT_AT(strongroom_finding, advice, 32);

static_assert(sizeof(strongroom_slot) == 40);
EXPECT_AT(strongroom_slot, struct_size, 0);
EXPECT_AT(strongroom_slot, created_ms, 8);
EXPECT_AT(strongroom_slot, id, 16);
EXPECT_AT(strongroom_slot, kind, 20);
EXPECT_AT(strongroom_slot, threshold, 24);
EXPECT_AT(strongroom_slot, shares, 28);
EXPECT_AT(strongroom_slot, damaged, 32);
EXPECT_AT(strongroom_slot, num_wrapped, 36);

static_assert(sizeof(strongroom_put_options) == 24);
EXPECT_AT(strongroom_put_options, struct_size, 0);
EXPECT_AT(strongroom_put_options, revision, 8);
EXPECT_AT(strongroom_put_options, condition, 16);
EXPECT_AT(strongroom_put_options, reserved, 20);

static_assert(sizeof(strongroom_get_options) == 24);
EXPECT_AT(strongroom_get_options, struct_size, 0);
EXPECT_AT(strongroom_get_options, key, 8);
EXPECT_AT(strongroom_get_options, fresh, 16);
EXPECT_AT(strongroom_get_options, reserved, 20);

static_assert(sizeof(strongroom_event) == 32);
EXPECT_AT(strongroom_event, struct_size, 0);
EXPECT_AT(strongroom_event, path, 8);
EXPECT_AT(strongroom_event, revision, 16);
EXPECT_AT(strongroom_event, kind, 24);
EXPECT_AT(strongroom_event, reserved, 28);

static_assert(sizeof(strongroom_message) == 24);
EXPECT_AT(strongroom_message, data, 0);
EXPECT_AT(strongroom_message, len, 8);
EXPECT_AT(strongroom_message, format, 16);
EXPECT_AT(strongroom_message, reserved, 20);

static_assert(sizeof(strongroom_record) == 40);
EXPECT_AT(strongroom_record, key, 0);
EXPECT_AT(strongroom_record, value, 16);
EXPECT_AT(strongroom_record, version, 32);

static_assert(sizeof(strongroom_sink) == 32);
EXPECT_AT(strongroom_sink, struct_size, 0);
EXPECT_AT(strongroom_sink, context, 8);
EXPECT_AT(strongroom_sink, record, 16);
EXPECT_AT(strongroom_sink, message, 24);

static_assert(sizeof(strongroom_change) == 48);
EXPECT_AT(strongroom_change, key, 0);
EXPECT_AT(strongroom_change, value, 16);
EXPECT_AT(strongroom_change, expected, 32);
EXPECT_AT(strongroom_change, kind, 40);
EXPECT_AT(strongroom_change, reserved, 44);

static_assert(sizeof(strongroom_backend_table) == 56);
EXPECT_AT(strongroom_backend_table, struct_size, 0);
EXPECT_AT(strongroom_backend_table, read, 8);
EXPECT_AT(strongroom_backend_table, commit, 16);
EXPECT_AT(strongroom_backend_table, scan, 24);
EXPECT_AT(strongroom_backend_table, sync, 32);
EXPECT_AT(strongroom_backend_table, url, 40);
EXPECT_AT(strongroom_backend_table, destroy, 48);
#endif

// ---- constants ----

static_assert(STRONGROOM_OK == 0 && STRONGROOM_INVALID == 1 && STRONGROOM_NOT_FOUND == 2 &&
              STRONGROOM_ALREADY_EXISTS == 3 && STRONGROOM_DENIED == 4 && STRONGROOM_SEALED == 5 &&
              STRONGROOM_NOT_INITIALIZED == 6 && STRONGROOM_CONFLICT == 7 &&
              STRONGROOM_INDETERMINATE == 8 && STRONGROOM_TOO_LARGE == 9 &&
              STRONGROOM_CORRUPT == 10 && STRONGROOM_ROLLBACK == 11 &&
              STRONGROOM_UNAVAILABLE == 12 && STRONGROOM_TIMEOUT == 13 &&
              STRONGROOM_UNSUPPORTED == 14 && STRONGROOM_INTERNAL == 15);
static_assert(STRONGROOM_SLOT_SHARES == 1 && STRONGROOM_SLOT_KEY == 2 &&
              STRONGROOM_SLOT_WRAPPED_SHARES == 3 && STRONGROOM_SLOT_ENVIRONMENT == 4 &&
              STRONGROOM_SLOT_SYSTEM_CREDENTIAL == 5);
static_assert(STRONGROOM_SEALED_NOT == 0 && STRONGROOM_SEALED_NEVER_UNSEALED == 1 &&
              STRONGROOM_SEALED_CLOSED == 2 && STRONGROOM_SEALED_OPERATOR_LOCK == 3 &&
              STRONGROOM_SEALED_SLOT_REMOVED == 4);
static_assert(STRONGROOM_FINDING_GOOD == 0 && STRONGROOM_FINDING_NOTE == 1 &&
              STRONGROOM_FINDING_WARNING == 2 && STRONGROOM_FINDING_DANGER == 3);
static_assert(STRONGROOM_CONTENT_TEXT == 1 && STRONGROOM_CONTENT_BINARY == 2);
static_assert(STRONGROOM_CONDITION_ANY == 0 && STRONGROOM_CONDITION_CREATE == 1 &&
              STRONGROOM_CONDITION_UPDATE == 2 && STRONGROOM_CONDITION_REVISION == 3);
static_assert(STRONGROOM_EVENT_CHANGED == 1 && STRONGROOM_EVENT_DELETED == 2);
static_assert(STRONGROOM_FORMAT_JSON == 1 && STRONGROOM_FORMAT_WIRE == 2);
static_assert(STRONGROOM_UNSEAL_LIFT_LOCK == 1 && STRONGROOM_LIST_RECURSIVE == 1);
static_assert(STRONGROOM_CHANGE_PUT == 0 && STRONGROOM_CHANGE_ERASE == 1 &&
              STRONGROOM_CHANGE_CHECK == 2);

// ---- names ----

using Names = std::set<std::string>;

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << path;
  return text.str();
}

std::string capi_file(const std::string& name) {
  return read_file(STRONGROOM_SOURCE_ROOT "/capi/" + name);
}

// output_of gives what a command prints; its exit status goes to *status.
std::string output_of(const std::string& command, int* status) {
  std::string output;
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    output.append(buffer, n);
  *status = ::pclose(pipe);
  return output;
}

std::string without_comments(const std::string& text) {
  std::string out;
  for (std::size_t begin = 0;;) {
    const std::size_t comment = text.find("/*", begin);
    out += text.substr(begin, comment - begin);
    if (comment == std::string::npos) return out;
    begin = text.find("*/", comment) + 2;
  }
}

Names all_matches(const std::string& text, const std::regex& pattern) {
  Names names;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at)
    names.insert((*at)[1]);
  return names;
}

Names declared() {
  static const std::regex function(R"(STRONGROOM_API\s[^;(]*?(strongroom_\w+)\()");
  Names names;
  for (const char* header : {"strongroom.h", "strongroom_backend.h"})
    names.merge(all_matches(without_comments(capi_file(header)), function));
  return names;
}

Names mapped() {
  static const std::regex line(R"(\n    (\w+);)");
  return all_matches(capi_file("strongroom.map"), line);
}

// exported gives name and version of every symbol that the library defines.
Names exported() {
  const char* const library = std::getenv("STRONGROOM_LIBRARY");
  if (library == nullptr) return {};
  int status = -1;
  const std::string symbols = output_of(
      "nm -D --defined-only --with-symbol-versions '" + std::string(library) + "'", &status);
  EXPECT_EQ(status, 0);
  static const std::regex line(R"(\s[A-Z] (\S+)\n)");
  Names names = all_matches(symbols, line);
  names.erase("STRONGROOM_0.1");  // the version itself
  return names;
}

TEST(Exports, TheMapListsWhatTheHeadersDeclare) {
  EXPECT_GT(declared().size(), 70u);
  EXPECT_EQ(declared(), mapped());
}

TEST(Exports, TheLibraryExportsWhatTheMapListsAndNoMore) {
  Names wanted;
  for (const std::string& name : mapped()) wanted.insert(name + "@@STRONGROOM_0.1");
  EXPECT_EQ(exported(), wanted);
}

TEST(Exports, EveryDeclarationSaysSinceWhen) {
  static const std::regex documented(
      R"(Since: 0\.1 \*/\s*\n(STRONGROOM_API|typedef|enum|#define))");
  static const std::regex declaration(R"(\n(STRONGROOM_API|typedef|enum|#define STRONGROOM_\w+ ))");
  for (const char* header : {"strongroom.h", "strongroom_backend.h"}) {
    const std::string text = capi_file(header);
    const auto count = [&](const std::regex& pattern) {
      return std::distance(std::sregex_iterator(text.begin(), text.end(), pattern),
                           std::sregex_iterator());
    };
    // STRONGROOM_API and STRONGROOM_NOEXCEPT are no part of the ABI.
    const int undocumented = header == std::string("strongroom.h") ? 2 : 0;
    EXPECT_EQ(count(documented) + undocumented, count(declaration)) << header;
  }
}

TEST(Exports, EveryFunctionPromisesToThrowNothing) {
  for (const char* header : {"strongroom.h", "strongroom_backend.h"}) {
    const std::string text = without_comments(capi_file(header));
    static const std::regex function(R"(STRONGROOM_API\s[^;]*;)");
    for (std::sregex_iterator at(text.begin(), text.end(), function), end; at != end; ++at)
      EXPECT_NE(at->str().find("STRONGROOM_NOEXCEPT;"), std::string::npos) << at->str();
  }
}

}  // namespace
}  // namespace capi_test::exports_test
