# bash completion for strongroom: source <(strongroom completion bash)

# Names of secrets, where the environment holds all that is needed to read them.
_strongroom_names() {
  [ -n "${STRONGROOM_STORE:-}" ] && [ -n "${STRONGROOM_KEY_FILE:-}" ] || return 0
  strongroom list --recursive </dev/null 2>/dev/null
}

_strongroom() {
  local commands='init status unseal seal doctor anchor slots slot-add slot-remove slot-replace rekey
    rotate reencrypt retire backup backup-verify restore migrate zk-reauth
    create update get list watch delete resolve run policy completion'
  local global='--store --anchor --key-file --share --pgp-private-key --pgp-passphrase-file --escrowed
    --zk-auth-file --timeout --allow-unlocked --help'
  local shares='--shares --threshold --pgp-key --generate-pgp-key --pgp-bits'
  local key='--new-key-file --environment --system-credential'
  local verify='--verify --share-back'
  local policy='check explain who-can diff lint test list get put delete reset'
  local actions='create read update delete list scan resolve seal unseal init rekey rotate policy audit
    backup'
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command='' options='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --store | --anchor | --key-file | --share | --zk-auth-file | --timeout) ((i++)) ;;
      --pgp-private-key | --pgp-passphrase-file) ((i++)) ;;
      --) [ "$command" != run ] || return 0 ;;
      -*) ;;
      *) command=${COMP_WORDS[i]} && break ;;
    esac
  done
  if [ "$command" = policy ] && ((i + 1 < COMP_CWORD)); then
    command="policy ${COMP_WORDS[++i]}"
  fi
  local first=$((i + 1))
  for (( ; i < COMP_CWORD; i++)); do
    if [ "$command" = run ] && [ "${COMP_WORDS[i]}" = -- ]; then
      declare -F _command_offset >/dev/null && _command_offset $((i + 1))
      return 0
    fi
  done
  case $previous in
    --key-file | --share | --pgp-private-key | --pgp-passphrase-file | --anchor | --new-key-file | \
      --share-back | --pgp-key | --generate-pgp-key | --zk-auth-file | --new-zk-auth-file | \
      --to-zk-auth-file | --policy | -t | --text-file | -f | --file | --env | --volumes)
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      compopt -o filenames
      return 0
      ;;
    --store | --to)
      mapfile -t COMPREPLY < <(compgen -W 'lmdb:/ memory: zk://' -- "$current")
      compopt -o nospace
      return 0
      ;;
    --shares | --threshold | --pgp-bits | --max-secret-size | --timeout | --for | --duty | --wrapped) return 0 ;;
    -v | --value | --key) return 0 ;;
  esac
  case $command in
    '') options="$commands $global --version" ;;
    init)
      options="$global $shares --escrow-in-store --environment --system-credential"
      options+=' --max-secret-size --json'
      ;;
    status | backup | backup-verify | restore) options="$global --json" ;;
    doctor) options="$global --repair --json" ;;
    slots) options="$global --wrapped --json" ;;
    slot-add) options="$global $shares $key $verify --json" ;;
    slot-remove) options="$global --keep-keys" ;;
    slot-replace) options="$global $shares $key $verify --keep-keys --json" ;;
    rekey) options="$global $shares $verify --keep-keys --json" ;;
    rotate) options="$global --root" ;;
    reencrypt) options="$global --duty" ;;
    migrate) options="$global --to-zk-auth-file --rekey $shares $key --json" ;;
    zk-reauth) options="$global --new-zk-auth-file --json" ;;
    create | update) options="$global --value --text-file --file" ;;
    get) options="$global --key --fresh --json --raw" ;;
    list) options="$global --recursive --json" ;;
    watch) options="$global --for --json" ;;
    resolve) options="$global --raw" ;;
    run) options="$global --env --volumes --no-namespace --" ;;
    policy) options=$policy ;;
    'policy check' | 'policy diff' | 'policy lint' | 'policy list') options="$global --json" ;;
    'policy explain' | 'policy who-can' | 'policy test') options="$global --policy --json" ;;
    completion) options='bash zsh fish' ;;
    *) options=$global ;;
  esac
  if [[ -z $command || $command = completion || $command = policy || $current = -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return 0
  fi
  case $command in
    get | update | watch | delete)
      local name
      while IFS= read -r name; do
        [[ $name != "$current"* ]] || COMPREPLY+=("$(printf %q "$name")")
      done < <(_strongroom_names)
      ;;
    'policy explain' | 'policy who-can')
      local action_at=$first
      [ "$command" = 'policy who-can' ] || action_at=$((first + 1))
      [ "$COMP_CWORD" != "$action_at" ] ||
        mapfile -t COMPREPLY < <(compgen -W "$actions" -- "$current")
      ;;
    resolve | backup | backup-verify | restore | 'policy check' | 'policy diff' | 'policy lint' | \
      'policy test' | 'policy put')
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      compopt -o filenames
      ;;
  esac
}

complete -F _strongroom strongroom
