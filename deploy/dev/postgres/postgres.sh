#!/usr/bin/env bash
# A throwaway PostgreSQL cluster for development and tests, reached through a socket only.
#
#   postgres.sh start [--dir DIR] [--while PID]   start a cluster (or report the one that runs)
#   postgres.sh stop  [--dir DIR]                 stop it and delete its folder
#
# Standard output carries only the address, for [review] database; progress goes to standard error.
# With --while, the cluster stops and its folder is deleted as soon as process PID is gone, however
# it ended. Nothing in it survives a power cut (fsync is off): it is not for real data.
#
# Environment: NONSITE_POSTGRES_DIR  default of --dir  [/tmp/nonsite-postgres-UID]
set -euo pipefail

say() { printf 'postgres: %s\n' "$*" >&2; }
die() { say "$*"; exit 3; }
usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
}

action=${1:-}
shift || usage
dir=${NONSITE_POSTGRES_DIR:-/tmp/nonsite-postgres-$EUID}
watched=
while [[ $# -gt 0 ]]; do
    case $1 in
        --dir) dir=${2:?--dir needs a folder}; shift 2 ;;
        --while) watched=${2:?--while needs a process id}; shift 2 ;;
        *) usage ;;
    esac
done

# The server's own folder first: on Debian only clients are on the path.
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[[ -x "$bin/initdb" ]] || bin=$(dirname "$(command -v initdb || true)")
[[ -x "$bin/initdb" ]] || die "no PostgreSQL server found; as root run: apt-get install postgresql"
major=$("$bin/postgres" --version | sed 's/.* \([0-9]*\).*/\1/')
[[ $major -ge 15 ]] || die "PostgreSQL $major is too old, 15 or newer is needed"

# The server refuses to run as root; Debian's package brings a user for it.
as_server() {
    if [[ $EUID -eq 0 ]]; then
        setpriv --reuid=postgres --regid=postgres --clear-groups env HOME=/tmp "$@"
    else
        "$@"
    fi
}
address() { printf 'postgres://nonsite@%s/postgres\n' "$(printf '%s' "$dir" | sed 's|/|%2F|g')"; }
running() { as_server "$bin/pg_ctl" status -D "$dir/data" >/dev/null 2>&1; }

stop() {
    if running; then
        as_server "$bin/pg_ctl" stop -D "$dir/data" -m immediate -s || true
    fi
    rm -rf "$dir"
}

case $action in
    start)
        if ! running; then
            rm -rf "$dir"
            mkdir -p "$dir"
            [[ $EUID -ne 0 ]] || chown postgres:postgres "$dir"
            # From / because the caller's folder may be closed to the server's user.
            cd /
            say "starting PostgreSQL $major in $dir"
            as_server "$bin/initdb" -D "$dir/data" -U nonsite -A trust -E UTF8 --locale=C.UTF-8 \
                --no-sync >"$dir.log" 2>&1 || { cat "$dir.log" >&2; die "initdb failed"; }
            as_server "$bin/pg_ctl" start -D "$dir/data" -w -t 120 -s -l "$dir/server.log" \
                -o "-k '$dir' -c listen_addresses='' -c fsync=off -c max_connections=400" \
                >&2 || { cat "$dir/server.log" >&2; die "the server does not start"; }
            rm -f "$dir.log"
        fi
        if [[ -n $watched ]]; then
            # Detached, so that it outlives a killed test run.
            (
                while kill -0 "$watched" 2>/dev/null; do sleep 1; done
                stop
            ) </dev/null >/dev/null 2>&1 &
            disown
        fi
        address
        ;;
    stop) stop ;;
    *) usage ;;
esac
