#!/usr/bin/env bash
# Reads the tables with Spark and compares counts and sums with the program's own answers.
#
#   spark.sh NONSITE CONFIG TABLES    spark.sh target/debug/nonsite demo/nonsite.toml demo/tables
#
# Not part of the tests: it fetches half a gigabyte once (PySpark, Delta's jars) and takes up to a minute.
# It needs Java 17 and Maven.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ $# -ne 3 ]]; then
    sed -n 's/^#   \(spark.sh\)/usage: \1/p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
python=$("$here/setup.sh" spark)
stamp=$(sha256sum "$here/spark/pom.xml" | cut -c1-12)
jars=${XDG_CACHE_HOME:-$HOME/.cache}/nonsite/spark-jars-$stamp
if [[ ! -e $jars/.complete ]]; then
    echo "spark: fetching Delta's jars into $jars" >&2
    rm -rf "$jars"
    if ! mvn -B -q -f "$here/spark/pom.xml" \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DincludeScope=runtime -DincludeGroupIds=io.delta,io.unitycatalog -DoutputDirectory="$jars" >&2; then
        echo "spark: Maven could not fetch the jars; check the network and try again" >&2
        exit 3
    fi
    touch "$jars/.complete"
fi
list=$(printf '%s,' "$jars"/*.jar)
NONSITE_SPARK_JARS=${list%,} exec "$python" "$here/../../../tests/e2e/clients/lake.py" "$1" "$2" "$3" spark
