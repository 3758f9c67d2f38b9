"""tools/make-dump: the bytes that it makes, read here with nothing but offsets from the documentation
of the format; and what it says of texts that are wrong."""

import struct
import subprocess

import pytest

from conftest import ROOT
from dumps import FOLDER, builder_of
from make_dump import DumpError, contexts

TOOL = ROOT / "tools" / "make-dump"
SYSTEM = "system os=linux cpu=amd64\n"


def build(text):
    return builder_of(text).build()


def streams_of(data, order="<"):
    """{type: (offset, size)} of the directory; the first of each type."""
    signature, version, count, at = struct.unpack_from(order + "IIII", data)
    assert (signature, version & 0xFFFF) == (0x504D444D, 0xA793)
    out = {}
    for i in range(count):
        kind, size, offset = struct.unpack_from(order + "III", data, at + 12 * i)
        assert offset + size <= len(data)
        out.setdefault(kind, (offset, size))
    return out


def string_at(data, at, order="<"):
    size, = struct.unpack_from(order + "I", data, at)
    assert data[at + 4 + size:at + 6 + size] == b"\0\0"
    return data[at + 4:at + 4 + size].decode("utf-16-le" if order == "<" else "utf-16-be")


def test_header():
    data = build("minidump time=0x5f000000 flags=0x21\n" + SYSTEM)
    assert data[:8] == b"MDMP\x93\xa7\0\0"
    assert struct.unpack_from("<IIIIQ", data, 8) == (1, 32, 0, 0x5F000000, 0x21)


@pytest.mark.parametrize("endian, order", [("little", "<"), ("big", ">")])
def test_system(endian, order):
    data = build(f"minidump endian={endian}\nsystem os=windows cpu=x86 version=6.1.7601 "
                 'csd="Service Pack 1" cpus=2 level=6 revision=0x1706 vendor=AuthenticAMD\n')
    at, size = streams_of(data, order)[7]
    assert size == 56
    assert struct.unpack_from(order + "HHHBBIIII", data, at) == (0, 6, 0x1706, 2, 1, 6, 1, 7601, 2)
    assert string_at(data, struct.unpack_from(order + "I", data, at + 24)[0], order) == "Service Pack 1"
    vendor = struct.unpack_from(order + "III", data, at + 32)
    assert struct.pack("<III", *vendor) == b"AuthenticAMD"


def test_module():
    data = build('system os=windows cpu=amd64\nmodule base=0x7ff600000000 size=0x8000 timestamp=9 '
                 'name="C:\\\\a \u00e4.exe" as=a version=1.2.3.4 '
                 'id=00112233445566778899AABBCCDDEEFF2 debug=a.pdb\n')
    at, size = streams_of(data)[4]
    assert struct.unpack_from("<I", data, at) == (1,)
    assert size == 4 + 108
    base, length, _, timestamp, name = struct.unpack_from("<QIIII", data, at + 4)
    assert (base, length, timestamp, string_at(data, name)) == (0x7FF600000000, 0x8000, 9,
                                                               "C:\\a ä.exe")
    assert struct.unpack_from("<IIII", data, at + 28) == (0xFEEF04BD, 0x10000, 0x10002, 0x30004)
    cv_size, cv_at = struct.unpack_from("<II", data, at + 80)
    assert data[cv_at:cv_at + cv_size] == (
        b"RSDS" + bytes.fromhex("33221100554477668899AABBCCDDEEFF") + b"\2\0\0\0a.pdb\0")


def test_elf_module():
    data = build(SYSTEM + "module base=1 size=2 name=/bin/a build-id=00112233\n")
    at, _ = streams_of(data)[4]
    cv_size, cv_at = struct.unpack_from("<II", data, at + 80)
    assert data[cv_at:cv_at + cv_size] == b"LEpB\x00\x11\x22\x33"


# For each context: its size, its flags, and where three registers stand, as the headers have it.
CONTEXTS = [
    ("x86", 716, (0, "I", 0x1001F), {"ebp": 180, "eip": 184, "esp": 196, "edi": 156, "eax": 176}),
    ("amd64", 1232, (48, "I", 0x10000F), {"rax": 120, "rsp": 152, "rbp": 160, "r15": 240, "rip": 248}),
    ("arm", 368, (0, "I", 0x40000007), {"r0": 4, "r11": 48, "sp": 56, "lr": 60, "pc": 64}),
    ("arm64", 912, (0, "I", 0x400007), {"x0": 8, "fp": 240, "lr": 248, "sp": 256, "pc": 264}),
    ("arm64-old", 796, (0, "Q", 0x80000006), {"x0": 8, "x29": 240, "lr": 248, "sp": 256, "pc": 264}),
]


@pytest.mark.parametrize("cpu, size, flags, registers", CONTEXTS, ids=[c[0] for c in CONTEXTS])
def test_context(cpu, size, flags, registers):
    values = {name: 0x11223344 + n for n, name in enumerate(registers)}
    data = build(f"system os=linux cpu={cpu}\nthread id=5\n  registers " +
                 " ".join(f"{name}={value}" for name, value in values.items()) + "\n")
    at, _ = streams_of(data)[3]
    found_size, context = struct.unpack_from("<II", data, at + 4 + 40)
    assert found_size == size
    assert struct.unpack_from("<" + flags[1], data, context + flags[0]) == (flags[2],)
    form = "<I" if contexts.WORDS[cpu] == 4 else "<Q"
    for name, place in registers.items():
        assert struct.unpack_from(form, data, context + place) == (values[name],), name


def test_thread_stack_and_labels():
    data = build(SYSTEM + """
module base=0x400000 size=0x1000 name=/bin/app
thread id=7 name=worker priority=3 teb=0x9000
  registers rip=app!f+2 rsp=here+8
  stack at=0x7000
    1 app+0x20
    here: -1 app!f-1
    u8 1 2
    until 0x7030
    end: 0x5
symbols app
  FUNC 100 20 0 f
""")
    places = streams_of(data)
    at, _ = places[3]
    count, tid, _, _, priority, teb, start, size, rva, _, context = struct.unpack_from(
        "<IIIIIQQIIII", data, at)
    assert (count, tid, priority, teb, start, size) == (1, 7, 3, 0x9000, 0x7000, 0x38)
    assert struct.unpack_from("<4Q", data, rva) == (1, 0x400020, 2**64 - 1, 0x4000FF)
    assert data[rva + 32:rva + 48] == b"\1\2" + bytes(14)
    assert struct.unpack_from("<Q", data, rva + 48) == (5,)
    assert struct.unpack_from("<Q", data, context + 248) == (0x400102,)
    assert struct.unpack_from("<Q", data, context + 152) == (0x7018,)
    at, _ = places[24]
    count, tid, name = struct.unpack_from("<IIQ", data, at)
    assert (count, tid, string_at(data, name)) == (1, 7, "worker")
    at, _ = places[5]  # the memory list has the stack too
    assert struct.unpack_from("<IQII", data, at) == (1, 0x7000, 0x38, rva)


def test_exception():
    data = build("""system os=windows cpu=amd64
thread id=1
  registers rip=1
thread id=2 crashed
  registers rip=2
exception code=0xc0000005 flags=1 address=0x1234 params=1,0x10
""")
    places = streams_of(data)
    at, size = places[6]
    assert size == 168
    assert struct.unpack_from("<IIIIQQII", data, at) == (2, 0, 0xC0000005, 1, 0, 0x1234, 2, 0)
    assert struct.unpack_from("<3Q", data, at + 40) == (1, 0x10, 0)
    threads, _ = places[3]
    assert struct.unpack_from("<II", data, at + 160) == struct.unpack_from(
        "<II", data, threads + 4 + 48 + 40)


def test_memory64():
    data = build("system os=windows cpu=x86\nmemory64 at=0x1000\n  1 2\nmemory64 at=0x5000\n  u8 9\n")
    at, size = streams_of(data)[9]
    count, rva = struct.unpack_from("<QQ", data, at)
    assert (count, size) == (2, 16 + 32)
    assert struct.unpack_from("<4Q", data, at + 16) == (0x1000, 8, 0x5000, 1)
    assert data[rva:rva + 9] == b"\1\0\0\0\2\0\0\0\x09"


def test_damage():
    whole = build(SYSTEM + "raw stream=77 hex=00112233 name=mine\n")
    at, size = streams_of(whole)[77]
    assert whole[at:at + size] == b"\x00\x11\x22\x33"
    cut = build(SYSTEM + "raw stream=77 hex=00112233 name=mine\ncorrupt at=@mine+1 u16=0xabcd\n"
                "truncate at=-1\n")
    assert cut == whole[:at + 1] + b"\xcd\xab"
    with_entry = build(SYSTEM + "directory stream=4 size=0x1000 at=0xffffff00\n")
    assert struct.unpack_from("<III", with_entry, 32 + 12) == (4, 0x1000, 0xFFFFFF00)


@pytest.mark.parametrize("text, message", [
    ("nothing\n", "line 1: nothing: there is no such record"),
    ("system os=linux cpu=vax\n", "line 1: system: cpu is one of"),
    ("system os=beos cpu=x86\n", "line 1: system: os is one of"),
    (SYSTEM + "module base=1 size=1\n", "line 2: module: name is missing"),
    (SYSTEM + "module base=1 size=1 name=a bas=2\n", "line 2: module: there is no option bas"),
    (SYSTEM + "thread id=1\n  registers eip=1\n", "line 3: registers: amd64 has no register eip"),
    (SYSTEM + "thread id=b\n", "line 2: thread: b is no number, label, module or function"),
    (SYSTEM + "thread id=1\n  stack at=8\n    1\n    until 8\n", "line 5: until: 8 has been passed"),
    (SYSTEM + "thread id=1\n  stack at=8\n    a: 1\n    a: 2\n", "line 5: a:: a is 0x8 and 0x10"),
    (SYSTEM + "symbols app\n", "line 2: symbols: there is no module app"),
    (SYSTEM + "corrupt at=9999999 u8=1\n", "line 2: corrupt: nothing to write, or past the end"),
    ('system os="linux\n', 'line 1: what is "linux?'),
    ("  system os=linux\n", "line 1: indented below nothing"),
])
def test_wrong_texts(text, message):
    with pytest.raises(DumpError) as raised:
        build(text)
    assert str(raised.value).startswith(message)


def test_command(tmp_path):
    text = FOLDER / "linux-amd64-cfi.dump.txt"
    for name in ("one", "two"):
        done = subprocess.run([TOOL, text, "-o", tmp_path / name, "--symbols", tmp_path / "symbols"],
                              capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found = sorted(str(p.relative_to(tmp_path / "symbols")) for p in tmp_path.rglob("*.sym"))
    assert found == ["app/A2B9BA3F7ABECF699CCD51DCD617E2510/app.sym",
                     "libdraw-2.so.1/0636E1EB0D10819F3E404F679F68826F0/libdraw-2.so.1.sym"]
    assert (tmp_path / "symbols" / found[0]).read_text().startswith(
        "MODULE Linux x86_64 A2B9BA3F7ABECF699CCD51DCD617E2510 app\nFILE 0 /src/app/main.c\n")


def test_command_tells_what_is_wrong(tmp_path):
    done = subprocess.run([TOOL, "-", "-o", tmp_path / "out"], input="what\n", capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "make-dump: -: line 1: what: there is no such record\n"
    assert not (tmp_path / "out").exists()
