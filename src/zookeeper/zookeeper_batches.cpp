// zookeeper_batches.cpp: the life of a batch, from its sender to the server and back.
#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "strongroom/impl/base/round.hpp"
#include "zookeeper_client.hpp"
#include "zookeeper_library.hpp"

namespace strongroom::zookeeper {

// ---- waiting ----

Batch::Outcome WaitedBatch::wait() {
  std::unique_lock lock(mutex_);
  const auto is_done = [&] { return done_; };
  if (deadline == Clock::time_point::max()) {
    changed_.wait(lock, is_done);
  } else if (!changed_.wait_until(lock, deadline, is_done)) {
    gave_up_ = true;
    gave_up_unsent_ = !abandon();
    return Outcome::late;
  }
  return outcome;
}

void WaitedBatch::done() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_one();  // without the lock, or the thread that wakes up would wait for it
}

// ---- sending ----

void Client::send(std::shared_ptr<Batch> batch) {
  {
    const std::lock_guard lock(mutex_);
    if (!stop_) {
      taken_.push_back(std::move(batch));
      batch = nullptr;
    }
  }
  if (batch == nullptr) return wake();
  batch->outcome = Batch::Outcome::closed;
  batch->unsent = true;
  batch->abandon();
  batch->done();
}

void Client::take_sent() {
  const std::lock_guard lock(mutex_);
  for (auto& batch : taken_) waiting_.push_back(std::move(batch));
  taken_.clear();
}

void Client::start(const std::shared_ptr<Batch>& batch) {
  auto waiting = Batch::State::waiting;
  if (!batch->state_.compare_exchange_strong(waiting, Batch::State::sent)) return;  // abandoned
  batch->num_open_ = batch->ops.size();
  batch->lost_ = false;
  sent_.emplace(batch.get(), batch);
  batch->sending();
  if (batch->ops.empty()) return finish(*batch, Batch::Outcome::answered);
  for (Op& op : batch->ops) {
    op.batch = batch.get();
    op.bytes.clear();
    op.names.clear();
    op.step_rcs.clear();
    op.nodes.clear();
    if (const int rc = Library::send(*this, handle_, op); rc != ZOK) {
      op.rc = rc;
      answer(op);
    }
  }
}

void Client::send_waiting() {
  if (handle_ == nullptr) return;
  const LibraryLock lock(library_mutex());
  if (greet_) {
    greet_ = false;
    std::vector<std::shared_ptr<Batch>> first;
    connected_.store(true, std::memory_order_release);
    listener_.connected(std::exchange(new_session_, false), first);
    for (const auto& batch : first) start(batch);
    const std::lock_guard held(mutex_);
    connected_changed_.notify_all();
  }
  if (!connected()) return;
  std::vector<std::shared_ptr<Batch>> batches;
  batches.swap(waiting_);
  for (const auto& batch : batches) start(batch);
  send_groups();
  notice_cut();
  send_frames();
}

// put_back makes a batch wait for the next connection, if nothing of it was sent.
void Client::put_back(Batch& batch) {
  const auto found = sent_.find(&batch);
  if (found == sent_.end()) return;
  std::shared_ptr<Batch> held = std::move(found->second);
  sent_.erase(found);
  auto sent = Batch::State::sent;
  if (batch.state_.compare_exchange_strong(sent, Batch::State::waiting))
    waiting_.push_back(std::move(held));
}

// ---- ending ----

void Client::answer(Op& op) {
  Batch& batch = *op.batch;
  if (is_loss(op.rc)) {
    batch.lost_ = true;
  } else if (batch.state_.load() == Batch::State::sent && !batch.lost_) {
    batch.answered(op);
  }
  if (--batch.num_open_ > 0) return;
  finish(batch, batch.lost_ ? Batch::Outcome::lost : Batch::Outcome::answered);
}

void Client::finish(Batch& batch, Batch::Outcome outcome) {
  const auto found = sent_.find(&batch);
  if (found == sent_.end()) return;
  std::shared_ptr<Batch> held = std::move(found->second);
  sent_.erase(found);
  auto sent = Batch::State::sent;
  if (outcome == Batch::Outcome::lost && batch.again) {
    if (batch.state_.compare_exchange_strong(sent, Batch::State::waiting))
      waiting_.push_back(std::move(held));
    return;
  }
  if (!batch.state_.compare_exchange_strong(sent, Batch::State::over)) return;  // abandoned
  batch.outcome = outcome;
  done_.push_back(std::move(held));
}

// end ends a batch that gets no answer.
void Client::end(const std::shared_ptr<Batch>& batch, Batch::Outcome outcome) {
  const auto before = batch->state_.exchange(Batch::State::over);
  if (before == Batch::State::over) return;
  batch->outcome = outcome;
  batch->unsent = before == Batch::State::waiting;
  done_.push_back(batch);
}

// end_late ends the batches whose deadline has passed, also those that nobody waits for. A batch that was
// sent stays in sent_, since the library still refers to its operations.
void Client::end_late() {
  const auto now = Clock::now();
  if (now < next_look_) return;
  next_look_ = now + kLook;
  const auto is_late = [&](const std::shared_ptr<Batch>& batch) {
    if (batch->deadline > now) return false;
    end(batch, Batch::Outcome::late);
    return true;
  };
  for (const auto& [key, batch] : sent_) is_late(batch);
  waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(), is_late), waiting_.end());
}

// run_done calls done() without the library's lock, so that a callback may use another session.
void Client::run_done() {
  const Round round;
  while (!done_.empty()) {
    std::vector<std::shared_ptr<Batch>> done;
    done.swap(done_);
    for (const auto& batch : done) batch->done();
  }
}

}  // namespace strongroom::zookeeper
