// lists.cpp: what is in a folder, and the items of batches.
#include <utility>

#include "guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

Result<std::string_view> folder_of(const strongroom_session* session, const char* folder) {
  STRONGROOM_TRY(check_handle(session, "session"));
  return text_of(folder, "folder");
}

// item_of gives a field of one item, or otherwise where there is no such item.
template <typename R, typename F>
R item_of(const strongroom_batch* batch, std::size_t index, R otherwise, F field) noexcept {
  return peek(batch, otherwise, [&](const strongroom_batch& each) {
    return index < each.items.size() ? field(each.items[index]) : otherwise;
  });
}

}  // namespace

// ---- lists ----

strongroom_status strongroom_list_read(strongroom_session* session, const char* folder,
                                       uint32_t flags, strongroom_list** out,
                                       strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_list>> {
    STRONGROOM_ASSIGN(path, folder_of(session, folder));
    if ((flags & ~(STRONGROOM_LIST_RECURSIVE | STRONGROOM_LIST_VISIBLE)) != 0)
      return Error{Code::invalid, "an unknown flag was set"};
    const ListOptions options{(flags & STRONGROOM_LIST_RECURSIVE) != 0,
                              (flags & STRONGROOM_LIST_VISIBLE) != 0};
    STRONGROOM_ASSIGN(entries, session->caller.list(path, options));
    return std::make_unique<strongroom_list>(ListPage{std::move(entries), {}});
  });
}

strongroom_status strongroom_list_page(strongroom_session* session, const char* folder,
                                       const void* after, size_t after_len, size_t limit,
                                       strongroom_list** out,
                                       strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_list>> {
    STRONGROOM_ASSIGN(path, folder_of(session, folder));
    STRONGROOM_ASSIGN(position, bytes_of(after, after_len, "after"));
    return give<strongroom_list>(session->caller.list_page(path, position, limit));
  });
}

size_t strongroom_list_size(const strongroom_list* list) noexcept {
  return peek(list, size_t{0},
              [](const strongroom_list& each) { return each.page.entries.size(); });
}

const char* strongroom_list_name(const strongroom_list* list, size_t index) noexcept {
  return peek(list, static_cast<const char*>(nullptr), [&](const strongroom_list& each) {
    return index < each.page.entries.size() ? each.page.entries[index].name.c_str() : nullptr;
  });
}

int strongroom_list_is_folder(const strongroom_list* list, size_t index) noexcept {
  return peek(list, 0, [&](const strongroom_list& each) {
    return index < each.page.entries.size() && each.page.entries[index].folder ? 1 : 0;
  });
}

const uint8_t* strongroom_list_next(const strongroom_list* list, size_t* out_len) noexcept {
  lend({}, out_len);
  return peek(list, static_cast<const uint8_t*>(nullptr),
              [&](const strongroom_list& each) { return lend(each.page.next, out_len); });
}

void strongroom_list_free(strongroom_list* list) noexcept {
  release(list);
}

// ---- batches ----

size_t strongroom_batch_size(const strongroom_batch* batch) noexcept {
  return peek(batch, size_t{0}, [](const strongroom_batch& each) { return each.items.size(); });
}

strongroom_status strongroom_batch_status(const strongroom_batch* batch, size_t index) noexcept {
  return item_of(batch, index, strongroom_status{STRONGROOM_INVALID},
                 [](const strongroom_batch::Item& item) { return item.status; });
}

const char* strongroom_batch_message(const strongroom_batch* batch, size_t index) noexcept {
  return item_of(batch, index, "",
                 [](const strongroom_batch::Item& item) { return item.message.c_str(); });
}

const strongroom_secret* strongroom_batch_secret(const strongroom_batch* batch,
                                                 size_t index) noexcept {
  return item_of(batch, index, static_cast<const strongroom_secret*>(nullptr),
                 [](const strongroom_batch::Item& item) {
                   return item.status == STRONGROOM_OK ? &item.secret : nullptr;
                 });
}

void strongroom_batch_free(strongroom_batch* batch) noexcept {
  release(batch);
}
