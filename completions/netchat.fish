# fish completion for netchat, made by: netchat completions fish

function __netchat_hosts -d 'Hosts that netchat clint remembers; with an argument, without ports'
    set -l state $XDG_STATE_HOME
    test -n "$state"; or set state ~/.local/state
    test -r $state/netchat/known_hosts; or return
    set -l hosts (string match -rg '^([^# ][^ ]*) ' <$state/netchat/known_hosts)
    if set -q argv[1]
        set hosts (string replace -r ':[0-9]*$' '' -- $hosts | string replace -r '^\[(.*)\]$' '$1')
    end
    string join \n -- $hosts
end

complete -c netchat -f
complete -c netchat -l help -s h -d 'show help and exit'
complete -c netchat -l version -d 'show the version and exit'
complete -c netchat -n __fish_use_subcommand -a host -d 'open a chat room'
complete -c netchat -n __fish_use_subcommand -a clint -d 'join a chat room'
complete -c netchat -n __fish_use_subcommand -a gencert -d 'make a certificate for a host'
complete -c netchat -n __fish_use_subcommand -a selftest -d 'look for what is wrong, here or on the way to a host'
complete -c netchat -n __fish_use_subcommand -a completions -d 'print a shell\'s completion of this program'
complete -c netchat -n __fish_use_subcommand -a help -d 'explain a command, or print a unit file for systemd'

complete -c netchat -n '__fish_seen_subcommand_from host' -l bind -x -a '127.0.0.1 ::1 localhost' -d 'listen on this address only; 127.0.0.1 is for this machine alone'
complete -c netchat -n '__fish_seen_subcommand_from host' -l port -x -d 'listen on this port; 0 takes a free one'
complete -c netchat -n '__fish_seen_subcommand_from host' -l timeout -x -d 'turn a client away that is not in the room after this time; the protocol allows no more than 10, and 0 is that too'
complete -c netchat -n '__fish_seen_subcommand_from host' -l secure -d 'encrypt everything, and let in only those who know the password'
complete -c netchat -n '__fish_seen_subcommand_from host' -l plain -d 'encrypt nothing; the same as neither --secure nor --tls'
complete -c netchat -n '__fish_seen_subcommand_from host' -l password -x -d 'the room\'s password, for a secure room; blanked in the list of processes at once, but it may have been seen before, and stays in the shell\'s history'
complete -c netchat -n '__fish_seen_subcommand_from host' -l password-file -r -F -d 'read the room\'s password from this file'
complete -c netchat -n '__fish_seen_subcommand_from host' -l generate-password -d 'draw the room\'s password and show it once, with the line that joins'
complete -c netchat -n '__fish_seen_subcommand_from host' -l compat -d 'let version 1 clients into a secure room; they send the password itself, inside TLS'
complete -c netchat -n '__fish_seen_subcommand_from host' -l tls -d 'encrypt the connections; anyone may join'
complete -c netchat -n '__fish_seen_subcommand_from host' -l tls-min -x -a '1.2 1.3' -d 'take TLS from this version on; a secure room takes 1.3 only'
complete -c netchat -n '__fish_seen_subcommand_from host' -l cert -r -F -d 'show this certificate, a PEM file'
complete -c netchat -n '__fish_seen_subcommand_from host' -l key -r -F -d 'the certificate\'s private key, a PEM file'
complete -c netchat -n '__fish_seen_subcommand_from host' -l history -x -d 'keep this many past packets for those who join or come back'
complete -c netchat -n '__fish_seen_subcommand_from host' -l max-clients -x -d 'let in at most this many clients at a time'
complete -c netchat -n '__fish_seen_subcommand_from host' -l max-lag -x -d 'disconnect a client that is this far behind'
complete -c netchat -n '__fish_seen_subcommand_from host' -l rate -x -d 'read at most this many messages a second from each client; 0 is no limit'
complete -c netchat -n '__fish_seen_subcommand_from host' -l threads -x -d 'serve the connections with this many threads'
complete -c netchat -n '__fish_seen_subcommand_from host' -l json -d 'write one JSON object a line: the room\'s packets, and of type host what becomes of connections and the answers to commands'
complete -c netchat -n '__fish_seen_subcommand_from host' -l quiet -d 'show neither the room nor who is let in, refused and cut; only where it listens, what goes wrong, and the answers to commands'
complete -c netchat -n '__fish_seen_subcommand_from host' -l no-save-history -d 'do not keep what is typed at the prompt for the next time'
complete -c netchat -n '__fish_seen_subcommand_from host' -l unix -r -F -d 'listen on this unix socket too; the file of a host that is gone is replaced, and removed at the end; a path that begins with @ has no file'
complete -c netchat -n '__fish_seen_subcommand_from host' -l unix-mode -x -d 'who may connect to the unix socket: its file\'s permissions, octal'
complete -c netchat -n '__fish_seen_subcommand_from host' -l metrics -x -d 'answer GET /metrics by HTTP with figures in Prometheus\' text format, on 127.0.0.1 unless another address is given; they tell how many members there are, not who'

complete -c netchat -n '__fish_seen_subcommand_from clint' -l host -x -a '(__netchat_hosts bare)' -d 'join the room of this host, a name or an address'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l port -x -d 'the host\'s port'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l unix -r -F -d 'join the room of this unix socket, instead of a host and a port; nothing is remembered of it, and its certificate need not be vouched for, for its path is'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l name -x -d 'your name in the room'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l timeout -x -d 'wait at most this long to connect and for the host; 0 waits for ever'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l history -x -d 'show at most this many past packets on joining'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l no-history -d 'show nothing of the past; the same as --history 0'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l no-reconnect -d 'end with status 3 when the connection is lost, instead of trying to have it again'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l say -x -d 'say this one message, and end once it is in the room; standard input is not read'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l expect -x -d 'wait until somebody else says something new that matches this extended regular expression, as it is shown (\'NAME: TEXT\'), print it and nothing else, and end; standard input is not read'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l within -x -d 'wait at most this long for --expect, then end with status 5; 0 waits for ever'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l json -d 'write one JSON object a line'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l json-input -d 'take one JSON object a line from standard input: chat (text, and to for one member), nick (name), who, ping or bye'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l color -x -a 'auto always never' -d 'colour what the prompt shows; auto does so unless NO_COLOR is set'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l timestamps -x -a 'off short full' -d 'at the prompt, show when each line was said, in the local time zone'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l joins -x -a 'on off' -d 'at the prompt, show who comes and goes'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l bell -x -a 'off mention private all' -d 'at the prompt, ring for a message that names you or is for you alone, only for the latter, or for each'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l no-save-history -d 'do not keep what is typed at the prompt for the next time'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l secure -d 'join only a room that proves itself by the password; begins TLS at once'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l password -x -d 'the room\'s password; blanked in the list of processes at once, but it may have been seen before, and stays in the shell\'s history'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l password-file -r -F -d 'read the room\'s password from this file\'s first line'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l tls -d 'speak TLS only'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l tls-insecure -d 'do not look at the certificate; a secure room is safe all the same'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l cert -r -F -d 'trust this certificate, or this authority\'s, and no other'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l fingerprint -x -d 'take only the certificate with this fingerprint'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l compat -d 'tell a secure version 1 host the password itself, if its certificate is verified'
complete -c netchat -n '__fish_seen_subcommand_from clint' -l forget -d 'forget what is remembered of this host and port, and end'
complete -c netchat -n '__fish_seen_subcommand_from clint' -a '(__netchat_hosts)'

complete -c netchat -n '__fish_seen_subcommand_from gencert' -l cert -r -F -d 'write the certificate to this file'
complete -c netchat -n '__fish_seen_subcommand_from gencert' -l key -r -F -d 'write the private key to this file, which only you can read'
complete -c netchat -n '__fish_seen_subcommand_from gencert' -l days -x -d 'let it be valid for this many days'
complete -c netchat -n '__fish_seen_subcommand_from gencert' -l name -x -d 'make it for this name or address'
complete -c netchat -n '__fish_seen_subcommand_from gencert' -l type -x -a 'ecdsa ed25519 rsa' -d 'make a key of this type; browsers do not take ed25519'
complete -c netchat -n '__fish_seen_subcommand_from gencert' -l bits -x -d 'the size of an rsa key'
complete -c netchat -n '__fish_seen_subcommand_from gencert' -l force -d 'replace the files if they exist'

complete -c netchat -n '__fish_seen_subcommand_from selftest' -l json -d 'write one JSON object a line'
complete -c netchat -n '__fish_seen_subcommand_from selftest' -l password-file -r -F -d 'try the password in this file\'s first line; else NETCHAT_PASSWORD, or it is asked for'
complete -c netchat -n '__fish_seen_subcommand_from selftest' -l bench -d 'measure how many messages a second a room on this machine delivers, and how soon'
complete -c netchat -n '__fish_seen_subcommand_from selftest' -l clients -x -d 'measure rooms of 10, 100 and so on up to this many'
complete -c netchat -n '__fish_seen_subcommand_from selftest' -l seconds -x -d 'measure each room for this long'
complete -c netchat -n '__fish_seen_subcommand_from selftest' -l secure -d 'measure secure rooms'
complete -c netchat -n '__fish_seen_subcommand_from selftest' -a '(__netchat_hosts)'

complete -c netchat -n '__fish_seen_subcommand_from completions' -a 'bash zsh fish'

complete -c netchat -n '__fish_seen_subcommand_from help' -a 'host clint gencert selftest completions help systemd'
