"""What the parts of bench/run share: where things are, servers and processes, results as they are
printed and kept."""

import contextlib
import json
import os
import pathlib
import platform
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("CRUMPLE_BUILD", ROOT / "build")).resolve()
CRUMPLE = BUILD / "crumple"
WORK = BUILD / "bench-data"  # on the disk of the build: an fsync must be a real one
TESTDATA = pathlib.Path(os.environ.get("CRUMPLE_TESTDATA", ROOT.parent / "shared" / "testdata"))


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def run_json(*command, **options):
    """The line of JSON that a program prints."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True, **options)
    return json.loads(done.stdout)


# --- processes ----------------------------------------------------------------------------------


def memory_of(pid, what="VmRSS"):
    """Resident bytes; VmHWM: the most that there were."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(what + r":\s+(\d+) kB", text).group(1)) * 1024


def processor_of(pid):
    """Seconds of processor time, of all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def server(*command, log):
    """A server that says where it listens: its URL, pid, and seconds until it said so."""
    begin = time.monotonic()
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        line = process.stdout.readline()
        ready_s = time.monotonic() - begin
        if not line.startswith("listening on "):
            sys.exit(f"{command[0]} did not start: see {log}")
        yield line.split()[-1], process.pid, ready_s
    finally:
        process.send_signal(signal.SIGTERM)
        if process.wait() != 0:
            sys.exit(f"{command[0]} ended with status {process.returncode}: see {log}")


# --- results ------------------------------------------------------------------------------------


class Results:
    """Keeps every measurement as a line of JSON, and prints tables."""

    def __init__(self, arguments, reports):
        folder = ROOT / "bench" / "results"
        folder.mkdir(exist_ok=True)
        self.path = folder / time.strftime("%Y-%m-%dT%H-%M-%S.jsonl")
        commit = subprocess.run(
            ["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True
        ).stdout.strip()
        self.add(
            "run",
            arguments=arguments,
            commit=commit,
            reports=reports.name,
            cores=os.cpu_count(),
            processor=processor_name(),
            kernel=platform.release(),
            load=os.getloadavg()[0],
        )

    def add(self, part, **values):
        with self.path.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"part": part, **values}) + "\n")


def processor_name():
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"model name\s*: (.*)", text)
    return found.group(1) if found else platform.machine()


def table(title, heads, rows):
    cells = [heads] + [[c if isinstance(c, str) else f"{c:,.{0 if c >= 100 else 1}f}" for c in r] for r in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    print(f"\n{title}\n")
    for row in cells:
        first = row[0].ljust(widths[0])
        print(("  " + "  ".join([first] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])])).rstrip())
    print(flush=True)


def verdict(what, value, limit, most=False, digits=1):
    good = value <= limit if most else value >= limit
    words = f"{value:,.{digits}f}, {'at most' if most else 'at least'} {limit:,}: {'yes' if good else 'NO'}"
    print(f"  {what}: {words}")


def make_token(data, *capabilities):
    """One that may do these things in the project `bench`."""
    command = [CRUMPLE, "token", "create", "--project", "bench", "--data", data]
    for capability in capabilities:
        command += ["--capability", capability]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    return done.stdout.strip()
