#!/usr/bin/env bash
# The Python clients the tests drive the SQL servers with, in a virtual environment of their own
# outside the clone; prints the path of its interpreter. Made anew when requirements.txt changes.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stamp=$(sha256sum "$here/requirements.txt" | cut -c1-12)
home=${NONSITE_CLIENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/nonsite/clients-$stamp}
python=$home/bin/python

if [[ ! -e $home/ready ]]; then
    mkdir -p "$(dirname "$home")"
    # Two runs at once: the second one waits and finds it ready.
    exec 9>"$home.lock"
    flock 9
    if [[ ! -e $home/ready ]]; then
        echo "setup: installing the Python clients into $home" >&2
        rm -rf "$home"
        if ! python3 -m venv "$home" >&2; then
            echo "setup: python3 with venv is needed (Debian: python3-venv)" >&2
            exit 3
        fi
        if ! "$home/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2; then
            echo "setup: the packages of $here/requirements.txt could not be installed" >&2
            exit 3
        fi
        "$python" -c 'import adbc_driver_flightsql, asyncpg, pandas, psycopg, pyarrow, sqlalchemy'
        touch "$home/ready"
    fi
fi
echo "$python"
