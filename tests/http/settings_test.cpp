#include "settings/settings.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

#include "support/scratch.hpp"

namespace strongroomd::settings_test {

namespace fs = std::filesystem;

Invocation parse(std::initializer_list<const char*> words) {
  std::vector<const char*> argv = {"strongroomd"};
  argv.insert(argv.end(), words);
  return parse_settings(static_cast<int>(argv.size()), argv.data());
}

// why_not returns the message of a command line that is refused, or "".
std::string why_not(std::initializer_list<const char*> words) {
  try {
    parse(words);
  } catch (const SettingsError& error) {
    return error.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// ---- the command line ----

TEST(Settings, AStateDirectoryIsAllThatIsNeeded) {
  const Invocation done = parse({"--state-dir", "/var/lib/srd/"});
  EXPECT_EQ(done.task, Task::serve);
  Settings expected;
  expected.state_dir = "/var/lib/srd";
  expected.store = "lmdb:/var/lib/srd/store";
  expected.listen = {"127.0.0.1:1337"};
  EXPECT_EQ(done.settings, expected);
  EXPECT_TRUE(has(why_not({}), "--state-dir DIR"));
  EXPECT_TRUE(has(why_not({"--store", "lmdb:/s"}), "--state-dir DIR"));
}

TEST(Settings, EveryOptionIsTaken) {
  const Settings all =
      parse({"--state-dir=/s", "--store", "zk://a:1,b:2/root", "--zk-auth-file=/zk", "--listen",
             "0.0.0.0:80", "--listen=unix:/run/s.socket", "--listen", "[::1]:0", "--tls-cert", "/c",
             "--tls-key", "/k", "--allow-plain", "--key-file", "/key", "--bootstrap",
             "--escrow-in-store"})
          .settings;
  Settings expected;
  expected.state_dir = "/s";
  expected.store = "zk://a:1,b:2/root";
  expected.zk_auth_file = "/zk";
  expected.listen = {"0.0.0.0:80", "unix:/run/s.socket", "[::1]:0"};
  expected.tls = {"/c", "/k", ""};
  expected.allow_plain = expected.bootstrap = expected.escrow_in_store = true;
  expected.key_file = "/key";
  EXPECT_EQ(all, expected);
}

TEST(Settings, ARelativeStateDirectoryBecomesAbsolute) {
  const Settings settings = parse({"--state-dir", "state/../srd"}).settings;
  EXPECT_EQ(settings.state_dir, (fs::current_path() / "srd").string());
  EXPECT_EQ(settings.store, "lmdb:" + settings.state_dir + "/store");
  EXPECT_TRUE(has(why_not({"--state-dir", "/what?"}), "--store"));
  EXPECT_EQ(why_not({"--state-dir", "/what?", "--store", "lmdb:/s"}), "");
}

TEST(Settings, OtherTasksNeedNoSettings) {
  EXPECT_EQ(parse({"--help"}).task, Task::help);
  EXPECT_EQ(parse({"-h"}).task, Task::help);
  EXPECT_EQ(parse({"--bootstrap", "--help"}).task, Task::help);
  EXPECT_EQ(parse({"--version"}).task, Task::version);
  EXPECT_EQ(parse({"hash-password"}).task, Task::hash_password);
  EXPECT_EQ(parse({"hash-password", "--help"}).task, Task::help);
  EXPECT_NE(why_not({"hash-password", "hunter2"}), "");
  EXPECT_NE(why_not({"hash-password", "--bootstrap"}), "");
  EXPECT_NE(why_not({"--bootstrap", "hash-password"}), "");
  EXPECT_THROW(parse_settings(0, nullptr), SettingsError);
}

TEST(Settings, WhatIsUnknownIsRefusedWithASuggestion) {
  EXPECT_TRUE(has(why_not({"--state-dirs", "/s"}), "did you mean --state-dir?"));
  EXPECT_TRUE(has(why_not({"--listne=127.0.0.1:1"}), "did you mean --listen?"));
  EXPECT_TRUE(has(why_not({"hash-pasword"}), "did you mean hash-password?"));
  EXPECT_TRUE(has(why_not({"--frobnicate"}), "see strongroomd --help"));
  for (const char* const word : {"-s", "-", "--", "---", "", "--=x", "-state-dir"})
    EXPECT_NE(why_not({"--state-dir", "/s", word}), "") << word;
  EXPECT_FALSE(has(why_not({"Hunter2!"}), "Hunter2")) << "it may be a secret";
  EXPECT_FALSE(has(why_not({"--Hunter2!=x"}), "Hunter2"));
}

TEST(Settings, ValuesAreNeededOrRefused) {
  EXPECT_TRUE(has(why_not({"--state-dir"}), "--state-dir DIR"));
  EXPECT_TRUE(has(why_not({"--state-dir", ""}), "needs a value"));
  EXPECT_TRUE(has(why_not({"--state-dir="}), "needs a value"));
  EXPECT_TRUE(has(why_not({"--state-dir", "/s", "--bootstrap=yes"}), "no value"));
  EXPECT_TRUE(has(why_not({"--state-dir", "/s", "--state-dir", "/t"}), "twice"));
  EXPECT_TRUE(has(why_not({"--state-dir", "/s", "--bootstrap", "--bootstrap"}), "twice"));
  EXPECT_NE(why_not({"--state-dir", "/s\nx"}), "");
}

TEST(Settings, TheHelpNamesEveryOption) {
  const std::string help = settings_help();
  for (const char* const option :
       {"--state-dir DIR", "--store URL", "--zk-auth-file FILE", "--listen ADDRESS",
        "--tls-cert FILE", "--tls-key FILE", "--allow-plain", "--key-file FILE", "--bootstrap",
        "--escrow-in-store", "--config FILE", "--help", "--version", "hash-password"})
    EXPECT_TRUE(has(help, option)) << option;
  std::size_t longest = 0;
  for (std::size_t at = 0, end = 0; (end = help.find('\n', at)) != std::string::npos; at = end + 1)
    longest = std::max(longest, end - at);
  EXPECT_LE(longest, 110u);
}

// ---- addresses ----

TEST(Settings, AddressesAreTakenApart) {
  auto address = parse_listen("127.8.9.1:1337");
  EXPECT_TRUE(address.is_loopback && !address.is_ipv6 && !address.is_unix);
  EXPECT_EQ(address.host, "127.8.9.1");
  EXPECT_EQ(address.port, 1337);
  address = parse_listen("[::1]:65535");
  EXPECT_TRUE(address.is_loopback && address.is_ipv6);
  EXPECT_EQ(address.host, "::1");
  EXPECT_EQ(address.port, 65535);
  EXPECT_FALSE(parse_listen("0.0.0.0:0").is_loopback);
  EXPECT_FALSE(parse_listen("[::]:1").is_loopback);
  EXPECT_FALSE(parse_listen("[::ffff:127.0.0.1]:1").is_loopback);
  EXPECT_FALSE(parse_listen("128.0.0.1:1").is_loopback);
  address = parse_listen("unix:/run/a b");
  EXPECT_TRUE(address.is_unix);
  EXPECT_EQ(address.host, "/run/a b");
}

TEST(Settings, WhatIsNoAddressIsRefused) {
  for (const char* const text : {"",
                                 ":",
                                 ":1337",
                                 "1337",
                                 "localhost:1337",
                                 "127.0.0.1",
                                 "127.0.0.1:",
                                 "127.0.0.1:65536",
                                 "127.0.0.1:99999999999999999999",
                                 "127.0.0.1:-1",
                                 "127.0.0.1: 1",
                                 "127.0.0.1:1x",
                                 "127.1:1337",
                                 "0x7f.0.0.1:1",
                                 " 127.0.0.1:1",
                                 "::1:1337",
                                 "[::1]",
                                 "[::1]1337",
                                 "[::1]:",
                                 "[]:1",
                                 "[::1:1",
                                 "[fe80::1%eth0]:1",
                                 "unix:",
                                 "unix:run/s",
                                 "unix:/",
                                 "unix:/run/",
                                 "http://127.0.0.1:1"})
    EXPECT_THROW(parse_listen(text), SettingsError) << text;
  EXPECT_NO_THROW(parse_listen("unix:/" + std::string(106, 'a')));
  EXPECT_THROW(parse_listen("unix:/" + std::string(107, 'a')), SettingsError);
}

TEST(Settings, SecretsPassInClearOnlyWhereThatWasSaid) {
  EXPECT_TRUE(has(why_not({"--state-dir", "/s", "--listen", "0.0.0.0:1"}), "--tls-cert"));
  EXPECT_NE(why_not({"--state-dir", "/s", "--listen", "[::]:1"}), "");
  EXPECT_NE(why_not({"--state-dir", "/s", "--listen", "127.0.0.1:1", "--listen", "10.0.0.1:1"}),
            "");
  EXPECT_EQ(why_not({"--state-dir", "/s", "--listen", "0.0.0.0:1", "--allow-plain"}), "");
  EXPECT_EQ(
      why_not({"--state-dir", "/s", "--listen", "0.0.0.0:1", "--tls-cert", "c", "--tls-key", "k"}),
      "");
  EXPECT_EQ(why_not({"--state-dir", "/s", "--listen", "unix:/run/s"}), "");
  EXPECT_TRUE(
      has(why_not({"--state-dir", "/s", "--listen", "[::1]:1", "--listen", "[::1]:1"}), "twice"));
}

// ---- what belongs together ----

TEST(Settings, WhatOneSettingNeedsOfAnotherIsChecked) {
  EXPECT_NE(why_not({"--state-dir", "/s", "--tls-cert", "c"}), "");
  EXPECT_NE(why_not({"--state-dir", "/s", "--tls-key", "k"}), "");
  EXPECT_NE(why_not({"--state-dir", "/s", "--escrow-in-store"}), "");
  EXPECT_NE(why_not({"--state-dir", "/s", "--zk-auth-file", "f"}), "");
  Settings settings;
  settings.state_dir = "/s";
  settings.tls.client_ca_file = "ca";
  EXPECT_THROW(complete_settings(settings), SettingsError);
  settings.tls = {"c", "k", ""};
  EXPECT_NO_THROW(complete_settings(settings));
  settings.certificates = {{"spiffe://a", "", "user:a"}};
  EXPECT_THROW(complete_settings(settings), SettingsError);
  settings.tls.client_ca_file = "ca";
  EXPECT_NO_THROW(complete_settings(settings));
  settings.unix_peers = {{0, "trusted"}};
  EXPECT_THROW(complete_settings(settings), SettingsError);
  settings.listen = {"unix:/run/s"};
  EXPECT_NO_THROW(complete_settings(settings));
}

// ---- over the file ----

TEST(Settings, OptionsOverrideTheFile) {
  const strongroom::testing::Scratch scratch;
  const std::string file = scratch.path() / "strongroomd.toml";
  std::ofstream(file) << "state_dir = '/file'\nlisten = ['127.0.0.1:1', '127.0.0.1:2']\n"
                         "key_file = '/file/key'\nbootstrap = true\n";
  const Settings from_file = parse({"--config", file.c_str()}).settings;
  EXPECT_EQ(from_file.state_dir, "/file");
  EXPECT_EQ(from_file.store, "lmdb:/file/store");
  EXPECT_EQ(from_file.listen.size(), 2u);
  const Settings both = parse({"--listen", "127.0.0.1:3", "--listen", "127.0.0.1:4", "--config",
                               file.c_str(), "--state-dir", "/option"})
                            .settings;
  EXPECT_EQ(both.listen, (std::vector<std::string>{"127.0.0.1:3", "127.0.0.1:4"}));
  EXPECT_EQ(both.state_dir, "/option");
  EXPECT_EQ(both.store, "lmdb:/option/store");
  EXPECT_EQ(both.key_file, "/file/key");
  EXPECT_TRUE(both.bootstrap);
  EXPECT_TRUE(has(why_not({"--config", "/nonexistent/file"}), "/nonexistent/file"));
}

TEST(Settings, AFileThatOthersCanChangeIsRefused) {
  const strongroom::testing::Scratch scratch;
  const std::string file = scratch.path() / "strongroomd.toml";
  std::ofstream(file) << "state_dir = '/file'\n";
  for (const unsigned mode : {0622u, 0620u, 0602u}) {
    fs::permissions(file, fs::perms(mode));
    EXPECT_TRUE(has(why_not({"--config", file.c_str()}), "chmod go-w")) << mode;
  }
  fs::permissions(file, fs::perms(0644));
  EXPECT_EQ(why_not({"--config", file.c_str()}), "");
  EXPECT_TRUE(has(why_not({"--config", scratch.path().c_str()}), "regular file"));
  fs::resize_file(file, (1 << 20) + 1);
  EXPECT_TRUE(has(why_not({"--config", file.c_str()}), "1 MiB"));
}

}  // namespace strongroomd::settings_test
