// arguments.hpp: splitting argv, so that the parser sees no argument that may be a secret.
#pragma once

#include <vector>

namespace strongroom_cli {

// Arguments is argv without what the parser must not see.
struct Arguments {
  std::vector<const char*> shown;
  char* value = nullptr;       // of -v
  std::vector<char*> program;  // of run: what stands behind the first --
};

// split_arguments takes the value of `create` and `update` and the program of `run` out of argv.
Arguments split_arguments(int argc, char** argv);

}  // namespace strongroom_cli
