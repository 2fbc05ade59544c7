// documents.cpp: lists, reads, writes and deletes the stored policy documents.
#include <string_view>
#include <utility>

#include "guard.hpp"
#include "options.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

// text_in returns a document's text, which is not secret.
Result<std::string_view> text_in(const void* text, std::size_t len) {
  STRONGROOM_ASSIGN(bytes, bytes_of(text, len, "text"));
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

strongroom_status strongroom_documents_list(strongroom_session* session, strongroom_documents** out,
                                            strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_documents>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(stored, session->caller.policies());
    auto documents = std::make_unique<strongroom_documents>();
    for (PolicyInfo& each : stored) {
      documents->items.push_back(
          {std::move(each.name), each.revision.value(), each.changed_ms, each.size, {}, false});
    }
    return documents;
  });
}

strongroom_status strongroom_documents_get(strongroom_session* session, const char* name,
                                           strongroom_documents** out,
                                           strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_documents>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(wanted, text_of(name, "name"));
    STRONGROOM_ASSIGN(stored, session->caller.policy(wanted));
    auto documents = std::make_unique<strongroom_documents>();
    documents->items.push_back({std::string(wanted), stored.revision.value(), stored.changed_ms,
                                stored.text.size(), std::move(stored.text), true});
    return documents;
  });
}

strongroom_status strongroom_documents_put(strongroom_session* session, const char* name,
                                           const void* text, size_t text_len,
                                           const strongroom_put_options* options,
                                           uint64_t* out_revision,
                                           strongroom_error** out_error) noexcept {
  give_number(out_revision, uint64_t{0});
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    STRONGROOM_ASSIGN(wanted, text_of(name, "name"));
    STRONGROOM_ASSIGN(document, text_in(text, text_len));
    STRONGROOM_ASSIGN(condition, condition_of(options));
    STRONGROOM_ASSIGN(revision, caller.put_policy(wanted, document, condition));
    give_number(out_revision, revision.value());
    return {};
  });
}

strongroom_status strongroom_documents_delete(strongroom_session* session, const char* name,
                                              uint64_t revision,
                                              strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    STRONGROOM_ASSIGN(wanted, text_of(name, "name"));
    STRONGROOM_TRY(caller.erase_policy(wanted, deletion_at(revision)));
    return {};
  });
}

strongroom_status strongroom_documents_reset(strongroom_session* session,
                                             strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    STRONGROOM_TRY(caller.reset_policies());
    return {};
  });
}

size_t strongroom_documents_size(const strongroom_documents* documents) noexcept {
  return size_of(
      documents, [](const auto& each) -> auto& { return each.items; });
}

strongroom_status strongroom_documents_at(const strongroom_documents* documents, size_t index,
                                          strongroom_document* out_document,
                                          strongroom_error** out_error) noexcept {
  return item_at(
      documents, "documents", index, out_document, strongroom_document STRONGROOM_DOCUMENT_INIT,
      out_error, [](const auto& each) -> auto& { return each.items; },
      [](const strongroom_documents::Item& item, strongroom_document& filled) {
        filled.name = item.name.c_str();
        filled.revision = item.revision;
        filled.changed_ms = item.changed_ms;
        filled.text_len = item.text_len;
        filled.text = item.has_text ? item.text.c_str() : nullptr;
      });
}

void strongroom_documents_free(strongroom_documents* documents) noexcept {
  release(documents);
}
