// json_test.cpp: texts that must be refused, and what must be kept of those that are not.
#include "strongroom/impl/json/json.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "memory_scan.hpp"
#include "secret_text.hpp"

namespace strongroom::json_test {
namespace {

using testing::in_memory;
using testing::Masked;
using testing::secret;
using testing::text;
using std::string_literals::operator""s;

Result<JsonText> parse(std::string_view json) {
  return JsonText::parse(secret(json));
}

// refusal gives the message of a text that was refused as invalid, and "accepted" of any other.
std::string refusal(std::string_view json) {
  const auto parsed = parse(json);
  if (parsed) return "accepted";
  EXPECT_EQ(parsed.error().code, Code::invalid);
  return parsed.error().message;
}

std::string refused_at(std::size_t offset, std::size_t line, std::size_t column,
                       const std::string& fault) {
  return "a JSON text was refused at byte " + std::to_string(offset) + " (line " +
         std::to_string(line) + ", column " + std::to_string(column) + "): " + fault;
}

std::string refused_at(std::size_t offset, const std::string& fault) {
  return refused_at(offset, 1, offset + 1, fault);
}

std::string string_of(std::string_view json) {
  return text(parse(json).value().root().text());
}

// The text is decoded in place: a newline of an escape begins no line.
TEST(Json, LinesAreThoseOfTheTextAsItWasWritten) {
  const std::string comma = "a ',' or '}' was expected";
  EXPECT_EQ(refusal("{\n \"a\": 1\n \"b\": 2\n}"), refused_at(11, 3, 2, comma));
  EXPECT_EQ(refusal("{\n \"a\": \"x\\ny\\nz\\n\"\n \"b\": 2\n}"), refused_at(21, 3, 2, comma));
  EXPECT_EQ(refusal("{\n \"\\n\\n\": 1\n 5}"), refused_at(14, 3, 2, comma));
  EXPECT_EQ(refusal("[\n\"\\n\\n\\q\"]"),
            refused_at(7, 2, 6, "an escape was unknown, or a control character stood in a string"));
  EXPECT_EQ(refusal("[\n\"\\n\\n\", \"\\nopen"), refused_at(17, 2, 16, "a string was not closed"));
  EXPECT_EQ(refusal("[\n\"\\n\",\n \"\\n\\uDC00\"]"),
            refused_at(10, 3, 3, "a string was not Unicode"));
  EXPECT_EQ(refusal("{\"\\n\":1,\n\"b\":\n2,\n\"\\n\":1\n}"),
            refused_at(18, 4, 2, "a member appeared twice"));
  EXPECT_EQ(refusal("[\n12\n13]"), refused_at(5, 3, 1, "a ',' or ']' was expected"));
}

TEST(Json, KindsAreTold) {
  const auto json = parse(R"( [null, true, false, -1.5e3, "s", [], {}] )");
  ASSERT_TRUE(json);
  std::vector<JsonKind> kinds;
  for (const JsonValue each : json->root().elements()) kinds.push_back(each.kind());
  EXPECT_EQ(kinds, (std::vector<JsonKind>{JsonKind::null, JsonKind::boolean, JsonKind::boolean,
                                          JsonKind::number, JsonKind::string, JsonKind::array,
                                          JsonKind::object}));
}

TEST(Json, MembersAreFoundPastNestedValues) {
  const auto json = parse(R"({"a":{"b":[1,{"c":2}],"x":0},"b":[[],[3]],"c":"found","":"empty"})");
  ASSERT_TRUE(json);
  const JsonValue root = json->root();
  EXPECT_EQ(text(root.member("c")->text()), "found");
  EXPECT_EQ(text(root.member("")->text()), "empty");
  EXPECT_FALSE(root.member("x"));
  EXPECT_FALSE(root.member("d"));
  EXPECT_TRUE(root.member("a")->member("x"));
  EXPECT_FALSE(root.member("c")->member("c"));
  std::string names;
  for (const auto& [name, value] : root.members()) names += text(name) + ",";
  EXPECT_EQ(names, "a,b,c,,");
}

TEST(Json, ValuesOutliveAMoveOfTheirText) {
  auto json = parse(R"({"a":"b"})");
  ASSERT_TRUE(json);
  const JsonValue value = *json->root().member("a");
  const JsonText moved = std::move(json).value();
  EXPECT_EQ(text(value.text()), "b");
  EXPECT_EQ(text(moved.root().member("a")->text()), "b");
}

TEST(Json, EmptyContainersHaveNoChildren) {
  const auto json = parse("[[],{}]");
  ASSERT_TRUE(json);
  for (const JsonValue each : json->root().elements()) {
    EXPECT_EQ(each.elements().begin(), each.elements().end());
    EXPECT_EQ(each.members().begin(), each.members().end());
  }
}

TEST(Json, AScalarHasNeitherMembersNorElements) {
  const auto json = parse("\"x\"");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->root().elements().begin(), json->root().elements().end());
  EXPECT_EQ(json->root().members().begin(), json->root().members().end());
}

TEST(Json, EscapesAreDecoded) {
  EXPECT_EQ(string_of(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(string_of(R"("\u0041\u00e9\u20AC\uD83D\uDE00")"),
            "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
}

TEST(Json, AnEscapedNulIsContent) {
  EXPECT_EQ(string_of(R"("a\u0000b")"), std::string("a\0b", 3));
  const auto json = parse(R"({"a\u0000b":"x","a":"y"})");
  ASSERT_TRUE(json);
  EXPECT_EQ(text(json->root().member(std::string_view("a\0b", 3))->text()), "x");
  EXPECT_EQ(text(json->root().member("a")->text()), "y");
}

TEST(Json, NumbersAreKeptAsSpelled) {
  for (const std::string number :
       {"0", "-0", "12345678901234567890123456789", "1.50", "1E+2", "-1.0e-999999999999",
        "0.10000000000000000000000000000000000000000000000000001"}) {
    EXPECT_EQ(string_of(number), number);
    EXPECT_EQ(string_of(" " + number + "\n"), number);
    const auto listed = parse("[" + number + "," + number + "]");
    ASSERT_TRUE(listed) << number;
    for (const JsonValue each : listed->root().elements()) EXPECT_EQ(text(each.text()), number);
  }
}

TEST(Json, NumbersAroundStringsDoNotDisturbThem) {
  const auto json = parse(R"({"\u0061":1,"b\n":"\t","c":-2.5,"d":"\\"})");
  ASSERT_TRUE(json);
  const JsonValue root = json->root();
  EXPECT_EQ(text(root.member("a")->text()), "1");
  EXPECT_EQ(text(root.member("b\n")->text()), "\t");
  EXPECT_EQ(text(root.member("c")->text()), "-2.5");
  EXPECT_EQ(text(root.member("d")->text()), "\\");
}

TEST(Json, MalformedNumbersAreRefused) {
  for (const char* json : {"01", "1.", ".5", "+1", "-", "1e", "1e+", "0x1", "NaN", "Infinity",
                           "-Infinity", "1_000", "1 2"}) {
    EXPECT_NE(refusal(json), "accepted") << json;
  }
}

TEST(Json, ANumberBeyondADoubleIsRefused) {
  EXPECT_EQ(refusal("[1e400]"), refused_at(1, "a number was out of range"));
  EXPECT_EQ(refusal(std::string(1'000'000, '9')), refused_at(0, "a number was out of range"));
}

TEST(Json, DeepNestingIsBounded) {
  const std::string open(kMaxJsonDepth, '[');
  const std::string close(kMaxJsonDepth, ']');
  EXPECT_EQ(refusal(open + close), "accepted");
  const std::string fault = "it was nested deeper than 64 levels";
  EXPECT_EQ(refusal("[" + open + close + "]"), refused_at(kMaxJsonDepth, fault));
  EXPECT_EQ(refusal(std::string(100'000, '[')), refused_at(kMaxJsonDepth, fault));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_EQ(refusal(objects), refused_at(kMaxJsonDepth * 5, fault));
}

TEST(Json, DepthCountsOpenLevelsAlone) {
  std::string json = "[";
  for (int i = 0; i < 1000; ++i) json += "[{}],";
  EXPECT_EQ(refusal(json + "[]]"), "accepted");
}

TEST(Json, TheWholeTextIsConsumed) {
  const std::string fault = "text followed its end";
  EXPECT_EQ(refusal("{} {}"), refused_at(3, fault));
  EXPECT_EQ(refusal("1,"), refused_at(1, fault));
  EXPECT_EQ(refusal("\"a\"\"b\""), refused_at(3, fault));
  EXPECT_EQ(refusal("[]]"), refused_at(2, fault));
  EXPECT_EQ(refusal(" {} \r\n\t"), "accepted");
}

TEST(Json, ARawNulEndsNothing) {
  EXPECT_EQ(refusal(std::string_view("{}\0", 3)), refused_at(2, "text followed its end"));
  EXPECT_EQ(refusal(std::string_view("{}\0{}", 5)), refused_at(2, "text followed its end"));
  EXPECT_EQ(refusal(std::string_view("12\0", 3)), refused_at(2, "text followed its end"));
  EXPECT_EQ(refusal(std::string_view("\0{}", 3)),
            refused_at(0, "it was empty, or began with no value"));
  EXPECT_EQ(refusal(std::string_view("[1,\0 2]", 7)), refused_at(3, "a value was expected"));
  EXPECT_EQ(refusal(std::string_view("[\"a\0b\"]", 7)), refused_at(3, "a string was not closed"));
}

TEST(Json, EmptyTextIsRefused) {
  EXPECT_EQ(refusal(""), refused_at(0, "it was empty, or began with no value"));
  EXPECT_EQ(refusal(" \n"), refused_at(2, 2, 1, "it was empty, or began with no value"));
  const auto none = JsonText::parse(SecretBytes());
  EXPECT_FALSE(none);
}

TEST(Json, AByteOrderMarkIsRefused) {
  EXPECT_NE(refusal("\xEF\xBB\xBF{}"), "accepted");
}

TEST(Json, EveryCutIsRefused) {
  const std::string json = R"({"a":[1,"b\u00e9\uD83D\uDE00",null,true],"c":{"d":-1.5e3}})";
  ASSERT_EQ(refusal(json), "accepted");
  for (std::size_t len = 0; len < json.size(); ++len) {
    EXPECT_NE(refusal(json.substr(0, len)), "accepted") << len;
  }
}

TEST(Json, SyntaxFaultsAreRefused) {
  for (const char* json :
       {"[1,]",  "{\"a\":1,}", "{a:1}",       "{'a':1}",   "{\"a\" 1}", "{\"a\":}",
        "{1:2}", "[1 2]",      "// c\n1",     "/* c */ 1", "tru",       "True",
        "nul",   "\"\\x41\"",  "\"\\u12g4\"", "\"\\u12\"", "\"\n\"",    "[}",
        "{]",    "{\"a\":1]",  "\"a",         "\\u0022",   "\xC2\xA0{}"}) {
    EXPECT_NE(refusal(json), "accepted") << json;
  }
}

TEST(Json, LoneSurrogatesAreRefused) {
  for (const char* json : {R"("\uD800")", R"("\uD800x")", R"("\uD800\u0041")", R"("\uD800\uD800")",
                           R"("\uDC00")", R"("\uDFFF\uD800")", R"({"\uDC00":1})"}) {
    EXPECT_NE(refusal(json), "accepted") << json;
  }
  EXPECT_EQ(refusal(R"(["ab\uDC00"])"), refused_at(2, "a string was not Unicode"));
}

TEST(Json, StringsThatAreNotUtf8AreRefused) {
  for (const char* bytes :
       {"\x80", "\xFF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xE2\x82",
        "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF0\x9F\x98", "\xE2(\xA1"}) {
    const std::string json = std::string("[\"") + bytes + "\"]";
    EXPECT_EQ(refusal(json).substr(0, 35), refused_at(2, "").substr(0, 35)) << json;
    EXPECT_NE(refusal(std::string("\"") + bytes), "accepted");  // cut off inside the sequence
  }
}

TEST(Json, DuplicateMembersAreRefusedAtAnyDepth) {
  const std::string fault = "a member appeared twice";
  EXPECT_EQ(refusal(R"({"a":1,"a":1})"), refused_at(8, fault));
  EXPECT_EQ(refusal(R"({"a":1,"b":{},"a":2})"), refused_at(15, fault));
  EXPECT_EQ(refusal(R"([{"x":{"a":[],"b":1,"a":2}}])").substr(30),
            refused_at(21, fault).substr(30));
  EXPECT_EQ(refusal(R"({"":1,"":2})"), refused_at(7, fault));
  EXPECT_EQ(refusal(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]})"), "accepted");
}

TEST(Json, DuplicatesSpelledDifferentlyAreRefused) {
  EXPECT_NE(refusal(R"({"a":1,"\u0061":2})"), "accepted");
  EXPECT_NE(refusal(R"({"\/":1,"/":2})"), "accepted");
  EXPECT_NE(refusal("{\"\\u00e9\":1,\"\xC3\xA9\":2}"), "accepted");
  EXPECT_EQ(refusal("{\"e\\u0301\":1,\"\xC3\xA9\":2}"), "accepted");  // other bytes, another name
}

TEST(Json, ManyMembersTakeNoQuadraticTime) {
  std::string json = "{";
  for (int i = 0; i < 100'000; ++i) json += "\"k" + std::to_string(i) + "\":1,";
  json += "\"last\":2}";
  const auto begin = std::chrono::steady_clock::now();
  const auto parsed = JsonText::parse(secret(json), json.size());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(text(parsed->root().member("last")->text()), "2");
  // It takes 30 ms; every name against every other would take minutes.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(Json, AStringOfAMebibyteIsKept) {
  const std::string content(std::size_t{1} << 20, 'x');
  EXPECT_EQ(string_of("\"" + content + "\""), content);
}

TEST(Json, TextOverTheLimitIsTooLarge) {
  EXPECT_TRUE(JsonText::parse(secret("[1,2]"), 5));
  const auto over = JsonText::parse(secret("[1,2] "), 5);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Code::too_large);
  EXPECT_EQ(over.error().message, "a JSON text was longer than 5 bytes");
}

TEST(Json, NothingAroundTheTextIsTouched) {
  // A cut-off UTF-8 sequence at the end is where a reader that trusts a terminator steps over it.
  for (const std::string_view json :
       {"\"\xF0", "\"\xF4", "\"a\\n\xE1", "12", "\"\\u00", "[", "\"ab\""}) {
    SecretBytes larger = secret(std::string("<<<<") + std::string(json) + ">>>>");
    const std::uint8_t* before = larger.reveal().data();
    const std::uint8_t* after = before + 4 + json.size();
    larger.keep(4, json.size());
    const auto parsed = JsonText::parse(std::move(larger));
    // On success the text lives on; on failure its place was wiped whole.
    if (!parsed) continue;
    EXPECT_EQ(std::memcmp(before, "<<<<", 4), 0);
    EXPECT_EQ(std::memcmp(after, ">>>>", 4), 0);
  }
}

TEST(Json, TextInGuardedMemoryMayEndAtItsLastByte) {
  // 48 bytes end at a guard page: one read beyond them is a crash.
  for (std::string json : {"[\"" + std::string(43, 'x') + "\" ]", std::string(48, '['),
                           "\"" + std::string(46, 'x') + "\xF4", std::string(48, '1')}) {
    json.resize(48, ' ');
    auto guarded = SecretBytes::for_key(48);
    ASSERT_TRUE(guarded);
    std::memcpy(guarded->reveal_mutable().data(), json.data(), json.size());
    const auto parsed = JsonText::parse(std::move(guarded).value());
    EXPECT_EQ(parsed.ok(), json[1] == '"' || json[1] == '1') << json;
  }
}

TEST(Json, NoErrorQuotesTheText) {
  const std::string canary = "hunter2hunter2";
  for (const std::string& json :
       {canary, "\"" + canary, "{\"" + canary + "\":1,\"" + canary + "\":2}",
        "[1,\"" + canary + "\"", "\"" + canary + "\\q\"", "{\"a\":\"" + canary + "\"} " + canary}) {
    EXPECT_EQ(refusal(json).find("hunter"), std::string::npos) << json;
  }
}

// parse_and_drop runs a text through the reader; the canary is in it four times.
void parse_and_drop(const Masked& canary, const char* end) {
  constexpr std::string_view kText = R"({"a":["********************************"],)"
                                     R"("********************************":12,)"
                                     R"("\n":"\t\u0041********************************\n",)"
                                     R"("z":{"********************************":null}})";
  SecretBytes json = secret(std::string(kText) + end);
  for (std::size_t at = 0;;) {
    at = json.reveal_text().find(std::string(32, '*'), at);
    if (at == std::string_view::npos) break;
    canary.unmask_to(json.reveal_mutable().data() + at);
  }
  EXPECT_TRUE(in_memory(canary)) << "the search itself is blind";
  const auto parsed = JsonText::parse(std::move(json));
  EXPECT_EQ(parsed.ok(), *end == '\0');
}

TEST(Json, NothingOfADroppedTextStaysInMemory) {
  const Masked canary = Masked::random(32);
  parse_and_drop(canary, "");
  EXPECT_FALSE(in_memory(canary));
}

TEST(Json, NothingOfARefusedTextStaysInMemory) {
  const Masked canary = Masked::random(32);
  parse_and_drop(canary, "]");
  EXPECT_FALSE(in_memory(canary));
}

std::vector<std::uint8_t> bytes(std::string_view json) {
  return {json.begin(), json.end()};
}

TEST(PublicJson, IsReadByTheSameRules) {
  for (const char* good : {"{}", " [1,\"a\\u0062\",{\"c\":null}] ", "-1.5e3", "\"\""}) {
    EXPECT_TRUE(JsonText::parse_public(bytes(good), 100)) << good;
  }
  for (const std::string& bad : {""s, "{"s, "[1,]"s, "{\"a\":1,\"a\":2}"s, "\"\\uDC00\""s, "[]\0"s,
                                 "[] x"s, "\"\xff\""s, std::string(65, '[')}) {
    JsonFault fault;
    const auto refused = JsonText::parse_public(bytes(bad), 100, &fault);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().message, refusal(bad)) << bad;
    EXPECT_EQ(refused.error().message, refused_at(fault.offset, fault.why)) << bad;
  }
}

TEST(PublicJson, IsAsLargeAsItLikes) {
  const std::string large = "\"" + std::string(std::size_t{8} << 20, 'x') + "\"";
  auto parsed = JsonText::parse_public(bytes(large), 1);
  ASSERT_TRUE(parsed);
  const JsonText moved = std::move(parsed).value();
  EXPECT_EQ(moved.root().text().size(), large.size() - 2);
}

TEST(PublicJson, HoldsNoMoreValuesThanItMay) {
  EXPECT_TRUE(JsonText::parse_public(bytes("[1,{\"a\":2}]"), 5));
  JsonFault fault;
  const auto refused = JsonText::parse_public(bytes("[1,{\"a\":2}]"), 4, &fault);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::too_large);
  EXPECT_EQ(fault.offset, 8U);
  EXPECT_FALSE(JsonText::parse_public(bytes("1"), 0));
}

TEST(PublicJson, EveryValueKnowsWhereItStood) {
  const std::string json = R"( {"\u0061":[null , true,false, -1, "\n"],"b": {} } )";
  const auto parsed = JsonText::parse_public(bytes(json), 100);
  ASSERT_TRUE(parsed);
  const JsonValue root = parsed->root();
  EXPECT_EQ(root.offset(), json.find('{'));
  auto member = root.members().begin();
  EXPECT_EQ(member.name().offset(), json.find("\\u0061"));
  EXPECT_EQ(text(member.name().text()), "a");
  EXPECT_EQ(member.value().offset(), json.find('['));
  std::vector<std::size_t> offsets;
  for (const JsonValue each : member.value().elements()) offsets.push_back(each.offset());
  EXPECT_EQ(offsets,
            (std::vector<std::size_t>{json.find("null"), json.find("true"), json.find("false"),
                                      json.find("-1"), json.find("\\n")}));
  ++member;
  EXPECT_EQ(member.value().offset(), json.find("{}"));
}

}  // namespace
}  // namespace strongroom::json_test
