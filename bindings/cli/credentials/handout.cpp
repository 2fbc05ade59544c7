// handout.cpp: new credentials; see handout.hpp.
#include "credentials/handout.hpp"

#include <unistd.h>

#include <utility>

#include "credentials/credentials.hpp"
#include "credentials/share_forms.hpp"
#include "store/failure.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Pending;
using strongroom_abi::Secret;

constexpr std::size_t kMaxPublicKeyLen = std::size_t{1} << 20;
constexpr const char* kUserId = "strongroom unseal key";

Secret with_newline(std::string_view text) {
  Secret line = copy_secret(text, text.size() + 1);
  line.writable()[text.size()] = '\n';
  return line;
}

const char* place_of(std::uint32_t kind) {
  return kind == STRONGROOM_SLOT_ENVIRONMENT ? "for the variable STRONGROOM_KEY"
                                             : "for the systemd credential strongroom.key";
}

// Sections writes paragraphs with an empty line between them.
class Sections {
 public:
  SecretOutput& begin() {
    if (std::exchange(any_, true)) out_.text("\n");
    return out_;
  }
  void flush() { out_.flush(); }

 private:
  SecretOutput out_;
  bool any_ = false;
};

}  // namespace

KeyRequest::KeyRequest(const NewCredentials& wanted, Access& access) : wanted_(wanted) {
  for (const std::string& file : wanted.pgp_key_files) read_public_key(file);
  if (!wanted.generated_key_file.empty() || wanted.escrow) make_pair(wanted, access);
  for (const Secret& key : public_keys_) borrowed_.push_back(strongroom_abi::bytes(key.reveal()));
  shares_ = wanted.shares;
  if (shares_ == 0) shares_ = static_cast<std::uint32_t>(borrowed_.size());
  if (shares_ == 0 && !wanted.key()) shares_ = 1;
  threshold_ = wanted.threshold != 0 || shares_ == 0 ? wanted.threshold : shares_ / 2 + 1;
}

void KeyRequest::read_public_key(const std::string& file) {
  const std::string name = "the OpenPGP key";
  Secret key = read_secret_text(file, kMaxPublicKeyLen, name);
  refuse_private_key(key.reveal(), name + " '" + file + "'");
  public_keys_.push_back(std::move(key));
}

// refuse_by_file_name throws "the OpenPGP key 'bob.asc' has expired" for "key 2 has expired", and returns if the
// error is about something else.
void KeyRequest::refuse_by_file_name(const strongroom_abi::Error& error) const {
  const std::string_view message = error.what();
  for (std::size_t i = 0; i < wanted_.pgp_key_files.size(); ++i) {
    const std::string number = "key " + std::to_string(i + 1) + " ";
    if (!message.starts_with(number)) continue;
    throw Failure(10 + error.status(), "the OpenPGP key " + name_of(wanted_.pgp_key_files[i]) +
                                           " " + std::string(message.substr(number.size())));
  }
}

void KeyRequest::make_pair(const NewCredentials& wanted, Access& access) {
  if (!wanted.generated_key_file.empty()) {
    refuse_beside_data(wanted.generated_key_file, "the private key", access.report);
  }
  auto pair = access.session.openpgp_pair(wanted.pgp_bits, kUserId);
  public_keys_.push_back(copy_secret(pair.public_key, pair.public_key.size()));
  private_key_ = std::move(pair.private_key);
}

strongroom_init_options KeyRequest::init_options(std::uint32_t max_secret_len) const {
  strongroom_init_options init = STRONGROOM_INIT_OPTIONS_INIT;
  init.shares = shares_;
  init.threshold = threshold_;
  init.key = wanted_.key() ? 1 : 0;
  init.key_kind = wanted_.key_kind;
  init.max_secret_len = max_secret_len;
  init.pgp_keys = borrowed_.data();
  init.num_pgp_keys = borrowed_.size();
  if (wanted_.escrow) {
    init.escrow = reinterpret_cast<const std::uint8_t*>(private_key_->reveal().data());
    init.escrow_len = private_key_->size();
  }
  return init;
}

strongroom_slots_options KeyRequest::slots_options() const {
  strongroom_slots_options slots = STRONGROOM_SLOTS_OPTIONS_INIT;
  slots.shares = shares_;
  slots.threshold = threshold_;
  slots.key = wanted_.key() ? 1 : 0;
  slots.key_kind = wanted_.key_kind;
  slots.pgp_keys = borrowed_.data();
  slots.num_pgp_keys = borrowed_.size();
  slots.verify = wanted_.verify ? 1 : 0;
  return slots;
}

Handout::Handout(const Pending& pending, const KeyRequest& request, const NewCredentials& wanted,
                 const Access& access)
    : pending_(pending), request_(request), wanted_(wanted) {
  if (!wanted.key_file.empty()) {
    refuse_beside_data(wanted.key_file, "the key file", access.report);
    files_.emplace_back(wanted.key_file, "the key file",
                        with_newline(pending.reveal_key()).reveal());
  }
  if (!wanted.generated_key_file.empty()) {
    files_.emplace_back(wanted.generated_key_file, "the private key",
                        request.private_key()->reveal());
  }
}

void Handout::print(bool json, bool new_store) const {
  if (json) {
    print_json(new_store);
  } else if (bare() && !new_store) {
    print_key();
  } else {
    print_text(new_store);
  }
  settle_output();
  if (!wanted_.escrow) return;
  complain(
      "warning: the private key that opens the store is kept in the store itself: everyone who "
      "gets a copy of the store has its secrets");
}

bool Handout::bare() const noexcept {
  return wanted_.key() && wanted_.key_file.empty() && wanted_.shares == 0 && !wanted_.pgp();
}

void Handout::print_key() const {
  SecretOutput out;
  out.text(pending_.reveal_key());
  out.text("\n");
  out.flush();
}

void Handout::print_json(bool new_store) const {
  SecretOutput out;
  out.text("{");
  if (new_store) out.text("\"store_id\":" + json_text(pending_.store_id()) + ",");
  out.text("\"keys\":[");
  const char* comma = "";
  for (const std::string_view share : pending_.reveal_shares()) {
    out.text(std::exchange(comma, ","));
    out.json_string(share);
  }
  std::string fingerprints;
  for (const auto& share : pending_.wrapped()) {
    out.text(std::exchange(comma, ",") + json_text(hex_text(share.message)));
    fingerprints += (fingerprints.empty() ? "" : ",") + json_text(hex_text(share.fingerprint));
  }
  out.text("]");
  if (!fingerprints.empty()) out.text(",\"pgp_fingerprints\":[" + fingerprints + "]");
  if (!wanted_.key_file.empty()) {
    out.text(",\"key_file\":" + json_text(wanted_.key_file));
  } else if (wanted_.key()) {
    out.text(",\"key\":");
    out.json_string(pending_.reveal_key());
  }
  out.text("}\n");
  out.flush();
}

void Handout::print_text(bool new_store) const {
  Sections out;
  if (new_store) out.begin().text("Store id: " + std::string(pending_.store_id()) + "\n");
  if (!pending_.wrapped().empty()) {
    print_wrapped(out.begin());
  } else if (!pending_.reveal_shares().empty()) {
    print_shares(out.begin());
  }
  if (!wanted_.generated_key_file.empty()) {
    out.begin().text("OpenPGP private key, without a passphrase: " + wanted_.generated_key_file +
                     "\nIt decrypts a share: keep it away from the store's backups.\n");
  }
  if (!wanted_.key_file.empty()) {
    out.begin().text("Key file: " + wanted_.key_file +
                     "\nIt opens the store: keep it away from the store's backups.\n");
  } else if (wanted_.key()) {
    SecretOutput& section = out.begin();
    section.text("Key, " + std::string(place_of(wanted_.key_kind)) + ":\n");
    section.text(pending_.reveal_key());
    section.text("\n\nIt opens the store. It is shown only once.\n");
  }
  out.flush();
}

void Handout::print_shares(SecretOutput& out) const {
  const auto shares = pending_.reveal_shares();
  const std::size_t count = shares.size();
  out.text("Shares:\n");
  for (const std::string_view share : shares) {
    out.text(share);
    out.text("\n");
  }
  out.text(count == 1 ? "\nThis share opens the store. It is shown only once: keep it safe.\n"
                      : "\nAny " + std::to_string(request_.threshold()) + " of these " +
                            std::to_string(count) +
                            " shares open the store. They are shown only once: give each to "
                            "another keeper.\n");
}

void Handout::print_wrapped(SecretOutput& out) const {
  const auto shares = pending_.wrapped();
  const std::size_t count = shares.size();
  out.text("Shares, each encrypted to the OpenPGP key of its keeper (fingerprint, message):\n");
  for (const auto& share : shares) {
    out.text(hex_text(share.fingerprint) + " " + hex_text(share.message) + "\n");
  }
  out.text(count == 1 ? "\nDecrypted, this share opens the store"
                      : "\nDecrypted, any " + std::to_string(request_.threshold()) + " of these " +
                            std::to_string(count) + " shares open the store");
  out.text(". The store keeps them as well: 'strongroom slots --wrapped'.\n");
}

void Handout::keep() {
  for (NewFile& file : files_) file.keep();
}

void Handout::failed(const strongroom_abi::Error& error) {
  // The change may have taken effect, and then nothing else opens the store.
  if (error.status() == STRONGROOM_INDETERMINATE) {
    keep();
    const Failure failure(10 + error.status(),
                          std::string(error.what()) +
                              "; keep the old credentials and the new ones, and "
                              "see 'strongroom status'");
    if (held_signal() != 0) complain(failure.what());  // the process ends by it before main reports
    throw failure;
  }
  throw Failure(10 + error.status(),
                std::string(error.what()) + "; the new credentials open nothing");
}

}  // namespace strongroom_cli
