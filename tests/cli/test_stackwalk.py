"""`crumple stackwalk` on the dumps whose stacks Breakpad's minidump_stackwalk has told (goldens), and
as people and scripts use it. Dumps made of texts are in test_dumps.py."""

import collections
import csv
import json
import lzma
import os
import pathlib
import subprocess

import pytest

from conftest import BINARY, ROOT
from dumps import FOLDER, Dump

DATA = pathlib.Path(os.environ.get("CRUMPLE_TESTDATA", ROOT.parent / "shared" / "testdata"))
MINIDUMPS = DATA / "minidump"
SMALL = FOLDER / "linux-amd64-cfi.dump.txt"

# What we tell otherwise than the goldens, by (case, thread, frame): why ours is right stands in
# docs/stack-walking.md, "Differences from Breakpad".
KNOWN_DIFFERENCES = {}


def stackwalk(*args, **kwargs):
    return subprocess.run([str(BINARY), "stackwalk", *map(str, args)], capture_output=True, text=True,
                          timeout=120, **kwargs)


# The goldens.


def rows(name):
    path = MINIDUMPS / name
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


CASES = rows("manifest.tsv") or [pytest.param(None, marks=pytest.mark.skip(
    "the dumps with goldens are not here (CRUMPLE_TESTDATA)"))]
CRASHES = {row["dump"]: row for row in rows("golden/crashes.tsv")}
FRAMES = collections.defaultdict(dict)
for row in rows("golden/frames.tsv"):
    FRAMES[row["dump"]][int(row["thread"]), int(row["frame"])] = row


@pytest.fixture(scope="session")
def symbols(tmp_path_factory):
    """The folder of symbol files, with what is compressed in it unpacked."""
    folder = tmp_path_factory.mktemp("symbols")
    for path in (DATA / "symbols").rglob("*"):
        to = folder / path.relative_to(DATA / "symbols")
        if path.is_dir():
            to.mkdir(parents=True, exist_ok=True)
        elif path.suffix == ".xz":
            to.parent.mkdir(parents=True, exist_ok=True)
            to.with_suffix("").write_bytes(lzma.decompress(path.read_bytes()))
        elif path.suffix == ".sym":
            to.parent.mkdir(parents=True, exist_ok=True)
            to.symlink_to(path)
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def walk_case(case, symbols, cache):
    where = [] if case["symbols"] == "-" else ["--symbols", symbols / case["symbols"]]
    done = stackwalk(MINIDUMPS / case["file"], "--json", "--cache", cache, *where)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def place_of(file, line):
    return f"{file}:{line}" if file else ""


def shown(frame):
    trust = "inline" if frame["inlined"] else frame["trust"]
    return (frame["module"] or "", frame["function"] or "", place_of(frame["file"], frame["line"]),
            trust, int(frame["address"], 16))


def golden(row):
    return (row["module"], row["function"], row["file:line"], row["trust"], int(row["address"], 16))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case and case["case"])
def test_golden(case, symbols, cache):
    name = case["case"]
    found = walk_case(case, symbols, cache)
    want = CRASHES[name]
    crash = found["crash"] or {"reason": "No crash", "address": None, "thread": None}
    assert (crash["reason"], crash["address"] or "") == (want["reason"], want["address"] or "")
    assert ("" if crash["thread"] is None else str(crash["thread"])) == (want["thread"] or "")
    assert (found["system"]["os"], found["system"]["cpu"]) == (want["os"], want["cpu"])
    assert len(found["threads"]) == int(want["threads"])
    ours = {(t, f): shown(frame) for t, thread in enumerate(found["threads"])
            for f, frame in enumerate(thread["frames"])}
    theirs = {at: golden(row) for at, row in FRAMES[name].items()}
    wrong = {at: (ours.get(at), theirs.get(at)) for at in sorted(ours.keys() | theirs.keys())
             if ours.get(at) != theirs.get(at)}
    known = {at[1:] for at in KNOWN_DIFFERENCES if at[0] == name}
    assert not [at for at in known if at not in wrong], "these are equal now"
    assert not {at: both for at, both in wrong.items() if at not in known}


def machine_lines(name):
    text = (MINIDUMPS / "golden" / "raw" / f"{name}.machine.txt").read_text(errors="replace")
    return text.split("\n\n")[0].splitlines()


def base_name(path):
    return (path or "").replace("\\", "/").rsplit("/", 1)[-1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case and case["case"])
def test_golden_system_and_modules(case, symbols, cache):
    found = walk_case(case, symbols, cache)
    system = found["system"]
    lines = [f"OS|{system['os']}|{system['os_version']}",
             f"CPU|{system['cpu']}|{system['cpu_info'] or ''}|{system['cpu_count']}"]
    for module in found["modules"]:
        base = int(module["base"], 16)
        last = base + int(module["size"], 16) - 1
        lines.append("|".join([
            "Module", base_name(module["code_file"]), module["version"] or "",
            base_name(module["debug_file"]), module["debug_id"] or "",
            f"{base:#010x}", f"{last:#010x}", str(int(module["main"]))]))
    want = [line for line in machine_lines(case["case"])
            if line.split("|")[0] in ("OS", "CPU", "Module")]
    assert lines == want


def test_golden_of_rust_minidump(symbols, cache):
    """It shows callers by the address less one."""
    want = rows("golden/frames_rust.tsv")
    if not want:
        pytest.skip("the dumps with goldens are not here (CRUMPLE_TESTDATA)")
    case = next(case for case in CASES if case["case"] == want[0]["dump"])
    found = walk_case(case, symbols, cache)["threads"][0]["frames"]
    assert len(found) == len(want)
    for number, (frame, row) in enumerate(zip(found, want)):
        module, _, place, trust, address = shown(frame)
        assert (module, trust) == (row["module"], row["trust"])
        assert address - (number > 0) == int(row["address"], 16)
        # It wants the names of public symbols to be near; where it has one, so have we.
        if row["function"]:
            assert (frame["function"], place) == (row["function"], row["file:line"])


# As people and scripts use it.


@pytest.fixture
def dump(tmp_path):
    return Dump(SMALL, tmp_path)


def test_help():
    done = stackwalk("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: crumple stackwalk FILE")


@pytest.mark.parametrize("args", [[], ["a", "b"], ["--symbols"], ["a", "--what"]],
                         ids=["nothing", "two dumps", "no folder", "unknown option"])
def test_wrong_use(args):
    done = stackwalk(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "crumple stackwalk --help" in done.stderr


@pytest.mark.parametrize("content, why", [
    (None, "cannot open"), (b"", "is empty"), (b"PK\x03\x04", "is a zip file"),
    (b"MDMP\x93\xa7\0\0", "ends within its header")],
    ids=["not there", "empty", "another file", "cut"])
def test_no_dump(tmp_path, content, why):
    path = tmp_path / "a.dmp"
    if content is not None:
        path.write_bytes(content)
    done = stackwalk(path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("crumple stackwalk: ") and why in done.stderr


def test_a_folder_is_no_dump(tmp_path):
    done = stackwalk(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no file" in done.stderr


FRAME_KEYS = {"module", "offset", "address", "function", "function_offset", "file", "line", "column",
              "trust", "inlined", "generated", "registers"}
MODULE_KEYS = {"base", "size", "code_file", "code_id", "debug_file", "debug_id", "version", "main",
               "symbols"}
SYSTEM_KEYS = {"os", "os_version", "cpu", "cpu_info", "cpu_count", "pid", "uptime", "time"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.dump.txt")), ids=lambda path: path.name)
def test_keys_are_always_there(path, tmp_path):
    done = stackwalk(Dump(path, tmp_path).file, "--json")
    if done.returncode == 1:
        assert done.stdout == "" and done.stderr
        return
    found = json.loads(done.stdout)
    assert set(found) == {"crash", "system", "requested_thread", "modules", "unloaded_modules",
                          "threads", "errors"}
    assert found["crash"] is None or set(found["crash"]) == {"reason", "address", "thread",
                                                             "assertion"}
    assert set(found["system"]) == SYSTEM_KEYS
    assert all(set(module) == MODULE_KEYS for module in found["modules"])
    for thread in found["threads"]:
        assert set(thread) == {"id", "name", "frames"}
        assert all(set(frame) == FRAME_KEYS for frame in thread["frames"])


def test_for_people(dump):
    """The thread that crashed comes first; what is known of a frame is what the JSON tells."""
    done = stackwalk(dump.file, "--symbols", dump.symbols, "--no-cache")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(stackwalk(dump.file, "--symbols", dump.symbols, "--no-cache",
                                 "--json").stdout)
    lines = done.stdout.splitlines()
    assert f"Crash reason:  {found['crash']['reason']}" in lines
    assert f"Crash address: {found['crash']['address']}" in lines
    threads = [line for line in lines if line.startswith("Thread ")]
    number = found["crash"]["thread"]
    name = found["threads"][number]["name"]
    assert threads[0] == f"Thread {number} {name} (crashed)"
    assert len(threads) == len(found["threads"])
    top = found["threads"][number]["frames"][0]
    first = lines[lines.index(threads[0]) + 1]
    assert first.startswith(f" 0  {top['module']}!{top['function']} ")
    assert "    Found by: given as instruction pointer in context" in lines
    assert len([line for line in lines if line.startswith("    Found by: ")]) == sum(
        len(thread["frames"]) for thread in found["threads"])


def test_unloaded_modules(tmp_path):
    """A frame in a module that is gone has its name."""
    text = (FOLDER / "windows-amd64.dump.txt").read_text()
    text = text.replace("rip=ntdll!ZwWaitForSingleObject+0x14 rsp=waiting",
                        "rip=0x7ffc00000123 rsp=waiting")
    file = Dump(text, tmp_path).file
    found = json.loads(stackwalk(file, "--json").stdout)
    frame = found["threads"][1]["frames"][0]
    assert (frame["module"], frame["offset"]) == ("printer.dll", "0x123")
    assert found["unloaded_modules"] == [
        {"base": "0x7ffc00000000", "size": "0x5000", "code_id": "556677885000",
         "code_file": "C:\\Windows\\System32\\printer.dll"}]
    shown = stackwalk(file).stdout
    assert "\n 0  printer.dll + 0x123\n" in shown
    assert "\nUnloaded modules:\n0x7ffc00000000 - 0x7ffc00004fff  printer.dll\n" in shown


def test_control_characters_reach_no_terminal(tmp_path):
    text = SMALL.read_text().replace("name=app crashed", 'name="a\\u001b[31mb" crashed', 1)
    dump = Dump(text, tmp_path)
    found = json.loads(stackwalk(dump.file, "--json").stdout)
    assert "a\x1b[31mb" in [thread["name"] for thread in found["threads"]]
    shown = stackwalk(dump.file).stdout
    assert "\x1b" not in shown and "a?[31mb" in shown


def files_below(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_cache(dump, tmp_path):
    """Symbols are converted once: what is kept is used, and the answer is the same."""
    kept = tmp_path / "kept"
    first = stackwalk(dump.file, "--symbols", dump.symbols, "--json", "--cache", kept)
    files = files_below(kept)
    assert files
    times = [path.stat().st_mtime_ns for path in files]
    second = stackwalk(dump.file, "--symbols", dump.symbols, "--json", "--cache", kept)
    assert first.stdout == second.stdout and first.returncode == 0
    assert files_below(kept) == files
    assert [path.stat().st_mtime_ns for path in files] == times


@pytest.mark.parametrize("name, folder", [("XDG_CACHE_HOME", "crumple"), ("HOME", ".cache/crumple")])
def test_default_cache(dump, tmp_path, name, folder):
    home = tmp_path / "home"
    env = {key: value for key, value in os.environ.items() if key not in ("XDG_CACHE_HOME", "HOME")}
    done = stackwalk(dump.file, "--symbols", dump.symbols, env={**env, name: str(home)})
    assert done.returncode == 0
    assert files_below(home / folder / "symbols")


def test_no_cache(dump, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    env = {**os.environ, "XDG_CACHE_HOME": str(home), "HOME": str(home)}
    done = stackwalk(dump.file, "--symbols", dump.symbols, "--json", "--no-cache", env=env)
    assert done.returncode == 0
    assert any(frame["function"] for thread in json.loads(done.stdout)["threads"]
               for frame in thread["frames"])
    assert files_below(home) == []


def test_a_cache_that_cannot_be_written_is_none(dump, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    done = stackwalk(dump.file, "--symbols", dump.symbols, "--json", "--cache", blocked / "x")
    assert (done.returncode, done.stderr) == (0, "")
    assert any(frame["function"] for thread in json.loads(done.stdout)["threads"]
               for frame in thread["frames"])
