#!/usr/bin/env bash
# demo.sh STRONGROOMD: the Secrets API, shown and checked: a server makes a store, and curl puts a secret and gets it
# back. Fails if anything does not hold.
set -eu -o pipefail

strongroomd=$(realpath "${1:?usage: demo.sh path/to/strongroomd}")
place=$(mktemp -d "${TMPDIR:-/tmp}/strongroom-demo.XXXXXX")
server=''
finish() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" || true; }
  rm -rf "$place"
}
trap finish EXIT
cd "$place"

fail() { printf '\nThis must not happen: %s\n' "$*" >&2 && exit 1; }
show() { printf '   $ %s\n' "$*"; }

printf '\n-- A server with a store of its own, which it makes and unseals\n'
show 'strongroomd --state-dir state --bootstrap &'
"$strongroomd" --state-dir "$place/state" --bootstrap --listen 127.0.0.1:0 2>log &
server=$!
until address=$(sed -n 's/^strongroomd: listening on //p' log) && [ -n "$address" ]; do
  kill -0 "$server" 2>/dev/null || fail "the server ended: $(cat log)"
  sleep 0.1
done
sed 's/^/   /' log

printf '\n-- A secret, put and got as the pages of DC/OS have it\n'
url=http://$address/secrets/v1/secret/default/developer/my-secret
# The token is read from a file, so that it is on no command line.
printf 'Authorization: token=%s\n' "$(cat state/root-token)" >header
show "curl -X PUT $url -H 'Authorization: token=...' -d '{\"value\":\"very-secret\"}'"
status=$(curl -sS -X PUT "$url" -H @header -H 'Content-Type: application/json' -d '{"value":"very-secret"}' \
  -o body -w '%{http_code}')
printf '   %s %s\n' "$status" "$(cat body)"
[ "$status" = 201 ] || fail "PUT should answer 201"
show "curl $url -H 'Authorization: token=...'"
got=$(curl -sS "$url" -H @header)
printf '   %s\n' "$got"
[ "$got" = '{"value":"very-secret"}' ] || fail 'GET should return the secret'
status=$(curl -sS "$url" -o body -w '%{http_code}')
printf '   without the token: %s %s\n' "$status" "$(cat body)"
[ "$status" = 401 ] || fail 'a request without a token should answer 401'
! grep -rq 'very-secret' state log || fail 'the secret is in clear in a file of the server'

printf '\n-- Each request is a line of the audit log\n'
tail -n 3 state/audit.log | cut -c 1-160 | sed 's/^/   /'
