// A stand-in, not libprocess' header; see README.md: a future and its promise. All of it is inline, as there.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace process {

template <typename T>
class Promise;

template <typename T>
class Future {
 public:
  Future() : state_(std::make_shared<State>()) {}
  Future(const T& value) : Future() {  // NOLINT: implicit, as there
    state_->value.emplace(value);
    state_->kind = Kind::ready;
  }

  bool isPending() const { return is(Kind::pending); }
  bool isReady() const { return is(Kind::ready); }
  bool isFailed() const { return is(Kind::failed); }
  bool isDiscarded() const { return is(Kind::discarded); }
  // isAbandoned: the promise is gone, so the future will never complete.
  bool isAbandoned() const { return is(Kind::pending) && state_->abandoned; }
  const T& get() const { return *state_->value; }
  const std::string& failure() const { return state_->failure; }

  // discard says that the result is not wanted. Only the promise can act on it.
  bool discard() {
    Callbacks callbacks;
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->kind != Kind::pending || state_->discard) return false;
      state_->discard = true;
      callbacks.swap(state_->on_discard);
    }
    for (const auto& callback : callbacks) callback();
    return true;
  }

  const Future& onDiscard(std::function<void()> callback) const {
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->kind != Kind::pending) return *this;
      if (!state_->discard) {
        state_->on_discard.push_back(std::move(callback));
        return *this;
      }
    }
    callback();
    return *this;
  }

  const Future& onReady(std::function<void(const T&)> callback) const {
    return onAny([callback](const Future& future) {
      if (future.isReady()) callback(future.get());
    });
  }

  // onAny calls back on whatever thread completes the future, or now.
  const Future& onAny(std::function<void(const Future&)> callback) const {
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->kind == Kind::pending) {
        state_->on_any.push_back(std::move(callback));
        return *this;
      }
    }
    callback(*this);
    return *this;
  }

 private:
  friend class Promise<T>;

  enum class Kind { pending, ready, failed, discarded };
  using Callbacks = std::vector<std::function<void()>>;

  struct State {
    std::mutex mutex;
    Kind kind = Kind::pending;
    bool discard = false;
    bool abandoned = false;
    std::optional<T> value;
    std::string failure;
    Callbacks on_discard;
    std::vector<std::function<void(const Future&)>> on_any;
  };

  bool is(Kind kind) const {
    const std::lock_guard lock(state_->mutex);
    return state_->kind == kind;
  }

  // complete runs fill under the lock, unless the future is complete.
  template <typename F>
  bool complete(Kind kind, F fill) const {
    decltype(state_->on_any) callbacks;
    Callbacks dropped;
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->kind != Kind::pending) return false;
      fill(*state_);
      state_->kind = kind;
      callbacks.swap(state_->on_any);
      dropped.swap(state_->on_discard);
    }
    for (const auto& callback : callbacks) callback(*this);
    return true;
  }

  std::shared_ptr<State> state_;
};

template <typename T>
class Promise {
 public:
  Promise() = default;
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;
  virtual ~Promise() {
    const std::lock_guard lock(future_.state_->mutex);
    future_.state_->abandoned = true;
  }

  Future<T> future() const { return future_; }
  bool set(T&& value) {
    return future_.complete(Future<T>::Kind::ready,
                            [&](auto& state) { state.value.emplace(std::move(value)); });
  }
  bool fail(const std::string& message) {
    return future_.complete(Future<T>::Kind::failed, [&](auto& state) { state.failure = message; });
  }
  bool discard() {
    return future_.complete(Future<T>::Kind::discarded, [](auto&) {});
  }

 private:
  Future<T> future_;
};

}  // namespace process
