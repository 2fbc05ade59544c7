#!/usr/bin/env bash
# demo.sh STRONGROOM: the main job, shown and checked: a secret is stored, resolved into a command's
# environment and file, found nowhere on the disk, and sealed away. Fails if anything does not hold.
set -eu -o pipefail

strongroom=$(realpath "${1:?usage: demo.sh path/to/strongroom}")
place=$(mktemp -d "${TMPDIR:-/tmp}/strongroom-demo.XXXXXX")
trap 'rm -rf "$place"' EXIT
cd "$place"

say() { printf '\n-- %s\n' "$*"; }
fail() { printf '\nThis must not happen: %s\n' "$*" >&2 && exit 1; }
show() { printf '   $ %s\n' "$*"; }

# must_be WHAT WANTED GOT compares, and shows what was compared.
must_be() {
  printf '   %-34s %s\n' "$1" "$3"
  [ "$2" = "$3" ] || fail "$1 should be '$2'"
}

export STRONGROOM_STORE=lmdb:$place/store STRONGROOM_KEY_FILE=$place/strongroom.key

say 'A store on the disk, and a key file (0600) that opens it'
show "strongroom init    # STRONGROOM_STORE=$STRONGROOM_STORE STRONGROOM_KEY_FILE=$STRONGROOM_KEY_FILE"
"$strongroom" init | sed 's/^/   /'
must_be 'mode of the key file' 600 "$(stat -c %a strongroom.key)"

say 'A secret, from standard input'
show 'strongroom create /my/secret'
printf '%s' '{"username": "my-user", "password": "my-password"}' | "$strongroom" create /my/secret
must_be 'strongroom list --recursive' my/secret "$("$strongroom" list --recursive)"
must_be 'strongroom get --key username' my-user "$("$strongroom" get /my/secret --key username)"

say 'What a Mesos task would ask for: an environment and a volume'
cat >env.json <<'EOT'
{"variables":[{"name":"MY_SECRET_ENV","type":"SECRET","secret":{"type":"REFERENCE","reference":{"name":"/my/secret","key":"username"}}},{"name":"MY_NORMAL_ENV","value":"foo"}]}
EOT
cat >volume.json <<'EOT'
{"mode":"RW","container_path":"path/to/secret/file","source":{"type":"SECRET","secret":{"type":"REFERENCE","reference":{"name":"/my/secret","key":"username"}}}}
EOT
sed 's/^/   /' env.json volume.json

say 'A command that sees both; while it runs, this shell looks for the file from outside'
show "strongroom run --env env.json --volumes volume.json -- sh -c '…'"
mkfifo ready go
exec 8<>ready 9<>go # so that nobody waits for ever
# shellcheck disable=SC2016  # for the inner shell
"$strongroom" run --env env.json --volumes volume.json -- sh -c '
  printf "%s\n" "$MY_SECRET_ENV" "$MY_NORMAL_ENV" >seen
  cat path/to/secret/file >>seen
  stat -f -c "%T" -L path/to/secret/file >kind
  echo >ready
  read -r _ <go' 2>complaint 8>&- 9>&- &
command=$!
read -r -t 30 _ <&8 || fail "the command did not come that far: $(cat complaint)"
if [ -L path/to/secret/file ]; then
  outside='a link, dangling here'
  [ ! -e path/to/secret/file ] || outside='readable'
else
  outside=$(wc -c <path/to/secret/file)
fi
echo >&9
wait "$command" || fail "the command ended with status $?: $(cat complaint)"
must_be 'MY_SECRET_ENV in the command' my-user "$(sed -n 1p seen)"
must_be 'MY_NORMAL_ENV in the command' foo "$(sed -n 2p seen)"
must_be 'path/to/secret/file in the command' my-user "$(sed -n 3p seen)"
kind=$(cat kind)
case $kind in
  tmpfs | ramfs) must_be 'the file lies in' "$kind" "$kind" ;;
  *) fail "the file was on $kind, which may be a disk" ;;
esac
if [ -s complaint ]; then
  sed 's/^/   /' complaint # namespaces are forbidden here: a sealed memfd did it
  must_be 'the same path, from outside' 'a link, dangling here' "$outside"
else
  must_be 'bytes at the same path, from outside' 0 "$outside"
fi
[ ! -e path ] || fail 'the empty places were not removed'
must_be 'left of path/ afterwards' nothing nothing
rm -f seen

say 'The disk holds neither its name nor its value'
[ "$(($(stat -c %b store/data.mdb) * 512))" -le 4194304 ] || fail 'the file used over 4 MiB'
head -c 4194304 store/data.mdb >on-disk # what follows is reserved, and holds nothing
for word in my/secret my-user my-password username; do
  must_be "grep -c $word store/data.mdb" 0 "$(grep -a -c -F -e "$word" on-disk || :)"
done
printf '   some of the sealed bytes:\n'
at=$(LC_ALL=C grep -a -b -o -P '[^\x00\xff]{32}' on-disk | LC_ALL=C sed -n '$s/:.*//p' || :)
od -A x -t x1 -j "${at:-0}" -N 32 on-disk | sed '/^ *[0-9a-f]*$/d; s/^/   /'

say 'Sealed, by anybody who may write to the store'
show 'strongroom seal'
"$strongroom" seal | sed 's/^/   /'
show 'strongroom get /my/secret'
status=0
answer=$("$strongroom" get /my/secret 2>&1) || status=$?
printf '   %s\n' "$answer"
must_be 'exit status (15: sealed)' 15 "$status"
status=0
"$strongroom" run --env env.json -- true 2>/dev/null || status=$?
must_be 'exit status of run' 15 "$status"

say 'Unsealed again with the key file'
show 'strongroom unseal'
"$strongroom" unseal | sed 's/^/   /'
must_be 'strongroom get --key password' my-password \
  "$("$strongroom" get /my/secret --key password)"

say 'New keys: a second way in, the first one taken away, everything sealed anew'
show 'strongroom slot-add --new-key-file second.key && strongroom slot-remove 1'
"$strongroom" slot-add --new-key-file "$place/second.key" | sed '/./!d; s/^/   /'
export STRONGROOM_KEY_FILE=$place/second.key
"$strongroom" slot-remove 1 | sed 's/^/   /'
status=0
"$strongroom" list --key-file strongroom.key >/dev/null 2>&1 || status=$?
must_be 'exit status of the first key (14: denied)' 14 "$status"
show 'strongroom reencrypt && strongroom retire'
"$strongroom" reencrypt | sed 's/^/   /'
"$strongroom" retire | sed 's/^/   /'
must_be 'strongroom get --key password' my-password \
  "$("$strongroom" get /my/secret --key password)"

say 'A backup, which needs no key, and a store from it'
show 'strongroom backup app.backup && strongroom --store lmdb:… restore app.backup'
"$strongroom" backup app.backup | sed 's/^/   /'
"$strongroom" --store "lmdb:$place/restored" restore app.backup | sed 's/^/   /'
must_be 'get from the restored store' my-password \
  "$("$strongroom" --store "lmdb:$place/restored" get /my/secret --key password)"

# The program finds its OpenPGP helper by itself, if it was built with one.
tree=$(dirname "$(dirname "$strongroom")")
if [ -e "$tree/libexec/strongroom" ] || [ -e "${tree%/bindings}/libexec/strongroom" ]; then
  say 'As DC/OS had it: the share of a store, encrypted to an OpenPGP key'
  show 'strongroom init --generate-pgp-key private.asc'
  export STRONGROOM_STORE=lmdb:$place/openpgp
  unset STRONGROOM_KEY_FILE
  "$strongroom" init --generate-pgp-key private.asc --pgp-bits 2048 | cut -c 1-80 | sed 's/^/   /'
  must_be 'mode of the private key' 600 "$(stat -c %a private.asc)"
  printf foo | "$strongroom" create bar --pgp-private-key private.asc
  must_be 'strongroom get --pgp-private-key' foo "$("$strongroom" get bar --pgp-private-key private.asc)"
fi

say 'All of this held.'
