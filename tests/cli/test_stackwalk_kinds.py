"""`crumple stackwalk` on crashes of every kind: one JSON shape, source maps and dSYM folders beside them,
and a sentence for each file that is no crash."""

import json
import os
import re
import struct
import subprocess

import pytest

import plcrash
import sourcemaps
from conftest import BINARY
from cores import by_gdb, by_kernel, compile_program, need
from dumps import FOLDER, Dump
from errors import error

SMALL = FOLDER / "linux-amd64-cfi.dump.txt"


def stackwalk(*args):
    return subprocess.run([str(BINARY), "stackwalk", *map(str, args)], capture_output=True, text=True,
                          timeout=120)


def walk(path, *args):
    done = stackwalk(path, "--json", *args)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


# One shape.


def frame(function, line, column, **more):
    return {"funcName": function, "library": "/srv/shop.min.js", "line": line, "column": column, **more}


def small_report(**more):
    """Fails in the function `e` of shop.min.js, which is `check` of shop.ts."""
    at = sourcemaps.SHOP_SCRIPT.index
    stack = [frame("e", 1, at("new Error") + 1, **more), frame("t", 1, at("e(r)") + 1, **more)]
    return error(threads={"main": {"name": "main", "fault": True, "stack": stack}},
                 classifiers=["RangeError"], message="negative total", symbolication="sourcemap",
                 attributes={"uname.sysname": "Linux"})


def made_json(folder):
    (folder / "report.json").write_text(json.dumps(small_report()))
    return folder / "report.json"


def made_minidump(folder):
    return Dump(SMALL, folder).file


def made_plcrash(folder):
    (folder / "report.plcrash").write_bytes(plcrash.file(plcrash.whole()))
    return folder / "report.plcrash"


def made_core(folder):
    need("gcc")
    program = compile_program("abort", folder, "-O1")
    try:
        return by_kernel(program)
    except pytest.skip.Exception:
        return by_gdb(program)


MADE = {"json": made_json, "minidump": made_minidump, "plcrash": made_plcrash, "core": made_core}
TOP = ["crash", "system", "requested_thread", "modules", "unloaded_modules", "threads", "errors"]
CRASH = ["reason", "address", "thread", "assertion"]
SYSTEM = ["os", "os_version", "cpu", "cpu_info", "cpu_count", "pid", "uptime", "time"]
FRAME = ["module", "offset", "address", "function", "function_offset", "file", "line", "column", "trust",
         "inlined", "generated", "registers"]
MODULE = ["base", "size", "code_file", "code_id", "debug_file", "debug_id", "version", "main", "symbols"]


@pytest.mark.parametrize("kind", MADE)
def test_one_shape(kind, tmp_path):
    path = MADE[kind](tmp_path)
    (tmp_path / "maps").mkdir()
    found = walk(path, "--no-cache", "--symbols", tmp_path / "maps")
    assert list(found) == TOP
    assert list(found["crash"]) == CRASH and list(found["system"]) == SYSTEM
    assert found["crash"]["reason"] and found["system"]["os"]
    assert found["modules"] and found["threads"] and found["threads"][0]["frames"]
    for module in found["modules"]:
        assert list(module) == MODULE
    for thread in found["threads"]:
        assert list(thread) == ["id", "name", "frames"]
        for one in thread["frames"]:
            assert list(one) == FRAME
            assert one["trust"] in ("none", "scan", "cfi_scan", "fp", "prewalked", "leaf", "cfi", "context")
    text = stackwalk(path, "--no-cache")
    assert (text.returncode, text.stderr) == (0, "")
    assert found["crash"]["reason"] in text.stdout and "(crashed)" in text.stdout


@pytest.mark.parametrize("kind", MADE)
def test_what_is_not_known(kind, tmp_path):
    """Of what the JSON has null for, the text has no empty line and no zero."""
    path = MADE[kind](tmp_path)
    found, text = walk(path), stackwalk(path).stdout
    assert not re.search(r"^(?!$)\W*$|^[^:]+:\W*$", text.split("\nThread ")[0], re.M), text
    assert ("CPUs" in text or "1 CPU" in text) == (found["system"]["cpu_count"] is not None)
    if kind != "json":
        assert f"Crash address: {found['crash']['address'] or 'not known'}\n" in text
        assert found["crash"]["address"] or kind == "core"


def test_report_about_its_process(tmp_path):
    """Attributes that other kinds have, too, stand where theirs do."""
    report = small_report()
    report["attributes"] |= {"process.id": 4711, "process.age": 60, "cpu.count": 8}
    (tmp_path / "report.json").write_text(json.dumps(report))
    system = walk(tmp_path / "report.json")["system"]
    assert [system[key] for key in ("pid", "uptime", "cpu_count")] == [4711, 60, 8]
    report["attributes"] |= {"process.id": "x", "process.age": -1, "cpu.count": 1 << 64}
    (tmp_path / "report.json").write_text(json.dumps(report))
    system = walk(tmp_path / "report.json")["system"]
    assert [system[key] for key in ("pid", "uptime", "cpu_count")] == [None, None, None]


def test_report_as_it_came(tmp_path):
    found = walk(made_json(tmp_path))
    assert found["crash"] == {"reason": "RangeError: negative total", "address": None, "thread": 0,
                              "assertion": None}
    assert found["system"]["os"] == "Linux" and found["system"]["time"] == 1478200442
    assert found["modules"] == []
    first = found["threads"][0]["frames"][0]
    column = sourcemaps.SHOP_SCRIPT.index("new Error") + 1
    assert first == {"module": "/srv/shop.min.js", "offset": None, "address": None, "function": "e",
                     "function_offset": None, "file": None, "line": 1, "column": column, "trust": "none",
                     "inlined": False, "generated": None, "registers": {}}


# Source maps beside it.

ID, OTHER_ID = sourcemaps.debug_id(7), sourcemaps.debug_id(8)
SCRIPT = sourcemaps.SHOP_SCRIPT
LINKED = sourcemaps.script(SCRIPT, map_name="https://cdn.example/shop.map.json?v=1")

# The files of a folder, and how frames name the script.
FOUND = {
    "debug id of the map": ({"x.map": sourcemaps.shop(ID)}, {"debug_identifier": ID}),
    "without dashes, in upper case": ({"x.map": sourcemaps.shop(ID)},
                                      {"debug_identifier": ID.replace("-", "").upper()}),
    "debug id of the script": ({"x.js.map": sourcemaps.shop(file=None),
                                "x.js": sourcemaps.script(SCRIPT, debug_id=ID)}, {"debug_identifier": ID}),
    "a map in its script": ({"x.js": sourcemaps.script(SCRIPT, debug_id=ID, inline=sourcemaps.shop())},
                            {"debug_identifier": ID}),
    "name of the map's script": ({"x.map": sourcemaps.shop()}, {}),
    "name of the map's file": ({"shop.min.js.map": sourcemaps.shop(file=None)}, {}),
    "name of the script beside it": ({"shop.map.json": sourcemaps.shop(file=None),
                                      "shop.min.js": LINKED}, {}),
    "name of a script with its map": ({"shop.min.js": sourcemaps.script(
        SCRIPT, inline=sourcemaps.shop(file=None))}, {}),
    "another beside it": ({"a.map": sourcemaps.source_map(debug_id=OTHER_ID, file="shop.min.js"),
                           "x.map": sourcemaps.shop(ID), "damaged.map": b'{"version":3,"mappings":"!!"}',
                           "note.json": b"{}", "empty.js": b""}, {"debug_identifier": ID}),
}
NOT_FOUND = {
    "another id": ({"x.map": sourcemaps.shop(OTHER_ID)}, {"debug_identifier": ID}),
    "another name": ({"x.map": sourcemaps.shop(file="x.js")}, {}),
    "below": ({"maps/x.map": sourcemaps.shop()}, {}),
    "nothing": ({}, {}),
}


def fill(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def walk_report(folder, names, *args):
    folder.mkdir(exist_ok=True)
    (folder.parent / "report.json").write_text(json.dumps(small_report(**names)))
    return walk(folder.parent / "report.json", "--symbols", folder, *args)


def places(found):
    return [(f["function"], f["file"], f["line"], f["column"]) for f in found["threads"][0]["frames"]]


IN_SOURCE = [("check", "src/shop.ts", 9, 24), ("total", "src/shop.ts", 5, 12)]


@pytest.mark.parametrize("case", FOUND)
def test_source_map(case, tmp_path):
    files, names = FOUND[case]
    found = walk_report(fill(tmp_path / "maps", files), names, "--cache", tmp_path / "cache")
    assert places(found) == IN_SOURCE
    at = SCRIPT.index
    assert [f["generated"]["column"] for f in found["threads"][0]["frames"]] == \
        [at("new Error") + 1, at("e(r)") + 1]
    assert [f["generated"]["function"] for f in found["threads"][0]["frames"]] == ["e", "t"]
    assert [m["symbols"] for m in found["modules"]] == [True]


@pytest.mark.parametrize("case", NOT_FOUND)
def test_no_source_map(case, tmp_path):
    files, names = NOT_FOUND[case]
    (tmp_path / "maps").mkdir()
    found = walk_report(fill(tmp_path / "maps", files), names, "--no-cache")
    assert [f["generated"] for f in found["threads"][0]["frames"]] == [None, None]
    assert [f["function"] for f in found["threads"][0]["frames"]] == ["e", "t"]
    assert [m["symbols"] for m in found["modules"]] == [False]


def test_uuid_is_of_the_script(tmp_path):
    """Frames of older clients name their script by its MD5."""
    script = sourcemaps.script(SCRIPT)
    fill(tmp_path / "maps", {"shop.js.map": sourcemaps.shop(file=None), "shop.js": script})
    report = small_report()
    report["symbolication_maps"] = [{"file": "/srv/shop.min.js", "uuid": sourcemaps.uuid_of(script)}]
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert places(walk(tmp_path / "report.json", "--symbols", tmp_path / "maps", "--no-cache")) == IN_SOURCE


def test_images_of_maps_are_kept(tmp_path):
    fill(tmp_path / "maps", {"x.js.map": sourcemaps.shop(ID), "x.js": sourcemaps.script(SCRIPT)})
    cache = tmp_path / "cache"
    names = {"debug_identifier": ID}
    for _ in range(2):
        assert places(walk_report(tmp_path / "maps", names, "--cache", cache)) == IN_SOURCE
        assert [path.suffix for path in cache.iterdir()] == [".mapcache"]
    next(cache.iterdir()).write_bytes(b"damaged")
    assert places(walk_report(tmp_path / "maps", names, "--cache", cache)) == IN_SOURCE
    # Another script beside it makes another image.
    fill(tmp_path / "maps", {"x.js": sourcemaps.script(SCRIPT, debug_id=OTHER_ID)})
    assert places(walk_report(tmp_path / "maps", names, "--cache", cache)) == IN_SOURCE
    assert len(list(cache.iterdir())) == 2


def test_source_map_for_people(tmp_path):
    fill(tmp_path / "maps", {"x.map": sourcemaps.shop()})
    done = stackwalk(made_json(tmp_path), "--symbols", tmp_path / "maps", "--no-cache")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Crash reason:  RangeError: negative total" in done.stdout
    assert "check [src/shop.ts : 9 : 24]\n    In the script: e" in done.stdout
    assert "Found by: source map" in done.stdout and "shop.min.js" in done.stdout


# What matched and could not be read.

CUT = sourcemaps.shop(file=None)[:300]
CUT_IN_IT = sourcemaps.script(SCRIPT, inline=CUT)
DAMAGED = {
    "cut off": ({"shop.min.js.map": CUT}, {}, "shop.min.js.map: "),
    "cut off, without its debug id": ({"shop.min.js.map": CUT}, {"debug_identifier": ID}, "shop.min.js.map: "),
    "empty": ({"shop.min.js.map": b""}, {}, "shop.min.js.map: "),
    "no JSON": ({"shop.min.js.map": b"\0" * 1000}, {}, "shop.min.js.map: "),
    "another object": ({"shop.min.js.map": b"{}"}, {}, "shop.min.js.map: "),
    "named by its script": ({"x.json": CUT, "shop.min.js": sourcemaps.script(SCRIPT, map_name="x.json")}, {},
                            "x.json: "),
    "by its script's id": ({"x.json": CUT, "x.js": sourcemaps.script(SCRIPT, map_name="x.json", debug_id=ID)},
                           {"debug_identifier": ID}, "x.json: "),
    "in its script": ({"shop.min.js": CUT_IN_IT}, {}, "shop.min.js: "),
    "in its script, without its debug id": ({"shop.min.js": CUT_IN_IT}, {"debug_identifier": ID},
                                            "shop.min.js: "),
    "no base 64": ({"shop.min.js": SCRIPT.encode() +
                    b"\n//# sourceMappingURL=data:application/json;base64,???\n"}, {}, "shop.min.js: "),
    "mappings": ({"x.map": b'{"version":3,"file":"shop.min.js","sources":[],"mappings":"!"}'}, {}, "x.map: "),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_map_is_told(case, tmp_path):
    files, names, start = DAMAGED[case]
    folder = fill(tmp_path / "maps", files)
    (tmp_path / "report.json").write_text(json.dumps(small_report(**names)))
    done = stackwalk(tmp_path / "report.json", "--symbols", folder, "--json", "--no-cache")
    assert done.returncode == 0 and json.loads(done.stdout)["modules"][0]["symbols"] is False
    assert done.stderr.startswith(f"crumple stackwalk: {folder}/{start}") and done.stderr.count("\n") == 1
    assert len(done.stderr) > len(f"crumple stackwalk: {folder}/{start}") + 10


def test_damaged_map_before_a_good_one(tmp_path):
    """The one that changed last would have been taken: it is told of, and the next is taken."""
    fill(tmp_path / "maps", {"shop.min.js.map": CUT, "x.map": sourcemaps.shop()})
    os.utime(tmp_path / "maps" / "x.map", (1000000, 1000000))
    made_json(tmp_path)
    done = stackwalk(tmp_path / "report.json", "--symbols", tmp_path / "maps", "--json", "--no-cache")
    assert places(json.loads(done.stdout)) == IN_SOURCE
    assert "shop.min.js.map: " in done.stderr and done.stderr.count("\n") == 1


def test_of_no_concern(tmp_path):
    """Of other files nothing is said, however damaged they are."""
    fill(tmp_path / "maps", {"y.js.map": CUT, "y.min.js": CUT_IN_IT, "shop.min.json": b"{", "shop.map": CUT,
                             "shop.min.js.txt": b"?", "app.sym": b"?"})
    for names in ({}, {"debug_identifier": ID}):
        walk_report(tmp_path / "maps", names, "--no-cache") # which asserts that nothing is said


@pytest.mark.parametrize("name, content, words", [
    ("app.sym", b"MODULE Linux\n", "it has no MODULE record"),
    ("app.sym", b"", "neither Breakpad symbols nor an ELF or Mach-O file"),
    ("app", b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0>\0" + bytes(100), ""),
    ("app.debug", b"\xcf\xfa\xed\xfe", ""),
    ("app", b"Microsoft C/C++ MSF 7.00\r\n", "neither Breakpad symbols nor an ELF or Mach-O file"),
], ids=["record", "empty", "ELF", "Mach-O", "PDB"])
def test_damaged_symbols_are_told(name, content, words, tmp_path):
    dump = Dump(SMALL, tmp_path)
    fill(tmp_path / "damaged", {name: content, "other" + name: content})
    done = stackwalk(dump.file, "--symbols", tmp_path / "damaged", "--json", "--no-cache")
    assert done.returncode == 0 and json.loads(done.stdout)
    assert done.stderr.startswith(f"crumple stackwalk: {tmp_path}/damaged/{name}: "), done.stderr
    assert words in done.stderr and done.stderr.count("\n") == 1


def test_damaged_symbols_at_their_place(tmp_path):
    dump = Dump(SMALL, tmp_path)
    path = next(dump.symbols.rglob("app.sym"))
    path.write_bytes(b"?" * 1000)
    done = stackwalk(dump.file, "--symbols", dump.symbols, "--no-cache")
    assert done.returncode == 0 and "(WARNING: No symbols, app" in done.stdout
    assert done.stderr.startswith(f"crumple stackwalk: {path}: ") and done.stderr.count("\n") == 1


# Mach-O files.

ARM64 = 0x0100000C


def macho(number, functions, kind=2):
    """A program of ARM64 with a UUID, code from 0x100000000 on and these symbols (name, offset)."""
    names, table = b"\0", b""
    for name, offset in functions:
        table += struct.pack("<IBBHQ", len(names), 0x0F, 1, 0, 0x100000000 + offset)
        names += name.encode() + b"\0"
    uuid = struct.pack("<II", 0x1B, 24) + number.to_bytes(16, "big")
    text = struct.pack("<II16sQQQQiiII", 0x19, 152, b"__TEXT", 0x100000000, 0x8000, 0, 0x2000, 5, 5, 1, 0)
    section = struct.pack("<16s16sQQIIIIIIII", b"__text", b"__TEXT", 0x100001000, 0x1000, 0x1000, 2, 0, 0,
                          0x80000400, 0, 0, 0)
    symbols = struct.pack("<IIIIII", 2, 24, 0x2000, len(functions), 0x2000 + len(table), len(names))
    commands = uuid + text + section + symbols
    header = struct.pack("<IIIIIIII", 0xFEEDFACF, ARM64, 0, kind, 3, len(commands), 0, 0)
    return (header + commands).ljust(0x2000, b"\0") + table + names


def fat(*parts):
    out, at = struct.pack(">II", 0xCAFEBABE, len(parts)), 4096
    for i, part in enumerate(parts):
        out += struct.pack(">IIIII", ARM64, i, at, len(part), 12)
        at += len(part) + -len(part) % 4096
    for part in parts:
        out += bytes(-len(out) % 4096) + part
    return out


FUNCTIONS = [("_first", 0x1000), ("_second", 0x1100)]


@pytest.mark.parametrize("files", [
    {"Shop": macho(1, FUNCTIONS)},
    {"Shop.app.dSYM/Contents/Resources/DWARF/Shop": macho(1, FUNCTIONS, kind=10)},
    {"universal": fat(macho(5, [("_other", 0x1000)]), macho(1, FUNCTIONS))},
], ids=["program", "dSYM", "of several processors"])
def test_macho(files, tmp_path):
    fill(tmp_path / "symbols", files)
    for _ in range(2):
        found = walk(made_plcrash(tmp_path), "--symbols", tmp_path / "symbols", "--cache", tmp_path / "cache")
        assert [f["function"] for f in found["threads"][0]["frames"]] == ["first", "second", None]
        assert {m["code_file"]: m["symbols"] for m in found["modules"]} == {
            "/apps/Shop.app/Shop": True, "/usr/lib/libSystem.dylib": False, "/usr/lib/libnothing.dylib": None}


def test_macho_of_another_build(tmp_path):
    fill(tmp_path / "symbols", {"Shop.dSYM/Contents/Resources/DWARF/Shop": macho(3, FUNCTIONS)})
    found = walk(made_plcrash(tmp_path), "--symbols", tmp_path / "symbols", "--no-cache")
    assert [f["function"] for f in found["threads"][0]["frames"]] == [None, None, None]


# What is no crash.

WRONG = {
    "empty": (b"", "is empty"),
    "text": (b"hello", "is no crash: it begins with 68 65 6c 6c 6f, not as a minidump (MDMP)"),
    "blanks": (b"  \n", "is no crash: it begins with 20 20 0a"),
    "list": (b"[1]", "is no crash"),
    "cut JSON": (b'{"a":\n [1,', "line 2"),
    "source map": (sourcemaps.shop(), "is a source map, not a crash: --symbols takes the folder"),
    "program": (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0" + bytes(100),
                "is an ELF program or library, not a crash: --symbols takes the folder"),
    "Mach-O": (macho(1, FUNCTIONS), "is a Mach-O file, not a crash"),
    "Breakpad": (b"MODULE Linux x86_64 0 x\n", "is a Breakpad symbol file, not a crash"),
    "gzip": (b"\x1f\x8b\x08\0", "is gzip data: unpack it first"),
    "zip": (b"PK\x03\x04", "is a zip file: unpack it first"),
    "minidump without header": (b"MDMP\x93\xa7", "the minidump ends within its header"),
    "PLCrash without header": (b"plcrash", "the report ends within its header, at byte 7"),
    "PLCrash cut": (plcrash.file(plcrash.whole())[:60], "at byte"),
    "core without header": (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x04\0>\0",
                            "the core file ends within its header, at byte 20"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_crash(case, tmp_path):
    content, sentence = WRONG[case]
    path = tmp_path / "file"
    path.write_bytes(content)
    done = stackwalk(path, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("crumple stackwalk: ") and done.stderr.count("\n") == 1
    assert str(path) in done.stderr and sentence in done.stderr


@pytest.mark.parametrize("kind", ["json", "minidump", "plcrash"])
def test_cut_anywhere(kind, tmp_path):
    """Half a file is read as far as it goes, or refused with a sentence."""
    whole = MADE[kind](tmp_path).read_bytes()
    step = max(1, len(whole) // 60)
    for length in range(1, len(whole), step):
        path = tmp_path / "cut"
        path.write_bytes(whole[:length])
        done = stackwalk(path, "--json")
        if done.returncode == 0:
            assert list(json.loads(done.stdout)) == TOP
        else:
            assert done.returncode == 1 and done.stderr.startswith(f"crumple stackwalk: {path}")
