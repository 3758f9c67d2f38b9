"""Queries: the columns beside SQLite, on an indexed table, and DuckDB, asked the same of the same rows.

Times are processor time of one thread: medians. SQLite is Python's, DuckDB the npm package
@duckdb/node-api (bench/peers), which is left out where it cannot be had."""

import csv
import json
import re
import shutil
import sqlite3
import statistics
import subprocess
import time

from shared import CRUMPLE, ROOT, WORK, say, table, verdict

PEERS = ROOT / "bench" / "peers"
SIZE = 1_000_000
SIZES = (100_000, 1_000_000, 5_000_000)
SIZES_QUICK = (100_000,)
RUNS, RUNS_SQLITE = 9, 3
BYTES_MOST = 150  # a row
TIMES_SQLITE = 20
REGEX = "^host-[0-9]*7[13]\\.example"
FIRST, SECONDS_A_ROW = 1_780_000_000, 3  # as src/cli/bench_rows.c has them


def question(name, most_ms, ask, sqlite, duckdb):
    return {"name": name, "most_ms": most_ms, "ask": ask, "sqlite": sqlite, "duckdb": duckdb}


def questions(size):
    """Each with what it may take, as a query, and as SQL: SQLite has no histograms, and is asked for
    the pairs of values and counts that one is made of."""
    middle = FIRST + size // 2 * SECONDS_A_ROW
    half = f"timestamp >= {middle}"
    shown = ["timestamp", "fingerprint", "hostname", "version", "error.message"]
    columns = ", ".join(f'"{name}"' for name in shown)
    page = f"SELECT _tx, {columns} FROM rows ORDER BY timestamp DESC LIMIT 50"
    filtered = f"SELECT _tx, {columns} FROM rows WHERE hostname LIKE '%77%' ORDER BY timestamp DESC LIMIT 50"
    return [
        question(
            "groups: range, histogram, unique, half the rows", 60,
            {"filter": [{"timestamp": [["at-least", middle]]}], "group": ["fingerprint"],
             "fold": {"timestamp": [["range"]], "version": [["histogram"]], "hostname": [["unique"]]}},
            [f"SELECT fingerprint, count(*), min(timestamp), max(timestamp), count(DISTINCT hostname)"
             f" FROM rows WHERE {half} GROUP BY fingerprint",
             f"SELECT fingerprint, version, count(*) FROM rows WHERE {half} GROUP BY fingerprint, version"],
            f"SELECT fingerprint, count(*), min(timestamp), max(timestamp), histogram(version),"
            f" count(DISTINCT hostname) FROM rows WHERE {half} GROUP BY fingerprint"),
        question(
            "regular expression, counted", 10,
            {"filter": [{"hostname": [["regular-expression", REGEX]]}], "fold": {"pid": [["count"]]}},
            [f"SELECT count(pid) FROM rows WHERE hostname REGEXP '{REGEX}'"],
            f"SELECT count(pid) FROM rows WHERE regexp_matches(hostname, '{REGEX}')"),
        question(
            "the newest 50 rows", 5,
            {"select": shown, "order": [{"name": "timestamp", "ordering": "descending"}], "limit": 50},
            [page], page),
        question(
            "the newest 50 rows of some hosts", 5,
            {"filter": [{"hostname": [["contains", "77"]]}], "select": shown,
             "order": [{"name": "timestamp", "ordering": "descending"}], "limit": 50},
            [filtered], filtered),
        question(
            "groups by version: mean, maximum, most frequent", 60,
            {"group": ["version"], "order": [{"name": ";count", "ordering": "descending"}],
             "fold": {"process.age": [["mean"], ["max"]], "error.type": [["distribution", 3]]}},
            ['SELECT version, count(*), avg("process.age"), max("process.age") FROM rows GROUP BY version'
             " ORDER BY 2 DESC",
             'SELECT version, "error.type", count(*) FROM rows GROUP BY version, "error.type"'],
            'SELECT version, count(*), avg("process.age"), max("process.age"), histogram("error.type")'
            " FROM rows GROUP BY version ORDER BY 2 DESC"),
    ]


# --- the three -----------------------------------------------------------------------------------


def ask_crumple(size, asked, file=None):
    """(what it says of its columns, [its answers])"""
    command = [CRUMPLE, "bench", "query", "--rows", str(size), "--runs", str(RUNS)]
    if file:
        command += ["--csv", file]
    command += [json.dumps(q["ask"]) for q in asked]
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True, text=True)
    about, *answers = map(json.loads, done.stdout.splitlines())
    return about, answers


def sqlite_table(file):
    """In memory, with an index for each column that the questions filter, group or order by."""
    db = sqlite3.connect(":memory:")
    db.create_function("REGEXP", 2, lambda pattern, text: re.search(pattern, text) is not None,
                       deterministic=True)
    with open(file, newline="", encoding="utf-8") as lines:
        rows = csv.reader(lines)
        names = next(rows)
        declared = ", ".join(f'"{name}"' + (" INTEGER PRIMARY KEY" if name == "_tx" else " NUMERIC")
                             for name in names)
        db.execute(f"CREATE TABLE rows({declared})")
        db.executemany(f"INSERT INTO rows VALUES ({', '.join('?' * len(names))})", rows)
    for name in ("timestamp", "fingerprint", "hostname", "version"):
        db.execute(f'CREATE INDEX "by_{name}" ON rows("{name}")')
    db.execute("ANALYZE")
    return db


def ask_sqlite(file, asked):
    db = sqlite_table(file)
    answers = []
    for q in asked:
        each = []
        for _ in range(RUNS_SQLITE):
            began = time.process_time()
            for text in q["sqlite"]:
                db.execute(text).fetchall()
            each.append((time.process_time() - began) * 1000)
        answers.append({"ms": statistics.median(each)})
    return answers


def ask_duckdb(file, asked):
    """None where it cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (PEERS / "node_modules").exists():
        fetched = npm and subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=PEERS,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        if not node or not fetched:
            say("DuckDB cannot be fetched: it is left out")
            return None
    done = subprocess.run([node, PEERS / "duckdb.mjs", str(file), str(RUNS)], text=True, check=True,
                          input=json.dumps([q["duckdb"] for q in asked]), stdout=subprocess.PIPE)
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- all of it -----------------------------------------------------------------------------------


def compare(results, size):
    asked = questions(size)
    file = WORK / f"rows-{size}.csv"
    say(f"queries of {size} rows")
    about, ours = ask_crumple(size, asked, file)
    say("the same to DuckDB")
    duckdb = ask_duckdb(file, asked)
    say("the same to SQLite")
    sqlite = ask_sqlite(file, asked)
    file.unlink()
    rows = []
    for i, q in enumerate(asked):
        line = {"crumple": ours[i]["ms"], "sqlite": sqlite[i]["ms"],
                "duckdb": duckdb[i]["ms"] if duckdb else None}
        results.add("query", size=size, name=q["name"], matched=ours[i]["matched"], **line)
        rows.append((q["name"], line["crumple"], line["sqlite"], line["sqlite"] / line["crumple"],
                     *((line["duckdb"], line["duckdb"] / line["crumple"]) if duckdb else ("-", "-"))))
    heads = ("question", "crumple", "SQLite", "times", "DuckDB", "times")
    table(f"Queries of {size:,} rows: ms of processor time, one core", heads, rows)
    if size < SIZE:
        return
    for q, row in zip(asked, rows):
        verdict(f"ms for {q['name']}", row[1], q["most_ms"], most=True)
        verdict("  times faster than SQLite", row[3], TIMES_SQLITE)
        if duckdb:
            verdict("  times faster than DuckDB", row[5], 1)
    verdict("bytes a row", about["bytes_per_row"], BYTES_MOST, most=True)


def growth(results, sizes):
    rows = []
    for size in sizes:
        say(f"queries of {size} rows, Crumple alone")
        asked = questions(size)
        about, answers = ask_crumple(size, asked)
        results.add("query growth", **about, ms=[a["ms"] for a in answers])
        rows.append((f"{size:,}", about["bytes_per_row"], about["rows_per_second"],
                     *(a["ms"] for a in answers)))
    heads = ("rows", "bytes/row", "rows/s in", *(q["name"].split(":")[0] for q in questions(SIZE)))
    table("How it grows: ms of processor time", heads, rows)


def measure_query(results, quick):
    compare(results, SIZES_QUICK[-1] if quick else SIZE)
    growth(results, SIZES_QUICK if quick else SIZES)
