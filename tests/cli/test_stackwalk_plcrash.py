"""`crumple stackwalk` on reports of PLCrashReporter, with a folder of Breakpad symbols."""

import json
import subprocess

import pytest

import plcrash
from conftest import BINARY
from symbol_files import debug_id, sym


@pytest.fixture
def folder(tmp_path):
    """Symbols of the program: two functions of 0x100 bytes from 0x1000 on."""
    place = tmp_path / "symbols" / "Shop" / debug_id(1)
    place.mkdir(parents=True)
    (place / "Shop.sym").write_bytes(sym("Shop", 1, ("first", "second"), os="mac", cpu="arm64e"))
    return tmp_path


def stackwalk(folder, content, *options, status=0):
    path = folder / "report.plcrash"
    path.write_bytes(content)
    done = subprocess.run([BINARY, "stackwalk", path, "--symbols", folder / "symbols", "--no-cache", *options],
                          capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def exception():
    own = {"name": "_own", "start_address": 0x180001200}
    return plcrash.file(plcrash.whole(exception={
        "name": "NSRangeException", "reason": "", "frames": plcrash.frames(0x100001104, (0x180001234, own))}))


def test_json(folder):
    told = json.loads(stackwalk(folder, exception(), "--json"))
    assert told["crash"]["reason"] == "EXC_BAD_ACCESS / KERN_INVALID_ADDRESS"
    assert (told["crash"]["address"], told["crash"]["thread"]) == ("0x10", 0)
    assert (told["system"]["os"], told["system"]["os_version"], told["system"]["cpu"]) == (
        "iOS", "17.1 21B74", "arm64")
    assert [m["symbols"] for m in told["modules"]] == [True, False, None]
    frames = [[(f["module"], f["function"], f["line"], f["trust"]) for f in t["frames"]] for t in told["threads"]]
    assert [t["id"] for t in told["threads"]] == [3, 8, 0, 7]
    assert told["threads"][1]["name"] == "Last Exception Backtrace"
    assert frames == [
        [("Shop", "first", 10, "context"), ("Shop", "second", 11, "prewalked"),
         ("libSystem.dylib", None, None, "prewalked")],
        [("Shop", "second", 11, "prewalked"), ("libSystem.dylib", "own", None, "prewalked")],
        [("libSystem.dylib", None, None, "prewalked"), ("Shop", "second", 11, "prewalked")],
        []]
    assert told["threads"][0]["frames"][0]["registers"]["x19"] == "0x2a"


def test_text(folder):
    text = stackwalk(folder, exception())
    assert "Thread 0 (crashed)\n 0  Shop!first [Shop.c : 10]\n" in text
    assert "Found by: recovered by external stack walker" in text


def test_refused(folder):
    told = stackwalk(folder, exception()[:100], status=1)
    assert "at byte" in told, told
    assert "version 2" in stackwalk(folder, b"plcrash\x02" + bytes(20), status=1)
