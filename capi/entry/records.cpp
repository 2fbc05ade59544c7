// records.cpp: reads, writes, deletes and lists the records of the host.
#include <memory>

#include "guard.hpp"
#include "names.hpp"
#include "options.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/session.hpp"

using namespace strongroom;
using namespace strongroom::capi;

strongroom_status strongroom_record_get(strongroom_session* session, const char* path,
                                        const strongroom_get_options* options,
                                        strongroom_secret** out,
                                        strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(wanted, path_of(path));
    STRONGROOM_ASSIGN(read, many_options_of(options));
    return give<strongroom_secret>(session->caller.record(wanted, read));
  });
}

strongroom_status strongroom_record_put(strongroom_session* session, const char* path,
                                        const void* data, size_t len,
                                        const strongroom_put_options* options,
                                        uint64_t* out_revision,
                                        strongroom_error** out_error) noexcept {
  give_number(out_revision, uint64_t{0});
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    STRONGROOM_ASSIGN(wanted, path_of(path));
    STRONGROOM_ASSIGN(value, secret_of(data, len, "data"));
    STRONGROOM_ASSIGN(condition, condition_of(options));
    STRONGROOM_ASSIGN(revision, caller.put_record(wanted, value, condition));
    give_number(out_revision, revision.value());
    return {};
  });
}

strongroom_status strongroom_record_delete(strongroom_session* session, const char* path,
                                           uint64_t revision, uint64_t* out_revision,
                                           strongroom_error** out_error) noexcept {
  give_number(out_revision, uint64_t{0});
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    STRONGROOM_ASSIGN(wanted, path_of(path));
    STRONGROOM_ASSIGN(deleted, caller.erase_record(wanted, deletion_at(revision)));
    give_number(out_revision, deleted.value());
    return {};
  });
}

strongroom_status strongroom_record_list(strongroom_session* session, const char* folder,
                                         const strongroom_list_options* options,
                                         strongroom_names** out,
                                         strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_names>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(path, text_of(folder, "folder"));
    STRONGROOM_ASSIGN(request, list_request_of(options));
    if (request.options.decide_path) return no_decide_path();
    if (request.options.visible) return Error{Code::invalid, "visible must be 0 here"};
    const Session& caller = session->caller;
    if (request.limit == 0) return names_of(caller.records(path, request.options.recursive));
    return give<strongroom_names>(caller.records_page(path, request.after, request.limit));
  });
}
