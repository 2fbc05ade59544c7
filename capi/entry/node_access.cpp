// node_access.cpp: checks and changes which clients may access the nodes of a store in ZooKeeper.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "callbacks.hpp"
#include "guard.hpp"
#include "open.hpp"
#include "strongroom/backends/zookeeper.hpp"
#include "strongroom/doctor.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom_zookeeper.h"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

// Nodes is the URL of the nodes, and the identity to reach them with.
struct Nodes {
  std::string url;
  BackendOptions options;
};

Result<Nodes> nodes_of(const char* url, const strongroom_store_options* given) {
  STRONGROOM_ASSIGN(name, text_of(url, "url"));
  if (!name.starts_with("zk:") && !name.starts_with("zks:"))
    return Error{Code::invalid,
                 "the URL is not that of a store in ZooKeeper, such as zk://host:port/root"};
  STRONGROOM_ASSIGN(options, store_options(given));
  options.storage.must_exist = true;
  options.storage.timeout = options.timeout;
  return Nodes{std::string(name), std::move(options.storage)};
}

std::string such_as(const std::vector<std::string>& examples) {
  std::string text;
  for (const std::string& each : examples) text += (text.empty() ? " (" : ", ") + each;
  return text.empty() ? text : text + ")";
}

// findings_of describes the access lists of the nodes.
// authenticated: the store has an identity. Without one, its own nodes are open to the world.
std::vector<Finding> findings_of(const ZooKeeperAccess& access, bool authenticated) {
  const std::string of = " of " + std::to_string(access.num_nodes) + " nodes in ZooKeeper ";
  const std::uint64_t num_world = authenticated ? access.num_world : access.num_nodes;
  if (num_world == 0 && access.num_foreign == 0) {
    return {{Finding::Level::good, "zk-access",
             "all " + std::to_string(access.num_nodes) +
                 " nodes in ZooKeeper belong to the store's own identity only",
             ""}};
  }
  std::vector<Finding> findings;
  const std::string examples = such_as(access.examples);
  if (num_world > 0) {
    findings.push_back(
        {Finding::Level::danger, "zk-access",
         std::to_string(num_world) + of + "can be changed by everyone who can connect" + examples,
         "give them to one identity: strongroom zk-reauth --new-zk-auth-file FILE"});
  }
  if (access.num_foreign > num_world) {
    findings.push_back({Finding::Level::warning, "zk-access",
                        std::to_string(access.num_foreign - num_world) + of +
                            "belong to other identities, or to others besides the store's own" +
                            examples,
                        "find out which client made them, then run: strongroom zk-reauth "
                        "--new-zk-auth-file FILE"});
  }
  return findings;
}

}  // namespace

strongroom_status strongroom_zk_check_access(const char* url,
                                             const strongroom_store_options* options,
                                             strongroom_on_progress progress, void* user_data,
                                             strongroom_findings** out,
                                             strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_findings>> {
    STRONGROOM_ASSIGN(nodes, nodes_of(url, options));
    const bool authenticated = nodes.options.zk_auth != nullptr;
    Observer observer(progress, user_data);
    auto access = check_zookeeper_access(nodes.url, nodes.options, [&](std::uint64_t num_nodes) {
      return observer.report(num_nodes, 0, 0);
    });
    STRONGROOM_TRY(access);
    auto findings = std::make_unique<strongroom_findings>();
    findings->found = findings_of(access.value(), authenticated);
    return findings;
  });
}

strongroom_status strongroom_zk_reauth(const char* url, const strongroom_store_options* options,
                                       const void* new_auth, size_t new_auth_len,
                                       const char* new_auth_file, strongroom_on_progress progress,
                                       void* user_data, uint64_t* out_num_nodes,
                                       strongroom_error** out_error) noexcept {
  give_number(out_num_nodes, uint64_t{0});
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_ASSIGN(nodes, nodes_of(url, options));
    STRONGROOM_ASSIGN(fresh, zk_auth_of(new_auth, new_auth_len, new_auth_file));
    Observer observer(progress, user_data);
    auto done = reauthenticate_zookeeper(
        nodes.url, nodes.options, std::move(fresh),
        [&](std::uint64_t num_nodes) { return observer.report(num_nodes, 0, 0); });
    STRONGROOM_TRY(done);
    give_number(out_num_nodes, done.value());
    return {};
  });
}
