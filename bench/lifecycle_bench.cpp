// lifecycle_bench.cpp: the main function of the benches that share a program; see lifecycle_bench.hpp.
#include "lifecycle_bench.hpp"

#include <sodium.h>

#include <utility>

#include "bench_main.hpp"

int main(int argc, char** argv) {
  using namespace strongroom::bench;
  const Main* const main = argc > 1 ? Main::find(argv[1]) : nullptr;
  if (main == nullptr)
    give_up("usage: lifecycle_bench NAME [option...]; NAME_bench.cpp lists them");
  if (sodium_init() < 0) give_up("libsodium did not start");
  std::swap(argv[0], argv[1]);
  return main->run(argc - 1, argv + 1);
}
