#!/usr/bin/env bash
# The JDBC driver the tests drive the PostgreSQL server with, in a cache outside the clone; prints the
# class path. Fetched anew when its version in pom.xml changes.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$(sed -n 's|.*<pgjdbc.version>\(.*\)</pgjdbc.version>.*|\1|p' "$here/pom.xml")
jars=${XDG_CACHE_HOME:-$HOME/.cache}/nonsite/pgjdbc-$version

if [[ ! -e $jars/.complete ]]; then
    if ! command -v mvn >/dev/null; then
        echo "jdbc: Maven is needed to fetch the driver (Debian: maven)" >&2
        exit 3
    fi
    mkdir -p "$(dirname "$jars")"
    # Two runs at once: the second one waits and finds it ready.
    exec 9>"$jars.lock"
    flock 9
    if [[ ! -e $jars/.complete ]]; then
        echo "jdbc: fetching the PostgreSQL JDBC driver $version into $jars" >&2
        rm -rf "$jars"
        if ! mvn -B -q -f "$here/pom.xml" \
            org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
            -DincludeScope=runtime -DoutputDirectory="$jars" >&2; then
            echo "jdbc: Maven could not fetch the driver; check the network and try again" >&2
            exit 3
        fi
        touch "$jars/.complete"
    fi
fi
echo "$jars/*"
