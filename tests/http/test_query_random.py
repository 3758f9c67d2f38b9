"""Random queries over random reports: each value that the server answers, against a plain
implementation (tests/query_model.py)."""

import math
import random
import threading
import time

import pytest
import requests

from conftest import Server
from query_model import Model, bins_are_right, unpack_rows

REPORTS = 400
QUERIES = 500
NOW = 1_790_000_000
WORDS = ["alpha", "beta", "Gamma", "delta", "x", "alpha beta", "Grüße", "a.b*c", "", "0", "12", "true"]


def attributes(rnd):
    """Of one report: columns of every type, some of them rare, some of mixed types."""
    made = {
        "hostname": rnd.choice(["web-1", "web-2", "db-1", "DB-2", "cache"]),
        "version": f"{rnd.randrange(3)}.{rnd.randrange(4)}",
        "pid": rnd.choice([rnd.randrange(5), rnd.randrange(70000), 2**64 - 1, 2**53 + 1]),
        "temperature": rnd.choice([-40, -1, 0, 7, 2**40]),
        "ratio": rnd.choice([0.5, -2.25, 1e300, 3, 0]),
        "on": rnd.random() < 0.3,
        "word": rnd.choice(WORDS),
        "mixed": rnd.choice([1, 2.5, True, "two", -7]),
        "number": str(rnd.randrange(100)),  # a number in quotes
        "process.age": rnd.randrange(1000),
        "rare": rnd.choice(WORDS),
        "guid": f"{rnd.randrange(20):08x}-0000-4000-8000-{rnd.randrange(3):012x}",
    }
    return {name: value for name, value in made.items()
            if rnd.random() < (0.05 if name == "rare" else 0.9)}


def report(rnd, serial):
    stack = [{"funcName": f"f{rnd.randrange(6)}"}, {"funcName": "main"}]
    return {"uuid": f"{serial:08x}-1111-4000-8000-000000000000", "lang": "c", "langVersion": "11",
            "timestamp": NOW + rnd.randrange(200 * 86400), "agent": "test", "agentVersion": "1",
            "mainThread": "main", "attributes": attributes(rnd), "threads": {"main": {"stack": stack}}}


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A server full of reports, and the same for the model."""
    server = Server(tmp_path_factory.mktemp("queries")).start()
    writer = server.token("error:post", "sync:post")
    server.reader = server.token("query:post")
    rnd = random.Random(20)
    rows = []
    for serial in range(REPORTS):
        body = report(rnd, serial)
        told = server.submit(writer, body, params={"_mod_sync": "1"})
        rows.append({"_tx": int(told["object"], 16), "timestamp": body["timestamp"],
                     "fingerprint": told["fingerprint"], **body["attributes"]})
    for name in ("number", "word", "rare"):  # texts that look like numbers stay texts
        assert all(isinstance(row.get(name, ""), str) for row in rows)
    yield server, Model(rows)
    server.stop()


def query(server, body, status=200):
    answer = server.post("/api/query", body, status, params={
        "token": server.reader, "project": "cts", "universe": "default"})
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


# --- making queries ------------------------------------------------------------------------------

NUMBERS = ["pid", "temperature", "ratio", "process.age", "timestamp", "_tx"]
TEXTS = ["hostname", "version", "word", "number", "rare", "guid", "fingerprint", "mixed"]
PATTERNS = ["^web-", "a", "[0-9]$", "^$", "b.t", "(alpha|x)$", "\\.", "ß"]


def condition(rnd, model, name):
    kind = model.table.kinds[name]
    seen = [row[name] for row in model.table.rows if name in row]
    value = rnd.choice(seen) if rnd.random() < 0.8 else rnd.choice([0, 3, "7", "beta", "web-1"])
    if kind in ("uint", "int", "double"):
        op = rnd.choice(["equal", "not-equal", "at-least", "at-most", "greater-than", "less-than",
                         "is-set", "is-not-set"])
        if isinstance(value, str) and not value.isdigit():
            value = 5
        if rnd.random() < 0.3:
            value = str(value) if not isinstance(value, float) else value
    elif kind == "bool":
        op = rnd.choice(["equal", "not-equal", "is-set", "is-not-set"])
        value = rnd.choice([True, False, "true", "0", 1])
    else:
        op = rnd.choice(["equal", "not-equal", "contains", "not-contains", "regular-expression",
                         "inverse-regular-expression", "at-least", "less-than", "is-set",
                         "is-not-set"])
        value = rnd.choice(PATTERNS) if "regular" in op else str(value)
        if "contains" in op and rnd.random() < 0.7:
            value = value[:rnd.randrange(4)]
        if rnd.random() < 0.3 and ("contains" in op or "regular" in op) and value.isascii():
            return [op, value.upper() if "contains" in op else value, {"case_insensitive": True}]
    return [op] if op.startswith("is-") else [op, value]


def filters(rnd, model):
    if rnd.random() < 0.2:
        return rnd.choice([[], [{}]])
    made = []
    for _ in range(rnd.choice([1, 1, 1, 2, 3])):
        one = {}
        for name in rnd.sample(NUMBERS + TEXTS + ["on"], rnd.choice([1, 1, 2, 3])):
            one[name] = [condition(rnd, model, name) for _ in range(rnd.choice([1, 1, 2]))]
        made.append(one)
    return made


def virtual_columns(rnd):
    if rnd.random() < 0.6:
        return []
    if rnd.random() < 0.5:
        return [{"name": "v", "type": "quantize_uint", "quantize_uint": {
            "backing_column": rnd.choice(["timestamp", "process.age"]),
            "size": rnd.choice([1, 7, 3600, 86400]), "offset": rnd.choice([0, 0, 3, -14400])}}]
    return [{"name": "v", "type": "truncate_timestamp", "truncate_timestamp": {
        "backing_column": "timestamp", "granularity": rnd.choice(["day", "month", "quarter", "year"])}}]


def paged(rnd, made):
    if rnd.random() < 0.4:
        made["limit"] = rnd.choice([1, 3, 20, 1000])
        if rnd.random() < 0.5:
            made["offset"] = rnd.choice([0, 1, 7, 500])
    return made


def ordering(rnd):
    return rnd.choice(["ascending", "descending"])


def select_query(rnd, model):
    virtuals = virtual_columns(rnd)
    names = NUMBERS + TEXTS + ["on"] + [v["name"] for v in virtuals]
    made = {"filter": filters(rnd, model), "virtual_columns": virtuals,
            "select": rnd.sample(names, rnd.randrange(1, 6)),
            "order": [{"name": name, "ordering": ordering(rnd)}
                      for name in rnd.sample(names, rnd.choice([0, 1, 2]))]}
    return paged(rnd, made)


def fold_operator(rnd, kind):
    simple = ["head", "tail", "first", "last", "object", "unique", "count", "min", "max", "range",
              "histogram", "sum", "mean"]
    op = rnd.choice(simple + ["distribution", "bin"])
    if op == "distribution":
        return [op] + rnd.choice([[], [1], [3]])
    if op == "bin":
        return [op] + rnd.choice([[], [4], [10, 0, 1000], [8, NOW, NOW + 10**7]])
    return [op]


def fold_query(rnd, model):
    virtuals = virtual_columns(rnd)
    names = NUMBERS + TEXTS + ["on"] + [v["name"] for v in virtuals]
    folded = {name: [fold_operator(rnd, model.table.kind(name, {v["name"]: v for v in virtuals}))
                     for _ in range(rnd.choice([1, 1, 2]))]
              for name in rnd.sample(names, rnd.choice([0, 1, 2, 3]))}
    made = {"filter": filters(rnd, model), "virtual_columns": virtuals, "fold": folded}
    if rnd.random() < 0.8 or not folded:
        made["group"] = [rnd.choice(names)]
    single = [f"{name};{i}" for name, ops in folded.items() for i, op in enumerate(ops)
              if op[0] in ("count", "unique", "min", "max", "head", "object")]
    choices = [";group", ";count"] + single
    made["order"] = [{"name": name, "ordering": ordering(rnd)}
                     for name in rnd.sample(choices, rnd.choice([0, 1, 2]) if choices[1:] else 0)]
    return paged(rnd, made)


# --- comparing -----------------------------------------------------------------------------------

def close(a, b):
    if isinstance(a, float) or isinstance(b, float):
        return a is not None and b is not None and (
            math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) or (math.isinf(a) and a == b))
    return type(a) is type(b) and a == b


def same_number(a, b):
    return (isinstance(a, bool) == isinstance(b, bool)) and (a == b or close(a, b))


def compare_fold(op, arguments, told, wanted):
    if op == "object":
        return [int(t, 16) for t in told] == wanted
    if op == "histogram":
        counts = {v: n for v, n in told} if wanted else {}
        return told == [] if not wanted else len(told) == len(counts) and counts == wanted
    if op == "distribution":
        if not wanted:  # clients read its members all the same
            return told == [{"keys": 0, "vals": [], "tail": 0}]
        kept = arguments[0] if arguments else 32
        [shown] = told
        counts = sorted(wanted.values(), reverse=True)
        assert shown["keys"] == len(wanted)
        assert [n for _, n in shown["vals"]] == counts[:kept]
        assert all(wanted[v] == n for v, n in shown["vals"])
        return shown.get("tail", 0) == sum(counts[kept:])
    if op == "bin":
        return bins_are_right(told, wanted, arguments)
    return len(told) == len(wanted) and all(same_number(a, b) for a, b in zip(told, wanted))


def check_select(server, model, asked):
    response = query(server, asked)["response"]
    wanted, total = model.select(asked)
    assert [name for name, _ in response["columns"]] == asked["select"]
    rows = unpack_rows(response)
    assert [i for i, _ in rows] == [i for i, _ in wanted]
    for (_, told), (_, values) in zip(rows, wanted):
        assert all((t is None and v is None) or same_number(t, v) for t, v in zip(told, values)), \
            (told, values)
    return total


def check_fold(server, model, asked):
    answer = query(server, asked)
    response = answer["response"]
    wanted, total = model.fold(asked)
    operators = [op for ops in asked["fold"].values() for op in ops]
    names = [name for name, ops in asked["fold"].items() for _ in ops]
    assert [name for name, _ in response["columns"]] == [
        f"{op[0]}({name})" for name, op in zip(names, operators)]
    if not wanted and not asked.get("group"):
        return 0
    assert len(response["values"]) == len(wanted)
    assert response["cardinalities"]["pagination"]["groups"] == total
    for (key, folds, rows), (wanted_key, wanted_folds, wanted_rows) in zip(response["values"], wanted):
        assert (key == "*") if wanted_key is None else same_number(key, wanted_key), (key, wanted_key)
        assert rows == wanted_rows
        for op, told, value in zip(operators, folds, wanted_folds):
            assert compare_fold(op[0], op[1:], told, value), (key, op, told, value)
    return len(wanted)


@pytest.mark.parametrize("seed", range(10))
def test_random_queries(asked, seed):
    server, model = asked
    rnd = random.Random(seed * 7919 + 1)
    found = 0
    for _ in range(QUERIES // 10):
        make, check = rnd.choice([(select_query, check_select), (fold_query, check_fold)])
        one = make(rnd, model)
        try:
            found += check(server, model, one)
        except AssertionError as e:
            raise AssertionError(f"seed {seed}: {one}\n{e}") from e
    assert found > 0


def test_after_a_restart(asked):
    server, model = asked
    server.restart()
    rnd = random.Random(99)
    for _ in range(40):
        check_select(server, model, select_query(rnd, model))
        check_fold(server, model, fold_query(rnd, model))


def test_queries_hold_up_nobody(asked):
    """More queries at once than there are threads that answer HTTP, and slow ones: all else goes on."""
    server, _ = asked
    slow = {"filter": [{"guid": [["regular-expression", "(0*)*(0*)*x$"]] * 50}] * 10,
            "fold": {"pid": [["histogram"]]}}
    answers = []

    def ask():
        answers.append(requests.post(server.url + "/api/query", json=slow, timeout=120, params={
            "token": server.reader, "project": "cts"}).status_code)
    threads = [threading.Thread(target=ask) for _ in range(12)]
    for t in threads:
        t.start()
    waits = []
    for _ in range(20):
        began = time.monotonic()
        assert server.is_healthy()
        waits.append(time.monotonic() - began)
    for t in threads:
        t.join()
    assert set(answers) <= {200, 400} and max(waits) < 5
