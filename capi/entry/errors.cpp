// errors.cpp: versions, status names and error objects.
#include "guard.hpp"

using namespace strongroom::capi;

namespace {

// The numbers of C and of the engine are the same.
static_assert(STRONGROOM_INVALID == static_cast<int>(strongroom::Code::invalid));
static_assert(STRONGROOM_NOT_FOUND == static_cast<int>(strongroom::Code::not_found));
static_assert(STRONGROOM_ALREADY_EXISTS == static_cast<int>(strongroom::Code::already_exists));
static_assert(STRONGROOM_DENIED == static_cast<int>(strongroom::Code::denied));
static_assert(STRONGROOM_SEALED == static_cast<int>(strongroom::Code::sealed));
static_assert(STRONGROOM_NOT_INITIALIZED == static_cast<int>(strongroom::Code::not_initialized));
static_assert(STRONGROOM_CONFLICT == static_cast<int>(strongroom::Code::conflict));
static_assert(STRONGROOM_INDETERMINATE == static_cast<int>(strongroom::Code::indeterminate));
static_assert(STRONGROOM_TOO_LARGE == static_cast<int>(strongroom::Code::too_large));
static_assert(STRONGROOM_CORRUPT == static_cast<int>(strongroom::Code::corrupt));
static_assert(STRONGROOM_ROLLBACK == static_cast<int>(strongroom::Code::rollback));
static_assert(STRONGROOM_UNAVAILABLE == static_cast<int>(strongroom::Code::unavailable));
static_assert(STRONGROOM_TIMEOUT == static_cast<int>(strongroom::Code::timeout));
static_assert(STRONGROOM_UNSUPPORTED == static_cast<int>(strongroom::Code::unsupported));
static_assert(STRONGROOM_INTERNAL == static_cast<int>(strongroom::Code::internal));

}  // namespace

const char* strongroom_version() noexcept {
  return STRONGROOM_VERSION;
}

uint32_t strongroom_abi_version() noexcept {
  return STRONGROOM_ABI_VERSION;
}

const char* strongroom_status_name(strongroom_status status) noexcept {
  if (status == STRONGROOM_OK) return "ok";
  return strongroom::to_string(static_cast<strongroom::Code>(status))
      .data();  // string literals end in NUL
}

strongroom_status strongroom_error_status(const strongroom_error* error) noexcept {
  if (error == nullptr) return STRONGROOM_OK;
  return peek(error, strongroom_status{STRONGROOM_INVALID},
              [](const strongroom_error& each) { return each.status; });
}

const char* strongroom_error_message(const strongroom_error* error) noexcept {
  return peek(error, "", [](const strongroom_error& each) { return each.message.c_str(); });
}

void strongroom_error_free(strongroom_error* error) noexcept {
  release(error);
}

// ---- texts ----

const char* strongroom_text_data(const strongroom_text* text, size_t* out_len) noexcept {
  give_number(out_len, size_of(
                           text, [](const auto& each) -> auto& { return each.text; }));
  return peek(text, static_cast<const char*>(nullptr),
              [](const strongroom_text& each) { return each.text.c_str(); });
}

void strongroom_text_free(strongroom_text* text) noexcept {
  release(text);
}
