"""Core files of programs of tests/programs, by the kernel and by gdb."""

import os
import pathlib
import re
import resource
import shutil
import subprocess

import pytest

from conftest import ROOT

PROGRAMS = ROOT / "tests" / "programs"
# No debugger is to ask the network for symbols.
ENVIRONMENT = {**os.environ, "DEBUGINFOD_URLS": "", "LC_ALL": "C"}


def run(command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=300, env=ENVIRONMENT, **options)


def compile_program(name, folder, *options):
    program = folder / name
    done = run(["gcc", "-g", "-pthread", *options, PROGRAMS / f"{name}.c", "-o", program])
    assert done.returncode == 0, done.stderr
    return program


def by_kernel(program, *arguments):
    """The core that the kernel writes where the program was started, if it is set up to."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("|") or "/" in pattern:
        pytest.skip(f"cores go elsewhere (core_pattern is {pattern})")

    def allow():
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    place = program.parent / "run"
    place.mkdir()
    run([program, *arguments], preexec_fn=allow, cwd=place)
    cores = list(place.iterdir())
    if not cores:
        pytest.skip("the kernel wrote no core")
    return cores[0]


def by_gdb(program, *arguments):
    """The core that gdb writes when the program has crashed under it (as gcore does)."""
    need("gdb")
    core = program.parent / "gdb.core"
    done = run(["gdb", "-nx", "-batch", "-ex", "run", "-ex", f"generate-core-file {core}", "--args",
                program, *arguments], cwd=program.parent)
    if not core.exists():
        pytest.skip(f"gdb wrote no core: {done.stderr[-300:]}")
    return core


WAYS = {"kernel": by_kernel, "gdb": by_gdb}


def need(tool):
    if not shutil.which(tool):
        pytest.skip(f"there is no {tool}")


def libraries_of(program, folder):
    """Copies of the libraries that the program is linked with."""
    folder.mkdir(exist_ok=True)
    for path in re.findall(r"(/\S+) \(0x", run(["ldd", program]).stdout):
        shutil.copy(path, folder / os.path.basename(path))
    return folder
