// init_command.cpp: making a store. The credentials are in safe hands before it exists: the key
// file is on the disk and the shares have left standard output, or there is no store.
#include <string>

#include "credentials/handout.hpp"
#include "store/access.hpp"
#include "store/failure.hpp"
#include "syntax/commands.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {

int init_command(const Options& options) {
  Access access = open_sealed(options, true);
  const KeyRequest request(options.fresh, access);
  const strongroom_abi::Pending pending =
      access.session.init_prepare(request.init_options(options.max_secret_len));
  Handout handout(pending, request, options.fresh, access);
  handout.print(options.json, true);
  handout.activate([&] { access.session.init_activate(pending); });
  if (!options.json)
    print_done("\nThe store is ready at " + std::string(access.report.url()) + ".\n");
  return kExitOk;
}

}  // namespace strongroom_cli
