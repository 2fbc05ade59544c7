# bash completion for strongroom: source <(strongroom completion bash)

# Names of secrets, where the environment holds all that is needed to read them.
_strongroom_names() {
  [ -n "${STRONGROOM_STORE:-}" ] && [ -n "${STRONGROOM_KEY_FILE:-}" ] || return 0
  strongroom list --recursive </dev/null 2>/dev/null
}

_strongroom() {
  local commands='init status unseal seal rotate create update get list delete resolve run completion'
  local global='--store --key-file --share --timeout --allow-unlocked --help'
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command='' options='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --store | --key-file | --share | --timeout) ((i++)) ;;
      --) [ "$command" != run ] || return 0 ;;
      -*) ;;
      *) command=${COMP_WORDS[i]} && break ;;
    esac
  done
  for (( ; i < COMP_CWORD; i++)); do
    if [ "$command" = run ] && [ "${COMP_WORDS[i]}" = -- ]; then
      declare -F _command_offset >/dev/null && _command_offset $((i + 1))
      return 0
    fi
  done
  case $previous in
    --key-file | --share | -t | --text-file | -f | --file | --env | --volumes)
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      compopt -o filenames
      return 0
      ;;
    --store)
      mapfile -t COMPREPLY < <(compgen -W 'lmdb:/ memory:' -- "$current")
      compopt -o nospace
      return 0
      ;;
    --shares | --threshold | --max-secret-size | --timeout | -v | --value | --key) return 0 ;;
  esac
  case $command in
    '') options="$commands $global --version" ;;
    init) options="$global --shares --threshold --max-secret-size --json" ;;
    status) options="$global --json" ;;
    create | update) options="$global --value --text-file --file" ;;
    get) options="$global --key --json --raw" ;;
    list) options="$global --recursive --json" ;;
    resolve) options="$global --raw" ;;
    run) options="$global --env --volumes --no-namespace --" ;;
    completion) options='bash zsh fish' ;;
    *) options=$global ;;
  esac
  if [[ -z $command || $command = completion || $current = -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return 0
  fi
  case $command in
    get | update | delete)
      local name
      while IFS= read -r name; do
        [[ $name != "$current"* ]] || COMPREPLY+=("$(printf %q "$name")")
      done < <(_strongroom_names)
      ;;
    resolve)
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      compopt -o filenames
      ;;
  esac
}

complete -F _strongroom strongroom
