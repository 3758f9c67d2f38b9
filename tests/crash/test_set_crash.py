"""Killed while attributes are set: each object has them everywhere, or nowhere, and those that were
acknowledged have them."""

import json
import random
import sqlite3
import threading
import time

import requests

from errors import error

KILLS = 12
UPLOADS = 700  # with the reports, four portions
REPORTS = 200


def query(server, reader, body):
    return server.post("/api/query", body, 200, params={"token": reader, "project": "cts"}).json()


def values(server, reader, attribute):
    """object -> value, as queries see it."""
    answer = query(server, reader, {"select": [attribute], "limit": 5000})["response"]
    objects, found = [], []
    for run in answer["objects"][0][1]:
        first, more = (run[0], run[1]) if len(run) > 1 else (run[0], 0)
        objects += range(first, first + more + 1)
    for value, times in answer["values"][0][1:]:
        found += [value] * times
    assert len(objects) == len(found) == UPLOADS + REPORTS
    return dict(zip(objects, found))


def stored(server):
    """object -> what the store has of it."""
    database = sqlite3.connect(server.data / "crumple.db")
    rows = database.execute("""SELECT r.object, u.attributes, a.amended FROM reports r
        LEFT JOIN uploads u ON u.object = r.object
        LEFT JOIN amendments a ON a.object = r.object""").fetchall()
    database.close()
    return {o: (json.loads(u or "{}"), json.loads(a or "{}")) for o, u, a in rows}


def check(server, reader):
    """Columns, rows and amendments agree; the objects that have the value are a beginning."""
    seen, rows = values(server, reader, "round"), stored(server)
    for number, value in seen.items():
        attributes, amended = rows[number]
        assert amended.get("round") == value
        if attributes:
            assert attributes.get("round") == value
    return seen


def set_all(server, reader, value, told):
    try:
        answer = requests.post(f"{server.url}/api/query", params={"token": reader, "project": "cts"},
                               json={"filter": [{}], "set": {"round": value}}, timeout=60)
        told.append(answer.status_code == 200)
    except requests.RequestException:
        told.append(False)


def test_killed_while_attributes_are_set(make_server):
    server, rng = make_server(), random.Random(7)
    token, reader = server.token("error:post", "sync:post"), server.token("object:get", "query:post")
    for i in range(UPLOADS):
        server.submit(token, error([f"f{i % 9}", "main"]), params={"_mod_sync": "1"})
    server.post("/cts/reports", [{"database_id": f"d{i}", "os": "x"} for i in range(REPORTS)])
    began = time.monotonic()
    query(server, reader, {"filter": [{}], "set": {"round": "r0"}})
    took, mixed = time.monotonic() - began, 0
    assert set(check(server, reader).values()) == {"r0"}
    for kill in range(1, KILLS + 1):
        told, value = [], f"r{kill}"
        sender = threading.Thread(target=set_all, args=(server, reader, value, told))
        sender.start()
        time.sleep(rng.uniform(0, took))
        server.kill()
        sender.join()
        server.start()
        seen = check(server, reader)
        new = sum(v == value for v in seen.values())
        assert new == len(seen) or not told[0]
        mixed += 0 < new < len(seen)
        hits = server.get("/cts/search", params={"q": f"round:{value}", "since": "2000-01-01", "size": "1000"})
        assert len(hits.json()) == new
    assert mixed >= 1
