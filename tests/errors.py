"""Makes error reports as Backtrace clients submit them, in the format json."""

import itertools
import uuid

_numbers = itertools.count()


def error(functions=("inner", "outer", "main"), message="something broke", attributes=None, **more):
    """A report with a stack of these functions, innermost first, and a uuid of its own; `more` are
    further members, None leaves one out."""
    report = {
        "uuid": str(uuid.uuid4()), "timestamp": 1478200442, "lang": "nodejs", "langVersion": "v20.1.0",
        "agent": "tests", "agentVersion": "1.0", "mainThread": "main", "classifiers": ["Error"],
        "attributes": {"error.message": message, **(attributes or {})}, "annotations": {},
        "threads": {"main": {"name": "main", "fault": True, "stack": [
            {"funcName": f, "library": "app.js", "line": 10 + i, "column": 5}
            for i, f in enumerate(functions)]}},
        **more}
    return {name: value for name, value in report.items() if value is not None}


def new_name(stem):
    """A name that no other call has given."""
    return f"{stem}{next(_numbers)}"


def object_of(rxid):
    """The hex id of the object that a receipt names: its first group is little-endian."""
    return f"{int.from_bytes(bytes.fromhex(rxid[:8]), 'little'):x}"


MINIDUMP = b"MDMP\x93\xa7\x00\x00" + bytes(range(256))
