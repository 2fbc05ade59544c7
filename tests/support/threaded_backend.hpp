// threaded_backend.hpp: records in memory, and answers on a thread of the storage's own, as a backend
// over a network has them. The test holds answers back, and hears of calls that wait on that thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "forwarding_backend.hpp"
#include "strongroom/backend.hpp"

namespace strongroom::testing {

// Traffic is shared between the backend and the test.
struct Traffic {
  std::mutex mutex;
  std::condition_variable changed;
  bool held = false;  // answers of read_async wait
  std::atomic<int> num_reads{0};
  std::atomic<int> num_async{0};
  std::atomic<int> num_waits{0};  // calls that waited for the storage on its own thread
  std::atomic<int> read_delay_ms{0};
  std::atomic<bool> fails{false};  // answers of read_async are unavailable
  std::atomic<std::thread::id> thread{};

  void hold(bool whether) {
    const std::lock_guard lock(mutex);
    held = whether;
    changed.notify_all();
  }
};

class ThreadedBackend final : public ForwardingBackend {
 public:
  ThreadedBackend(std::unique_ptr<Backend> real, std::shared_ptr<Traffic> traffic)
      : ForwardingBackend(std::move(real)),
        traffic_(std::move(traffic)),
        thread_([this] { work(); }) {
    traffic_->thread = thread_.get_id();
  }
  ~ThreadedBackend() override {
    {
      const std::lock_guard lock(traffic_->mutex);
      over_ = true;
      traffic_->changed.notify_all();
    }
    thread_.join();
  }

  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override {
    note();
    traffic_->num_reads += 1;
    std::this_thread::sleep_for(std::chrono::milliseconds(traffic_->read_delay_ms.load()));
    return real_->read(keys, sink, timeout);
  }

  // read_async looks at once, and answers later: what it read may be old by then.
  void read_async(std::span<const ByteView> keys, Timeout timeout, ReadCallback done) override {
    traffic_->num_async += 1;
    auto read = std::make_shared<Answer>();
    read->records.resize(keys.size());
    read->bytes.resize(keys.size());
    read->stamp = real_->read(
        keys,
        [&](std::size_t i, const Record& record) {
          read->bytes[i].assign(record.value.begin(), record.value.end());
          read->records[i] = record;
          read->records[i].value = read->bytes[i];
        },
        timeout);
    if (traffic_->fails) read->stamp = Error{Code::unavailable, "the line was cut"};
    const std::lock_guard lock(traffic_->mutex);
    answers_.push_back([read, done = std::move(done)] { done(read->stamp, read->records); });
    traffic_->changed.notify_all();
  }

  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override {
    note();
    return real_->commit(batch, timeout);
  }
  Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                    Timeout timeout) override {
    note();
    return real_->scan(prefix, after, limit, sink, timeout);
  }
  Result<void> sync(Timeout timeout) override {
    note();
    return real_->sync(timeout);
  }

 private:
  struct Answer {
    Result<Stamp> stamp{Stamp{0}};
    std::vector<Record> records;
    std::vector<std::vector<std::uint8_t>> bytes;
  };

  void note() {
    if (std::this_thread::get_id() == thread_.get_id()) traffic_->num_waits += 1;
  }

  void work() {
    std::unique_lock lock(traffic_->mutex);
    for (;;) {
      traffic_->changed.wait(lock, [&] { return over_ || (!answers_.empty() && !traffic_->held); });
      if (answers_.empty()) return;
      const auto answer = std::move(answers_.front());
      answers_.pop_front();
      lock.unlock();
      answer();
      lock.lock();
    }
  }

  std::shared_ptr<Traffic> traffic_;
  std::deque<std::function<void()>> answers_;
  bool over_ = false;
  std::thread thread_;  // last
};

}  // namespace strongroom::testing
