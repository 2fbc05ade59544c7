// quiet_thread.hpp: the threads of the library. No signal of the host reaches them: a handler of the host
// must run on the host's own threads, where its waits are interrupted.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <exception>
#include <thread>
#include <utility>

namespace strongroom {

// quiet_thread starts a thread that runs f with all signals blocked.
// Returns  a thread that is not joinable when the system gave none.
template <typename F>
std::thread quiet_thread(F f) noexcept {
  std::thread thread;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) return thread;
  try {
    thread = std::thread(std::move(f));
  } catch (const std::exception&) {
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace strongroom
