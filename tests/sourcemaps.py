"""Makes source maps, and the scripts that they are for; the same arguments give the same bytes.

Lines and columns count from 1, as in stack traces; columns are UTF-16 code units."""

import base64
import hashlib
import itertools
import json

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def vlq(n):
    """One number, as `mappings` write it."""
    n = -n << 1 | 1 if n < 0 else n << 1
    out = ""
    while True:
        digit, n = n & 31, n >> 5
        out += DIGITS[digit | (32 if n else 0)]
        if not n:
            return out


def encode(mappings):
    """The member `mappings`: of tuples (line, column), (line, column, source, source line, source
    column) or with a name's number behind these. Sources and names count from 0."""
    lines, last = {}, [0, 0, 0, 0]
    for line, group in itertools.groupby(sorted(mappings), key=lambda m: m[0]):
        column, segments = 0, []
        for m in group:
            segment = vlq(m[1] - 1 - column)
            column = m[1] - 1
            if len(m) > 2:
                where = [m[2], m[3] - 1, m[4] - 1, *m[5:]]
                segment += "".join(vlq(new - old) for new, old in zip(where, last))
                last[:len(where)] = where
            segments.append(segment)
        lines[line] = ",".join(segments)
    return ";".join(lines.get(i, "") for i in range(1, max(lines, default=0) + 1))


def source_map(mappings=((1, 1, 0, 1, 1),), sources=("src/app.ts",), contents=None, names=(),
               file=None, debug_id=None, **members):
    """The JSON of a map; `contents` are the texts of the sources."""
    it = {"version": 3, "sources": list(sources), "names": list(names),
          "mappings": encode(mappings), **members}
    if contents is not None:
        it["sourcesContent"] = list(contents)
    if file is not None:
        it["file"] = file
    if debug_id is not None:
        it["debugId"] = debug_id
    return json.dumps(it).encode()


def script(text="throw new Error('x');", debug_id=None, map_name=None, inline=None):
    """A script that names its map: by a debug id, by a file name, or with the map in it."""
    lines = [text]
    if debug_id is not None:
        lines.append(f"//# debugId={debug_id}")
    if inline is not None:
        map_name = "data:application/json;base64," + base64.b64encode(inline).decode()
    if map_name is not None:
        lines.append(f"//# sourceMappingURL={map_name}")
    return ("\n".join(lines) + "\n").encode()


def uuid_of(script_bytes):
    """The uuid by which older tools know a script: its MD5."""
    digits = hashlib.md5(script_bytes).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def debug_id(number):
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


# A program of two functions before and after it was made small.
SHOP_SOURCE = """\
// A shop.
export function total(prices: number[]): number {
    let sum = 0;
    for (const price of prices) sum += price;
    return check(sum);
}

function check(sum: number): number {
    if (sum < 0) throw new Error("negative total");
    return sum;
}
"""
SHOP_SCRIPT = 'function t(n){let r=0;for(const o of n)r+=o;return e(r)}' \
              'function e(n){if(n<0)throw new Error("negative total");return n}'


def shop(debug_id=None, file="shop.min.js", contents=True):
    """The map of SHOP_SCRIPT, as the only source `src/shop.ts`."""
    at, small = SHOP_SCRIPT.index, []
    for text, line, column, name in (("function t", 2, 8, None), ("t(n)", 2, 17, 0),
                                     ("let r", 3, 5, None), ("for(", 4, 5, None),
                                     ("return e", 5, 5, None), ("e(r)", 5, 12, 1),
                                     ("function e", 8, 1, None), ("e(n)", 8, 10, 1),
                                     ("if(", 9, 5, None), ("throw", 9, 18, None),
                                     ("new Error", 9, 24, None), ("return n", 10, 5, None)):
        small.append((1, at(text) + 1, 0, line, column) + (() if name is None else (name,)))
    return source_map(small, ["src/shop.ts"], [SHOP_SOURCE] if contents else None,
                      ["total", "check"], file, debug_id)
