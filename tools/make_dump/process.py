"""A program of this machine (Linux, x86-64) that crashed, as a minidump.

trace.py and core.py fill in a Process, write() makes of it what Breakpad's client would have
written: threads with their stacks, modules with build ids, the signal, files of /proc."""

import os
import struct

from . import minidump
from .contexts import context_bytes

STACK_MAX = 256 * 1024  # bytes of one stack that are kept
RED_ZONE = 128
OVERFLOW_MAX = 64 * 1024  # how far below its end the pointer of an overflowed stack is
# struct user_regs_struct of <sys/user.h>
USER_REGS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp "
             "ss fs_base gs_base ds es fs gs").split()
IN_CONTEXT = set(USER_REGS) - {"orig_rax", "fs_base", "gs_base"}


class Mapping:
    def __init__(self, start, end, permissions, offset, path):
        self.start, self.end, self.permissions = start, end, permissions
        self.offset, self.path = offset, path


class Process:
    def __init__(self):
        self.pid = 0
        self.threads = []  # (tid, {register: value}, name); the one that crashed comes first
        self.signal = self.code = self.address = 0
        self.mappings = []
        self.read = None  # (address, size) -> bytes, fewer where memory ends
        self.auxv = self.cmdline = self.status = b""


def registers_of(user_regs):
    return dict(zip(USER_REGS, struct.unpack_from("<27Q", user_regs)))


def read_signal(process, info):
    """From a siginfo_t."""
    process.signal, _, process.code = struct.unpack_from("<iii", info)
    # The address that could not be used; of a signal that was sent, the sender's ids: Breakpad
    # reads the same bytes.
    process.address, = struct.unpack_from("<Q", info, 16)


def build_id(path):
    """Of an ELF file; empty when it has none."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:6] != b"\x7fELF\x02\x01":
        return b""
    table, = struct.unpack_from("<Q", data, 0x20)
    size, count = struct.unpack_from("<HH", data, 0x36)
    for i in range(count):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", data, table + i * size)
        if kind == 4:  # PT_NOTE
            found = notes(data[offset:offset + length]).get(("GNU", 3))
            if found:
                return found[0]
    return b""


def notes(data):
    """{(name, type): [descriptions]}"""
    out = {}
    at = 0
    while at + 12 <= len(data):
        name_size, size, kind = struct.unpack_from("<III", data, at)
        at += 12
        name = data[at:at + name_size].rstrip(b"\0").decode(errors="replace")
        at += -(-name_size // 4) * 4
        out.setdefault((name, kind), []).append(data[at:at + size])
        at += -(-size // 4) * 4
    return out


def modules_of(mappings):
    """(base, size, path) of each ELF file, the program first."""
    out = {}
    for m in mappings:
        if not m.path.startswith("/") or not os.path.isfile(m.path):
            continue
        base, end = out.get(m.path, (m.start - m.offset, 0))
        out[m.path] = (min(base, m.start - m.offset), max(end, m.end))
    found = []
    for path, (base, end) in out.items():
        with open(path, "rb") as file:
            if file.read(4) == b"\x7fELF":
                found.append((base, end - base, path))
    return found


def stack_mapping(process, registers):
    """Where the stack is; a stack that overflowed has its pointer below that."""
    for m in sorted(process.mappings, key=lambda m: m.start):
        if registers["rsp"] < m.end and registers["rsp"] >= m.start - OVERFLOW_MAX:
            return m
    return None


def stack_of(process, registers):
    m = stack_mapping(process, registers)
    if not m:
        return registers["rsp"], b""
    start = max(registers["rsp"] - RED_ZONE, m.start) & ~15
    return start, process.read(start, min(m.end - start, STACK_MAX))


def maps_text(mappings):
    return "".join(f"{m.start:x}-{m.end:x} {m.permissions} {m.offset:08x} 00:00 0 {m.path}\n"
                   for m in mappings).encode()


def write(process):
    dump = minidump.Minidump()
    layout = dump.layout
    system = os.uname()
    dump.system_info(9, minidump.PLATFORMS["linux"],
                     csd=f"{system.sysname} {system.release} {system.version} {system.machine}",
                     cpus=os.cpu_count() or 1)
    dump.modules([dump.module(base, size, path, dump.cv_elf(build_id(path)))
                  for base, size, path in modules_of(process.mappings)])
    threads, regions, contexts = [], [], []
    for tid, registers, _ in process.threads:
        start, content = stack_of(process, registers)
        place = dump.location(content, 16)
        kept = {name: value for name, value in registers.items() if name in IN_CONTEXT}
        contexts.append(dump.location(context_bytes(layout, "amd64", kept)))
        threads.append((tid, 0, 0, 0, 0, start, place, contexts[-1]))
        regions.append((start, place))
    dump.threads(threads)
    dump.memory_list(regions)
    dump.thread_names([(tid, name) for tid, _, name in process.threads if name])
    dump.exception(process.threads[0][0], process.signal, process.code % (1 << 32),
                   address=process.address, context=contexts[0])
    for name, content in (("maps", maps_text(process.mappings)), ("auxv", process.auxv),
                          ("cmdline", process.cmdline), ("status", process.status)):
        if content:
            dump.add(minidump.LINUX[name], content, name)
    return bytes(dump.finish())
