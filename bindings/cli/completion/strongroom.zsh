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
  local -a commands global put shares key verify
  commands=(
    'init:make a store'
    'status:tell about the store'
    'unseal:let the store be used again'
    'seal:seal the store for everybody'
    'doctor:tell what is wrong, and what to do'
    'zk-reauth:give ZooKeeper nodes to another identity'
    'anchor:print what tells an old copy of the store from the newest'
    'slots:list what opens the store'
    'slot-add:add a slot'
    'slot-remove:remove slots'
    'slot-replace:replace a slot by a new one'
    'rekey:replace the shares by new ones'
    'rotate:make a new data key'
    'reencrypt:seal everything under the newest data key'
    'retire:drop the old data keys'
    'backup:write a backup'
    'backup-verify:see whether a backup is whole'
    'restore:make a store from a backup'
    'migrate:copy a store into another storage'
    'create:store a new secret'
    'update:give a secret another value'
    'get:print a secret'
    'list:print names of secrets'
    'watch:print which secrets change'
    'delete:delete a secret'
    'resolve:print what a Mesos Secret stands for'
    'run:run a command that sees secrets'
    'policy:say who may do what, and understand it'
    'completion:print the completion of a shell'
  )
  global=(
    '--store=[the store]:URL:(lmdb\:/ memory\: zk\://)'
    '--key-file=[a key file]:file:_files'
    '*--share=[a file with one share]:file:_files'
    '*--pgp-private-key=[a private key that decrypts shares]:file:_files'
    '--pgp-passphrase-file=[its passphrase]:file:_files'
    '--escrowed[use the private key that is kept in the store]'
    '--anchor=[what anchor printed\: refuse an older store]:file:_files'
    '--zk-auth-file=[user\:password for ZooKeeper]:file:_files'
    '--timeout=[how long to wait for the storage]:seconds:'
    '--allow-unlocked[go on with memory that may be swapped]'
    '(-h --help)'{-h,--help}'[print help]'
  )
  shares=(
    '--shares=[how many shares to make]:number:'
    '--threshold=[how many of them open the store]:number:'
    '*--pgp-key=[a public key to encrypt a share to]:file:_files'
    '--generate-pgp-key=[make a pair; the private key goes here]:file:_files'
    '--pgp-bits=[of that pair]:bits:(2048 3072 4096)'
  )
  key=(
    '--new-key-file=[make a key file]:file:_files'
    '(--system-credential)--environment[make a key for STRONGROOM_KEY]'
    '(--environment)--system-credential[make a key for systemd]'
  )
  verify=(
    '--verify[type the new credentials back before they take effect]'
    '*--share-back=[the same, from a file]:file:_files'
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
          _arguments $global $shares '--escrow-in-store[keep the private key in the store]' \
            $key[2,3] '--max-secret-size=[the most bytes of one secret]:bytes:' '--json[print JSON]'
          ;;
        status) _arguments $global '--json[print JSON]' ;;
        doctor) _arguments $global '--repair[mend damaged records first]' '--json[print JSON]' ;;
        slots)
          _arguments $global '--wrapped=[print the encrypted shares of a slot]:slot:' \
            '--json[print JSON]'
          ;;
        slot-add) _arguments $global $shares $key $verify '--json[print JSON]' ;;
        slot-remove)
          _arguments $global '--keep-keys[leave root key and data key]' '*:slot:'
          ;;
        slot-replace)
          _arguments $global $shares $key $verify '--keep-keys[leave root key and data key]' \
            '--json[print JSON]' '1:slot:'
          ;;
        rekey)
          _arguments $global $shares $verify '--keep-keys[leave root key and data key]' \
            '--json[print JSON]'
          ;;
        rotate) _arguments $global '--root[make a new root key as well]' ;;
        reencrypt) _arguments $global '--duty=[percent of a core to take]:percent:' ;;
        backup | backup-verify | restore) _arguments $global '--json[print JSON]' '1:file:_files' ;;
        migrate)
          _arguments $global '--to-zk-auth-file=[user\:password of the copy]:file:_files' \
            '--rekey[under fresh keys]' $shares $key '--json[print JSON]' \
            '1:store:(lmdb\:/ zk\://)' '2:other storage:(lmdb\:/ zk\://)'
          ;;
        create) _arguments $global $put '1:name:' ;;
        update) _arguments $global $put '1:name:_strongroom_names' ;;
        get)
          _arguments $global '--key=[one member of a JSON object]:key:' '--json[print JSON]' \
            '--fresh[see all that anybody wrote before]' '--raw[print exactly the bytes]' '1:name:_strongroom_names'
          ;;
        zk-reauth)
          _arguments $global '--new-zk-auth-file=[of the new identity]:file:_files' \
            '--json[print JSON]'
          ;;
        watch)
          _arguments $global '--for=[end after so long]:seconds:' '--json[print JSON]' \
            '1:name:_strongroom_names'
          ;;
        list) _arguments $global '--recursive[all secrets below]' '--json[print JSON]' '1:folder:' ;;
        delete) _arguments $global '1:name:_strongroom_names' ;;
        resolve) _arguments $global '--raw[print exactly the bytes]' '1:file:_files' ;;
        run)
          _arguments $global '--env=[environment variables, in JSON]:file:_files' \
            '--volumes=[secret files, in JSON]:file:_files' \
            '--no-namespace[use sealed memfds for the files]' '*:: :_normal'
          ;;
        policy)
          local -a actions
          actions=(create read update delete list scan resolve seal unseal init rekey rotate policy
            audit backup)
          case $words[2] in
            check | lint) _arguments $global '--json[print JSON]' '1:: :' '*:file:_files' ;;
            explain)
              _arguments $global '--json[print JSON]' '*--policy=[not what is stored]:file:_files' \
                '1:: :' '2:who:' "3:action:($actions)" '4:path:'
              ;;
            who-can)
              _arguments $global '--json[print JSON]' '*--policy=[not what is stored]:file:_files' \
                '1:: :' "2:action:($actions)" '3:path:'
              ;;
            diff) _arguments $global '--json[print JSON]' '1:: :' '2:old:_files' '3:new:_files' ;;
            test)
              _arguments $global '--json[print JSON]' '*--policy=[not what is stored]:file:_files' \
                '1:: :' '2:expectations:_files'
              ;;
            put) _arguments $global '1:: :' '2:name:' '3:file:_files' ;;
            list) _arguments $global '--json[print JSON]' ;;
            get | delete) _arguments $global '1:: :' '2:name:' ;;
            *)
              _arguments $global \
                '1:policy command:(check explain who-can diff lint test list get put delete reset)'
              ;;
          esac
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
