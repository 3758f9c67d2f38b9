"""Core files of real programs: what `crumple stackwalk` makes of them is what eu-stack (elfutils) and
gdb make of the same file. Only on Linux on x86-64."""

import json
import os
import platform
import re
import subprocess
import time

import pytest

from conftest import BINARY
from cores import PROGRAMS, WAYS, by_kernel, compile_program, libraries_of, need, run
from dumps import run_crumple

pytestmark = pytest.mark.skipif((platform.system(), platform.machine()) != ("Linux", "x86_64"),
                                reason="needs Linux on x86-64")

BUILDS = {
    "O0": ["-O0"],
    "O2": ["-O2", "-fomit-frame-pointer"],
    "static": ["-O1", "-static"],
    "nopie": ["-O1", "-no-pie"],
}
REASONS = {
    "waiting": "SIGSEGV /SEGV_MAPERR",
    "threads": "SIGSEGV /SEGV_MAPERR",
    "handler": "SIGFPE / FPE_INTDIV",
    "abort": "SIGABRT",
    "inlined": "SIGSEGV /SEGV_MAPERR",
}
CASES = [(name, build, way) for name, build, way in
         [(name, build, "kernel") for name in REASONS for build in ("O0", "O2")] +
         [("waiting", "static", "kernel"), ("waiting", "nopie", "kernel"),
          ("threads", "O2", "gdb"), ("waiting", "O2", "gdb")]]


class Case:
    def __init__(self, name, build, way, folder):
        self.name = name
        self.program = compile_program(name, folder, *BUILDS[build])
        self.libraries = libraries_of(self.program, folder / "libraries")
        self.core = WAYS[way](self.program)

    def walk(self, *symbols):
        done = run_crumple(self.core, symbols or [self.program.parent, self.libraries])
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def taken(tmp_path_factory):
    """(name, build, way) -> its Case, made once."""
    made = {}

    def make(name, build="O2", way="kernel"):
        key = (name, build, way)
        if key not in made:
            made[key] = Case(*key, tmp_path_factory.mktemp("-".join(key)))
        return made[key]

    return make


def of_eu_stack(core):
    """{thread id: [(address, function, file, line)]}, of inlined calls too."""
    need("eu-stack")
    done = run(["eu-stack", "-s", "-i", "-n", "0", f"--core={core}"])
    threads, frames = {}, None
    for line in done.stdout.splitlines():
        if found := re.match(r"TID (\d+):", line):
            frames = threads.setdefault(int(found[1]), [])
        elif found := re.match(r"#\d+\s+0x([0-9a-f]+)(?: - 1)?\s*(\S.*)?$", line):
            frames.append((int(found[1], 16), (found[2] or "").split("(")[0], None, None))
        elif frames and (found := re.match(r"\s+(/\S+?):(\d+)(?::\d+)?$", line)):
            frames[-1] = (*frames[-1][:2], found[1], int(found[2]))
    assert threads, done.stderr
    return threads


def of_gdb(program, core):
    """{thread id: [(function, file, line)]} of the frames that have lines."""
    need("gdb")
    done = run(["gdb", "-nx", "-batch", "-ex", "set width 0", "-ex", "thread apply all bt", program,
                core])
    threads, frames = {}, None
    for line in done.stdout.splitlines():
        if found := re.match(r"Thread \d+ \(.*LWP (\d+)\)+:", line):
            frames = threads.setdefault(int(found[1]), [])
        elif frames is not None and (found := re.match(
                r"#\d+\s+(?:0x[0-9a-f]+ in )?(\S+) \(.*\) at (\S+):(\d+)$", line)):
            frames.append((found[1], found[2], int(found[3])))
    assert threads, done.stdout + done.stderr
    return threads


def of_crumple(walk):
    return {t["id"]: [(int(f["address"], 16), f["function"], f["file"], f["line"])
                      for f in t["frames"]] for t in walk["threads"]}


def own(frames, name):
    """Those that lie in the program's own source."""
    return [tuple(f[-3:]) for f in frames if f[-2] == str(PROGRAMS / f"{name}.c")]


@pytest.mark.parametrize("name, build, way", CASES)
def test_eu_stack(name, build, way, taken):
    case = taken(name, build, way)
    walk = case.walk()
    got, expected = of_crumple(walk), of_eu_stack(case.core)
    assert walk["crash"]["reason"] == REASONS[name] and walk["crash"]["thread"] == 0
    assert list(got) == list(expected) # in the same order
    for thread, frames in expected.items():
        if len(frames) == 1 and "clone" in frames[0][1]:
            continue # it gives up in the middle of the system call that makes a thread
        # One of the judge's frames may stand for several inlined calls of ours, and the reverse.
        assert by_machine(got[thread]) == by_machine(frames), thread
        assert own(got[thread], name) == own(frames, name), thread


def by_machine(frames):
    out = []
    for frame in frames:
        if not out or out[-1] != frame[0]:
            out.append(frame[0])
    return out


@pytest.mark.parametrize("name, build, way", CASES)
def test_gdb(name, build, way, taken):
    case = taken(name, build, way)
    got, expected = of_crumple(case.walk()), of_gdb(case.program, case.core)
    assert set(got) == set(expected)
    for thread, frames in expected.items():
        assert own(got[thread], name) == own(frames, name), thread
    assert any(own(frames, name) for frames in got.values())


@pytest.mark.parametrize("way", WAYS)
def test_all_frames_by_rules(way, taken):
    """With the tables of the system's libraries nothing is guessed."""
    walk = taken("waiting", "O2", way).walk()
    assert len(walk["threads"]) == 6 and not walk["errors"]
    waits = set()
    for thread in walk["threads"]:
        assert {f["trust"] for f in thread["frames"]} <= {"context", "cfi"}
        waits |= {f["function"] for f in thread["frames"] if (f["function"] or "").startswith("wait_")}
    assert waits == {f"wait_for_{what}" for what in ("condition", "time", "bytes", "event", "post")}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_core_says(way, taken):
    case = taken("waiting", "O2", way)
    walk = case.walk()
    assert walk["crash"]["address"] == "0x10"
    assert walk["system"]["os"] == "Linux" and walk["system"]["cpu"] == "amd64"
    assert walk["system"]["os_version"] == platform.release().split("-")[0]
    modules = {os.path.basename(m["code_file"]): m for m in walk["modules"]}
    program = modules["waiting"]
    assert program["main"] and program["code_file"] == str(case.program)
    assert {"libc.so.6", "ld-linux-x86-64.so.2", "[vdso]"} <= set(modules)
    for name, path in [("waiting", case.program), ("libc.so.6", case.libraries / "libc.so.6")]:
        assert modules[name]["code_id"] == build_id(path)
        assert modules[name]["symbols"]


def build_id(path):
    return re.search(r"Build ID: ([0-9a-f]+)", run(["readelf", "-n", path]).stdout)[1]


def test_without_mapped_files(taken, tmp_path):
    """As kernels before 3.7 wrote them: the dynamic linker's list has the names."""
    case = taken("waiting")
    whole = case.core.read_bytes()
    old = whole.replace(b"ELIFCORE\0", b"none" + b"CORE\0")
    assert old != whole
    (tmp_path / "old.core").write_bytes(old)
    symbols = [case.program.parent, case.libraries]
    walk, expected = (json.loads(run_crumple(core, symbols).stdout)
                      for core in (tmp_path / "old.core", case.core))
    assert of_crumple(walk) == of_crumple(expected)
    names, ids = ({m["code_id"]: os.path.basename(m["code_file"]) for m in w["modules"]}
                  for w in (walk, expected))
    assert names == ids and len(names) == 4
    assert [m["code_id"] for m in walk["modules"] if m["main"]] == [build_id(case.program)]


def test_cut_off(taken, tmp_path):
    """The beginning of a core tells who crashed; and where it ends."""
    case = taken("waiting")
    whole = case.core.read_bytes()
    for size in (len(whole) - 1, len(whole) // 2, 65536, 8192):
        case_core = tmp_path / "cut.core"
        case_core.write_bytes(whole[:size])
        walk = json.loads(run_crumple(case_core, [case.program.parent, case.libraries]).stdout)
        assert walk["crash"]["reason"] == REASONS["waiting"]
        assert len(walk["threads"]) == 6 or size == 8192
        assert any(f"ends at byte {size} and should have {len(whole)}" in e for e in walk["errors"])
        assert walk["threads"][0]["frames"][0]["module"] is not None


@pytest.mark.parametrize("size, why", [(0, "is empty"), (18, "header"), (40, "header"),
                                       (64, "table of segments")])
def test_no_core(size, why, taken, tmp_path):
    (tmp_path / "short.core").write_bytes(taken("waiting").core.read_bytes()[:size])
    done = run_crumple(tmp_path / "short.core", [])
    assert done.returncode == 1 and why in done.stderr


def test_of_a_process_that_goes_on(tmp_path):
    """gcore: no signal, so no crash; the stacks are there."""
    need("gcore")
    program = compile_program("waiting", tmp_path, "-O1")
    process = subprocess.Popen([program, "stay"])
    try:
        time.sleep(1)
        run(["gcore", "-o", tmp_path / "live", str(process.pid)])
    finally:
        process.kill()
        process.wait()
    core = tmp_path / f"live.{process.pid}"
    if not core.exists():
        pytest.skip("gcore may not trace here")
    walk = json.loads(run_crumple(core, [tmp_path, libraries_of(program, tmp_path / "libs")]).stdout)
    assert walk["crash"] is None
    assert len(walk["threads"]) == 6
    assert "wait_for_bytes" in {f["function"] for t in walk["threads"] for f in t["frames"]}


def test_large(taken, tmp_path):
    """Memory that nobody asks for is not read: a core of 2 GB takes no longer than a small one."""
    program = compile_program("large", tmp_path, "-O1")
    core = by_kernel(program)
    assert core.stat().st_size > 2 << 30
    began = time.monotonic()
    done = run([BINARY, "stackwalk", core, "--no-cache", "--symbols", program.parent])
    assert "touch" in done.stdout
    assert time.monotonic() - began < 2
    core.unlink()
