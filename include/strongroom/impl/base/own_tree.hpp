// own_tree.hpp: files that belong to this library, found next to the library itself.
//
// So an installed tree, a build tree and a tree that was moved work without a setting. A file that anybody
// except root and this user could have written is refused, since it will see secrets.
#pragma once

#include <string>
#include <string_view>

#include "strongroom/result.hpp"

namespace strongroom {

// own_file returns the absolute path of the file that holds this code, a library or a program; empty
// when it cannot be found, and in a set-user-id program, which searches for nothing next to itself.
std::string own_file();

// in_own_tree returns the file PREFIX/<relative> of the tree in which the file `own` is installed as PREFIX/bin/x,
// PREFIX/lib/x or PREFIX/lib/ARCHITECTURE/x; empty when there is none.
std::string in_own_tree(std::string_view own, std::string_view relative);

// check_not_foreign refuses a file that others can write.
// name    what a message calls the file, such as "the OpenPGP helper".
// Errors  not_found.  unavailable: it could not be examined.
//         unsupported: it is no regular file, or others can write it.
Result<void> check_not_foreign(const std::string& path, std::string_view name);

}  // namespace strongroom
