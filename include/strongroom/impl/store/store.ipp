// store.ipp: the bodies of store.hpp.
#include <exception>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include "strongroom/backend.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/base/quiet_thread.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/store/engine.hpp"
#include "strongroom/result.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/session.hpp"
#include "strongroom/store.hpp"

namespace strongroom {

namespace detail::store {

// LetGo deletes an engine. An engine's destructor waits for callbacks, and one of them may have dropped
// the last reference; then another thread deletes the engine.
struct LetGo {
  void operator()(Engine* engine) const noexcept {
    if (!in_callback()) return delete engine;
    std::thread other = quiet_thread([engine] { delete engine; });
    if (other.joinable()) other.detach();  // else the engine stays: better than waiting for ever
  }
};

}  // namespace detail::store

Result<Store> Store::open(std::string_view url, StoreOptions options) {
  STRONGROOM_TRY(check_aes());
  options.storage.timeout = options.timeout;  // one deadline, also for opening
  STRONGROOM_ASSIGN(backend, open_backend(url, options.storage));
  return Store(std::move(backend), std::move(options));
}

Store::Store(std::unique_ptr<Backend> backend, StoreOptions options)
    : engine_(new Engine(std::move(backend), std::move(options)), detail::store::LetGo()) {}

Session Store::as(Identity identity) const {
  return Session(engine_, std::move(identity));
}

Result<SealStatus> Store::status() const {
  auto status = engine_->barrier.keys().status();
  engine_->policy.drop_if_sealed();  // it may have met the lock flag
  return status;
}

void Store::close() {
  engine_->barrier.keys().close();
  engine_->policy.drop_if_sealed();
}

bool in_callback() noexcept {
  return AsyncReads::in_callback();
}

}  // namespace strongroom
