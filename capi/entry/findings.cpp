// findings.cpp: reports what is wrong with a store and its host, or soon will be.
#include <string>
#include <string_view>
#include <utility>

#include "guard.hpp"
#include "strongroom/doctor.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

static_assert(STRONGROOM_FINDING_GOOD == static_cast<int>(Finding::Level::good));
static_assert(STRONGROOM_FINDING_NOTE == static_cast<int>(Finding::Level::note));
static_assert(STRONGROOM_FINDING_WARNING == static_cast<int>(Finding::Level::warning));
static_assert(STRONGROOM_FINDING_DANGER == static_cast<int>(Finding::Level::danger));

constexpr std::size_t kMaxKeyFiles = 1000;

// storage_directory returns the directory of an lmdb: URL, or an empty string for any other URL.
std::string storage_directory(std::string_view url) {
  constexpr std::string_view kScheme = "lmdb:";
  if (!url.starts_with(kScheme)) return {};
  url.remove_prefix(kScheme.size());
  return std::string(url.substr(0, url.find('?')));
}

Result<Examination> examination_of(const strongroom_store& store, const char* const* key_files,
                                   std::size_t num) {
  if (key_files == nullptr && num > 0) return was_null("key_files");
  if (num > kMaxKeyFiles) return Error{Code::too_large, "more than 1,000 key files were given"};
  Examination examination;
  examination.url = store.url;
  examination.storage_directory = storage_directory(store.url);
  for (std::size_t i = 0; i < num; ++i) {
    STRONGROOM_ASSIGN(name, text_of(key_files[i], "a key file's name"));
    examination.key_files.emplace_back(name);
  }
  return examination;
}

// findings_of_store returns findings even if the store cannot be read: then there is one, with the
// reason. That is when people call the doctor.
std::vector<Finding> findings_of_store(const strongroom_store& store) {
  auto status = store.store.status();
  if (status) return examine_store(status.value(), store.anchored);
  const Code code = status.error().code;
  const bool header = code == Code::corrupt || code == Code::unsupported || code == Code::rollback;
  return {{Finding::Level::danger, header ? "header" : "storage", status.error().message,
           header ? "restore a backup (strongroom restore), into another storage first"
                  : "repair the storage, then run the doctor again"}};
}

}  // namespace

strongroom_status strongroom_doctor(strongroom_store* store, const char* const* key_files,
                                    size_t num_key_files, strongroom_findings** out,
                                    strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_findings>> {
    STRONGROOM_TRY(check_handle(store, "store"));
    STRONGROOM_ASSIGN(examination, examination_of(*store, key_files, num_key_files));
    auto findings = std::make_unique<strongroom_findings>();
    findings->found = examine_host(examination);
    for (Finding& each : findings_of_store(*store)) findings->found.push_back(std::move(each));
    return findings;
  });
}

size_t strongroom_findings_size(const strongroom_findings* findings) noexcept {
  return size_of(
      findings, [](const auto& each) -> auto& { return each.found; });
}

strongroom_status strongroom_findings_at(const strongroom_findings* findings, size_t index,
                                         strongroom_finding* out_finding,
                                         strongroom_error** out_error) noexcept {
  return item_at(
      findings, "findings", index, out_finding, strongroom_finding STRONGROOM_FINDING_INIT,
      out_error, [](const auto& each) -> auto& { return each.found; },
      [](const Finding& found, strongroom_finding& filled) {
        filled.level = static_cast<uint32_t>(found.level);
        filled.check = found.check.c_str();
        filled.what = found.what.c_str();
        filled.advice = found.advice.c_str();
      });
}

void strongroom_findings_free(strongroom_findings* findings) noexcept {
  release(findings);
}
