// exports_test.cpp: the ABI as it is bound by whoever was compiled against it: the names that the
// library exports, the layout of structs, and the numbers of constants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "source_root.h"
#include "strongroom.h"
#include "strongroom_backend.h"
#include "strongroom_mesos.h"
#include "strongroom_policy_tools.h"

namespace capi_test::exports_test {
namespace {

// ---- layouts: LP64; a change here breaks programs that are not compiled again ----

#if defined(__LP64__)
#define EXPECT_AT(type, member, offset) static_assert(offsetof(type, member) == (offset))

static_assert(sizeof(strongroom_status) == 4);

static_assert(sizeof(strongroom_bytes) == 16);
EXPECT_AT(strongroom_bytes, data, 0);
EXPECT_AT(strongroom_bytes, len, 8);

static_assert(sizeof(strongroom_progress) == 32);
EXPECT_AT(strongroom_progress, struct_size, 0);
EXPECT_AT(strongroom_progress, num_records, 8);
EXPECT_AT(strongroom_progress, num_written, 16);
EXPECT_AT(strongroom_progress, size_bytes, 24);

static_assert(sizeof(strongroom_memory_info) == 32);
EXPECT_AT(strongroom_memory_info, struct_size, 0);
EXPECT_AT(strongroom_memory_info, budget_bytes, 8);
EXPECT_AT(strongroom_memory_info, reserved_bytes, 16);
EXPECT_AT(strongroom_memory_info, unlocked_allowed, 24);
EXPECT_AT(strongroom_memory_info, reserved, 28);

static_assert(sizeof(strongroom_store_options) == 72);
EXPECT_AT(strongroom_store_options, struct_size, 0);
EXPECT_AT(strongroom_store_options, timeout_ms, 8);
EXPECT_AT(strongroom_store_options, share_expiry_ms, 12);
EXPECT_AT(strongroom_store_options, must_exist, 16);
EXPECT_AT(strongroom_store_options, allow_unavailable, 20);
EXPECT_AT(strongroom_store_options, anchor, 24);
EXPECT_AT(strongroom_store_options, openpgp_helper, 32);
EXPECT_AT(strongroom_store_options, policy, 40);
EXPECT_AT(strongroom_store_options, zk_auth, 48);
EXPECT_AT(strongroom_store_options, zk_auth_len, 56);
EXPECT_AT(strongroom_store_options, zk_auth_file, 64);

static_assert(sizeof(strongroom_identity) == 48);
EXPECT_AT(strongroom_identity, struct_size, 0);
EXPECT_AT(strongroom_identity, kind, 8);
EXPECT_AT(strongroom_identity, reserved, 12);
EXPECT_AT(strongroom_identity, id, 16);
EXPECT_AT(strongroom_identity, space, 24);
EXPECT_AT(strongroom_identity, groups, 32);
EXPECT_AT(strongroom_identity, num_groups, 40);

static_assert(sizeof(strongroom_init_options) == 64);
EXPECT_AT(strongroom_init_options, struct_size, 0);
EXPECT_AT(strongroom_init_options, shares, 8);
EXPECT_AT(strongroom_init_options, threshold, 12);
EXPECT_AT(strongroom_init_options, key, 16);
EXPECT_AT(strongroom_init_options, key_kind, 20);
EXPECT_AT(strongroom_init_options, max_secret_len, 24);
EXPECT_AT(strongroom_init_options, reserved, 28);
EXPECT_AT(strongroom_init_options, pgp_keys, 32);
EXPECT_AT(strongroom_init_options, num_pgp_keys, 40);
EXPECT_AT(strongroom_init_options, escrow, 48);
EXPECT_AT(strongroom_init_options, escrow_len, 56);

static_assert(sizeof(strongroom_pending_info) == 24);
EXPECT_AT(strongroom_pending_info, struct_size, 0);
EXPECT_AT(strongroom_pending_info, store_id, 8);
EXPECT_AT(strongroom_pending_info, num_credentials, 16);

static_assert(sizeof(strongroom_credential) == 48);
EXPECT_AT(strongroom_credential, struct_size, 0);
EXPECT_AT(strongroom_credential, kind, 8);
EXPECT_AT(strongroom_credential, reserved, 12);
EXPECT_AT(strongroom_credential, data, 16);
EXPECT_AT(strongroom_credential, len, 24);
EXPECT_AT(strongroom_credential, fingerprint, 32);
EXPECT_AT(strongroom_credential, fingerprint_len, 40);

static_assert(sizeof(strongroom_unseal_progress) == 24);
EXPECT_AT(strongroom_unseal_progress, struct_size, 0);
EXPECT_AT(strongroom_unseal_progress, unsealed, 8);
EXPECT_AT(strongroom_unseal_progress, progress, 12);
EXPECT_AT(strongroom_unseal_progress, threshold, 16);
EXPECT_AT(strongroom_unseal_progress, shares, 20);

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

static_assert(sizeof(strongroom_backup_info) == 56);
EXPECT_AT(strongroom_backup_info, struct_size, 0);
EXPECT_AT(strongroom_backup_info, store_id, 8);
EXPECT_AT(strongroom_backup_info, generation, 24);
EXPECT_AT(strongroom_backup_info, created_ms, 32);
EXPECT_AT(strongroom_backup_info, num_records, 40);
EXPECT_AT(strongroom_backup_info, size_bytes, 48);

static_assert(sizeof(strongroom_migrate_info) == 64);
EXPECT_AT(strongroom_migrate_info, struct_size, 0);
EXPECT_AT(strongroom_migrate_info, store_id, 8);
EXPECT_AT(strongroom_migrate_info, generation, 24);
EXPECT_AT(strongroom_migrate_info, num_records, 32);
EXPECT_AT(strongroom_migrate_info, size_bytes, 40);
EXPECT_AT(strongroom_migrate_info, num_written, 48);
EXPECT_AT(strongroom_migrate_info, num_removed, 56);

static_assert(sizeof(strongroom_finding) == 40);
EXPECT_AT(strongroom_finding, struct_size, 0);
EXPECT_AT(strongroom_finding, level, 8);
EXPECT_AT(strongroom_finding, reserved, 12);
EXPECT_AT(strongroom_finding, check, 16);
EXPECT_AT(strongroom_finding, what, 24);
EXPECT_AT(strongroom_finding, advice, 32);

static_assert(sizeof(strongroom_report_info) == 104);
EXPECT_AT(strongroom_report_info, struct_size, 0);
EXPECT_AT(strongroom_report_info, url, 8);
EXPECT_AT(strongroom_report_info, store_id, 16);
EXPECT_AT(strongroom_report_info, generation, 24);
EXPECT_AT(strongroom_report_info, since_ms, 32);
EXPECT_AT(strongroom_report_info, num_slots, 40);
EXPECT_AT(strongroom_report_info, num_terms, 48);
EXPECT_AT(strongroom_report_info, active_term, 56);
EXPECT_AT(strongroom_report_info, max_secret_len, 60);
EXPECT_AT(strongroom_report_info, initialized, 64);
EXPECT_AT(strongroom_report_info, sealed, 68);
EXPECT_AT(strongroom_report_info, reason, 72);
EXPECT_AT(strongroom_report_info, locked, 76);
EXPECT_AT(strongroom_report_info, header_damaged, 80);
EXPECT_AT(strongroom_report_info, escrowed, 84);
EXPECT_AT(strongroom_report_info, unseal_progress, 88);
EXPECT_AT(strongroom_report_info, unseal_threshold, 92);
EXPECT_AT(strongroom_report_info, unseal_shares, 96);
EXPECT_AT(strongroom_report_info, reserved, 100);

static_assert(sizeof(strongroom_slot) == 40);
EXPECT_AT(strongroom_slot, struct_size, 0);
EXPECT_AT(strongroom_slot, created_ms, 8);
EXPECT_AT(strongroom_slot, id, 16);
EXPECT_AT(strongroom_slot, kind, 20);
EXPECT_AT(strongroom_slot, threshold, 24);
EXPECT_AT(strongroom_slot, shares, 28);
EXPECT_AT(strongroom_slot, damaged, 32);
EXPECT_AT(strongroom_slot, num_wrapped, 36);

static_assert(sizeof(strongroom_get_options) == 32);
EXPECT_AT(strongroom_get_options, struct_size, 0);
EXPECT_AT(strongroom_get_options, key, 8);
EXPECT_AT(strongroom_get_options, decide_path, 16);
EXPECT_AT(strongroom_get_options, fresh, 24);
EXPECT_AT(strongroom_get_options, reserved, 28);

static_assert(sizeof(strongroom_put_options) == 32);
EXPECT_AT(strongroom_put_options, struct_size, 0);
EXPECT_AT(strongroom_put_options, revision, 8);
EXPECT_AT(strongroom_put_options, decide_path, 16);
EXPECT_AT(strongroom_put_options, condition, 24);
EXPECT_AT(strongroom_put_options, reserved, 28);

static_assert(sizeof(strongroom_delete_options) == 24);
EXPECT_AT(strongroom_delete_options, struct_size, 0);
EXPECT_AT(strongroom_delete_options, revision, 8);
EXPECT_AT(strongroom_delete_options, decide_path, 16);

static_assert(sizeof(strongroom_secret_info) == 48);
EXPECT_AT(strongroom_secret_info, struct_size, 0);
EXPECT_AT(strongroom_secret_info, revision, 8);
EXPECT_AT(strongroom_secret_info, created_ms, 16);
EXPECT_AT(strongroom_secret_info, changed_ms, 24);
EXPECT_AT(strongroom_secret_info, stale_ms, 32);
EXPECT_AT(strongroom_secret_info, content, 40);
EXPECT_AT(strongroom_secret_info, reserved, 44);

static_assert(sizeof(strongroom_batch_item) == 32);
EXPECT_AT(strongroom_batch_item, struct_size, 0);
EXPECT_AT(strongroom_batch_item, secret, 8);
EXPECT_AT(strongroom_batch_item, message, 16);
EXPECT_AT(strongroom_batch_item, status, 24);
EXPECT_AT(strongroom_batch_item, reserved, 28);

static_assert(sizeof(strongroom_list_options) == 48);
EXPECT_AT(strongroom_list_options, struct_size, 0);
EXPECT_AT(strongroom_list_options, decide_path, 8);
EXPECT_AT(strongroom_list_options, after, 16);
EXPECT_AT(strongroom_list_options, after_len, 24);
EXPECT_AT(strongroom_list_options, limit, 32);
EXPECT_AT(strongroom_list_options, recursive, 40);
EXPECT_AT(strongroom_list_options, visible, 44);

static_assert(sizeof(strongroom_name) == 24);
EXPECT_AT(strongroom_name, struct_size, 0);
EXPECT_AT(strongroom_name, name, 8);
EXPECT_AT(strongroom_name, is_folder, 16);
EXPECT_AT(strongroom_name, reserved, 20);

static_assert(sizeof(strongroom_policy_text) == 24);
EXPECT_AT(strongroom_policy_text, name, 0);
EXPECT_AT(strongroom_policy_text, text, 8);
EXPECT_AT(strongroom_policy_text, text_len, 16);

static_assert(sizeof(strongroom_policy_info) == 56);
EXPECT_AT(strongroom_policy_info, struct_size, 0);
EXPECT_AT(strongroom_policy_info, mode, 8);
EXPECT_AT(strongroom_policy_info, services_need_grants, 12);
EXPECT_AT(strongroom_policy_info, num_documents, 16);
EXPECT_AT(strongroom_policy_info, num_rules, 24);
EXPECT_AT(strongroom_policy_info, num_nodes, 32);
EXPECT_AT(strongroom_policy_info, memory_bytes, 40);
EXPECT_AT(strongroom_policy_info, num_skipped, 48);

static_assert(sizeof(strongroom_document) == 48);
EXPECT_AT(strongroom_document, struct_size, 0);
EXPECT_AT(strongroom_document, name, 8);
EXPECT_AT(strongroom_document, revision, 16);
EXPECT_AT(strongroom_document, changed_ms, 24);
EXPECT_AT(strongroom_document, text_len, 32);
EXPECT_AT(strongroom_document, text, 40);

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

static_assert(sizeof(strongroom_variable) == 32);
EXPECT_AT(strongroom_variable, struct_size, 0);
EXPECT_AT(strongroom_variable, name, 8);
EXPECT_AT(strongroom_variable, value, 16);
EXPECT_AT(strongroom_variable, value_len, 24);

static_assert(sizeof(strongroom_volume) == 40);
EXPECT_AT(strongroom_volume, struct_size, 0);
EXPECT_AT(strongroom_volume, path, 8);
EXPECT_AT(strongroom_volume, value, 16);
EXPECT_AT(strongroom_volume, value_len, 24);
EXPECT_AT(strongroom_volume, read_only, 32);
EXPECT_AT(strongroom_volume, reserved, 36);

static_assert(sizeof(strongroom_task_description) == 80);
EXPECT_AT(strongroom_task_description, struct_size, 0);
EXPECT_AT(strongroom_task_description, id, 8);
EXPECT_AT(strongroom_task_description, space, 16);
EXPECT_AT(strongroom_task_description, user, 24);
EXPECT_AT(strongroom_task_description, image, 32);
EXPECT_AT(strongroom_task_description, program, 40);
EXPECT_AT(strongroom_task_description, words, 48);
EXPECT_AT(strongroom_task_description, num_words, 56);
EXPECT_AT(strongroom_task_description, command, 64);
EXPECT_AT(strongroom_task_description, has_pull_config, 68);
EXPECT_AT(strongroom_task_description, num_variables, 72);
EXPECT_AT(strongroom_task_description, num_volumes, 76);

static_assert(sizeof(strongroom_completion) == 56);
EXPECT_AT(strongroom_completion, struct_size, 0);
EXPECT_AT(strongroom_completion, user_data, 8);
EXPECT_AT(strongroom_completion, secret, 16);
EXPECT_AT(strongroom_completion, batch, 24);
EXPECT_AT(strongroom_completion, events, 32);
EXPECT_AT(strongroom_completion, error, 40);
EXPECT_AT(strongroom_completion, kind, 48);
EXPECT_AT(strongroom_completion, status, 52);

static_assert(sizeof(strongroom_analysis_line) == 80);
EXPECT_AT(strongroom_analysis_line, struct_size, 0);
EXPECT_AT(strongroom_analysis_line, kind, 8);
EXPECT_AT(strongroom_analysis_line, document, 16);
EXPECT_AT(strongroom_analysis_line, line, 24);
EXPECT_AT(strongroom_analysis_line, column, 28);
EXPECT_AT(strongroom_analysis_line, subject, 32);
EXPECT_AT(strongroom_analysis_line, action, 40);
EXPECT_AT(strongroom_analysis_line, path, 48);
EXPECT_AT(strongroom_analysis_line, before, 56);
EXPECT_AT(strongroom_analysis_line, after, 64);
EXPECT_AT(strongroom_analysis_line, text, 72);

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
static_assert(STRONGROOM_IDENTITY_USER == 1 && STRONGROOM_IDENTITY_SERVICE == 2 &&
              STRONGROOM_IDENTITY_ADMINISTRATOR == 3 && STRONGROOM_IDENTITY_TRUSTED == 4);
static_assert(STRONGROOM_SLOT_SHARES == 1 && STRONGROOM_SLOT_KEY == 2 &&
              STRONGROOM_SLOT_WRAPPED_SHARES == 3 && STRONGROOM_SLOT_ENVIRONMENT == 4 &&
              STRONGROOM_SLOT_SYSTEM_CREDENTIAL == 5);
static_assert(STRONGROOM_CREDENTIAL_SHARE == 1 && STRONGROOM_CREDENTIAL_KEY == 2 &&
              STRONGROOM_CREDENTIAL_WRAPPED_SHARE == 3);
static_assert(STRONGROOM_DEFINITION_APP == 1 && STRONGROOM_DEFINITION_POD == 2 &&
              STRONGROOM_DEFINITION_JOB == 3 && STRONGROOM_DEFINITION_TASK_INFO == 4);
static_assert(STRONGROOM_COMMAND_NONE == 0 && STRONGROOM_COMMAND_SHELL == 1 &&
              STRONGROOM_COMMAND_PROGRAM == 2 && STRONGROOM_COMMAND_IMAGE_ARGS == 3);
static_assert(STRONGROOM_SEAL_PROCESS == 1 && STRONGROOM_SEAL_EVERYWHERE == 2);
static_assert(STRONGROOM_ROTATE_DATA_KEY == 1 && STRONGROOM_ROTATE_ROOT_KEY == 2);
static_assert(STRONGROOM_FINDING_GOOD == 0 && STRONGROOM_FINDING_NOTE == 1 &&
              STRONGROOM_FINDING_WARNING == 2 && STRONGROOM_FINDING_DANGER == 3);
static_assert(STRONGROOM_SEALED_NOT == 0 && STRONGROOM_SEALED_NEVER_UNSEALED == 1 &&
              STRONGROOM_SEALED_CLOSED == 2 && STRONGROOM_SEALED_OPERATOR_LOCK == 3 &&
              STRONGROOM_SEALED_SLOT_REMOVED == 4);
static_assert(STRONGROOM_CONTENT_TEXT == 1 && STRONGROOM_CONTENT_BINARY == 2);
static_assert(STRONGROOM_JSON_NULL == 0 && STRONGROOM_JSON_BOOLEAN == 1 &&
              STRONGROOM_JSON_NUMBER == 2 && STRONGROOM_JSON_STRING == 3 &&
              STRONGROOM_JSON_ARRAY == 4 && STRONGROOM_JSON_OBJECT == 5);
static_assert(STRONGROOM_CONDITION_ANY == 0 && STRONGROOM_CONDITION_CREATE == 1 &&
              STRONGROOM_CONDITION_UPDATE == 2 && STRONGROOM_CONDITION_REVISION == 3);
static_assert(STRONGROOM_ACTION_CREATE == 0 && STRONGROOM_ACTION_READ == 1 &&
              STRONGROOM_ACTION_UPDATE == 2 && STRONGROOM_ACTION_DELETE == 3 &&
              STRONGROOM_ACTION_LIST == 4 && STRONGROOM_ACTION_SCAN == 5 &&
              STRONGROOM_ACTION_RESOLVE == 6 && STRONGROOM_ACTION_SEAL == 7 &&
              STRONGROOM_ACTION_UNSEAL == 8 && STRONGROOM_ACTION_INIT == 9 &&
              STRONGROOM_ACTION_REKEY == 10 && STRONGROOM_ACTION_ROTATE == 11 &&
              STRONGROOM_ACTION_POLICY == 12 && STRONGROOM_ACTION_AUDIT == 13 &&
              STRONGROOM_ACTION_BACKUP == 14);
static_assert(STRONGROOM_POLICY_DENY_OVERRIDES == 0 && STRONGROOM_POLICY_VAULT_COMPAT == 1);
static_assert(STRONGROOM_EVENT_CHANGED == 1 && STRONGROOM_EVENT_DELETED == 2);
static_assert(STRONGROOM_FORMAT_JSON == 1 && STRONGROOM_FORMAT_WIRE == 2);
static_assert(STRONGROOM_MESSAGE_SECRET == 1 && STRONGROOM_MESSAGE_ENVIRONMENT == 2 &&
              STRONGROOM_MESSAGE_VOLUMES == 3 && STRONGROOM_MESSAGE_IMAGE == 4);
static_assert(STRONGROOM_COMPLETION_GET == 1 && STRONGROOM_COMPLETION_RESOLVE == 2 &&
              STRONGROOM_COMPLETION_WATCH == 3);
static_assert(STRONGROOM_CHANGE_PUT == 0 && STRONGROOM_CHANGE_ERASE == 1 &&
              STRONGROOM_CHANGE_CHECK == 2);
static_assert(STRONGROOM_UNSEAL_LIFT_LOCK == 1 && STRONGROOM_UNSEAL_ESCROWED == 2);
static_assert(STRONGROOM_RECORD_ABSENT == 0 && STRONGROOM_RECORD_ANY == UINT64_MAX);
static_assert(STRONGROOM_ABI_VERSION == 0);

// ---- names ----

using Names = std::set<std::string>;

const std::vector<std::string> kHeaders = {
    "strongroom.h",           "strongroom_backend.h",
    "strongroom_mesos.h",     "strongroom_policy_tools.h",
    "strongroom_zookeeper.h",
};

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
  for (const std::string& header : kHeaders)
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

TEST(Exports, EveryCHeaderIsLookedAt) {
  Names found;
  for (const auto& file : std::filesystem::directory_iterator(STRONGROOM_SOURCE_ROOT "/capi")) {
    if (file.path().extension() == ".h") found.insert(file.path().filename());
  }
  EXPECT_EQ(found, Names(kHeaders.begin(), kHeaders.end()));
}

TEST(Exports, TheMapListsWhatTheHeadersDeclare) {
  static const std::regex marked("STRONGROOM_API\\s");
  std::size_t num_marked = 0;
  for (const std::string& header : kHeaders) {
    static const std::regex definition("#define [^\n]*");
    const std::string text =
        std::regex_replace(without_comments(capi_file(header)), definition, "");
    num_marked += static_cast<std::size_t>(
        std::distance(std::sregex_iterator(text.begin(), text.end(), marked), {}));
  }
  EXPECT_EQ(declared().size(), num_marked) << "a declaration was not understood, or is there twice";
  EXPECT_EQ(declared(), mapped());
}

// The headers' structs and constants, against this file: nothing is forgotten above.
TEST(Exports, EveryStructMemberAndConstantIsPinnedAbove) {
  const std::string here = read_file(STRONGROOM_SOURCE_ROOT "/tests/capi/exports_test.cpp");
  static const std::regex structs(R"(typedef struct (\w+) \{([^}]*)\})");
  static const std::regex member(R"((\w+)(\[\d+\])?;|\(\*(\w+)\)\()");
  static const std::regex constant(R"((STRONGROOM_\w+) = (\d+))");
  int num_members = 0;
  for (const std::string& header : kHeaders) {
    const std::string text = without_comments(capi_file(header));
    for (std::sregex_iterator at(text.begin(), text.end(), structs), end; at != end; ++at) {
      const std::string type = (*at)[1];
      const std::string members = (*at)[2];
      EXPECT_NE(here.find("sizeof(" + type + ") =="), std::string::npos) << type;
      for (std::sregex_iterator each(members.begin(), members.end(), member); each != end; ++each) {
        const std::string name = (*each)[1].matched ? (*each)[1] : (*each)[3];
        EXPECT_NE(here.find("EXPECT_AT(" + type + ", " + name + ", "), std::string::npos)
            << type << "." << name;
        ++num_members;
      }
    }
    for (std::sregex_iterator at(text.begin(), text.end(), constant), end; at != end; ++at)
      EXPECT_NE(here.find(at->str(1) + " == " + at->str(2)), std::string::npos) << at->str();
  }
  EXPECT_GT(num_members, 100) << "hardly a struct was seen";
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
  for (const std::string& header : kHeaders) {
    const std::string text = capi_file(header);
    const auto count = [&](const std::regex& pattern) {
      return std::distance(std::sregex_iterator(text.begin(), text.end(), pattern),
                           std::sregex_iterator());
    };
    // STRONGROOM_API and STRONGROOM_NOEXCEPT are no part of the ABI.
    const int undocumented = header == "strongroom.h" ? 2 : 0;
    EXPECT_EQ(count(documented) + undocumented, count(declaration)) << header;
  }
}

TEST(Exports, EveryFunctionPromisesToThrowNothing) {
  for (const std::string& header : kHeaders) {
    const std::string text = without_comments(capi_file(header));
    static const std::regex function(R"(STRONGROOM_API\s[^;]*;)");
    for (std::sregex_iterator at(text.begin(), text.end(), function), end; at != end; ++at)
      EXPECT_NE(at->str().find("STRONGROOM_NOEXCEPT;"), std::string::npos) << at->str();
  }
}

}  // namespace
}  // namespace capi_test::exports_test
