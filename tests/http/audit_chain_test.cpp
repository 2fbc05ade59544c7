#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/chain.hpp"

namespace strongroomd::audit_chain_test {

using namespace strongroom_audit;

constexpr std::int64_t kTime = 1'769'860'800'000'001;  // 2026-01-31T12:00:00.000001Z

// Log is a log in the making.
class Log {
 public:
  std::string begin() {
    const Head before = head_;
    return add([&](Line& line) {
      line.text("event", kBegin, 64);
      line.number("previous_seq", before.seq);
      line.hex("previous_hash", before.hash.data(), before.hash.size());
    });
  }
  std::string request(std::string_view path, std::string_view actor = "user:bob") {
    return add([&](Line& line) {
      line.text("peer", "127.0.0.1:4711", 256);
      line.text("actor", actor, 1024);
      line.text("path", path, 4096);
    });
  }
  std::string add(const std::function<void(Line&)>& members) {
    line_.begin(head_, kTime + static_cast<std::int64_t>(head_.seq) * 1000, instance);
    members(line_);
    std::string text(line_.end());
    head_ = line_.head();
    return text;
  }
  const Head& head() const { return head_; }

  std::string instance = "0123456789abcdef";

 private:
  Line line_;
  Head head_;
};

using Lines = std::vector<std::string>;

std::string joined(const Lines& lines) {
  std::string all;
  for (const std::string& line : lines) all += line;
  return all;
}

Lines ten_lines(Log& log) {
  Lines lines{log.begin()};
  for (int i = 1; i < 10; ++i) lines.push_back(log.request("db/" + std::to_string(i)));
  return lines;
}

// fault_in returns "FILE:LINE: why" of the first fault, or "".
std::string fault_in(const std::vector<std::string>& files, std::size_t piece_len = 1 << 20) {
  Verifier verifier;
  int number = 0;
  for (const std::string& file : files) {
    verifier.begin_file(std::to_string(++number));
    for (std::size_t i = 0; i < file.size(); i += piece_len)
      verifier.feed(std::string_view(file).substr(i, piece_len));
    verifier.end_file();
  }
  const auto& fault = verifier.fault();
  return fault ? fault->file + ":" + std::to_string(fault->line) + ": " + fault->why : "";
}

TEST(AuditChain, ALineHasTheFormThatIsDocumented) {
  Log log;
  const std::string begin = log.begin();
  EXPECT_EQ(begin,
            "{\"seq\":1,\"time\":\"2026-01-31T12:00:00.000001Z\",\"instance\":\"0123456789abcdef\","
            "\"event\":\"begin\",\"previous_seq\":0,\"previous_hash\":\"" +
                std::string(64, '0') + "\",\"hash\":\"" + hex_of(log.head().hash) + "\"}\n");
  const std::string line = log.request("db/x");
  EXPECT_EQ(line,
            "{\"seq\":2,\"time\":\"2026-01-31T12:00:00.001001Z\",\"instance\":\"0123456789abcdef\","
            "\"peer\":\"127.0.0.1:4711\",\"actor\":\"user:bob\",\"path\":\"db/x\",\"hash\":\"" +
                hex_of(log.head().hash) + "\"}\n");
  const auto parsed = parse(std::string_view(line).substr(0, line.size() - 1));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->head.time_us, kTime + 1000);
  EXPECT_EQ(parsed->head.hash, log.head().hash);
  EXPECT_EQ(parsed->instance, log.instance);
  EXPECT_EQ(parsed->event, "");
}

TEST(AuditChain, TheHashIsSha256OfTheHashBeforeAndTheLineWithoutIt) {
  Log log;
  log.begin();
  // By Python's hashlib: sha256(bytes(32) + b'{"seq":1,"time":...,"previous_hash":"00..00"').
  EXPECT_EQ(hex_of(log.head().hash),
            "64a7cb613b472571303a72e37de1175b39ca0375505fe44763424a4b4714d0c8");
  log.request("db/x");
  EXPECT_EQ(hex_of(log.head().hash),
            "a1693899b6b548eb61fa521533dc44a60fa0a35f887f2343dc9b911cd65bd70e");
}

TEST(AuditChain, AWholeLogIsGoodHoweverItIsReadAndRotated) {
  Log log;
  const std::string first = joined(ten_lines(log));
  const std::string second = joined(ten_lines(log));
  const std::string third = joined(ten_lines(log));
  for (const std::size_t piece : {1U, 7U, 100U, 1U << 20}) {
    EXPECT_EQ(fault_in({first, second, third}, piece), "");
    EXPECT_EQ(fault_in({first + second + third}, piece), "");  // zcat a.1.gz b
    EXPECT_EQ(fault_in({second, third}, piece), "");           // the oldest ones are gone
  }
}

TEST(AuditChain, TheVerifierSaysWhereTheChainStands) {
  Log log;
  Verifier verifier;
  std::uint64_t num = 0;
  Verifier counting([&](const Parsed& line) { num += line.head.seq; });
  const std::string text = joined(ten_lines(log));
  for (Verifier* each : {&verifier, &counting}) {
    each->begin_file("a");
    EXPECT_TRUE(each->feed(text));
    EXPECT_TRUE(each->end_file());
  }
  EXPECT_EQ(num, 55u);
  EXPECT_EQ(verifier.first().seq, 1u);
  EXPECT_EQ(verifier.last().seq, 10u);
  EXPECT_EQ(verifier.last().hash, log.head().hash);
  EXPECT_EQ(verifier.last().time_us, kTime + 9000);
  EXPECT_EQ(verifier.num_lines(), 10u);
  EXPECT_EQ(verifier.instance(), log.instance);
}

TEST(AuditChain, EveryChangedByteIsFoundInItsLine) {
  Log log;
  const Lines lines = ten_lines(log);
  const std::string good = joined(lines);
  const std::size_t from = lines[0].size() + lines[1].size();
  for (std::size_t i = from; i < from + lines[2].size(); ++i) {
    for (const unsigned change : {1U, 2U, 0x20U, 0x80U}) {
      std::string bad = good;
      bad[i] = static_cast<char>(static_cast<unsigned char>(bad[i]) ^ change);
      const std::string fault = fault_in({bad});
      ASSERT_TRUE(fault.starts_with("1:3: ")) << i << " " << fault;
    }
    std::string bad = good;
    bad.erase(i, 1);
    ASSERT_TRUE(fault_in({bad}).starts_with("1:3: ")) << i;
    bad.insert(i, "  ");
    ASSERT_TRUE(fault_in({bad}).starts_with("1:3: ")) << i;
  }
}

TEST(AuditChain, RemovedSwappedAndDoubledLinesAreFound) {
  Log log;
  const Lines lines = ten_lines(log);
  Lines removed = lines;
  removed.erase(removed.begin() + 4, removed.begin() + 6);
  EXPECT_EQ(fault_in({joined(removed)}), "1:5: the lines 5 to 6 are missing before it");
  removed = lines;
  removed.erase(removed.begin() + 4);
  EXPECT_EQ(fault_in({joined(removed)}), "1:5: the line 5 is missing before it");
  Lines swapped = lines;
  std::swap(swapped[4], swapped[5]);
  EXPECT_EQ(fault_in({joined(swapped)}), "1:5: the line 5 is missing before it");
  Lines doubled = lines;
  doubled.insert(doubled.begin() + 4, lines[4]);
  EXPECT_EQ(fault_in({joined(doubled)}), "1:6: it is the line 5, where 6 is expected");
  EXPECT_EQ(fault_in({joined(lines) + lines[0]}), "1:11: it is the line 1, where 11 is expected");
}

TEST(AuditChain, ALineOfAnotherChainDoesNotFit) {
  Log log;
  Log other;
  Lines lines = ten_lines(log);
  other.begin();
  for (int i = 1; i < 10; ++i) other.request("other/" + std::to_string(i));
  Log third;
  Lines mixed = ten_lines(third);
  Log fourth;
  fourth.begin();
  for (int i = 1; i < 4; ++i) fourth.request("x");
  mixed[4] = fourth.request("db/4");
  EXPECT_EQ(fault_in({joined(mixed)}),
            "1:5: its hash is wrong: this line or the one before it was changed");
  Log elsewhere;
  elsewhere.instance = "fedcba9876543210";
  const Lines theirs = ten_lines(elsewhere);
  lines[5] = theirs[5];
  EXPECT_EQ(fault_in({joined(lines)}), "1:6: it is of another server, fedcba9876543210");
}

TEST(AuditChain, CutsAndRemovedFilesAreFound) {
  Log log;
  const Lines lines = ten_lines(log);
  const std::string first = joined(lines);
  const std::string second = joined(ten_lines(log));
  const std::string third = joined(ten_lines(log));
  EXPECT_EQ(fault_in({first, third}), "2:1: the lines 11 to 20 are missing before it");
  EXPECT_EQ(fault_in({second, first}), "2:1: it is the line 1, where 21 is expected");
  EXPECT_EQ(fault_in({first, first}), "2:1: it is the line 1, where 11 is expected");
  EXPECT_EQ(fault_in({first, ""}),
            "2:1: the file is empty, and each file of the log begins with a line");
  EXPECT_EQ(fault_in({first.substr(lines[0].size())}), "1:1: the beginning of the file is missing");
  EXPECT_EQ(fault_in({first.substr(0, first.size() - 1)}), "1:10: it is incomplete");
  EXPECT_EQ(fault_in({first.substr(0, first.size() - 40), second}), "1:10: it is incomplete");
  EXPECT_EQ(fault_in({first.substr(0, first.size() - lines[9].size()), second}),
            "2:1: the line 10 is missing before it");
}

TEST(AuditChain, WhatIsNoLineIsRefused) {
  Log log;
  const std::string begin = log.begin();
  const Lines no_lines = {"\n",
                          "{}\n",
                          std::string("\0\n", 2),
                          "null\n",
                          "{\"seq\":1}\n",
                          "\r\n",
                          "{\"seq\":18446744073709551616,\n"};
  for (const std::string& bad : no_lines)
    EXPECT_EQ(fault_in({begin + bad}), "1:2: it is no line of an audit log") << bad;
  std::string windows = begin;
  windows.insert(windows.size() - 1, "\r");
  EXPECT_EQ(fault_in({windows}), "1:1: it is no line of an audit log");
  const std::string endless(1 << 20, 'x');
  EXPECT_EQ(fault_in({begin + endless}), "1:2: it is longer than a line can be");
  EXPECT_EQ(fault_in({begin + endless + "\n"}, 1000), "1:2: it is longer than a line can be");
  EXPECT_EQ(fault_in({std::string(1 << 20, '\0')}), "1:1: it is longer than a line can be");
}

TEST(AuditChain, EventsAreNoted) {
  Log log;
  std::string text = log.begin();
  text += log.add([](Line& line) {
    line.text("event", kCut, 64);
    line.number("bytes", 17);
  });
  text += log.add([](Line& line) { line.text("event", kBroken, 64); });
  text += log.add([](Line& line) {
    line.text("event", kBehind, 64);
    line.number("head_seq", 99);
    line.hex("head_hash", Hash{}.data(), kHashLen);
  });
  text += log.add([](Line& line) {
    line.text("event", kLost, 64);
    line.number("count", 3);
  });
  Verifier verifier;
  verifier.begin_file("a");
  ASSERT_TRUE(verifier.feed(text));
  ASSERT_EQ(verifier.notes().size(), 4u);
  EXPECT_EQ(verifier.notes()[0].event, "cut");
  EXPECT_EQ(verifier.notes()[0].number, 17u);
  EXPECT_EQ(verifier.notes()[1].line, 3u);
  EXPECT_EQ(verifier.notes()[2].number, 99u);
  EXPECT_EQ(verifier.notes()[3].event, "lost");
  EXPECT_EQ(verifier.num_alarms(), 3u);
  text += log.add([](Line& line) { line.text("event", "invented", 64); });
  EXPECT_EQ(fault_in({text}), "1:6: it is no line of an audit log");
}

// member returns what stands behind "name": in a line, up to the end of its string.
std::string member(const std::string& line, const std::string& name) {
  const std::string label = "\"" + name + "\":\"";
  const std::size_t at = line.find(label);
  if (at == std::string::npos) return "(none)";
  std::size_t end = at + label.size();
  while (line[end] != '"') end += line[end] == '\\' ? 2 : 1;
  return line.substr(at + label.size(), end - at - label.size());
}

TEST(AuditChain, AnyBytesStayInTheirLine) {
  struct Row {
    std::string path, name, written;
  };
  const std::vector<Row> rows = {
      {"a\"},\n{\"seq\":3", "path", "a\\\"},\\u000a{\\\"seq\\\":3"},
      {std::string("\0\x1f\x7f\\", 4), "path", "\\u0000\\u001f\\u007f\\\\"},
      {"\xC3\xA4\xE2\x80\xA8\xC2\x85", "path", "\\u00e4\\u2028\\u0085"},
      {"\xF0\x9F\x94\x91/\xF4\x8F\xBF\xBF", "path", "\\ud83d\\udd11/\\udbff\\udfff"},
      {"\xED\xA0\x80", "path_hex", "eda080"},  // a surrogate
      {"\xC0\xAF", "path_hex", "c0af"},        // overlong
      {"\xE0\x80\xAF", "path_hex", "e080af"},
      {"\xF4\x90\x80\x80", "path_hex", "f4908080"},
      {"a\xC3", "path_hex", "61c3"},
      {"\xFF\n\"", "path_hex", "ff0a22"},
      {"", "path", ""},
  };
  for (const Row& row : rows) {
    Log log;
    const std::string begin = log.begin();
    const std::string line = log.request(row.path, row.path);
    EXPECT_EQ(member(line, row.name), row.written);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(fault_in({begin + line + log.request("next")}), "") << line;
    for (const char c : line.substr(0, line.size() - 1)) EXPECT_TRUE(c >= 0x20 && c < 0x7F);
  }
}

TEST(AuditChain, LongTextsAreCutAndSaySo) {
  Log log;
  std::string line = log.request(std::string(4097, 'x'));
  EXPECT_EQ(member(line, "path"), std::string(4096, 'x'));
  EXPECT_NE(line.find("\",\"path_len\":4097,\"hash\""), std::string::npos);
  line = log.request(std::string(4096, 'x'));
  EXPECT_EQ(line.find("path_len"), std::string::npos);
  line = log.request(std::string(4095, 'x') + "\xE2\x82\xAC");  // not cut within a character
  EXPECT_EQ(member(line, "path"), std::string(4095, 'x'));
  EXPECT_NE(line.find("\"path_len\":4098"), std::string::npos);
  line = log.request(std::string(5000, '\xBF'));
  EXPECT_EQ(member(line, "path_hex").size(), 2u * 4096);
}

TEST(AuditChain, TheLongestLineIsReadAgain) {
  Log log;
  const std::string begin = log.begin();
  const std::string worst(5000, '\n');
  const std::string line = log.add([&](Line& made) {
    made.text("peer", worst, 256);
    made.text("actor", worst, 1024);
    made.text("action", worst, 64);
    made.text("path", worst, 4096);
  });
  EXPECT_LT(line.size(), kMaxLineLen);
  EXPECT_EQ(fault_in({begin + line}), "");
  EXPECT_THROW(log.add([&](Line& made) { made.text("path", worst + worst, 10000); }),
               std::length_error);
}

TEST(AuditChain, HeadsComeBack) {
  HeadRecord record;
  record.head.seq = 18446744073709551615U;
  record.head.time_us = kTime;
  record.head.hash.fill(0xAB);
  record.breaks = 3;
  const std::string text = text_of(record);
  const auto again = parse_head(text);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->head.seq, record.head.seq);
  EXPECT_EQ(again->head.time_us, kTime);
  EXPECT_EQ(again->head.hash, record.head.hash);
  EXPECT_EQ(again->breaks, 3u);
  for (std::size_t i = 0; i < text.size(); ++i) EXPECT_FALSE(parse_head(text.substr(0, i)));
  EXPECT_FALSE(parse_head(text + " "));
}

TEST(AuditChain, InstancesAreNames) {
  EXPECT_TRUE(is_instance("0123456789abcdef"));
  EXPECT_TRUE(is_instance("web-1_A"));
  for (const std::string_view bad : {"", "a/b", "a\"b", "a b", "\xC3\xA4", "."})
    EXPECT_FALSE(is_instance(bad));
  EXPECT_FALSE(is_instance(std::string(65, 'a')));
}

}  // namespace strongroomd::audit_chain_test
