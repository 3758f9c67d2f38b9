"""A file under construction: bytes of either order, at places that get names."""

import struct

from . import DumpError


class Layout:
    def __init__(self, big_endian=False):
        self.order = ">" if big_endian else "<"
        self.big_endian = big_endian
        self.bytes = bytearray()
        self.places = {}  # name: offset, for those who damage the file afterwards

    def pack(self, form, *values):
        try:
            return struct.pack(self.order + form, *values)
        except struct.error as wrong:
            raise DumpError(f"{values} do not fit {form}: {wrong}") from None

    def put(self, data, align=4):
        """Adds bytes at the end; where they begin."""
        self.bytes += bytes(-len(self.bytes) % align)
        at = len(self.bytes)
        self.bytes += data
        return at

    def reserve(self, size, align=4):
        return self.put(bytes(size), align)

    def fill(self, at, data):
        """Writes over what was reserved."""
        assert at + len(data) <= len(self.bytes)
        self.bytes[at:at + len(data)] = data

    def name(self, name, at):
        self.places.setdefault(name, at)
        return at

    def utf16(self, text):
        return text.encode("utf-16-be" if self.big_endian else "utf-16-le")

    def string(self, text):
        """A MINIDUMP_STRING: bytes without the end, UTF-16, a zero."""
        units = self.utf16(text)
        return self.put(self.pack("I", len(units)) + units + b"\0\0")

    def utf8_string(self, text):
        """A MinidumpUTF8String of Crashpad; a byte array when given bytes."""
        data = text.encode() + b"\0" if isinstance(text, str) else text
        size = len(data) - 1 if isinstance(text, str) else len(data)
        return self.put(self.pack("I", size) + data)
