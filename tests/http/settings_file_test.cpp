#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "settings/settings.hpp"
#include "source_root.h"

namespace strongroomd::settings_file_test {

Settings read(const std::string& text) {
  Settings settings;
  read_settings_text(text, "f.toml", settings);
  return settings;
}

std::string why_not(const std::string& text) {
  try {
    read(text);
  } catch (const SettingsError& error) {
    return error.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(SettingsFile, EveryMemberCanBeSet) {
  const Settings settings = read(R"(
state_dir = "/s"
store = "zk://a:1/r"
zk_auth_file = "/zk"
listen = ["0.0.0.0:1", "unix:/u"]
allow_plain = true
allow_dots = true
bootstrap = true
escrow_in_store = true
key_file = "/k"
threads = 3
[tls]
cert_file = "c"
key_file = "k"
client_ca_file = "ca"
[audit]
enabled = false
file = "/a"
serve_without = true
hash_paths = true
[jwt]
key_files = ["j", "jj"]
algorithm = "ES256"
user_claim = "sub"
issuer = "i"
audience = "au"
skew_s = 0
[jwt.identities]
alice = "administrator:alice"
"a b" = "trusted"
[login]
users_file = "u"
token_lifetime_s = 60
service_keys = { web = "w.pem" }
[[certificates]]
uri = "spiffe://a"
identity = "service:a@/g"
[[certificates]]
subject = "CN=a"
identity = "user:a+group:g"
[[unix_peers]]
uid = 4294967294
identity = "trusted"
[limits]
connections = 100000
body_bytes = 4096
header_bytes = 1024
request_timeout_s = 1
memory_bytes = 1099511627776
)");
  Settings all;
  all.state_dir = "/s";
  all.store = "zk://a:1/r";
  all.zk_auth_file = "/zk";
  all.listen = {"0.0.0.0:1", "unix:/u"};
  all.allow_plain = all.allow_dots = all.bootstrap = all.escrow_in_store = true;
  all.key_file = "/k";
  all.threads = 3;
  all.tls = {"c", "k", "ca"};
  all.audit = {"/a", false, true, true};
  all.jwt = {{"j", "jj"},
             "ES256",
             "sub",
             "i",
             "au",
             0,
             {{"alice", "administrator:alice"}, {"a b", "trusted"}}};
  all.login = {"u", {{"web", "w.pem"}}, 60};
  all.certificates = {{"spiffe://a", "", "service:a@/g"}, {"", "CN=a", "user:a+group:g"}};
  all.unix_peers = {{4294967294u, "trusted"}};
  all.limits = {100000, 4096, 1024, 1, std::size_t{1} << 40};
  EXPECT_EQ(settings, all);
}

TEST(SettingsFile, WhatIsNotThereStaysAsItWas) {
  EXPECT_EQ(read(""), Settings{});
  EXPECT_EQ(read("# nothing\n[limits]\n[tls]\n[jwt]\n"), Settings{});
  Settings settings;
  settings.key_file = "/k";
  settings.limits.connections = 7;
  read_settings_text("threads = 2\n[limits]\nheader_bytes = 2048\n", "f", settings);
  EXPECT_EQ(settings.key_file, "/k");
  EXPECT_EQ(settings.limits.connections, 7u);
  EXPECT_EQ(settings.limits.header_bytes, 2048u);
}

TEST(SettingsFile, UnknownKeysAreRefusedWithTheirLineAndASuggestion) {
  EXPECT_EQ(why_not("\nstate-dir = '/s'\n"),
            "f.toml, line 2: unknown key 'state-dir'; did you mean state_dir?");
  EXPECT_EQ(why_not("[limits]\nconnection = 1\n"),
            "f.toml, line 2: unknown key 'connection' in [limits]; did you mean connections?");
  EXPECT_TRUE(has(why_not("[limit]\n"), "did you mean limits?"));
  EXPECT_TRUE(has(why_not("[[certificate]]\n"), "did you mean certificates?"));
  EXPECT_TRUE(has(why_not("zk_auth = 'user:password'\n"), "did you mean zk_auth_file?"));
  EXPECT_FALSE(has(why_not("zk_auth = 'user:password'\n"), "user:password"));
  EXPECT_TRUE(has(why_not("[tls]\n\nkeyfile = 'k'\n"), "line 3"));
  EXPECT_TRUE(has(why_not("[limits.more]\nx = 1\n"), "unknown key"));
  EXPECT_FALSE(has(why_not("'Hunter2!\\u001b' = 1\n"), "Hunter2"));
}

TEST(SettingsFile, WrongTypesAreRefusedWithTheirLine) {
  EXPECT_EQ(why_not("\n\nstore = 5\n"), "f.toml, line 3: 'store' must be a text in quotes");
  EXPECT_TRUE(has(why_not("bootstrap = 'true'"), "line 1: 'bootstrap' must be true or false"));
  EXPECT_TRUE(has(why_not("bootstrap = 1"), "true or false"));
  EXPECT_TRUE(has(why_not("listen = '127.0.0.1:1'"), "list of texts"));
  EXPECT_TRUE(has(why_not("listen = ['127.0.0.1:1', 2]"), "text in quotes"));
  EXPECT_TRUE(has(why_not("threads = 1.0"), "whole number"));
  EXPECT_TRUE(has(why_not("threads = '1'"), "whole number"));
  EXPECT_TRUE(has(why_not("threads = true"), "whole number"));
  EXPECT_TRUE(has(why_not("tls = 'c'"), "must be a section: [tls]"));
  EXPECT_TRUE(has(why_not("[[tls]]\ncert_file = 'c'"), "must be a section: [tls]"));
  EXPECT_TRUE(has(why_not("[certificates]\nuri = 'u'"), "[[certificates]]"));
  EXPECT_TRUE(has(why_not("certificates = ['u']"), "[[certificates]]"));
  EXPECT_TRUE(has(why_not("[jwt]\nidentities = ['a']"), "table"));
  EXPECT_TRUE(has(why_not("[jwt.identities]\na = 5"), "texts in quotes"));
  EXPECT_TRUE(has(why_not("[jwt.identities]\n'' = 'user:a'"), "not empty"));
  EXPECT_TRUE(has(why_not("[jwt.identities]\na.b = 'user:a'"), "texts in quotes"));
  EXPECT_TRUE(has(why_not("store = \"a\\u0000b\""), "control character"));
}

TEST(SettingsFile, NumbersHaveARange) {
  EXPECT_EQ(why_not("[limits]\nconnections = 0\n"),
            "f.toml, line 2: 'connections' must be a whole number from 1 to 100,000");
  for (const char* const text :
       {"threads = -1", "threads = 1025", "[limits]\nconnections = 100001",
        "[limits]\nconnections = 9223372036854775807", "[limits]\nconnections = 4294967297",
        "[limits]\nbody_bytes = 4095", "[limits]\nbody_bytes = 134217729",
        "[limits]\nheader_bytes = 1023", "[limits]\nheader_bytes = 1048577",
        "[limits]\nrequest_timeout_s = 0", "[limits]\nrequest_timeout_s = 3601",
        "[limits]\nmemory_bytes = 1048575", "[jwt]\nskew_s = 3601",
        "[login]\ntoken_lifetime_s = 59", "[[unix_peers]]\nuid = 4294967295\nidentity = 'trusted'"})
    EXPECT_TRUE(has(why_not(text), "whole number from")) << text << ": " << why_not(text);
  EXPECT_TRUE(has(why_not("[limits]\nmemory_bytes = 1048576\nbody_bytes = 1048577\n"),
                  "at least 'body_bytes'"));
}

TEST(SettingsFile, RulesThatNameNobodyOrEverybodyAreRefused) {
  EXPECT_TRUE(has(why_not("[[certificates]]\nidentity = 'user:a'"), "'uri' or a 'subject'"));
  EXPECT_TRUE(has(why_not("[[certificates]]\nuri = 'a'\nsubject = 'b'\nidentity = 'user:a'"),
                  "'uri' or a 'subject'"));
  EXPECT_TRUE(has(why_not("[[certificates]]\nuri = 'a'"), "an identity must be"));
  EXPECT_TRUE(has(why_not("[[certificates]]\nuri = 'a'\nidentity = 'root'"), "an identity"));
  EXPECT_TRUE(has(why_not("[[certificates]]\nuri = 'a'\nidentity = 'user:'"), "an identity"));
  EXPECT_TRUE(has(why_not("[jwt.identities]\na = 'nobody'"), "an identity"));
  EXPECT_TRUE(has(why_not("[[unix_peers]]\nidentity = 'trusted'"), "'uid'")) << "not uid 0";
  EXPECT_TRUE(has(why_not("[[unix_peers]]\nuid = 1\nidentity = 'user:a'\n[[unix_peers]]\nuid = "
                          "1\nidentity = 'trusted'\n"),
                  "twice"));
  EXPECT_TRUE(has(why_not("[jwt]\nalgorithm = 'none'"), "RS256"));
  EXPECT_TRUE(has(why_not("[jwt]\nuser_claim = ''"), "user_claim"));
}

TEST(SettingsFile, WhatIsNotTomlIsRefusedWithItsLine) {
  for (const char* const text :
       {"threads = 1\nthreads", "threads = 1\nthreads = 2", "threads = 1\nstore = hunter2",
        "threads = 1\n[tls", "threads = 1\n\xff", "threads = 1\nstore = \"unfinished"}) {
    const std::string why = why_not(text);
    EXPECT_TRUE(has(why, "f.toml, line ")) << why;
    EXPECT_FALSE(has(why, "hunter2"));
  }
  EXPECT_NE(why_not("listen = " + std::string(100'000, '[')), "");
}

// ---- the example ----

std::string example() {
  std::ifstream in(STRONGROOM_SOURCE_ROOT "/bindings/http/strongroomd.toml");
  return {std::istreambuf_iterator<char>(in), {}};
}

// uncommented removes the '#' in front of settings; explanations have "# ".
std::string uncommented(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line); result += line + "\n") {
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.erase(0, 1);
  }
  return result;
}

TEST(SettingsFile, TheExampleAsItIsSetsNothing) {
  ASSERT_NE(example(), "");
  EXPECT_EQ(read(example()), Settings{});
}

TEST(SettingsFile, TheExampleShowsEveryKeyWithItsDefault) {
  const std::string text = uncommented(example());
  Settings settings = read(text);
  EXPECT_EQ(settings.state_dir, "/var/lib/strongroomd");
  Settings completed;
  completed.state_dir = settings.state_dir;
  complete_settings(completed);
  EXPECT_EQ(settings.jwt.identities.size(), 2u);
  EXPECT_EQ(settings.login.service_keys.size(), 1u);
  EXPECT_EQ(settings.certificates.size(), 2u);
  EXPECT_EQ(settings.unix_peers.size(), 1u);
  settings.jwt.identities.clear();
  settings.login.service_keys.clear();
  settings.certificates.clear();
  settings.unix_peers.clear();
  EXPECT_EQ(settings, completed);
  for (const std::string& key : settings_keys()) {
    const std::string name = key.substr(key.rfind('.') + 1);
    const bool there = has(text, "\n" + name + " = ") || has(text, "." + name + "]\n");
    EXPECT_TRUE(there) << key;
  }
}

}  // namespace strongroomd::settings_file_test
