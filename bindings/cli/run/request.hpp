// request.hpp: the variables and files that a command is to see, and the open store that has their values.
#pragma once

#include <optional>

#include "run/definition.hpp"
#include "store/access.hpp"
#include "strongroom_abi.hpp"
#include "syntax/options.hpp"

namespace strongroom_cli {

// Resolved is everything that the command gets to see.
struct Resolved {
  std::optional<strongroom_abi::Environment> variables;
  std::optional<strongroom_abi::Volumes> volumes;
};

// same reports whether two answers to one request have the same values.
bool same(const Resolved& one, const Resolved& other);

class Request {
 public:
  // Request opens the store, if there is anything to ask it for.
  //
  // environment, volumes  in JSON, if they were given.
  // definition            borrowed; null where there is none. It goes without the other two.
  Request(const Options& options, std::optional<strongroom_abi::Secret> environment,
          std::optional<strongroom_abi::Secret> volumes, const Definition* definition);

  Resolved resolve();

  // check_pull_secret throws where the image of the definition could not be pulled for a lack of credentials.
  void check_pull_secret();

  strongroom_abi::Session& session() { return access_->session; }
  // close closes the store and wipes what was read.
  void close() noexcept;

 private:
  std::optional<strongroom_abi::Secret> environment_;
  std::optional<strongroom_abi::Secret> volumes_;
  const Definition* definition_;
  std::optional<Access> access_;
  std::optional<strongroom_abi::Session> service_;  // that the definition is about
};

}  // namespace strongroom_cli
