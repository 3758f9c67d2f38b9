"""Breakpad symbol files that stand in the text of a dump."""

import pathlib

OS_WORDS = {"windows": "windows", "linux": "Linux", "android": "Linux", "mac": "mac", "ios": "mac"}
CPU_WORDS = {"x86": "x86", "amd64": "x86_64", "arm": "arm", "arm64": "arm64", "arm64-old": "arm64"}


def functions(lines):
    """(address, name) of each FUNC and PUBLIC record."""
    for line in lines:
        words = line.split(" ")
        if words[0] in ("FUNC", "PUBLIC"):
            before_name = 3 if words[0] == "FUNC" else 2
            words = words[2:] if words[1] == "m" else words[1:]
            yield int(words[0], 16), " ".join(words[before_name:])


def file_text(os, cpu, debug_id, debug_file, lines):
    head = f"MODULE {OS_WORDS.get(os, 'Linux')} {CPU_WORDS[cpu]} {debug_id} {debug_file}"
    return "\n".join([head, *lines]) + "\n"


def write(folder, debug_file, debug_id, text):
    """Where minidump_stackwalk looks for it."""
    name = debug_file[:-4] if debug_file.lower().endswith(".pdb") else debug_file
    place = pathlib.Path(folder) / debug_file / debug_id
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{name}.sym"
    path.write_text(text, encoding="utf-8")
    return path
