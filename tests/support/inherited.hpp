// inherited.hpp: what a program that this process starts would have open.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

namespace strongroom::testing {

// inherited lists what lies behind each descriptor of a fresh program, from 3 on: paths, or "socket:[N]".
inline std::set<std::string> inherited() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  std::string shell = "sh";
  std::string flag = "-c";
  std::string script =
      "for fd in /proc/$$/fd/*; do [ ${fd##*/} -lt 3 ] || readlink $fd; done; exit 0";
  std::array<char*, 4> argv = {shell.data(), flag.data(), script.data(), nullptr};
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, "/bin/sh", &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string output;
  std::array<char, 4096> part{};
  for (ssize_t n = 0; failed == 0 && (n = ::read(ends[0], part.data(), part.size())) > 0;) {
    output.append(part.data(), static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  int status = 0;
  if (failed != 0 || ::waitpid(child, &status, 0) != child || status != 0) {
    throw std::runtime_error("the shell did not run");
  }
  std::set<std::string> found;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) found.insert(line);
  return found;
}

}  // namespace strongroom::testing
