// module.cpp: the Mesos module: a SecretResolver whose secrets are strongroom's.
//
// One source for the headers of every release from Mesos 1.4 on. Its Mesos, protobuf and glog are the
// agent's: nothing of theirs is linked, and the agent provides the symbols when it loads the module. The
// store is strongroom's C ABI. The list of symbols is in README.md, and a test pins it.
#include <glog/logging.h>

#include <exception>
#include <memory>
#include <mesos/mesos.hpp>
#include <mesos/module/secret_resolver.hpp>
#include <mesos/secret/resolver.hpp>
#include <process/future.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "requests.hpp"
#include "settings.hpp"
#include "text.hpp"

namespace strongroom_mesos {

namespace {

using Value = mesos::Secret::Value;

void log_line(Severity severity, const std::string& line) {
  switch (severity) {
    case Severity::info:
      LOG(INFO) << "strongroom: " << line;
      break;
    case Severity::warning:
      LOG(WARNING) << "strongroom: " << line;
      break;
    case Severity::error:
      LOG(ERROR) << "strongroom: " << line;
      break;
  }
}

// Promised completes the agent's future. From then on the value is in the agent's ordinary memory: that is what Mesos'
// interface asks for.
class Promised : public Request {
 public:
  using Request::Request;

  process::Future<Value> future() const { return promise_.future(); }

  void resolved(std::string_view value) override {
    Value filled;
    filled.set_data(value.data(), value.size());
    promise_.set(std::move(filled));
  }
  void failed(const std::string& text) override { promise_.fail(text); }
  void discarded() override { promise_.discard(); }

 private:
  process::Promise<Value> promise_;
};

class Resolver : public mesos::SecretResolver {
 public:
  explicit Resolver(const Settings& settings)
      : requests_(std::make_shared<Requests>(settings, &log_line)) {}
  ~Resolver() override { requests_->stop(); }

  process::Future<Value> resolve(const mesos::Secret& secret) const override {
    // A message that carries its value needs no store. Mesos does not look at the type either.
    if (!secret.has_reference() && secret.has_value() &&
        secret.type() != mesos::Secret::REFERENCE) {
      log_line(Severity::info, "passed on a value that came with its message");
      return secret.value();
    }
    std::string wire;
    secret.SerializePartialToString(&wire);
    const auto request = std::make_shared<Promised>(std::move(wire), secret.reference().name());
    const auto future = request->future();
    requests_->resolve(request);
    future.onDiscard(
        [requests = std::weak_ptr<Requests>(requests_), wanted = std::weak_ptr<Request>(request)] {
          const auto all = requests.lock();
          const auto one = wanted.lock();
          if (all != nullptr && one != nullptr) all->discard(one);
        });
    return future;
  }

 private:
  const std::shared_ptr<Requests> requests_;
};

std::vector<std::pair<std::string, std::string>> pairs_of(const mesos::Parameters& parameters) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (int i = 0; i < parameters.parameter_size(); ++i)
    pairs.emplace_back(parameters.parameter(i).key(), parameters.parameter(i).value());
  return pairs;
}

// create returns null when the configuration is wrong; Mesos then reports only that, so the reason is logged.
mesos::SecretResolver* create(const mesos::Parameters& parameters) {
  try {
    const Settings settings = Settings::read(pairs_of(parameters));
    settings.take_memory();
    auto resolver = std::make_unique<Resolver>(settings);
    log_line(Severity::info, printable(settings.rights()));
    return resolver.release();
  } catch (const std::exception& error) {
    log_line(Severity::error,
             std::string("the secret resolver cannot start: ") + printable(error.what()));
    return nullptr;
  }
}

}  // namespace

}  // namespace strongroom_mesos

// The agent looks the module up by this name. No `compatible` function: an agent then takes only a module
// that was compiled for exactly its own version.
extern "C" __attribute__((visibility("default"))) mesos::modules::Module<mesos::SecretResolver>
    strongroom_SecretResolver;
mesos::modules::Module<mesos::SecretResolver> strongroom_SecretResolver(
    MESOS_MODULE_API_VERSION, MESOS_VERSION, "strongroom", "none",
    "Resolves references to secrets from a strongroom store.", nullptr, strongroom_mesos::create);

// For strongroom-mesos-check, which reads it without loading the module.
extern "C" {
extern __attribute__((visibility("default"))) const char strongroom_mesos_version[];
const char strongroom_mesos_version[] = MESOS_VERSION;
}
