#!/bin/sh
# abi_check.sh SOURCE_ROOT [--update]: the ABI that the headers describe is the recorded one.
#
# What is dumped is a probe with one pointer of its type to every function of the map: it has the
# signatures and public structs, and nothing of what is behind the opaque types, whose debug
# information would be megabytes. Definitions cannot differ from it, since C has no overloads.
# Ends with 77, for "skipped", where the tools are missing or the processor is another one.
set -eu

root=$1
record=$root/capi/strongroom.abi.xml
flags='--no-show-locs --no-corpus-path --no-comp-dir-path --no-elf-needed'

for tool in abidw abidiff gcc; do
  command -v "$tool" > /dev/null || { echo "skipped: no $tool"; exit 77; }
done
[ "$(uname -m)" = x86_64 ] || { echo "skipped: recorded on x86_64"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{
  for header in strongroom strongroom_backend strongroom_mesos strongroom_policy_tools \
      strongroom_zookeeper; do
    echo "#include \"$header.h\""
  done
  sed -n 's/^    \(strongroom_[a-z0-9_]*\);$/__typeof__(\1) *abi_\1 = \1;/p' \
    "$root/capi/strongroom.map"
} > "$work/probe.c"
(cd "$work" && gcc -std=gnu99 -g -O0 -fPIC -shared -Wl,-soname,abi -I"$root/capi" -o probe.so probe.c)

# shellcheck disable=SC2086
abidw $flags --out-file "$work/probe.xml" "$work/probe.so"
if [ "${2:-}" = --update ]; then
  cp "$work/probe.xml" "$record"
  exit 0
fi

if ! abidiff "$record" "$work/probe.xml"; then
  echo "The ABI is not the recorded one. If that is meant: raise STRONGROOM_ABI_VERSION where old"
  echo "programs break, and record it with tests/capi/abi_check.sh . --update"
  exit 1
fi
