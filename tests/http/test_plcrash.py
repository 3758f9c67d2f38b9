"""Reports of PLCrashReporter over HTTP: what becomes of them, symbols that come late, damaged ones."""

import base64
import os
import pathlib

import pytest

import plcrash
from conftest import ROOT, Server
from symbol_files import debug_id, sym
from test_symbols import wait_for

DATA = pathlib.Path(os.environ.get("CRUMPLE_TESTDATA", ROOT.parent / "shared" / "testdata")) / "plcrash"


class Site:
    def __init__(self, server):
        self.server = server
        self.poster = server.token("error:post", "symbol:post", "sync:post")
        self.reader = server.token("object:get", "query:post")

    def post(self, content, status=200, format="plcrash", **params):
        told = self.server.submit(self.poster, content, format=format, status=status,
                                  params={"_mod_sync": "1", **params})
        return told["_rxid"] if status == 200 else told["error"]["message"]

    def report(self, rxid):
        return self.server.report_of(self.reader, rxid)

    def report_of(self, tree, **params):
        return self.report(self.post(plcrash.file(tree), **params))

    def upload_of(self, rxid):
        return self.server.upload_of(self.reader, rxid)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("plcrash")).start()
    yield Site(server)
    server.stop()


def places(stack):
    return [(f.get("module"), f.get("offset"), f.get("function")) for f in stack]


def test_whole(site):
    rxid = site.post(plcrash.file(plcrash.whole(custom_data=b"\0any")), version="2.5")
    assert site.upload_of(rxid)["state"] == "decoded"
    report = site.report(rxid)
    assert places(report["stacktrace"]) == [
        ("Shop", "0x1010", None), ("Shop", "0x1104", None), ("libSystem.dylib", "0x1304", None)]
    assert report["stacktrace"][0]["faulted"] == "true"
    assert report["stacktrace"][0]["debug_id"] == debug_id(1)
    assert report["ids"]["thread"] == "3" and report["classifiers"] == ["EXC_BAD_ACCESS"]
    assert report["ids"]["uuid"] == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert [(t["id"], places(t.get("stacktrace", []))) for t in report["threads"]] == [
        ("0", [("libSystem.dylib", "0x1200", None), ("Shop", "0x1108", None)]), ("7", [])]
    assert [(m["code_file"], m.get("debug_id"), m.get("code_id"), m["base"], m["size"], m.get("missing"))
            for m in report["modules"]] == [
        ("/apps/Shop.app/Shop", debug_id(1), f"{1:032x}", "0x100000000", "0x8000", "true"),
        ("/usr/lib/libSystem.dylib", debug_id(2), f"{2:032x}", "0x180000000", "0x10000", "true"),
        ("/usr/lib/libnothing.dylib", None, None, "0x190000000", "0x10000", None)]
    assert {name: report.get(name) for name in (
        "error.type", "error.message", "crash.reason", "signal.name", "signal.code", "application",
        "application.id", "application.version", "application.build", "device.model", "uname.sysname",
        "uname.release", "uname.version", "uname.machine", "cpu.arch", "cpu.brand", "os.build",
        "process.name", "process.path", "process.parent.name", "version")} == {
        "error.type": "Crash", "error.message": "EXC_BAD_ACCESS / KERN_INVALID_ADDRESS",
        "crash.reason": "EXC_BAD_ACCESS / KERN_INVALID_ADDRESS", "signal.name": "SIGSEGV",
        "signal.code": "SEGV_MAPERR", "application": "Shop", "application.id": "com.example.Shop",
        "application.version": "1.5.2", "application.build": "42", "device.model": "iPhone14,5",
        "uname.sysname": "iOS", "uname.release": "17.1", "uname.version": "17.1 21B74",
        "uname.machine": "arm64", "cpu.arch": "arm64", "cpu.brand": "arm64e", "os.build": "21B74",
        "process.name": "Shop", "process.path": "/apps/Shop.app/Shop", "process.parent.name": "launchd",
        "version": "2.5"}
    assert {name: report["numbers"][name] for name in (
        "fault.address", "fault.thread", "pid", "process.id", "process.parent.id", "process.age",
        "process.native", "process.thread.count", "cpu.count", "cpu.cores", "dump.time")} == {
        "fault.address": "16", "fault.thread": "3", "pid": "711", "process.id": "711",
        "process.parent.id": "1", "process.age": "30", "process.native": "true",
        "process.thread.count": "3", "cpu.count": "8", "cpu.cores": "6", "dump.time": "1700000000"}
    notes = report["annotations"]
    assert base64.b64decode(notes["custom_data"]) == b"\0any"
    assert notes["mach_exception"]["codes"] == ["0x1", "0x10"]
    assert notes["registers"]["cpsr"] == "0x60000000" and notes["registers"]["lr"] == "0x100001104"
    assert "processing_errors" not in report


def exception_report(address, *frames):
    """An exception that nobody caught; the thread that crashed is in abort, which differs each time."""
    return plcrash.whole(exception={
        "name": "NSRangeException", "reason": "index 5 beyond bounds", "frames": plcrash.frames(*frames)}) | {
        "threads": [plcrash.thread(0, address, crashed=True), plcrash.thread(1, 0x180001000)]}


def test_exception_is_what_is_grouped(site):
    where = (0x180002000, {"name": "___exceptionPreprocess", "start_address": 0x180001FF0}), \
        (0x100001104, {"name": "_$s4Shop5orderyyF", "start_address": 0x100001000})
    first, same = (site.post(plcrash.file(exception_report(a, *where))) for a in (0x180003000, 0x180004000))
    other = site.post(plcrash.file(exception_report(0x180003000, where[0], 0x100002000)))
    report = site.report(first)
    assert report["thread"] == "Last Exception Backtrace" and report["classifiers"] == ["NSRangeException"]
    assert [f.get("function") for f in report["stacktrace"]] == ["__exceptionPreprocess", "$s4Shop5orderyyF"]
    assert report["error.message"] == "index 5 beyond bounds"
    assert report["exception.name"] == "NSRangeException"
    crashed = next(t for t in report["threads"] if t["id"] == "0")
    assert crashed["fault"] == "true" and crashed["stacktrace"][0]["faulted"] == "true"
    assert report["numbers"]["process.thread.count"] == "2" and report["numbers"]["fault.thread"] == "0"
    fingerprint = {rxid: site.upload_of(rxid)["fingerprint"] for rxid in (first, same, other)}
    assert fingerprint[first] == fingerprint[same] != fingerprint[other]
    bucket = {rxid: site.report(rxid)["buckets"]["4.0"]["id"] for rxid in (first, same)}
    assert bucket[first] == bucket[same]


def test_live(site):
    """What the program asked for is no crash."""
    report = site.report_of(plcrash.whole() | {"report_info": {"user_requested": True}})
    assert report["error.type"] == "Message" and "crash.reason" not in report
    assert "classifiers" not in report or report["classifiers"] == []
    assert report["ids"]["thread"] == "3" and "faulted" not in report["stacktrace"][0]
    caught = site.report_of(plcrash.whole(exception={"name": "Oops", "reason": "no milk"}) |
                            {"report_info": {"user_requested": True}})
    assert (caught["error.type"], caught["error.message"]) == ("Exception", "no milk")
    assert caught["classifiers"] == ["Oops"]


def test_late_symbols(make_server):
    """Symbols that come after the report make it readable: the innermost frame by its address, the
    others by that of the call before it, which here is the last of its function."""
    site = Site(make_server())
    tree = plcrash.whole()
    tree["threads"] = [plcrash.thread(0, 0x100001010, (0x100001100, {"name": "_own", "start_address": 0}),
                                      (0x180001200, {"name": "_own", "start_address": 0x180001100}),
                                      crashed=True)]
    tree["binary_images"][0]["uuid"] = (77).to_bytes(16, "big")
    rxid = site.post(plcrash.file(tree))
    assert [f.get("function") for f in site.report(rxid)["stacktrace"]] == [None, "own", "own"]
    before = site.upload_of(rxid)["fingerprint"]
    site.post(sym("Shop", 77, ("first", "second"), os="mac", cpu="arm64e"), format="symbols")
    wait_for(lambda: site.report(rxid)["stacktrace"][0].get("function") == "first")
    stack = site.report(rxid)["stacktrace"]
    assert [(f.get("function"), f.get("file"), f.get("line")) for f in stack] == [
        ("first", "/src/Shop.c", "10"), ("first", "/src/Shop.c", "10"), ("own", None, None)]
    assert site.upload_of(rxid)["fingerprint"] != before
    modules = site.report(rxid)["modules"]
    assert [m.get("missing") for m in modules] == [None, "true", None]


def test_pointers_are_authenticated(site):
    """Return addresses of ARM64 with a code in their upper bits."""
    tree = plcrash.whole() | {"threads": [
        plcrash.thread(0, 0x100001010, 0xA47F000100001104, 0xA47F000900000000, crashed=True)]}
    assert places(site.report_of(tree)["stacktrace"]) == [
        ("Shop", "0x1010", None), ("Shop", "0x1104", None), (None, None, None)]


# --- hostile -----------------------------------------------------------------------------------


def outcome(site, content):
    """("refused" at the door or "failed" later, the sentence), or ("decoded", None)."""
    answer = site.server.request("POST", f"/default/{site.poster}/plcrash", data=content,
                                 params={"_mod_sync": "1"})
    if answer.status_code == 400:
        return "refused", answer.json()["error"]["message"]
    assert answer.status_code == 200, answer.text
    rxid = answer.json()["_rxid"]
    state = site.upload_of(rxid)["state"]
    return state, site.report(rxid).get("error") if state == "failed" else None


def test_cut_anywhere(site):
    """A report is refused with the place, unless it ends between two members."""
    tree = plcrash.minimal()
    without = len(plcrash.file(tree))
    content = plcrash.file(tree | {"threads": [plcrash.thread(0, 0x1000, crashed=True)]})
    states = {}
    for n in range(len(content) + 1):
        states[n], why = outcome(site, content[:n])
        if n > 8 and states[n] == "failed":
            assert "at byte" in why or "is missing" in why, (n, why)
    assert [n for n, state in states.items() if state == "decoded"] == [without, len(content)]
    assert set(states.values()) == {"refused", "failed", "decoded"}
    assert site.server.is_healthy()


@pytest.mark.parametrize("content, words", [
    (b"plcrash\x02" + bytes(8), ["version 2"]),
    (b"plcrash\x01\x0a\x05", ["system_info", "at byte 9", "5"]),
    (plcrash.HEADER + b"\x22\x00\x22\x02\x22\x7f", ["binary_images[1].uuid", "at byte 13"]),
    (plcrash.file({"system_info": {}}), ["system_info.os_version is missing"]),
    (plcrash.file(plcrash.minimal(raw=b"\x1a\x02\x08\x01")), ["threads[0].crashed is missing"]),
    (plcrash.file(plcrash.minimal(threads=[plcrash.thread(i) for i in range(10000)])),
     ["threads[9999]", "more than 9999 threads"]),
    (plcrash.file(plcrash.minimal(raw=b"\x78\x01" * 1000001)), ["more than 1000000 fields"]),
], ids=["version", "length", "path", "missing", "missing-in-list", "threads", "fields"])
def test_damaged(site, content, words):
    state, why = outcome(site, content)
    assert state in ("refused", "failed")
    for word in words:
        assert word in why
    assert site.server.is_healthy()


def test_many_frames(site):
    """More than are kept: the thread that crashed keeps its own."""
    deep = [0x100001000] * 1500
    threads = [plcrash.thread(i, *deep) for i in range(110)] + [plcrash.thread(999, *deep, crashed=True)]
    report = site.report_of(plcrash.whole() | {"threads": threads})
    assert report["ids"]["thread"] == "999" and len(report["stacktrace"]) == 1024
    assert report["processing_errors"] == [
        "thread 999 has 1500 frames, of which the first 1024 are kept",
        "more than 100000 frames, of which the first are kept"]


# --- a report that the reporter itself wrote ---------------------------------------------------


@pytest.mark.skipif(not DATA.exists(), reason="no plcrash in CRUMPLE_TESTDATA or ../shared/testdata")
def test_real_report(site):
    """Every field that protoc sees in it is in the report."""
    tree = plcrash.decode_text((DATA / "fuzz_report.decoded.txt").read_text())
    content = (DATA / "fuzz_report.plcrash").read_bytes()
    assert len(plcrash.file(tree)) == len(content)
    report = site.report(site.post(content))
    assert report == {**site.report(site.post(plcrash.file(tree))),
                      **{name: report[name] for name in ("database_id", "date", "buckets", "href")}}
    assert (report["uname.sysname"], report["uname.release"]) == ("Mac OS X", "10.5.6")
    assert report["cpu.arch"] == "x86"
    assert report["numbers"]["dump.time"] == str(tree["system_info"]["timestamp"])
    assert report["application.id"] == tree["application_info"]["identifier"].decode()
    assert report["application.version"] == tree["application_info"]["version"].decode()
    assert report["crash.reason"] == "SIGBUS / BUS_ADRERR" and report["numbers"]["fault.address"] == "5"
    thread = tree["threads"]
    assert report["ids"]["thread"] == str(thread["thread_number"]) and "threads" not in report
    assert [int(f["address"], 16) for f in report["stacktrace"]] == [f["pc"] for f in thread["frames"]]
    assert report["annotations"]["registers"] == {
        r["name"].decode(): hex(r["value"]) for r in thread["registers"]}
    images = sorted(tree["binary_images"], key=lambda i: i["base_address"])
    assert [(m["code_file"], int(m["base"], 16), int(m["size"], 16), m.get("code_id", "")) for m in
            report["modules"]] == [(i["name"].decode(), i["base_address"], i["size"],
                                    i.get("uuid", b"").hex()) for i in images]
    assert report["stacktrace"][1]["module"] == "DemoCrash"
    assert "processing_errors" not in report
