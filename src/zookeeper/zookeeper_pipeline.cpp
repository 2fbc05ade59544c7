// zookeeper_pipeline.cpp: sends requests together: commits in one multi, reads in a frame of our own.
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <utility>

#include "zookeeper_client.hpp"
#include "zookeeper_frame.hpp"
#include "zookeeper_library.hpp"
#include "zookeeper_tree.hpp"

namespace strongroom::zookeeper {
namespace {

// Simultaneous reads go into frames of about this size.
constexpr std::size_t kNodesPerFrame = 64;
// Simultaneous commits go into multis of up to this size. Only kMaxGroups multis are under way at a time;
// meanwhile other commits collect.
constexpr std::size_t kMaxGroups = 4;
constexpr std::size_t kOpsPerGroup = 32;
constexpr std::size_t kMaxGroupLen = std::size_t{256} << 10;
constexpr std::size_t kStepRoom = 100;  // the most that a step takes in addition to path and value

std::size_t len_of(const Op& multi) noexcept {
  std::size_t len = 0;
  for (const Step& step : multi.steps) len += kStepRoom + step.path.size() + step.value.size();
  return len;
}

}  // namespace

// ---- commits together ----

// send_groups: a server takes as long for a multi of one commit as for one of many.
void Client::send_groups() {
  while (!ungrouped_.empty() && groups_.size() < kMaxGroups && connected()) {
    std::vector<Op*> ops;
    std::size_t len = 0;
    while (!ungrouped_.empty() && ops.size() < kOpsPerGroup) {
      Op* const op = ungrouped_.front();
      len += len_of(*op);
      if (!ops.empty() && len > kMaxGroupLen) break;
      ungrouped_.pop_front();
      ops.push_back(op);
    }
    send_group(std::move(ops));
  }
}

void Client::send_group(std::vector<Op*> ops) {
  const ACL_vector& acl = makes_private_nodes() ? ZOO_CREATOR_ALL_ACL : ZOO_OPEN_ACL_UNSAFE;
  auto group = std::make_unique<Group>();
  group->ops = std::move(ops);
  Group& sent = *group;
  groups_.emplace(&sent, std::move(group));
  if (const int rc = Library::send_group(handle_, acl, sent); rc != ZOK) group_done(sent, rc);
}

// group_done hands out a group's answer. If several commits failed together, none was applied. It is known
// which one failed, but not whether the others would have succeeded, so each is sent again by itself.
void Client::group_done(const Group& group, int rc) {
  const auto found = groups_.find(&group);
  const std::unique_ptr<Group> own = std::move(found->second);
  groups_.erase(found);
  const bool all = rc == ZOK || is_loss(rc) || own->ops.size() == 1;
  std::size_t next = 0;
  for (Op* const op : own->ops) {
    if (!all) {
      send_group({op});
      continue;
    }
    for (std::size_t i = 0; i < op->steps.size() && next < own->results.size(); ++i)
      op->step_rcs.push_back(own->results[next++].err);
    op->rc = rc;
    answer(*op);
  }
}

// ---- frames of our own ----

// send_frames sends the waiting reads, as many together as fit. The library must have nothing left to send,
// or our bytes would land in the middle of its own.
void Client::send_frames() {
  if (unframed_.empty() || !connected()) return;
  timeval wait{0, 0};
  int interest = 0;
  (void)ask_interest(interest, wait);
  notice_cut();
  if (!connected() || (interest & ZOOKEEPER_WRITE) != 0) return;
  std::vector<Op*> ops;
  ops.swap(unframed_);
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < ops.size();) {
    Frame frame;
    frame.xid = next_xid_;
    next_xid_ = next_xid_ == kLastXid ? kFirstXid : next_xid_ - 1;
    FrameWriter writer(bytes, frame.xid);
    std::size_t num_nodes = 0;
    do {
      for (const std::string& path : ops[i]->paths) writer.get(path);
      num_nodes += ops[i]->paths.size();
      frame.ops.push_back(ops[i++]);
    } while (i < ops.size() && num_nodes + ops[i]->paths.size() <= kNodesPerFrame);
    writer.finish();
    frames_.push_back(std::move(frame));
  }
  if (write_frame(bytes)) return;
  ::shutdown(fd_, SHUT_RDWR);  // the library notices, and connects again
}

// write_frame writes the whole frame, since nothing else may be written in between. A server that accepts no
// bytes for a third of a session is treated as lost.
bool Client::write_frame(const std::vector<std::uint8_t>& frame) {
  const auto until = Clock::now() + options_.session / 3;
  for (std::size_t sent = 0; sent < frame.size();) {
    const ssize_t n =
        ::send(fd_, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 || errno != EAGAIN || Clock::now() >= until) return false;
    pollfd out{fd_, POLLOUT, 0};
    (void)::poll(&out, 1, static_cast<int>(kLook.count()));
  }
  return true;
}

void Client::lose_frames() {
  for (Op* const op : std::exchange(ungrouped_, {})) put_back(*op->batch);
  std::vector<Op*> lost;
  lost.swap(unframed_);
  for (const Frame& frame : std::exchange(frames_, {}))
    lost.insert(lost.end(), frame.ops.begin(), frame.ops.end());
  incoming_.clear();
  incoming_len_ = 0;
  library_reads_ = false;
  for (Op* const op : lost) {
    op->rc = ZCONNECTIONLOSS;
    answer(*op);
  }
}

// receive reads one answer from the socket: one for the library, or one to a frame of ours.
// Returns  false when there is nothing more to read now.
bool Client::receive() {
  if (incoming_len_ > 0) return receive_ours();
  if (connected() && !library_reads_) {
    std::array<std::uint8_t, kFrameHeadLen> head{};
    const ssize_t n = ::recv(fd_, head.data(), head.size(), MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return false;
    if (n > 0 && static_cast<std::size_t>(n) < head.size()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the rest is on its way
      return false;
    }
    const FrameHead frame = decode_frame_head(head);
    const bool ours = n == static_cast<ssize_t>(head.size()) && !frames_.empty() &&
                      frame.xid == frames_.front().xid;
    if (ours && (frame.len > longest_answer(frames_.front()) || frame.len < 16)) {
      refuse_frame();
      return false;
    }
    if (ours) {
      incoming_len_ = 4 + frame.len;
      incoming_.clear();
      return receive_ours();
    }
  }
  const int rc = zookeeper_process(handle_, ZOOKEEPER_READ);
  library_reads_ = connected() && rc == ZNOTHING;  // only the beginning of an answer had arrived
  return rc == ZOK;
}

// longest_answer returns the most bytes that an answer to a frame may have: up to 1 MiB for each node, and
// kMaxFrameLen in total.
std::size_t Client::longest_answer(const Frame& frame) noexcept {
  std::size_t num_nodes = 0;
  for (const Op* const op : frame.ops) num_nodes += op->paths.size();
  return std::min(kMaxFrameLen, (num_nodes + 1) * (kMaxPacketLen + 200));
}

// refuse_frame fails the reads of the frame, and cuts the connection, since the answer cannot be skipped in
// time.
void Client::refuse_frame() {
  const Frame frame = std::move(frames_.front());
  frames_.pop_front();
  for (Op* const op : frame.ops) {
    op->rc = kAnswerTooLarge;
    answer(*op);
  }
  ::shutdown(fd_, SHUT_RDWR);
}

bool Client::receive_ours() {
  constexpr std::size_t kStep = std::size_t{1} << 20;  // memory is allocated as bytes arrive
  while (incoming_.size() < incoming_len_) {
    const std::size_t have = incoming_.size();
    incoming_.resize(std::min(incoming_len_, have + kStep));
    const ssize_t n = ::recv(fd_, incoming_.data() + have, incoming_.size() - have, MSG_DONTWAIT);
    incoming_.resize(have + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    if (n == 0 || errno != EAGAIN) ::shutdown(fd_, SHUT_RDWR);
    if (n == 0 || errno != EAGAIN) lose_frames();
    return false;
  }
  frame_done();
  return true;
}

void Client::frame_done() {
  const Frame frame = std::move(frames_.front());
  frames_.pop_front();
  std::size_t num_nodes = 0;
  for (const Op* const op : frame.ops) num_nodes += op->paths.size();
  auto nodes = decode_frame(std::span(incoming_).subspan(4), num_nodes);
  incoming_len_ = 0;
  incoming_.clear();
  std::size_t next = 0;
  for (Op* const op : frame.ops) {
    op->rc = nodes ? kOk : ZMARSHALLINGERROR;
    if (nodes) {
      const auto begin =
          std::make_move_iterator(nodes->begin() + static_cast<std::ptrdiff_t>(next));
      op->nodes.assign(begin, begin + static_cast<std::ptrdiff_t>(op->paths.size()));
    }
    next += op->paths.size();
    answer(*op);
  }
}

}  // namespace strongroom::zookeeper
