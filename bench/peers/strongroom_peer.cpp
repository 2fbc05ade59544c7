// strongroom_peer.cpp: strongroom with LMDB storage, through its C ABI, as a trusted caller.
#include <strongroom.h>

#include <string>
#include <strongroom_abi.hpp>
#include <thread>
#include <vector>

#include "peer.hpp"

namespace {

using namespace peers;
namespace abi = strongroom_abi;

void check(strongroom_status status) {
  if (status != STRONGROOM_OK) give_up(strongroom_status_name(status));
}

std::string url_of(const fs::path& directory) {
  return "lmdb:" + (directory / "store").string();
}

class Strongroom {
 public:
  static void make(const fs::path& directory) {
    abi::Store store(url_of(directory));
    abi::Session session = store.trusted();
    strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
    options.key = 1;
    const abi::Pending pending = session.init_prepare(options);
    write_key(directory, pending.reveal_key());
    session.init_activate(pending);
  }

  explicit Strongroom(const fs::path& directory)
      : store_(url_of(directory)), session_(store_.trusted()) {
    session_.unseal({read_key(directory)});
  }

  // Puts that wait together share a flush of the disk.
  void fill(const Names& names, ByteView value) {
    constexpr std::size_t kNumWriters = 64;
    std::vector<std::jthread> writers;
    for (std::size_t t = 0; t < kNumWriters; ++t) {
      writers.emplace_back([&, t] {
        Thread thread(*this);
        for (std::size_t i = t; i < names.size(); i += kNumWriters) thread.put(names[i], value);
      });
    }
  }

  // Any number of threads use one session.
  class Thread {
   public:
    explicit Thread(Strongroom& library) : session_(library.session_.raw()) {}

    template <typename Use>
    void get(const std::string& name, Use use) {
      strongroom_secret* secret = nullptr;
      check(strongroom_get(session_, name.c_str(), nullptr, &secret, nullptr));
      use(ByteView(strongroom_secret_data(secret), strongroom_secret_size(secret)));
      strongroom_secret_free(secret);
    }

    void put(const std::string& name, ByteView value) {
      check(strongroom_put(session_, name.c_str(), STRONGROOM_CONTENT_BINARY, value.data(),
                           value.size(), nullptr, nullptr, nullptr));
    }

    std::size_t list(const std::string& folder) {
      strongroom_names* names = nullptr;
      check(strongroom_list(session_, folder.c_str(), nullptr, &names, nullptr));
      const std::size_t num = strongroom_names_size(names);
      for (std::size_t i = 0; i < num; ++i) {
        strongroom_name name = STRONGROOM_NAME_INIT;
        check(strongroom_names_at(names, i, &name, nullptr));
        must(name.name[0] != '\0', "a name is empty");
      }
      strongroom_names_free(names);
      return num;
    }

   private:
    strongroom_session* session_;
  };

 private:
  abi::Store store_;
  abi::Session session_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    return main_of<Strongroom>(argc, argv);
  } catch (const std::exception& error) {
    give_up(error.what());
  }
}
