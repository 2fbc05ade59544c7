#!/bin/sh
# small_agent.sh: compiles small_agent against the headers of a real Mesos or Clusterd, with its generated messages.
#
#   small_agent.sh PREFIX OUT PROTOBUF GLOG
#
# PREFIX          of bindings/mesos/headers
# OUT             is made: OUT/small_agent, and OUT/libagent.so, which has what an agent's libmesos has for the module
# PROTOBUF, GLOG  where these libraries are installed: lib/libprotobuf.so, lib/libglog.so
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=$1 out=$2 protobuf=$3 glog=$4
mkdir -p "$out"
out=$(cd "$out" && pwd)
set -- -std=c++17 -O2 -DNDEBUG -fPIC -isystem "$prefix/lib/mesos/3rdparty/include" -isystem "$prefix/include"
libraries="-Wl,--no-as-needed -L$protobuf/lib -lprotobuf -L$glog/lib -lglog -Wl,-rpath,$protobuf/lib:$glog/lib:$out"
${CXX:-c++} "$@" -w -c "$prefix/include/mesos/mesos.pb.cc" -o "$out/messages.o"
# shellcheck disable=SC2086  # several words
${CXX:-c++} -shared -o "$out/libagent.so" "$out/messages.o" $libraries
# shellcheck disable=SC2086
${CXX:-c++} "$@" -o "$out/small_agent" "$here/small_agent.cpp" $libraries -L"$out" -lagent -pthread -ldl
