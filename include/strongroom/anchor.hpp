// anchor.hpp: a store's header as it was at one time, as text that is kept outside the store.
//
// A process that has seen nothing yet cannot tell an old copy of a whole store from the store itself.
// A caller that exported an anchor and passes it when it opens the store can. An anchor is not secret
// and opens nothing.
//
//   strongroom-anchor-1:  store id (16) | generation (8) | digest (32) | check (4)     in hex
//
// check is the first four bytes of BLAKE2b-256 of the 20 characters and the 56 bytes before it, so
// that a mistyped anchor is not mistaken for a store that was rolled back.
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

  // parse reads that line back. White space around it is dropped; digits may be upper case.
  // Errors  invalid: not an anchor, cut short, or mistyped.  unsupported: of a newer form.
  static Result<Anchor> parse(std::string_view line);
};

}  // namespace strongroom
