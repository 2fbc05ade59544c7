// pending.hpp: one request between the library and the API.
#pragma once

#include <microhttpd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "api/exchange.hpp"
#include "message/body.hpp"
#include "message/failure.hpp"
#include "server/connection.hpp"

namespace strongroomd {

// MhdResponse is a response of the library, which has it too as soon as it is queued.
using MhdResponse = std::unique_ptr<struct MHD_Response, decltype(&MHD_destroy_response)>;

struct Pending {
  // target is the request's target in the library's memory, which later also has the version of HTTP.
  Pending(const char* target, MHD_Connection* handle, Connection& connection, BodyBudget& budget,
          std::size_t max_body_len);

  // read takes over the method and the header fields.
  // Throws  Failure 400: the request could be understood in two ways. 413: its body is announced as too long.
  void read(const char* method, const char* version);

  enum class Stage : std::uint8_t {
    arrived,    // its header fields are there
    judged,     // the API knows the caller, or has refused
    receiving,  // its body
    answered,   // there is a response
  };

  MHD_Connection* handle;
  Connection& connection;
  Exchange exchange;
  Stage stage = Stage::arrived;
  bool has_body = false;
  bool expects_continue = false;
  bool was_delayed = false;
  bool closes = false;                                      // the connection ends with the response
  std::size_t dropped_len = 0;                              // of a body that nobody wants
  MhdResponse with_cookie{nullptr, &MHD_destroy_response};  // null, or what was sent with one

 private:
  void read_field(std::string_view name, std::string_view value);
  void read_cookies(std::string_view value);
  void check_target(const char* version) const;
  void check_length() const;

  const char* target_at_;
  unsigned num_content_length_ = 0;
  unsigned num_transfer_encoding_ = 0;
  unsigned num_host_ = 0;
  bool is_malformed_ = false;
  std::size_t max_body_len_;
};

}  // namespace strongroomd
