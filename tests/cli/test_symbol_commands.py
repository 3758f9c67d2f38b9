"""`crumple symbols add|list|missing|convert`: symbols without HTTP, and the helper process by hand."""

import json
import os
import re
import struct
import subprocess

import pytest

from conftest import BINARY, Server
from symbol_files import debug_id, sym, tar, zipped


class Place:
    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"

    def run(self, *words, **options):
        return subprocess.run([str(BINARY), "symbols", *map(str, words), "--data", str(self.data)],
                              text=True, capture_output=True, timeout=120, **options)

    def ok(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def refused(self, status, part, *words):
        done = self.run(*words)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        assert part in done.stderr, done.stderr
        assert done.stderr.startswith(f"crumple symbols {words[0]}: ")
        return done

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def listed(self, *words):
        return json.loads(self.ok("list", "--json", *words))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.mark.parametrize("command", ["add", "list", "missing", "convert"])
def test_help(command):
    done = subprocess.run([BINARY, "symbols", command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith(f"Usage: crumple symbols {command} ")
    assert "Example" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_add_and_list(place):
    one = place.file("one.sym", sym("one", 1))
    two = place.file("two.tar.gz", tar({"x/two.sym": sym("two", 2), "y/one.sym": sym("one", 1),
                                        "README": b"hello"}))
    out = place.ok("add", one, two, "--project", "app", "--tag", "1.2")
    assert out.splitlines() == [
        f"{one}: 1 new, 0 there already, 0 not converted",
        f"{two}: 1 new, 1 there already, 1 not converted",
        "  README: it is no symbol file: neither Breakpad symbols nor an ELF or Mach-O file, nor a source map"]
    lines = place.ok("list").splitlines()
    assert re.split(r"  +", lines[0]) == ["PROJECT", "MODULE", "ID", "CPU", "KIND", "HAS", "TAG",
                                          "CONVERTED"]
    assert re.split(r"  +", lines[1])[:7] == ["app", "two", debug_id(2), "amd64", "breakpad",
                                              "functions,lines", "1.2"]
    assert len(lines) == 3
    assert len(place.ok("list", "--all").splitlines()) == 5
    assert [f["debug_file"] for f in place.listed("--project", "app")] == ["two", "one"]
    everything = place.listed("--all")
    assert [f["duplicate"] for f in everything] == [False, True, False, False]
    assert [bool(f["error"]) for f in everything] == [True, False, False, False]
    assert everything[2]["code_id"].lower() == f"{2:040x}"


def test_add_again_costs_nothing(place):
    files = [place.file(f"{i}.sym", sym(f"lib{i}", i)) for i in range(1, 4)]
    place.ok("add", *files)
    caches = sorted((place.data / "symbols").rglob("*.symcache"))
    times = [path.stat().st_mtime_ns for path in caches]
    out = place.ok("add", *files)
    assert out.count("0 new, 1 there already") == 3
    assert sorted((place.data / "symbols").rglob("*.symcache")) == caches
    assert [path.stat().st_mtime_ns for path in caches] == times


def test_nothing_in_it(place):
    bad = place.file("bad.zip", zipped({"a.pdb": b"Microsoft C/C++ MSF 7.00\r\n" + bytes(100)}))
    good = place.file("good.sym", sym())
    done = place.run("add", bad, good)
    assert done.returncode == 1 # something gave nothing, the rest is there
    assert "a.pdb: it is a PDB file" in done.stdout
    assert [f["debug_file"] for f in place.listed()] == ["app"]


@pytest.mark.parametrize("end", ["", "/", "//"])
def test_dsym_folder(end, place):
    """It is a folder: what lies at the usual place in it is added, file by file."""
    inside = place.folder / "App.dSYM" / "Contents" / "Resources" / "DWARF"
    inside.mkdir(parents=True)
    place.file("App.dSYM/Contents/Info.plist", b"<plist/>")
    for i, name in enumerate(["one", "two", "._two"]):
        (inside / name).write_bytes(sym(name, i + 1))
    out = place.ok("add", f"{place.folder}/App.dSYM{end}", place.file("c.sym", sym("three", 4)))
    assert out.splitlines() == [f"{path}: 1 new, 0 there already, 0 not converted"
                                for path in (inside / "one", inside / "two", place.folder / "c.sym")]
    assert {f["debug_file"] for f in place.listed()} == {"one", "two", "three"}


@pytest.mark.parametrize("folder", ["x", "empty.dSYM/Contents/Resources/DWARF", "x.dSYM/Contents"])
def test_other_folders(folder, place):
    """What to do is said, and the other files are added."""
    (place.folder / folder).mkdir(parents=True)
    top = place.folder / folder.split("/")[0]
    done = place.refused(1, f"{top} is a folder, and has no files in Contents/Resources/DWARF as a dSYM does: "
                         "name its files, or an archive of it", "add", top, place.file("a.sym", sym()))
    assert "a.sym: 1 new" in done.stdout and done.stderr.count("\n") == 1


def test_wrong_uses(place):
    place.refused(2, "FILE is missing", "add")
    place.refused(1, "no such file", "add", place.folder / "no such file")
    place.refused(1, "is empty", "add", place.file("empty", b""))
    place.refused(2, "", "add", place.file("a.sym", sym()), "--project", "api")
    place.refused(1, "no project", "list", "--project", "nothing")
    place.refused(1, "no project", "missing", "--project", "nothing")
    done = subprocess.run([BINARY, "symbols", "list", "--data", str(place.folder / "none")],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "no crumple.db" in done.stderr


def test_beside_a_server(tmp_path):
    server = Server(tmp_path).start()
    try:
        place = Place(tmp_path)
        file = place.file("a.sym", sym())
        done = place.refused(1, "in use by another server", "add", file)
        assert "post the files to it" in done.stderr and "stop" in done.stderr
        token = server.token("symbol:post", "sync:post", project="app")
        server.submit(token, sym(), format="symbols", params={"_mod_sync": "1"})
        assert [f["debug_file"] for f in place.listed()] == ["app"]
    finally:
        server.stop()


def test_nothing_is_missing(place):
    place.ok("add", place.file("a.sym", sym()), "--project", "app")
    assert json.loads(place.ok("missing", "--json")) == []
    assert len(place.ok("missing", "--project", "app").splitlines()) == 1


# --- the helper process -----------------------------------------------------------------------------

def convert(folder, body, answers=b"c" * 1000, *words):
    """Its lines, as objects, and its exit status."""
    upload, scratch = folder / "upload", folder / "scratch"
    upload.write_bytes(body)
    scratch.mkdir(exist_ok=True)
    ends = os.open(upload, os.O_RDONLY), os.open(scratch, os.O_RDONLY)
    done = subprocess.run([str(BINARY), "symbols", "convert", "--upload", str(ends[0]), "--scratch",
                           str(ends[1]), *words], input=answers, capture_output=True, timeout=60,
                          pass_fds=ends)
    for end in ends:
        os.close(end)
    return [json.loads(line) for line in done.stdout.splitlines()], done


def test_convert(tmp_path):
    lines, done = convert(tmp_path, zipped({"a.sym": sym("a", 1), "b.sym": sym("b", 2), "c": b"?"}))
    assert done.returncode == 0, done.stderr
    assert [line["say"] for line in lines] == ["ask", "made", "ask", "made", "other", "end"]
    assert [line["image"] for line in lines if line["say"] == "made"] == [0, 1]
    assert lines[-1]["error"] == ""
    assert sorted(os.listdir(tmp_path / "scratch")) == ["0", "1"]


def test_convert_parts_of_a_file_without_a_name(tmp_path):
    """Each processor's part is told of by the processor alone."""
    header = struct.pack(">II", 0xCAFEBABE, 2)
    header += struct.pack(">IIIII", 0x0100000C, 0, 4096, 32, 12)
    header += struct.pack(">IIIII", 0x01000007, 3, 8192, 32, 12)
    parts = [struct.pack("<IIIIIIII", 0xFEEDFACF, cpu, 0, 2, 9, 9, 0, 0) for cpu in (0x0100000C, 0x01000007)]
    lines, _ = convert(tmp_path, header.ljust(4096, b"\0") + parts[0].ljust(4096, b"\0") + parts[1])
    assert [line["entry"] for line in lines if "entry" in line] == ["arm64", "x86_64"]


def test_convert_what_is_known(tmp_path):
    lines, done = convert(tmp_path, zipped({"a.sym": sym("a", 1), "b.sym": sym("b", 2)}), b"kc")
    assert [line["say"] for line in lines] == ["ask", "ask", "made", "end"]
    assert done.returncode == 0


def test_convert_without_a_server(tmp_path):
    lines, done = convert(tmp_path, sym(), b"")
    assert done.returncode == 1 and b"does not answer" in done.stderr
    assert os.listdir(tmp_path / "scratch") == []


def test_convert_has_limits(tmp_path):
    """What the process may not do once it has begun: told by the kernel."""
    upload, scratch = tmp_path / "upload", tmp_path / "scratch"
    upload.write_bytes(sym())
    scratch.mkdir()
    ends = os.open(upload, os.O_RDONLY), os.open(scratch, os.O_RDONLY)
    process = subprocess.Popen([str(BINARY), "symbols", "convert", "--upload", str(ends[0]),
                                "--scratch", str(ends[1])], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, pass_fds=ends)
    try:
        assert json.loads(process.stdout.readline())["say"] == "ask" # and now it waits
        status = dict(line.split(":\t", 1) for line in
                      open(f"/proc/{process.pid}/status", encoding="ascii") if ":\t" in line)
        assert status["NoNewPrivs"].strip() == "1"
        limits = open(f"/proc/{process.pid}/limits", encoding="ascii").read()
        assert re.search(r"Max core file size\s+0\s", limits)
        assert re.search(r"Max open files\s+64\s", limits)
        assert re.search(r"Max cpu time\s+3600\s", limits)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == 10
    finally:
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()
        for end in ends:
            os.close(end)


def test_convert_memory(tmp_path):
    """Too little memory ends the file, or the process, and nothing else."""
    body = sym("big", 1, [f"function_with_a_name_{i}" for i in range(300000)])
    lines, done = convert(tmp_path, body, b"c", "--memory", str(16 << 20))
    if lines[-1]["say"] == "end" and lines[1]["say"] == "made":
        pytest.skip("the limit is not in force here (a sanitizer)")
    assert "made" not in [line["say"] for line in lines]


def test_convert_wrong_use():
    done = subprocess.run([BINARY, "symbols", "convert", "--upload", "77", "--scratch", "78"],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and "open descriptors" in done.stderr
