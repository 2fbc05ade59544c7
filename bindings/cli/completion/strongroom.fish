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
complete -c strongroom -l pgp-private-key -r -F -d 'A private key that decrypts shares'
complete -c strongroom -l pgp-passphrase-file -r -F -d 'Its passphrase'
complete -c strongroom -l escrowed -d 'Use the private key that is kept in the store'
complete -c strongroom -l anchor -r -F -d 'What anchor printed: refuse an older store'
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
complete -c strongroom -n $none -a doctor -d 'Tell what is wrong, and what to do'
complete -c strongroom -n $none -a anchor -d 'Print what tells an old copy of the store'
complete -c strongroom -n $none -a slots -d 'List what opens the store'
complete -c strongroom -n $none -a slot-add -d 'Add a slot'
complete -c strongroom -n $none -a slot-remove -d 'Remove slots'
complete -c strongroom -n $none -a slot-replace -d 'Replace a slot by a new one'
complete -c strongroom -n $none -a rekey -d 'Replace the shares by new ones'
complete -c strongroom -n $none -a rotate -d 'Make a new data key'
complete -c strongroom -n $none -a reencrypt -d 'Seal everything under the newest data key'
complete -c strongroom -n $none -a retire -d 'Drop the old data keys'
complete -c strongroom -n $none -a backup -d 'Write a backup'
complete -c strongroom -n $none -a backup-verify -d 'See whether a backup is whole'
complete -c strongroom -n $none -a restore -d 'Make a store from a backup'
complete -c strongroom -n $none -a migrate -d 'Copy the store into another storage'
complete -c strongroom -n $none -a create -d 'Store a new secret'
complete -c strongroom -n $none -a update -d 'Give a secret another value'
complete -c strongroom -n $none -a get -d 'Print a secret'
complete -c strongroom -n $none -a list -d 'Print names of secrets'
complete -c strongroom -n $none -a delete -d 'Delete a secret'
complete -c strongroom -n $none -a resolve -d 'Print what a Mesos Secret stands for'
complete -c strongroom -n $none -a run -d 'Run a command that sees secrets'
complete -c strongroom -n $none -a completion -d 'Print the completion of a shell'

set -l makes "$any init slot-add slot-replace rekey migrate"
complete -c strongroom -n $makes -l shares -x -d 'How many shares to make'
complete -c strongroom -n $makes -l threshold -x -d 'How many of them open the store'
complete -c strongroom -n $makes -l pgp-key -r -F -d 'A public key to encrypt a share to'
complete -c strongroom -n $makes -l generate-pgp-key -r -F -d 'Make a pair; the private key goes here'
complete -c strongroom -n $makes -l pgp-bits -x -a '2048 3072 4096' -d 'Of that pair'
complete -c strongroom -n "$any init slot-add slot-replace migrate" -l environment -d 'A key for STRONGROOM_KEY'
complete -c strongroom -n "$any init slot-add slot-replace migrate" -l system-credential -d 'A key for systemd'
complete -c strongroom -n "$any slot-add slot-replace migrate" -l new-key-file -r -F -d 'Make a key file'
complete -c strongroom -n "$any slot-add slot-replace rekey" -l verify -d 'Type the new credentials back'
complete -c strongroom -n "$any slot-add slot-replace rekey" -l share-back -r -F -d 'The same, from a file'
complete -c strongroom -n "$any slot-remove slot-replace rekey" -l keep-keys -d 'Leave root key and data key'
complete -c strongroom -n "$any init" -l escrow-in-store -d 'Keep the private key in the store'
complete -c strongroom -n "$any slots" -l wrapped -x -d 'Print the encrypted shares of a slot'
complete -c strongroom -n "$any rotate" -l root -d 'Make a new root key as well'
complete -c strongroom -n "$any reencrypt" -l duty -x -d 'Percent of a core to take'
complete -c strongroom -n "$any doctor" -l repair -d 'Mend damaged header records first'
complete -c strongroom -n "$any migrate" -l to -x -a 'lmdb:/' -d 'The other storage'
complete -c strongroom -n "$any migrate" -l rekey -d 'Under fresh keys'
complete -c strongroom -n "$any backup backup-verify restore" -F
complete -c strongroom -n "$any init" -l max-secret-size -x -d 'The most bytes of one secret'
complete -c strongroom -n "$any init status get list doctor slots slot-add slot-replace rekey backup backup-verify restore migrate" -l json -d 'Print JSON'
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
