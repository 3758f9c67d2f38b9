"""Symbols of macOS over HTTP: a program and its dSYM, made by LLVM's tools, make dumps readable."""

import json
import re
import shutil
import subprocess

import pytest

from dumps import Dump, crumple_walk, run_crumple
from symbol_files import zipped

SOURCE = """\
extern "C" int other(int);
static inline __attribute__((always_inline)) int twice(int a)
{
    return other(a) * 2;
}
__attribute__((noinline)) int inner(int a)
{
    volatile int kept[4];
    kept[a & 3] = a;
    return twice(kept[0]) + a;
}
__attribute__((noinline)) int outer(int a, int b)
{
    volatile int kept[30];
    kept[a & 7] = b;
    return inner(a + 1) + kept[b & 7];
}
extern "C" int start(int a)
{
    return outer(a, 5) + a;
}
"""
BASE = 0x100000000
PLIST = b"""<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>CFBundlePackageType</key><string>dSYM</string></dict></plist>
"""
CPUS = {
    "amd64": ("x86_64", ["-O2", "-fomit-frame-pointer"]),
    "arm64": ("arm64", ["-O1"]),
}


def tool(name):
    """LLVM's tools go by several names."""
    for end in ["", *(f"-{n}" for n in range(14, 25))]:
        path = shutil.which(name + end)
        if path:
            return path
    return pytest.skip(f"{name} is not installed")


class Program:
    def __init__(self, folder, cpu):
        self.folder, self.cpu = folder, cpu
        arch, options = CPUS[cpu]
        (folder / "app.cpp").write_text(SOURCE)
        self.run(tool("clang++"), "-target", f"{arch}-apple-macos11", "-g", "-funwind-tables",
                 "-fno-exceptions", "-fno-rtti", *options, "-c", "app.cpp", "-o", "app.o")
        self.run(tool("ld64.lld"), "-arch", arch, "-platform_version", "macos", "11.0", "11.0",
                 "-undefined", "dynamic_lookup", "-dylib", "-install_name", "@rpath/app",
                 "-o", "app", "app.o")
        self.run(tool("dsymutil"), "app")
        # Some linkers leave .eh_frame beside the compact table, which is what is asked for here.
        self.binary = (folder / "app").read_bytes().replace(b"__eh_frame", b"__no_frame")
        self.dsym = (folder / "app.dSYM/Contents/Resources/DWARF/app").read_bytes()
        self.uuid = re.search(r"uuid ([0-9A-F-]+)", self.shown("--macho", "--private-headers"))[1]
        self.code = self.shown("-d", "--demangle", "--no-show-raw-insn")
        self.rules = self.shown("--unwind-info")

    def run(self, *command):
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True)

    def shown(self, *options):
        return self.run(tool("llvm-objdump"), *options, "app").stdout

    def archive(self):
        inside = "app.dSYM/Contents/"
        return zipped({inside + "Info.plist": PLIST, inside + "Resources/DWARF/app": self.dsym,
                       inside + "Resources/Relocations/x86_64/app.yml": b"---\ntriple: 'x'\n",
                       "__MACOSX/._app.dSYM": bytes(120), ".DS_Store": b"\0\0\0\1Bud1"})

    def calls(self, function):
        """(address of the first call in a function, address behind it)."""
        body = self.code.split(f"<{function}>:\n", 1)[1]
        lines = re.findall(r"^\s*([0-9a-f]+):\s+(\w+)", body, re.MULTILINE)
        at = next(i for i, (_, word) in enumerate(lines) if word in ("callq", "bl"))
        return int(lines[at][0], 16), int(lines[at + 1][0], 16)

    def stack_words(self, function):
        """How many words a function without frame pointer has on the stack, by its encoding."""
        start = int(re.search(rf"^(\w+) <{re.escape(function)}>:", self.code, re.MULTILINE)[1], 16)
        encoding = int(re.search(rf"function offset=0x{start:08x}, encoding\[\d+\]=0x(\w+)",
                                 self.rules)[1], 16)
        assert encoding >> 24 == 2, hex(encoding)
        return encoding >> 16 & 0xff

    def dump(self):
        """It crashed where inner calls. Between the frames are addresses that look like returns."""
        pc = BASE + self.calls("inner(int)")[0]
        returns = [BASE + self.calls(f)[1] for f in ("outer(int, int)", "_start")]
        decoy = f"{returns[1]:#x}"
        if self.cpu == "amd64":
            registers = f"rip={pc:#x} rsp=sp"
            words = []
            for function, back in zip(("inner(int)", "outer(int, int)"), returns):
                words += [decoy] * (self.stack_words(function) - 1) + [f"{back:#x}"]
            stack = "sp: " + " ".join(words) + " 0 0"
        else:
            registers = f"pc={pc:#x} lr={decoy} sp=sp fp=frame0"
            stack = (f"sp: {decoy} {decoy}\n    frame0: frame1 {returns[0]:#x}\n"
                     f"    {decoy} {decoy}\n    frame1: frame2 {returns[1]:#x}\n"
                     f"    {decoy} {decoy}\n    frame2: 0 0")
        uuid = self.uuid.replace("-", "") + "0"
        return Dump(f"system os=mac cpu={self.cpu} version=13.4.1 csd=22F82 cpus=8\n"
                    f"module base={BASE:#x} size=0x20000 name=/Applications/app id={uuid}\n"
                    f"thread id=0x103 crashed\n  registers {registers}\n"
                    f"  stack at=0x16f000000\n    {stack}\n"
                    "exception code=1 flags=1 address=0x0 params=1,0\nexpect\n", self.folder)


class Place:
    def __init__(self, server):
        self.server = server
        self.poster = server.token("symbol:post", "sync:post", project="app")
        self.errors = server.token("error:post", "sync:post", project="app")
        self.reader = server.token("object:get", project="app")

    def upload(self, body):
        return self.server.submit(self.poster, body, format="symbols", params={"_mod_sync": "1"})

    def listed(self):
        """{what is in a file: its row}, of files that can be used."""
        rows = json.loads(self.server.command("symbols", "list", "--project", "app", "--json"))
        return {row["parts"]: row for row in rows}

    def frames(self, dump):
        rxid = self.server.submit(self.errors, dump.file.read_bytes(), format="minidump",
                                  params={"_mod_sync": "1"})["_rxid"]
        report = self.server.report_of(self.reader, rxid, project="app")
        return [(f.get("function"), f.get("file", "").split("/")[-1], f.get("line"))
                for f in report["stacktrace"]]


FRAMES = [("twice(int)", "app.cpp", "4"), ("inner(int)", "app.cpp", "10"),
          ("outer(int, int)", "app.cpp", "16"), ("start", "app.cpp", "20")]


@pytest.mark.parametrize("cpu", CPUS)
def test_program_and_dsym(server, tmp_path, cpu):
    """Lines come from the dSYM, the way from frame to frame from the program."""
    program, place = Program(tmp_path, cpu), Place(server)
    dump = program.dump()
    assert "errors" not in place.upload(program.archive())  # of what lies beside it in the archive
    assert place.frames(dump)[:2] == FRAMES[:2]
    assert place.frames(dump) != FRAMES  # scanning, or x29, led astray
    place.upload(program.binary)
    assert place.frames(dump) == FRAMES

    listed = place.listed()
    assert set(listed) == {"functions,lines,inlines", "publics,cfi"}
    for row in listed.values():
        assert row["kind"] == "macho" and row["cpu"] == cpu
        assert row["debug_id"] == program.uuid.replace("-", "") + "0"
        assert row["debug_file"] == row["code_file"] == "app"


@pytest.mark.parametrize("cpu", CPUS)
def test_stackwalk(tmp_path, cpu):
    """From a folder, without a server; the frames tell that rules led to them."""
    program, folder = Program(tmp_path, cpu), tmp_path / "found"
    folder.mkdir()
    (folder / "app").write_bytes(program.binary)
    (folder / "debug").write_bytes(program.dsym)
    walk, _ = crumple_walk(run_crumple(program.dump().file, [folder]))
    frames = walk["threads"][0]
    assert [(f.function, f.file.split("/")[-1], str(f.line)) for f in frames] == FRAMES
    assert [f.trust for f in frames[:3]] == ["inline", "context", "cfi"]
    assert cpu == "arm64" or frames[3].trust == "cfi"


def test_fat(server, tmp_path):
    """Files for two processors: each part is a file of its own."""
    place = Place(server)
    programs = {}
    for cpu in CPUS:
        folder = tmp_path / cpu
        folder.mkdir()
        programs[cpu] = Program(folder, cpu)
        (folder / "app").write_bytes(programs[cpu].binary)
    for what in ("app", "app.dSYM/Contents/Resources/DWARF/app"):
        parts = [str(p.folder / what) for p in programs.values()]
        subprocess.run([tool("llvm-lipo"), "-create", *parts, "-output", str(tmp_path / "fat")],
                       check=True)
        place.upload(zipped({what: (tmp_path / "fat").read_bytes()}))
    for program in programs.values():
        assert place.frames(program.dump()) == FRAMES


def test_java_is_no_program(server):
    """Class files begin as files for several processors do."""
    main = b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(600)
    told = Place(server).upload(zipped({"a/Main.class": main}))
    assert "a/Main.class: it is no symbol file" in told["errors"][0]
