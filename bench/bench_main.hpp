// bench_main.hpp: what all bench programs share: reading their own options, naming the build in the output,
// and ending with a message when something fails, instead of printing a figure.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/result.hpp"

namespace strongroom::bench {

[[noreturn]] inline void give_up(const std::string& why) {
  std::cerr << "bench: " << why << '\n';
  std::exit(1);
}

template <typename T>
T must(Result<T> result) {
  if (!result) give_up(result.error().message);
  return std::move(result).value();
}

inline void must(Result<void> result) {
  if (!result) give_up(result.error().message);
}

// option removes --name=value from the arguments, before Google Benchmark sees them.
inline std::optional<std::string> option(int& argc, char** argv, std::string_view name) {
  const std::string prefix = "--" + std::string(name) + "=";
  std::optional<std::string> found;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with(prefix)) {
      found = argument.substr(prefix.size());
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  return found;
}

// run runs the registered benchmarks.
inline int run(int argc, char** argv) {
#ifdef __clang__
  benchmark::AddCustomContext("compiler", __VERSION__);
#else
  benchmark::AddCustomContext("compiler", "GCC " __VERSION__);
#endif
#ifdef NDEBUG
  benchmark::AddCustomContext("assertions", "off");
#else
  benchmark::AddCustomContext("assertions", "on");
#endif
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace strongroom::bench
