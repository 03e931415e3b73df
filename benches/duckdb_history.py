#!/usr/bin/env python3
"""E01, E03 and Q01 in DuckDB over the files of `bench-history`, for comparison.

    python3 -m venv venv && venv/bin/pip install duckdb
    venv/bin/python benches/duckdb_history.py DIR [--threads 2] [--limit-s 120]

Asks for what the rules count: windows judged and windows flagged, with the limits of the permits.
It asks for less than the rules do (no marks but N, no units, no exemptions, no findings).
"""

import argparse
import json
import resource
import threading
import time

import duckdb

READINGS = "read_parquet('{dir}/tables/readings_raw/*/*.parquet', hive_partitioning = true)"
LIMITS = """CREATE TABLE limits AS
  SELECT b.mn, l.factor, l.averaging, l.limit_value
  FROM read_parquet('{dir}/tables/permit_limits/*.parquet') l
  JOIN read_parquet('{dir}/tables/permit_bindings/*.parquet') b USING (outlet_uid)"""
RULES = {
    "E01": """SELECT r.date, count(*), count(*) FILTER (WHERE r.value > l.limit_value)
              FROM {readings} r JOIN limits l ON l.mn = r.mn AND l.factor = r.factor
              WHERE l.averaging = 'hour' AND r.granularity = 'hour' AND r.flag = 'N'
              GROUP BY r.date""",
    "E03": """SELECT count(*), count(*) FILTER (WHERE d.value > l.limit_value)
              FROM (SELECT mn, factor, date, avg(value) AS value FROM {readings}
                    WHERE granularity = 'hour' AND flag = 'N'
                    GROUP BY mn, factor, date HAVING count(*) >= 20) d
              JOIN limits l ON l.mn = d.mn AND l.factor = d.factor
              WHERE l.averaging = 'day'""",
    "Q01": """WITH steps AS (
                SELECT mn, factor, data_time, value,
                       CASE WHEN value = lag(value) OVER s
                             AND data_time - lag(data_time) OVER s = INTERVAL 1 HOUR
                            THEN 0 ELSE 1 END AS begins
                FROM {readings} WHERE granularity = 'hour' AND flag = 'N'
                WINDOW s AS (PARTITION BY mn, factor ORDER BY data_time)),
              runs AS (
                SELECT mn, factor, sum(begins) OVER (PARTITION BY mn, factor ORDER BY data_time) AS run
                FROM steps)
              SELECT count(*) FROM (
                SELECT mn, factor, run FROM runs GROUP BY mn, factor, run HAVING count(*) >= 4)""",
}


def cpu_seconds() -> float:
    """User and system time of this process so far, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("dir")
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--memory", default="4GB")
    args.add_argument("--limit-s", type=float, default=120)
    args.add_argument("--rules", default="E01,E03,Q01")
    args = args.parse_args()
    figures = {"duckdb": duckdb.__version__}
    for rule in args.rules.split(","):
        connection = duckdb.connect()
        connection.execute(f"SET threads = {args.threads}")
        connection.execute(f"SET memory_limit = '{args.memory}'")
        # What does not fit into memory goes beside the tables, not into the folder one is in.
        connection.execute(f"SET temp_directory = '{args.dir}/duckdb.tmp'")
        connection.execute(LIMITS.format(dir=args.dir))
        query = RULES[rule].format(readings=READINGS.format(dir=args.dir))
        stop = threading.Timer(args.limit_s, connection.interrupt)
        stop.start()
        began, busy = time.monotonic(), cpu_seconds()
        try:
            rows = connection.execute(query).fetchall()
            figures[rule] = {
                "seconds": round(time.monotonic() - began, 2),
                "cpu_seconds": round(cpu_seconds() - busy, 2),
                "flagged": sum(row[-1] for row in rows),
            }
        except duckdb.Error as error:
            figures[rule] = {"unfinished_after_s": args.limit_s, "error": str(error)[:80]}
        finally:
            stop.cancel()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
