// stand_ins.cpp: the bodies of the stand-ins, which a host program exports to the module.
#include "stand_ins.hpp"

#include <glog/logging.h>

#include <mesos/mesos.hpp>
#include <mutex>
#include <utility>

namespace {

void append_length(std::string& out, std::size_t len) {
  for (; len >= 128; len >>= 7) out += static_cast<char>(len | 128);
  out += static_cast<char>(len);
}

// append_field appends a length-delimited field of protobuf's wire format.
void append_field(std::string& out, int number, const std::string& bytes) {
  out += static_cast<char>(number << 3 | 2);
  append_length(out, bytes.size());
  out += bytes;
}

std::string wire_of(const google::protobuf::MessageLite& message) {
  std::string wire;
  message.SerializePartialToString(&wire);
  return wire;
}

std::mutex log_mutex;
std::vector<std::string>& log_lines() {
  static std::vector<std::string> lines;
  return lines;
}
bool log_kept = true;

}  // namespace

namespace google::protobuf {

MessageLite::~MessageLite() = default;

bool MessageLite::SerializePartialToString(std::string* out) const {
  out->clear();
  append_to(*out);
  return true;
}

}  // namespace google::protobuf

namespace mesos {

Secret_Reference::Secret_Reference() = default;
Secret_Reference::~Secret_Reference() = default;
void Secret_Reference::append_to(std::string& out) const {
  append_field(out, 1, name_);
  if (has_key_) append_field(out, 2, key_);
}

Secret_Value::Secret_Value() = default;
Secret_Value::Secret_Value(const Secret_Value& from) : MessageLite(from), data_(from.data_) {}
Secret_Value::~Secret_Value() = default;
void Secret_Value::append_to(std::string& out) const {
  append_field(out, 1, data_);
}

Secret::Secret() = default;
Secret::~Secret() = default;
void Secret::append_to(std::string& out) const {
  out += {1 << 3, static_cast<char>(type_)};
  if (has_reference_) append_field(out, 2, wire_of(reference_));
  if (has_value_) append_field(out, 3, wire_of(value_));
}

}  // namespace mesos

namespace google {

LogMessage::LogMessage(const char*, int, int severity) : severity_(severity) {}

LogMessage::~LogMessage() {
  const std::lock_guard lock(log_mutex);
  if (log_kept) log_lines().push_back("IWE"[severity_] + (" " + text_.str()));
}

std::ostream& LogMessage::stream() {
  return text_;
}

}  // namespace google

std::vector<std::string> take_log_lines() {
  const std::lock_guard lock(log_mutex);
  return std::exchange(log_lines(), {});
}

void keep_log_lines(bool keep) {
  const std::lock_guard lock(log_mutex);
  log_kept = keep;
}
