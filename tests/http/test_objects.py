"""GET /api/get and /api/list: what was submitted, as it came, and what became of it."""

import gzip
import hashlib
import json
import sqlite3
import time

import pytest

from conftest import Server
from crashes import report

REPORT = {"uuid": None, "timestamp": 1478200442, "lang": "c", "langVersion": "11", "agent": "test",
          "agentVersion": "1", "mainThread": "main", "attributes": {"n": 5, "s": "x", "b": True},
          "threads": {"main": {"stack": [{"funcName": "f"}, {"funcName": "main"}]}}}


def error(number, **attributes):
    return {**REPORT, "uuid": f"{number:08x}-0000-4000-8000-000000000000",
            "attributes": {**REPORT["attributes"], **attributes}}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("objects")).start()
    server.writer = server.token("error:post", "sync:post", "symbol:post")
    server.reader = server.token("object:get")
    yield server
    server.stop()


def objects(server, **params):
    return server.get("/api/list", params={"token": server.reader, "view": "objects",
                                           **params}).json()["objects"]


def test_as_it_came(shop):
    body = json.dumps(error(1), indent=3) + "\n"
    rxid = shop.submit(shop.writer, body)["_rxid"]
    for more in ({}, {"resource": "raw"}):
        answer = shop.fetch(shop.reader, rxid, **more)
        assert answer.text == body
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="1.json"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_resources(shop):
    body = json.dumps(error(2))
    rxid = shop.submit(shop.writer, body)["_rxid"]
    packed = shop.fetch(shop.reader, rxid, resource="json.gz")
    assert gzip.decompress(packed.content).decode() == body
    assert packed.headers["Content-Type"] == "application/gzip"
    assert packed.headers["Content-Disposition"].endswith('.json.gz"')
    lines = shop.fetch(shop.reader, rxid, resource="txt.gz")
    assert lines.headers["Content-Disposition"].endswith('.txt.gz"')
    text = gzip.decompress(lines.content).decode().splitlines()
    assert "stacktrace.function: f" in text and f"database_id: {rxid}" in text
    # morgue says nothing of encodings, and unpacks what is said to be encoded.
    with shop.connect() as c:
        c.send(f"GET /api/get?token={shop.reader}&object={rxid}&resource=json.gz HTTP/1.1\r\n"
               "Host: h\r\nConnection: close\r\n\r\n")
        status, headers, sent = c.answer()[:3]
    assert status == 200 and headers["content-encoding"] == "gzip"
    assert gzip.decompress(sent).decode() == body
    ours = shop.fetch(shop.reader, rxid, resource="json").json()
    assert ours["database_id"] == rxid
    assert [f["function"] for f in ours["stacktrace"]] == ["f", "main"]
    shop.fetch(shop.reader, rxid, status=404, resource="minidump")


def test_reports_of_the_other_api(shop):
    """They are objects, too, if not in the list of uploads."""
    first = int(shop.submit(shop.writer, error(3))["_rxid"][:2], 16)
    sent = report("lp:1", ["a", "b"], colour="red")
    shop.post("/cts/reports", sent)
    second = int(shop.submit(shop.writer, error(4))["_rxid"][:2], 16)
    assert second == first + 2
    assert shop.fetch(shop.reader, f"{first + 1:x}").json() == sent
    listed = gzip.decompress(shop.fetch(shop.reader, f"{first + 1:x}", resource="json.gz").content)
    assert json.loads(listed) == sent


@pytest.mark.parametrize("params,status", [
    ({}, 400), ({"object": ""}, 400), ({"object": "zz"}, 404), ({"object": "ffffff"}, 404),
    ({"object": "1", "resource": "x"}, 404), ({"object": "1", "attachment_id": "x"}, 404),
    ({"object": "1", "attachment_name": "x"}, 404), ({"object": "1", "project": "x"}, 403),
    ({"object": "1", "universe": "x"}, 503),
])
def test_refused(shop, params, status):
    shop.submit(shop.writer, error(5))
    answer = shop.get("/api/get", status, params={"token": shop.reader, **params})
    assert answer.json()["error"]["code"] == status


@pytest.mark.parametrize("params", [{"view": "x"}, {"view": "attachments"}, {"limit": "0"},
                                    {"limit": "1001"}, {"limit": "x"}, {"state": "x"},
                                    {"format": "x"}, {"before": "x"}])
def test_bad_lists(shop, params):
    answer = shop.get("/api/list", 400, params={"token": shop.reader, **params})
    assert answer.json()["error"]["code"] == 400


def test_list_of_objects(shop):
    before = time.time()
    body = json.dumps(error(6, **{"a.uuid": "c0ffee00-0000-4000-8000-000000000000"}))
    rxid = shop.submit(shop.writer, body, params={"from.url": "7", "neg": "-1", "word": "w"})["_rxid"]
    shop.fetch(shop.reader, rxid)
    (newest,) = objects(shop, limit=1)
    assert newest["_rxid"] == rxid and int(newest["object"], 16) > 0
    assert (newest["format"], newest["state"], newest["size"]) == ("json", "decoded", len(body))
    assert before - 2 < newest["received"] < time.time() + 2
    assert newest["uuid"] == error(6)["uuid"] and len(newest["fingerprint"]) == 64
    assert newest["errors"] == []
    for name, value, kind in (("n", 5, "unsigned"), ("s", "x", "string"), ("b", True, "boolean"),
                              ("from.url", 7, "unsigned"), ("neg", -1, "signed"),
                              ("word", "w", "string"),
                              ("a.uuid", "c0ffee00-0000-4000-8000-000000000000", "uuid")):
        assert newest["attributes"][name] == value, name
        assert newest["attribute_types"][name] == kind, name


def test_filters_and_pages(shop):
    ids = [shop.submit(shop.writer, error(100 + i))["_rxid"] for i in range(5)]
    symbols = shop.submit(shop.writer, b"symbols", format="symbols")["_rxid"]
    dump = shop.submit(shop.writer, b"a snapshot", format="btt")["_rxid"]
    for rxid in ids + [symbols, dump]:
        shop.fetch(shop.reader, rxid)
    listed = [o["_rxid"] for o in objects(shop, limit=7)]
    assert listed == [dump, symbols] + ids[::-1]
    assert [o["_rxid"] for o in objects(shop, limit=2, before=ids[3])] == [ids[2], ids[1]]
    page = objects(shop, limit=3, format="json")
    assert [o["_rxid"] for o in page] == ids[:1:-1]
    assert objects(shop, state="kept")[0]["_rxid"] == symbols
    assert objects(shop, state="kept")[0]["fingerprint"] is None
    assert objects(shop, state="waiting")[0]["_rxid"] == dump
    assert objects(shop, state="failed") == []
    assert {o["format"] for o in objects(shop, format="btt")} == {"btt"}


def test_other_projects_are_not_listed(shop):
    reader = shop.token("object:get", project="elsewhere")
    answer = shop.get("/api/list", params={"token": reader, "view": "objects"}).json()
    assert answer == {"objects": []}


@pytest.mark.parametrize("given,told", [
    ("text/plain; charset=utf-8", "text/plain"), ("Application/JSON", "application/json"),
    ("image/png", "image/png"), ("text/html", "application/octet-stream"),
    ("image/svg+xml", "application/octet-stream"), ("text/javascript", "application/octet-stream"),
    ("x", "application/octet-stream"),
])
def test_types_of_attachments(shop, given, told):
    object_id = shop.submit(shop.writer, error(7), params={"_mod_sync": "1"}).get("object")
    object_id = object_id or objects(shop, limit=1)[0]["object"]
    shop.submit(shop.writer, b"<svg/>", headers={"Content-Type": given},
                params={"object": object_id, "attachment_name": "page"})
    answer = shop.fetch(shop.reader, object_id, attachment_name="page")
    assert answer.headers["Content-Type"] == told and answer.content == b"<svg/>"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    # The list says what the sender said.
    assert shop.attachments(shop.reader, object_id)[-1]["content_type"] == given


def test_a_large_upload_is_a_file(shop):
    dump = b"MDMP" + hashlib.shake_128(b"dump").digest(5_000_000)
    rxid = shop.submit(shop.writer, dump, format="minidump")["_rxid"]
    answer = shop.fetch(shop.reader, rxid)
    assert answer.content == dump and int(answer.headers["Content-Length"]) == len(dump)
    assert answer.headers["Content-Disposition"].endswith('.dmp"')
    head = shop.request("HEAD", "/api/get", params={"token": shop.reader, "object": rxid})
    assert head.status_code == 200 and head.content == b""
    assert head.headers["Content-Length"] == str(len(dump))


def blob_files(server):
    return [p for p in (server.data / "blobs").rglob("*") if p.is_file()]


def test_the_same_bytes_in_two_projects(server):
    """One file; each project has its own object, and no other's."""
    dump = b"MDMP" + hashlib.shake_128(b"of two").digest(200_000)
    rxids, readers = {}, {}
    for project in ("cts", "desk"):
        writer = server.token("error:post", project=project)
        readers[project] = server.token("object:get", project=project)
        rxids[project] = server.submit(writer, dump, format="minidump")["_rxid"]
    (file,) = blob_files(server)
    assert file.read_bytes() == dump
    assert hashlib.sha256(dump).hexdigest() not in str(file)
    for project, other in (("cts", "desk"), ("desk", "cts")):
        fetched = server.fetch(readers[project], rxids[project], project=project)
        assert fetched.content == dump
        server.fetch(readers[project], rxids[other], project=project, status=404)


def test_files_that_older_versions_named(server):
    """By SHA-256; they are read, and kept at start, like all others."""
    dump = b"MDMP" + hashlib.shake_128(b"old").digest(200_000)
    writer, reader = server.token("error:post"), server.token("object:get")
    rxid = server.submit(writer, dump, format="minidump")["_rxid"]
    server.fetch(reader, rxid)
    server.stop()
    name = hashlib.sha256(dump).digest()
    (file,) = blob_files(server)
    file.rename(server.data / "blobs" / name.hex()[:2] / name.hex())
    with sqlite3.connect(server.data / "crumple.db") as db:
        assert db.execute("UPDATE uploads SET body_hash = ? WHERE body_in_file", (name,)).rowcount == 1
    db.close()
    server.start()
    assert server.fetch(reader, rxid).content == dump
    server.submit(writer, dump, format="minidump")  # gets a name of today's
    assert len(blob_files(server)) == 2
    server.restart()
    assert len(blob_files(server)) == 2
    assert server.fetch(reader, rxid).content == dump


def test_it_waits_until_it_is_there(shop):
    """At once after the answer to an asynchronous submission."""
    for i in range(50):
        rxid = shop.submit(shop.writer, error(1000 + i))["_rxid"]
        assert shop.fetch(shop.reader, rxid, resource="json").json()["database_id"] == rxid


def test_empty_attachment(shop):
    object_id = shop.submit(shop.writer, error(8))["_rxid"]
    shop.submit(shop.writer, b"", params={"object": object_id, "attachment_name": "none"})
    assert shop.fetch(shop.reader, object_id, attachment_name="none").content == b""
    (listed,) = shop.attachments(shop.reader, object_id)
    assert listed["size"] == 0 and listed["inline"] is False and isinstance(listed["id"], str)
