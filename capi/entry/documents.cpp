// documents.cpp: the policies that are stored.
#include <string_view>
#include <utility>

#include "conditions.hpp"
#include "guard.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

// text_in takes a document's text, which is no secret.
Result<std::string_view> text_in(const void* text, std::size_t len) {
  auto bytes = bytes_of(text, len, "text");
  if (!bytes) return std::move(bytes).error();
  return std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

}  // namespace

strongroom_status strongroom_documents_list(strongroom_session* session, strongroom_documents** out,
                                            strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_documents>> {
    if (auto good = check_handle(session, "session"); !good) return std::move(good).error();
    auto stored = session->store->policies(session->who);
    if (!stored) return std::move(stored).error();
    auto documents = std::make_unique<strongroom_documents>();
    for (PolicyInfo& each : stored.value()) {
      documents->items.push_back(
          {std::move(each.name), each.revision, each.changed_ms, each.size, {}, false});
    }
    return documents;
  });
}

strongroom_status strongroom_documents_get(strongroom_session* session, const char* name,
                                           strongroom_documents** out,
                                           strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_documents>> {
    if (auto good = check_handle(session, "session"); !good) return std::move(good).error();
    auto wanted = text_of(name, "name");
    if (!wanted) return std::move(wanted).error();
    auto stored = session->store->policy(session->who, wanted.value());
    if (!stored) return std::move(stored).error();
    auto documents = std::make_unique<strongroom_documents>();
    documents->items.push_back({std::string(wanted.value()), stored->revision, stored->changed_ms,
                                stored->text.size(), std::move(stored->text), true});
    return documents;
  });
}

strongroom_status strongroom_documents_put(strongroom_session* session, const char* name,
                                           const void* text, size_t text_len,
                                           const strongroom_put_options* options,
                                           uint64_t* out_revision,
                                           strongroom_error** out_error) noexcept {
  give_number(out_revision, uint64_t{0});
  return in_session(session, out_error, [&](Store& store, const Identity& who) -> Result<void> {
    auto wanted = text_of(name, "name");
    if (!wanted) return std::move(wanted).error();
    auto document = text_in(text, text_len);
    if (!document) return std::move(document).error();
    auto condition = condition_of(options);
    if (!condition) return std::move(condition).error();
    auto revision = store.put_policy(who, wanted.value(), document.value(), condition.value());
    if (!revision) return std::move(revision).error();
    give_number(out_revision, revision.value());
    return {};
  });
}

strongroom_status strongroom_documents_delete(strongroom_session* session, const char* name,
                                              uint64_t revision,
                                              strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](Store& store, const Identity& who) -> Result<void> {
    auto wanted = text_of(name, "name");
    if (!wanted) return std::move(wanted).error();
    const Condition condition = revision == 0 ? Condition::update() : Condition::at(revision);
    auto erased = store.erase_policy(who, wanted.value(), condition);
    if (!erased) return std::move(erased).error();
    return {};
  });
}

strongroom_status strongroom_documents_reset(strongroom_session* session,
                                             strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](Store& store, const Identity& who) -> Result<void> {
    auto reset = store.reset_policies(who);
    if (!reset) return std::move(reset).error();
    return {};
  });
}

size_t strongroom_documents_size(const strongroom_documents* documents) noexcept {
  return peek(documents, size_t{0},
              [](const strongroom_documents& each) { return each.items.size(); });
}

strongroom_status strongroom_documents_at(const strongroom_documents* documents, size_t index,
                                          strongroom_document* out_document) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    if (auto cleared = write_struct(out_document, STRONGROOM_DOCUMENT_INIT); !cleared)
      return cleared;
    if (auto good = check_handle(documents, "documents"); !good) return good;
    if (index >= documents->items.size()) return Error{Code::not_found, "no such document"};
    const strongroom_documents::Item& item = documents->items[index];
    strongroom_document filled = STRONGROOM_DOCUMENT_INIT;
    filled.name = item.name.c_str();
    filled.revision = item.revision;
    filled.changed_ms = item.changed_ms;
    filled.text_len = item.text_len;
    filled.text = item.has_text ? item.text.c_str() : nullptr;
    return write_struct(out_document, filled);
  });
}

void strongroom_documents_free(strongroom_documents* documents) noexcept {
  release(documents);
}
