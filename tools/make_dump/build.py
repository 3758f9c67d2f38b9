"""Records of a text to the minidump that they describe."""

import hashlib
import re

from . import DumpError, contexts, minidump, symbols
from .text import Names, records_of


class Module:
    """A `module` record, with what was left out filled in."""

    def __init__(self, record, os, names):
        record.only("base", "size", "name", "as", "debug", "id", "build-id", "cv", "version",
                    "timestamp", "checksum")
        options = record.options
        for key in ("base", "size", "name"):
            if key not in options:
                record.fail(f"{key} is missing")
        self.name = options["name"]
        self.file = re.split(r"[/\\]", self.name)[-1]
        self.nick = options.get("as", self.file.split(".")[0])
        self.base = names.number(options["base"])
        self.size = names.number(options["size"])
        self.timestamp = names.number(options.get("timestamp", "0"))
        self.checksum = names.number(options.get("checksum", "0"))
        self.version = None
        if "version" in options:
            self.version = tuple(int(part) for part in options["version"].split("."))
        self.cv = options.get("cv") or ("elf" if os in ("linux", "android") else "pdb70")
        self.build_id = bytes.fromhex(
            options.get("build-id") or hashlib.sha1(self.name.encode()).hexdigest())
        self.debug_path = options.get("debug", self._default_debug(os))
        self.debug_file = re.split(r"[/\\]", self.debug_path)[-1]
        self.debug_id = options.get("id") or self._default_id()

    def _default_debug(self, os):
        if os == "windows":
            return re.sub(r"\.(exe|dll)$", "", self.file, flags=re.IGNORECASE) + ".pdb"
        return self.name if self.cv == "elf" else self.file

    def _default_id(self):
        if self.cv == "elf":
            first = self.build_id[:16].ljust(16, b"\0")
            parts = first[3::-1] + first[5:3:-1] + first[7:5:-1] + first[8:]
            return parts.hex().upper() + "0"
        digits = hashlib.md5(self.name.encode()).hexdigest().upper()
        return digits[:8] + "2" if self.cv == "pdb20" else digits + "1"

    def cv_record(self, dump):
        if self.cv == "elf":
            return dump.cv_elf(self.build_id)
        if self.cv == "pdb20":
            return dump.cv_pdb20(int(self.debug_id[:8], 16), int(self.debug_id[8:], 16),
                                 self.debug_path)
        if self.cv == "pdb70":
            return dump.cv_pdb70(self.debug_id[:32], int(self.debug_id[32:], 16), self.debug_path)
        if self.cv == "none":
            return b""
        raise DumpError(f"module {self.nick}: cv is elf, pdb70, pdb20 or none")


class Block:
    """The content of a `stack` or `memory` record: items of known size, then their bytes."""

    SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}

    def __init__(self, record, names, word):
        self.start = names.number(record.options["at"])
        self.items = []  # (size of each value, expressions) or bytes
        self.word = word
        self.length = 0
        self.record = record
        for line in record.children:
            try:
                self._line(line, names)
            except DumpError as wrong:
                line.fail(wrong)

    def _values(self, size, values):
        self.items.append((size, values))
        self.length += size * len(values)

    def _bytes(self, data):
        self.items.append(data)
        self.length += len(data)

    def _line(self, line, names):
        values = line.values
        while values and values[0].endswith(":"):
            names.add(values[0][:-1], self.start + self.length)
            values = values[1:]
        if not values:
            return
        first, rest = values[0], values[1:]
        if first in self.SIZES:
            self._values(self.SIZES[first], rest)
        elif first == "fill":  # COUNT [VALUE]: words
            self._values(self.word, [rest[1] if len(rest) > 1 else "0"] * names.number(rest[0]))
        elif first == "until":  # ADDRESS: zeros up to it
            size = names.number(rest[0]) - self.start - self.length
            if size < 0:
                raise DumpError(f"{rest[0]} has been passed")
            self._bytes(bytes(size))
        elif first == "text":
            self._bytes("".join(rest).encode())
        elif first == "hex":
            self._bytes(bytes.fromhex("".join(rest)))
        else:
            self._values(self.word, values)

    def content(self, layout, names):
        out = b""
        for item in self.items:
            if isinstance(item, bytes):
                out += item
            else:
                size, values = item
                form = {1: "B", 2: "H", 4: "I", 8: "Q"}[size]
                out += b"".join(layout.pack(form, names.number(v) % (1 << 8 * size))
                                for v in values)
        return out


class Builder:
    def __init__(self, records):
        self.records = records
        self.names = Names()
        head = self.first("minidump")
        system = self.first("system")
        self.os = system.options.get("os", "linux") if system else "linux"
        self.cpu = system.options.get("cpu", "amd64") if system else "amd64"
        if self.cpu not in contexts.CONTEXTS:
            system.fail(f"cpu is one of {', '.join(contexts.CONTEXTS)}")
        self.word = contexts.WORDS[self.cpu]
        big_endian = bool(head) and head.options.get("endian") == "big"
        self.dump = minidump.Minidump(big_endian)
        self.layout = self.dump.layout
        if head:
            head.only("endian", "time", "flags", "version", "signature", "checksum",
                      "list-padding", "streams")
            self.dump.list_padding = self.number(head, "list-padding")
        self.modules = [Module(r, self.os, self.names) for r in self.all("module")]
        for module in self.modules:
            self.names.add(module.nick, module.base)
        self._name_functions()
        self.blocks = {}
        for record in records:
            for block in [record, *record.children]:
                if block.word in ("stack", "memory", "memory64") and "at" in block.options:
                    self.blocks[block] = Block(block, self.names, self.word)
        self.regions = []  # of the memory list: (start, place)
        self.regions64 = []

    def first(self, word):
        return next(self.all(word), None)

    def all(self, word):
        return (record for record in self.records if record.word == word)

    def number(self, record, key, default=0):
        value = record.options.get(key)
        if value is None:
            return default
        try:
            return self.names.number(value)
        except DumpError as wrong:
            record.fail(wrong)

    def find_module(self, record, nick):
        for module in self.modules:
            if module.nick == nick:
                return module
        record.fail(f"there is no module {nick}")

    def _name_functions(self):
        for record in self.all("symbols"):
            if not record.args or record.options.get("unnamed"):
                continue
            module = self.find_module(record, record.args[0])
            for address, name in symbols.functions(record.lines):
                name = f"{module.nick}!{name}"
                if name not in self.names.values:
                    self.names.add(name, module.base + address)

    # One function a record, in the order of the text; lists are written at their first record

    def build(self):
        done = set()
        for record in self.records:
            if record.word in ("minidump", "symbols", "expect", "judge", "wrong", "truncate", "corrupt"):
                continue
            method = getattr(self, "_" + record.word.replace("-", "_"), None)
            if method is None:
                record.fail("there is no such record")
            if record.word in ("module", "thread", "unloaded", "memory", "memory64",
                               "memory-info", "handle"):
                if record.word in done:
                    continue
                done.add(record.word)
                method(list(self.all(record.word)))
            else:
                method(record)
        if "memory" not in done and self.regions:
            self._memory([])
        if self.regions64:
            self.dump.memory64_list(self.regions64)
        head = self.first("minidump")
        fields = {key: self.number(head, key) for key in ("time", "flags", "version", "signature",
                                                          "checksum")
                  if head and key in head.options}
        out = self.dump.finish(**fields)
        if head and "streams" in head.options:
            self.layout.fill(8, self.layout.pack("I", self.number(head, "streams")))
        return self._damage(out)

    def _damage(self, out):
        for name, at in self.layout.places.items():
            self.names.add("@" + name, at)
        for record in self.all("corrupt"):
            record.only("at", "hex", "u8", "u16", "u32", "u64")
            at = self.number(record, "at")
            data = bytes.fromhex(record.options.get("hex", ""))
            for key, form in (("u8", "B"), ("u16", "H"), ("u32", "I"), ("u64", "Q")):
                if key in record.options:
                    data = self.layout.pack(form, self.number(record, key))
            if not data or at + len(data) > len(out):
                record.fail("nothing to write, or past the end")
            out[at:at + len(data)] = data
        for record in self.all("truncate"):
            record.only("at")
            at = self.number(record, "at")
            out = out[:at if at >= 0 else len(out) + at]
        return bytes(out)

    def _system(self, record):
        record.only("os", "cpu", "version", "csd", "cpus", "level", "revision", "vendor", "family",
                    "cpuid", "hwcaps", "product-type", "platform", "architecture")
        options = record.options
        version = tuple(int(x) for x in options.get("version", "0.0.0").split("."))
        if len(version) != 3:
            record.fail("version is major.minor.build")
        if self.cpu in ("x86", "amd64"):
            info = minidump.cpu_info_x86(self.layout, options.get("vendor", "GenuineIntel"),
                                         self.number(record, "cpuid"))
        else:
            info = minidump.cpu_info_arm(self.layout, self.number(record, "cpuid"),
                                         self.number(record, "hwcaps"))
        architecture = self.number(record, "architecture", contexts.ARCHITECTURES[self.cpu])
        platform = self.number(record, "platform", minidump.PLATFORMS.get(self.os))
        if platform is None:
            record.fail(f"os is one of {', '.join(minidump.PLATFORMS)}, or platform a number")
        self.dump.system_info(architecture, platform, version, options.get("csd", ""),
                              self.number(record, "cpus", 1), self.number(record, "level"),
                              self.number(record, "revision"),
                              self.number(record, "product-type", 1), info)

    def _module(self, records):
        self.dump.modules([
            self.dump.module(m.base, m.size, m.name, m.cv_record(self.dump), m.timestamp,
                             m.checksum, m.version) for m in self.modules])

    def _unloaded(self, records):
        self.dump.unloaded_modules([
            (self.number(r, "base"), self.number(r, "size"), self.number(r, "checksum"),
             self.number(r, "timestamp"), r.options.get("name", "")) for r in records])

    def _context(self, record):
        """The place of the context that a `registers` record below describes."""
        lines = [c for c in record.children if c.word == "registers"]
        if not lines:
            return self.layout.pack("II", 0, 0)
        registers, cpu, flags, size = {}, self.cpu, None, None
        for line in lines:
            for key, value in line.options.items():
                if key == "layout":
                    cpu = value
                elif key == "flags":
                    flags = self.number(line, key)
                elif key == "size":
                    size = self.number(line, key)
                else:
                    registers[key] = self.number(line, key)
        try:
            return self.dump.location(
                contexts.context_bytes(self.layout, cpu, registers, flags, size))
        except DumpError as wrong:
            lines[0].fail(wrong)

    def _thread(self, records):
        threads, names = [], []
        self.contexts = {}
        for record in records:
            record.only("id", "name", "suspend", "class", "priority", "teb", args=1)
            number = self.number(record, "id")
            context = self._context(record)
            self.contexts[number] = context
            start, stack = 0, self.layout.pack("II", 0, 0)
            for child in record.children:
                if child.word == "stack":
                    start, stack = self._stack(child)
                elif child.word != "registers":
                    child.fail("a thread has registers and a stack")
            threads.append((number, self.number(record, "suspend"), self.number(record, "class"),
                            self.number(record, "priority"), self.number(record, "teb"), start,
                            stack, context))
            if "name" in record.options:
                names.append((number, record.options["name"]))
        self.dump.threads(threads)
        if names:
            self.dump.thread_names(names)

    def _stack(self, record):
        record.only("at", "in", "size", args=0)
        block = self.blocks[record]
        content = block.content(self.layout, self.names)
        where = record.options.get("in", "list")
        if where == "memory64":  # as full dumps have it
            self.regions64.append((block.start, content))
            return block.start, self.layout.pack("II", 0, 0)
        place = self.dump.location(content, 16)
        if where == "list":
            self.regions.append((block.start, place))
        elif where != "thread":
            record.fail("in is list, thread or memory64")
        return block.start, place

    def _memory(self, records):
        for record in records:
            record.only("at")
            block = self.blocks[record]
            content = block.content(self.layout, self.names)
            self.regions.append((block.start, self.dump.location(content, 16)))
        # Stacks of threads that stand further down belong to the list too.
        if any(r.word == "thread" for r in self.records) and not hasattr(self, "contexts"):
            (records or self.records)[0].fail("memory must stand behind the threads")
        self.dump.memory_list(self.regions)

    def _memory64(self, records):
        for record in records:
            record.only("at")
            block = self.blocks[record]
            self.regions64.append((block.start, block.content(self.layout, self.names)))

    def _memory_info(self, records):
        self.dump.memory_info([
            (self.number(r, "base"), self.number(r, "allocation", self.number(r, "base")),
             self.number(r, "first-protection", self.number(r, "protection")),
             self.number(r, "size"), self.number(r, "state", 0x1000),
             self.number(r, "protection"), self.number(r, "type", 0x20000)) for r in records])

    def _exception(self, record):
        record.only("code", "flags", "address", "params", "thread", "record", "count")
        thread = self.number(record, "thread", None)
        if thread is None:
            crashed = next((r for r in self.all("thread") if "crashed" in r.args), None)
            thread = self.number(crashed, "id") if crashed else 0
        params = [self.names.number(p) for p in record.options.get("params", "").split(",") if p]
        context = self._context(record) if record.children else self.contexts.get(thread)
        mask = (1 << 64) - 1
        self.dump.exception(thread, self.number(record, "code") % (1 << 32),
                            self.number(record, "flags") % (1 << 32),
                            self.number(record, "record"), self.number(record, "address") & mask,
                            [p & mask for p in params], self.number(record, "count", None),
                            context)

    def _misc(self, record):
        record.only("pid", "create-time", "user-time", "kernel-time", "mhz", "build", "size")
        times = None
        if "create-time" in record.options:
            times = tuple(self.number(record, k) for k in ("create-time", "user-time",
                                                            "kernel-time"))
        self.dump.misc_info(self.number(record, "pid", None), times,
                            self.number(record, "mhz", None), record.options.get("build"),
                            self.number(record, "size", None))

    def _breakpad_info(self, record):
        record.only("dump-thread", "requesting-thread")
        self.dump.breakpad_info(self.number(record, "dump-thread", None),
                                self.number(record, "requesting-thread", None))

    def _assertion(self, record):
        record.only("expression", "function", "file", "line", "type")
        options = record.options
        self.dump.assertion(options.get("expression", ""), options.get("function", ""),
                            options.get("file", ""), self.number(record, "line"),
                            self.number(record, "type"))

    def _handle(self, records):
        self.dump.handles([
            (self.number(r, "id"), r.options.get("type", ""), r.options.get("name", ""),
             self.number(r, "attributes"), self.number(r, "access"), self.number(r, "handles", 1),
             self.number(r, "pointers", 1)) for r in records])

    def _linux(self, record):
        """linux NAME [ends=zero]: the lines as a file of /proc, or with a zero behind each."""
        if not record.args or record.args[0] not in minidump.LINUX:
            record.fail(f"one of {', '.join(minidump.LINUX)}")
        end = "\0" if record.options.get("ends") == "zero" else "\n"
        if record.args[0] == "auxv":  # lines of KEY VALUE
            form = "I" if self.word == 4 else "Q"
            data = b"".join(self.layout.pack(form, self.names.number(word))
                            for line in record.lines for word in line.split())
        else:
            data = "".join(line + end for line in record.lines).encode()
        self.dump.add(minidump.LINUX[record.args[0]], data, record.args[0])

    def _dso_debug(self, record):
        record.only("base", "brk", "dynamic")
        maps = [(self.number(c, "address"), c.options.get("name", ""), self.number(c, "dynamic"))
                for c in record.children]
        self.dump.dso_debug(self.word, self.number(record, "base"), self.number(record, "brk"),
                            self.number(record, "dynamic"), maps)

    def _crashpad(self, record):
        record.only("report", "client", "version", "address-mask")
        simple, modules = [], []
        for child in record.children:
            if child.word == "simple":
                simple.append(tuple(child.args))
            elif child.word == "module":
                modules.append(self._crashpad_module(child))
            else:
                child.fail("simple or module")
        self.dump.crashpad_info(*(record.options.get(k, "0" * 32).replace("-", "")
                                  for k in ("report", "client")), simple, modules,
                                self.number(record, "version", 1),
                                self.number(record, "address-mask", None))

    def _crashpad_module(self, record):
        index = (int(record.args[0]) if record.args[0].isdigit()
                 else self.modules.index(self.find_module(record, record.args[0])))
        texts, pairs, objects = [], [], []
        for child in record.children:
            if child.word == "list":
                texts += child.args
            elif child.word == "simple":
                pairs.append(tuple(child.args))
            elif child.word == "object":  # NAME [VALUE] [type=1] [hex=]
                value = (bytes.fromhex(child.options["hex"]) if "hex" in child.options
                         else child.args[1].encode())
                objects.append((child.args[0], self.number(child, "type", 1), value))
            else:
                child.fail("list, simple or object")
        return index, texts, pairs, objects

    def _comment(self, record):
        data = "\n".join(record.lines).encode() + b"\0"
        self.dump.add(minidump.COMMENT_A, data, "comment")

    def _raw(self, record):
        """raw stream=N [hex=...]: a stream of these bytes, or of the lines below, or empty."""
        record.only("stream", "hex", "name")
        data = bytes.fromhex(record.options.get("hex", "")) + "\n".join(record.lines).encode()
        self.dump.add(self.number(record, "stream"), data, record.options.get("name"))

    def _directory(self, record):
        """directory stream=N size=N at=N: an entry that points wherever it wants."""
        record.only("stream", "size", "at")
        self.dump.add_entry(self.number(record, "stream"), self.number(record, "size"),
                            self.number(record, "at"))

    # The symbol files of the text

    def write_symbols(self, folder):
        paths = []
        for record in self.all("symbols"):
            record.only("id", "file", "unnamed", args=1)
            module = self.find_module(record, record.args[0])
            debug_id = record.options.get("id", module.debug_id)
            debug_file = record.options.get("file", module.debug_file)
            text = symbols.file_text(self.os, self.cpu, debug_id, debug_file, record.lines)
            paths.append(symbols.write(folder, debug_file, debug_id, text))
        return paths


def builder_of(text):
    return Builder(records_of(text))
