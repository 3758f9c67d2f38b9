"""Source maps: how fast a large one is converted, how large its cache is, how long a lookup takes."""

import json
import random

from shared import CRUMPLE, WORK
from shared import run_json, say, table, verdict

MAPPINGS, MAPPINGS_QUICK = 1_000_000, 100_000
LOOKUP_MOST_NS = 1000
IMAGE_MOST = 0.7  # of the map, contents aside
LINES = 80  # of a source
NAMES = 20_000
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def vlq(number):
    rest = -number << 1 | 1 if number < 0 else number << 1
    text = ""
    while True:
        digit = rest & 31
        rest >>= 5
        text += DIGITS[digit | (32 if rest else 0)]
        if not rest:
            return text


def source_text(number):
    """Functions of ten lines, each with one within."""
    lines = []
    for line in range(0, LINES, 10):
        lines.append(f"function task_{number}_{line}(items, options) {{")
        lines.append("  const total = items.reduce((sum, item) => sum + item.price, 0);")
        lines.append("  return options.map(function (option) {")
        lines += ["    log(option.name, total, items.length);"] * 5
        lines += ["  });", "}"]
    return "\n".join(lines) + "\n"


def mappings_of(sources, chance):
    """All on one line, as minifiers write: about seven in each line of each source."""
    before = {"source": 0, "line": 0, "column": 0, "name": 0}
    short = {n: vlq(n) for n in range(-4096, 4096)}

    def step(what, now):
        by, before[what] = now - before[what], now
        return short.get(by) or vlq(by)

    for source in range(sources):
        recent = [chance.randrange(NAMES) for _ in range(12)]
        for line in range(LINES):
            column = 0
            for _ in range(7):
                text = vlq(chance.randrange(1, 12)) + step("source", source) + step("line", line) + step("column", column)
                if chance.random() < 0.35:
                    text += step("name", chance.choice(recent))
                yield text
                column += chance.randrange(2, 12)


def made_map(mappings):
    path = WORK / f"map-{mappings}.json"
    if not path.exists():
        say(f"making a source map of {mappings} mappings")
        chance = random.Random(1)
        sources = mappings // (LINES * 7) + 1
        path.write_text(json.dumps({
            "version": 3,
            "sources": [f"../src/parts/part{n % 40}/file{n}.ts" for n in range(sources)],
            "sourcesContent": [source_text(n) for n in range(sources)],
            "names": [f"name{n:x}" for n in range(NAMES)],
            "mappings": ",".join(mappings_of(sources, chance)),
        }, separators=(",", ":")), encoding="utf-8")
    return path


def measure_maps(results, quick):
    rows, told = [], []
    for mappings in (MAPPINGS_QUICK,) if quick else (MAPPINGS_QUICK, MAPPINGS):
        path = made_map(mappings)
        whole = run_json(CRUMPLE, "bench", "maps", path)
        bare = run_json(CRUMPLE, "bench", "maps", without_contents(path))
        results.add("maps", count=mappings, **whole)
        results.add("maps bare", count=mappings, **bare)
        ratio = bare["image_bytes"] / bare["map_bytes"]
        rows.append([f"{whole['mappings']:,}", whole["map_bytes"] / 1e6, whole["convert_cpu_ms"], whole["mb_per_second"],
                     whole["image_bytes"] / 1e6, f"{ratio:.2f}", whole["lookup_ns"], whole["array_ns"]])
        told.append((mappings, whole["lookup_ns"], ratio))
    heads = "mappings,map MB,ms to convert,MB/s,cache MB,without contents of the map,ns a lookup,ns in an array".split(",")
    table("maps: random places in a warm cache, one by one, with file, name and function; in an array: the record alone", heads, rows)
    for mappings, ns, ratio in told:
        verdict(f"ns a lookup in {mappings:,} mappings", ns, LOOKUP_MOST_NS, most=True)
        verdict("cache, of the map, both without contents", ratio, IMAGE_MOST, most=True, digits=2)


def without_contents(path):
    bare = path.with_name(f"bare-{path.name}")
    if not bare.exists():
        made = json.loads(path.read_text(encoding="utf-8"))
        del made["sourcesContent"]
        bare.write_text(json.dumps(made, separators=(",", ":")), encoding="utf-8")
    return bare
