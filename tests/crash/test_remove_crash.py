"""Killed while objects are removed: each is there, whole, or gone, whole; what was told to be gone
stays gone, and nothing comes back from the inbox."""

import json
import random
import sqlite3
import threading

import requests

from errors import error, object_of

ROUNDS = 8
OBJECTS = 120


def functions(bug):
    return [f"inner{bug}", f"outer{bug % 4}", "main"]


def listed(server, reader):
    told = server.get("/api/list", params={"token": reader, "view": "objects", "limit": "1000"}).json()
    return {upload["_rxid"] for upload in told["objects"]}


def found(server):
    hits = server.get("/cts/search", params={"since": "2000-01-01", "size": "1000"}).json()
    return {hit["database_id"] for hit in hits}


def queried(server, reader):
    answer = server.post("/api/query", {"group": ["fingerprint"]}, 200, params={"token": reader}).json()
    return sum(v[-1] for v in answer["response"]["values"])


def check(server, reader, removed):
    """What is there, the same everywhere."""
    there = listed(server, reader)
    assert there == found(server)
    assert queried(server, reader) == len(there)
    assert not there & removed
    buckets = server.get("/cts/buckets/4.0", params={"since": "2000-01-01", "size": "1000"}).json()
    assert sum(b["total"] for b in buckets["top_buckets"]) == len(there)
    return there


def check_rows(server, there):
    with sqlite3.connect(server.data / "crumple.db") as db:
        assert db.execute("SELECT count(*) FROM uploads").fetchone() == (len(there),)
        assert db.execute("SELECT count(*) FROM reports WHERE length(payload) > 0").fetchone() == (len(there),)
        assert db.execute("SELECT count(*) FROM removed").fetchone() == db.execute(
            "SELECT count(*) FROM gone").fetchone()
        assert db.execute("SELECT count(*) FROM attachments WHERE object NOT IN"
                          " (SELECT object FROM uploads)").fetchone() == (0,)


def test_killed_while_objects_are_removed(make_server):
    server, rng = make_server(), random.Random(11)
    writer, reader = server.token("error:post", "sync:post"), server.token("object:get", "query:post")
    sent, removed, partly = set(), set(), 0  # removed: of which we were told

    def submit(count):
        for i in range(count):
            rxid = server.submit(writer, params={"_mod_sync": "1"}, files={
                "upload_file": ("a.json", json.dumps(error(functions(i % 7)))),
                "attachment_log": ("log", b"x" * 100)})["_rxid"]
            sent.add(rxid)

    def remove(ids, delay):
        killer = threading.Timer(delay, server.kill)
        killer.start()
        try:
            for rxid in ids:
                answer = requests.post(f"{server.url}/api/delete", params={"token": reader}, timeout=30,
                                       json={"objects": [object_of(rxid)]})
                if answer.status_code == 200:
                    removed.add(rxid)
        except requests.RequestException:
            pass
        killer.join()

    submit(OBJECTS)
    there = set(sent)
    for _ in range(ROUNDS):
        victims = rng.sample(sorted(there), min(len(there), 40))
        before = len(removed)
        remove(victims, rng.uniform(0.01, 0.25))
        partly += 0 < len(removed) - before < len(victims)
        server.start()
        there = check(server, reader, removed)
        assert len(sent) - len(there) - len(removed) <= ROUNDS  # one a kill was done, and not told
        removed |= sent - there
        check_rows(server, there)
        submit(3)
        there = check(server, reader, removed)
    assert partly > 0
