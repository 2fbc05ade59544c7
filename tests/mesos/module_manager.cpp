// module_manager.cpp: a program with Mesos' own module manager and libprocess, which loads the module by its manifest
// and resolves from actors, as an agent's isolators do. See module_manager.sh.
//
//   module_manager MANIFEST NAME[#KEY]...
#include <cstddef>
#include <iostream>
#include <mesos/mesos.hpp>
#include <mesos/module.hpp>
#include <mesos/module/secret_resolver.hpp>
#include <mesos/secret/resolver.hpp>
#include <process/clock.hpp>
#include <process/collect.hpp>
#include <process/dispatch.hpp>
#include <process/future.hpp>
#include <process/process.hpp>
#include <stout/json.hpp>
#include <stout/os.hpp>
#include <stout/protobuf.hpp>
#include <string>
#include <vector>

#include "module/manager.hpp"

namespace {

using mesos::Secret;
using mesos::SecretResolver;
using mesos::modules::ModuleManager;
using Values = std::vector<Secret::Value>;

constexpr int kActors = 8;
constexpr int kContainers = 500;
constexpr int kSecretsOfEach = 20;

// Isolator resolves a container's secrets at once, as the isolators of Mesos do.
class Isolator : public process::Process<Isolator> {
 public:
  explicit Isolator(SecretResolver* resolver) : resolver_(resolver) {}

  process::Future<Values> prepare(const std::vector<Secret>& secrets) {
    std::vector<process::Future<Secret::Value>> futures;
    for (const Secret& secret : secrets) futures.push_back(resolver_->resolve(secret));
    return process::collect(futures);
  }

 private:
  SecretResolver* const resolver_;
};

Secret reference(const std::string& text) {
  Secret secret;
  secret.set_type(Secret::REFERENCE);
  const std::size_t hash = text.find('#');
  secret.mutable_reference()->set_name(text.substr(0, hash));
  if (hash != std::string::npos) secret.mutable_reference()->set_key(text.substr(hash + 1));
  return secret;
}

std::string outcome(const process::Future<Values>& future) {
  if (future.isReady()) return "ready";
  if (future.isFailed()) return "failed: " + future.failure();
  return future.isDiscarded() ? "discarded" : "pending";
}

int refuse(const std::string& what, const std::string& why) {
  std::cout << what << ": " << why << std::endl;
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return refuse("usage", "module_manager MANIFEST NAME[#KEY]...");
  process::initialize();
  const Try<std::string> text = os::read(argv[1]);
  if (text.isError()) return refuse("manifest", text.error());
  const Try<JSON::Object> json = JSON::parse<JSON::Object>(text.get());
  if (json.isError()) return refuse("manifest", json.error());
  const Try<mesos::Modules> modules = ::protobuf::parse<mesos::Modules>(json.get());
  if (modules.isError()) return refuse("manifest", modules.error());
  const Try<Nothing> loaded = ModuleManager::load(modules.get());
  if (loaded.isError()) return refuse("load", loaded.error());
  const Try<SecretResolver*> resolver =
      ModuleManager::create<SecretResolver>("strongroom_SecretResolver");
  if (resolver.isError()) return refuse("create", resolver.error());
  std::cout << "loaded by the module manager of Mesos " << MESOS_VERSION << std::endl;

  std::vector<Isolator*> isolators;
  for (int i = 0; i < kActors; ++i) {
    isolators.push_back(new Isolator(resolver.get()));
    process::spawn(isolators.back());
  }
  for (int i = 2; i < argc; ++i) {
    const std::vector<Secret> one{reference(argv[i])};
    const auto future = process::dispatch(*isolators[0], &Isolator::prepare, one);
    future.await(Seconds(20));
    std::cout << argv[i] << " -> " << outcome(future);
    if (future.isReady()) std::cout << ", " << future.get()[0].data().size() << " bytes";
    std::cout << std::endl;
  }

  const std::vector<Secret> many(kSecretsOfEach, reference(argv[2]));
  const process::Time begin = process::Clock::now();
  std::vector<process::Future<Values>> all;
  for (int i = 0; i < kContainers; ++i)
    all.push_back(process::dispatch(*isolators[i % kActors], &Isolator::prepare, many));
  int num_ready = 0;
  for (const auto& each : all) {
    each.await(Seconds(60));
    num_ready += each.isReady() ? 1 : 0;
  }
  std::cout << kContainers << " containers of " << kSecretsOfEach << " secrets, " << kActors
            << " actors: " << num_ready << " ready, " << process::Clock::now() - begin << std::endl;

  auto unwanted = process::dispatch(*isolators[0], &Isolator::prepare, many);
  unwanted.discard();
  unwanted.await(Seconds(20));
  std::cout << "discard -> " << outcome(unwanted) << std::endl;
  for (Isolator* each : isolators) {
    process::terminate(each);
    process::wait(each);
    delete each;
  }
  delete resolver.get();
  process::finalize();
  std::cout << "ended" << std::endl;
  return num_ready == kContainers ? 0 : 1;
}
