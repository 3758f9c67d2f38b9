"""Dumps made of texts, what these expect, and what a program makes of them.

A walk is a dictionary: reason, address, thread (of the crash; None: none), threads: lists of frames.
A Frame of an expectation may leave out what it does not care for."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

from conftest import BINARY, ROOT

sys.path.insert(0, str(ROOT / "tools"))

from make_dump.build import builder_of  # noqa: E402

FOLDER = ROOT / "tests" / "data" / "dumps"
JUDGE = (ROOT / "tests" / "clients" / "node_modules" / "minidump" / "bin" / "linux-x64" /
         "minidump_stackwalk")
CACHE = tempfile.TemporaryDirectory(prefix="crumple-symbol-caches-")
TRUSTS = {"context", "cfi", "cfi_scan", "leaf", "fp", "scan", "inline"}
FOUND_BY = {
    "given as instruction pointer in context": "context",
    "call frame info": "cfi",
    "call frame info with scanning": "cfi_scan",
    "previous frame's frame pointer": "fp",
    "simulating a return from leaf function": "leaf",
    "stack scanning": "scan",
    "inline record": "inline",
}
CALL_SIZES = {"arm": 2, "arm64": 4}


class Frame:
    def __init__(self, trust, module, function, offset, file, line):
        self.trust, self.module, self.function = trust, module, function
        self.offset, self.file, self.line = offset, file, line

    def __eq__(self, other):
        return vars(self) == vars(other)

    def __repr__(self):
        name = self.function or (f"+{self.offset:#x}" if self.offset is not None else "?")
        place = f" [{self.file}:{self.line}]" if self.file else ""
        return f"{self.trust} {self.module}!{name}{place}"


class Dump:
    """A text, and the files made of it."""

    def __init__(self, path_or_text, folder):
        text = path_or_text if isinstance(path_or_text, str) else path_or_text.read_text()
        self.builder = builder_of(text)
        self.folder = pathlib.Path(folder)
        self.symbols = self.folder / "symbols"
        self.symbols.mkdir(exist_ok=True)
        self.file = self.folder / "crash.dmp"
        self.file.write_bytes(self.builder.build())
        self.has_symbols = bool(self.builder.write_symbols(self.symbols))
        self.expect = self.builder.first("expect")
        self.judge = self.builder.first("judge")
        self.wrong = self.builder.first("wrong")

    def expected(self):
        """{"reason": ..., "address": ..., "thread": ..., frames: {thread: [Frame]}, "refused": ...,
        "json": [(path, text)], "attributes": {name: text}, "secrets": [text]}; only what the text
        says."""
        out = {"frames": {}, "json": [], "attributes": {}, "secrets": []}
        for record in self.expect.children:
            if record.word in ("reason", "refused"):
                out[record.word] = record.args[0]
            elif record.word == "address":
                out["address"] = (None if record.args[0] == "none"
                                  else self.builder.names.number(record.args[0]))
            elif record.word == "thread":
                out["thread"] = None if record.args[0] == "none" else int(record.args[0])
            elif record.word == "frames":
                out["frames"][int(record.args[0])] = [self._frame(r) for r in record.children]
            elif record.word == "json":
                out["json"].append((record.args[0], record.args[1]))
            elif record.word == "attribute":
                out["attributes"][record.args[0]] = record.args[1]
            elif record.word == "secret":
                out["secrets"].append(record.args[0])
            else:
                record.fail("what is that?")
        return out

    def _frame(self, record):
        """TRUST MODULE!FUNCTION [FILE:LINE], TRUST MODULE+OFFSET, TRUST ADDRESS"""
        if record.word not in TRUSTS:
            record.fail("no trust")
        name = record.args[0]
        file = line = module = function = offset = None
        if len(record.args) > 1:
            file, line = record.args[1].rsplit(":", 1)
            line = int(line)
        if "!" in name:
            nick, function = name.split("!", 1)
            module = self.builder.find_module(record, nick).file
        else:
            address = self.builder.names.number(name)
            inside = [m for m in self.builder.modules if name.startswith(m.nick)]
            module = inside[0].file if inside else None
            offset = address - inside[0].base if inside else address
        return Frame(record.word, module, function, offset, file, line)


def base_name(path):
    return re.split(r"[/\\]", path)[-1] if path else None


def number(value):
    return int(value, 16) if isinstance(value, str) else value


def run_crumple(dump, symbols, *options):
    """The finished process of `crumple stackwalk --json`."""
    command = [str(BINARY), "stackwalk", str(dump), "--json", *options]
    for folder in symbols:
        command += ["--symbols", str(folder)]
    command += ["--cache", CACHE.name]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def crumple_walk(done):
    """What it printed, as a walk, and the JSON itself."""
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    crash = result.get("crash") or {}
    address = crash.get("address")
    return {
        "reason": crash.get("reason"),
        "address": None if address is None else number(address),
        "thread": crash.get("thread"),
        "threads": [[crumple_frame(f) for f in t["frames"]] for t in result["threads"]],
    }, result


def crumple_frame(f):
    trust = "inline" if f.get("inlined") else f["trust"]
    module = base_name(f.get("module"))
    offset = None
    if not f.get("function"):
        offset = number(f.get("offset") if module else f.get("address", f.get("offset")))
    return Frame(trust, module, f.get("function") or None, offset, f.get("file") or None,
                 f.get("line") or None)


def judge_walk(dump, symbols):
    """The same by minidump_stackwalk; None when it refuses the dump."""
    plain = subprocess.run([JUDGE, dump, *symbols], capture_output=True, timeout=120)
    lines = subprocess.run([JUDGE, "-m", dump, *symbols], capture_output=True, timeout=120)
    if plain.returncode or lines.returncode:
        return None
    trusts = re.findall(r"^    Found by: (.*)$", plain.stdout.decode(errors="replace"),
                        re.MULTILINE)
    walk = {"reason": None, "address": None, "thread": None, "threads": []}
    threads, frames, cpu = {}, [], None
    for line in lines.stdout.decode(errors="replace").splitlines():
        fields = line.split("|")
        if fields[0] == "CPU":
            cpu = fields[1]
        elif fields[0] == "Crash" and fields[1] != "No crash":
            walk["reason"], walk["address"] = fields[1], int(fields[2], 16)
            walk["thread"] = int(fields[3]) if fields[3] else None
        elif fields[0].isdigit():
            frame = Frame(None, fields[2] or None, fields[3] or None, None, fields[4] or None,
                          int(fields[5]) if fields[5] else None)
            if not frame.function:
                # On ARM it shows where the call was instead of where it returns to.
                back = CALL_SIZES.get(cpu, 0) if fields[1] != "0" else 0
                frame.offset = int(fields[6], 16) + back
            threads.setdefault(int(fields[0]), []).append(frame)
            frames.append(frame)
    assert len(trusts) == len(frames), plain.stdout.decode()
    for frame, trust in zip(frames, trusts):
        frame.trust = FOUND_BY[trust]
    walk["threads"] = [threads.get(n, []) for n in range(max(threads, default=-1) + 1)]
    return walk


def differences(expected, walk):
    """Sentences; none when the walk is what was expected."""
    out = []
    for key in ("reason", "address", "thread"):
        if key in expected and expected[key] != walk[key]:
            shown = [f"{x:#x}" if key == "address" and x is not None else repr(x)
                     for x in (expected[key], walk[key])]
            out.append(f"{key}: {shown[0]} was expected, not {shown[1]}")
    for thread, frames in expected["frames"].items():
        got = walk["threads"][thread] if thread < len(walk["threads"]) else []
        if frames != got:
            out.append(f"thread {thread}:\n  expected:\n" +
                       "".join(f"    {f}\n" for f in frames) + "  found:\n" +
                       "".join(f"    {f}\n" for f in got))
    return out
