#!/usr/bin/env bash
# Makes a Debian or Ubuntu machine ready to build, run and test nonsite.
#
#   setup.sh build    what compiling and `make demo` need
#   setup.sh test     that, and what the tests need: Java and Maven for the real Kafka broker,
#                     PostgreSQL for the review queue and its psql, Python for the SQL clients and
#                     for schemathesis, which asks the REST API, unzip for hand-over packages
#
# What is missing is installed when this runs as root; otherwise the exact command is printed and
# the exit code is 3. On a ready machine it says nothing and takes a few milliseconds.
set -euo pipefail

level=${1:-build}
case $level in build | test) ;; *) echo "usage: setup.sh build|test" >&2; exit 2 ;; esac

have() { command -v "$1" >/dev/null 2>&1; }

java_ready() {
    local java=java major
    [[ -n "${JAVA_HOME:-}" ]] && java="$JAVA_HOME/bin/java"
    have "$java" || return 1
    major=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    [[ "${major:-0}" -ge 17 ]]
}

missing=()
# The C parts: librdkafka, zstd, zlib, SQLite and mimalloc are compiled from their sources, OpenSSL
# is the system's. (librdkafka's configure script needs bash, make and a C++ compiler for its check.)
{ have cc && have c++; } || missing+=(gcc g++)
have make || missing+=(make)
have pkg-config || missing+=(pkg-config)
{ have pkg-config && pkg-config --exists openssl; } || missing+=(libssl-dev)
have flock || missing+=(util-linux)
[[ -e /etc/ssl/certs/ca-certificates.crt ]] || missing+=(ca-certificates)
if [[ $level == test ]]; then
    java_ready || missing+=(openjdk-17-jre-headless)
    # The checks of the JDBC driver are compiled as they are run.
    have javac || missing+=(openjdk-17-jdk-headless)
    have mvn || missing+=(maven)
    have unzip || missing+=(unzip)
    { have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; } || missing+=(postgresql)
    have psql || missing+=(postgresql-client)
    { have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; } || missing+=(python3-venv)
    have openssl || missing+=(openssl)
    # Lends the shell its terminal.
    have script || missing+=(bsdutils)
fi

if [[ ${#missing[@]} -gt 0 ]]; then
    command="apt-get install -y --no-install-recommends ${missing[*]}"
    if ! have apt-get; then
        echo "setup: missing: ${missing[*]} (names of Debian packages); install them with this system's package manager" >&2
        exit 3
    elif [[ $EUID -eq 0 ]]; then
        echo "setup: installing ${missing[*]}" >&2
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        # Newer releases have a newer Java under another name.
        if [[ " ${missing[*]} " == *" openjdk-17-jre-headless "* ]] &&
            ! apt-cache show openjdk-17-jre-headless >/dev/null 2>&1; then
            command=${command/openjdk-17-jre-headless/default-jre-headless}
        fi
        if [[ " ${missing[*]} " == *" openjdk-17-jdk-headless "* ]] &&
            ! apt-cache show openjdk-17-jdk-headless >/dev/null 2>&1; then
            command=${command/openjdk-17-jdk-headless/default-jdk-headless}
        fi
        $command
    else
        printf 'setup: system packages are missing; as root run:\n\n    apt-get update && %s\n\n' "$command" >&2
        exit 3
    fi
fi

if ! have cargo; then
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../../Cargo.toml")
    echo "setup: Rust is missing; install $wanted or newer with rustup (https://rustup.rs), then open a new shell" >&2
    exit 3
fi

if [[ $level == test ]]; then
    for set in drivers superset lake; do
        "$(dirname "${BASH_SOURCE[0]}")/clients/setup.sh" "$set" >/dev/null
    done
    "$(dirname "${BASH_SOURCE[0]}")/clients/jdbc.sh" >/dev/null
    "$(dirname "${BASH_SOURCE[0]}")/schemathesis/schemathesis.sh" fetch
fi
