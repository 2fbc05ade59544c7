// channel.hpp: the socket between the engine and its OpenPGP helper, up to a deadline.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace strongroom::openpgp {

enum class Io { done, ended, timed_out };

// Channel borrows a stream socket. It never raises SIGPIPE, and reads directly into the caller's memory.
class Channel {
 public:
  using Clock = std::chrono::steady_clock;

  // other_end  a pidfd of the process at the other end, or -1. When that process has ended, the stream
  //            counts as ended, even if a child that was forked meanwhile holds a copy of its socket.
  explicit Channel(int socket, Clock::time_point deadline = Clock::time_point::max(),
                   int other_end = -1) noexcept
      : socket_(socket), deadline_(deadline), other_end_(other_end) {}

  // read fills out, or returns why it could not.
  Io read(std::span<std::uint8_t> out) const noexcept {
    bool gone = false;
    while (!out.empty()) {
      const ssize_t got = ::recv(socket_, out.data(), out.size(), MSG_DONTWAIT);
      if (got > 0) {
        out = out.subspan(static_cast<std::size_t>(got));
      } else if (got == 0 || !may_retry() || gone) {
        return Io::ended;
      } else if (const Io waited = wait(POLLIN, gone); waited != Io::done) {
        return waited;
      }
    }
    return Io::done;
  }

  Io write(std::span<const std::uint8_t> bytes) const noexcept {
    bool gone = false;
    while (!bytes.empty()) {
      const ssize_t put = ::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (put >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(put));
      } else if (!may_retry() || gone) {
        return Io::ended;
      } else if (const Io waited = wait(POLLOUT, gone); waited != Io::done) {
        return waited;
      }
    }
    return Io::done;
  }

 private:
  static bool may_retry() noexcept {
    return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
  }

  // left_ms is how long poll may wait, -1 for no limit; rounded up, so that nothing spins.
  int left_ms() const noexcept {
    if (deadline_ == Clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
  }

  // wait returns done when the socket is ready, or when the other end has ended and gone is set. Then one
  // last read or write is due.
  Io wait(short event, bool& gone) const noexcept {
    for (;;) {
      std::array<pollfd, 2> watched{{{socket_, event, 0}, {other_end_, POLLIN, 0}}};
      const int ready = ::poll(watched.data(), watched.size(), left_ms());
      if (ready == 0) return Io::timed_out;
      if (ready < 0 && errno != EINTR) return Io::ended;
      if (ready < 0) continue;
      gone = watched[1].revents != 0;
      return Io::done;
    }
  }

  int socket_;
  Clock::time_point deadline_;
  int other_end_;
};

}  // namespace strongroom::openpgp
