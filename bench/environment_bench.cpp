// environment_bench.cpp: resolving an environment of 20 secrets, next to getting the same secrets one by one, and one
// of them. It uses the C ABI only, as a host that starts tasks does.
//
//   environment_bench <url of a new store> <seconds>    prints environment_ns=… gets_ns=… get_ns=…
//
// The three take turns, and figures are medians by the clock. What was resolved or read is freed in time.
#include <strongroom.h>
#include <strongroom_mesos.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <strongroom_abi.hpp>
#include <vector>

namespace {

namespace abi = strongroom_abi;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kNumVariables = 20;
constexpr std::size_t kValueLen = 64;

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "environment_bench: %s\n", why);
  std::exit(1);
}

std::string path_of(std::size_t i) {
  return "team/app/secret" + std::to_string(i);
}

std::string environment_json() {
  std::string json;
  for (std::size_t i = 0; i < kNumVariables; ++i) {
    json += json.empty() ? R"({"variables":[)" : ",";
    json += R"({"name":"SECRET_)" + std::to_string(i) +
            R"(","type":"SECRET","secret":{"type":"REFERENCE","reference":{"name":")" + path_of(i) +
            R"("}}})";
  }
  return json + "]}";
}

abi::Session make_store(abi::Store& store) {
  abi::Session session = store.trusted();
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.key = 1;
  const abi::Pending pending = session.init_prepare(options);
  session.init_activate(pending);
  session.unseal({std::string(pending.reveal_key())});
  for (std::size_t i = 0; i < kNumVariables; ++i) {
    session.put(path_of(i), STRONGROOM_CONTENT_TEXT, std::string(kValueLen, 'x'));
  }
  return session;
}

void resolve(strongroom_session* session, const std::string& json) {
  const strongroom_message message = {json.data(), json.size(), STRONGROOM_FORMAT_JSON, 0};
  strongroom_environment* environment = nullptr;
  if (strongroom_resolve_environment(session, &message, &environment, nullptr) != STRONGROOM_OK ||
      strongroom_environment_size(environment) != kNumVariables) {
    give_up("the environment did not resolve");
  }
  strongroom_environment_free(environment);
}

void get(strongroom_session* session, const std::string& path) {
  strongroom_secret* secret = nullptr;
  if (strongroom_get(session, path.c_str(), nullptr, &secret, nullptr) != STRONGROOM_OK ||
      strongroom_secret_size(secret) != kValueLen) {
    give_up("a get failed");
  }
  strongroom_secret_free(secret);
}

double median(std::vector<double>& all) {
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

void measure(strongroom_session* session, std::chrono::duration<double> time) {
  const std::string json = environment_json();
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < kNumVariables; ++i) paths.push_back(path_of(i));

  std::array<std::vector<double>, 3> took;
  std::size_t round = 0;
  const auto begin = Clock::now();
  for (auto last = begin; last - begin < time || round == 0; ++round) {
    const auto lap = [&](std::size_t which) {
      const auto now = Clock::now();
      took[which].push_back(std::chrono::duration<double, std::nano>(now - last).count());
      last = now;
    };
    resolve(session, json);
    lap(0);
    for (const std::string& path : paths) get(session, path);
    lap(1);
    get(session, paths[round % kNumVariables]);
    lap(2);
  }
  std::printf("environment_ns=%.0f gets_ns=%.0f get_ns=%.0f\n", median(took[0]), median(took[1]),
              median(took[2]));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) give_up("usage: environment_bench URL SECONDS");
  try {
    abi::Store store{std::string(argv[1])};
    abi::Session session = make_store(store);
    measure(session.raw(), std::chrono::duration<double>(std::stod(argv[2])));
  } catch (const std::exception& error) {
    give_up(error.what());
  }
  return 0;
}
