// migrate_command.cpp: copies a store into another storage, as it is or under fresh keys.
#include <cstdint>
#include <string>

#include "commands/groups.hpp"
#include "credentials/handout.hpp"
#include "store/access.hpp"
#include "syntax/common_options.hpp"
#include "syntax/table.hpp"
#include "terminal/output.hpp"
#include "terminal/progress.hpp"

namespace strongroom_cli {
namespace {

constexpr Option kTo = argument("TO", Kind::url, "The other storage, without a store in it");
constexpr Option kToZkAuthFile =
    file("--to-zk-auth-file", "Its user:password for ZooKeeper; else that of --zk-auth-file");
constexpr Option kRekey = flag("--rekey", "Under fresh keys, names included");

// CopyLines show the progress of copying, and then of comparing, which counts from zero again.
class CopyLines {
 public:
  strongroom_abi::Progress callback() {
    return [this](const strongroom_progress& progress) {
      comparing_ = comparing_ || progress.num_records < last_;
      last_ = progress.num_records;
      return (comparing_ ? show_comparing_ : show_copying_)(progress);
    };
  }

 private:
  ProgressLine copying_line_{"Copying", ProgressLine::Unit::bytes};
  ProgressLine comparing_line_{"Comparing", ProgressLine::Unit::bytes};
  strongroom_abi::Progress show_copying_ = copying_line_.callback();
  strongroom_abi::Progress show_comparing_ = comparing_line_.callback();
  bool comparing_ = false;
  std::uint64_t last_ = 0;
};

std::string as_json(const strongroom_migrate_info& info) {
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
  Access to = open_other(options.text(kTo), options, options.text(kToZkAuthFile));
  strongroom_migrate_info info = STRONGROOM_MIGRATE_INFO_INIT;
  {
    CopyLines progress;
    info = from.session.migrate(to.session, nullptr, progress.callback());
  }
  if (options.has(kJson)) {
    print_done(as_json(info));
    return kExitOk;
  }
  print_done("Copied " + std::to_string(info.num_records) + " records (" +
             size_text(info.size_bytes) + ") to " + std::string(to.report.url()) +
             ", and compared each. The same credentials open both stores.\n");
  return kExitOk;
}

int migrate_rekeyed(const Options& options, const NewCredentials& wanted) {
  Access from = open_unsealed(options);
  Access to = open_other(options.text(kTo), options, options.text(kToZkAuthFile));
  const KeyRequest request(wanted, to);
  const strongroom_abi::Pending pending = request.prepare([&] {
    return to.session.init_prepare(request.init_options(from.report.info().max_secret_len));
  });
  Handout handout(pending, request, wanted, to);
  handout.print(options.has(kJson), true);
  std::uint64_t num_secrets = 0;
  {
    ProgressLine progress("Copying", ProgressLine::Unit::records);
    handout.activate([&] {
      num_secrets = from.session.migrate(to.session, &pending, progress.callback()).num_records;
    });
  }
  if (options.has(kJson)) return kExitOk;
  print_done("\n" + std::to_string(num_secrets) +
             (num_secrets == 1 ? " secret is" : " secrets are") + " in " +
             std::string(to.report.url()) +
             " under fresh keys. The credentials above open it, the old ones do not.\n");
  return kExitOk;
}

int run_migrate(const Options& options) {
  const NewCredentials wanted = new_credentials(options);
  if (options.has(kRekey)) return migrate_rekeyed(options, wanted);
  if (wanted.empty()) return migrate_as_it_is(options);
  throw options.usage("new credentials were asked for without --rekey");
}

}  // namespace

constexpr const char* kMigrateHelp =
    R"(Copies a store as it is, between storages of any kind, without its keys: the same credentials
open both, and a store that 'seal' sealed stays sealed. Before the copy becomes a store, every
record is compared once more. When it was stopped, run it again: it continues from what is there. A
store that is written to meanwhile is refused at the end: stop the writers, or seal the store before
and unseal the copy.

With --rekey every secret is sealed under fresh keys, names included, and the credentials that are
made here open the copy; deleted secrets leave no trace in it. When it was stopped, it starts anew.
The store itself is not changed.

Examples:
  strongroom migrate lmdb:/var/lib/app/secrets zk://a:2181,b:2181/app --to-zk-auth-file app.auth
  strongroom migrate lmdb:/old lmdb:/new --rekey --new-key-file /etc/app/new.key)";

const Command migrate_command("migrate", kBackupsGroup, "Copy a store into another storage",
                              kMigrateHelp,
                              {&kFrom, &kTo, &kToZkAuthFile, &kRekey, &kShares, &kThreshold,
                               &kPgpKey, &kGeneratePgpKey, &kPgpBits, &kNewKeyFile,
                               &kEnvironmentKey, &kSystemCredential, &kJson},
                              run_migrate);

}  // namespace strongroom_cli
