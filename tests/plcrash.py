"""Writes reports of PLCrashReporter: a header and a protobuf message, made by hand of a tree.

A tree is a dictionary by the names of fields; a list stands for a field that is repeated, here also for
one that may not be (its parts are merged). encode() takes "CrashReport" and a tree, file() adds the header.
decode_text() reads what `protoc --decode` prints."""

import re

VARINT, LENGTH = 0, 2
HEADER = b"plcrash\x01"
NUMBER = "number"  # all whole numbers, booleans and enums are varints
SCHEMA = {
    "CrashReport": {"system_info": (1, "SystemInfo"), "application_info": (2, "ApplicationInfo"),
                    "threads": (3, "Thread"), "binary_images": (4, "BinaryImage"),
                    "exception": (5, "Exception"), "signal": (6, "Signal"),
                    "process_info": (7, "ProcessInfo"), "machine_info": (8, "MachineInfo"),
                    "report_info": (9, "ReportInfo"), "custom_data": (10, bytes)},
    "SystemInfo": {"operating_system": (1, NUMBER), "os_version": (2, str), "architecture": (3, NUMBER),
                   "timestamp": (4, NUMBER), "os_build": (5, str)},
    "Processor": {"encoding": (1, NUMBER), "type": (2, NUMBER), "subtype": (3, NUMBER)},
    "MachineInfo": {"model": (1, str), "processor": (2, "Processor"), "processor_count": (3, NUMBER),
                    "logical_processor_count": (4, NUMBER)},
    "ApplicationInfo": {"identifier": (1, str), "version": (2, str), "marketing_version": (3, str)},
    "ProcessInfo": {"process_name": (1, str), "process_id": (2, NUMBER), "process_path": (3, str),
                    "parent_process_name": (4, str), "parent_process_id": (5, NUMBER),
                    "native": (6, NUMBER), "start_time": (7, NUMBER)},
    "Thread": {"thread_number": (1, NUMBER), "frames": (2, "StackFrame"), "crashed": (3, NUMBER),
               "registers": (4, "RegisterValue")},
    "StackFrame": {"pc": (3, NUMBER), "symbol": (6, "Symbol")},
    "Symbol": {"name": (1, str), "start_address": (2, NUMBER), "end_address": (3, NUMBER)},
    "RegisterValue": {"name": (1, str), "value": (2, NUMBER)},
    "BinaryImage": {"base_address": (1, NUMBER), "size": (2, NUMBER), "name": (3, str), "uuid": (4, bytes),
                    "code_type": (5, "Processor")},
    "Exception": {"name": (1, str), "reason": (2, str), "frames": (3, "StackFrame")},
    "Signal": {"name": (1, str), "code": (2, str), "address": (3, NUMBER),
               "mach_exception": (4, "MachException")},
    "MachException": {"type": (1, NUMBER), "codes": (2, NUMBER)},
    "ReportInfo": {"user_requested": (1, NUMBER), "uuid": (2, bytes)},
}
ENUMS = {"MAC_OS_X": 0, "X86_32": 0, "true": 1, "false": 0}
X86, AMD64, ARM, ARM64, PPC = 7, 0x01000007, 12, 0x0100000C, 18


def varint(n):
    n %= 1 << 64
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def tag(number, wire):
    return varint(number << 3 | wire)


def sized(number, content):
    return tag(number, LENGTH) + varint(len(content)) + content


def field(number, kind, value):
    if kind is NUMBER:
        return tag(number, VARINT) + varint(int(value))
    if kind is str:
        value = value.encode() if isinstance(value, str) else value
    return sized(number, encode(kind, value) if isinstance(kind, str) else value)


def encode(message, tree):
    """`raw` in a tree is written behind the fields, as it is."""
    out = b""
    for name, value in tree.items():
        if name == "raw":
            continue
        number, kind = SCHEMA[message][name]
        out += b"".join(field(number, kind, v) for v in (value if isinstance(value, list) else [value]))
    return out + tree.get("raw", b"")


def file(tree):
    return HEADER + encode("CrashReport", tree)


def image(base, size, name, number=None, **more):
    """`number` makes its UUID, as that of tests/symbol_files.py."""
    uuid = {} if number is None else {"uuid": number.to_bytes(16, "big")}
    return {"base_address": base, "size": size, "name": name, **uuid, **more}


def frames(*addresses):
    """A frame for each; a pair is an address and a symbol."""
    pairs = [a if isinstance(a, tuple) else (a, None) for a in addresses]
    return [{"pc": pc, **({"symbol": symbol} if symbol else {})} for pc, symbol in pairs]


def thread(number, *addresses, crashed=False, **registers):
    return {"thread_number": number, "frames": frames(*addresses), "crashed": crashed,
            "registers": [{"name": n, "value": v} for n, v in registers.items()]}


def minimal(**more):
    """A report with nothing but what it must have; `more` replaces or adds members."""
    return {"system_info": {"operating_system": 1, "os_version": "17.1", "architecture": 6,
                            "timestamp": 1700000000},
            "application_info": {"identifier": "com.example.Shop", "version": "42"},
            "signal": {"name": "SIGSEGV", "code": "SEGV_MAPERR", "address": 0x10}, **more}


def whole(**more):
    """A crash of an ARM64 phone, in the second of its three threads."""
    processor = {"encoding": 1, "type": ARM64, "subtype": 2}
    return minimal(
        system_info={"operating_system": 1, "os_version": "17.1", "architecture": 6,
                     "timestamp": 1700000000, "os_build": "21B74"},
        application_info={"identifier": "com.example.Shop", "version": "42", "marketing_version": "1.5.2"},
        machine_info={"model": "iPhone14,5", "processor": processor, "processor_count": 6,
                      "logical_processor_count": 8},
        process_info={"process_name": "Shop", "process_id": 711, "process_path": "/apps/Shop.app/Shop",
                      "parent_process_name": "launchd", "parent_process_id": 1, "native": True,
                      "start_time": 1699999970},
        report_info={"user_requested": False, "uuid": bytes(range(16))},
        threads=[thread(0, 0x180001200, 0x100001108),
                 thread(3, 0x100001010, 0x100001104, 0x180001304, crashed=True, x0=0, x19=0x2A, fp=0x16F000100,
                        lr=0x100001104, sp=0x16F000000, pc=0x100001010, cpsr=0x60000000),
                 thread(7)],
        binary_images=[image(0x100000000, 0x8000, "/apps/Shop.app/Shop", 1, code_type=processor),
                       image(0x180000000, 0x10000, "/usr/lib/libSystem.dylib", 2),
                       image(0x190000000, 0x10000, "/usr/lib/libnothing.dylib")],
        signal={"name": "SIGSEGV", "code": "SEGV_MAPERR", "address": 0x10,
                "mach_exception": {"type": 1, "codes": [1, 0x10]}}, **more)


def decode_text(text):
    """The tree of what protoc prints; numbers and booleans as numbers, texts as bytes. Fields that
    stand more than once become lists."""
    root, stack = {}, []
    here = root

    def put(name, value):
        if name not in here:
            here[name] = value
        elif isinstance(here[name], list):
            here[name].append(value)
        else:
            here[name] = [here[name], value]

    for line in text.splitlines():
        line = line.strip()
        if line == "}":
            here = stack.pop()
        elif line.endswith("{"):
            inner = {}
            put(line[:-1].strip(), inner)
            stack.append(here)
            here = inner
        elif line:
            name, value = line.split(": ", 1)
            put(name, unquoted(value) if value.startswith('"') else
                ENUMS[value] if value in ENUMS else int(value))
    return root


def unquoted(text):
    escapes = {"n": 10, "r": 13, "t": 9, '"': 34, "'": 39, "\\": 92}
    parts = re.findall(r'\\([0-7]{1,3})|\\(.)|([^\\])', text[1:-1])
    return b"".join(bytes([int(octal, 8)]) if octal else bytes([escapes[escaped]]) if escaped
                    else plain.encode() for octal, escaped, plain in parts)
