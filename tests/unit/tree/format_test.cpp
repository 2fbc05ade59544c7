// The worked example of src/FORMAT.md, read from the page itself and opened by the engine.
#include <gtest/gtest.h>
#include <sodium.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "source_root.h"
#include "strongroom/credential.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/secrets.hpp"
#include "tests/support/barrier_fixture.hpp"

namespace strongroom::format_test {
namespace {

using Bytes = std::vector<std::uint8_t>;

// The example: a line with a name, then indented lines of hex.
std::map<std::string, Bytes> example() {
  std::ifstream page(STRONGROOM_SOURCE_ROOT "/src/FORMAT.md");
  std::map<std::string, Bytes> found;
  std::string line;
  std::string name;
  while (std::getline(page, line) && line != "## Worked example") {
  }
  bool inside = false;
  while (std::getline(page, line)) {
    if (line == "```") {
      inside = !inside;
    } else if (inside && line.rfind("    ", 0) == 0) {
      Bytes more(line.size());
      std::size_t len = 0;
      EXPECT_EQ(
          sodium_hex2bin(more.data(), more.size(), line.data(), line.size(), " ", &len, nullptr),
          0);
      found[name].insert(found[name].end(), more.begin(),
                         more.begin() + static_cast<std::ptrdiff_t>(len));
    } else if (inside) {
      name = line;
    }
  }
  return found;
}

class Format : public ::testing::Test {
 protected:
  std::map<std::string, Bytes> example_ = example();

  const Bytes& of(const std::string& name) {
    EXPECT_EQ(example_.count(name), 1u) << name;
    return example_[name];
  }

  StoreId store() {
    StoreId id{};
    std::copy_n(of("store id").begin(), id.size(), id.begin());
    return id;
  }

  Credential credential(const std::string& name) {
    std::string hex(of(name).size() * 2 + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), of(name).data(), of(name).size());
    return Credential::parse(SecretView(hex.data(), hex.size() - 1)).value();
  }

  Keyring keyring() {
    const Header header = Header::decode(of("header record")).value();
    const Credential key = credential("key file");
    const SecretBytes root = std::move(open_root(header, std::span(&key, 1)).value().root);
    return header.open_keyring(root.view()).value();
  }
};

TEST_F(Format, HeaderRecordOpensWithTheKeyFile) {
  const Header header = Header::decode(of("header record")).value();
  EXPECT_FALSE(header.damaged);
  EXPECT_FALSE(header.locked);
  EXPECT_EQ(header.store, store());
  EXPECT_EQ(header.generation, 1u);
  EXPECT_EQ(header.max_secret_len, 1'048'576u);
  ASSERT_EQ(header.slots.size(), 1u);
  EXPECT_EQ(header.slots[0].id, 2u);
  EXPECT_EQ(header.slots[0].created_ms, 1'700'000'000'000u);
  EXPECT_EQ(header.encode().value(), of("header record"));
  const Keyring held = keyring();
  EXPECT_EQ(held.active_term(), 1u);
  const SecretBytes slot_key = SecretBytes::copy_key(of("slot key")).value();
  EXPECT_TRUE(same_secret(held.slot(2).wrap_key, wrap_key_of(slot_key.view())->view()));
  EXPECT_EQ(held.next_slot(), 3u);
}

TEST_F(Format, KeysOfTheBackendAreTheseBytes) {
  const Keyring held = keyring();
  const RecordKey record = record_key(secret_location(held, "db/prod"));
  EXPECT_EQ(Bytes(record.begin(), record.end()), of("record key"));
  const Location root = directory_location(held, "");
  const Location db = directory_location(held, "db");
  EXPECT_EQ(entry_key(held, EntryKind::folder, root, "db"), of("folder entry"));
  EXPECT_EQ(entry_key(held, EntryKind::secret, db, "prod"), of("secret entry"));
  EXPECT_EQ(open_entry(held, EntryKind::folder, root, of("folder entry")), "db");
  EXPECT_EQ(open_entry(held, EntryKind::secret, db, of("secret entry")), "prod");
}

TEST_F(Format, EnvelopeOpensToTheSecret) {
  const Keyring held = keyring();
  const StoreId id = store();
  const Location location = secret_location(held, "db/prod");
  auto opened = open_envelope(held, {id, location}, of("envelope"));
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(testing::plain(opened->value), "hunter2");
  EXPECT_EQ(opened->kind, RecordKind::secret);
  EXPECT_EQ(opened->term, 1u);
  EXPECT_EQ(opened->revision, Revision(1));
  EXPECT_EQ(opened->metadata.content, Content::text);
  EXPECT_EQ(opened->metadata.created_ms, 1'700'000'000'000u);
  EXPECT_EQ(opened->metadata.changed_ms, 1'700'000'000'000u);
  EXPECT_EQ(of("envelope").size(), kEnvelopeOverhead + 7);
}

TEST_F(Format, PoliciesOpenToTheTextAndItsPlaceInTheIndex) {
  const Keyring held = keyring();
  EXPECT_EQ(held.policy_revision(), Revision(0));
  const StoreId id = store();
  const Location location = policy_location(held, "web");
  const RecordKey key = record_key(location);
  EXPECT_EQ(Bytes(key.begin(), key.end()), of("policy key"));
  auto text = open_envelope(held, {id, location}, of("policy"));
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(testing::plain(text->value), R"({"version": 1, "rules": []})");
  const Location index_location = policy_location(held, "");
  const RecordKey index_key = record_key(index_location);
  EXPECT_EQ(Bytes(index_key.begin(), index_key.end()), of("policy index key"));
  auto index = open_envelope(held, {id, index_location}, of("policy index"));
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ(index->revision, Revision(1));
  const auto entries = detail::decode_entries(index->value.reveal());
  ASSERT_TRUE(entries) << entries.error().message;
  EXPECT_EQ(entries.value(),
            (std::vector<PolicyEntry>{{"web", Revision(1), 1'700'000'000'000, 27}}));
}

TEST_F(Format, CredentialsReadAndWriteAsTheseDigits) {
  const Credential key = credential("key file");
  EXPECT_EQ(key.kind, Credential::Kind::key);
  EXPECT_EQ(key.store, store());
  EXPECT_EQ(key.slot, 2u);
  const Credential share = credential("share");
  EXPECT_EQ(share.kind, Credential::Kind::share);
  EXPECT_EQ(share.secret.reveal()[0], 5);
  for (const auto& [name, parsed] : {std::pair("key file", &key), std::pair("share", &share)}) {
    Bytes raw(of(name).size());
    const SecretBytes text = parsed->text().value();
    ASSERT_EQ(sodium_hex2bin(raw.data(), raw.size(), text.reveal_text().data(), text.size(),
                             nullptr, nullptr, nullptr),
              0);
    EXPECT_EQ(raw, of(name));
  }
}

}  // namespace
}  // namespace strongroom::format_test
