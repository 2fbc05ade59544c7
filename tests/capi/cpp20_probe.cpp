// cpp20_probe.cpp: strongroom_abi.hpp stands alone, in every C++ from 17 on.
#include <type_traits>

#include "strongroom_abi.hpp"

// Owning types move and are not copied; the C functions throw nothing.
static_assert(std::is_nothrow_move_constructible_v<strongroom_abi::Store>);
static_assert(!std::is_copy_constructible_v<strongroom_abi::Session>);
static_assert(!std::is_copy_constructible_v<strongroom_abi::Secret>);
static_assert(noexcept(strongroom_store_free(nullptr)));
static_assert(noexcept(strongroom_get(nullptr, nullptr, nullptr, nullptr, nullptr)));

int main() {
  strongroom_abi::Store store("memory:");
  strongroom_abi::Session session = store.trusted();
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.key = 1;
  const strongroom_abi::Pending pending = session.init_prepare(options);
  session.init_activate(pending);
  session.unseal({pending.reveal_key()});
  session.put("my/secret", STRONGROOM_CONTENT_TEXT, "hunter2");
  if (session.get("my/secret").reveal() != "hunter2") return 1;
  try {
    session.get("absent");
  } catch (const strongroom_abi::Error& error) {
    return error.status() == STRONGROOM_NOT_FOUND ? 0 : 1;
  }
  return 1;
}
