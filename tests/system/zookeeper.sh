#!/usr/bin/env bash
# zookeeper.sh: real ZooKeeper servers on free loopback ports, for tests. See --help.
#
# It alone knows how Debian's server is configured and started; tests/support/zookeeper_server.hpp
# comes here as well.
set -u -o pipefail

usage() {
  cat <<'EOT'
Usage: zookeeper.sh start N DIR    starts N servers (1, or 3: an ensemble) and waits until they serve;
                                   prints what clients connect to: 127.0.0.1:PORT,127.0.0.1:PORT,...
       zookeeper.sh stop DIR       kills them all and removes DIR
       zookeeper.sh status DIR     prints a line per server: number, port, pid, mode
       zookeeper.sh available      tells by its exit status whether servers can be started here

       zookeeper.sh configure DIR CLIENT:QUORUM:ELECTION...   writes the files of one server per triple
                                   of ports, and starts nothing
       zookeeper.sh exec I DIR     becomes server I (1 is the first), until it is killed

DIR is made, and must not hold anything else. DIR/I has all of server I: zoo.cfg, data, log, pid.

Environment:
  STRONGROOM_ZOOKEEPER_HEAP=256m       Java's heap, each
  STRONGROOM_ZOOKEEPER_TICK_MS=500     sessions last 2 ticks at least, and a follower that is silent
                                       for 5 is dropped
  STRONGROOM_ZOOKEEPER_FORCE_SYNC=yes  no: acknowledge without waiting for the disk
EOT
}

fail() {
  printf 'zookeeper.sh: %s\n' "$1" >&2
  exit 1
}

jars=/usr/share/java
wait_s=60

available() {
  command -v java >/dev/null && [ -f "$jars/zookeeper.jar" ] && [ -f "$jars/slf4j-simple.jar" ]
}

need_it() {
  available || fail 'there is no ZooKeeper here: apt-get install zookeeper default-jre-headless'
}

# configure DIR CLIENT:QUORUM:ELECTION...
configure() {
  local directory=$1 tick=${STRONGROOM_ZOOKEEPER_TICK_MS:-500} i=0 peers='' ports quorum
  shift
  for ports in "$@"; do
    i=$((i + 1)) quorum=${ports#*:}
    peers+="server.$i=127.0.0.1:$quorum"$'\n'
  done
  [ "$i" -gt 1 ] || peers=''
  i=0
  for ports in "$@"; do
    i=$((i + 1))
    mkdir -p "$directory/$i/data" || return
    printf '%s\n' "$i" >"$directory/$i/data/myid" || return
    cat >"$directory/$i/zoo.cfg" <<EOT || return
dataDir=$directory/$i/data
clientPort=${ports%%:*}
clientPortAddress=127.0.0.1
tickTime=$tick
initLimit=40
syncLimit=5
minSessionTimeout=$((2 * tick))
maxSessionTimeout=60000
maxClientCnxns=0
autopurge.snapRetainCount=3
autopurge.purgeInterval=1
admin.enableServer=false
4lw.commands.whitelist=srvr,cons,mntr,wchs
$peers
EOT
  done
}

# exec_server I DIR: what it says goes to DIR/I/log.
exec_server() {
  local own=$2/$1
  [ -f "$own/zoo.cfg" ] || fail "$own was not configured"
  exec java "-Xmx${STRONGROOM_ZOOKEEPER_HEAP:-256m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError -Djava.net.preferIPv4Stack=true \
    -Dzookeeper.jmx.log4j.disable=true "-Dzookeeper.forceSync=${STRONGROOM_ZOOKEEPER_FORCE_SYNC:-yes}" \
    -Dzookeeper.preAllocSize=4096 \
    -Dorg.slf4j.simpleLogger.showDateTime=true -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS \
    -cp "$own:$jars/zookeeper.jar:$jars/slf4j-simple.jar" \
    org.apache.zookeeper.server.quorum.QuorumPeerMain "$own/zoo.cfg" \
    </dev/null >>"$own/log" 2>&1
}

# free_ports COUNT prints ports that nobody else is given for a minute: a connection to each was
# closed just now, which binding on purpose overlooks and the kernel's own choice does not.
free_ports() {
  python3 - "$1" <<'EOT'
import socket, sys
held = []
for _ in range(int(sys.argv[1])):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    there = socket.create_connection(listener.getsockname())
    here, _ = listener.accept()
    held.append((listener, here, there))
for listener, here, there in held:
    here.close()  # the first to close is the one that waits
    there.close()
    print(listener.getsockname()[1])
    listener.close()
EOT
}

client_port() { sed -n 's/^clientPort=//p' "$1/zoo.cfg"; }

# mode PORT prints standalone, leader or follower, or fails.
mode() {
  local answer
  answer=$(timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && printf srvr >&3 && cat <&3' "$1" \
    2>/dev/null)
  answer=$(sed -n 's/^Mode: //p' <<<"$answer")
  [ -n "$answer" ] && printf '%s\n' "$answer"
}

# own_pid DIR/I prints the pid if that is a server of this very directory, or is about to become one.
own_pid() {
  local pid
  pid=$(cat "$1/pid" 2>/dev/null) && [ -n "$pid" ] || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -Fxq -e "$1/zoo.cfg" -e "${1%/*}" &&
    printf '%s\n' "$pid"
}

# kill_all DIR: gone is gone only when the kernel says so.
kill_all() {
  local own pid waited
  for own in "$1"/[0-9]*/; do
    own=${own%/}
    pid=$(own_pid "$own") || continue
    kill -KILL "$pid" 2>/dev/null
    for ((waited = 0; waited < 500; waited++)); do
      own_pid "$own" >/dev/null || break
      sleep 0.02
    done
    rm -f "$own/pid"
  done
}

# launch N DIR starts the servers as configured. They outlive this script.
launch() {
  local i
  for ((i = 1; i <= $1; i++)); do
    setsid bash "$0" exec "$i" "$2" </dev/null >/dev/null 2>&1 &
    printf '%s\n' $! >"$2/$i/pid"
    disown
  done
}

# await N DIR waits until each of them serves; fails when one ends instead.
await() {
  local i deadline=$((SECONDS + wait_s))
  for ((i = 1; i <= $1; i++)); do
    until mode "$(client_port "$2/$i")" >/dev/null; do
      [ "$SECONDS" -lt "$deadline" ] && kill -0 "$(cat "$2/$i/pid")" 2>/dev/null || return 1
      sleep 0.05
    done
  done
}

start() {
  local number=$1 try ports i triples connect=''
  directory=$2 # not local: a trap needs it
  case $number in 1 | 3 | 5) ;; *) fail 'start 1, 3 or 5 servers' ;; esac
  need_it
  [ -z "$(ls -A "$directory" 2>/dev/null)" ] || fail "$directory is not empty"
  mkdir -p "$directory" && directory=$(cd "$directory" && pwd -P) || exit 1
  trap 'kill_all "$directory"; exit 1' INT TERM
  for try in 1 2 3; do
    mapfile -t ports < <(free_ports $((3 * number)))
    triples=() connect=''
    for ((i = 0; i < number; i++)); do
      triples+=("${ports[3 * i]}:${ports[3 * i + 1]}:${ports[3 * i + 2]}")
      connect+=${connect:+,}127.0.0.1:${ports[3 * i]}
    done
    configure "$directory" "${triples[@]}" || fail "$directory could not be written"
    launch "$number" "$directory"
    if await "$number" "$directory"; then
      printf '%s\n' "$connect"
      return
    fi
    kill_all "$directory"
    [ "$try" -eq 3 ] || rm -rf "${directory:?}"/[0-9]*
  done
  tail -n 20 "$directory"/[0-9]*/log >&2
  fail 'the servers did not start'
}

stop() {
  [ -d "$1" ] || fail "there is no $1"
  local directory
  directory=$(cd "$1" && pwd -P) || exit 1
  [ -f "$directory/1/zoo.cfg" ] || fail "$directory is none of mine"
  kill_all "$directory"
  rm -rf "$directory"
}

status() {
  local directory own pid port all=0
  directory=$(cd "$1" && pwd -P) || exit 1
  for own in "$directory"/[0-9]*/; do
    own=${own%/} port=$(client_port "${own%/}")
    pid=$(own_pid "$own") || pid=none
    printf '%s %s %s %s\n' "${own##*/}" "$port" "$pid" "$(mode "$port" || printf 'silent')"
    [ "$pid" != none ] || all=1
  done
  return "$all"
}

case "${1:-}:$#" in
  start:3) start "$2" "$3" ;;
  stop:2) stop "$2" ;;
  status:2) status "$2" ;;
  available:1) available ;;
  configure:*) [ $# -ge 3 ] || { usage && exit 2; } && shift && configure "$@" ;;
  exec:3) need_it && exec_server "$2" "$3" ;;
  --help:1 | -h:1) usage ;;
  *) usage >&2 && exit 2 ;;
esac
