// audit_commands.cpp: audit verify.
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audit/chain.hpp"
#include "commands/groups.hpp"
#include "store/access.hpp"
#include "syntax/common_options.hpp"
#include "syntax/table.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

using strongroom_audit::HeadRecord;
using strongroom_audit::Parsed;
using strongroom_audit::Verifier;

constexpr Option kLogFiles = {.names = "FILE",
                              .kind = Kind::file,
                              .about = "The files of one log in any order, '-' for standard input",
                              .many = true};
constexpr Option kChainOnly =
    flag("--chain-only", "Do not compare with a store, also where STRONGROOM_STORE names one");
constexpr int kExitDamagedLog = 10 + STRONGROOM_CORRUPT;
constexpr int kExitReported = 3;

// HeadCheck compares the lines of a log with the head that the store has. The head is read before the end
// of the log, which may grow meanwhile.
class HeadCheck {
 public:
  explicit HeadCheck(const Options& options) {
    if (!options.store.empty() && !options.has(kChainOnly)) access_.emplace(open_unsealed(options));
  }

  void take(const Parsed& line) {
    if (!access_) return;
    if (!std::exchange(asked_, true)) ask(line);
    if (!record_) return;
    if (line.head.seq == record_->head.seq) differs_ = line.head.hash != record_->head.hash;
    if (line.head.seq > record_->head.seq) ++num_behind_;
  }

  bool compares() const noexcept { return access_.has_value(); }
  const std::optional<HeadRecord>& record() const noexcept { return record_; }
  std::uint64_t num_behind() const noexcept { return num_behind_; }

  // fault says what is wrong with a log whose chain is good; nothing if it has the head.
  std::optional<std::string> fault(const Verifier& log) const {
    if (!compares()) return {};
    if (!record_)
      return "the store has no head of the log of server " + log.instance() +
             "; is it another store?";
    const std::string head = "line " + std::to_string(record_->head.seq);
    if (differs_) return "the store has another head, " + head + ": lines were replaced";
    if (log.last().seq >= record_->head.seq) return {};
    const std::uint64_t missing = record_->head.seq - log.last().seq;
    return "it ends with line " + std::to_string(log.last().seq) +
           ", and the store has the head of " + head + ": " + std::to_string(missing) +
           (missing == 1 ? " line is" : " lines are") + " missing at the end";
  }

 private:
  void ask(const Parsed& first) {
    const std::string path = "audit/" + std::string(first.instance);
    try {
      record_ = strongroom_audit::parse_head(access_->session.record(path).reveal());
      if (!record_)
        throw Failure(kExitDamagedLog, "the record " + path + " in the store is no head");
    } catch (const strongroom_abi::Error& error) {
      if (error.status() != STRONGROOM_NOT_FOUND) throw;
    }
    if (record_ && first.event == strongroom_audit::kBegin &&
        first.previous.seq == record_->head.seq)
      differs_ = first.previous.hash != record_->head.hash;
  }

  std::optional<Access> access_;
  std::optional<HeadRecord> record_;
  bool asked_ = false;
  bool differs_ = false;
  std::uint64_t num_behind_ = 0;
};

// first_line_of returns the number of a file's first line; nothing if it is no file that can be read again.
std::optional<std::uint64_t> first_line_of(const std::string& name) {
  struct stat found {};
  if (name == "-" || ::stat(name.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return {};
  Input input(name, "the audit log");
  std::string start(strongroom_audit::kMaxLineLen, '\0');
  start.resize(input.read(reinterpret_cast<std::uint8_t*>(start.data()), start.size()));
  const auto line = strongroom_audit::parse(std::string_view(start).substr(0, start.find('\n')));
  if (!line) return {};
  return line->head.seq;
}

// in_order sorts the files by their first lines: a shell lists audit.log before audit.log.1. Where that cannot be, the
// order stays as it is.
std::vector<std::string> in_order(std::vector<std::string> names) {
  std::vector<std::pair<std::uint64_t, std::string>> files;
  for (const std::string& name : names) {
    const auto first = names.size() > 1 ? first_line_of(name) : std::nullopt;
    if (!first) return names;
    files.emplace_back(*first, name);
  }
  std::stable_sort(files.begin(), files.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = files[i].second;
  return names;
}

void pause_for_writer() {
  const timespec time{0, 20'000'000};
  ::nanosleep(&time, nullptr);
}

// read_log reads a file to its end. Where that is within a line, the server may be writing it just now.
void read_log(const std::string& name, Verifier& verifier) {
  constexpr int kLooks = 10;
  Input input(name, "the audit log");
  verifier.begin_file(input.name());
  std::array<std::uint8_t, std::size_t{64} << 10> bytes;
  for (int look = 0; look < kLooks; ++look) {
    while (const std::size_t len = input.read(bytes.data(), bytes.size())) {
      look = 0;
      if (!verifier.feed({reinterpret_cast<const char*>(bytes.data()), len})) return;
    }
    if (!verifier.is_in_line()) break;
    pause_for_writer();
  }
  verifier.end_file();
}

std::string time_of(const strongroom_audit::Head& head) {
  strongroom_audit::TimeText text;
  return std::string(text.of(head.time_us));
}

std::string line_of_log(const std::string& file, std::uint64_t line) {
  return file + ", line " + std::to_string(line);
}

std::string note_text(const strongroom_audit::Note& note) {
  const std::string number = std::to_string(note.number);
  const std::string place = line_of_log(note.file, note.line) + ": ";
  if (note.event == strongroom_audit::kCut)
    return place + "an unfinished line of " + number + " bytes was removed after a crash";
  if (note.event == strongroom_audit::kLost)
    return place + number + " requests before it were served without a line";
  if (note.event == strongroom_audit::kBroken)
    return place + "the server found that the line before it was changed, or what precedes that";
  return place + "the server found lines replaced or missing: the store had the head of line " +
         number;
}

// tail_seconds is how long after the head of the store the log ends.
std::string tail_seconds(const Verifier& log, const HeadRecord& record) {
  const std::int64_t us = std::max<std::int64_t>(log.last().time_us - record.head.time_us, 0);
  const std::string micros = std::to_string(1'000'000 + us % 1'000'000);
  return std::to_string(us / 1'000'000) + "." + micros.substr(1, 3);
}

std::string head_text(const Verifier& log, const HeadCheck& heads) {
  if (!heads.compares()) {
    return "Not compared with a store: lines that are missing at the end do not show, nor a log "
           "that was "
           "written anew.\n";
  }
  const HeadRecord& record = *heads.record();
  std::string text = "The store has the head of line " + std::to_string(record.head.seq);
  if (heads.num_behind() == 0) return text + ", the last one.\n";
  return text + ". It does not protect the " + std::to_string(heads.num_behind()) +
         " lines after it, of " + tail_seconds(log, record) + " s.\n";
}

std::string text_of(const Verifier& log, const HeadCheck& heads) {
  std::string text = "Good: " + std::to_string(log.num_lines()) + " lines of server " +
                     log.instance() + ", from " + time_of(log.first()) + " to " +
                     time_of(log.last()) + ".\n";
  if (log.first().seq > 1) {
    text += "The lines before number " + std::to_string(log.first().seq) +
            " are in older files, which were not given.\n";
  }
  text += head_text(log, heads);
  for (const auto& note : log.notes()) text += printable(note_text(note)) + "\n";
  return text;
}

std::string head_json(const Verifier& log, const HeadCheck& heads) {
  if (!heads.record()) return "null";
  const HeadRecord& record = *heads.record();
  const std::uint64_t last = log.last().seq;
  const std::uint64_t missing = record.head.seq > last ? record.head.seq - last : 0;
  return "{\"seq\":" + std::to_string(record.head.seq) +
         ",\"time\":" + json_text(time_of(record.head)) +
         ",\"hash\":" + json_text(strongroom_audit::hex_of(record.head.hash)) +
         ",\"breaks\":" + std::to_string(record.breaks) +
         ",\"lines_missing\":" + std::to_string(missing) +
         ",\"lines_after\":" + std::to_string(heads.num_behind()) +
         ",\"seconds_after\":" + tail_seconds(log, record) + "}";
}

std::string notes_json(const Verifier& log) {
  std::string json;
  for (const auto& note : log.notes()) {
    json += std::string(json.empty() ? "" : ",") + "{\"file\":" + json_text(note.file) +
            ",\"line\":" + std::to_string(note.line) + ",\"event\":" + json_text(note.event) +
            ",\"number\":" + std::to_string(note.number) + "}";
  }
  return "[" + json + "]";
}

std::string fault_json(const Verifier& log, const std::optional<std::string>& differs) {
  if (log.fault()) {
    return "{\"file\":" + json_text(log.fault()->file) +
           ",\"line\":" + std::to_string(log.fault()->line) +
           ",\"why\":" + json_text(log.fault()->why) + "}";
  }
  return differs ? "{\"file\":null,\"line\":null,\"why\":" + json_text(*differs) + "}" : "null";
}

std::string json_of(const Verifier& log, const HeadCheck& heads,
                    const std::optional<std::string>& differs) {
  return "{\"instance\":" + json_text(log.instance()) +
         ",\"lines\":" + std::to_string(log.num_lines()) +
         ",\"first_seq\":" + std::to_string(log.first().seq) +
         ",\"last_seq\":" + std::to_string(log.last().seq) +
         ",\"first_time\":" + json_text(time_of(log.first())) +
         ",\"last_time\":" + json_text(time_of(log.last())) +
         ",\"last_hash\":" + json_text(strongroom_audit::hex_of(log.last().hash)) +
         ",\"events\":" + notes_json(log) + ",\"fault\":" + fault_json(log, differs) +
         ",\"compared\":" + (heads.compares() ? "true" : "false") +
         ",\"head\":" + head_json(log, heads) + "}\n";
}

// fail_with throws what is wrong with the log, in one sentence.
void fail_with(const Verifier& log, const std::string& last_file,
               const std::optional<std::string>& differs) {
  if (const auto& fault = log.fault())
    throw Failure(kExitDamagedLog, line_of_log(fault->file, fault->line) + ": " + fault->why);
  if (differs) throw Failure(kExitDamagedLog, last_file + ": " + *differs);
}

int run_audit_verify(const Options& options) {
  const std::vector<std::string> names = in_order(options.texts(kLogFiles));
  HeadCheck heads(options);
  Verifier log([&](const Parsed& line) { heads.take(line); });
  for (const std::string& name : names) {
    if (!log.fault()) read_log(name, log);
  }
  const auto differs = log.fault() ? std::nullopt : heads.fault(log);
  if (options.has(kJson)) {
    print(json_of(log, heads, differs));
    if (log.fault() || differs) return kExitDamagedLog;
  } else {
    fail_with(log, names.back(), differs);
    print(text_of(log, heads));
  }
  return log.num_alarms() > 0 ? kExitReported : kExitOk;
}

}  // namespace

constexpr const char* kAuditHelp =
    R"(Each line of the audit log has a hash over the line before it, and the store keeps the last one.

Example:
  strongroom audit verify /var/log/strongroomd/audit.log*)";

const Command audit_command("audit", kAuditGroup, "Check the audit log of strongroomd", kAuditHelp);

constexpr const char* kAuditVerifyHelp =
    R"(Names the first line that is bad or missing. The chain of hashes shows what was changed, removed or
moved, but not that lines were cut off at the end, or that all was written anew: this shows when a
store is named and can be unsealed, which keeps the head of the log. The last second may be missing
in the head. Rotated files may be given together, or their content as one.
Exit status: 0 good; 3 good, but lines report that requests were served without a line, or that
others were missing or changed before; 20 the log is damaged or not the one of the store.

Examples:
  strongroom audit verify audit.log --store zk://host:2181/strongroom --key-file strongroom.key
  strongroom audit verify /var/log/strongroomd/audit.log* --chain-only
  zcat audit.log.2.gz audit.log.1.gz | cat - audit.log | strongroom audit verify - --json)";

const Command audit_verify_command("audit verify", kAuditGroup, "Check that nothing was changed",
                                   kAuditVerifyHelp, {&kLogFiles, &kChainOnly, &kJson},
                                   run_audit_verify, Needs::perhaps_store);

}  // namespace strongroom_cli
