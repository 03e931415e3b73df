#!/usr/bin/env python3
"""The questions of `bench-sql`, asked of DuckDB or ClickHouse (chdb) about the same files.

    python3 -m venv out/venv && out/venv/bin/pip install duckdb chdb

A job comes in as JSON on standard input; a line of JSON with the version and one for every question go out on
standard output, so that an engine that ends in the middle leaves what it had. Both engines get what this
program's own engine gets: memory, spill space and time, footers are cached where the engine can, and the view
`readings` leaves out the files of superseded copies and resolves only days that are not settled.
"""

import glob
import json
import os
import resource
import shutil
import sys
import tempfile
import threading
import time

RANK = """row_number() OVER (
    PARTITION BY date, mn, granularity, factor, data_time
    ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC)"""
SMALL = ("permits", "permit_limits", "permit_bindings")


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class DuckDb:
    def __init__(self, job: dict) -> None:
        import duckdb

        self.version = duckdb.__version__
        self.connection = duckdb.connect()
        run = self.connection.execute
        run(f"SET threads = {job['threads']}")
        run(f"SET memory_limit = '{job['memory_mb']}MiB'")
        # By itself it would spill below the working folder, and up to nine tenths of the disk.
        run(f"SET temp_directory = '{job['spill']}/duckdb'")
        run(f"SET max_temp_directory_size = '{job['spill_mb']}MiB'")
        self.timeout_s = job["timeout_s"]
        run("SET TimeZone = 'UTC'")
        run("SET parquet_metadata_cache = true")
        folder = job["tables"]
        for table in SMALL:
            run(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{folder}/{table}/*.parquet')")

        def files(name: str) -> str:
            return (
                f"read_parquet('{folder}/readings_raw/*/{name}*.parquet',"
                " hive_partitioning = true, hive_types = {'date': DATE})"
            )

        run(f"CREATE VIEW readings_raw AS SELECT * FROM {files('')}")
        parts = []
        if glob.glob(f"{folder}/readings_raw/*/current-*.parquet"):
            parts.append(f"SELECT * FROM {files('current-')}")
        if glob.glob(f"{folder}/readings_raw/*/part-*.parquet"):
            parts.append(
                f"SELECT * EXCLUDE (copy) FROM (SELECT *, {RANK} AS copy FROM {files('part-')}) WHERE copy = 1"
            )
        run("CREATE VIEW readings AS " + " UNION ALL ".join(parts))

    def ask(self, text: str) -> list:
        timer = threading.Timer(self.timeout_s, self.connection.interrupt)
        timer.start()
        try:
            return self.connection.execute(text).fetchall()
        finally:
            timer.cancel()

    @staticmethod
    def numbers(rows: list) -> list:
        from decimal import Decimal

        sums = [None] * (len(rows[0]) if rows else 0)
        for row in rows:
            for at, value in enumerate(row):
                if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
                    sums[at] = (sums[at] or 0.0) + float(value)
        return sums


class Chdb:
    def __init__(self, job: dict) -> None:
        import chdb
        from chdb import session

        self.version = chdb.__version__
        # It spills below its own folder.
        self.session = session.Session(tempfile.mkdtemp(prefix="chdb-", dir=job["spill"]))
        run = self.session.query
        run(f"SET max_threads = {job['threads']}")
        run(f"SET max_memory_usage = {job['memory_mb'] << 20}")
        # By itself it gives up at its limit of memory: the share of it at which it would spill is taken of
        # the machine's memory. Every thread has such a sort, and buffers for reading count as well.
        for what in ("sort", "group_by"):
            run(f"SET max_bytes_ratio_before_external_{what} = 0")
            run(f"SET max_bytes_before_external_{what} = {job['memory_mb'] << 17}")
        run(f"SET max_execution_time = {job['timeout_s']}")
        run("SET session_timezone = 'UTC'")
        run("SET use_hive_partitioning = 1")
        run("SET output_format_json_quote_64bit_integers = 0")
        run("CREATE DATABASE bench ENGINE = Atomic")
        run("USE bench")
        folder = job["tables"]
        for table in SMALL:
            run(f"CREATE VIEW {table} AS SELECT * FROM file('{folder}/{table}/*.parquet', 'Parquet')")

        def files(name: str) -> str:
            return f"file('{folder}/readings_raw/*/{name}*.parquet', 'Parquet')"

        run(f"CREATE VIEW readings_raw AS SELECT * FROM {files('')}")
        parts = []
        if glob.glob(f"{folder}/readings_raw/*/current-*.parquet"):
            parts.append(f"SELECT * FROM {files('current-')}")
        if glob.glob(f"{folder}/readings_raw/*/part-*.parquet"):
            parts.append(
                f"SELECT * EXCEPT (copy) FROM (SELECT *, {RANK} AS copy FROM {files('part-')}) WHERE copy = 1"
            )
        run("CREATE VIEW readings AS " + " UNION ALL ".join(parts))

    def ask(self, text: str) -> dict:
        try:
            return json.loads(str(self.session.query(text, "JSONCompact")))
        except Exception:
            # What a query wrote before it failed would stand before the answer of the next one.
            self.session.query("SELECT 1", "JSONCompact")
            raise

    @staticmethod
    def numbers(answer: dict) -> list:
        sums = []
        for at, column in enumerate(answer["meta"]):
            kind = column["type"].removeprefix("Nullable(")
            if kind.startswith(("Int", "UInt", "Float", "Decimal")):
                sums.append(sum(float(row[at]) for row in answer["data"] if row[at] is not None))
            else:
                sums.append(None)
        return sums


def measure(peer, texts: list, question_s: float) -> dict:
    started = time.monotonic()
    peer.ask(texts[0])
    before, ms, answers = cpu_s(), [], []
    for text in texts:
        if ms and time.monotonic() - started > question_s:
            break
        began = time.monotonic()
        answer = peer.ask(text)
        ms.append((time.monotonic() - began) * 1e3)
        rows = len(answer if isinstance(answer, list) else answer["data"])
        answers.append({"rows": rows, "sums": peer.numbers(answer)})
    return {"ms": ms, "cpu_s": (cpu_s() - before) / len(ms), "answers": answers}


def tell(line: dict) -> None:
    print(json.dumps(line, allow_nan=False), flush=True)


def main() -> None:
    job = json.load(sys.stdin)
    peer = {"duckdb": DuckDb, "chdb": Chdb}[job["engine"]](job)
    tell({"version": peer.version})
    for name, texts in job["questions"].items():
        try:
            figures = measure(peer, texts, job["question_s"])
            tell({"name": name, "figures": figures})
            told = f"{[round(it) for it in figures['ms'][:3]]} ms"
        except Exception as error:  # noqa: BLE001: whatever an engine raises costs this question only
            told = " ".join(str(error).split())[:300]
            tell({"name": name, "failed": told})
        print(f"{job['engine']} {name}: {told}", file=sys.stderr)
    for folder in glob.glob(f"{job['spill']}/*"):
        shutil.rmtree(folder, ignore_errors=True)
    # Engines with threads of their own sometimes do not end with the interpreter.
    os._exit(0)


if __name__ == "__main__":
    main()
