#!/usr/bin/env bash
# The JDBC drivers the tests drive the SQL servers with, PostgreSQL's and Arrow's for Flight SQL, in a
# cache outside the clone; prints the class path. Fetched anew when pom.xml changes.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stamp=$(sha256sum "$here/pom.xml" | cut -c1-12)
jars=${XDG_CACHE_HOME:-$HOME/.cache}/nonsite/jdbc-$stamp

if [[ ! -e $jars/.complete ]]; then
    if ! command -v mvn >/dev/null; then
        echo "jdbc: Maven is needed to fetch the drivers (Debian: maven)" >&2
        exit 3
    fi
    mkdir -p "$(dirname "$jars")"
    # Two runs at once: the second one waits and finds it ready.
    exec 9>"$jars.lock"
    flock 9
    if [[ ! -e $jars/.complete ]]; then
        echo "jdbc: fetching the JDBC drivers into $jars" >&2
        rm -rf "$jars"
        if ! mvn -B -q -f "$here/pom.xml" \
            org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
            -DincludeScope=runtime -DoutputDirectory="$jars" >&2; then
            echo "jdbc: Maven could not fetch the drivers; check the network and try again" >&2
            exit 3
        fi
        touch "$jars/.complete"
    fi
fi
echo "$jars/*"
