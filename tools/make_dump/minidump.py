"""Streams of a minidump, from plain Python values.

A Minidump collects streams; finish() gives the bytes. Each function writes what the stream refers to
first and then the stream itself, so that lists and directories only name places that exist. Where
streams and entries begin is kept by name ("threads", "threads.0", ...) in layout.places."""

import struct

from . import DumpError
from .layout import Layout

THREAD_LIST, MODULE_LIST, MEMORY_LIST, EXCEPTION, SYSTEM_INFO = 3, 4, 5, 6, 7
MEMORY64_LIST, COMMENT_A, HANDLE_DATA = 9, 10, 12
UNLOADED_MODULE_LIST, MISC_INFO, MEMORY_INFO_LIST, THREAD_NAMES = 14, 15, 16, 24
BREAKPAD_INFO, ASSERTION_INFO = 0x47670001, 0x47670002
LINUX = {"cpuinfo": 0x47670003, "status": 0x47670004, "lsb-release": 0x47670005,
         "cmdline": 0x47670006, "environ": 0x47670007, "auxv": 0x47670008, "maps": 0x47670009,
         "dso-debug": 0x4767000A}
CRASHPAD_INFO = 0x43500001

PLATFORMS = {"windows": 2, "mac": 0x8101, "ios": 0x8102, "linux": 0x8201, "android": 0x8203}

HEADER_SIZE = 32


class Minidump:
    def __init__(self, big_endian=False, streams=64):
        self.layout = Layout(big_endian)
        self.layout.name("header", self.layout.reserve(HEADER_SIZE))
        self.streams_max = streams
        self.directory = self.layout.name("directory", self.layout.reserve(12 * streams))
        self.entries = []  # (type, size, offset)
        self.list_padding = 0  # some writers put 4 bytes between a count and the list

    def add(self, stream, data, name=None):
        at = self.layout.put(data, 8)
        if name:
            self.layout.name(name, at)
        self.add_entry(stream, len(data), at)
        return at

    def add_entry(self, stream, size, at):
        if len(self.entries) == self.streams_max:
            raise DumpError(f"more than {self.streams_max} streams")
        self.entries.append((stream, size, at))

    def add_list(self, stream, name, entries):
        head = self.layout.pack("I", len(entries)) + bytes(self.list_padding)
        at = self.add(stream, head + b"".join(entries), name)
        at += len(head)
        for number, entry in enumerate(entries):
            self.layout.name(f"{name}.{number}", at)
            at += len(entry)

    def finish(self, time=0, flags=0, version=0xA793, signature=0x504D444D, checksum=0):
        pack = self.layout.pack
        self.layout.fill(0, pack("IIIIIIQ", signature, version, len(self.entries), self.directory,
                                 checksum, time, flags))
        self.layout.fill(self.directory, b"".join(pack("III", *e) for e in self.entries))
        return self.layout.bytes

    # What streams are made of

    def location(self, data, align=8):
        """Puts the data; a MINIDUMP_LOCATION_DESCRIPTOR of it."""
        return self.layout.pack("II", len(data), self.layout.put(data, align))

    def guid(self, hex_digits):
        if len(hex_digits) != 32:
            raise DumpError(f"{hex_digits} has not the 32 digits of a GUID")
        return self.layout.pack("IHH", int(hex_digits[:8], 16), int(hex_digits[8:12], 16),
                                int(hex_digits[12:16], 16)) + bytes.fromhex(hex_digits[16:])

    def cv_pdb70(self, guid, age, file):
        return b"RSDS" + self.guid(guid) + self.layout.pack("I", age) + file.encode() + b"\0"

    def cv_pdb20(self, signature, age, file):
        return b"NB10" + self.layout.pack("III", 0, signature, age) + file.encode() + b"\0"

    def cv_elf(self, build_id):
        return self.layout.pack("I", 0x4270454C) + build_id

    # The streams

    def system_info(self, architecture, platform, version=(0, 0, 0), csd="", cpus=1, level=0,
                    revision=0, product_type=0, cpu_info=b""):
        csd_at = self.layout.string(csd)
        data = self.layout.pack("HHHBBIIIIIHH", architecture, level, revision, cpus, product_type,
                                *version, platform, csd_at, 0, 0)
        self.add(SYSTEM_INFO, data + cpu_info.ljust(24, b"\0")[:24], "system")

    def module(self, base, size, name, cv=b"", timestamp=0, checksum=0, version=None, misc=b""):
        """One entry for modules()."""
        pack = self.layout.pack
        name_at = self.layout.string(name)
        cv_place = self.location(cv, 4) if cv else pack("II", 0, 0)
        misc_place = self.location(misc, 4) if misc else pack("II", 0, 0)
        fixed = bytes(52)
        if version:
            a, b, c, d = version
            fixed = pack("IIIIII", 0xFEEF04BD, 0x10000, a << 16 | b, c << 16 | d, a << 16 | b,
                         c << 16 | d) + bytes(28)
        return (pack("QIIII", base, size, checksum, timestamp, name_at) + fixed + cv_place +
                misc_place + bytes(16))

    def modules(self, entries):
        self.add_list(MODULE_LIST, "modules", entries)

    def unloaded_modules(self, modules):
        """modules: (base, size, checksum, timestamp, name)"""
        pack = self.layout.pack
        entries = [pack("QIIII", base, size, checksum, timestamp, self.layout.string(name))
                   for base, size, checksum, timestamp, name in modules]
        self.add(UNLOADED_MODULE_LIST, pack("III", 12, 24, len(entries)) + b"".join(entries),
                 "unloaded")

    def threads(self, threads):
        """threads: (id, suspend, class, priority, teb, stack start, stack place, context place)"""
        pack = self.layout.pack
        self.add_list(THREAD_LIST, "threads", [
            pack("IIIIQQ", *plain) + stack + context for *plain, stack, context in threads])

    def thread_names(self, names):
        """names: (id, name)"""
        placed = [(number, self.layout.string(name)) for number, name in names]
        self.add_list(THREAD_NAMES, "thread-names",
                      [self.layout.pack("IQ", number, at) for number, at in placed])

    def memory_list(self, regions):
        """regions: (start, place)"""
        self.add_list(MEMORY_LIST, "memory",
                      [self.layout.pack("Q", start) + place for start, place in regions])

    def memory64_list(self, regions):
        """regions: (start, bytes); these stand one behind the other."""
        pack = self.layout.pack
        head = 16 + 16 * len(regions)
        at = self.layout.put(b"", 8)
        data = pack("QQ", len(regions), at + head)
        data += b"".join(pack("QQ", start, len(content)) for start, content in regions)
        self.add(MEMORY64_LIST, data, "memory64")
        self.layout.put(b"".join(content for _, content in regions), 1)

    def memory_info(self, regions):
        """regions: (base, allocation base, allocation protection, size, state, protection, type)"""
        pack = self.layout.pack
        entries = [pack("QQIIQIIII", base, allocation, first, 0, size, state, protection, kind, 0)
                   for base, allocation, first, size, state, protection, kind in regions]
        self.add(MEMORY_INFO_LIST, pack("IIQ", 16, 48, len(entries)) + b"".join(entries),
                 "memory-info")

    def exception(self, thread, code, flags=0, record=0, address=0, params=(), count=None,
                  context=None):
        """context: a place; params beyond 15 do not fit"""
        pack = self.layout.pack
        shown = list(params)[:15]
        data = pack("IIIIQQII", thread, 0, code, flags, record, address,
                    len(shown) if count is None else count, 0)
        data += pack("15Q", *shown, *[0] * (15 - len(shown)))
        self.add(EXCEPTION, data + (context or pack("II", 0, 0)), "exception")

    def misc_info(self, pid=None, times=None, mhz=None, build=None, size=None):
        """times: (create, user, kernel); build: text, which makes it a MINIDUMP_MISC_INFO_4"""
        pack = self.layout.pack
        flags = (pid is not None) | (times is not None) << 1 | (mhz is not None) << 2
        data = pack("IIII", pid or 0, *(times or (0, 0, 0)))
        if mhz is not None or build is not None:
            data += pack("IIIII", *([mhz or 0] * 3), 0, 0)
        if build is not None:
            flags |= 0x100
            data += bytes(16 + 172)
            data += self.layout.utf16(build)[:518].ljust(520, b"\0") + bytes(80)
        size = 8 + len(data) if size is None else size
        self.add(MISC_INFO, (pack("II", size, flags) + data)[:size], "misc")

    def breakpad_info(self, dump_thread=None, requesting_thread=None):
        validity = (dump_thread is not None) | (requesting_thread is not None) << 1
        self.add(BREAKPAD_INFO, self.layout.pack("III", validity, dump_thread or 0,
                                                 requesting_thread or 0), "breakpad-info")

    def assertion(self, expression="", function="", file="", line=0, kind=0):
        texts = b"".join(self.layout.utf16(text)[:254].ljust(256, b"\0")
                         for text in (expression, function, file))
        self.add(ASSERTION_INFO, texts + self.layout.pack("II", line, kind), "assertion")

    def handles(self, handles):
        """handles: (handle, type name, object name, attributes, access, handles, pointers)"""
        pack = self.layout.pack
        entries = []
        for number, kind, name, *rest in handles:
            kind_at = self.layout.string(kind) if kind else 0
            name_at = self.layout.string(name) if name else 0
            entries.append(pack("QIIIIII", number, kind_at, name_at, *rest))
        self.add(HANDLE_DATA, pack("IIII", 16, 32, len(entries), 0) + b"".join(entries), "handles")

    def dso_debug(self, word, base, brk, dynamic, maps, dynamic_section=b""):
        """maps: (address, name, dynamic section)"""
        form = "Q" if word == 8 else "I"
        pack = self.layout.pack
        entries = b"".join(pack(form + "I" + form, address, self.layout.string(name), ld)
                           for address, name, ld in maps)
        maps_at = self.layout.put(entries)
        self.add(LINUX["dso-debug"], pack("III" + 3 * form, 1, maps_at, len(maps), brk, base,
                                          dynamic) + dynamic_section, "dso-debug")

    def crashpad_info(self, report="0" * 32, client="0" * 32, simple=(), modules=(), version=1,
                      address_mask=None):
        """simple: (key, value); modules: (index, list, simple, objects), objects: (name, type,
        bytes)"""
        pack = self.layout.pack
        links = b""
        for index, texts, pairs, objects in modules:
            places = [self._rva_list(texts), self._dictionary(pairs), self._objects(objects)]
            links += pack("I", index) + self.location(pack("I", 1) + b"".join(places), 4)
        modules_place = self.location(pack("I", len(modules)) + links, 4)
        data = (pack("I", version) + self.guid(report) + self.guid(client) +
                self._dictionary(simple) + modules_place)
        if address_mask is not None:
            data += pack("IQ", 0, address_mask)
        self.add(CRASHPAD_INFO, data, "crashpad")

    def _rva_list(self, texts):
        if not texts:
            return bytes(8)
        rvas = [self.layout.utf8_string(text) for text in texts]
        return self.location(self.layout.pack(f"I{len(rvas)}I", len(rvas), *rvas), 4)

    def _dictionary(self, pairs):
        if not pairs:
            return bytes(8)
        rvas = [self.layout.utf8_string(text) for pair in pairs for text in pair]
        return self.location(self.layout.pack(f"I{len(rvas)}I", len(pairs), *rvas), 4)

    def _objects(self, objects):
        if not objects:
            return bytes(8)
        entries = b"".join(
            self.layout.pack("IHHI", self.layout.utf8_string(name), kind, 0,
                             self.layout.utf8_string(value)) for name, kind, value in objects)
        return self.location(self.layout.pack("I", len(objects)) + entries, 4)


def cpu_info_x86(layout, vendor, version=0, features=0, extended=0):
    words = struct.unpack("<3I", vendor.encode().ljust(12, b"\0")[:12])
    return layout.pack("IIIIII", *words, version, features, extended)


def cpu_info_arm(layout, cpuid, hwcaps):
    return layout.pack("II", cpuid, hwcaps)
