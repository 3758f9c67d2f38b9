"""Symbols over HTTP: uploads of every kind, what is told of them, and reports that waited for them."""

import bz2
import concurrent.futures
import contextlib
import functools
import gzip
import hashlib
import io
import json
import lzma
import os
import pathlib
import re
import signal
import sqlite3
import tarfile
import time

import pytest
import requests

from conftest import Server
from dumps import FOLDER, Dump
from symbol_files import debug_id, sym, tar, zipped

MB = 1 << 20
SLOW_FILES = 4


class Place:
    def __init__(self, server, project="app"):
        self.server = server
        self.project = project
        self.poster = server.token("symbol:post", "sync:post", project=project)
        self.errors = server.token("error:post", "sync:post", project=project)
        self.reader = server.token("object:get", project=project)

    def upload(self, body, status=200, **params):
        return self.server.submit(self.poster, body, format="symbols", status=status,
                                  params={"_mod_sync": "1", **params})

    def symfile(self, action, status=200, token=None, **form):
        answer = self.server.post("/api/symfile", {"action": action, "form": form}, status, params={
            "token": token or self.reader, "project": self.project, "universe": "default"})
        told = answer.json()
        if status != 200:
            assert set(told) == {"error"}
            return told["error"]["message"]
        assert set(told) == {"response"}
        return told["response"]

    def archives(self):
        """All uploads, newest first."""
        files = [f for group in self.symfile("archives")["archives"] for f in group["files"]]
        return sorted(files, key=lambda f: f["archive_id"], reverse=True)

    def counts(self):
        """(new, duplicate, invalid) of the newest upload."""
        newest = self.archives()[0]
        return newest["new_symbols"], newest["duplicate_symbols"], newest["invalid_symbols"]

    def listed(self, *words):
        return json.loads(self.server.command("symbols", "list", "--project", self.project, "--json",
                                              *words))

    def names(self):
        return sorted(f["debug_file"] for f in self.listed())

    def missing(self):
        return self.symfile("missing_symbols")["missing_symbols"]


@pytest.fixture
def place(server):
    return Place(server)


def wait_for(what, timeout=60):
    end = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


# --- uploads -------------------------------------------------------------------------------------

WRAPPINGS = {
    "raw": lambda: sym("app"),
    "large": lambda: sym("app", functions=[f"function_{i}" for i in range(3000)]),
    "gzip": lambda: gzip.compress(sym("app")),
    "xz": lambda: lzma.compress(sym("app")),
    "bzip2": lambda: bz2.compress(sym("app")),
    "tar": lambda: tar({"app.sym": sym("app")}, "w"),
    "tar.gz": lambda: tar({"a/b/c/app.sym": sym("app")}),
    "tar.xz": lambda: tar({"app.sym": sym("app")}, "w:xz"),
    "zip": lambda: zipped({"folder/app.sym": sym("app")}),
    "zip in tar.gz": lambda: tar({"x/inner.zip": zipped({"y/app.sym": sym("app")})}),
    "tar.gz in zip": lambda: zipped({"inner.tar.gz": tar({"app.sym": sym("app")})}),
    "gzip in tar": lambda: tar({"app.sym.gz": gzip.compress(sym("app"))}, "w"),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_wrappings(place, wrapping):
    body = WRAPPINGS[wrapping]()
    told = place.upload(body)
    assert not told.get("errors")
    assert place.counts() == (1, 0, 0)
    (listed,) = place.listed()
    assert (listed["debug_file"], listed["debug_id"]) == ("app", debug_id(1))
    assert listed["cpu"] == "amd64" and listed["kind"] == "breakpad" and listed["tag"] == "anon"
    assert listed["parts"] == "functions,lines"


def test_many_in_one(place):
    files = {f"lib/{i}/{i}.sym": sym(f"lib{i}", i) for i in range(1, 60)}
    place.upload(tar(files), tag="1.2")
    assert place.counts() == (59, 0, 0)
    assert place.names() == sorted(f"lib{i}" for i in range(1, 60))
    assert {f["tag"] for f in place.listed()} == {"1.2"}


def test_form(place):
    answer = place.server.submit(place.poster, format="symbols", params={"_mod_sync": "1"},
                                 files={"upload_file": ("app.zip", zipped({"a.sym": sym()}))},
                                 data={"tag": "from form"})
    assert not answer.get("errors")
    assert [f["tag"] for f in place.listed()] == ["from form"]


def test_asynchronous(place):
    told = place.server.submit(place.poster, sym(), format="symbols")
    assert "object" not in told
    wait_for(lambda: place.names() == ["app"])


def test_elf(place):
    """The server's own program, as a symbol file."""
    with open("/proc/self/exe", "rb") as f:
        program = f.read()
    told = place.upload(zipped({"bin/python": program}))
    assert not told.get("errors"), told
    (listed,) = place.listed()
    assert listed["kind"] == "elf" and listed["entry"] == "bin/python"
    assert "cfi" in listed["parts"]


def test_who_may(place):
    for token in (place.errors, place.reader, "0" * 64):
        told = place.server.submit(token, sym(), format="symbols", status=403)
        assert "invalid token" in told["error"]["message"]
    assert place.archives() == []


# --- what is wrong -------------------------------------------------------------------------------

WRONG = {
    "text": (b"hello, world\n" * 10, "neither a symbol file"),
    "pdb": (b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0" + bytes(2000), "dump_syms"),
    "pe": (b"MZ\x90\0" + bytes(2000), "dump_syms"),
    "damaged macho": (b"\xcf\xfa\xed\xfe" + b"\xff" * 2000, ""),
    "json": (zipped({"package.json": b'{"name":"shop"}'}), "no source map"),
    "minidump": (zipped({"a.dmp": b"MDMP" + bytes(100)}), "format minidump"),
    "damaged elf": (b"\x7fELF\x02\x01\x01" + bytes(9) + bytes(range(256)) * 30, ""),
    "empty elf": (b"\x7fELF", ""),
    "truncated tar.gz": (tar({"a.sym": sym(functions=[f"f{i}" for i in range(999)])})[:-300], "archive"),
    "truncated gzip": (gzip.compress(sym(functions=[f"f{i}" for i in range(999)]))[:-300], "archive"),
    "empty zip": (zipped({}), "no file"),
    "three levels": (zipped({"a.zip": zipped({"b.zip": zipped({"c.sym": sym()})})}), "one level"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong(place, what):
    body, part = WRONG[what]
    told = place.upload(body)
    assert len(told["errors"]) == 1 and part in told["errors"][0], told
    assert place.names() == []
    new, duplicate, invalid = place.counts()
    assert (new, duplicate) == (0, 0) and invalid == 1
    assert place.archives()[0]["errors"] == told["errors"]
    (listed,) = place.listed("--all")
    assert listed["error"] in told["errors"][0]
    place.upload(sym()) # and the server goes on
    assert place.names() == ["app"]


def test_some_of_it_wrong(place):
    told = place.upload(zipped({"README": b"read me", "bin/app.exe": b"MZ" + bytes(50),
                                "good.sym": sym(), "broken.elf": b"\x7fELF" + bytes(100),
                                "weird \x01\n name": b"?"}))
    assert place.counts() == (1, 0, 4)
    assert len(told["errors"]) == 4
    assert any(e.startswith("bin/app.exe: ") for e in told["errors"])
    assert place.names() == ["app"]


def tar_of_no_files(count, kind):
    """Folders or links alone."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as t:
        for i in range(count):
            entry = tarfile.TarInfo(f"folder/{i}")
            entry.type = kind
            entry.linkname = "x" if kind == tarfile.SYMTYPE else ""
            t.write(entry.tobuf(tarfile.GNU_FORMAT))
        t.write(bytes(1024))
    return packed.getvalue()


def cpio_of_pipes(count, size):
    """Pipes which have contents all the same: libarchive unpacks them to come to the next."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as t:
        for name, mode, length in [("pipe", 0o010644, size)] * count + [("TRAILER!!!", 0, 0)]:
            fields = [1, mode, 0, 0, 1, 0, length, 0, 0, 0, 0, len(name) + 1, 0]
            head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
            t.write(head + bytes(-len(head) % 4) + bytes(length))
    return packed.getvalue()


@pytest.mark.parametrize("kind", ["zip", "symbols", "nested", "pipes"])
def test_bomb(place, kind):
    zeros = bytes(64 * MB)
    if kind == "symbols": # such that it is worth looking at
        head = sym(functions=[])
        body = zipped({f"{i}.sym": head + b"\n" * (64 * MB) for i in range(5)})
    elif kind == "nested":
        inner = zipped({f"{i}": zeros for i in range(2)})
        body = zipped({f"{i}.zip": inner for i in range(4)})
    elif kind == "pipes":
        body = cpio_of_pipes(5, 64 * MB)
    else:
        body = zipped({f"{i}": zeros for i in range(5)})
    assert len(body) < 4 * MB
    before = place.server.peak_memory()
    told = place.upload(body)
    assert "200 times its size" in told["errors"][0], told
    assert place.server.peak_memory() - before < 100 * MB
    place.upload(sym("later", 7))
    assert "later" in place.names()


def test_too_many_files(place):
    told = place.upload(tar({f"{i}": b"x" for i in range(20001)}))
    assert "more than 20000 files" in told["errors"][0] and "more" in told["errors"][-1]
    assert any("20000 files" in f["error"] for f in place.listed("--all"))


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.SYMTYPE])
def test_too_many_of_what_is_no_file(place, kind):
    told = place.upload(tar_of_no_files(200001, kind))
    assert "more than 200000 files, folders and links" in told["errors"][0]


# --- once ----------------------------------------------------------------------------------------

def caches(server):
    return {path: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).digest())
            for path in (server.data / "symbols").rglob("*.symcache")}


def test_duplicates(place):
    body = tar({"a.sym": sym("a", 1), "b.sym": sym("b", 2), "again/a.sym": sym("a", 1)})
    place.upload(body)
    assert place.counts() == (2, 1, 0)
    first = caches(place.server)
    assert len(first) == 2
    place.upload(body)
    assert place.counts() == (0, 3, 0)
    place.upload(zipped({"b.sym": sym("b", 2), "c.sym": sym("c", 3)}))
    assert place.counts() == (1, 1, 0)
    now = caches(place.server)
    assert len(now) == 3
    assert {path: now[path] for path in first} == first # nothing was made once more
    assert place.names() == ["a", "b", "c"]


def test_whole_upload_again_is_not_read(place):
    """A large upload that came before starts no helper process."""
    body = tar({f"{i}.sym": sym(f"lib{i}", i, [f"f{k:x}{'x' * (k % 37)}{i}" for k in range(900)])
                for i in range(1, 20)}, "w")
    place.upload(body)
    assert place.counts() == (19, 0, 0)
    cpu = children_seconds(place.server)
    place.upload(body, tag="again")
    assert place.counts() == (0, 19, 0)
    assert children_seconds(place.server) == cpu
    assert len(place.archives()) == 2
    assert {f["tag"] for f in place.symfile("archives")["archives"]} == {"anon", "again"}


def children_seconds(server):
    """Processor time of the processes that the server started and that have ended, in ticks."""
    stat = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(stat[13]) + int(stat[14])


def test_projects_are_apart(place):
    other = Place(place.server, "other")
    place.upload(sym("mine"))
    assert other.names() == [] and other.archives() == []
    other.upload(sym("mine"))
    assert other.counts() == (1, 0, 0) # not known there
    assert len(caches(place.server)) == 1 # but the same file
    assert other.names() == ["mine"]


def test_restart_keeps_all(place):
    place.upload(tar({"a.sym": sym("a", 1), "bad": b"?"}))
    before = place.listed("--all")
    kept = caches(place.server)
    place.server.restart()
    assert place.listed("--all") == before
    assert caches(place.server) == kept
    place.upload(tar({"a.sym": sym("a", 1)}))
    assert place.counts() == (0, 1, 0)


def test_caches_of_another_version_are_made_again(place):
    place.upload(tar({"a.sym": sym("a", 1), "b.sym": sym("b", 2), "bad": b"?"}))
    before = place.listed("--all")
    kept = {path: value[1] for path, value in caches(place.server).items()}
    place.server.stop()
    with contextlib.closing(sqlite3.connect(place.server.data / "crumple.db")) as db, db:
        assert db.execute("UPDATE symbol_files SET version = version + 1").rowcount == 3
    for path in kept:
        path.write_bytes(b"of another version")
    place.server.start()

    def is_done():
        return {path: value[1] for path, value in caches(place.server).items()} == kept
    wait_for(is_done)
    wait_for(lambda: "symbols_stored" in place.server.log().split("symbols_to_convert")[-1])
    ignored = ("converted",)
    assert [{k: v for k, v in f.items() if k not in ignored} for f in place.listed("--all")] == \
        [{k: v for k, v in f.items() if k not in ignored} for f in before]
    assert place.counts() == (2, 0, 1)
    place.server.restart() # and once is enough: a start says what it finds before it listens
    assert place.server.log().count("symbols_to_convert") == 1


# --- killed ---------------------------------------------------------------------------------------

def helper_of(server):
    """The process that reads an upload, when there is one."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except (OSError, IndexError):
            continue  # it is gone
        if parent == server.process.pid and words[1:3] == [b"symbols", b"convert"]:
            return int(folder.name)
    return None


@functools.cache
def slow_functions():
    return [f"_ZN4slow{len(str(i)) + 8}function{i}Ev" for i in range(40000)]


def slow_file(number):
    return sym(f"slow{number}", number, slow_functions())


@functools.cache
def slow_body(first=1):
    """Takes a second or more to convert."""
    return tar({f"{n}.sym": slow_file(n) for n in range(first, first + SLOW_FILES)}, "w")


def test_kill_during_conversion(tmp_path):
    server = Server(tmp_path).start()
    try:
        place = Place(server)
        body = slow_body()
        place.server.submit(place.poster, body, format="symbols")
        helper = wait_for(lambda: helper_of(server))
        server.kill()
        end = time.monotonic() + 20
        while pathlib.Path(f"/proc/{helper}").exists(): # it ends with its server
            assert time.monotonic() < end
            time.sleep(0.02)
        server.start()
        wait_for(lambda: len(place.names()) == SLOW_FILES)
        assert len(place.archives()) == 1
        assert place.counts() == (SLOW_FILES, 0, 0)
        assert not list((server.data / "symbols" / "tmp").iterdir())
        server.restart()
        assert len(place.archives()) == 1 and place.counts() == (SLOW_FILES, 0, 0)
    finally:
        server.stop()


def test_stop_during_conversion(tmp_path):
    server = Server(tmp_path).start()
    try:
        place = Place(server)
        place.server.submit(place.poster, slow_body(), format="symbols")
        wait_for(lambda: helper_of(server))
        began = time.monotonic()
        server.restart()
        assert time.monotonic() - began < 30
        wait_for(lambda: len(place.names()) == SLOW_FILES)
        assert place.counts() == (SLOW_FILES, 0, 0) and len(place.archives()) == 1
    finally:
        server.stop()


def test_stop_does_not_wait_for_a_conversion(tmp_path):
    """Whoever waits for it is told that it will be done later, and it is."""
    server = Server(tmp_path).start()
    try:
        place = Place(server)
        body = tar({f"{n}.sym": data for n in range(40)
                    for data in [slow_file(n + 1)]}, "w")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sent = pool.submit(requests.post, f"{server.url}/default/{place.poster}/symbols",
                               params={"_mod_sync": "1"}, data=body, timeout=120)
            wait_for(lambda: helper_of(server))
            began = time.monotonic()
            server.stop()
            assert time.monotonic() - began < 15
            assert sent.result().status_code in (200, 503), sent.result().text
        server.start()
        wait_for(lambda: place.archives() and place.counts() == (40, 0, 0))
        assert len(place.archives()) == 1
    finally:
        server.stop()


def test_stop_does_not_wait_for_readers(tmp_path):
    """Whoever wants to read what is being converted is sent away, at the latest when the server stops."""
    server = Server(tmp_path).start()
    try:
        place = Place(server)
        rxid = place.server.submit(place.poster, slow_body(), format="symbols")["_rxid"]
        helper = wait_for(lambda: helper_of(server))
        os.kill(helper, signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            got = pool.submit(requests.get, f"{server.url}/api/get", timeout=120, params={
                "object": rxid, "token": place.reader, "project": "app", "universe": "default"})
            time.sleep(0.5)
            assert not got.done()
            began = time.monotonic()
            server.stop()
            assert time.monotonic() - began < 15
            assert got.result().status_code == 503, got.result().text
    finally:
        server.stop()


def test_readers_do_not_wait_for_long(place):
    rxid = place.server.submit(place.poster, slow_body(), format="symbols")["_rxid"]
    helper = wait_for(lambda: helper_of(place.server))
    os.kill(helper, signal.SIGSTOP)
    began = time.monotonic()
    got = requests.get(f"{place.server.url}/api/get", timeout=120, params={
        "object": rxid, "token": place.reader, "project": "app", "universe": "default"})
    assert got.status_code == 503 and "still being read" in got.text, got.text
    assert 5 < time.monotonic() - began < 30
    os.kill(helper, signal.SIGCONT)
    wait_for(lambda: len(place.names()) == SLOW_FILES)


def test_helper_crashes(place):
    """As a damaged file could make it."""
    place.server.submit(place.poster, slow_body(), format="symbols")
    helper = wait_for(lambda: helper_of(place.server))
    os.kill(helper, signal.SIGXCPU)
    wait_for(lambda: place.archives())
    assert "ended with signal" in " ".join(place.archives()[0]["errors"])
    place.upload(slow_body()) # the same once more is read once more
    assert len(place.names()) == SLOW_FILES


def test_helper_is_killed(tmp_path):
    """By the system, when memory is short, say: it is not the file's fault."""
    server = Server(tmp_path).start()
    try:
        place = Place(server)
        place.server.submit(place.poster, slow_body(), format="symbols")
        os.kill(wait_for(lambda: helper_of(server)), signal.SIGKILL)
        wait_for(lambda: place.archives())
        assert "signal 9" in " ".join(place.archives()[0]["errors"])
        server.restart()
        wait_for(lambda: len(place.names()) == SLOW_FILES)
        assert place.counts() == (SLOW_FILES, 0, 0)
    finally:
        server.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_helper_ignores_what_is_for_the_server(place, number):
    place.server.submit(place.poster, slow_body(), format="symbols")
    helper = wait_for(lambda: helper_of(place.server))
    assert os.getpgid(helper) == helper != os.getpgid(place.server.process.pid)
    ignored = 1 << (number - 1)
    status = pathlib.Path(f"/proc/{helper}/status")
    wait_for(lambda: int(re.search(r"SigIgn:\t(\w+)", status.read_text())[1], 16) & ignored)
    os.kill(helper, number)
    wait_for(lambda: place.archives())
    assert place.counts() == (SLOW_FILES, 0, 0)


def test_without_libarchive(tmp_path, monkeypatch):
    """What is missing on our side is no fault of the file."""
    broken = tmp_path / "lib"
    broken.mkdir()
    (broken / "libarchive.so.13").write_bytes(b"")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(broken))
    server = Server(tmp_path).start()
    try:
        place = Place(server)
        told = place.upload(zipped({"a.sym": sym()}))
        if not told.get("errors"):
            pytest.skip("the helper process cannot see the broken library")
        assert "exit status 1" in told["errors"][0], told
        (broken / "libarchive.so.13").unlink()
        server.restart()
        wait_for(lambda: place.names() == ["app"])
        assert place.archives()[0]["errors"] == []
    finally:
        server.stop()


def test_symbols_outlive_reports(make_server):
    server = make_server("--allow-delete-all")
    place = Place(server)
    place.upload(zipped({"a.sym": sym(), "x.txt": b"text"}))
    place.upload(sym("large", 3, slow_functions())) # a file of its own
    before = place.listed("--all"), place.archives()
    assert len(before[0]) == 3 and len(before[1]) == 2
    server.post("/reports", {"database_id": "x", "project": "app", "stacktrace": []}, 201)
    for _ in range(2):
        assert server.request("DELETE", "/reports").status_code == 200
        assert (place.listed("--all"), place.archives()) == before
    server.restart()
    assert (place.listed("--all"), place.archives()) == before
    assert place.upload(sym("large", 3, slow_functions())).get("errors") is None # its blob is there
    assert place.archives()[0]["duplicate_symbols"] == 1


def test_reports_are_not_held_up(place):
    """While symbols are converted, reports are processed."""
    for i in range(3):
        place.server.submit(place.poster, slow_body(1 + 10 * i), format="symbols")
    wait_for(lambda: helper_of(place.server))
    dump = (FOLDER.parent / "backtrace_report.json").read_text()
    told = place.server.submit(place.errors, dump, params={"_mod_sync": "1"})
    assert told["object"]
    assert len(place.archives()) < 3 # not all of them are done


# --- what is told ---------------------------------------------------------------------------------

def test_summary_of_nothing(place):
    nothing = {"count": 0, "first_updated_time": 0, "last_updated_time": 0}
    assert place.symfile("summary") == {"summary": {
        "archives": nothing, "symbols": nothing,
        "missing_symbols": {"count": 0, "first_crash_time": 0, "last_crash_time": 0}}}
    assert place.symfile("archives") == {"archives": []}
    assert place.symfile("symbols") == {"symbols": []}
    assert place.symfile("missing_symbols") == {"missing_symbols": []}


def test_shapes(place):
    now = time.time()
    body = zipped({"a.sym": sym("a", 1), "bad": b"?"})
    place.upload(body, tag="one")
    place.upload(sym("b", 2), tag="two")
    summary = place.symfile("summary")["summary"]
    assert summary["archives"]["count"] == 2 and summary["symbols"]["count"] == 2
    assert abs(summary["archives"]["last_updated_time"] - now) < 60
    groups = place.symfile("archives")["archives"]
    assert [g["tag"] for g in groups] == ["two", "one"]
    (one,) = groups[1]["files"]
    assert len(one["archive_id"]) == 16 and int(one["archive_id"], 16) > 0
    assert abs(one["upload_time"] - now) < 60
    assert one["file_size"] == len(body) and one["status"] == "processed"
    assert (one["new_symbols"], one["duplicate_symbols"], one["invalid_symbols"]) == (1, 0, 1)
    assert len(one["errors"]) == 1
    assert [g["tag"] for g in place.symfile("archives", tags=["one"])["archives"]] == ["one"]
    (group,) = place.symfile("symbols", tags=["one"])["symbols"]
    (file,) = group["files"]
    assert file["archive_id"] == one["archive_id"]
    assert (file["debug_file"], file["debug_identifier"]) == ("a", debug_id(1))
    assert file["file_size"] == len(sym("a", 1))
    assert abs(file["extract_time"] - now) < 60 and abs(file["convert_time"] - now) < 60
    (group,) = place.symfile("symbols", values=["b"])["symbols"]
    assert [f["debug_file"] for f in group["files"]] == ["b"]


def test_pages(place):
    place.upload(tar({f"{i}.sym": sym(f"lib{i:02}", i) for i in range(1, 11)}))
    seen, form = [], {"limit": 3}
    while True:
        page = place.symfile("symbols", **form)
        seen += [f["debug_file"] for g in page["symbols"] for f in g["files"]]
        if "next" not in page:
            break
        form["before"] = page["next"]
    assert seen == [f"lib{i:02}" for i in range(10, 0, -1)]


def filled(place, table, key, copies):
    """Copies of the row of `table` with the lowest `key`, each with other values in some columns;
    written while the server is stopped."""
    place.server.stop()
    with contextlib.closing(sqlite3.connect(place.server.data / "crumple.db")) as db, db:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        first = dict(zip(columns, db.execute(f"SELECT * FROM {table} ORDER BY {key}").fetchone()))
        db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(columns))})",
                       [[{**first, **copy}[c] for c in columns] for copy in copies])
    place.server.start()
    return first


def all_pages(place, action, **form):
    """Names or ids of all that is told of, page by page, and how many pages that took."""
    seen, pages = [], 0
    while True:
        page = place.symfile(action, **form)
        groups = page[action] if action == "missing_symbols" else \
            [f for g in page[action] for f in g["files"]]
        assert len(groups) <= form["limit"]
        seen += [f["archive_id"] if action == "archives" else f["debug_file"] for f in groups]
        pages += 1
        if "next" not in page:
            return seen, pages
        form["from" if action == "missing_symbols" else "before"] = page["next"]


def test_filters_of_symbols_are_for_all_rows(place):
    """Not for those alone that would fill a page."""
    place.upload(sym("wanted"), tag="old")
    filled(place, "symbol_files", "number",
           [{"number": n, "tag": "new", "debug_file": f"lib{n}", "debug_id": debug_id(n)}
            for n in range(10, 2510)] +
           [{"number": n, "tag": "odd", "debug_file": "wanted"} for n in (3500, 3600, 3700)])
    for form in ({"values": ["wanted"]}, {"values": [debug_id(1), "x"]}, {"tags": ["old", "odd"]},
                 {"tags": ["old", "odd"], "values": ["nothing", "wanted"]}):
        assert all_pages(place, "symbols", limit=100, **form) == (["wanted"] * 4, 1), form
        assert all_pages(place, "symbols", limit=2, **form)[0] == ["wanted"] * 4, form
    assert place.symfile("symbols", tags=["old"], limit=1)["symbols"][0]["tag"] == "old"
    assert place.symfile("symbols", tags=["old"], values=["lib10"]) == {"symbols": []}
    assert all_pages(place, "symbols", limit=1000, tags=["new"]) == \
        ([f"lib{n}" for n in range(2509, 9, -1)], 3)
    assert all_pages(place, "symbols", limit=1, values=["lib10"])[0] == ["lib10"]


def test_filters_of_archives_are_for_all_rows(place):
    place.upload(sym("wanted"), tag="old")
    oldest = place.archives()[0]["archive_id"]
    first = int(oldest, 16)
    others = range(first + 1, first + 1202)
    filled(place, "symbol_files", "number", [{"number": 10 + n, "object": n, "tag": "new"} for n in others])
    filled(place, "uploads", "object", [{"object": n} for n in others])
    assert place.symfile("archives", tags=["old"], limit=1)["archives"][0]["tag"] == "old"
    assert all_pages(place, "archives", limit=1000, tags=["old"]) == ([oldest], 1)
    assert len(all_pages(place, "archives", limit=500)[0]) == 1202
    assert all_pages(place, "archives", limit=5, tags=["other"]) == ([], 1)


def test_filters_of_missing_symbols_are_for_all_rows(place, tmp_path):
    Crash(tmp_path).post(place)
    filled(place, "missing_symbols", "object",
           [{"debug_file": f"lib{n:05}", "debug_id": debug_id(n)} for n in range(50500)] +
           [{"debug_file": "zz", "debug_id": debug_id(99999)}])
    for form in ({"values": ["zz"]}, {"values": ["a", debug_id(99999)]}):
        (found,) = place.symfile("missing_symbols", limit=1, **form)["missing_symbols"]
        assert found["debug_file"] == "zz"
    assert all_pages(place, "missing_symbols", limit=1000, values=["zz", "lib00000"]) == \
        (["lib00000", "zz"], 1)
    assert all_pages(place, "missing_symbols", limit=1000, values=["none"]) == ([], 1)
    seen, pages = all_pages(place, "missing_symbols", limit=1, values=["zz", "lib00000"])
    assert seen == ["lib00000", "zz"] and pages in (2, 3)


WRONG_QUESTIONS = [
    ({"action": "nothing"}, "action must be"), ({}, "action must be"), ([], "JSON object"),
    ({"action": "symbols", "form": []}, "form must be"),
    ({"action": "symbols", "form": {"tags": "x"}}, "lists of texts"),
    ({"action": "symbols", "form": {"limit": 0}}, "limit"),
    ({"action": "symbols", "form": {"limit": 1001}}, "limit"),
    ({"action": "symbols", "form": {"before": "xyz"}}, "before"),
    ({"action": "symbols", "form": {"before": 7}}, "before"),
]


@pytest.mark.parametrize("body, part", WRONG_QUESTIONS)
def test_wrong_questions(place, body, part):
    answer = place.server.post("/api/symfile", body, 400, params={"token": place.reader})
    assert part in answer.json()["error"]["message"]


def test_who_may_ask(place):
    for token in (place.errors, place.poster, "0" * 64):
        assert "invalid token" in place.symfile("summary", 403, token)
    elsewhere = place.server.token("query:post", project="elsewhere")
    assert "invalid token" in place.symfile("summary", 403, elsewhere)
    assert place.symfile("summary", token=place.server.token("query:post", project="app"))


# --- reports that wait for symbols ------------------------------------------------------------------

class Crash:
    """A dump of a program whose symbols are known."""

    def __init__(self, folder, name="linux-amd64-cfi"):
        self.dump = Dump(FOLDER / f"{name}.dump.txt", folder)
        self.body = self.dump.file.read_bytes()
        self.symbols = {str(p.relative_to(self.dump.symbols)): p.read_bytes()
                        for p in self.dump.symbols.rglob("*.sym")}
        assert len(self.symbols) == 2

    def post(self, place):
        return place.server.submit(place.errors, self.body, format="minidump",
                                   params={"_mod_sync": "1"})["_rxid"]


def functions(place, rxid):
    place.server.fetch(place.reader, rxid, project=place.project)
    report = place.server.get(f"/{place.project}/reports/{rxid}").json()
    return [f.get("function", "?") for f in report["stacktrace"]]


def test_symbols_before_the_dump(place, tmp_path):
    crash = Crash(tmp_path)
    place.upload(tar(crash.symbols))
    rxid = crash.post(place)
    assert functions(place, rxid)[:4] == ["clamp(int)", "pixel(int, int)", "paint", "main"]
    assert place.missing() == []


def test_symbols_after_the_dump(place, tmp_path):
    crash = Crash(tmp_path)
    rxid, again = crash.post(place), crash.post(place)
    assert "paint" not in functions(place, rxid)
    missing = {m["debug_file"]: m for m in place.missing()}
    assert missing["app"]["reports"] == 2
    assert abs(missing["app"]["timestamp"] - time.time()) < 60
    assert place.symfile("summary")["summary"]["missing_symbols"]["count"] == len(missing)
    told = json.loads(place.server.command("symbols", "missing", "--project", "app", "--json"))
    assert {m["debug_file"]: m["reports"] for m in told} == \
        {name: m["reports"] for name, m in missing.items()}

    place.upload(tar(crash.symbols))
    wait_for(lambda: functions(place, rxid)[2] == "paint" and functions(place, again)[2] == "paint")
    assert functions(place, rxid)[:4] == ["clamp(int)", "pixel(int, int)", "paint", "main"]
    wait_for(lambda: place.missing() == [])
    assert len(place.server.get("/app/search", params={"q": "paint", "since": "2000-01-01"}).json()) == 2


def test_modules_that_few_reports_want_are_found(place, tmp_path):
    """However many others there are that more reports want."""
    crash = Crash(tmp_path)
    rxid = crash.post(place)
    filled(place, "missing_symbols", "object",
           [{"debug_id": debug_id(n), "object": 1 << 40 | i} for n in range(101000) for i in (1, 2)])
    place.upload(tar(crash.symbols))
    wait_for(lambda: functions(place, rxid)[:4] == ["clamp(int)", "pixel(int, int)", "paint", "main"])


def test_many_reports_that_want_one_module(place, tmp_path):
    """They are looked for page by page, and no page costs more than the first; a stop does not wait
    for them."""
    crash = Crash(tmp_path)
    rxid = crash.post(place)
    filled(place, "missing_symbols", "object", [{"object": 1 << 40 | i} for i in range(100000)])
    before = cpu_seconds(place)
    place.upload(tar(crash.symbols))
    wait_for(lambda: functions(place, rxid)[:4] == ["clamp(int)", "pixel(int, int)", "paint", "main"])
    assert cpu_seconds(place) - before < 5
    began = time.monotonic()
    place.server.stop()
    assert time.monotonic() - began < 10
    place.server.start()


def cpu_seconds(place):
    ticks = pathlib.Path(f"/proc/{place.server.process.pid}/stat").read_text().rsplit(")")[1].split()
    return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


def test_symbols_of_others_do_not_help(place, tmp_path):
    crash = Crash(tmp_path)
    rxid = crash.post(place)
    Place(place.server, "other").upload(tar(crash.symbols))
    place.upload(sym("app", 77)) # of the right name, and another build
    assert "paint" not in functions(place, rxid)
    assert "app" in {m["debug_file"] for m in place.missing()}


def test_symbols_that_came_while_the_server_was_down(place, tmp_path):
    crash = Crash(tmp_path)
    rxid = crash.post(place)
    place.server.stop()
    for path, data in crash.symbols.items():
        file = tmp_path / path.replace("/", "_")
        file.write_bytes(data)
        out = place.server.command("symbols", "add", str(file), "--project", "app")
        assert "1 new" in out
    place.server.start()
    wait_for(lambda: functions(place, rxid)[2] == "paint")


def test_a_cache_that_is_gone_is_made_again(place, tmp_path):
    crash = Crash(tmp_path)
    place.upload(tar(crash.symbols))
    before = caches(place.server)
    for path in before:
        path.unlink()
    rxid = crash.post(place)
    wait_for(lambda: functions(place, rxid)[2] == "paint")
    assert {p: v[1] for p, v in caches(place.server).items()} == {p: v[1] for p, v in before.items()}
    assert place.server.log().count("symbols_lost") == len(before)


def test_a_cache_that_is_damaged_is_made_again(place, tmp_path):
    crash = Crash(tmp_path)
    place.upload(tar(crash.symbols))
    before = caches(place.server)
    for path in before:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    rxid = crash.post(place)
    wait_for(lambda: functions(place, rxid)[2] == "paint")
    assert {p: v[1] for p, v in caches(place.server).items()} == {p: v[1] for p, v in before.items()}
