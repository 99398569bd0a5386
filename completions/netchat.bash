# bash completion for netchat, made by: netchat completions bash

# Hosts that netchat clint remembers; with $1 given, without their ports.
_netchat_hosts() {
    local file=${XDG_STATE_HOME:-$HOME/.local/state}/netchat/known_hosts
    [[ -r $file ]] || return
    local hosts
    hosts=$(sed -n 's/^\([^# ][^ ]*\) .*/\1/p' "$file")
    [[ -z $1 ]] || hosts=$(sed 's/:[0-9]*$//; s/^\[\(.*\)\]$/\1/' <<<"$hosts")
    COMPREPLY=($(compgen -W "$hosts" -- "$cur"))
    __ltrim_colon_completions "$cur"
}

_netchat() {
    local cur prev words cword split
    _init_completion -s -n : || return
    local command= i
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
        host | clint | gencert | selftest | completions | help)
            command=${words[i]}
            break
            ;;
        esac
    done
    if [[ -z $command ]]; then
        COMPREPLY=($(compgen -W 'host clint gencert selftest completions help --help -h --version' -- "$cur"))
        return
    fi
    case "$command $prev" in
    'host --bind')
        COMPREPLY=($(compgen -W '127.0.0.1 ::1 localhost' -- "$cur"))
        return
        ;;
    'host --port' | 'host --timeout' | 'host --password' | 'host --history' | 'host --max-clients' | 'host --max-lag' | 'host --rate' | 'host --threads' | 'host --log-max-size' | 'host --unix-mode' | 'host --metrics' | 'clint --port' | 'clint --name' | 'clint --timeout' | 'clint --history' | 'clint --say' | 'clint --expect' | 'clint --within' | 'clint --password' | 'clint --fingerprint' | 'gencert --days' | 'gencert --name' | 'gencert --bits' | 'selftest --clients' | 'selftest --seconds')
        :
        return
        ;;
    'host --password-file' | 'host --cert' | 'host --key' | 'host --log' | 'host --unix' | 'clint --unix' | 'clint --password-file' | 'clint --cert' | 'gencert --cert' | 'gencert --key' | 'selftest --password-file')
        _filedir
        return
        ;;
    'host --tls-min')
        COMPREPLY=($(compgen -W '1.2 1.3' -- "$cur"))
        return
        ;;
    'host --log-failure')
        COMPREPLY=($(compgen -W 'stop continue' -- "$cur"))
        return
        ;;
    'clint --host')
        _netchat_hosts bare
        return
        ;;
    'clint --color')
        COMPREPLY=($(compgen -W 'auto always never' -- "$cur"))
        return
        ;;
    'clint --timestamps')
        COMPREPLY=($(compgen -W 'off short full' -- "$cur"))
        return
        ;;
    'clint --joins')
        COMPREPLY=($(compgen -W 'on off' -- "$cur"))
        return
        ;;
    'clint --bell')
        COMPREPLY=($(compgen -W 'off mention private all' -- "$cur"))
        return
        ;;
    'gencert --type')
        COMPREPLY=($(compgen -W 'ecdsa ed25519 rsa' -- "$cur"))
        return
        ;;
    esac
    $split && return
    local options=
    case $command in
    host)
        options='--bind --port --timeout --secure --plain --password --password-file --generate-password --compat --tls --tls-min --cert --key --history --max-clients --max-lag --rate --threads --log --sync --log-failure --log-max-size --json --quiet --no-save-history --unix --unix-mode --metrics --help -h --version'
        ;;
    clint)
        options='--host --port --unix --name --timeout --history --no-history --no-reconnect --say --expect --within --json --json-input --color --timestamps --joins --bell --no-save-history --secure --password --password-file --tls --tls-insecure --cert --fingerprint --compat --forget --help -h --version'
        ;;
    gencert)
        options='--cert --key --days --name --type --bits --force --help -h --version'
        ;;
    selftest)
        options='--json --password-file --bench --clients --seconds --secure --help -h --version'
        ;;
    completions)
        options='--help -h --version'
        ;;
    help)
        options='--help -h --version'
        ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
        return
    fi
    case $command in
    clint)
        _netchat_hosts
        ;;
    selftest)
        _netchat_hosts
        ;;
    completions)
        COMPREPLY=($(compgen -W 'bash zsh fish' -- "$cur"))
        ;;
    help)
        COMPREPLY=($(compgen -W 'host clint gencert selftest completions help systemd' -- "$cur"))
        ;;
    esac
} &&
    complete -F _netchat netchat
