#compdef strongroom
# zsh completion for strongroom: strongroom completion zsh >"${fpath[1]}/_strongroom"

# Names of secrets, where the environment holds all that is needed to read them.
_strongroom_names() {
  [[ -n $STRONGROOM_STORE && -n $STRONGROOM_KEY_FILE ]] || return 1
  local -a names
  names=("${(@f)$(strongroom list --recursive </dev/null 2>/dev/null)}")
  _describe -t secrets 'secret' names
}

_strongroom() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands global put
  commands=(
    'init:make a store'
    'status:tell about the store'
    'unseal:let the store be used again'
    'seal:seal the store for everybody'
    'rotate:make a new data key'
    'create:store a new secret'
    'update:give a secret another value'
    'get:print a secret'
    'list:print names of secrets'
    'delete:delete a secret'
    'resolve:print what a Mesos Secret stands for'
    'run:run a command that sees secrets'
    'completion:print the completion of a shell'
  )
  global=(
    '--store=[the store]:URL:(lmdb\:/ memory\:)'
    '--key-file=[a key file]:file:_files'
    '*--share=[a file with one share]:file:_files'
    '--timeout=[how long to wait for the storage]:seconds:'
    '--allow-unlocked[go on with memory that may be swapped]'
    '(-h --help)'{-h,--help}'[print help]'
  )
  put=(
    '(-t --text-file -f --file)'{-v,--value=}'[the value; other users can see it]:value:'
    '(-v --value -f --file)'{-t,--text-file=}'[a file with UTF-8 text]:file:_files'
    '(-v --value -t --text-file)'{-f,--file=}'[a file with any bytes]:file:_files'
  )
  _arguments -C $global '(-V --version)'{-V,--version}'[print the version]' \
    '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe -t commands 'command' commands ;;
    argument)
      case $words[1] in
        init)
          _arguments $global '--shares=[how many shares to make]:number:' \
            '--threshold=[how many of them open the store]:number:' \
            '--max-secret-size=[the most bytes of one secret]:bytes:' '--json[print JSON]'
          ;;
        status) _arguments $global '--json[print JSON]' ;;
        create) _arguments $global $put '1:name:' ;;
        update) _arguments $global $put '1:name:_strongroom_names' ;;
        get)
          _arguments $global '--key=[one member of a JSON object]:key:' '--json[print JSON]' \
            '--raw[print exactly the bytes]' '1:name:_strongroom_names'
          ;;
        list) _arguments $global '--recursive[all secrets below]' '--json[print JSON]' '1:folder:' ;;
        delete) _arguments $global '1:name:_strongroom_names' ;;
        resolve) _arguments $global '--raw[print exactly the bytes]' '1:file:_files' ;;
        run)
          _arguments $global '--env=[environment variables, in JSON]:file:_files' \
            '--volumes=[secret files, in JSON]:file:_files' \
            '--no-namespace[use sealed memfds for the files]' '*:: :_normal'
          ;;
        completion) _arguments '1:shell:(bash zsh fish)' ;;
        *) _arguments $global ;;
      esac
      ;;
  esac
}

if [ "$funcstack[1]" = _strongroom ]; then
  _strongroom "$@"
else
  compdef _strongroom strongroom
fi
