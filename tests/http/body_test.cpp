#include "message/body.hpp"

#include <gtest/gtest.h>

#include <string>

#include "message/failure.hpp"

namespace strongroomd::body_test {

unsigned status_of(Body& body, const std::string& bytes) {
  try {
    body.append(bytes);
    return 0;
  } catch (const Failure& failure) {
    return failure.status();
  }
}

TEST(Body, IsWhatArrived) {
  BodyBudget budget(1 << 20);
  Body body(budget, 100000);
  EXPECT_EQ(body.reveal(), "");
  std::string sent;
  for (int i = 0; sent.size() < 90000; ++i) {
    const std::string piece(static_cast<std::size_t>(1 + i * 7 % 977),
                            static_cast<char>('a' + i % 26));
    body.append(piece);
    sent += piece;
  }
  body.append("");
  EXPECT_EQ(body.reveal(), sent);
}

TEST(Body, HasALimit) {
  BodyBudget budget(1 << 20);
  Body body(budget, 10);
  EXPECT_EQ(status_of(body, "1234567890"), 0u);
  EXPECT_EQ(status_of(body, "1"), 413u);
  EXPECT_EQ(body.reveal(), "1234567890");
  Body other(budget, 10);
  EXPECT_EQ(status_of(other, "12345678901"), 413u);
}

TEST(Body, SharesABudgetAndGivesItBack) {
  BodyBudget budget(20000);
  {
    Body first(budget, 100000);
    EXPECT_EQ(status_of(first, std::string(15000, 'x')), 0u);
    Body second(budget, 100000);
    EXPECT_EQ(status_of(second, std::string(15000, 'x')), 503u);
    first.clear();
    EXPECT_EQ(budget.used(), 0u);
    EXPECT_EQ(status_of(second, std::string(15000, 'x')), 0u);
    EXPECT_EQ(status_of(first, std::string(15000, 'x')), 503u);
  }
  EXPECT_EQ(budget.used(), 0u);
}

TEST(Body, AnAnnouncedLengthTakesNoMemory) {
  BodyBudget budget(1 << 20);
  Body body(budget, 1 << 20);
  body.append("x");
  EXPECT_LE(budget.used(), 4096u);
}

}  // namespace strongroomd::body_test
