// anchor.hpp: a store's header as somebody saw it, kept outside the store, as text that can be copied.
//
// A process that has seen nothing yet can not tell an old copy of a whole store from the store. Its
// holder can, who exported an anchor and gives it back at open. It is no secret and opens nothing.
//
//   strongroom-anchor-1:  store id (16) | generation (8) | digest (32) | check (4)     in hex
//
// check is the first four bytes of BLAKE2b-256 of the 20 characters and the 56 bytes before it, so
// that a mistyped anchor is told from a store that was set back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

struct Anchor {
  StoreId store{};
  std::uint64_t generation = 0;
  Digest digest{};

  friend bool operator==(const Anchor&, const Anchor&) = default;

  // text writes the anchor as one line in lower case, without a newline.
  std::string text() const;

  // parse reads that line back; white space around it is dropped, digits may be upper case.
  // Errors  invalid: no anchor, cut short, or mistyped.  unsupported: of a newer form.
  static Result<Anchor> parse(std::string_view line);
};

}  // namespace strongroom
