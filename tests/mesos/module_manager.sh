#!/bin/sh
# module_manager.sh: compiles module_manager with the module manager and libprocess of a source tree of Mesos.
#
#   module_manager.sh SOURCE PREFIX OUT PROTOBUF GLOG
#
# SOURCE          the source tree: include, src, 3rdparty/libprocess
# PREFIX          of bindings/mesos/headers, for the same source
# OUT             is made: OUT/module_manager
# PROTOBUF, GLOG  where these libraries are installed; also PROTOBUF/bin/protoc
#
# Without gRPC and TLS. libev, http-parser, curl, apr and zlib are the system's (Debian: libev-dev libhttp-parser-dev
# libcurl4-openssl-dev libapr1-dev zlib1g-dev). It takes minutes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$1" && pwd) prefix=$(cd "$2" && pwd) out=$3 protobuf=$4 glog=$5
mkdir -p "$out/messages"
out=$(cd "$out" && pwd)
process=$source/3rdparty/libprocess/src

for file in mesos/mesos mesos/module/module mesos/module/hook mesos/authorizer/acls \
    mesos/resource_provider/resource_provider; do
  LD_LIBRARY_PATH=$protobuf/lib "$protobuf/bin/protoc" "-I$source/include" "--cpp_out=$out/messages" \
    "$source/include/$file.proto"
done
LD_LIBRARY_PATH=$protobuf/lib "$protobuf/bin/protoc" "-I$source/include" "-I$source/src" \
  "--cpp_out=$out/messages" "$source/src/messages/messages.proto"

number=0
compile() {
  number=$((number + 1))
  ${CXX:-c++} -std=c++17 -O1 -w -DNDEBUG -DUSE_LIBEV -DVERSION='"1"' -DBUILD_DIR='""' -DLIBDIR='"/usr/lib"' \
    -DPKGLIBEXECDIR='"/"' -DPKGDATADIR='"/"' -DPKGMODULEDIR='"/"' -isystem "$prefix/lib/mesos/3rdparty/include" \
    "-I$out/messages" -isystem "$prefix/include" "-I$source/src" "-I$process" -I/usr/include/apr-1.0 \
    -c "$1" -o "$out/$number.o"
}

find "$out/messages" -name "*.pb.cc" >"$out/sources"
for file in authenticator authenticator_manager clock firewall help http http_proxy io latch logging memory_profiler \
    metrics/metrics mime pid process profiler reap socket subprocess time posix/subprocess posix/libev/libev \
    posix/libev/libev_poll posix/io posix/poll_socket gtest_constants; do
  printf '%s\n' "$process/$file.cpp" >>"$out/sources"
done
printf '%s\n' "$source/src/module/manager.cpp" "$here/module_manager.cpp" >>"$out/sources"
while read -r file; do compile "$file"; done <"$out/sources"

${CXX:-c++} -o "$out/module_manager" "$out"/*.o -Wl,--export-dynamic "-L$protobuf/lib" -lprotobuf "-L$glog/lib" -lglog \
  -lev -lhttp_parser -lz -lcurl -lapr-1 -ldl -pthread "-Wl,-rpath,$protobuf/lib:$glog/lib"
