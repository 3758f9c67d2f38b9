"""Makes crash reports for tests; the same arguments give the same reports."""

import random

THRESHOLDS = [f"{t}.0" for t in range(1, 12)]

WORDS = """alloc bind cache draw event fetch glyph hash index join key list map node open paint queue
read scan thread unit value widget xml yield zone""".split()


def report(database_id, functions=("main",), **more):
    """A report with a stack of these functions; `more` are further members."""
    return {"database_id": database_id, "date": "2016-11-03T19:14:02",
            "stacktrace": [{"function": f, "depth": str(i)} for i, f in enumerate(functions)],
            **more}


def background(count, seed=1):
    """Reports that have little in common, so that terms of others are rare among them."""
    rng = random.Random(seed)
    out = []
    for i in range(count):
        names = ["".join(rng.choice(WORDS) for _ in range(3)) + str(rng.randrange(10 ** 6))
                 for _ in range(6)]
        out.append(report(f"background:{i:05}", names, project="Background"))
    return out


def stack(name, depth=6):
    """Functions that only reports of this name have."""
    return [f"{name}{word.capitalize()}" for word in WORDS[:depth]]
