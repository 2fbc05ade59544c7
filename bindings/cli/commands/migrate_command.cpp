// migrate_command.cpp: a store into another storage, as it is or under fresh keys.
#include <cstdint>
#include <string>

#include "credentials/handout.hpp"
#include "store/access.hpp"
#include "store/failure.hpp"
#include "syntax/commands.hpp"
#include "terminal/output.hpp"
#include "terminal/progress.hpp"

namespace strongroom_cli {
namespace {

// CopyLines tell of the copying, and then of the comparing, which counts from zero again.
class CopyLines {
 public:
  strongroom_abi::Progress hear() {
    if (!tell_copying_) return {};
    return [this](std::uint64_t num_records, std::uint64_t len) {
      comparing_ = comparing_ || num_records < last_;
      last_ = num_records;
      return (comparing_ ? tell_comparing_ : tell_copying_)(num_records, len);
    };
  }

 private:
  ProgressLine copying_line_{"Copying", ProgressLine::Unit::bytes};
  ProgressLine comparing_line_{"Comparing", ProgressLine::Unit::bytes};
  strongroom_abi::Progress tell_copying_ = copying_line_.hear();
  strongroom_abi::Progress tell_comparing_ = comparing_line_.hear();
  bool comparing_ = false;
  std::uint64_t last_ = 0;
};

std::string as_json(const strongroom_copy_info& info) {
  return "{\"records\":" + std::to_string(info.num_records) +
         ",\"size\":" + std::to_string(info.size_bytes) +
         ",\"written\":" + std::to_string(info.num_written) +
         ",\"removed\":" + std::to_string(info.num_removed) + "}\n";
}

int migrate_as_it_is(const Options& options) {
  Access from = open_sealed(options);
  if (!from.report.initialized()) {
    throw Failure(kExitNotInitialized,
                  "there is no store at " + std::string(from.report.url()) + " to migrate");
  }
  Access to = open_other(options.to, options);
  strongroom_copy_info info = STRONGROOM_COPY_INFO_INIT;
  {
    CopyLines progress;
    info = from.session.copy_store(to.session, progress.hear());
  }
  if (options.json) {
    print_done(as_json(info));
    return kExitOk;
  }
  print_done("Copied " + std::to_string(info.num_records) + " records (" +
             size_text(info.size_bytes) + ") to " + std::string(to.report.url()) +
             ", and compared each. The same credentials open both stores.\n");
  return kExitOk;
}

int migrate_rekeyed(const Options& options) {
  Access from = open_unsealed(options);
  Access to = open_other(options.to, options);
  const KeyRequest request(options.fresh, to);
  const strongroom_abi::Pending pending =
      to.session.init_prepare(request.init_options(from.report.max_secret_len()));
  Handout handout(pending, request, options.fresh, to);
  handout.print(options.json, true);
  std::uint64_t num_secrets = 0;
  {
    ProgressLine progress("Copying", ProgressLine::Unit::rewritten);
    handout.activate(
        [&] { num_secrets = from.session.migrate(to.session, pending, progress.hear()); });
  }
  if (options.json) return kExitOk;
  print_done("\n" + std::to_string(num_secrets) +
             (num_secrets == 1 ? " secret is" : " secrets are") + " in " +
             std::string(to.report.url()) +
             " under fresh keys. The credentials above open it, the old ones do not.\n");
  return kExitOk;
}

}  // namespace

int migrate_command(const Options& options) {
  return options.rekey ? migrate_rekeyed(options) : migrate_as_it_is(options);
}

}  // namespace strongroom_cli
