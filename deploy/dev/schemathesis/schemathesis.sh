#!/usr/bin/env bash
# Asks a running REST API everything its description allows, and much that it does not.
#
#   schemathesis.sh fetch        only install, into a cache outside the clone
#   schemathesis.sh run ADDRESS  against http://ADDRESS/api/v1, with the token in NONSITE_TOKEN
#
# No answer of 500 or above, none that the description does not name, no body or header that is not
# as described, none without a token. Exit code 1 when there is one, 3 when this machine lacks what
# it takes.
#
# Environment: NONSITE_TOKEN            bearer token of a caller
#              NONSITE_SCHEMATHESIS_EXAMPLES  generated requests per operation  [15]
#              NONSITE_SCHEMATHESIS_PHASES    what is asked  [examples,coverage,fuzzing,stateful]
#              NONSITE_SCHEMATHESIS_HAR       write every request and answer to this file (HAR)
#              NONSITE_IDS              file with what there is, so that most requests are about it: lines
#                                       of a parameter and a value, such as `path.case_id c0123456789abcdef`,
#                                       and before them an operation where it is about that one alone
#              NONSITE_CACHE            parent folder of the installation  [~/.cache/nonsite]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${NONSITE_CACHE:-${HOME:?HOME is not set; name a cache folder in NONSITE_CACHE}/.cache/nonsite}
wanted=$(sha256sum "$here/requirements.txt" | cut -c 1-12)
venv=$cache/schemathesis-$wanted

say() { printf 'schemathesis: %s\n' "$*" >&2; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2; exit 2; }

# Under its final name once it is whole; a lock lets several callers arrive at the same time.
fetch() {
    [[ -e $venv/whole ]] && return
    mkdir -p "$cache"
    exec 9>"$cache/.schemathesis.lock"
    flock 9
    if [[ ! -e $venv/whole ]]; then
        say "installing $(grep '^schemathesis==' "$here/requirements.txt") into $venv"
        rm -rf "$venv"
        python3 -m venv "$venv" || { say "python3 with its module venv is missing: apt-get install python3-venv"; exit 3; }
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
            -r "$here/requirements.txt" >&2 || { say "the packages cannot be installed"; exit 3; }
        touch "$venv/whole"
    fi
    exec 9>&-
}

# Adds dictionaries of what a file of ids names, and binds parameters to them: of one operation, or of all.
bind() {
    local ids=$1 config=$2 operation parameter name last=
    while read -r operation parameter; do
        name=ids_${operation//[^A-Za-z0-9]/_}_${parameter//[^A-Za-z0-9]/_}
        {
            printf '\n[dictionaries.%s]\nvalues = [' "$name"
            awk -v operation="$operation" -v parameter="$parameter" \
                'NF == 2 { $0 = "any " $0 }
                 $1 == operation && $2 == parameter { printf "\"%s\", ", $3 }' "$ids"
            printf ']\n'
        } >> "$config"
        if [[ $operation == any ]]; then
            sed -i "s/^\[parameters\]\$/&\n\"$parameter\" = { dictionary = \"$name\", probability = 0.9 }/" "$config"
            continue
        fi
        # Sorted: the parameters of an operation stand together at the end of the file.
        if [[ $operation != "$last" ]]; then
            last=$operation
            printf '\n[[operations]]\ninclude-operation-id = "%s"\n' "$operation" >> "$config.operations"
        fi
        printf 'parameters."%s" = { dictionary = "%s", probability = 0.9 }\n' "$parameter" "$name" >> "$config.operations"
    done < <(awk 'NF == 2 { print "any", $1 } NF == 3 { print $1, $2 }' "$ids" | sort -u)
    if [[ -e $config.operations ]]; then
        cat "$config.operations" >> "$config"
    fi
}

case ${1:-} in
    fetch) [[ $# -eq 1 ]] || usage; fetch ;;
    run)
        [[ $# -eq 2 ]] || usage
        : "${NONSITE_TOKEN:?give a bearer token in NONSITE_TOKEN}"
        fetch
        # What it remembers of earlier runs would make runs differ.
        scratch=$(mktemp -d)
        trap 'rm -rf "$scratch"' EXIT
        cd "$scratch"
        cp "$here/schemathesis.toml" config.toml
        # A made-up id is answered 404 before anything else is looked at; some ids stay made up.
        if [[ -n ${NONSITE_IDS:-} ]]; then
            bind "$NONSITE_IDS" config.toml
        fi
        reports=()
        if [[ -n ${NONSITE_SCHEMATHESIS_HAR:-} ]]; then
            reports=(--report har --report-har-path "$NONSITE_SCHEMATHESIS_HAR")
        fi
        # One worker: Python 3.11 counts how deep it is in a syntax tree once for all threads, so two
        # workers that read source at the same time (hypothesis reads that of its own functions) end one of
        # them with `SystemError: AST constructor recursion depth mismatch`.
        HYPOTHESIS_STORAGE_DIRECTORY=$scratch "$venv/bin/schemathesis" \
            --config-file config.toml run "http://$2/api/v1/openapi.json" \
            --url "http://$2/api/v1" \
            --header "Authorization: Bearer $NONSITE_TOKEN" \
            --phases "${NONSITE_SCHEMATHESIS_PHASES:-examples,coverage,fuzzing,stateful}" \
            --max-examples "${NONSITE_SCHEMATHESIS_EXAMPLES:-15}" \
            --seed 212 --no-shrink --workers 1 --warnings off \
            --request-timeout 30 --continue-on-failure ${reports[@]+"${reports[@]}"}
        ;;
    *) usage ;;
esac
