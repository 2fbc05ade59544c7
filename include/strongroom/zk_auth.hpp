// zk_auth.hpp: user:password, with which this process authenticates to ZooKeeper (digest scheme).
//
// It never comes from a URL, which logs and lists of processes would show. It comes from the host's
// memory, or from a file that nobody else can read (impl/base/private_file.hpp), and stays in key memory while
// the store is open.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

inline constexpr std::size_t kMaxZkAuthLen = 1024;

using ZkAuth = std::shared_ptr<const SecretBytes>;

// take_zk_auth copies user:password. A line end after it is dropped.
// Errors  invalid: no ':' after a user, control characters, or over kMaxZkAuthLen bytes.
//         unavailable: no memory for a key.
Result<ZkAuth> take_zk_auth(SecretView text);

// read_zk_auth_file reads it from a file of one line.
// Errors  denied: the file belongs to another user, or others may access it.  invalid: it cannot be
//         read, is not a file, or as above.
Result<ZkAuth> read_zk_auth_file(const std::string& file);

}  // namespace strongroom
