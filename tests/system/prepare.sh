# prepare.sh: what ./quickstart and ./check do alike. Sourced, never run.
# shellcheck shell=bash

# To build the library and the command line.
user_packages=(
  g++ pkg-config meson ninja-build
  libsodium-dev nettle-dev libbotan-2-dev libssl-dev liblmdb-dev librnp-dev rapidjson-dev
  libzookeeper-st-dev libmicrohttpd-dev libgnutls28-dev libtomlplusplus-dev curl
)

# To build and run the tests on top of that.
# shellcheck disable=SC2034  # read by ./check
test_packages=(
  clang-14 libclang-rt-14-dev clang-format-14
  libgtest-dev libgmock-dev libbenchmark-dev libprotobuf-dev protobuf-compiler
  abigail-tools ccache gdb gnupg lmdb-utils openssl skopeo strace tmux util-linux valgrind
  mypy python3 python3-cffi python3-dev python3-hypothesis python3-jsonschema python3-pytest
  python3-venv python3-yaml zookeeper default-jre-headless
)

# missing_packages PACKAGE... prints those that are not installed, one a line.
missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      printf '%s\n' "$package"
  done
}

# as_root runs a command as root. Only a person at a terminal is asked for a password, by sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif [ -t 0 ] && [ "${CI:-}" != true ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

# install_packages PACKAGE... installs those that are missing, and does nothing when none is.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    printf 'This needs Debian 12 or a system like it (there is no apt-get here). On another one,\n'
    printf 'install what stands behind these packages and say --no-install:\n  %s\n' "${missing[*]}"
    return 1
  fi
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    printf 'These packages are missing, and neither are you root nor is there a sudo:\n  %s\n' \
      "${missing[*]}"
    printf 'Run this as root first:\n  apt-get install %s\n' "${missing[*]}"
    return 1
  fi
  printf 'Installing %s\n' "${missing[*]}"
  as_root apt-get update -q || printf 'apt-get update failed; going on with the lists at hand.\n'
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "${missing[@]}" </dev/null && return 0
  printf 'These packages could not be installed:\n  %s\n' "${missing[*]}"
  return 1
}

# use_build_directory DIRECTORY FROM sets build_directory to where builds are kept: DIRECTORY, which
# may be relative to FROM, or build in the source tree when it is empty.
use_build_directory() {
  build_directory=$PWD/build
  case $1 in
    '') ;;
    /*) build_directory=$1 ;;
    *) build_directory=$2/$1 ;;
  esac
  if ! mkdir -p "$build_directory" 2>/dev/null || ! [ -w "$build_directory" ]; then
    printf '%s cannot be written. Name another directory: --build-dir DIR\n' "$build_directory"
    return 1
  fi
  build_directory=$(cd "$build_directory" && pwd)
}

# configure_build DIRECTORY MESON-OPTION... sets a build directory up, anew if it was set up in
# another way or the sources were moved. The compilers come from CC and CXX.
configure_build() {
  local directory=$1 wanted
  shift
  wanted=$(printf '%s\n' "$PWD" "${CC:-}" "${CXX:-}" "$@")
  if [ -f "$directory/build.ninja" ] &&
    [ "$(cat "$directory/.configured" 2>/dev/null)" = "$wanted" ]; then
    return 0
  fi
  rm -rf "$directory"
  meson setup "$directory" "$@" && printf '%s\n' "$wanted" >"$directory/.configured"
}
