// failure.hpp: how a request fails: with an HTTP status and two texts for the client.
//
// A Failure unwinds to Api, which makes the response of it. The texts name paths and limits, say what to do, and
// never contain secret bytes.
#pragma once

#include <chrono>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace strongroomd {

class Failure : public std::exception {
 public:
  // Failure with a status such as 404, a title of a few words ("Not found") and one sentence.
  Failure(unsigned status, std::string title, std::string description)
      : status_(status), title_(std::move(title)), description_(std::move(description)) {}

  unsigned status() const noexcept { return status_; }
  const std::string& title() const noexcept { return title_; }
  const char* what() const noexcept override { return description_.c_str(); }

  // delay is how long the response is held back: failed tries slow down.
  std::chrono::milliseconds delay{0};
  std::vector<std::pair<const char*, std::string>> headers;  // Allow, Retry-After, ...

 private:
  unsigned status_;
  std::string title_;
  std::string description_;
};

}  // namespace strongroomd
