// audit_head_test.cpp: the head that the store keeps of an audit log, and what it gives away.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "audit_fixture.hpp"

namespace strongroomd::audit_head_test {

using namespace audit_fixture;

class AuditHead : public Audit {};

TEST_F(AuditHead, TheHeadIsKeptWithinASecondAndAtTheEnd) {
  Server server(place());
  server.unseal();
  AuditLog& log = server.start();
  EXPECT_TRUE(eventually([&] { return server.head_is_kept(); }));
  const auto began = std::chrono::steady_clock::now();
  log.write(entry_for("a"));
  EXPECT_TRUE(eventually([&] { return server.head_is_kept(); }));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(3));
  log.write(entry_for("b"));
  server.stop();
  EXPECT_TRUE(server.head_is_kept());
}

TEST_F(AuditHead, ManyLinesAreNotWaitedFor) {
  Server server(place());
  server.unseal();
  AuditLog& log = server.start();
  const auto began = std::chrono::steady_clock::now();
  for (unsigned round = 1; round <= 10; ++round) {
    for (int i = 0; i < 1000; ++i) log.write(entry_for("a"));
    const auto kept = [&] { return server.head() && server.head()->head.seq > (round - 1) * 1000; };
    EXPECT_TRUE(eventually(kept));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(8));
}

TEST_F(AuditHead, AnotherWriterOfTheHeadShows) {
  Server server(place());
  server.unseal();
  AuditLog& log = server.start();
  EXPECT_TRUE(eventually([&] { return server.head_is_kept(); }));
  HeadRecord record;
  record.head.seq = 1;
  server.session().put_record(std::string("audit/") + kInstance, strongroom_audit::text_of(record));
  log.write(entry_for("a"));
  EXPECT_TRUE(eventually([&] { return server.head() && server.head()->breaks == 1; }));
  EXPECT_TRUE(contains(server.text(), "\"event\":\"behind\",\"head_seq\":1,"));
}

TEST_F(AuditHead, WhileSealedItIsWrittenAndKeptAfterwards) {
  Server server(place());
  AuditLog& log = server.start();
  log.write(entry_for("a"));
  server.unseal();
  EXPECT_FALSE(server.head());
  log.unsealed();
  EXPECT_TRUE(eventually([&] { return server.head_is_kept(); }));
  server.seal();
  for (int i = 0; i < 1200; ++i) log.write(entry_for("b"));
  server.unseal();
  log.unsealed();
  EXPECT_TRUE(eventually([&] { return server.head_is_kept(); }));
  EXPECT_EQ(server.head()->breaks, 0u);
  EXPECT_FALSE(contains(server.text(), "\"event\":\"behind\""));
}

// restart_with replaces the log's text between two runs, and returns what the second one made of it.
std::string restart_with(Server& server, const std::string& text) {
  write_file(server.file(), text);
  AuditLog& log = server.start();
  log.write(entry_for("after"));
  log.unsealed();
  EXPECT_TRUE(eventually([&] { return server.head_is_kept(); }));
  server.stop();
  return server.text();
}

TEST_F(AuditHead, LinesThatWereCutOffShow) {
  Server server(place());
  server.unseal();
  AuditLog& log = server.start();
  for (int i = 0; i < 10; ++i) log.write(entry_for("a"));
  server.stop();
  const auto head = *server.head();
  ASSERT_EQ(head.head.seq, 11u);
  const std::vector<std::string> lines = lines_of(server.text());
  std::string cut;
  for (std::size_t i = 0; i < 5; ++i) cut += lines[i] + "\n";
  const std::string after = restart_with(server, cut);
  EXPECT_TRUE(contains(after, "\"event\":\"behind\",\"head_seq\":11,\"head_hash\":\"" +
                                  strongroom_audit::hex_of(head.head.hash)))
      << after;
  EXPECT_EQ(server.head()->breaks, 1u);
  EXPECT_EQ(fault_of(server.parts()), "");

  // Cutting the line that says so shows again.
  const std::string again = restart_with(server, cut);
  EXPECT_TRUE(contains(again, "\"event\":\"behind\""));
  EXPECT_EQ(server.head()->breaks, 2u);
  // So does a log that is begun anew, unless it goes on where the server stopped.
  EXPECT_FALSE(contains(restart_with(server, ""), "\"event\":\"behind\""));
  EXPECT_GT(verified(server.parts()).first().seq, 5u);
  server.dir().remove("audit-head");
  EXPECT_TRUE(contains(restart_with(server, ""), "\"event\":\"behind\""));
  EXPECT_EQ(server.head()->breaks, 3u);
}

TEST_F(AuditHead, LinesThatAreCutOffWhileItRunsShow) {
  Server server(place());
  AuditLog& log = server.start();
  for (int i = 0; i < 10; ++i) log.write(entry_for("a"));
  const std::vector<std::string> lines = lines_of(server.text());
  fs::resize_file(server.file(), fs::file_size(server.file()) - lines.back().size() - 1);
  log.write(entry_for("b"));
  EXPECT_EQ(fault_of(server.parts()), server.file() + ":11: the line 11 is missing before it");
}

TEST_F(AuditHead, AHeadThatIsAheadIsReportedOnce) {
  Server server(place());
  server.unseal();
  HeadRecord record;
  record.head.seq = 99;
  server.session().put_record(std::string("audit/") + kInstance, strongroom_audit::text_of(record));
  AuditLog& log = server.start();
  EXPECT_TRUE(eventually([&] { return server.head_is_kept(); }));
  for (int i = 0; i < 3; ++i) log.unsealed();
  server.stop();
  EXPECT_EQ(verified(server.parts()).notes().size(), 1u);
  EXPECT_EQ(server.head()->breaks, 1u);
}

TEST_F(AuditHead, ARecordThatIsNoHeadIsNotReplaced) {
  Server server(place());
  server.unseal();
  server.session().put_record(std::string("audit/") + kInstance, "something else");
  server.start().write(entry_for("a"));
  server.stop();
  EXPECT_EQ(server.session().record(std::string("audit/") + kInstance).reveal(), "something else");
}

TEST_F(AuditHead, LinesThatWereReplacedShowHoweverManyFollow) {
  Server server(place());
  server.unseal();
  AuditLog& log = server.start();
  for (int i = 0; i < 10; ++i) log.write(entry_for("a"));
  server.stop();
  const std::vector<std::string> lines = lines_of(server.text());
  std::string cut;
  for (std::size_t i = 0; i < 5; ++i) cut += lines[i] + "\n";
  // Others that continue the chain properly, while the store is sealed.
  server.seal();
  write_file(server.file(), cut);
  AuditLog& forger = server.start();
  for (int i = 0; i < 3000; ++i) forger.write(entry_for("forged"));
  server.stop();
  EXPECT_FALSE(contains(server.text(), "\"event\":\"behind\""));
  server.unseal();
  EXPECT_TRUE(
      contains(restart_with(server, server.text()), "\"event\":\"behind\",\"head_seq\":11"));
}

TEST_F(AuditHead, TheHeadIsFoundFarBackInALargeFile) {
  Server server(place());
  server.unseal();
  AuditLog& log = server.start();
  for (int i = 0; i < 10; ++i) log.write(entry_for("a"));
  EXPECT_TRUE(eventually([&] { return server.head_is_kept(); }));
  server.seal();
  std::string path;
  for (int i = 0; i < 3000; ++i)
    log.write(entry_for(path.assign(static_cast<std::size_t>(i), 'x')));
  server.stop();
  ASSERT_GT(fs::file_size(server.file()), 4u << 20);
  server.unseal();
  EXPECT_EQ(server.head()->head.seq, 11u);
  EXPECT_FALSE(contains(restart_with(server, server.text()), "\"event\":\"behind\""));
}

}  // namespace strongroomd::audit_head_test
