"""Stacks, registers and symbols by chance: `crumple stackwalk` must find the frames that Breakpad's
minidump_stackwalk finds (where that is installed). What is known to differ is left out: the parameters
of functions on Windows, and rules on ARM64 (tests/data/dumps, `judge`). A failure prints its text,
which can be kept as a dump of its own; CRUMPLE_SEED gives other stacks."""

import os
import random

import pytest

from dumps import Dump, crumple_walk, judge_walk, run_crumple
from test_dumps import judge  # noqa: F401  (a fixture)

SEED = int(os.environ.get("CRUMPLE_SEED", "1"))
STACKS = 25  # of each system
SYSTEMS = [("x86", "linux"), ("x86", "windows"), ("amd64", "linux"), ("amd64", "windows"),
           ("amd64", "mac"), ("arm", "android"), ("arm", "ios"), ("arm64", "mac"),
           ("arm64-old", "android")]
# program counter, stack pointer, frame pointer: of a context, then the last two in rules
NAMES = {
    "x86": ("eip", "esp", "ebp", "$esp", "$ebp"),
    "amd64": ("rip", "rsp", "rbp", "$rsp", "$rbp"),
    "arm": ("pc", "sp", "r11", "sp", "r11"),
    "arm64": ("pc", "sp", "fp", "sp", "x29"),
    "arm64-old": ("pc", "sp", "fp", "sp", "x29"),
}
PROGRAMS = [
    "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =",
    "$T0 .raSearchStart = $eip $T0 ^ = $esp $T0 4 + =",
    "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $ebp $T0 4 - ^ =",
    "$T1 .raSearch = $T0 $T1 4 - 8 @ = $ebp $T1 4 - ^ = $eip $T1 ^ = $esp $T1 4 + =",
]


class Maker:
    def __init__(self, seed, cpu, system):
        self.random = random.Random(f"{seed} {cpu} {system}")
        self.cpu, self.system = cpu, system
        self.word = 4 if cpu in ("x86", "arm") else 8
        self.stack = 0x10000000 if self.word == 4 else 0x7F0000000000
        self.functions = []  # (address, size)
        self.symbols = ["FILE 0 a.c", "INLINE_ORIGIN 0 inner"]

    def rules(self, address, size):
        pick = self.random
        *_, sp, fp = NAMES[self.cpu]
        if self.cpu == "x86" and self.system == "windows" and pick.random() < 0.6:
            sizes = f"{pick.choice([0, 4])} {pick.choice([0, 4, 8]):x} 0"
            if pick.random() < 0.6:
                return [f"STACK WIN 4 {address:x} {size:x} 0 0 0 {sizes} 1 {pick.choice(PROGRAMS)}"]
            return [f"STACK WIN 0 {address:x} {size:x} 0 0 0 {sizes} 0 {pick.choice([0, 1])}"]
        if pick.random() < 0.5 or self.cpu.startswith("arm64"):
            return []
        cfa = pick.choice([1, 2, 3, 4]) * self.word
        base = sp if pick.random() < 0.8 else fp
        link = self.cpu == "arm" and pick.random() < 0.2
        first = f"STACK CFI INIT {address:x} {size:x} .cfa: {base} {cfa} + .ra: "
        first += "lr" if link else f".cfa -{self.word} + ^"
        if pick.random() < 0.5:
            first += f" {fp}: .cfa -{2 * self.word} + ^"
        later = [f"STACK CFI {address + 4:x} .cfa: {base} {cfa + self.word} +"]
        return [first] + (later if pick.random() < 0.4 else [])

    def make_functions(self):
        pick = self.random
        address = 0x1000
        for number in range(pick.randint(2, 6)):
            size = pick.choice([0x10, 0x40, 0x80])
            half = size // 2
            if pick.random() < 0.25:
                self.symbols.append(f"PUBLIC {address:x} 0 f{number}")
            else:
                self.symbols.append(f"FUNC {address:x} {size:x} 0 f{number}")
                if pick.random() < 0.3:
                    self.symbols.append(f"INLINE 0 90 0 0 {address + 4:x} {half:x}")
                self.symbols.append(f"{address:x} {half:x} {number + 1} 0")
                if pick.random() < 0.7:
                    self.symbols.append(f"{address + half:x} {half:x} {number + 50} 0")
                self.symbols += self.rules(address, size)
            self.functions.append((address, size))
            address += size + pick.choice([0, 0, 0x10])

    def code(self):
        address, size = self.random.choice(self.functions)
        return 0x400000 + address + self.random.randint(0, size)

    def value(self, place, count):
        chance = self.random.random()
        if chance < 0.35:
            return self.code()
        if chance < 0.6:  # a place further up
            return self.stack + self.word * self.random.randint(place, count + 1)
        if chance < 0.7:
            return 0
        if chance < 0.75:  # in a module without symbols, or a little behind it
            return 0x500000 + self.random.randint(0, 0x1100)
        return self.random.randint(0, 1 << (8 * self.word - 1))

    def text(self):
        pick = self.random
        self.make_functions()
        count = pick.randint(8, 60)
        start = pick.randint(0, 3)
        pc, sp, fp, *_ = NAMES[self.cpu]

        def place():
            return f"{self.stack + self.word * pick.randint(start, count - 1):#x}"

        registers = f"{pc}={self.code():#x} {sp}={self.stack + self.word * start:#x} {fp}={place()}"
        if self.cpu.startswith("arm"):
            registers += f" lr={self.code():#x}"
        if self.cpu == "arm":
            registers += f" r7={place()}"
        values = " ".join(f"{self.value(n, count):#x}" for n in range(count))
        return "\n".join([
            f"system os={self.system} cpu={self.cpu}",
            "module base=0x400000 size=0x5000 name=app",
            "module base=0x500000 size=0x1000 name=lib",
            "thread id=1 crashed",
            f"  registers {registers}",
            f"  stack at={self.stack:#x}",
            f"    {values}",
            "exception code=11 flags=1 address=8",
            "symbols app",
            *(f"  {line}" for line in self.symbols)]) + "\n"


@pytest.mark.parametrize("cpu, system", SYSTEMS)
def test_as_the_judge(cpu, system, tmp_path, judge):  # noqa: F811
    for number in range(STACKS):
        text = Maker(f"{SEED} {number}", cpu, system).text()
        folder = tmp_path / str(number)
        folder.mkdir()
        dump = Dump(text, folder)
        theirs = judge_walk(dump.file, [dump.symbols])["threads"][0]
        ours = crumple_walk(run_crumple(dump.file, [dump.symbols]))[0]["threads"][0]
        assert ours == theirs, f"seed {SEED}, stack {number}:\n{text}"
