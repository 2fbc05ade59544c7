# fish completion for strongroom:
#   strongroom completion fish >~/.config/fish/completions/strongroom.fish

# Names of secrets, where the environment holds all that is needed to read them.
function __strongroom_names
    set -q STRONGROOM_STORE; and set -q STRONGROOM_KEY_FILE; or return
    strongroom list --recursive </dev/null 2>/dev/null
end

complete -c strongroom -f
complete -c strongroom -l store -x -a 'lmdb:/ memory:' -d 'The store'
complete -c strongroom -l key-file -r -F -d 'A key file'
complete -c strongroom -l share -r -F -d 'A file with one share'
complete -c strongroom -l timeout -x -d 'How long to wait for the storage'
complete -c strongroom -l allow-unlocked -d 'Go on with memory that may be swapped'
complete -c strongroom -s h -l help -d 'Print help'

set -l any __fish_seen_subcommand_from
set -l none __fish_use_subcommand
complete -c strongroom -n $none -s V -l version -d 'Print the version'
complete -c strongroom -n $none -a init -d 'Make a store'
complete -c strongroom -n $none -a status -d 'Tell about the store'
complete -c strongroom -n $none -a unseal -d 'Let the store be used again'
complete -c strongroom -n $none -a seal -d 'Seal the store for everybody'
complete -c strongroom -n $none -a rotate -d 'Make a new data key'
complete -c strongroom -n $none -a create -d 'Store a new secret'
complete -c strongroom -n $none -a update -d 'Give a secret another value'
complete -c strongroom -n $none -a get -d 'Print a secret'
complete -c strongroom -n $none -a list -d 'Print names of secrets'
complete -c strongroom -n $none -a delete -d 'Delete a secret'
complete -c strongroom -n $none -a resolve -d 'Print what a Mesos Secret stands for'
complete -c strongroom -n $none -a run -d 'Run a command that sees secrets'
complete -c strongroom -n $none -a completion -d 'Print the completion of a shell'

complete -c strongroom -n "$any init" -l shares -x -d 'How many shares to make'
complete -c strongroom -n "$any init" -l threshold -x -d 'How many of them open the store'
complete -c strongroom -n "$any init" -l max-secret-size -x -d 'The most bytes of one secret'
complete -c strongroom -n "$any init status get list" -l json -d 'Print JSON'
complete -c strongroom -n "$any create update" -s v -l value -x -d 'The value; others can see it'
complete -c strongroom -n "$any create update" -s t -l text-file -r -F -d 'A file with UTF-8 text'
complete -c strongroom -n "$any create update" -s f -l file -r -F -d 'A file with any bytes'
complete -c strongroom -n "$any get" -l key -x -d 'One member of a JSON object'
complete -c strongroom -n "$any get resolve" -l raw -d 'Print exactly the bytes'
complete -c strongroom -n "$any list" -l recursive -d 'All secrets below'
complete -c strongroom -n "$any get update delete" -a '(__strongroom_names)'
complete -c strongroom -n "$any resolve" -F
complete -c strongroom -n "$any run" -l env -r -F -d 'Environment variables, in JSON'
complete -c strongroom -n "$any run" -l volumes -r -F -d 'Secret files, in JSON'
complete -c strongroom -n "$any run" -l no-namespace -d 'Use sealed memfds for the files'
complete -c strongroom -n "$any completion" -a 'bash zsh fish'
