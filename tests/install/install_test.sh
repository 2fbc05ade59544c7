#!/usr/bin/env bash
# install_test.sh BUILD: installs a build into a directory of its own, then does what the README says
# there, word for word: its C, C++ and shell examples, against nothing but the installed files.
set -eu -o pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "${1:?usage: install_test.sh BUILD}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

meson install -C "$build" --no-rebuild --destdir "$work/tree" >"$work/install.log"
prefix=$work/tree$(meson introspect "$build" --buildoptions |
  python3 -c 'import json,sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
pc=$(dirname "$(find "$prefix" -name strongroom.pc)")
lib=$(dirname "$pc")
export PKG_CONFIG_SYSROOT_DIR=$work/tree PKG_CONFIG_PATH=$pc LD_LIBRARY_PATH=$lib
export PATH=$prefix/bin:$PATH

# block LANGUAGE: the README's example in that language.
block() { awk -v fence="\`\`\`$1" '$0 == fence {on = 1; next} /^```$/ {on = 0} on' "$root/README.md"; }

expect() {
  [ "$2" = "$3" ] && return 0
  printf '%s: expected\n%s\ngot\n%s\n' "$1" "$3" "$2" >&2
  exit 1
}

cd "$work"
block c >example.c
block cpp >example.cpp
block sh >example.sh
# The sysroot is for our own files alone; the libraries beneath are the system's.
flags() { pkg-config "$@" | sed "s#$work/tree/usr/include#/usr/include#g; s#$work/tree/usr/lib#/usr/lib#g"; }

# shellcheck disable=SC2046
"${CC:-cc}" -std=c99 -pedantic -Wall -Wextra -Werror example.c -o example_c $(flags --cflags --libs strongroom)
expect 'README in C' "$(./example_c)" my-user
# shellcheck disable=SC2046
"${CXX:-c++}" -std=c++20 -Wall -Wextra -Werror example.cpp -o example_cpp $(flags --cflags --libs strongroom-engine)
expect 'README in C++' "$(./example_cpp)" my-user

# What an embedder may include: each public header by itself, by both compilers, and all in two files.
engine_flags=$(flags --cflags strongroom-engine)
headers=$(cd "$prefix/include/strongroom" && find . -name '*.hpp' -not -path './impl/*' -not -name 'src*.hpp' | sed 's#^\./##' | sort)
for header in $headers; do printf '#include <strongroom/%s>\n' "$header"; done >every.hpp
for compiler in "${CXX:-c++}" clang++-14; do
  command -v "${compiler##* }" >/dev/null || continue
  export compiler engine_flags
  # shellcheck disable=SC2016
  printf '%s\n' $headers | xargs -P 2 -I '{}' sh -c 'printf "#include <strongroom/%s>\n" "$1" |
    $compiler -std=c++20 -Wall -Wextra -Werror -fsyntax-only $engine_flags -x c++ -' sh '{}'
done
printf '#include "every.hpp"\nint other();\nint main() { return other(); }\n' >every_main.cpp
printf '#include "every.hpp"\nint other() { return 0; }\n' >every_other.cpp
# shellcheck disable=SC2046
${CXX:-c++} -std=c++20 -Wall -Wextra -Werror every_main.cpp every_other.cpp -o every \
  $(flags --cflags --libs strongroom-engine)
./every
printf '%s public headers\n' "$(printf '%s\n' "$headers" | wc -l)"

# The engine without our build: in one source file of the host, with libsodium and Nettle and nothing more;
# and the same program with the engine that was built.
# shellcheck disable=SC2046,SC2086
${CXX:-c++} -std=c++20 -Wall -Wextra -Werror $engine_flags "$root/tests/install/host/host.cpp" -o host_alone \
  $(pkg-config --libs libsodium nettle) -pthread
expect 'the engine in one source file' "$(./host_alone)" my-user
sed 's#strongroom/src.hpp#strongroom/store.hpp#' "$root/tests/install/host/host.cpp" >host_linked.cpp
# shellcheck disable=SC2046
${CXX:-c++} -std=c++20 -Wall -Wextra -Werror host_linked.cpp -o host_linked $(flags --cflags --libs strongroom-engine)
expect 'the engine, linked' "$(./host_linked)" my-user

# The policy tools, which the engine has not: their library, and the same in the host's own source file.
# shellcheck disable=SC2046
${CXX:-c++} -std=c++20 -Wall -Wextra -Werror "$root/tests/install/host/policy_tools.cpp" -o tools_linked \
  $(flags --cflags --libs strongroom-policy-tools)
expect 'the policy tools, linked' "$(./tools_linked)" redundant
printf '#include <strongroom/src.hpp>\n#include <strongroom/src_policy_tools.hpp>\n' |
  cat - "$root/tests/install/host/policy_tools.cpp" >tools_alone.cpp
# shellcheck disable=SC2046,SC2086
${CXX:-c++} -std=c++20 -Wall -Wextra -Werror $engine_flags tools_alone.cpp -o tools_alone \
  $(pkg-config --libs libsodium nettle) -pthread
expect 'the policy tools in one source file' "$(./tools_alone)" redundant
if nm -C "$lib/libstrongroom_engine.a" | grep -E 'policy_(automaton|diff|explain|lint|match|surplus|walk|who_can)'; then
  echo 'the engine has policy tools' >&2
  exit 1
fi

# As a subproject of Meson, with the least that can be built.
mkdir -p subproject/subprojects
cp host_linked.cpp subproject/main.cpp
cp "$root"/tests/install/host/{meson.build,policy_tools.cpp,portable.cpp} subproject/
ln -s "$root" subproject/subprojects/strongroom
if ! (meson setup subproject/build subproject --buildtype=plain && ninja -C subproject/build host policy_tools portable &&
  meson test -C subproject/build --no-rebuild --suite host) >subproject.log 2>&1; then
  tail -n 40 subproject.log >&2
  exit 1
fi
expect 'without AES instructions and without Botan' "$(subproject/build/portable)" $'unsupported\nunsupported'

mkdir shell && cd shell
unset STRONGROOM_STORE STRONGROOM_KEY_FILE
# What get prints ends with a newline on a terminal alone, so here the next line follows at once.
expect 'README in the shell' \
  "$(bash ../example.sh 2>/dev/null | grep -E '^(my-usermy/secret|my-user foo|sealed: 15)$')" \
  $'my-usermy/secret\nmy-user foo\nsealed: 15'
expect 'mode of the key file' "$(stat -c %a store.key)" 600

# The .pc files name nothing of the machine that built them: no compiler, no build tree.
if grep -nE '/gcc/|\.\./' "$pc"/strongroom*.pc || grep -nF "$build" "$pc"/strongroom*.pc; then
  echo 'a .pc file names a path of the machine it was made on' >&2
  exit 1
fi

# The tree works wherever it is moved to, and the program finds its library and its OpenPGP helper there.
mv "$prefix" "$work/moved away"
moved_lib="$work/moved away${lib#"$prefix"}"
if [ -e "$work/moved away/libexec/strongroom/strongroom-openpgp" ]; then
  env -i HOME="$work" PATH="$work/moved away/bin:/usr/bin:/bin" LC_ALL=C.UTF-8 sh -eu -c '
    cd "$1" && mkdir elsewhere && cd elsewhere
    strongroom --store "lmdb:$PWD/store" init --generate-pgp-key private.asc --pgp-bits 2048 >/dev/null
    printf moved | strongroom --store "lmdb:$PWD/store" create a/secret --pgp-private-key private.asc
    test "$(strongroom --store "lmdb:$PWD/store" get a/secret --pgp-private-key private.asc)" = moved
  ' sh "$work"
fi
# So does the library with its modules for AES. A module that others can write, or of another version, is not loaded.
cat >aes.c <<'END'
#include <stdio.h>
#include <strongroom.h>
int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const strongroom_status status = strongroom_use_aes_library(argv[i], NULL);
    if (status != STRONGROOM_OK) return printf("%s: %s\n", argv[i], strongroom_status_name(status)), 1;
  }
  return 0;
}
END
cat >other.c <<'END'
static const unsigned table[16] = {99};
const void* strongroom_aes_module(void);
const void* strongroom_aes_module(void) { return table; }
END
"${CC:-cc}" -std=c99 -Wall -Wextra -Werror -I"$work/moved away/include" aes.c -o aes -L"$moved_lib" -lstrongroom
"${CC:-cc}" -std=c99 -Wall -Wextra -Werror -shared -fPIC other.c -o other.so
for module in "$moved_lib"/strongroom/strongroom-*.so; do
  [ -e "$module" ] || continue
  name=${module##*/strongroom-}
  name=${name%.so}
  LD_LIBRARY_PATH=$moved_lib ./aes automatic libsodium nettle "$name"
  chmod g+w "$module"
  expect 'a module that others can write' "$(LD_LIBRARY_PATH=$moved_lib ./aes "$name")" "$name: unsupported"
  chmod g-w "$module"
  mv "$module" genuine.so && cp other.so "$module"
  expect 'a module of another version' "$(LD_LIBRARY_PATH=$moved_lib ./aes "$name")" "$name: unsupported"
  mv genuine.so "$module"
done
mkdir -p "$(dirname "$prefix")" && mv "$work/moved away" "$prefix"

# The completion and every help text are there.
for each in bash:bash-completion/completions/strongroom zsh:zsh/site-functions/_strongroom \
  fish:fish/vendor_completions.d/strongroom.fish; do
  strongroom completion "${each%%:*}" | cmp - "$prefix/share/${each#*:}"
done
for command in init status unseal seal rotate create update get list delete resolve run; do
  strongroom "$command" --help | grep -q "$command"
done

# The server works from where it was installed, with the documents beside it.
bash "$root/bindings/http/demo.sh" "$prefix/sbin/strongroomd" >demo.log
for document in openapi.yaml strongroomd.toml; do
  cmp "$root/bindings/http/$document" "$prefix/share/strongroom/$document"
done
"$prefix/sbin/strongroomd" --help | grep -q share/strongroom/strongroomd.toml
echo 'installed, and the README holds'
