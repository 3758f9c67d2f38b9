"""The readable text of a dump: lines to records.

A line that begins in the first column is a record: a word, then arguments and `key=value` options,
parted by spaces; quoted values may hold spaces and the escapes of JSON. Indented lines belong to the
record above them. A `#` at the beginning of a word begins a comment. The records of VERBATIM keep
their indented lines as they are."""

import json
import re

from . import DumpError

VERBATIM = {"symbols", "linux", "raw", "comment"}
TOKEN = re.compile(r"""\s*(?:([A-Za-z0-9_-]+)=)?("(?:[^"\\]|\\.)*"|[^\s"]+|(?<==)(?=\s|$))""")


class Record:
    def __init__(self, number, depth, tokens):
        self.number = number  # of its line
        self.depth = depth
        self.word = tokens[0][1]
        self.args = [value for key, value in tokens[1:] if key is None]
        self.options = {key: value for key, value in tokens[1:] if key is not None}
        self.values = [value for key, value in tokens if key is None]  # the word too
        self.children = []
        self.lines = []  # of a verbatim record

    def fail(self, why):
        raise DumpError(f"line {self.number}: {self.word}: {why}")

    def only(self, *options, args=0):
        """Refuses what the record does not know, so that a slip is found."""
        for key in self.options:
            if key not in options:
                self.fail(f"there is no option {key}")
        if len(self.args) > args:
            self.fail(f"what is {self.args[args]}?")


def tokens_of(line, number):
    out = []
    at = 0
    while line[at:].strip():
        if line[at:].lstrip().startswith("#"):
            break
        found = TOKEN.match(line, at)
        if not found:
            raise DumpError(f"line {number}: what is {line[at:].strip()}?")
        key, value = found.groups()
        if value.startswith('"'):
            try:
                value = json.loads(value)
            except ValueError as wrong:
                raise DumpError(f"line {number}: {value}: {wrong}") from None
        out.append((key, value))
        at = found.end()
    return out


def records_of(text):
    top = []
    open_records = []  # the record that lines may belong to, at each depth
    verbatim = None
    for number, line in enumerate(text.splitlines(), 1):
        depth = len(line) - len(line.lstrip())
        if verbatim is not None and (depth > verbatim.depth or not line.strip()):
            verbatim.lines.append(line)
            continue
        verbatim = None
        tokens = tokens_of(line, number)
        if not tokens:
            continue
        record = Record(number, depth, tokens)
        while open_records and open_records[-1].depth >= depth:
            open_records.pop()
        if depth and not open_records:
            raise DumpError(f"line {number}: indented below nothing")
        (open_records[-1].children if open_records else top).append(record)
        open_records.append(record)
        if record.word in VERBATIM and depth == 0:
            verbatim = record
    for record in top:
        _unindent(record)
    return top


def _unindent(record):
    lines = record.lines
    while lines and not lines[-1].strip():
        lines.pop()
    depth = min((len(x) - len(x.lstrip()) for x in lines if x.strip()), default=0)
    record.lines = [line[depth:] for line in lines]


class Names:
    """What numbers may be called: labels, modules, functions in them, places in the file."""

    def __init__(self):
        self.values = {}
        self.by_length = None

    def add(self, name, value):
        if name in self.values and self.values[name] != value:
            raise DumpError(f"{name} is {self.values[name]:#x} and {value:#x}")
        self.values[name] = value
        self.by_length = None

    def number(self, text):
        """`0x10`, `12`, `app+0x10`, `app!main+4-label`."""
        if self.by_length is None:
            self.by_length = sorted(self.values, key=len, reverse=True)
        total = 0
        at = 0
        while at < len(text):
            sign = 1
            if text[at] in "+-" and (at or text[1:2].isdigit()):
                sign = -1 if text[at] == "-" else 1
                at += 1
            literal = re.compile(r"0[xX][0-9a-fA-F]+|\d+").match(text, at)
            if literal:
                value, length = int(literal.group(), 0), len(literal.group())
            else:
                name = next((n for n in self.by_length if text.startswith(n, at)), None)
                if name is None:
                    raise DumpError(f"{text[at:]} is no number, label, module or function")
                value, length = self.values[name], len(name)
            total += sign * value
            at += length
            if at < len(text) and text[at] not in "+-":
                raise DumpError(f"{text}: what is {text[at:]}?")
        if not text:
            raise DumpError("a number is missing")
        return total
