"""A core file of the kernel or of a debugger (ELF, Linux, x86-64) as a Process."""

import struct

from . import DumpError
from .process import Mapping, Process, notes, read_signal, registers_of

PT_LOAD, PT_NOTE, ET_CORE = 1, 4, 4
NT_PRSTATUS, NT_PRPSINFO, NT_AUXV, NT_FILE, NT_SIGINFO = 1, 3, 6, 0x46494C45, 0x53494749


class Segment:
    def __init__(self, flags, offset, address, file_size, size):
        self.flags, self.offset, self.address = flags, offset, address
        self.file_size, self.size = file_size, size

    def permissions(self):
        return "".join(letter if self.flags & bit else "-"
                       for letter, bit in (("r", 4), ("w", 2), ("x", 1))) + "p"


def segments_of(data):
    if data[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<HH", data, 16) != (ET_CORE, 62):
        raise DumpError("no core file of Linux on x86-64")
    table, = struct.unpack_from("<Q", data, 0x20)
    size, count = struct.unpack_from("<HH", data, 0x36)
    loads, all_notes = [], {}
    for i in range(count):
        kind, flags, offset, address, _, file_size, memory_size = struct.unpack_from(
            "<IIQQQQQ", data, table + i * size)
        if kind == PT_LOAD:
            loads.append(Segment(flags, offset, address, file_size, memory_size))
        elif kind == PT_NOTE:
            all_notes.update(notes(data[offset:offset + file_size]))
    return loads, all_notes


def files_of(note):
    """(start, end, offset, path) of an NT_FILE note."""
    count, page = struct.unpack_from("<QQ", note)
    places = [struct.unpack_from("<QQQ", note, 16 + 24 * i) for i in range(count)]
    paths = note[16 + 24 * count:].split(b"\0")
    return [(first, last, offset * page, path.decode(errors="surrogateescape"))
            for (first, last, offset), path in zip(places, paths)]


def read_core(path):
    with open(path, "rb") as file:
        data = file.read()
    loads, found = segments_of(data)

    def note(kind):
        return found.get(("CORE", kind), [b""])[0]

    if not note(NT_PRSTATUS):
        raise DumpError("no threads in the core file")
    process = Process()
    for status in found[("CORE", NT_PRSTATUS)]:  # the one that crashed comes first
        tid, = struct.unpack_from("<i", status, 32)
        process.threads.append((tid, registers_of(status[112:]), ""))
    process.pid = process.threads[0][0]
    if note(NT_SIGINFO):
        read_signal(process, note(NT_SIGINFO))
    else:
        process.signal, = struct.unpack_from("<H", note(NT_PRSTATUS), 12)
    if note(NT_PRPSINFO):
        process.pid, = struct.unpack_from("<i", note(NT_PRPSINFO), 24)
        process.cmdline = note(NT_PRPSINFO)[56:136].rstrip(b" \0").replace(b" ", b"\0") + b"\0"
    process.auxv = note(NT_AUXV)
    files = files_of(note(NT_FILE)) if note(NT_FILE) else []
    named = {first for first, *_ in files}
    permissions = {s.address: s.permissions() for s in loads}
    process.mappings = sorted(
        [Mapping(first, last, permissions.get(first, "r--p"), offset, name)
         for first, last, offset, name in files] +
        [Mapping(s.address, s.address + s.size, s.permissions(), 0, "") for s in loads
         if s.address not in named], key=lambda m: m.start)

    def read(address, size):
        for s in loads:
            if s.address <= address < s.address + s.file_size:
                at = s.offset + address - s.address
                return data[at:at + min(size, s.address + s.file_size - address)]
        return b""

    process.read = read
    return process
