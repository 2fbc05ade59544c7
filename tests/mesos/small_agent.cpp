// small_agent.cpp: as much of an agent as the module meets: it opens the library, checks what Mesos' module manager
// checks, makes the resolver, and resolves.
//
//   small_agent MODULE.so [KEY=VALUE...] -- [SECRET...]
//
// KEY=VALUE  parameters of the module
// SECRET     /path  /path#member  value:TEXT  discard:/path  threads:N:/path (N resolves by eight threads)
//
// It is compiled against the headers of a real Mesos (bindings/mesos/README.md), and against the stand-ins so that it
// does not rot.
#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mesos/mesos.hpp>
#include <mesos/module/secret_resolver.hpp>
#include <mesos/secret/resolver.hpp>
#include <process/future.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {

using Future = process::Future<mesos::Secret::Value>;
using Module = mesos::modules::Module<mesos::SecretResolver>;
using Clock = std::chrono::steady_clock;

[[noreturn]] void give_up(const std::string& why) {
  std::printf("%s\n", why.c_str());
  std::exit(1);
}

// verify does what Mesos' module manager does, in its order.
const Module& verify(const char* file) {
  void* const library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) give_up(std::string("Could not load library: ") + ::dlerror());
  void* const found = ::dlsym(library, "strongroom_SecretResolver");
  if (found == nullptr) give_up(std::string("Error looking up symbol: ") + ::dlerror());
  const Module& module = *static_cast<const Module*>(found);
  for (const char* field : {module.moduleApiVersion, module.mesosVersion, module.kind,
                            module.authorName, module.authorEmail, module.description}) {
    if (field == nullptr) give_up("missing fields");
  }
  if (std::strcmp(module.moduleApiVersion, MESOS_MODULE_API_VERSION) != 0)
    give_up(std::string("Module API version mismatch: ") + module.moduleApiVersion);
  if (std::strcmp(module.kind, "SecretResolver") != 0) give_up("Unknown module kind");
  if (std::strcmp(module.mesosVersion, MESOS_VERSION) != 0)
    give_up(std::string("Mesos has version " MESOS_VERSION ", but module is compiled with ") +
            module.mesosVersion);
  std::printf("loaded: API %s, Mesos %s, %s, by %s: %s\n", module.moduleApiVersion,
              module.mesosVersion, module.kind, module.authorName, module.description);
  return module;
}

mesos::Secret reference(const std::string& text) {
  mesos::Secret secret;
  secret.set_type(mesos::Secret::REFERENCE);
  const auto hash = text.find('#');
  secret.mutable_reference()->set_name(text.substr(0, hash));
  if (hash != std::string::npos) secret.mutable_reference()->set_key(text.substr(hash + 1));
  return secret;
}

void wait(const Future& future) {
  while (future.isPending()) std::this_thread::sleep_for(std::chrono::microseconds(50));
}

std::string outcome(const Future& future) {
  wait(future);
  // get would need an agent's libprocess.
  std::string value;
  future.onReady([&value](const mesos::Secret::Value& ready) { value = "ready: " + ready.data(); });
  if (future.isReady()) return value;
  return future.isFailed() ? "failed: " + future.failure() : "discarded";
}

// many resolves one reference again and again, from eight threads that do not wait for each other.
std::string many(const mesos::SecretResolver& resolver, int num, const std::string& name) {
  constexpr int kThreads = 8;
  std::atomic<int> num_ready{0};
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      std::vector<Future> futures;
      for (int n = 0; n < num / kThreads; ++n) futures.push_back(resolver.resolve(reference(name)));
      for (const Future& future : futures) {
        wait(future);
        if (future.isReady()) ++num_ready;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto taken = std::chrono::duration<double, std::milli>(Clock::now() - begin);
  return std::to_string(num_ready) + " ready in " + std::to_string(taken.count()) + " ms";
}

std::string answer(const mesos::SecretResolver& resolver, const std::string& wanted) {
  if (wanted.rfind("value:", 0) == 0) {
    mesos::Secret secret;
    secret.set_type(mesos::Secret::VALUE);
    secret.mutable_value()->set_data(wanted.data() + 6, wanted.size() - 6);
    return outcome(resolver.resolve(secret));
  }
  if (wanted.rfind("discard:", 0) == 0) {
    Future future = resolver.resolve(reference(wanted.substr(8)));
    future.discard();
    return outcome(future);  // the discard, or the answer if that was faster
  }
  if (wanted.rfind("threads:", 0) == 0) {
    const auto colon = wanted.find(':', 8);
    return many(resolver, std::stoi(wanted.substr(8, colon - 8)), wanted.substr(colon + 1));
  }
  return outcome(resolver.resolve(reference(wanted)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) give_up("small_agent MODULE.so [KEY=VALUE...] -- [SECRET...]");
  const Module& module = verify(argv[1]);
  mesos::Parameters parameters;
  int next = 2;
  for (; next < argc && std::strcmp(argv[next], "--") != 0; ++next) {
    const std::string text = argv[next];
    const auto equals = text.find('=');
    auto* const parameter = parameters.add_parameter();
    parameter->set_key(text.substr(0, equals));
    parameter->set_value(equals == std::string::npos ? "" : text.substr(equals + 1));
  }
  const std::unique_ptr<mesos::SecretResolver> resolver(module.create(parameters));
  if (resolver == nullptr)
    give_up("Error creating Module instance for 'strongroom_SecretResolver'");
  for (++next; next < argc; ++next)
    std::printf("%s -> %s\n", argv[next], answer(*resolver, argv[next]).c_str());
}
