// lists.cpp: lists the names below a folder.
#include <memory>
#include <utility>

#include "guard.hpp"
#include "names.hpp"
#include "options.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/session.hpp"

using namespace strongroom;
using namespace strongroom::capi;

strongroom_status strongroom_list(strongroom_session* session, const char* folder,
                                  const strongroom_list_options* options, strongroom_names** out,
                                  strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_names>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(path, text_of(folder, "folder"));
    STRONGROOM_ASSIGN(request, list_request_of(options));
    const Session& caller = session->caller;
    if (request.limit == 0) return names_of(caller.list(path, request.options));
    return give<strongroom_names>(
        caller.list_page(path, request.after, request.limit, request.options.decide_path));
  });
}

size_t strongroom_names_size(const strongroom_names* names) noexcept {
  return size_of(
      names, [](const auto& each) -> auto& { return each.page.entries; });
}

strongroom_status strongroom_names_at(const strongroom_names* names, size_t index,
                                      strongroom_name* out_name,
                                      strongroom_error** out_error) noexcept {
  return item_at(
      names, "names", index, out_name, strongroom_name STRONGROOM_NAME_INIT, out_error,
      [](const auto& each) -> auto& { return each.page.entries; },
      [](const Entry& entry, strongroom_name& filled) {
        filled.name = entry.name.c_str();
        filled.is_folder = entry.folder ? 1 : 0;
      });
}

const uint8_t* strongroom_names_next(const strongroom_names* names, size_t* out_len) noexcept {
  lend({}, out_len);
  return peek(names, static_cast<const uint8_t*>(nullptr),
              [&](const strongroom_names& each) { return lend(each.page.next, out_len); });
}

void strongroom_names_free(strongroom_names* names) noexcept {
  release(names);
}
