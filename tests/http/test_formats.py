"""The format is what the bytes say: what each door takes, and what becomes of it."""

import gzip
import json
import pathlib
import sqlite3

import pytest

from conftest import Server
from errors import MINIDUMP, error, new_name

DATA = pathlib.Path(__file__).resolve().parents[2]
MAP = {"version": 3, "sources": ["a.js"], "names": [], "mappings": "AAAA"}
ELF = b"\x7fELF\x02\x01\x01" + bytes(9)
BYTES = {
    "a report": json.dumps(error()).encode(),
    "a source map": json.dumps(MAP).encode(),
    "a minidump": MINIDUMP,
    "a minidump of the other byte order": b"PMDM\x00\x00\xa7\x93" + bytes(24),
    "a PLCrashReporter report": b"plcrash\x01" + bytes(50),
    "a core file": ELF + b"\x04\x00\x3e\x00" + bytes(100),
    "an ELF program": ELF + b"\x03\x00\x3e\x00" + bytes(100),
    "a Mach-O file": b"\xcf\xfa\xed\xfe\x07\x00\x00\x01" + bytes(100),
    "Breakpad symbols": b"MODULE Linux x86_64 000000000000000000000000000000010 a\n",
    "a PDB file": b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0" + bytes(100),
    "a Windows program": b"MZ\x90\x00" + bytes(100),
    "a zip file": b"PK\x03\x04" + bytes(100),
    "gzip data": gzip.compress(b"something"),
    "a multipart body": b"--boundary\r\n",
    "something else": b"\x00\x01\x02\x03 any bytes at all",
}
REPORTS = {"a report": "json", "a minidump": "minidump",
           "a minidump of the other byte order": "minidump", "a PLCrashReporter report": "plcrash",
           "a core file": "core"}
SYMBOLS = {"an ELF program", "a Mach-O file", "Breakpad symbols", "a PDB file", "a Windows program"}
PACKED = {"a zip file", "gzip data"}
DOORS = {
    "json": {"a report"},
    "minidump": {"a minidump", "a minidump of the other byte order", "a core file"},
    "plcrash": {"a PLCrashReporter report"},
    "core": {"a core file"},
    "btt": {*REPORTS, *PACKED, "something else"},
    "symbols": {*SYMBOLS, *PACKED, "something else"},
    "sourcemap": {"a source map", *PACKED, "something else"},
    "proguard": {*PACKED, "something else"},
}
# What a sentence calls what it expects, and what it got.
EXPECTED = {"json": "JSON report", "minidump": "minidump", "plcrash": "PLCrashReporter",
            "core": "core file", "btt": "snapshots", "symbols": "symbol", "sourcemap": "source map",
            "proguard": "ProGuard"}
GOT = {"a report": "JSON", "a source map": "JSON", "a minidump of the other byte order": "a minidump",
       "an ELF program": "an ELF program or library", "Breakpad symbols": "a Breakpad symbol file",
       "a Windows program": "a Windows program or library"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("formats")).start()
    server.errors = server.token("error:post", "sync:post")
    server.symbols = server.token("symbol:post")
    server.reader = server.token("object:get")
    yield server
    server.stop()


def send(place, door, body, status=200, **kwargs):
    token = place.symbols if door in ("symbols", "sourcemap", "proguard") else place.errors
    return place.submit(token, body, format=door, status=status, **kwargs)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("what", BYTES)
def test_door(place, door, what):
    body = BYTES[what] + (b" " if what in ("a report", "a source map") else b"")
    if what not in DOORS[door]:
        told = send(place, door, body, 400)["error"]["message"]
        if what == "a source map" and door in ("json", "btt"):  # looked at as a report
            assert "this is a source map, and no JSON report" in told
        elif what == "a report" and door == "sourcemap":
            assert "this is a JSON report, and no source map" in told
        else:
            assert EXPECTED[door] in told and GOT.get(what, what) in told
        return
    rxid = send(place, door, body)["_rxid"]
    assert place.fetch(place.reader, rxid).content == body
    upload = place.upload_of(place.reader, rxid)
    assert upload["format"] == REPORTS.get(what, door)
    if door == "btt" and what not in REPORTS:
        assert upload["state"] == "waiting" and upload["errors"] == []


@pytest.mark.parametrize("door", DOORS)
def test_empty(place, door):
    assert "empty" in send(place, door, b"", 400)["error"]["message"]
    told = send(place, door, None, 400, files={"upload_file": ("f", b"")})
    assert "empty" in told["error"]["message"]


def test_named_by_a_field(place):
    """What a form says of its file is held against the file, too."""
    told = place.submit(place.errors, None, path=f"/post?token={place.errors}", status=400,
                        files={"format": (None, "minidump"), "upload_file": ("f", BYTES["a report"])})
    assert "minidump" in told["error"]["message"] and "JSON" in told["error"]["message"]


@pytest.mark.parametrize("what", REPORTS)
def test_no_format_at_all(place, what):
    body = json.dumps(error([new_name("shown")])).encode() if what == "a report" else BYTES[what]
    rxid = place.submit(place.errors, body, path=f"/post?token={place.errors}")["_rxid"]
    place.fetch(place.reader, rxid)
    assert place.upload_of(place.reader, rxid)["format"] == REPORTS[what]


def test_snapshots_are_kept(place):
    """Nobody but their maker reads them: whole, with attributes and attachments, and to be found."""
    body = b"\x89snapshot" + bytes(range(256))
    rxid = send(place, "btt", None, files={"upload_file": ("a.btt", body), "version": (None, "2.5"),
                                           "attachment_log": ("log", b"more")})["_rxid"]
    assert place.fetch(place.reader, rxid).content == body
    upload = place.upload_of(place.reader, rxid)
    assert upload["format"] == "btt" and upload["attributes"]["version"] == "2.5"
    assert [a["name"] for a in place.attachments(place.reader, rxid)] == ["log"]
    place.restart()
    assert place.fetch(place.reader, rxid).content == body
    assert place.upload_of(place.reader, rxid)["state"] == "waiting"


def test_core_files_of_earlier_versions(make_server):
    """They were stored as minidumps, until a version would read them."""
    server = make_server()
    token, reader = server.token("error:post"), server.token("object:get")
    core = (DATA / "fuzz" / "corpus" / "core" / "amd64").read_bytes()
    rxid = server.submit(token, core, format="core")["_rxid"]
    before = server.report_of(reader, rxid)
    assert before["threads"] or before["stacktrace"]
    server.stop()
    database = sqlite3.connect(server.data / "crumple.db")
    database.execute("DELETE FROM reports")
    database.execute("UPDATE uploads SET state = 1, report = NULL, format = 2")
    database.commit()
    database.close()
    server.start()
    after = server.report_of(reader, rxid)
    assert after["stacktrace"] == before["stacktrace"]
    assert server.upload_of(reader, rxid)["state"] == "decoded"


def test_a_report_sent_as_a_snapshot(place):
    name = new_name("snapshot")
    body = json.dumps(error([name, "main"])).encode()
    rxid = send(place, "btt", body)["_rxid"]
    assert place.report_of(place.reader, rxid)["stacktrace"][0]["function"] == name


@pytest.mark.parametrize("name, body, where", [
    ("minidump", b"MDMP", "header"), ("minidump", MINIDUMP[:20], "header"),
    ("plcrash", b"plcrash", "byte"), ("plcrash", b"plcrash\x01", "system_info is missing"),
    ("plcrash", b"plcrash\x01\x0a\x50abc", "byte"),
    ("core", ELF, "header"), ("core", ELF + b"\x04\x00\x3e\x00", "header"), ("json", b'{"uuid": "x",\n "threads"', "line 2")])
def test_cut_off(place, name, body, where):
    """Refused, or kept with an error; the sentence says where it ends."""
    token = place.errors
    answer = place.request("POST", f"/default/{token}/{name}", data=body)
    if answer.status_code == 400:
        assert where in answer.json()["error"]["message"]
        return
    rxid = answer.json()["_rxid"]
    place.fetch(place.reader, rxid)
    upload = place.upload_of(place.reader, rxid)
    assert upload["state"] == "failed"
    assert where in upload["attributes"]["error"]
