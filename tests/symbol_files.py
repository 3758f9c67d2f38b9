"""Makes symbol files and archives of them; the same arguments give the same bytes."""

import io
import tarfile
import zipfile


def sym(name="app", number=1, functions=("main",), os="Linux", cpu="x86_64"):
    """A Breakpad symbol file; `number` makes its debug id."""
    lines = [f"MODULE {os} {cpu} {debug_id(number)} {name}",
             f"INFO CODE_ID {number:040X}", f"FILE 0 /src/{name}.c"]
    for i, function in enumerate(functions):
        at = 0x1000 + 0x100 * i
        lines += [f"FUNC {at:x} 100 0 {function}", f"{at:x} 100 {10 + i} 0"]
    return ("\n".join(lines) + "\n").encode()


def debug_id(number):
    return f"{number:032X}0"


def tar(files, mode="w:gz"):
    """`files`: {path: bytes}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return out.getvalue()
