// served_store.hpp: a store over LMDB as the server has it, with its state directory.
#pragma once

#include <string>
#include <string_view>

#include "state/state_dir.hpp"
#include "strongroom_abi.hpp"
#include "support/scratch.hpp"

namespace strongroomd::testing {

class ServedStore {
 public:
  ServedStore() {
    strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
    options.key = 1;
    const strongroom_abi::Pending pending = trusted.init_prepare(options);
    key_ = pending.reveal_key();
    trusted.init_activate(pending);
    unseal();
  }

  void unseal() { trusted.unseal({key_}); }
  void seal() { trusted.seal(STRONGROOM_SEAL_PROCESS); }
  std::string path_of(const std::string& name) const { return scratch_.path() / name; }
  std::string url() const { return "lmdb:" + path_of("store"); }

 private:
  strongroom::testing::Scratch scratch_;
  std::string key_;

 public:
  StateDir dir{path_of("state")};
  strongroom_abi::Store store{url()};
  strongroom_abi::Session trusted{store.trusted()};
};

}  // namespace strongroomd::testing
