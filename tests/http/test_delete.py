"""POST /api/delete: objects and attachments that are gone, from every list, search and bucket, also
after a restart; and what stays."""

import json
import sqlite3

import pytest

from crashes import report
from errors import error, object_of

STACK, OTHER = ["parse_header", "load", "main"], ["sort", "compare", "main"]


class Shop:
    def __init__(self, server):
        self.server = server
        self.writer = server.token("error:post", "sync:post", "symbol:post")
        self.reader = server.token("object:get", "query:post")

    def submit(self, functions=STACK, **more):
        told = self.server.submit(self.writer, error(functions, **more), params={"_mod_sync": "1"})
        return told["_rxid"]

    def delete(self, *objects, status=200, token=None, **more):
        body = {"universe": "default", "project": "cts", **more}
        if objects:
            body["objects"] = list(objects)
        answer = self.server.post("/api/delete", body, status, params={
            "token": token or self.reader, "universe": "default"}).json()
        if status != 200:
            assert answer["error"]["message"]
            return answer["error"]
        assert answer["response"] == "ok"
        return answer["deleted"]

    def found(self, q="*"):
        hits = self.server.get("/cts/search", params={"q": q, "since": "2000-01-01", "size": "1000"})
        return {hit["database_id"] for hit in hits.json()}

    def bucket(self, name):
        answer = self.server.request("GET", f"/cts/buckets/4.0/{name}", params={"size": "100"})
        if answer.status_code == 404:
            return None
        return {r["database_id"] for r in answer.json()["top_reports"]}

    def buckets(self):
        told = self.server.get("/cts/buckets/4.0", params={"since": "2000-01-01", "size": "1000"}).json()
        return {b["id"]: b["total"] for b in told["top_buckets"]}

    def uploads(self):
        told = self.server.get("/api/list", params={"token": self.reader, "view": "objects"}).json()
        return {u["object"]: u["state"] for u in told["objects"]}


@pytest.fixture
def shop(make_server):
    return Shop(make_server())


def restarts(shop):
    """Twice: as it is, and after a restart; the tests look both times."""
    yield
    shop.server.restart()
    yield


def test_gone(shop):
    first, second, third = shop.submit(), shop.submit(), shop.submit(OTHER)
    assert shop.buckets() == {first: 2, third: 1}
    assert shop.delete(object_of(first)) == 1
    for _ in restarts(shop):
        for resource in ("raw", "json", "json.gz"):
            shop.server.fetch(shop.reader, first, 404, resource=resource)
        shop.server.attachments(shop.reader, first, 404)
        for rest in ("", "/summary", f"/compare/{second}"):
            shop.server.get(f"/cts/reports/{first}{rest}", 404)
            shop.server.get(f"/reports/{first}{rest}", 404)
        shop.server.get(f"/cts/reports/{second}/compare/{first}", 404)
        assert shop.found() == {second, third}
        assert shop.buckets() == {first: 1, third: 1}
        assert shop.bucket(first) == {second}
        assert shop.server.get(f"/cts/reports/{second}").json()["buckets"]["4.0"]["id"] == first
        assert not shop.server.get(f"/cts/reports/{second}").json()["buckets"].get("top_match")
        assert set(shop.uploads()) == {object_of(second), object_of(third)}
        assert shop.delete(object_of(first)) == 0
    assert shop.delete(object_of(second)) == 1
    assert shop.bucket(first) is None and shop.buckets() == {third: 1}
    # The next one finds nobody of its stack, and founds a bucket of its own.
    fourth = shop.submit()
    assert shop.buckets() == {third: 1, fourth: 1}
    shop.server.restart()
    assert shop.buckets() == {third: 1, fourth: 1}
    assert shop.server.get(f"/cts/reports/{fourth}").json()["database_id"] == fourth


def test_bytes_gone_row_stays(shop):
    large = b"x" * 200_000
    rxid = shop.server.submit(shop.writer, params={"_mod_sync": "1"}, files={
        "upload_file": ("a.json", json.dumps(error(STACK, attributes={"colour": "red"}))),
        "attachment_log": ("log", b"hello"), "attachment_core": ("core", large)})["_rxid"]
    other = shop.submit()
    assert len(shop.server.attachments(shop.reader, rxid)) == 2
    assert shop.delete(object_of(rxid), subsets=["physical"]) == 1
    for _ in restarts(shop):
        shop.server.fetch(shop.reader, rxid, 404)
        shop.server.fetch(shop.reader, rxid, 404, attachment_name="log")
        shop.server.get(f"/cts/reports/{rxid}", 404)
        assert shop.found() == {other}
        assert shop.uploads() == {object_of(rxid): "removed", object_of(other): "decoded"}
        told = shop.server.get("/api/list", params={"token": shop.reader, "view": "objects",
                                                    "state": "removed"}).json()["objects"]
        assert [(u["_rxid"], u["attributes"]["colour"]) for u in told] == [(rxid, "red")]
        assert shop.delete(object_of(rxid), subsets=["physical"]) == 0  # nothing is left of it
    # The large file is gone with the start.
    assert not [p for p in (shop.server.data / "blobs").rglob("*") if p.is_file()]
    assert shop.delete(object_of(rxid), subsets=["crdb"]) == 1
    for _ in restarts(shop):
        assert shop.uploads() == {object_of(other): "decoded"}


def test_row_after_bytes(shop):
    rxid = shop.submit()
    assert shop.delete(object_of(rxid), subsets=["crdb"]) == 0
    assert shop.found() == {rxid}
    assert shop.delete(object_of(rxid), subsets=["physical"]) == 1
    assert shop.delete(object_of(rxid)) == 1
    assert shop.uploads() == {}


def test_content_is_not_in_the_database(shop):
    secret = "xyzzy-secret-of-a-body"
    rxid = shop.submit(annotations={"note": secret})
    keep = shop.submit(annotations={"note": "plugh-that-stays"})
    assert shop.delete(object_of(rxid)) == 1
    shop.server.stop()
    with sqlite3.connect(shop.server.data / "crumple.db") as db:
        assert db.execute("SELECT count(*) FROM uploads").fetchone() == (1,)
        assert db.execute("SELECT length(payload), object FROM reports ORDER BY number").fetchall()[0] == (0, 0)
    shop.server.start()
    assert "plugh-that-stays" in shop.server.fetch(shop.reader, keep).text


def test_reports_of_the_other_api(shop):
    shop.server.post("/cts/reports", report("lp:1", ["a", "b"], colour="red"))
    shop.server.post("/cts/reports", report("lp:2", ["a", "b"], colour="blue"))
    assert shop.delete("1") == 1
    for _ in restarts(shop):
        shop.server.get("/cts/reports/lp:1", 404)
        assert shop.found() == {"lp:2"}
    # The id is free, and this is another report.
    again = shop.server.post("/cts/reports", report("lp:1", ["c", "d"], colour="green"))
    assert again.status_code == 201
    for _ in restarts(shop):
        assert shop.server.get("/cts/reports/lp:1").json()["colour"] == "green"
        assert shop.found() == {"lp:1", "lp:2"}
    shop.server.fetch(shop.reader, "1", 404)
    assert json.loads(shop.server.fetch(shop.reader, "3").text)["colour"] == "green"


def test_sent_again(shop):
    sent = error(STACK)
    first = shop.server.submit(shop.writer, sent)["_rxid"]
    assert shop.server.submit(shop.writer, sent)["_rxid"] == first
    shop.server.fetch(shop.reader, first)
    assert shop.delete(object_of(first), subsets=["physical"]) == 1
    assert shop.server.submit(shop.writer, sent)["_rxid"] == first  # its row is there
    assert shop.delete(object_of(first)) == 1
    second = shop.server.submit(shop.writer, sent)["_rxid"]
    assert second != first
    shop.server.fetch(shop.reader, second)


def test_made_again_before(shop):
    """Reports that were superseded go with the one that took their place."""
    rxid, other = shop.submit(), shop.submit(OTHER)
    shop.server.post("/api/control", {"action": "reload", "token": shop.reader}, 200)
    assert shop.delete(object_of(rxid)) == 1
    for _ in restarts(shop):
        assert shop.found() == {other}
    shop.server.post("/api/control", {"action": "reload", "token": shop.reader,
                                      "objects": [object_of(rxid)]}, 200)
    assert shop.found() == {other}


def test_many(shop):
    rxids = [shop.submit([f"f{i % 5}", "main"]) for i in range(30)]
    keep = shop.submit(OTHER)
    ids = [object_of(r) for r in rxids]
    assert shop.delete(*ids, ids[0], "ffff", "no id", sync=True) == 30
    for _ in restarts(shop):
        assert shop.found() == {keep}
        assert shop.buckets() == {keep: 1}
        assert set(shop.uploads()) == {object_of(keep)}


def test_attachments(shop):
    rxid = shop.submit()
    number = object_of(rxid)

    def attach(name, data):
        return shop.server.submit(shop.writer, data, path="/api/post", params={
            "token": shop.writer, "object": number, "attachment_name": name})["attachment_id"]

    first, second, third = attach("log", b"1"), attach("log", b"2"), attach("trace", b"3")
    assert shop.delete({"id": number, "attachment_name": "log"}) == 1
    assert shop.server.fetch(shop.reader, rxid, attachment_name="log").text == "1"
    shop.server.fetch(shop.reader, rxid, 404, attachment_id=second)
    assert shop.delete({"id": number, "attachment_id": third}) == 1
    for _ in restarts(shop):
        assert [a["id"] for a in shop.server.attachments(shop.reader, rxid)] == [first]
    for bad in ({"attachment_name": "trace"}, {"attachment_id": third}, {"attachment_id": "x"},
                {"attachment_id": 7}):
        assert shop.delete({"id": number, **bad}, status=404)["code"] == 404
    assert shop.delete({"id": "ffff", "attachment_name": "log"}, status=404)["code"] == 404
    shop.server.fetch(shop.reader, rxid)


def test_symbols_stay(shop):
    rxid = shop.server.submit(shop.writer, b"MODULE Linux x86_64 000000000000000000000000000000000 a\n",
                              format="symbols")["_rxid"]
    shop.server.fetch(shop.reader, rxid)
    assert shop.delete(object_of(rxid)) == 0
    shop.server.fetch(shop.reader, rxid)


@pytest.mark.parametrize("scopes", [["error:post", "sync:post", "symbol:post"], ["object:get"],
                                    ["query:post"]])
def test_who_may(shop, scopes):
    rxid = shop.submit()
    token = shop.server.token(*scopes)
    assert shop.delete(object_of(rxid), token=token, status=403)["code"] == 403
    foreign = shop.server.token("object:get", "query:post", project="other")
    assert shop.delete(object_of(rxid), token=foreign, status=403)["code"] == 403
    body = {"objects": [object_of(rxid)]}
    told = shop.server.post("/api/delete", body, 200, params={"token": foreign}).json()
    assert told["deleted"] == 0
    shop.server.fetch(shop.reader, rxid)


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"{}", b'{"objects":"1"}', b'{"objects":[1]}',
                                  b'{"objects":["1"],"subsets":["all"]}',
                                  b'{"objects":["1"],"subsets":"physical"}',
                                  json.dumps({"objects": ["1"] * 16385}).encode()])
def test_refused(shop, body):
    rxid = shop.submit()
    shop.server.post("/api/delete", body, 400, params={"token": shop.reader})
    shop.server.fetch(shop.reader, rxid)
