"""Runs a program until a signal would end it, and looks at it then, by ptrace (Linux, x86-64).

Needs no debugger, no core files and no rights: a process may always trace its children, but where
a container forbids ptrace altogether (TraceError)."""

import ctypes
import os
import pathlib
import signal

from . import DumpError
from .process import Mapping, Process, read_signal, registers_of, stack_mapping

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.restype = ctypes.c_long
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

CONT, GETREGS, GETSIGINFO, SEIZE, INTERRUPT, LISTEN = 7, 12, 0x4202, 0x4206, 0x4207, 0x4208
TRACE_CLONE, EXIT_KILL = 8, 0x100000
EVENT_STOP = 128
WALL = 0x40000000
# Signals that do not end a program when it has no handler for them.
HARMLESS = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH, signal.SIGSTOP,
            signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}


class TraceError(DumpError):
    """ptrace is not allowed here."""


def ptrace(request, pid, address=0, data=0):
    if LIBC.ptrace(request, pid, address, data) == -1:
        number = ctypes.get_errno()
        raise TraceError(f"ptrace {request:#x} of {pid}: {os.strerror(number)}")


def start(command, environment):
    """A child that waits, stopped, until it is traced."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, os.WUNTRACED)
        return pid
    try:
        os.kill(os.getpid(), signal.SIGSTOP)
        os.execve(command[0], command, environment)
    finally:
        os._exit(127)


def is_deadly(pid, tid, number):
    """Whether this signal, about to be delivered, ends the program."""
    if number in HARMLESS:
        return False
    text = pathlib.Path(f"/proc/{pid}/task/{tid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    bit = 1 << (number - 1)
    return not (int(fields["SigCgt"], 16) | int(fields["SigIgn"], 16)) & bit


def run(command, environment=None):
    """The Process at the moment of its end; DumpError when it ends by itself."""
    pid = start(command, os.environ if environment is None else environment)
    try:
        ptrace(SEIZE, pid, 0, TRACE_CLONE | EXIT_KILL)
        os.kill(pid, signal.SIGCONT)
        tid = wait_for_end(pid)
        stop_others(pid, tid)
        return look(pid, tid)
    finally:
        end(pid)


def wait_for_end(pid):
    while True:
        tid, status = os.waitpid(-1, WALL)
        if not os.WIFSTOPPED(status):
            if tid == pid:
                raise DumpError(f"the program ended by itself (status {status:#x})")
            continue
        number, event = os.WSTOPSIG(status), status >> 16
        if event == EVENT_STOP and number in (signal.SIGSTOP, signal.SIGTSTP):
            ptrace(LISTEN, tid)  # a stop of the whole program goes on until SIGCONT
        elif event:
            ptrace(CONT, tid)
        elif is_deadly(pid, tid, number):
            return tid
        else:
            ptrace(CONT, tid, 0, number)


def stop_others(pid, crashed):
    stopped = {crashed}
    while True:
        rest = {int(t) for t in os.listdir(f"/proc/{pid}/task")} - stopped
        if not rest:
            return
        for tid in rest:
            ptrace(INTERRUPT, tid)
            os.waitpid(tid, WALL)
            stopped.add(tid)


def read_mappings(pid):
    out = []
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        words = line.split(maxsplit=5)
        first, last = (int(x, 16) for x in words[0].split("-"))
        out.append(Mapping(first, last, words[1], int(words[2], 16),
                           words[5] if len(words) > 5 else ""))
    return out


def look(pid, crashed):
    process = Process()
    process.pid = pid
    info = ctypes.create_string_buffer(128)
    ptrace(GETSIGINFO, crashed, 0, ctypes.addressof(info))
    read_signal(process, info.raw)
    tids = sorted(int(t) for t in os.listdir(f"/proc/{pid}/task"))
    for tid in [crashed] + [t for t in tids if t != crashed]:
        registers = ctypes.create_string_buffer(27 * 8)
        ptrace(GETREGS, tid, 0, ctypes.addressof(registers))
        name = pathlib.Path(f"/proc/{pid}/task/{tid}/comm").read_text().strip()
        process.threads.append((tid, registers_of(registers.raw), name))
    process.mappings = read_mappings(pid)
    proc = pathlib.Path(f"/proc/{pid}")
    process.auxv, process.cmdline, process.status = (
        (proc / name).read_bytes() for name in ("auxv", "cmdline", "status"))
    # All at once, since the program ends before the dump is written.
    memory = {}
    with open(proc / "mem", "rb", buffering=0) as file:
        for _, registers, _ in process.threads:
            m = stack_mapping(process, registers)
            if m and "r" in m.permissions:
                file.seek(m.start)
                memory[m.start] = file.read(m.end - m.start)

    def read(address, size):
        for begin, content in memory.items():
            if begin <= address < begin + len(content):
                return content[address - begin:address - begin + size]
        return b""

    process.read = read
    return process


def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        while True:
            found, status = os.waitpid(-1, WALL)
            if found == pid and not os.WIFSTOPPED(status):
                return
    except (ProcessLookupError, ChildProcessError):
        pass
