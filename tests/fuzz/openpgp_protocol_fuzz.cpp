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

void as_form(Input input) {
  std::vector<std::uint8_t> copy(input.begin(), input.end());
  const auto form = decode_form(copy);
  if (form.empty()) return;
  if (first_tag(form) == Tag::none && !is_armored(form)) std::abort();
  (void)num_armors(form);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Input input(data, size);
  with_input(input, as_request);
  with_input(input, as_answer);
  as_form(input);
  return 0;
}
