#include "server/connection.hpp"

#include <sys/socket.h>

#include <limits>

namespace strongroomd {
namespace {

constexpr std::chrono::milliseconds kReapInterval{250};

std::int64_t steady_ms() noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Connections::Connections(std::size_t limit, std::chrono::seconds timeout)
    : limit_(limit), timeout_(timeout), thread_([this] { run(); }) {}

Connections::~Connections() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

void Connections::add(Connection& connection) {
  touch(connection);
  const std::lock_guard lock(mutex_);
  all_.insert(&connection);
  num_ = all_.size();
}

void Connections::remove(Connection& connection) {
  const std::lock_guard lock(mutex_);
  all_.erase(&connection);
  num_ = all_.size();
}

void Connections::touch(Connection& connection) noexcept {
  connection.since_ms = steady_ms();
}

void Connections::close_all() {
  const std::lock_guard lock(mutex_);
  shut_down_since(std::numeric_limits<std::int64_t>::max());
}

void Connections::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, kReapInterval, [&] { return stopping_; }))
    shut_down_since(steady_ms() - timeout_.count());
}

// shut_down_since shuts down what has waited since then, or longer; its socket is closed by the thread that serves it.
void Connections::shut_down_since(std::int64_t limit_ms) {
  for (Connection* each : all_) {
    if (each->since_ms <= limit_ms) ::shutdown(each->fd, SHUT_RDWR);
  }
}

}  // namespace strongroomd
