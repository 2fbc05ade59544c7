// A stand-in, not glog's header; see README.md: LOG(INFO), LOG(WARNING) and LOG(ERROR).
#pragma once

#include <ostream>
#include <sstream>

namespace google {

inline constexpr int GLOG_INFO = 0;
inline constexpr int GLOG_WARNING = 1;
inline constexpr int GLOG_ERROR = 2;

class LogMessage {
 public:
  LogMessage(const char* file, int line, int severity);
  LogMessage(const LogMessage&) = delete;
  LogMessage& operator=(const LogMessage&) = delete;
  ~LogMessage();
  std::ostream& stream();

 private:
  std::ostringstream text_;
  int severity_;
};

}  // namespace google

#define LOG(severity) google::LogMessage(__FILE__, __LINE__, google::GLOG_##severity).stream()
