"""Programs that crash, run here: what `crumple stackwalk` makes of their dumps is compared with what
their sources say (the marks of tests/programs/frames.h).

Each is built by gcc, and by clang where it is installed, without optimisation and with -O2
-fomit-frame-pointer. The symbols come from the ELF files themselves (DWARF), and from .sym files where
Breakpad's dump_syms is installed (tests/clients/install). Only on Linux on x86-64."""

import os
import pathlib
import platform
import re
import resource
import shutil
import subprocess

import pytest

from conftest import ROOT
from dumps import JUDGE, crumple_walk, judge_walk, run_crumple

pytestmark = pytest.mark.skipif((platform.system(), platform.machine()) != ("Linux", "x86_64"),
                                reason="needs Linux on x86-64")

PROGRAMS = ROOT / "tests" / "programs"
TOOL = ROOT / "tools" / "core-to-dump"
DUMP_SYMS = JUDGE.with_name("dump_syms")
OPTIONS = {
    "O0": ["-O0"],
    "O2": ["-O2", "-fomit-frame-pointer"],
}
# Other ways to build, each with some of the programs.
VARIANTS = {
    "dwarf4": ["-O2", "-gdwarf-4"],
    "compressed": ["-O2", "-gz"],
    "static": ["-O2", "-static"],
    "nopie": ["-O1", "-no-pie"],
    "lto": ["-O2", "-flto"],
}
COMPILERS = {"gcc": ("gcc", "g++"), "clang": ("clang", "clang++")}
BUILDS = [f"{compiler}-{options}" for compiler in COMPILERS for options in OPTIONS]
# Program: the reason of the crash
CASES = {
    "deep_null.c": "SIGSEGV /SEGV_MAPERR",
    "abort.c": "SIGABRT",
    "divide.c": "SIGFPE / FPE_INTDIV",
    "throw.cpp": "SIGABRT",
    "overflow.c": "SIGSEGV /SEGV_MAPERR",
    "handler.c": "SIGFPE / FPE_INTDIV",
    "threads.c": "SIGSEGV /SEGV_MAPERR",
    "library_user.c": "SIGSEGV /SEGV_MAPERR",
    "inlined.c": "SIGSEGV /SEGV_MAPERR",
    "jump_null.c": "SIGSEGV /SEGV_MAPERR",
}
# The libraries that the frames of a dump may lie in.
LIBRARIES = re.compile(r"/(?:libc|libm|libgcc_s|libstdc\+\+|ld-linux-x86-64)\.so(?:\.\d+)+$")
MARK = re.compile(r"\b(frame|waiting) (\d+)(?:-(\d+))? (.+?)( inline)?(: anywhere in it)? \*/")


def marks(program, kind):
    """{number: (function, file, line, inlined)}; line None: anywhere in the function"""
    out = {}
    sources = [program] + (["library.c"] if program.startswith("library_user") else [])
    for source in sources:
        for line, text in enumerate((PROGRAMS / source).read_text().splitlines(), 1):
            for found in MARK.finditer(text):
                word, first, last, function, inline, anywhere = found.groups()
                if word == kind:
                    where = None if anywhere else line
                    for n in range(int(first), int(last or first) + 1):
                        out[n] = (function, source, where, bool(inline))
    return out


def compile_program(program, build, folder):
    names, options = build.split("-")
    compiler = COMPILERS[names][program.endswith("pp")]
    if not shutil.which(compiler):
        pytest.skip(f"there is no {compiler}")
    common = [compiler, "-g", "-pthread", *(OPTIONS | VARIANTS)[options]]
    libraries = []
    if program.startswith("library_user"):
        library = folder / "libsort.so"
        run([*common, "-shared", "-fPIC", PROGRAMS / "library.c", "-o", library])
        libraries = [library, f"-Wl,-rpath,{folder}"]
    out = folder / pathlib.Path(program).stem
    run([*common, PROGRAMS / program, "-o", out, *libraries])
    return out


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done


def dump_by_trace(program, folder):
    dump = folder / "traced.dmp"
    done = subprocess.run([TOOL, "--run", "-o", dump, program], capture_output=True, text=True,
                          timeout=300, cwd=folder)
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return dump


@pytest.fixture(scope="session")
def crashed(tmp_path_factory):
    """(program, build) -> (the program, its dump); made once."""
    made = {}

    def make(program, build):
        if (program, build) not in made:
            folder = tmp_path_factory.mktemp(f"{pathlib.Path(program).stem}-{build}-")
            binary = compile_program(program, build, folder)
            made[program, build] = binary, dump_by_trace(binary, folder)
        return made[program, build]

    return make


@pytest.fixture(scope="session")
def libraries(tmp_path_factory, crashed):
    """A folder with the libraries of the system that programs here use."""
    folder = tmp_path_factory.mktemp("libraries")
    dump = crashed("throw.cpp", "gcc-O0")[1]
    for path in set(re.findall(rb"/[\x21-\x7e]+\.so[.0-9]*(?=\n)", dump.read_bytes())):
        path = pathlib.Path(path.decode())
        if LIBRARIES.search(str(path)):
            shutil.copy(path, folder / path.name)
    assert (folder / "libc.so.6").exists()
    return folder


@pytest.fixture(scope="session")
def library_syms(tmp_path_factory, libraries, dump_syms):
    folder = tmp_path_factory.mktemp("library-syms")
    for path in libraries.iterdir():
        add_sym(path, folder)
    return folder


@pytest.fixture(scope="session")
def dump_syms():
    if not DUMP_SYMS.exists():
        pytest.skip("no dump_syms (tests/clients/install)")
    return DUMP_SYMS


def add_sym(binary, folder):
    """By the name of the file, as dumps have it: dump_syms takes the one that a library gives itself."""
    done = subprocess.run([DUMP_SYMS, "-d", binary], capture_output=True, timeout=300)
    if done.returncode or not done.stdout.startswith(b"MODULE "):
        return
    head, rest = done.stdout.split(b"\n", 1)
    *words, _ = head.decode().split(" ", 4)
    place = folder / binary.name / words[3]
    place.mkdir(parents=True)
    head = " ".join([*words, binary.name]).encode()
    (place / f"{binary.name}.sym").write_bytes(head + b"\n" + rest)


def own_files(binary):
    return [binary, *binary.parent.glob("*.so")]


def check(walk, program, build):
    assert walk["reason"] == CASES[program]
    assert walk["thread"] is not None
    compare(walk["threads"][walk["thread"]], marks(program, "frame"), program)
    waiting = marks(program, "waiting")
    if waiting:
        others = [t for n, t in enumerate(walk["threads"]) if n != walk["thread"]]
        found = [t for t in others if any(f.function == waiting[0][0] for f in t)]
        assert found, f"no thread waits in {waiting[0][0]}"
        compare(found[0], waiting, program)


def plain(function):
    """`f(int)` and `f`: of a C function some write one and some the other, of C++ all the first"""
    return re.sub(r"^(?:int|void) (?=bank::)", "", function)


def compare(frames, marked, program):
    """Each marked frame must be there, in its order, one behind the other but for frame 0, before
    which the C library may have frames (raise, abort)."""
    start = next((i for i, f in enumerate(frames)
                  if f.function and plain(f.function) == plain(marked[min(marked)][0])), None)
    shown = "\n".join(map(repr, frames[:40]))
    assert start is not None, f"{marked[min(marked)][0]} is in no frame:\n{shown}"
    if min(marked) > 0:
        start -= min(marked)
    for number, (function, file, line, inlined) in sorted(marked.items()):
        frame = frames[start + number]
        got = (plain(frame.function or ""), os.path.basename(frame.file or ""),
               frame.line if line else None, frame.trust == "inline")
        assert got == (plain(function), file, line, inlined), f"frame {number}:\n{shown}"
        if start + number > 0 and not inlined:
            assert frame.trust in ("cfi", "context") or program == "jump_null.c", shown


def known_wrong(program, build):
    """There is no code at the program counter, so there are no rules; then the frame pointer, still
    the caller's, is taken for that of the place itself, and the caller is passed over."""
    if program == "jump_null.c" and build.endswith("O0"):
        return [pytest.mark.xfail(strict=True, reason="a call of null, with frame pointers")]
    return []


ELF_CASES = [pytest.param(program, build, marks=known_wrong(program, build))
             for program in CASES for build in BUILDS]


@pytest.mark.parametrize("program, build", ELF_CASES)
def test_elf_files(program, build, crashed, libraries):
    binary, dump = crashed(program, build)
    done = run_crumple(dump, [binary.parent, libraries])
    check(crumple_walk(done)[0], program, build)


# What .sym files do not tell: how to get over the frame that the kernel makes for a handler; and
# dump_syms finds no calls inlined into a main that gcc has put into a section of its own.
SYM_CASES = [pytest.param(program, build, marks=known_wrong(program, build))
             for program in CASES for build in BUILDS
             if program != "handler.c" and (program, build) != ("inlined.c", "gcc-O2")]


@pytest.mark.parametrize("program, build", SYM_CASES)
def test_sym_files(program, build, crashed, library_syms, tmp_path):
    binary, dump = crashed(program, build)
    for file in own_files(binary):
        add_sym(file, tmp_path)
    done = run_crumple(dump, [tmp_path, library_syms])
    check(crumple_walk(done)[0], program, build)


@pytest.mark.parametrize("program, build", SYM_CASES)
def test_judge(program, build, crashed, library_syms, tmp_path):
    """minidump_stackwalk finds the marked frames too, so the marks are right."""
    binary, dump = crashed(program, build)
    for file in own_files(binary):
        add_sym(file, tmp_path)
    check(judge_walk(dump, [tmp_path, library_syms]), program, build)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("program", ["deep_null.c", "inlined.c", "throw.cpp"])
def test_variants(program, variant, crashed, libraries):
    build = f"gcc-{variant}"
    binary, dump = crashed(program, build)
    check(crumple_walk(run_crumple(dump, [binary.parent, libraries]))[0], program, build)


def test_debug_information_elsewhere(crashed, libraries, tmp_path):
    """A stripped program and its debug information in a file of its own, as packages have it: one has
    the unwind tables, the other the names."""
    binary, dump = crashed("throw.cpp", "gcc-O2")
    apart = tmp_path / "throw.debug"
    run(["objcopy", "--only-keep-debug", binary, apart])
    (tmp_path / "bin").mkdir()
    run(["strip", "-o", tmp_path / "bin" / "throw", binary])
    check(crumple_walk(run_crumple(dump, [tmp_path, tmp_path / "bin", libraries]))[0], "throw.cpp",
          "gcc-O2")


def test_stripped(crashed, libraries, tmp_path):
    """Without names the frames are the same ones."""
    binary, dump = crashed("deep_null.c", "gcc-O2")
    run(["strip", "-o", tmp_path / "deep_null", binary])
    whole, stripped = (crumple_walk(run_crumple(dump, [folder, libraries]))[1]["threads"][0]["frames"]
                       for folder in (binary.parent, tmp_path))
    assert [(f["module"], f["offset"], f["trust"]) for f in stripped] == [
        (f["module"], f["offset"], f["trust"]) for f in whole]
    assert not any(f["line"] for f in stripped)


def test_core_file(crashed, libraries, tmp_path):
    """The same program by the kernel's own core file, where it writes one."""
    binary, _ = crashed("deep_null.c", "gcc-O2")

    def core_limit():
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    subprocess.run([binary], cwd=tmp_path, preexec_fn=core_limit, timeout=60)
    cores = [f for f in tmp_path.iterdir() if "core" in f.name]
    if not cores:
        pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
        pytest.skip(f"no core file here (core_pattern is {pattern})")
    dump = tmp_path / "core.dmp"
    run([TOOL, "-o", dump, cores[0]])
    done = run_crumple(dump, [binary.parent, libraries])
    check(crumple_walk(done)[0], "deep_null.c", "gcc-O2")
