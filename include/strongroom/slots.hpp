// slots.hpp: the unseal slots of a store: what opens them, how they are requested, what people receive.
//
// Each slot has a random key, which wraps the root key. The credential is that key itself (key file,
// environment, systemd credential) or shares of it, in clear or wrapped to OpenPGP keys. Any one slot
// opens the store.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

struct NewSlot;  // private to the engine

inline constexpr std::uint32_t kDefaultMaxSecretLen = 1'048'576;
inline constexpr std::uint32_t kMaxMaxSecretLen = 64u << 20;

// SlotKind says what opens a slot, and where a person finds it. A slot of a kind that this program does
// not know is kept unchanged.
enum class SlotKind : std::uint8_t {
  shares = 1,             // threshold of its shares
  key = 2,                // a key file
  wrapped_shares = 3,     // shares, each wrapped to somebody's OpenPGP key and kept in the slot
  environment = 4,        // a key passed in an environment variable
  system_credential = 5,  // a key passed by systemd (LoadCredential=)
};

constexpr bool has_shares(SlotKind kind) noexcept {
  return kind == SlotKind::shares || kind == SlotKind::wrapped_shares;
}
constexpr bool has_key(SlotKind kind) noexcept {
  return kind == SlotKind::key || kind == SlotKind::environment ||
         kind == SlotKind::system_credential;
}

// Handout is what people receive before a change takes effect. Texts are secrets, in key memory.
struct Handout {
  std::vector<SecretBytes> shares;    // one line of hex each; none where they were wrapped
  std::vector<WrappedShare> wrapped;  // one per OpenPGP key, in their order
  SecretBytes key_file;               // one line of hex, or empty
};

// InitOptions say what will open the new store: shares, a key, or both.
struct InitOptions {
  unsigned shares = 0;     // 1..255, or 0 for no slot of shares
  unsigned threshold = 0;  // 1..shares
  bool key_file = false;
  std::uint32_t max_secret_len = kDefaultMaxSecretLen;  // bytes, up to 64 MiB
  SlotKind key_kind = SlotKind::key;                    // where that key will be kept
  std::vector<std::vector<std::uint8_t>> pgp_keys{};    // none, or one public key per share
};

// PendingInit is a store that does not exist yet: hand its credentials out, then activate it.
// Dropping it leaves no trace.
struct PendingInit : Handout {
  StoreId store{};
  std::vector<std::uint8_t> record;  // the future header
  SecretBytes escrow;                // an OpenPGP private key to keep next to the data, or empty
  SecretBytes root;                  // to fill the store before it exists: see Session::migrate
};

// SlotChange says which slots to add and which to remove, in one commit.
struct SlotChange {
  unsigned shares = 0;  // of a new slot of shares; as in InitOptions
  unsigned threshold = 0;
  bool key_file = false;
  SlotKind key_kind = SlotKind::key;
  std::vector<std::vector<std::uint8_t>> pgp_keys;
  std::vector<SlotId> remove;
  std::optional<bool> new_keys;  // rotate root and data key; unset: only when a slot is removed
  bool verify = false;           // the new credentials must be given back before they take effect
};

// PendingSlots is a change of the slots that has not happened yet: hand its credentials out, verify them
// where that was requested, then activate it. Until then the old slots stay in effect. Dropping it, or
// ending the process, discards the change.
struct PendingSlots : Handout {
  std::shared_ptr<std::vector<NewSlot>> add;  // never null after prepare_slots
  std::vector<SlotId> remove;
  bool new_keys = false;
  bool verify = false;
  StoreId store{};
  Digest table{};                      // of the slots for which this was prepared
  std::vector<Credential> given_back;  // shares, so far
  std::vector<SlotId> verified;        // whose credentials were given back

  // ready returns whether the change may be activated: all that had to be given back was given back.
  bool ready() const noexcept;
};

// UnsealProgress says how far a round of shares is. Of several slots of shares, it describes the one
// that is nearest to opening.
struct UnsealProgress {
  bool unsealed = false;
  unsigned progress = 0;  // good, different shares so far
  unsigned threshold = 0;
  unsigned shares = 0;
};

// prepare_init makes all keys of a new store, and writes nothing anywhere.
//
// pgp     wraps the shares where there are OpenPGP keys; may be null where there are none.
// Errors  invalid: no slot, or a threshold that its shares cannot meet, or an OpenPGP key that cannot
//         be used.  unsupported: no OpenPGP.  unavailable: no key memory.
Result<PendingInit> prepare_init(const InitOptions& options, OpenPgp* pgp = nullptr);

// give_back takes one credential that was handed out, to confirm that it arrived. What has to be given
// back is a threshold of the new shares (any of them), and the new key.
// Errors  denied: it is not one of the new credentials.
Result<void> give_back(PendingSlots& pending, Credential credential);

}  // namespace strongroom
