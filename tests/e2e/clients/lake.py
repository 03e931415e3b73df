"""Engines that read the tables straight from disk, against the program's own answers.

Usage: lake.py NONSITE CONFIG TABLES duckdb|polars|chdb|spark ...

NONSITE is the program, CONFIG its configuration, TABLES the folder of the tables. For each table every
engine counts the rows and sums some columns; `nonsite sql` is asked the same. Prints `ok ENGINE TABLE`
or `FAILED ENGINE TABLE: why`; the exit code is 1 when one failed.

Whole numbers have to agree exactly. Sums of measured values depend on the order of adding up in their
last bits, so they may differ by a billionth.
"""

import json
import math
import os
import subprocess
import sys

# Columns that are summed, by table; those of bookkeeping prove that no row is there twice.
SUMS = {
    "readings_raw": ["value", "kafka_offset"],
    "permits": ["version", "kafka_offset"],
    "permit_limits": ["limit_value", "kafka_offset"],
    "inspections": ["kafka_offset"],
    "anomalies": ["observed"],
    "device_states": ["kafka_offset"],
}


def columns(table):
    return ", ".join(["count(*) AS n"] + [f"sum({column}) AS s{i}" for i, column in enumerate(SUMS[table])])


def own(program, config, table):
    """What the program itself answers."""
    text = f"SELECT {columns(table)} FROM {table}"
    command = [program, "-c", config, "sql", "-e", text, "--format", "json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    row = json.loads(done.stdout)[0]
    return [row["n"]] + [row.get(f"s{i}") for i in range(len(SUMS[table]))]


def duckdb(path, table):
    import deltalake
    import duckdb as engine

    connection = engine.connect()
    text = f"SELECT {columns(table)} FROM "
    try:
        # Fetched from DuckDB's own server, which not every machine reaches.
        connection.execute("INSTALL delta")
        connection.execute("LOAD delta")
        return connection.execute(text + f"delta_scan('{path}')").fetchone()
    except engine.Error:
        # The Parquet files that the table's log names.
        files = deltalake.DeltaTable(path).file_uris()
        return connection.execute(
            text + "read_parquet(?, hive_partitioning = true, union_by_name = true)", [files]
        ).fetchone()


def polars(path, table):
    import polars as engine

    wanted = [engine.len().alias("n")] + [
        engine.col(column).sum().alias(f"s{i}") for i, column in enumerate(SUMS[table])
    ]
    return engine.scan_delta(path).select(wanted).collect().row(0)


def chdb(path, table):
    import chdb as engine

    answer = engine.query(f"SELECT {columns(table)} FROM deltaLakeLocal('{path}')", "JSONCompact")
    # Large whole numbers come as texts.
    return [float(value) if isinstance(value, str) else value for value in json.loads(str(answer))["data"][0]]


def spark(path, table):
    return spark_session().sql(f"SELECT {columns(table)} FROM delta.`{path}`").collect()[0]


SESSION = []


def spark_session():
    """One session for all tables; NONSITE_SPARK_JARS lists Delta's jars (spark.sh)."""
    if not SESSION:
        from pyspark.sql import SparkSession

        settings = {
            "spark.jars": os.environ["NONSITE_SPARK_JARS"],
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.memory": "1g",
            "spark.sql.shuffle.partitions": "1",
            "spark.databricks.delta.snapshotPartitions": "1",
            "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        }
        builder = SparkSession.builder.master("local[2]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        SESSION.append(session)
    return SESSION[0]


ENGINES = {"duckdb": duckdb, "polars": polars, "chdb": chdb, "spark": spark}


def same(wanted, got):
    # The sum of no values is null to some engines and zero to others.
    wanted, got = wanted or 0, got or 0
    if isinstance(wanted, int) and float(got).is_integer():
        return wanted == int(got)
    return math.isclose(float(wanted), float(got), rel_tol=1e-9)


def main():
    program, config, tables, *engines = sys.argv[1:]
    failed = 0
    for table in SUMS:
        path = os.path.join(os.path.abspath(tables), table)
        wanted = own(program, config, table)
        assert wanted[0] > 0 or table == "device_states", f"{table} is empty: nothing is proved"
        for engine in engines:
            try:
                got = list(ENGINES[engine](path, table))
                assert len(got) == len(wanted), got
                assert all(same(a, b) for a, b in zip(wanted, got)), f"{got} and not {wanted}"
                print(f"ok {engine} {table}", flush=True)
            except Exception as error:
                failed += 1
                print(f"FAILED {engine} {table}: {type(error).__name__}: {error}", flush=True)
    sys.exit(1 if failed else 0)


main()
