"""What the checks of all Python clients share.

Where to connect stands in NONSITE_TEST_PG (host:port), NONSITE_TEST_FLIGHT (host:port), NONSITE_TEST_USER
and NONSITE_TEST_PASSWORD. Every check prints `ok NAME` or `FAILED NAME: why`; the exit code is 1 when one
failed.
"""

import asyncio
import inspect
import os
import sys
import traceback

USER = os.environ["NONSITE_TEST_USER"]
PASSWORD = os.environ["NONSITE_TEST_PASSWORD"]
PG_HOST, PG_PORT = os.environ["NONSITE_TEST_PG"].rsplit(":", 1)
FLIGHT = os.environ.get("NONSITE_TEST_FLIGHT", "")

CHECKS = {}


def check(client):
    """Makes a function a check of this client."""

    def register(function):
        CHECKS.setdefault(client, []).append(function)
        return function

    return register


def run():
    """Runs the checks of the client named on the command line, of all without one."""
    wanted = sys.argv[1:2] or sorted(CHECKS)
    failed = 0
    for client in wanted:
        for function in CHECKS[client]:
            try:
                outcome = function()
                if inspect.iscoroutine(outcome):
                    asyncio.run(asyncio.wait_for(outcome, 120))
                print(f"ok {client} {function.__name__}", flush=True)
            except Exception as error:
                failed += 1
                print(f"FAILED {client} {function.__name__}: {type(error).__name__}: {error}", flush=True)
                traceback.print_exc()
    sys.exit(1 if failed else 0)
