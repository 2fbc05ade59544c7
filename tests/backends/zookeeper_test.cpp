// zookeeper_test.cpp: the conformance suite over a real ZooKeeper server, and what is particular to it.
#include "strongroom/backends/zookeeper.hpp"

#include <gtest/gtest.h>

#include "conformance.hpp"
#include "one_zookeeper.hpp"

namespace strongroom::conformance {
namespace {

std::string fresh_root() {
  static int num_roots = 0;
  return "/strongroom-test-" + std::to_string(num_roots++);
}

std::unique_ptr<Backend> open_or_report(const std::string& url) {
  auto opened = open_backend(url);
  if (opened) return std::move(opened).value();
  ADD_FAILURE() << opened.error().message;
  return nullptr;
}

Factory zookeeper(std::string name, std::string query) {
  static std::string last;
  return {.name = std::move(name),
          .make = [query]() -> std::unique_ptr<Backend> {
            const std::string server = one_zookeeper();
            if (server.empty()) return nullptr;
            last = "zk://" + server + fresh_root() + "?access=world" + query;
            return open_or_report(last);
          },
          .reopen = [](Backend& open) { return open_or_report(open.url()); },
          .revive = [] { return open_or_report(last); },
          .pages = true};
}

INSTANTIATE_TEST_SUITE_P(ZooKeeper, Backends,
                         testing::Values(zookeeper("zookeeper", ""),
                                         zookeeper("zookeeper_uncached", "&cache_bytes=0")),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace strongroom::conformance
