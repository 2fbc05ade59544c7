// migrate_command.cpp: a store into another storage, as it is or under fresh keys.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <string>
#include <thread>

#include "access.hpp"
#include "commands.hpp"
#include "failure.hpp"
#include "handout.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "unique_fd.hpp"

namespace strongroom_cli {
namespace {

// The other end went away: what happened there is what is wrong.
struct Hung {};

std::size_t read_some(int fd, std::uint8_t* bytes, std::size_t len) {
  for (;;) {
    const ssize_t got = ::read(fd, bytes, len);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw system_failure(kExitUnavailable, "reading a pipe failed");
  }
}

void write_some(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EPIPE) throw Hung();
    if (put < 0) throw system_failure(kExitUnavailable, "writing to a pipe failed");
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

// Copy runs a backup in a thread of its own, whose bytes a restore takes.
class Copy {
 public:
  explicit Copy(strongroom_abi::Session& from) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw system_failure(kExitUnavailable, "making a pipe failed");
    }
    read_end_ = UniqueFd(ends[0]);
    write_end_ = UniqueFd(ends[1]);
    thread_ = std::thread([this, &from] { back_up(from); });
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  ~Copy() { join(); }

  strongroom_backup_info restore(strongroom_abi::Session& to,
                                 const strongroom_abi::Progress& progress) {
    try {
      const auto info = to.restore(
          [this](std::uint8_t* bytes, std::size_t len) {
            const std::size_t got = read_some(read_end_.get(), bytes, len);
            // An end that is none must not look like one.
            if (got == 0 && trouble_after_join()) std::rethrow_exception(trouble_);
            return got;
          },
          progress);
      join();
      return info;
    } catch (...) {
      join();
      if (trouble_ != nullptr) std::rethrow_exception(trouble_);
      throw;
    }
  }

 private:
  void back_up(strongroom_abi::Session& from) noexcept {
    try {
      from.backup([this](std::string_view bytes) {
        write_some(write_end_.get(), bytes);
        return true;
      });
    } catch (const Hung&) {  // the restore tells why
    } catch (...) {
      trouble_ = std::current_exception();
    }
    write_end_.reset();
  }

  bool trouble_after_join() {
    if (thread_.joinable()) thread_.join();
    return trouble_ != nullptr;
  }

  void join() noexcept {
    read_end_.reset();
    if (thread_.joinable()) thread_.join();
  }

  UniqueFd read_end_;
  UniqueFd write_end_;
  std::exception_ptr trouble_;
  std::thread thread_;
};

int migrate_as_it_is(const Options& options) {
  Access from = open_sealed(options);
  if (!from.report.initialized()) {
    throw Failure(kExitNotInitialized,
                  "there is no store at " + std::string(from.report.url()) + " to migrate");
  }
  Access to = open_other(options.to, options);
  strongroom_backup_info info = STRONGROOM_BACKUP_INFO_INIT;
  {
    ProgressLine progress("Copying", ProgressLine::Unit::bytes);
    info = Copy(from.session).restore(to.session, progress.hear());
  }
  if (options.json) {
    print("{\"records\":" + std::to_string(info.num_records) + "}\n");
    return kExitOk;
  }
  print("Copied " + std::to_string(info.num_records) + " records to " +
        std::string(to.report.url()) + ". The same credentials open both stores.\n");
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
  print("\n" + std::to_string(num_secrets) + (num_secrets == 1 ? " secret is" : " secrets are") +
        " in " + std::string(to.report.url()) +
        " under fresh keys. The credentials above open it, the old ones do not.\n");
  return kExitOk;
}

}  // namespace

int migrate_command(const Options& options) {
  return options.rekey ? migrate_rekeyed(options) : migrate_as_it_is(options);
}

}  // namespace strongroom_cli
