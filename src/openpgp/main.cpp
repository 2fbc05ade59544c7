// main.cpp: strongroom-openpgp, which the library starts for one request. It is not a command for people.
//
// librnp leaves copies of what it decrypts, and parses packets from strangers. So it runs here, in a
// process that holds one request, has its memory locked, and ends when the request is answered.
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <new>
#include <span>
#include <string_view>

#include "lockdown.hpp"
#include "operations.hpp"
#include "request.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/openpgp/channel.hpp"

namespace strongroom::openpgp {
namespace {

void send(const Channel& channel, const Reply& reply) {
  Writer head;
  head.u32(kMagic);
  head.u8(static_cast<std::uint8_t>(reply.reason.trouble));
  head.u8(0);
  head.u16(static_cast<std::uint16_t>(reply.number));
  if (!reply.reason.good()) head.u32(reply.reason.detail);
  if (channel.write(head.view()) != Io::done || !reply.reason.good()) return;
  const auto field = [&](std::span<const std::uint8_t> bytes) {
    Writer len;
    len.u32(static_cast<std::uint32_t>(bytes.size()));
    return channel.write(len.view()) == Io::done && channel.write(bytes) == Io::done;
  };
  for (const auto& bytes : reply.fields) {
    if (!field(bytes)) return;
  }
  if (reply.has_secret) field(reply.secret.reveal());
}

Reply answer(const Channel& channel) try {
  Request request;
  Reply reply;
  reply.reason = read_request(channel, request);
  return reply.reason.good() ? perform(request) : std::move(reply);
} catch (const std::bad_alloc&) {
  Reply reply;
  reply.reason = Trouble::no_memory;
  return reply;
} catch (const std::exception&) {
  Reply reply;
  reply.reason = Trouble::failed;
  return reply;
}

int serve() {
  if (!lock_down()) return 1;
  const Channel channel(STDIN_FILENO);
  if (lock_memory()) {
    send(channel, answer(channel));  // request and reply are wiped by the end of this line
    return 0;
  }
  Reply refused;
  refused.reason = Trouble::unlocked_memory;
  send(channel, refused);
  return 0;
}

bool started_by_library() noexcept {
  int kind = 0;
  socklen_t len = sizeof kind;
  return ::getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &kind, &len) == 0 && kind == SOCK_STREAM;
}

}  // namespace
}  // namespace strongroom::openpgp

int main() {
  using namespace strongroom::openpgp;
  if (!started_by_library()) {
    constexpr std::string_view kUsage =
        "strongroom-openpgp: the strongroom library starts this program; do not run it yourself\n";
    ::_exit(::write(STDERR_FILENO, kUsage.data(), kUsage.size()) < 0 ? 3 : 2);
  }
  // Exit without running the destructors of libraries: the kernel takes the memory as it is.
  ::_exit(serve());
}
