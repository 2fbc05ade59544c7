// every_export_test.cpp: each function that the library exports, called as it should be, and then with one thing
// wrong: a handle, an output, the size of a struct, the process.
//
// An export, or a growing struct, that is in no call here fails a test.
#include "every_export.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <ostream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "source_root.h"
#include "strongroom.h"
#include "strongroom_backend.h"
#include "strongroom_mesos.h"

namespace capi_test::every_export_test {
namespace {

// Use is a place of a handle that a function takes.
struct Use {
  Use(Place of, bool null_is_fine = false)  // NOLINT: implicit by purpose
      : place(of), nullable(null_is_fine) {}
  Place place;
  bool nullable;
};
Use or_null(Place place) {
  return {place, true};
}

struct Export {
  std::string name;
  std::vector<Use> uses;
  std::function<strongroom_status(Call&)> call;
  // Of the call as it is; kUntried: it would take long, or free a handle.
  strongroom_status wanted = STRONGROOM_OK;
  strongroom_status forked = kUntried;  // in a forked child; kUntried: as the handles say

  friend std::ostream& operator<<(std::ostream& out, const Export& each) {
    return out << each.name;
  }

  bool frees() const { return name.ends_with("_free"); }
  bool tried() const { return wanted != kUntried && !frees(); }

  // in_child is what a forked child gets.
  strongroom_status in_child() const {
    if (forked != kUntried) return forked;
    const bool needs_process = std::any_of(uses.begin(), uses.end(), [](const Use& use) {
      return use.place == kStore || use.place == kSession || use.place == kOther ||
             use.place == kWatch || use.place == kQueue;
    });
    return needs_process ? strongroom_status{STRONGROOM_SEALED} : wanted;
  }
};

// ---- what calls need ----

int take_bytes(void*, const std::uint8_t*, std::size_t) {
  return 0;
}

int read_bytes(void* self, std::uint8_t* bytes, std::size_t len, std::size_t* out_len) {
  std::string_view& left = *static_cast<std::string_view*>(self);
  *out_len = std::min(len, left.size());
  std::memcpy(bytes, left.data(), *out_len);
  left.remove_prefix(*out_len);
  return 0;
}

void got_secret(void*, strongroom_status, strongroom_secret* secret, strongroom_error* error) {
  strongroom_secret_free(secret);
  strongroom_error_free(error);
}

void got_batch(void*, strongroom_status, strongroom_batch* batch, strongroom_error* error) {
  strongroom_batch_free(batch);
  strongroom_error_free(error);
}

// stub_table is a plug-in that is always away.
strongroom_backend_table stub_table() {
  strongroom_backend_table table = STRONGROOM_BACKEND_TABLE_INIT;
  table.read = [](void*, const strongroom_bytes*, std::size_t, const strongroom_sink*,
                  std::uint32_t,
                  std::uint64_t*) -> strongroom_status { return STRONGROOM_UNAVAILABLE; };
  table.commit = [](void*, const strongroom_change*, std::size_t, const strongroom_sink*,
                    std::uint32_t,
                    std::size_t*) -> strongroom_status { return STRONGROOM_UNAVAILABLE; };
  table.scan = [](void*, const strongroom_bytes*, const strongroom_bytes*, std::size_t,
                  const strongroom_sink*, std::uint32_t,
                  int*) -> strongroom_status { return STRONGROOM_UNAVAILABLE; };
  table.sync = [](void*, const strongroom_sink*, std::uint32_t) -> strongroom_status {
    return STRONGROOM_UNAVAILABLE;
  };
  table.url = [](void*) -> const char* { return "stub:"; };
  return table;
}

strongroom_identity trusted() {
  strongroom_identity identity = STRONGROOM_IDENTITY_INIT;
  identity.kind = STRONGROOM_IDENTITY_TRUSTED;
  return identity;
}

strongroom_init_options new_key() {
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.key = 1;
  return options;
}

strongroom_slots_options another_key() {
  strongroom_slots_options options = STRONGROOM_SLOTS_OPTIONS_INIT;
  options.key = 1;
  return options;
}

constexpr std::string_view kDockerConfig = R"({"auths":{"r.io":{"auth":"dTpw"}}})";
const char* const kPaths[] = {"a"};
// Nothing listens there; what is wrong with a call is found before anybody would.
const char* const kNoZooKeeper = "zk://127.0.0.1:1/x";

// The macros keep a function to the line that is its own. OUT, RUN and WITH are what is called with an output, without
// one, and with options; c is the Call.
#define OUT(...) [&](auto out, auto error) { return __VA_ARGS__; }
#define RUN(...) [&](auto error) { return __VA_ARGS__; }
#define WITH(...) [&](const auto* options) { return __VA_ARGS__; }
#define CALL(...) []([[maybe_unused]] Call& c) -> strongroom_status { return __VA_ARGS__; }
#define FREES(function, place) CALL(function(c[place]), strongroom_status{STRONGROOM_INVALID})

// ITEM fills a struct with number 0 of what a handle has, DESCRIBE one with the handle itself.
#define ITEM(function, place, type, init)                                                        \
  Export {                                                                                       \
#function, {place }, CALL(c.fills(#type, type init, OUT(function(c[place], 0, out, error)))) \
  }
#define DESCRIBE(function, place, type, init)                                                 \
  Export {                                                                                    \
#function, {place }, CALL(c.fills(#type, type init, OUT(function(c[place], out, error)))) \
  }
#define SIZE(function, place)                                    \
  Export {                                                       \
#function, {place }, CALL(Call::nonzero(function(c[place]))) \
  }
#define FREE(function, place)                                      \
  Export {                                                         \
#function, {or_null(place) }, FREES(function, place), kUntried \
  }

const strongroom_message& message_of(const std::string& json) {
  static strongroom_message message;
  message = json_message(json);
  return message;
}

std::vector<Export> every_export() {
  return {
      // ---- versions, status and errors, texts ----
      {"strongroom_version", {}, CALL(Call::nonzero(strongroom_version()))},
      {"strongroom_abi_version", {}, CALL(strongroom_abi_version() == STRONGROOM_ABI_VERSION
                                              ? STRONGROOM_OK
                                              : STRONGROOM_INTERNAL)},
      {"strongroom_status_name", {}, CALL(Call::nonzero(strongroom_status_name(99)))},
      {"strongroom_error_status",
       {or_null(kError)},
       CALL(strongroom_error_status(c[kError])),
       STRONGROOM_NOT_FOUND},
      {"strongroom_error_message",
       {kError},
       CALL(Call::nonzero(*strongroom_error_message(c[kError])))},
      FREE(strongroom_error_free, kError),
      {"strongroom_text_data",
       {kText},
       [](Call& c) -> strongroom_status {
         std::size_t len = 9;
         const char* const data = strongroom_text_data(c[kText], &len);
         if (strongroom_text_data(c[kText], nullptr) != data) return kNotCleared;
         return (data == nullptr) == (len == 0) ? Call::nonzero(data) : kNotCleared;
       }},
      FREE(strongroom_text_free, kText),

      // ---- memory ----
      {"strongroom_memory_set_budget", {}, CALL(c.runs(RUN(
                                               strongroom_memory_set_budget(4 << 20, error))))},
      {"strongroom_memory_allow_unlocked", {}, CALL(c.runs(RUN(
                                                   strongroom_memory_allow_unlocked(0, error))))},
      {"strongroom_memory_describe",
       {},
       CALL(c.fills("strongroom_memory_info", strongroom_memory_info STRONGROOM_MEMORY_INFO_INIT,
                    OUT(strongroom_memory_describe(out, error))))},

      // ---- AES-256-GCM ----
      {"strongroom_use_aes_library",
       {},
       CALL(c.runs(RUN(strongroom_use_aes_library("automatic", error))))},

      // ---- stores and sessions ----
      {"strongroom_store_open",
       {or_null(kPolicy)},
       [](Call& c) -> strongroom_status {
         strongroom_store_options given = STRONGROOM_STORE_OPTIONS_INIT;
         given.policy = c[kPolicy];
         return c.takes("strongroom_store_options", given,
                        WITH(c.gives(&strongroom_store_free,
                                     OUT(strongroom_store_open("memory:", options, out, error)))));
       }},
      {"strongroom_store_open_backend",
       {or_null(kPolicy)},
       [](Call& c) -> strongroom_status {
         strongroom_store_options given = STRONGROOM_STORE_OPTIONS_INIT;
         given.policy = c[kPolicy];
         return c.takes("strongroom_backend_table", stub_table(), [&](const auto* table) {
           return c.takes("strongroom_store_options", given,
                          WITH(c.gives(&strongroom_store_free,
                                       OUT(strongroom_store_open_backend(table, nullptr, options,
                                                                         out, error)))));
         });
       }},
      {"strongroom_store_free", {or_null(kStore)}, FREES(strongroom_store_free, kStore), kUntried},
      {"strongroom_session_open",
       {kStore},
       CALL(c.takes("strongroom_identity", trusted(),
                    WITH(c.gives(&strongroom_session_free, OUT(strongroom_session_open(
                                                               c[kStore], options, out, error))))))},
      {"strongroom_session_trusted",
       {kStore},
       CALL(c.gives(&strongroom_session_free,
                    OUT(strongroom_session_trusted(c[kStore], out, error))))},
      {"strongroom_session_free",
       {or_null(kSession)},
       FREES(strongroom_session_free, kSession),
       kUntried},

      // ---- init, unseal, seal ----
      {"strongroom_init_prepare",
       {kOther},
       CALL(c.takes("strongroom_init_options", new_key(),
                    WITH(c.gives(&strongroom_pending_free, OUT(strongroom_init_prepare(
                                                               c[kOther], options, out, error))))))},
      {"strongroom_init_activate",
       {kOther, kPending},
       CALL(c.runs(RUN(strongroom_init_activate(c[kOther], c[kPending], error))))},
      DESCRIBE(strongroom_pending_describe, kPending, strongroom_pending_info,
               STRONGROOM_PENDING_INFO_INIT),
      {"strongroom_pending_at",
       {kPending},
       CALL(c.fills("strongroom_credential", strongroom_credential STRONGROOM_CREDENTIAL_INIT,
                    OUT(strongroom_pending_at(c[kPending], 0, out, error)))),
       STRONGROOM_OK,
       STRONGROOM_SEALED},
      FREE(strongroom_pending_free, kPending),
      {"strongroom_unseal",
       {kSession},
       CALL(c.runs(RUN(strongroom_unseal(c[kSession], &c.all.key, 1, 0, error))))},
      {"strongroom_unseal_share",
       {kSession},
       CALL(c.may_fill("strongroom_unseal_progress",
                       strongroom_unseal_progress STRONGROOM_UNSEAL_PROGRESS_INIT,
                       OUT(strongroom_unseal_share(c[kSession], c.all.key.data, c.all.key.len, 0,
                                                   out, error))))},
      {"strongroom_unseal_forget",
       {kSession},
       CALL(c.runs(RUN(strongroom_unseal_forget(c[kSession], error))))},
      {"strongroom_unwrap",
       {kSession},
       CALL(c.gives(&strongroom_secret_free, OUT(strongroom_unwrap(c[kSession], "m", 1, "k", 1,
                                                                   nullptr, 0, out, error)))),
       kUntried},
      {"strongroom_openpgp_pair",
       {kSession},
       [](Call& c) -> strongroom_status {
         auto* open = dirt<strongroom_text>();
         const auto status =
             c.gives(&strongroom_secret_free,
                     OUT(strongroom_openpgp_pair(c[kSession], 1, "a", out, &open, error)));
         if (status != STRONGROOM_OK && open != nullptr) return kNotCleared;
         strongroom_text_free(open);
         return status;
       },
       kUntried},
      {"strongroom_seal",
       {kSession},
       CALL(c.runs(RUN(strongroom_seal(c[kSession], STRONGROOM_SEAL_EVERYWHERE, error))))},

      // ---- slots and keys ----
      {"strongroom_slots_prepare",
       {kSession},
       CALL(c.takes("strongroom_slots_options", another_key(),
                    WITH(c.gives(&strongroom_pending_free,
                                 OUT(strongroom_slots_prepare(c[kSession], options, out,
                                                              error))))))},
      {"strongroom_slots_verify",
       {kSlots},
       [](Call& c) -> strongroom_status {
         int ready = 9;
         const auto status = c.runs(RUN(strongroom_slots_verify(
             c[kSlots], c.all.slots_key.data, c.all.slots_key.len, &ready, error)));
         return ready == (status == STRONGROOM_OK ? 1 : 0) ? status : kNotCleared;
       },
       STRONGROOM_OK,
       STRONGROOM_SEALED},
      {"strongroom_slots_activate",
       {kSession, kSlots},
       CALL(c.runs(RUN(strongroom_slots_activate(c[kSession], c[kSlots], error))))},
      {"strongroom_rotate",
       {kSession},
       CALL(c.runs(RUN(strongroom_rotate(c[kSession], STRONGROOM_ROTATE_DATA_KEY, error))))},
      {"strongroom_reencrypt",
       {kSession},
       [](Call& c) -> strongroom_status {
         std::uint64_t rewritten = 9;
         std::uint64_t unreadable = 9;
         const auto status = c.runs(RUN(strongroom_reencrypt(
             c[kSession], 100, nullptr, nullptr, &rewritten, &unreadable, error)));
         return rewritten + unreadable == 0 ? status : kNotCleared;
       }},
      {"strongroom_retire",
       {kSession},
       CALL(c.runs(RUN(strongroom_retire(c[kSession], nullptr, nullptr, error)))),
       STRONGROOM_INVALID},  // there is one data key
      {"strongroom_repair",
       {kSession},
       [](Call& c) -> strongroom_status {
         int repaired = 9;
         const auto status = c.runs(RUN(strongroom_repair(c[kSession], &repaired, error)));
         return repaired == 0 ? status : kNotCleared;
       }},
      {"strongroom_anchor",
       {kSession},
       CALL(c.gives(&strongroom_text_free, OUT(strongroom_anchor(c[kSession], out, error))))},

      // ---- backups, migration, doctor ----
      {"strongroom_backup",
       {kSession},
       CALL(c.may_fill("strongroom_backup_info",
                       strongroom_backup_info STRONGROOM_BACKUP_INFO_INIT,
                       OUT(strongroom_backup(c[kSession], take_bytes, nullptr, nullptr, out,
                                             error))))},
      {"strongroom_backup_verify",
       {},
       [](Call& c) -> strongroom_status {
         return c.may_fill("strongroom_backup_info",
                           strongroom_backup_info STRONGROOM_BACKUP_INFO_INIT,
                           [&](auto out, auto error) {
                             std::string_view left = c.all.backup;
                             return strongroom_backup_verify(read_bytes, nullptr, &left, out,
                                                             error);
                           });
       }},
      {"strongroom_restore",
       {kOther},
       [](Call& c) -> strongroom_status {
         return c.may_fill("strongroom_backup_info",
                           strongroom_backup_info STRONGROOM_BACKUP_INFO_INIT,
                           [&](auto out, auto error) {
                             std::string_view left = c.all.backup;
                             return strongroom_restore(c[kOther], read_bytes, nullptr, &left, out,
                                                       error);
                           });
       }},
      {"strongroom_migrate",
       {kSession, kOther, or_null(kPending)},
       CALL(c.may_fill("strongroom_migrate_info",
                       strongroom_migrate_info STRONGROOM_MIGRATE_INFO_INIT,
                       OUT(strongroom_migrate(c[kSession], c[kOther], c[kPending], nullptr, nullptr,
                                              out, error))))},
      {"strongroom_doctor",
       {kStore},
       CALL(c.gives(&strongroom_findings_free,
                    OUT(strongroom_doctor(c[kStore], nullptr, 0, out, error))))},
      SIZE(strongroom_findings_size, kFindings),
      ITEM(strongroom_findings_at, kFindings, strongroom_finding, STRONGROOM_FINDING_INIT),
      FREE(strongroom_findings_free, kFindings),

      // ---- status ----
      {"strongroom_store_status",
       {kStore},
       CALL(c.gives(&strongroom_report_free, OUT(strongroom_store_status(c[kStore], out, error))))},
      DESCRIBE(strongroom_report_describe, kReport, strongroom_report_info,
               STRONGROOM_REPORT_INFO_INIT),
      ITEM(strongroom_report_slot, kReport, strongroom_slot, STRONGROOM_SLOT_INIT),
      {"strongroom_report_wrapped",
       {kReport},
       CALL(c.fills("strongroom_credential", strongroom_credential STRONGROOM_CREDENTIAL_INIT,
                    OUT(strongroom_report_wrapped(c[kReport], 0, 0, out, error)))),
       STRONGROOM_NOT_FOUND},
      FREE(strongroom_report_free, kReport),

      // ---- secrets ----
      {"strongroom_get",
       {kSession},
       CALL(c.takes("strongroom_get_options", strongroom_get_options STRONGROOM_GET_OPTIONS_INIT,
                    WITH(c.gives(&strongroom_secret_free,
                                 OUT(strongroom_get(c[kSession], "a", options, out, error))))))},
      {"strongroom_get_many",
       {kSession},
       CALL(c.takes("strongroom_get_options", strongroom_get_options STRONGROOM_GET_OPTIONS_INIT,
                    WITH(c.gives(&strongroom_batch_free,
                                 OUT(strongroom_get_many(c[kSession], kPaths, 1, options, out,
                                                         error))))))},
      {"strongroom_get_async",
       {kSession},
       CALL(c.takes("strongroom_get_options", strongroom_get_options STRONGROOM_GET_OPTIONS_INIT,
                    WITH(c.runs(RUN(strongroom_get_async(c[kSession], "a", options, got_secret,
                                                         nullptr, error))))))},
      {"strongroom_get_many_async",
       {kSession},
       CALL(c.takes("strongroom_get_options", strongroom_get_options STRONGROOM_GET_OPTIONS_INIT,
                    WITH(c.runs(RUN(strongroom_get_many_async(c[kSession], kPaths, 1, options,
                                                              got_batch, nullptr, error))))))},
      {"strongroom_put",
       {kSession},
       [](Call& c) -> strongroom_status {
         std::uint64_t revision = 9;
         const auto status = c.takes(
             "strongroom_put_options", strongroom_put_options STRONGROOM_PUT_OPTIONS_INIT,
             WITH(c.runs(RUN(strongroom_put(c[kSession], "a", STRONGROOM_CONTENT_TEXT, "x", 1,
                                            options, &revision, error)))));
         return revision == (status == STRONGROOM_OK ? 2u : 0u) ? status : kNotCleared;
       }},
      {"strongroom_delete",
       {kSession},
       [](Call& c) -> strongroom_status {
         std::uint64_t revision = 9;
         const auto status = c.takes(
             "strongroom_delete_options", strongroom_delete_options STRONGROOM_DELETE_OPTIONS_INIT,
             WITH(c.runs(RUN(strongroom_delete(c[kSession], "a", options, &revision, error)))));
         return revision == (status == STRONGROOM_OK ? 2u : 0u) ? status : kNotCleared;
       }},
      {"strongroom_secret_new",
       {},
       CALL(c.gives(&strongroom_secret_free, OUT(strongroom_secret_new(9, out, error))))},
      {"strongroom_secret_writable",
       {kWritable},
       CALL(Call::nonzero(strongroom_secret_writable(c[kWritable])))},
      {"strongroom_secret_truncate",
       {kWritable},
       CALL(c.runs(RUN(strongroom_secret_truncate(c[kWritable], 1, error))))},
      {"strongroom_json_value",
       {},
       [](Call& c) -> strongroom_status {
         std::uint32_t kind = 9;
         const auto status = c.gives(
             &strongroom_secret_free,
             OUT(strongroom_json_value(R"({"a":"b"})", 9, "/a", &kind, out, error)));
         return kind == (status == STRONGROOM_OK ? 3u : 0u) ? status : kNotCleared;
       }},
      {"strongroom_secret_data", {kSecret}, CALL(Call::nonzero(strongroom_secret_data(c[kSecret])))},
      SIZE(strongroom_secret_size, kSecret),
      {"strongroom_secret_copy_out",
       {kSecret},
       [](Call& c) -> strongroom_status {
         char buffer[9] = {};
         std::size_t len = 99;
         const auto status =
             c.runs(RUN(strongroom_secret_copy_out(c[kSecret], buffer, sizeof buffer, &len, error)));
         return len == (status == STRONGROOM_OK ? 9u : 0u) ? status : kNotCleared;
       }},
      DESCRIBE(strongroom_secret_describe, kSecret, strongroom_secret_info,
               STRONGROOM_SECRET_INFO_INIT),
      FREE(strongroom_secret_free, kSecret),
      SIZE(strongroom_batch_size, kBatch),
      ITEM(strongroom_batch_at, kBatch, strongroom_batch_item, STRONGROOM_BATCH_ITEM_INIT),
      FREE(strongroom_batch_free, kBatch),
      {"strongroom_list",
       {kSession},
       CALL(c.takes("strongroom_list_options", strongroom_list_options STRONGROOM_LIST_OPTIONS_INIT,
                    WITH(c.gives(&strongroom_names_free,
                                 OUT(strongroom_list(c[kSession], "", options, out, error))))))},
      SIZE(strongroom_names_size, kNames),
      ITEM(strongroom_names_at, kNames, strongroom_name, STRONGROOM_NAME_INIT),
      {"strongroom_names_next",
       {kNames},
       [](Call& c) -> strongroom_status {
         std::size_t len = 9;
         const auto* const next = strongroom_names_next(c[kNames], &len);
         return (next == nullptr) == (len == 0) ? Call::nonzero(next) : kNotCleared;
       }},
      FREE(strongroom_names_free, kNames),

      // ---- host records ----
      {"strongroom_record_get",
       {kSession},
       CALL(c.takes("strongroom_get_options", strongroom_get_options STRONGROOM_GET_OPTIONS_INIT,
                    WITH(c.gives(&strongroom_secret_free,
                                 OUT(strongroom_record_get(c[kSession], "a", options, out,
                                                           error)))))),
       STRONGROOM_NOT_FOUND},
      {"strongroom_record_put",
       {kSession},
       [](Call& c) -> strongroom_status {
         std::uint64_t revision = 9;
         const auto status = c.takes(
             "strongroom_put_options", strongroom_put_options STRONGROOM_PUT_OPTIONS_INIT,
             WITH(c.runs(
                 RUN(strongroom_record_put(c[kSession], "a", "x", 1, options, &revision, error)))));
         return revision == (status == STRONGROOM_OK ? 1u : 0u) ? status : kNotCleared;
       }},
      {"strongroom_record_delete",
       {kSession},
       [](Call& c) -> strongroom_status {
         std::uint64_t revision = 9;
         const auto status =
             c.runs(RUN(strongroom_record_delete(c[kSession], "a", 0, &revision, error)));
         return revision == 0 ? status : kNotCleared;
       },
       STRONGROOM_NOT_FOUND},
      {"strongroom_record_list",
       {kSession},
       CALL(c.takes("strongroom_list_options", strongroom_list_options STRONGROOM_LIST_OPTIONS_INIT,
                    WITH(c.gives(&strongroom_names_free, OUT(strongroom_record_list(
                                                             c[kSession], "", options, out,
                                                             error))))))},

      // ---- policies ----
      {"strongroom_check",
       {kSession},
       CALL(c.runs(RUN(strongroom_check(c[kSession], STRONGROOM_ACTION_READ, "a", error))))},
      {"strongroom_policy_parse",
       {},
       CALL(c.gives(&strongroom_policy_free,
                    OUT(strongroom_policy_parse(nullptr, 0, out, error))))},
      {"strongroom_policy_stored",
       {kSession},
       CALL(c.gives(&strongroom_policy_free,
                    OUT(strongroom_policy_stored(c[kSession], out, error))))},
      DESCRIBE(strongroom_policy_describe, kPolicy, strongroom_policy_info,
               STRONGROOM_POLICY_INFO_INIT),
      {"strongroom_policy_decide",
       {kPolicy},
       CALL(c.takes("strongroom_identity", trusted(),
                    WITH(c.runs(RUN(strongroom_policy_decide(c[kPolicy], options,
                                                             STRONGROOM_ACTION_READ, "a",
                                                             error))))))},
      FREE(strongroom_policy_free, kPolicy),
      {"strongroom_policy_explain",
       {kPolicy},
       CALL(c.gives(&strongroom_analysis_free,
                    OUT(strongroom_policy_explain(c[kPolicy], "user:u", STRONGROOM_ACTION_READ, "a",
                                                  out, error))))},
      {"strongroom_policy_who_can",
       {kPolicy},
       CALL(c.gives(&strongroom_analysis_free,
                    OUT(strongroom_policy_who_can(c[kPolicy], STRONGROOM_ACTION_READ, "a", out,
                                                  error))))},
      {"strongroom_policy_diff",
       {kPolicy, kAfter},
       CALL(c.gives(&strongroom_analysis_free,
                    OUT(strongroom_policy_diff(c[kPolicy], c[kAfter], out, error))))},
      {"strongroom_policy_lint",
       {kPolicy},
       CALL(c.gives(&strongroom_analysis_free,
                    OUT(strongroom_policy_lint(c[kPolicy], out, error))))},
      {"strongroom_policy_skipped",
       {kPolicy},
       CALL(c.gives(&strongroom_analysis_free,
                    OUT(strongroom_policy_skipped(c[kPolicy], out, error))))},
      {"strongroom_policy_test",
       {kPolicy},
       CALL(c.gives(&strongroom_analysis_free,
                    OUT(strongroom_policy_test(c[kPolicy], "", 0, out, error))))},
      SIZE(strongroom_analysis_size, kAnalysis),
      ITEM(strongroom_analysis_at, kAnalysis, strongroom_analysis_line,
           STRONGROOM_ANALYSIS_LINE_INIT),
      FREE(strongroom_analysis_free, kAnalysis),
      {"strongroom_documents_list",
       {kSession},
       CALL(c.gives(&strongroom_documents_free,
                    OUT(strongroom_documents_list(c[kSession], out, error))))},
      {"strongroom_documents_get",
       {kSession},
       CALL(c.gives(&strongroom_documents_free,
                    OUT(strongroom_documents_get(c[kSession], "p", out, error))))},
      {"strongroom_documents_put",
       {kSession},
       [](Call& c) -> strongroom_status {
         std::uint64_t revision = 9;
         const std::string text = R"({"version": 1, "rules": []})";
         const auto status =
             c.takes("strongroom_put_options", strongroom_put_options STRONGROOM_PUT_OPTIONS_INIT,
                     WITH(c.runs(RUN(strongroom_documents_put(c[kSession], "q", text.data(),
                                                              text.size(), options, &revision,
                                                              error)))));
         return (revision != 0) == (status == STRONGROOM_OK) ? status : kNotCleared;
       }},
      {"strongroom_documents_delete",
       {kSession},
       CALL(c.runs(RUN(strongroom_documents_delete(c[kSession], "p", 0, error))))},
      {"strongroom_documents_reset",
       {kSession},
       CALL(c.runs(RUN(strongroom_documents_reset(c[kSession], error))))},
      SIZE(strongroom_documents_size, kDocuments),
      ITEM(strongroom_documents_at, kDocuments, strongroom_document, STRONGROOM_DOCUMENT_INIT),
      FREE(strongroom_documents_free, kDocuments),

      // ---- watching ----
      {"strongroom_watch_open",
       {kSession},
       CALL(c.gives(&strongroom_watch_free,
                    OUT(strongroom_watch_open(c[kSession], "", out, error))))},
      {"strongroom_watch_next",
       {kWatch},
       CALL(c.gives(&strongroom_events_free,
                    OUT(strongroom_watch_next(c[kWatch], 0, out, error))))},
      FREE(strongroom_watch_free, kWatch),
      SIZE(strongroom_events_size, kEvents),
      ITEM(strongroom_events_at, kEvents, strongroom_event, STRONGROOM_EVENT_INIT),
      FREE(strongroom_events_free, kEvents),

      // ---- Mesos ----
      {"strongroom_resolve",
       {kSession},
       CALL(c.gives(&strongroom_secret_free,
                    OUT(strongroom_resolve(c[kSession], &message_of(c.all.reference), out, error))))},
      {"strongroom_resolve_many",
       {kSession},
       CALL(c.gives(&strongroom_batch_free,
                    OUT(strongroom_resolve_many(c[kSession], &message_of(c.all.reference), 1, out, error))))},
      {"strongroom_resolve_async",
       {kSession},
       CALL(c.runs(RUN(strongroom_resolve_async(c[kSession], &message_of(c.all.reference), 1, got_batch, nullptr,
                                                error))))},
      {"strongroom_resolve_environment",
       {kSession},
       CALL(c.gives(&strongroom_environment_free,
                    OUT(strongroom_resolve_environment(c[kSession], &message_of(c.all.environment), out,
                                                       error))))},
      SIZE(strongroom_environment_size, kEnvironment),
      ITEM(strongroom_environment_at, kEnvironment, strongroom_variable, STRONGROOM_VARIABLE_INIT),
      FREE(strongroom_environment_free, kEnvironment),
      {"strongroom_resolve_volumes",
       {kSession},
       CALL(c.gives(&strongroom_volumes_free,
                    OUT(strongroom_resolve_volumes(c[kSession], &message_of(c.all.volumes), out, error))))},
      SIZE(strongroom_volumes_size, kVolumes),
      ITEM(strongroom_volumes_at, kVolumes, strongroom_volume, STRONGROOM_VOLUME_INIT),
      FREE(strongroom_volumes_free, kVolumes),
      {"strongroom_task_read",
       {},
       CALL(c.gives(&strongroom_task_free,
                    OUT(strongroom_task_read(STRONGROOM_DEFINITION_APP, c.all.app.data(),
                                             c.all.app.size(), nullptr, out, error))))},
      DESCRIBE(strongroom_task_describe, kTask, strongroom_task_description,
               STRONGROOM_TASK_DESCRIPTION_INIT),
      {"strongroom_task_resolve",
       {kSession, kTask},
       [](Call& c) -> strongroom_status {
         auto* volumes = dirt<strongroom_volumes>();
         const auto status = c.gives(
             &strongroom_environment_free,
             OUT(strongroom_task_resolve(c[kSession], c[kTask], out, &volumes, error)));
         if (status != STRONGROOM_OK && volumes != nullptr) return kNotCleared;
         strongroom_volumes_free(volumes);
         return status;
       }},
      {"strongroom_task_authorization",
       {kSession, kTask},
       CALL(c.gives(&strongroom_secret_free,
                    OUT(strongroom_task_authorization(c[kSession], c[kTask], nullptr, out,
                                                      error))))},
      FREE(strongroom_task_free, kTask),
      {"strongroom_message_validate",
       {},
       CALL(c.runs(RUN(strongroom_message_validate(
           STRONGROOM_MESSAGE_VOLUMES, &message_of(c.all.volumes), error))))},
      {"strongroom_message_convert",
       {},
       CALL(c.gives(&strongroom_secret_free,
                    OUT(strongroom_message_convert(STRONGROOM_MESSAGE_ENVIRONMENT,
                                                   &message_of(c.all.environment),
                                                   STRONGROOM_FORMAT_WIRE, out, error))))},
      {"strongroom_docker_authorization",
       {},
       CALL(c.gives(&strongroom_secret_free,
                    OUT(strongroom_docker_authorization(kDockerConfig.data(), kDockerConfig.size(),
                                                        "r.io/a", nullptr, out, error))))},
      {"strongroom_docker_credential",
       {},
       [](Call& c) -> strongroom_status {
         auto* password = dirt<strongroom_secret>();
         const auto status = c.gives(
             &strongroom_secret_free,
             OUT(strongroom_docker_credential(kDockerConfig.data(), kDockerConfig.size(), "r.io",
                                              out, &password, error)));
         if (status != STRONGROOM_OK && password != nullptr) return kNotCleared;
         strongroom_secret_free(password);
         return status;
       }},

      // ---- queues ----
      {"strongroom_queue_new",
       {},
       CALL(c.gives(&strongroom_queue_free, OUT(strongroom_queue_new(out, error))))},
      {"strongroom_queue_fd",
       {kQueue},
       CALL(strongroom_queue_fd(c[kQueue]) >= 0 ? STRONGROOM_OK : STRONGROOM_INVALID),
       STRONGROOM_OK,
       STRONGROOM_INVALID},
      {"strongroom_queue_get",
       {kQueue, kSession},
       CALL(c.takes("strongroom_get_options", strongroom_get_options STRONGROOM_GET_OPTIONS_INIT,
                    WITH(c.runs(RUN(strongroom_queue_get(c[kQueue], c[kSession], "a", options,
                                                         nullptr, error))))))},
      {"strongroom_queue_resolve",
       {kQueue, kSession},
       CALL(c.runs(RUN(strongroom_queue_resolve(c[kQueue], c[kSession], &message_of(c.all.reference), 1, nullptr,
                                                error))))},
      {"strongroom_queue_watch",
       {kQueue, kWatch},
       CALL(c.runs(RUN(strongroom_queue_watch(c[kQueue], c[kWatch], 0, nullptr, error))))},
      {"strongroom_queue_next",
       {kQueue},
       [](Call& c) -> strongroom_status {
         std::array<strongroom_completion, 1> taken = {{STRONGROOM_COMPLETION_INIT}};
         std::size_t num = 9;
         const auto status =
             c.runs(RUN(strongroom_queue_next(c[kQueue], taken.data(), 1, &num, error)));
         return num == 0 ? status : kNotCleared;
       }},
      FREE(strongroom_queue_free, kQueue),

      // ---- ZooKeeper ----
      {"strongroom_zk_check_access",
       {or_null(kPolicy)},
       [](Call& c) -> strongroom_status {
         strongroom_store_options given = STRONGROOM_STORE_OPTIONS_INIT;
         given.policy = c[kPolicy];
         return c.takes("strongroom_store_options", given,
                        WITH(c.gives(&strongroom_findings_free,
                                     OUT(strongroom_zk_check_access(kNoZooKeeper, options, nullptr,
                                                                    nullptr, out, error)))));
       },
       kUntried},
      {"strongroom_zk_reauth",
       {or_null(kPolicy)},
       [](Call& c) -> strongroom_status {
         strongroom_store_options given = STRONGROOM_STORE_OPTIONS_INIT;
         given.policy = c[kPolicy];
         std::uint64_t num_nodes = 9;
         const auto status = c.takes(
             "strongroom_store_options", given,
             WITH(c.runs(RUN(strongroom_zk_reauth(kNoZooKeeper, options, nullptr, 0, nullptr,
                                                  nullptr, nullptr, &num_nodes, error)))));
         return num_nodes == 0 ? status : kNotCleared;
       },
       kUntried},
  };
}

#undef OUT
#undef RUN
#undef WITH
#undef CALL
#undef FREES
#undef ITEM
#undef DESCRIBE
#undef SIZE
#undef FREE

// look is a call that was not made, and knows what it would have needed.
Call look(const Export& function, Everything& all) {
  Call call(all);
  call.only_look();
  function.call(call);
  return call;
}

// ---- that none is missing ----

std::set<std::string> names_in(const std::string& file, const std::regex& pattern) {
  std::ifstream in(STRONGROOM_SOURCE_ROOT "/capi/" + file);
  std::stringstream text;
  text << in.rdbuf();
  const std::string all = text.str();
  EXPECT_FALSE(all.empty()) << file;
  std::set<std::string> names;
  for (std::sregex_iterator at(all.begin(), all.end(), pattern), end; at != end; ++at)
    names.insert((*at)[1]);
  return names;
}

TEST(EveryExport, IsCalledHere) {
  std::set<std::string> called;
  for (const Export& each : every_export())
    EXPECT_TRUE(called.insert(each.name).second) << each.name;
  EXPECT_EQ(called, names_in("strongroom.map", std::regex(R"(\n    (strongroom_\w+);)")));
}

TEST(EveryExport, TakesOrFillsEachGrowingStruct) {
  std::set<std::string> wanted;
  for (const char* header : {"strongroom.h", "strongroom_backend.h", "strongroom_mesos.h",
                             "strongroom_policy_tools.h", "strongroom_zookeeper.h"})
    wanted.merge(names_in(header, std::regex(R"(sizeof\((strongroom_\w+)\))")));
  std::set<std::string> seen = {"strongroom_completion"};  // an array of it: queue_test.cpp
  Everything all;
  for (const Export& each : every_export()) {
    if (each.frees()) continue;
    const Call call = look(each, all);
    for (const auto& type : call.inputs()) seen.insert(type);
    for (const auto& type : call.outputs()) seen.insert(type);
  }
  EXPECT_EQ(seen, wanted);
}

// ---- what each must do ----

class Of : public ::testing::TestWithParam<Export> {};

INSTANTIATE_TEST_SUITE_P(EveryExport, Of, ::testing::ValuesIn(every_export()),
                         [](const auto& each) { return each.param.name; });

TEST_P(Of, TheCallAsItShouldBeSucceeds) {
  if (!GetParam().tried()) return;
  Everything all;
  Call call(all);
  EXPECT_EQ(GetParam().call(call), GetParam().wanted);
}

TEST_P(Of, AHandleOfAnotherTypeOrNoneIsRefused) {
  Everything all;
  for (const Use& use : GetParam().uses) {
    for (std::size_t place = 0; place <= kNumPlaces; ++place) {
      const bool none = place == kNumPlaces;
      if (none ? use.nullable : std::string_view(kTypes.at(place)) == kTypes.at(use.place))
        continue;
      Call call(all);
      call.replace(use.place, none ? Handle{} : all.handles.at(place));
      EXPECT_EQ(GetParam().call(call), STRONGROOM_INVALID)
          << (none ? "NULL" : kTypes.at(place)) << " instead of " << kTypes.at(use.place);
    }
  }
  // Nothing was freed or changed.
  if (!GetParam().tried()) return;
  Call call(all);
  EXPECT_EQ(GetParam().call(call), GetParam().wanted);
}

TEST_P(Of, AFreeOfNullDoesNothing) {
  if (!GetParam().frees()) return;
  Everything all;
  Call call(all);
  for (const Use& use : GetParam().uses) call.replace(use.place, Handle{});
  GetParam().call(call);
  EXPECT_EQ(all.fresh.session.get("a").size(), 9u);
}

TEST_P(Of, ANeededOutputThatIsMissingIsRefused) {
  Everything all;
  Call call(all);
  call.omit_output();
  if (GetParam().frees() || !look(GetParam(), all).needs_output()) return;
  EXPECT_EQ(GetParam().call(call), STRONGROOM_INVALID);
}

TEST_P(Of, AForkedChildIsRefusedAsSealedOrServedWithWhatItHas) {
  const strongroom_status wanted = GetParam().in_child();
  if (GetParam().frees() || wanted == kUntried) return;
  Everything all;
  const int got = in_child([&] {
    Call call(all);
    return GetParam().call(call) + 50;  // an exit status is no negative number
  });
  EXPECT_EQ(got - 50, wanted);
  if (!GetParam().tried()) return;
  Call call(all);
  EXPECT_EQ(GetParam().call(call), GetParam().wanted) << "the parent goes on";
}

TEST(EveryExport, AForkedChildFreesEveryHandleOfItsParent) {
  Everything all;
  strongroom_queue* const queue = all.handles[kQueue];
  strongroom_watch* const watch = all.handles[kWatch];
  ASSERT_EQ(strongroom_queue_get(queue, all.handles[kSession], "a", nullptr, nullptr, nullptr),
            STRONGROOM_OK);
  ASSERT_EQ(strongroom_queue_watch(queue, watch, 60'000, nullptr, nullptr), STRONGROOM_OK);
  const int done = in_child([&] {
    all.free_all();
    { const auto gone = std::move(all.fresh.session); }
    { const auto gone = std::move(all.fresh.store); }
    return 7;
  });
  EXPECT_EQ(done, 7);
  EXPECT_EQ(all.fresh.session.get("a").size(), 9u);
  strongroom_completion taken = STRONGROOM_COMPLETION_INIT;
  std::size_t num = 0;
  ASSERT_EQ(strongroom_queue_next(queue, &taken, 1, &num, nullptr), STRONGROOM_OK);
  ASSERT_EQ(num, 1u) << "the child took nothing away";
  EXPECT_EQ(strongroom_secret_size(taken.secret), 9u);
  strongroom_secret_free(taken.secret);
}

// ---- growing structs ----

// types_of is the structs that a call takes, or fills.
std::set<std::string> types_of(const Export& function, bool inputs) {
  if (function.frees()) return {};
  Everything all;
  const Call call = look(function, all);
  return inputs ? call.inputs() : call.outputs();
}

TEST_P(Of, AStructSizeThatIsNoneIsRefusedAndNothingIsWritten) {
  const Export& function = GetParam();
  for (const bool inputs : {true, false}) {
    for (const std::string& type : types_of(function, inputs)) {
      for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{7},
                                     std::size_t{4097}, SIZE_MAX / 2, SIZE_MAX}) {
        Everything all;
        Call call(all);
        call.resize(type, size);
        EXPECT_EQ(function.call(call), STRONGROOM_INVALID) << type << " of " << size << " bytes";
      }
    }
  }
}

TEST_P(Of, AStructOfAnotherProgramIsFilledAsFarAsItKnows) {
  const Export& function = GetParam();
  if (!function.tried()) return;
  for (const std::string& type : types_of(function, false)) {
    for (const std::size_t size :
         {std::size_t{8}, std::size_t{16}, std::size_t{24}, std::size_t{512}, std::size_t{4096}}) {
      Everything all;
      Call call(all);
      call.resize(type, size);
      EXPECT_EQ(function.call(call), function.wanted) << type << " of " << size << " bytes";
      EXPECT_TRUE(call.outputs().contains(type));
    }
  }
}

TEST_P(Of, ALongerStructIsTakenWhileItsTailIsZero) {
  const Export& function = GetParam();
  for (const std::string& type : types_of(function, true)) {
    for (const std::size_t size : {std::size_t{512}, std::size_t{4096}}) {
      if (function.tried()) {
        Everything all;
        Call call(all);
        call.resize(type, size, 0);
        EXPECT_EQ(function.call(call), function.wanted) << type;
      }
      Everything all;
      Call call(all);
      call.resize(type, size, 1);
      EXPECT_EQ(function.call(call), STRONGROOM_INVALID) << type << " asks for something unknown";
    }
  }
}

// What a program that knows no field at all gets: the defaults, or that something needed is missing.
TEST_P(Of, AShorterStructMeansTheDefaults) {
  const std::set<std::string> needed = {"strongroom_backend_table", "strongroom_identity",
                                        "strongroom_init_options", "strongroom_slots_options"};
  const Export& function = GetParam();
  if (!function.tried()) return;
  for (const std::string& type : types_of(function, true)) {
    Everything all;
    Call call(all);
    call.resize(type, sizeof(std::size_t));
    EXPECT_EQ(function.call(call),
              needed.contains(type) ? strongroom_status{STRONGROOM_INVALID} : function.wanted)
        << type;
  }
}

}  // namespace
}  // namespace capi_test::every_export_test
