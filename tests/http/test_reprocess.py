"""Reports that are made again: by POST /api/control, and by `crumple reprocess`."""

import contextlib
import json
import re
import sqlite3
import subprocess
import time

import pytest

from conftest import BINARY
from errors import error, object_of
from exchange import exchange
from symbol_files import tar
from test_symbols import Crash

OLD, NEW, OTHER = ["0x1a2b", "0x3c4d", "main"], ["parse_header", "load", "main"], ["sort", "main"]


class Shop:
    def __init__(self, server):
        self.server = server
        self.writer = server.token("error:post", "sync:post")
        self.reader = server.token("object:get", "query:post")

    def submit(self, functions, **attributes):
        told = self.server.submit(self.writer, error(functions, attributes=attributes),
                                  params={"_mod_sync": "1"})
        return told["_rxid"]

    def report(self, rxid):
        return self.server.get(f"/cts/reports/{rxid}").json()

    def functions(self, rxid):
        return [frame["function"] for frame in self.report(rxid)["stacktrace"]]

    def fingerprint(self, rxid):
        return self.server.upload_of(self.reader, rxid)["fingerprint"]

    def bucket(self, rxid):
        return self.report(rxid)["buckets"]["4.0"]["id"]

    def found(self, q):
        hits = self.server.get("/cts/search", params={"q": q, "since": "2000-01-01", "size": "100"})
        return {hit["database_id"] for hit in hits.json()}

    def reload(self, status=200, **more):
        return self.server.post("/api/control", {"action": "reload", "token": self.reader, **more},
                                status).json()

    def outcomes(self):
        text = self.server.get("/metrics").text
        assert re.search(r"^crumple_uploads_to_reprocess (\d+)$", text, re.M)
        return {k: int(v) for k, v in
                re.findall(r'^crumple_uploads_reprocessed_total\{outcome="(\w+)"\} (\d+)$', text, re.M)}

    def wait(self):
        deadline = time.monotonic() + 60
        while not re.search(r"^crumple_uploads_to_reprocess 0$", self.server.get("/metrics").text, re.M):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self.outcomes()


@pytest.fixture
def shop(make_server):
    return Shop(make_server())


def members(shop, bucket):
    answer = shop.server.request("GET", f"/cts/buckets/4.0/{bucket}")
    return {r["database_id"] for r in answer.json()["top_reports"]} if answer.status_code == 200 else set()


def test_made_again(shop):
    first, second, other = shop.submit(OLD), shop.submit(OLD), shop.submit(NEW)
    assert shop.bucket(second) == first and shop.bucket(other) == other
    before, fingerprint = shop.report(first), shop.fingerprint(first)
    url = f"/default/{shop.writer}/json"
    shop.server.post(url, b"a log", 200, params={"object": first, "attachment_name": "log"})
    exchange(shop.server, {first: error(NEW)})
    assert shop.functions(first) == OLD
    told = shop.reload(objects=[object_of(first), first, "0", "ffff", "nothing", 5])
    assert told["id"] >= 1 and told["objects"] == 2
    told = shop.wait()
    assert told["made_again"] == 1 and told["failed"] == 0
    for _ in range(2):
        after = shop.report(first)
        assert shop.functions(first) == NEW
        assert after["date"] == before["date"] and after["database_id"] == first
        assert shop.fingerprint(first) == shop.fingerprint(other) != fingerprint
        assert shop.bucket(first) == other and shop.bucket(second) == first
        assert members(shop, first) == {second} and members(shop, other) == {first, other}
        assert after["buckets"]["4.0"]["total"] == 2
        buckets = shop.server.get("/cts/buckets/4.0", params={"since": "2000-01-01"}).json()
        assert sorted((b["id"], b["total"]) for b in buckets["top_buckets"]) == sorted(
            [(other, 2), (first, 1)])
        assert shop.found("parse_header") == {first, other}
        assert shop.found('stacktrace.function:"0x1a2b"') == {second}
        assert shop.found("*") == {first, second, other}
        assert [a["name"] for a in shop.server.attachments(shop.reader, first)] == ["log"]
        shop.server.get(f"/cts/reports/{first}/summary")
        shop.server.get(f"/cts/reports/{second}/compare/{first}")
        shop.server.restart()


def test_more_than_a_page_of_uploads(shop):
    """The list of what is to be made again is made page by page."""
    first = shop.submit(OLD)
    shop.server.stop()
    with contextlib.closing(sqlite3.connect(shop.server.data / "crumple.db")) as db, db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(uploads)")]
        row = dict(zip(columns, db.execute("SELECT * FROM uploads").fetchone()))
        db.executemany(f"INSERT INTO uploads VALUES ({','.join('?' * len(columns))})",
                       [[{**row, "object": row["object"] + n}[c] for c in columns] for n in range(1, 2500)])
    shop.server.start()
    base = int(object_of(first), 16)
    for low, high, count in ((0, 2499, 2500), (5, 5, 1), (10, 1009, 1000), (10, 1010, 1001),
                             (2400, 9999, 100), (2500, 9999, 0), (9, 8, 0)):
        told = shop.reload(first=f"{base + low:x}", last=f"{base + high:x}")
        assert told["objects"] == count, (low, high)
    assert shop.reload()["objects"] == shop.reload(first=f"{base:x}")["objects"] == 2500
    assert shop.reload(last=f"{base:x}")["objects"] == 1


def one_bucket(shop, rxids):
    """All are in it. Several are in work at a time, so any of the first may have founded it."""
    buckets = {shop.bucket(rxid) for rxid in rxids}
    assert len(buckets) == 1
    return buckets.pop()


def test_all_of_a_project(shop):
    rxids = [shop.submit(OLD) for _ in range(20)]
    elsewhere = shop.server.token("error:post", "sync:post", project="elsewhere")
    stays = shop.server.submit(elsewhere, error(OLD), params={"_mod_sync": "1"})["_rxid"]
    exchange(shop.server, {rxid: error(NEW) for rxid in rxids[:10]})
    exchange(shop.server, {stays: error(NEW)})
    assert shop.reload(first=object_of(rxids[5]), last=object_of(rxids[12]))["objects"] == 8
    assert shop.wait() == {"made_again": 5, "unchanged": 3, "failed": 0}
    assert shop.reload()["objects"] == 20
    assert shop.wait() == {"made_again": 10, "unchanged": 18, "failed": 0}
    assert [shop.functions(rxid) for rxid in rxids] == 10 * [NEW] + 10 * [OLD]
    assert {shop.bucket(rxid) for rxid in rxids[10:]} == {rxids[0]}
    assert one_bucket(shop, rxids[:10]) in rxids[5:10]
    frames = shop.server.get(f"/elsewhere/reports/{stays}").json()["stacktrace"]
    assert frames[0]["function"] == OLD[0]


@pytest.mark.parametrize("body, status", [
    ({"action": "reload", "objects": "1"}, 400), ({"action": "reload", "first": "-"}, 400),
    ({"action": "reload", "last": 7}, 400), ({"action": "restart"}, 400), ({}, 400),
    ({"action": "reload", "project": "other"}, 403), ({"action": "reload", "token": "0" * 64}, 403),
    ({"action": "reload", "universe": "none"}, 503), ([], 400), ("{", 400)])
def test_refused(shop, body, status):
    if isinstance(body, dict):
        body = {"token": shop.reader, **body}
    assert shop.server.post("/api/control", body, status).json()["error"]["message"]


def test_scope(shop):
    for scopes in (["error:post", "sync:post", "symbol:post"], ["object:get"]):
        body = {"action": "reload", "token": shop.server.token(*scopes)}
        assert "query:post" in shop.server.post("/api/control", body, 403).json()["error"]["message"]


def reprocess(shop, *words, status=0):
    """What it prints; or, when no counts come of it, what it complains about."""
    done = subprocess.run([BINARY, "reprocess", "--data", shop.server.data, *words], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == status, done.stderr
    return done.stdout or done.stderr


def test_command(shop):
    rxids = [shop.submit(OLD) for _ in range(6)]
    assert str(shop.server.data) in reprocess(shop, status=1)  # the server has it
    exchange(shop.server, {rxid: error(NEW) for rxid in rxids[:3]})
    shop.server.stop()
    assert "1 made again, 1 unchanged, 0 failed" in reprocess(
        shop, "--object", rxids[0], "--object", object_of(rxids[5]), "--project", "cts")
    with sqlite3.connect(shop.server.data / "crumple.db") as database:
        for rxid, module in ((rxids[1], "a.so"), (rxids[1], "b.so"), (rxids[4], "b.so")):
            database.execute("INSERT INTO missing_symbols VALUES (?, (SELECT number FROM projects"
                             " WHERE name = 'cts'), ?, 'ID', ?, '', 1)",
                             (int(object_of(rxid), 16), module, module))
    database.close()
    assert "1 made again, 1 unchanged, 0 failed" in reprocess(shop, "--missing-symbols")
    assert "1 made again, 5 unchanged, 0 failed" in reprocess(shop)
    assert "0 made again, 6 unchanged, 0 failed" in reprocess(shop)
    shop.server.start()
    assert [shop.functions(rxid) for rxid in rxids] == 3 * [NEW] + 3 * [OLD]


def test_command_complains(shop):
    rxid = shop.submit(OLD)
    shop.server.stop()
    assert "77" in reprocess(shop, "--object", "77", status=1)
    assert "project" in reprocess(shop, "--object", rxid, "--project", "other", status=1)
    assert 'no project "none"' in reprocess(shop, "--project", "none", status=1)
    assert "--help" in reprocess(shop, "--object", "xyz", status=2)
    assert "together" in reprocess(shop, "--object", rxid, "--missing-symbols", status=2)
    with sqlite3.connect(shop.server.data / "crumple.db") as database:
        database.execute("UPDATE uploads SET body = x'00'")
    database.close()
    assert "1 failed" in reprocess(shop, status=1)
    shop.server.start()
    assert shop.functions(rxid) == OLD


def test_command_makes_no_directory(tmp_path):
    """A mistyped name is told, not made."""
    for folder in (tmp_path / "nowhere", tmp_path):
        done = subprocess.run([BINARY, "reprocess", "--data", folder], text=True,
                              capture_output=True, timeout=60)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert f"there is no crumple.db in {folder}" in done.stderr
        assert not list(tmp_path.iterdir())


def seen(shop, rxids):
    """All that readers are told of these reports, but for the stack traces."""
    told = [{k: v for k, v in shop.report(rxid).items() if k != "stacktrace"} for rxid in rxids]
    told = json.loads(json.dumps(told).replace(shop.server.url, ""))  # whose port changes
    return told, [shop.fingerprint(rxid) for rxid in rxids], [
        shop.server.attachments(shop.reader, rxid) for rxid in rxids]


def test_late_symbols(shop, tmp_path):
    """The server does it by itself when symbols arrive."""
    crash = Crash(tmp_path)
    rxids = [shop.server.submit(shop.writer, crash.body, format="minidump",
                                params={"_mod_sync": "1"})["_rxid"] for _ in range(3)]
    shop.server.post(f"/default/{shop.writer}/json", b"a log", 200,
                     params={"object": rxids[1], "attachment_name": "log"})
    reports, fingerprints, attachments = seen(shop, rxids)
    symbols = shop.server.token("symbol:post", "sync:post")
    shop.server.submit(symbols, tar(crash.symbols), format="symbols", params={"_mod_sync": "1"})
    deadline = time.monotonic() + 60
    while shop.outcomes()["made_again"] < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    after = seen(shop, rxids)
    for old, new in zip(reports, after[0]):
        assert (old["database_id"], old["date"]) == (new["database_id"], new["date"])
    assert all(shop.functions(rxid)[2] == "paint" for rxid in rxids)
    assert len(set(after[1])) == 1 and after[1][0] not in fingerprints
    assert after[2] == attachments and [a["name"] for a in attachments[1]] == ["log"]
    assert one_bucket(shop, rxids) in rxids
    assert shop.found("paint") == set(rxids)
    shop.server.restart()
    assert seen(shop, rxids) == after
