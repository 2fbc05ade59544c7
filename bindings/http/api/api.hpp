// api.hpp: the Secrets API: what each request means, and its response.
//
// A request is done in three steps: find() finds what is asked for, which waits for nothing; begin() finds out by whom,
// so that nobody's body is read before its sender is known; finish() does it. What the caller may do is decided by the store, in the call
// that does it: the caller's own session makes that call. Each request is one line of the audit log, written before its
// response is sent.
#pragma once

#include <string>
#include <vector>

#include "api/exchange.hpp"
#include "audit/audit_log.hpp"
#include "identity/authenticator.hpp"
#include "identity/tokens.hpp"
#include "settings/settings.hpp"
#include "state/lifecycle.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd {

class Api {
 public:
  // What the API needs; all of it outlives the API.
  struct Parts {
    const Settings& settings;
    strongroom_abi::Store& store;
    Authenticator& authenticator;
    Tokens& tokens;
    Lifecycle& lifecycle;
    AuditLog* audit;  // null: there is none
  };

  explicit Api(const Parts& parts);

  // find finds what is asked for, and sets exchange.lane: the threads for the next steps. exchange.response is set if
  // the request ends here.
  void find(Exchange& exchange) noexcept;

  // begin finds out who asks. exchange.response is set if the request ends here; else its body, if it has one, is
  // wanted.
  void begin(Exchange& exchange) noexcept;

  // finish answers the request, whose body has arrived.
  void finish(Exchange& exchange) noexcept;

  // fail answers a request that the server cannot pass on: a malformed one, or one over a limit.
  void fail(Exchange& exchange, const Failure& failure) noexcept;

  // routes returns what is served: "GET /secrets/v1/ping", with {store} and {path} for variable parts.
  static std::vector<std::string> routes();

 private:
  template <typename Step>
  void run(Exchange& exchange, Step step) noexcept;
  void end(Exchange& exchange, Response response) noexcept;
  void write_audit(Exchange& exchange, Response& response) noexcept;

  Parts parts_;
  bool remote_;
};

}  // namespace strongroomd
