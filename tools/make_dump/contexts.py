"""The CONTEXT of each processor: which registers there are and where they stand."""

from . import DumpError

ARM_NAMES = [f"r{n}" for n in range(16)]
ARM64_NAMES = [f"x{n}" for n in range(31)] + ["sp", "pc"]
AMD64_NAMES = ("rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 rip").split()

ALIASES = {
    "arm": {"sp": "r13", "lr": "r14", "pc": "r15", "fp": "r11"},
    "arm64": {"fp": "x29", "lr": "x30"},
}


def _x86():
    places = {name: (0x8c + 4 * n, "I") for n, name in enumerate(
        "gs fs es ds edi esi ebx edx ecx eax ebp eip cs eflags esp ss".split())}
    return {"size": 716, "flags": 0x1001f, "flags_form": "I", "places": places}


def _amd64():
    places = {name: (0x78 + 8 * n, "Q") for n, name in enumerate(AMD64_NAMES)}
    places |= {name: (0x38 + 2 * n, "H") for n, name in enumerate("cs ds es fs gs ss".split())}
    places["eflags"] = (0x44, "I")
    return {"size": 1232, "flags": 0x10000f, "flags_at": 0x30, "flags_form": "I",
            "places": places}


def _arm():
    places = {name: (4 + 4 * n, "I") for n, name in enumerate(ARM_NAMES)}
    places["cpsr"] = (68, "I")
    return {"size": 368, "flags": 0x40000007, "flags_form": "I", "places": places}


def _arm64():
    """As Windows and Crashpad have it."""
    places = {name: (8 + 8 * n, "Q") for n, name in enumerate(ARM64_NAMES)}
    places["cpsr"] = (4, "I")
    return {"size": 912, "flags": 0x400007, "flags_form": "I", "places": places}


def _arm64_old():
    """As Breakpad has it on Linux and Android."""
    places = {name: (8 + 8 * n, "Q") for n, name in enumerate(ARM64_NAMES)}
    places["cpsr"] = (272, "I")
    return {"size": 796, "flags": 0x80000006, "flags_form": "Q", "places": places}


CONTEXTS = {"x86": _x86(), "amd64": _amd64(), "arm": _arm(), "arm64": _arm64(),
            "arm64-old": _arm64_old()}
# MINIDUMP_SYSTEM_INFO.ProcessorArchitecture
ARCHITECTURES = {"x86": 0, "amd64": 9, "arm": 5, "arm64": 12, "arm64-old": 0x8003}
WORDS = {"x86": 4, "amd64": 8, "arm": 4, "arm64": 8, "arm64-old": 8}


def register_name(cpu, name):
    """The name as CONTEXTS has it, or None."""
    name = ALIASES.get(cpu.removesuffix("-old"), {}).get(name, name)
    return name if name in CONTEXTS[cpu]["places"] else None


def context_bytes(layout, cpu, registers, flags=None, size=None):
    """registers: {name: value}; others are 0. size: cut or padded to it."""
    facts = CONTEXTS[cpu]
    out = bytearray(facts["size"])

    def place(at, form, value):
        field = layout.pack(form, value)
        out[at:at + len(field)] = field

    place(facts.get("flags_at", 0), facts["flags_form"], facts["flags"] if flags is None else flags)
    for name, value in registers.items():
        known = register_name(cpu, name)
        if known is None:
            raise DumpError(f"{cpu} has no register {name}")
        at, form = facts["places"][known]
        place(at, form, value % (1 << (8 * len(layout.pack(form, 0)))))
    if size is not None:
        out = out[:size] + bytes(max(0, size - len(out)))
    return bytes(out)
