// leftovers.hpp: files that are not finished yet are removed when a signal ends the process.
//
// A signal that ends the process may come at any moment and on any thread: while a pipe takes no more, while
// ZooKeeper does not answer, in the engine. Its handler removes what is registered here and ends the process by
// that signal at once. The one exception is Undivided work, which must not be stopped halfway: a signal waits
// until it is over.
#pragma once

#include <string>

namespace strongroom_cli {

// remove_leftovers_on_signals catches all signals that end a process, unless they are ignored.
void remove_leftovers_on_signals();

// Leftover is a name to remove while it exists. Make it within Undivided work together with the file.
class Leftover {
 public:
  Leftover() = default;
  // Throws  Failure: too many at once, or a name that no file can have.
  explicit Leftover(const std::string& name);
  Leftover(Leftover&& other) noexcept;
  Leftover& operator=(Leftover&& other) noexcept;
  Leftover(const Leftover&) = delete;
  Leftover& operator=(const Leftover&) = delete;
  ~Leftover() { forget(); }

  void forget() noexcept;  // the name may stay

 private:
  int slot_ = -1;
};

// Undivided holds signals back while it exists. The last one that ends lets the process end by the signal that
// came meanwhile. A second signal ends the process at once and removes nothing: a change may have taken effect
// that a file belongs to.
class Undivided {
 public:
  Undivided() noexcept;
  Undivided(const Undivided&) = delete;
  Undivided& operator=(const Undivided&) = delete;
  ~Undivided();
};

// held_signal returns the signal that came during Undivided work, or 0. Work that can be stopped asks.
int held_signal() noexcept;

}  // namespace strongroom_cli
