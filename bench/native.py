"""Native crashes: `crumple stackwalk` and symbol caches beside Breakpad's minidump_stackwalk, and a
server that is sent dumps.

minidump_stackwalk is that of the npm package `minidump` (tests/clients), or the one that
MINIDUMP_STACKWALK names. Times are processor time, user and system, of the whole process."""

import http.client
import lzma
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import threading
import urllib.parse

from shared import BUILD, CRUMPLE, ROOT, TESTDATA, WORK
from shared import make_token, processor_of, run_json, say, server, table, verdict

DUMPS = TESTDATA / "minidump"
SMALL_LEAST, LARGE_LEAST = 10, 100  # times less processor time than minidump_stackwalk
CACHE_MOST = 1 / 3  # of the .sym
LOOKUPS_LEAST = 5_000_000  # a second
SERVER_LEAST = 500  # dumps a second on one core
LARGE_MB, LARGE_MB_QUICK = 120, 20
POSTED, POSTED_QUICK = 3000, 600
POSTERS = 4


def peer():
    """minidump_stackwalk, or None."""
    name = "minidump/bin/linux-x64/minidump_stackwalk"
    path = os.environ.get("MINIDUMP_STACKWALK", ROOT / "tests" / "clients" / "node_modules" / name)
    if os.access(path, os.X_OK):
        return pathlib.Path(path)
    say("minidump_stackwalk is not there: run tests/clients/install, or set MINIDUMP_STACKWALK")
    return None


def processor_ms(*command):
    """Of one run whose output nobody reads."""
    pid = os.posix_spawn(
        command[0],
        [str(word) for word in command],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_WRONLY, 0) for fd in (1, 2)],
    )
    _, status, used = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with status {status}")
    return (used.ru_utime + used.ru_stime) * 1000


def medians(runs, **commands):
    """The median of each command, run by turns."""
    taken = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            taken[name].append(processor_ms(*command))
    return {name: statistics.median(times) for name, times in taken.items()}


# --- small symbols --------------------------------------------------------------------------------


def unpacked_symbols():
    """The symbol files of the test data, as minidump_stackwalk wants them."""
    folder = WORK / "symbols"
    if not folder.exists():
        unfinished = WORK / "symbols.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(TESTDATA / "symbols", unfinished)
        for packed in unfinished.rglob("*.xz"):
            packed.with_suffix("").write_bytes(lzma.decompress(packed.read_bytes()))
            packed.unlink()
        unfinished.rename(folder)
    return folder


def cases():
    """(name, dump, folder of symbols or None)"""
    symbols = unpacked_symbols()
    lines = (DUMPS / "manifest.tsv").read_text(encoding="utf-8").splitlines()
    for line in lines[1:]:
        name, file, which = line.split("\t")[:3]
        yield name, DUMPS / file, None if which == "-" else symbols / which


def ours(dump, symbols, cache):
    return [CRUMPLE, "stackwalk", dump, "--cache", cache, *(["--symbols", symbols] if symbols else [])]


def theirs(walker, dump, symbols):
    return [walker, "-m", dump, *([symbols] if symbols else [])]


def has_names(dump, symbols, cache):
    """Whether there are symbols for any module that a frame lies in."""
    threads = run_json(*ours(dump, symbols, cache), "--json")["threads"]
    return any(frame["function"] for thread in threads for frame in thread["frames"])


def measure_small(walker, results, runs):
    say("walking the dumps of the test data, a process each")
    cache = WORK / "stackwalk-cache"
    shutil.rmtree(cache, ignore_errors=True)
    kinds = ("first", "crumple", "breakpad")
    rows, total, named = [], dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0)
    for name, dump, symbols in cases():
        mine = ours(dump, symbols, cache)
        first = processor_ms(*mine)
        measured = medians(runs, crumple=mine, breakpad=theirs(walker, dump, symbols))
        results.add("stackwalk", case=name, first=first, **measured)
        rows.append((name, first, measured["crumple"], measured["breakpad"], measured["breakpad"] / measured["crumple"]))
        has = has_names(dump, symbols, cache)
        for kind, value in {"first": first, **measured}.items():
            total[kind] += value
            named[kind] += value if has else 0
    for name, sums in ("those with symbols", named), ("all", total):
        rows.append((name, *sums.values(), sums["breakpad"] / sums["crumple"]))
    table(
        f"One dump, a process: ms of processor time, medians of {runs} runs by turns",
        ("case", "crumple, nothing cached", "crumple", "minidump_stackwalk", "times less"),
        rows,
    )
    for name, sums in ("with symbols", named), ("all, most of which have none", total):
        verdict(f"times less than minidump_stackwalk, {name}", sums["breakpad"] / sums["crumple"], SMALL_LEAST)


# --- large symbols --------------------------------------------------------------------------------


def made_large(megabytes):
    """A folder with one large symbol file, and a dump whose stack lies in its module."""
    folder = WORK / f"large-symbols-{megabytes}"
    if not folder.exists():
        say(f"making {megabytes} MB of symbols")
        unfinished = WORK / "large-symbols.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        subprocess.run([BUILD / "tools" / "gen-symbols", unfinished, str(megabytes)], check=True)
        text = unfinished / "dump.txt"
        subprocess.run([ROOT / "tools" / "make-dump", text, "-o", unfinished / "large.dmp"], check=True)
        unfinished.rename(folder)
    return folder, next(folder.rglob("*.sym"))


def measure_large(walker, results, runs, megabytes):
    folder, symbols = made_large(megabytes)
    dump, cache = folder / "large.dmp", WORK / "large-cache"
    shutil.rmtree(cache, ignore_errors=True)
    say(f"walking with {symbols.stat().st_size / 1e6:.0f} MB of symbols")
    mine = ours(dump, folder, cache)
    first = processor_ms(*mine)
    measured = medians(runs, crumple=mine, breakpad=theirs(walker, dump, folder))
    made = run_json(CRUMPLE, "bench", "symbols", symbols)
    results.add("large", megabytes=megabytes, first=first, **measured, **made)
    less = measured["breakpad"] / measured["crumple"]
    table(
        f"{symbols.stat().st_size / 1e6:.0f} MB of symbols: ms of processor time, medians of {runs} runs by turns",
        ("", "ms"),
        [
            ("minidump_stackwalk", measured["breakpad"]),
            ("crumple, nothing cached", first),
            ("crumple", measured["crumple"]),
            ("conversion alone", made["convert_cpu_ms"]),
        ],
    )
    verdict("times less than minidump_stackwalk", less, LARGE_LEAST)
    verdict("conversion, of a minidump_stackwalk", made["convert_cpu_ms"] / measured["breakpad"], 1, most=True, digits=2)
    verdict("cache, of the .sym", made["cache_bytes"] / made["sym_bytes"], round(CACHE_MOST, 3), most=True, digits=3)
    smaller = run_json(CRUMPLE, "bench", "symbols", made_large(LARGE_MB_QUICK)[1])
    kinds = ("lookups_per_second", "single_lookups_per_second", "rules_per_second")
    looked_up = {megabytes: made, LARGE_MB_QUICK: smaller}
    table(
        "Random addresses in a warm cache, millions a second on one core",
        ("MB of symbols", "functions, 16 at a time", "one by one", "unwind rules"),
        [(str(size), *(figures[kind] / 1e6 for kind in kinds)) for size, figures in looked_up.items()],
    )
    for size, figures in looked_up.items():
        verdict(f"lookups a second in {size} MB", figures["lookups_per_second"], LOOKUPS_LEAST)


# --- server ---------------------------------------------------------------------------------------


def post_all(url, path, bodies, expected=200):
    """Over one connection each for POSTERS threads."""
    where = urllib.parse.urlsplit(url)
    bodies, lock = iter(bodies), threading.Lock()
    failures = []

    def run():
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=600)
        while True:
            with lock:
                body = next(bodies, None)
            if body is None:
                return
            connection.request("POST", path, body)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != expected:
                failures.append((answer.status, text))
                return

    threads = [threading.Thread(target=run) for _ in range(POSTERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(f"a server answered {failures[0]}")


def measure_server(results, count):
    """Dumps that are posted, walked with symbols that were uploaded, grouped and stored."""
    symbols = unpacked_symbols()
    data = WORK / "dumps-store"
    shutil.rmtree(data, ignore_errors=True)
    subprocess.run([CRUMPLE, "project", "create", "bench", "--data", data], check=True, stdout=subprocess.DEVNULL)
    token = make_token(data, "error:post", "symbol:post", "sync:post")
    dumps = [dump.read_bytes() for _, dump, _ in cases()]
    command = (CRUMPLE, "serve", "--data", data, "--listen", "127.0.0.1:0")
    with server(*command, log=WORK / "dumps.log") as (url, pid, _):
        say("uploading symbols")
        files = (path.read_bytes() for path in sorted(symbols.rglob("*.sym")))
        post_all(url, f"/api/post?format=symbols&token={token}&_mod_sync=1", files)
        say(f"posting {count} dumps")
        path = f"/api/post?format=minidump&token={token}&_mod_sync=1"
        post_all(url, path, dumps)
        before = processor_of(pid)
        post_all(url, path, (dumps[i % len(dumps)] for i in range(count)))
        taken = processor_of(pid) - before
    results.add("dumps", count=count, processor_s=taken)
    table(
        f"{count} dumps by HTTP, {POSTERS} connections, answered when they are grouped and stored",
        ("", "a second and core", "ms each"),
        [("dumps", count / taken, 1000 * taken / count)],
    )
    verdict("dumps a second on one core", count / taken, SERVER_LEAST)


def measure_native(results, quick):
    walker = peer()
    if walker and DUMPS.exists():
        measure_small(walker, results, 5 if quick else 11)
    if walker:
        measure_large(walker, results, 3, LARGE_MB_QUICK if quick else LARGE_MB)
    if DUMPS.exists():
        measure_server(results, POSTED_QUICK if quick else POSTED)
