"""Makes minidumps for tests.

`tools/make-dump` makes them of a text that people can read and write (`text.py`, `build.py`),
`tools/core-to-dump` of a program that crashed (`process.py`, `core.py`, `trace.py`). Both write with
`minidump.py` (streams) on `layout.py` (bytes and places in the file); `contexts.py` knows the
registers of each processor, `symbols.py` the symbol files that stand in a text.

The layouts are those of Microsoft's documentation of the MINIDUMP_* structures, of Breakpad's
minidump_format.h and of Crashpad's minidump_extensions.h. `tests/data/dumps/README.md` tells the
text form."""


class DumpError(Exception):
    """What is wrong with the input, in a sentence for the one who wrote it."""
