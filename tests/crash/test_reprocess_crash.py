"""Killed while reports are made again: each is the old one or the new one, whole, and in the end all
are new."""

import random
import re
import sqlite3
import subprocess
import time

from conftest import BINARY
from errors import error
from exchange import exchange

KILLS = 20
OBJECTS = 300


def rows(server, query):
    database = sqlite3.connect(server.data / "crumple.db")
    found = database.execute(query).fetchall()
    database.close()
    return found


def functions(bug):
    return [f"inner{bug}", f"outer{bug % 4}", "main"]


def state(server, reader, rxids):
    """rxid -> (function, fingerprint, buckets), as readers see it."""
    found, before = {}, None
    while True:
        more = {"before": before} if before else {}
        page = server.get("/api/list", params={"token": reader, "limit": "1000", **more}).json()["objects"]
        found.update({upload["_rxid"]: upload["fingerprint"] for upload in page})
        if len(page) < 1000:
            break
        before = page[-1]["object"]
    assert set(found) == set(rxids)
    told = {}
    hits = server.get("/cts/search", params={"since": "2000-01-01", "size": "1000"}).json()
    assert len(hits) == len(rxids)
    for report in hits:
        told[report["database_id"]] = (report["stacktrace"][0]["function"], found[report["database_id"]],
                                       tuple(sorted((t, b["id"]) for t, b in report["buckets"].items()
                                                    if t != "top_match" and isinstance(b, dict))))
    assert set(told) == set(rxids)
    return told


def check_rows(server):
    """Each upload names the latest report of its object, and those before it are superseded."""
    assert rows(server, """SELECT count(*) FROM uploads u WHERE u.report <>
        (SELECT max(number) FROM reports r WHERE r.object = u.object)""") == [(0,)]
    assert rows(server, """SELECT count(*) FROM reports r WHERE
        (r.number IN (SELECT number FROM superseded)) =
        (r.number IN (SELECT report FROM uploads))""") == [(0,)]


def reload(server, reader):
    server.post("/api/control", {"action": "reload", "token": reader}, 200)


def reload_all(server, reader):
    """Until it is done; how long that took."""
    began = time.monotonic()
    reload(server, reader)
    while not re.search(r"^crumple_uploads_to_reprocess 0$", server.get("/metrics").text, re.M):
        assert time.monotonic() - began < 120
        time.sleep(0.002)
    return time.monotonic() - began


def test_killed_while_reports_are_made_again(make_server):
    server, rng = make_server(), random.Random(5)
    token, reader = server.token("error:post", "sync:post"), server.token("object:get", "query:post")
    rxids = [server.submit(token, error(functions(i % 7)), params={"_mod_sync": "1"})["_rxid"]
             for i in range(OBJECTS)]
    exchange(server, {rxid: error(functions(50 + i % 7)) for i, rxid in enumerate(rxids)})
    took = reload_all(server, reader)  # so the kills land within what this machine needs
    old = {rxid: told[:2] for rxid, told in state(server, reader, rxids).items()}
    assert all(function != functions(i % 7)[0] for i, (function, _) in
               enumerate(old[rxid] for rxid in rxids))
    wanted = {rxid: functions(100 + i % 9) for i, rxid in enumerate(rxids)}
    exchange(server, {rxid: error(f) for rxid, f in wanted.items()})
    prints, mixed = {}, 0  # prints: function -> fingerprint
    for kill in range(KILLS):
        reload(server, reader)
        time.sleep(rng.uniform(0, took))
        server.kill()
        if kill % 3 == 2:
            offline = subprocess.Popen([BINARY, "reprocess", "--data", server.data],
                                       stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0, took + 0.05))
            offline.kill()
            offline.wait()
        check_rows(server)
        server.start()
        now = state(server, reader, rxids)
        for rxid, (function, fingerprint, _) in now.items():
            if (function, fingerprint) == old[rxid]:
                continue
            assert function == wanted[rxid][0]
            assert prints.setdefault(function, fingerprint) == fingerprint
        new = sum(told[0] == wanted[rxid][0] for rxid, told in now.items())
        mixed += 0 < new < OBJECTS
        if kill % 5 == 4:
            server.restart()
            assert state(server, reader, rxids) == now
        if new == OBJECTS:  # begin anew
            old = {rxid: told[:2] for rxid, told in now.items()}
            wanted = {rxid: functions(rng.randrange(1000)) for rxid in rxids}
            exchange(server, {rxid: error(f) for rxid, f in wanted.items()})
    assert mixed >= 3, (mixed, took)
    server.stop()
    subprocess.run([BINARY, "reprocess", "--data", server.data], check=True, timeout=120)
    server.start()
    now = state(server, reader, rxids)
    assert {rxid: told[0] for rxid, told in now.items()} == {rxid: f[0] for rxid, f in wanted.items()}
    check_rows(server)
