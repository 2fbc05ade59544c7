#!/bin/sh
# run_in_scratch.sh PROGRAM: run it with the name of a directory that does not exist yet.
set -eu

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$1" "$scratch/store"
