// Any bytes as a request to the OpenPGP helper, as its answer, and as a key in a form that people
// use: read or refused, never a crash, and no more memory than has arrived.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "src/openpgp/forms.hpp"
#include "src/openpgp/packets.hpp"
#include "src/openpgp/request.hpp"
#include "strongroom/impl/openpgp/openpgp_answer.hpp"
#include "strongroom/openpgp.hpp"

using namespace strongroom;
using namespace strongroom::openpgp;

namespace {

using Input = std::span<const std::uint8_t>;

// with_input calls read with a channel that holds the input, and then ends.
template <typename Read>
void with_input(Input input, Read read) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  const auto deadline = Channel::Clock::now() + std::chrono::seconds(5);
  // What does not fit into the socket is cut off: nobody reads yet.
  (void)::send(ends[0], input.data(), input.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(ends[0], SHUT_WR);
  read(Channel(ends[1], deadline));
  ::close(ends[0]);
  ::close(ends[1]);
}

void as_request(const Channel& channel) {
  Request request;
  if (read_request(channel, request) != Trouble::none) return;
  if (request.keys.size() > kMaxKeys || request.texts.size() > kMaxKeys) std::abort();
}

void as_answer(const Channel& channel) {
  Answer answer(channel);
  const auto begun = answer.begin();
  if (!begun) {
    if (begun.error().message.empty()) std::abort();
    return;
  }
  const auto fingerprint = answer.fingerprint();
  if (!fingerprint) return;
  const auto message = answer.bytes(kMaxOpenPgpMessageLen);
  if (!message || message->size() > kMaxOpenPgpMessageLen) return;
  const auto secret = answer.secret(kMaxTextLen);
  if (secret) (void)answer.end();
}

// as_form must not leave the memory that it was given, which a sanitizer watches.
void as_form(Input input, Kind kind) {
  std::vector<std::uint8_t> copy(input.begin(), input.end());
  std::span<std::uint8_t> form;
  if (decode_form(copy, kind, form) != Trouble::none) return;
  if (form.empty()) std::abort();
  if (kind == Kind::message) {
    std::span<const std::uint8_t> message = form;
    (void)message_reason(message);
    return;
  }
  Survey survey;
  const std::size_t len = form.size();
  if (keep_known(form, kind, survey) == Trouble::none && form.size() > len) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Input input(data, size);
  with_input(input, as_request);
  with_input(input, as_answer);
  for (const Kind kind : {Kind::public_key, Kind::private_key, Kind::message}) as_form(input, kind);
  return 0;
}
