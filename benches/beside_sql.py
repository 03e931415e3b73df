#!/usr/bin/env python3
"""What ingestion and detection lose while analysts keep the SQL server busy.

    $(deploy/dev/clients/setup.sh) benches/beside_sql.py --config demo/nonsite.toml --clients 4 -- \\
        target/debug/bench-e2e --readings 20000000 --json
    $(deploy/dev/clients/setup.sh) benches/beside_sql.py --config demo/nonsite.toml --clients 4 -- \\
        target/debug/bench-detect --points 1000 --json

The command is a bench that prints its figures as JSON. It runs once alone and once beside `nonsite serve`
on the same machine, over the tables of CONFIG, with so many clients that ask heavy questions without a
pause. Printed are the figures of both runs with their ratio, and what the analysts got meanwhile. Threads of
queries stand behind all others by their priority; the ratio says how much that is worth.
"""

import argparse
import json
import os
import subprocess
import tempfile
import threading
import time

import psycopg

PASSWORD = "a password of this bench"
# Everything there is, sorted, grouped and put through windows: as much processor as it can get.
QUESTIONS = [
    "SELECT factor, count(*), avg(value), stddev(value), approx_percentile_cont(value, 0.95) FROM readings GROUP BY factor",
    "SELECT mn, factor, date, count(*) FROM hourly WHERE valid GROUP BY mn, factor, date ORDER BY 4 DESC",
    "SELECT max(abs(z)) FROM (SELECT robust_z(value) OVER (PARTITION BY mn, factor) AS z FROM hourly)",
    "SELECT count(*) FROM generate_series(1, 20000) a, generate_series(1, 2000) b WHERE a.value % 7 = b.value % 11",
    "SELECT mn, factor, data_time, value FROM readings_raw ORDER BY value DESC, data_time LIMIT 1000",
]


def figures(command):
    """The last JSON object a command prints."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not found:
        raise SystemExit(f"{' '.join(command)} printed no JSON: give it --json")
    return json.loads(found[-1])


class Server:
    """`nonsite serve` over some tables, and the clients that keep it busy."""

    def __init__(self, program, config, clients):
        self.folder = tempfile.TemporaryDirectory()
        users = os.path.join(self.folder.name, "users.toml")
        self.env = os.environ | {
            "NONSITE__SERVE__POSTGRES": "127.0.0.1:0",
            "NONSITE__SERVE__FLIGHT": "",
            "NONSITE__SERVE__HTTP": "",
            "NONSITE__SERVE__USERS": users,
        }
        self.call = [program, "-c", config]
        self.clients = clients
        self.latencies = []
        self.stop = threading.Event()

    def __enter__(self):
        add = self.call + ["user", "add", "analyst"]
        subprocess.run(add, check=True, env=self.env, input=PASSWORD, text=True, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen(
            self.call + ["serve"], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for line in self.process.stdout:
            if line.startswith("postgresql "):
                self.host, self.port = line.split()[1].rsplit(":", 1)
                break
        else:
            raise SystemExit("nonsite serve did not start")
        self.threads = [threading.Thread(target=self.ask, args=(n,)) for n in range(self.clients)]
        for thread in self.threads:
            thread.start()
        # The first questions are under way before anything is measured.
        time.sleep(3)
        return self

    def ask(self, number):
        with psycopg.connect(
            host=self.host, port=self.port, user="analyst", password=PASSWORD, dbname="nonsite", autocommit=True
        ) as conn:
            while not self.stop.is_set():
                began = time.monotonic()
                try:
                    conn.execute(QUESTIONS[number % len(QUESTIONS)]).fetchall()
                except psycopg.errors.QueryCanceled:
                    pass
                self.latencies.append(time.monotonic() - began)
                number += 1

    def __exit__(self, *_):
        self.stop.set()
        self.process.terminate()
        self.process.wait()
        for thread in self.threads:
            thread.join()
        self.folder.cleanup()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nonsite", default="target/debug/nonsite", help="the program")
    parser.add_argument("--config", required=True, help="whose tables are asked")
    parser.add_argument("--clients", type=int, default=4, help="questions at the same time")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- BENCH --json")
    args = parser.parse_args()
    command = [part for part in args.command if part != "--"]
    alone = figures(command)
    # A connection that the ending server cuts off is no news.
    threading.excepthook = lambda _: None
    with Server(args.nonsite, args.config, args.clients) as server:
        began = time.monotonic()
        beside = figures(command)
        seconds = time.monotonic() - began
        latencies = sorted(server.latencies)
    print(f"{'figure':28} {'alone':>14} {'beside':>14} {'ratio':>8}")
    for name, value in alone.items():
        other = beside.get(name)
        if isinstance(value, (int, float)) and isinstance(other, (int, float)) and value:
            print(f"{name:28} {value:14.3f} {other:14.3f} {other / value:8.2f}")
    if latencies:
        print(
            f"meanwhile {args.clients} analysts had {len(latencies)} answers in {seconds:.0f} s, "
            f"half of them within {latencies[len(latencies) // 2]:.2f} s, the slowest {latencies[-1]:.2f} s"
        )
    else:
        print(f"meanwhile {args.clients} analysts had no answer in {seconds:.0f} s")


main()
