#!/usr/bin/env bash
# The Python clients the tests drive the SQL servers and read the tables with, in virtual environments
# of their own outside the clone; prints the path of an interpreter. Made anew when its list changes.
#
#   setup.sh [SET]   drivers   psycopg, asyncpg, SQLAlchemy 2, ADBC, pandas, Polars (the default)
#                    superset  SQLAlchemy 1.4 with psycopg2, as Superset has them
#                    lake      DuckDB, Polars, chDB (ClickHouse), deltalake
#                    spark     PySpark, half a gigabyte; spark.sh adds Delta's jars
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
set=${1:-drivers}
list=$here/$set.txt
if [[ ! -e $list ]]; then
    echo "usage: setup.sh [drivers|superset|lake|spark]" >&2
    exit 2
fi
stamp=$(sha256sum "$list" | cut -c1-12)
home=${XDG_CACHE_HOME:-$HOME/.cache}/nonsite/$set-$stamp
python=$home/bin/python

if [[ ! -e $home/ready ]]; then
    mkdir -p "$(dirname "$home")"
    # Two runs at once: the second one waits and finds it ready.
    exec 9>"$home.lock"
    flock 9
    if [[ ! -e $home/ready ]]; then
        echo "setup: installing the Python packages of $set.txt into $home" >&2
        rm -rf "$home"
        if ! python3 -m venv "$home" >&2; then
            echo "setup: python3 with venv is needed (Debian: python3-venv)" >&2
            exit 3
        fi
        if ! "$home/bin/pip" install --quiet --disable-pip-version-check -r "$list" >&2; then
            echo "setup: the packages of $list could not be installed" >&2
            exit 3
        fi
        touch "$home/ready"
    fi
fi
echo "$python"
