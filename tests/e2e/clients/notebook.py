"""Runs the cells of docs/notebook.md and compares what they print with what stands below them.

Usage: notebook.py FILE [--write]

A cell is a block of Python; the block of text that follows it is its output. All cells share one
namespace, as in a notebook. With --write the outputs are written anew instead of compared. NONSITE_URL and
NONSITE_FLIGHT, which the cells use, are made from what `checking.py` needs.
"""

import contextlib
import io
import os
import re
import sys
import urllib.parse

from checking import FLIGHT, PASSWORD, PG_HOST, PG_PORT, USER

CELL = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


def main():
    path = sys.argv[1]
    write = "--write" in sys.argv[2:]
    password = urllib.parse.quote(PASSWORD)
    os.environ["NONSITE_URL"] = f"postgresql+psycopg://{USER}:{password}@{PG_HOST}:{PG_PORT}/nonsite"
    os.environ["NONSITE_FLIGHT"] = f"grpc://{FLIGHT}"
    os.environ["NONSITE_USER"], os.environ["NONSITE_PASSWORD"] = USER, PASSWORD
    with open(path, encoding="utf-8") as file:
        page = file.read()
    space, cells, wrong = {}, 0, 0

    def run(match):
        nonlocal cells, wrong
        cells += 1
        code, wanted = match.group(1), match.group(2) or ""
        line = page[: match.start()].count("\n") + 2
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (line - 1) + code, path, "exec"), space)
        got = "".join(text.rstrip() + "\n" for text in printed.getvalue().splitlines())
        if got != wanted and not write:
            wrong += 1
            print(f"FAILED notebook cell {cells} (line {line}) printed\n{got}and not\n{wanted}", flush=True)
        elif not write:
            print(f"ok notebook cell {cells}", flush=True)
        return f"```python\n{code}```\n" + (f"\n```text\n{got}```\n" if got else "")

    page = CELL.sub(run, page)
    if write:
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)
    if cells == 0:
        sys.exit(f"{path} has no cells")
    sys.exit(1 if wrong else 0)


main()
