"""Dumps made of the texts in tests/data/dumps: what `crumple stackwalk` must make of each stands in
the text itself. Breakpad's minidump_stackwalk, where it is installed (tests/clients/install), walks
the same dumps as a second judge; a `judge` record in the text says where it may differ, and why."""

import json
import subprocess

import pytest

from conftest import ROOT, Server
from dumps import (FOLDER, JUDGE, Dump, crumple_walk, differences, judge_walk, run_crumple)

TEXTS = sorted(FOLDER.glob("*.dump.txt"))
NAMES = [path.name.removesuffix(".dump.txt") for path in TEXTS]


@pytest.fixture(scope="session")
def judge():
    done = subprocess.run([ROOT / "tests" / "clients" / "install"], capture_output=True, text=True,
                          timeout=300)
    if done.returncode == 77 or not JUDGE.exists():
        pytest.skip(f"no minidump_stackwalk: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    try:
        subprocess.run([JUDGE], capture_output=True, timeout=60)
    except OSError as wrong:
        pytest.skip(f"minidump_stackwalk does not run here: {wrong}")


def at(result, path):
    """`system.os`, `modules.0.version`: what stands there in the JSON, as text."""
    for step in path.split("/" if "/" in path else "."):
        result = result[int(step)] if isinstance(result, list) else result.get(step)
        if result is None:
            return None
    return result if isinstance(result, str) else repr(result)


@pytest.mark.parametrize("path", TEXTS, ids=NAMES)
def test_crumple(path, tmp_path):
    dump = Dump(path, tmp_path)
    expected = dump.expected()
    done = run_crumple(dump.file, [dump.symbols] if dump.has_symbols else [])
    if "refused" in expected:
        assert done.returncode == 1
        assert expected["refused"] in done.stderr
        return
    walk, result = crumple_walk(done)
    wrong = differences(expected, walk)
    wrong += [f"{place}: {value!r} was expected, not {at(result, place)!r}"
              for place, value in expected["json"] if at(result, place) != value]
    if dump.wrong:
        assert wrong, "it is right now: the `wrong` record can go"
        pytest.xfail(dump.wrong.args[0])
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", TEXTS, ids=NAMES)
def test_judge(path, tmp_path, judge):
    dump = Dump(path, tmp_path)
    expected = dump.expected()
    walk = judge_walk(dump.file, [dump.symbols])
    if dump.judge:
        # Each says what is different, so that a text cannot claim it without need.
        assert walk is None or differences(expected, walk), "the judge does not differ"
        return
    if "refused" in expected:
        assert walk is None
        return
    assert walk is not None, "the judge refuses it"
    wrong = differences(expected, walk)
    assert not wrong, "\n".join(wrong)


# Without a system stream: the processor is told by the registers.

NO_SYSTEM = """
system os=linux cpu={cpu}
module base=0x400000 size=0x1000 name=app
thread id=1 crashed
  registers {registers}
  stack at=0x7000
    sp: app!outer+4 0
exception code=11 flags=1 address=8
{damage}

symbols app
  FUNC 100 80 0 inner
  FUNC 200 80 0 outer

expect
  reason "0x0000000b / 0x00000001"
  address 8
  thread 0
  frames 0
    context app!inner
    scan app!outer
"""
NO_SYSTEM_REGISTERS = {"x86": "eip=app!inner+4 esp=sp", "amd64": "rip=app!inner+4 rsp=sp",
                       "arm": "pc=app!inner+4 sp=sp", "arm64": "pc=app!inner+4 sp=sp fp=1",
                       "arm64-old": "pc=app!inner+4 sp=sp fp=1"}
DAMAGES = {"missing": "corrupt at=@directory u32=0", "short": "corrupt at=@directory+4 u32=8"}


def no_system(cpu, damage, folder):
    return Dump(NO_SYSTEM.format(cpu=cpu, registers=NO_SYSTEM_REGISTERS[cpu], damage=damage),
                folder)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("cpu", NO_SYSTEM_REGISTERS)
def test_no_system(cpu, damage, tmp_path):
    dump = no_system(cpu, DAMAGES[damage], tmp_path)
    walk, result = crumple_walk(run_crumple(dump.file, [dump.symbols]))
    wrong = differences(dump.expected(), walk)
    assert not wrong, "\n".join(wrong)
    said = cpu.removesuffix("-old")
    assert result["system"]["cpu"] == said
    assert f"the processor is told by the registers only: {said}" in result["errors"]


@pytest.mark.parametrize("cpu", NO_SYSTEM_REGISTERS)
def test_no_system_by_the_judge(cpu, tmp_path, judge):
    dump = no_system(cpu, DAMAGES["missing"], tmp_path)
    wrong = differences(dump.expected(), judge_walk(dump.file, [dump.symbols]))
    assert not wrong, "\n".join(wrong)


def test_registers_that_do_not_tell(tmp_path):
    """A record of AMD64's size with the flags of another, and one that is too short."""
    for options in ("flags=0x10000", "size=1000"):
        text = NO_SYSTEM.format(cpu="amd64", registers="rip=app!inner+4 rsp=sp " + options,
                                damage=DAMAGES["missing"])
        dump = Dump(text, tmp_path)
        walk, result = crumple_walk(run_crumple(dump.file, [dump.symbols]))
        assert walk["threads"] == [[]]
        assert "nothing tells the processor: stacks cannot be walked" in result["errors"]


# Through the server: attributes.

WITH_ATTRIBUTES = [path for path in TEXTS if "\n  attribute " in path.read_text()]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("dumps")).start()
    server.poster = server.token("error:post", "sync:post")
    server.reader = server.token("object:get")
    yield server
    server.stop()


@pytest.mark.parametrize("path", WITH_ATTRIBUTES, ids=lambda path: path.name.split(".")[0])
def test_attributes(path, tmp_path, site):
    dump = Dump(path, tmp_path)
    expected = dump.expected()
    told = site.submit(site.poster, dump.file.read_bytes(), format="minidump",
                       params={"_mod_sync": "1"})
    report = site.report_of(site.reader, told["_rxid"])
    text = json.dumps(report, ensure_ascii=False)
    # A report has numbers and ids in members of their own.
    found = {**report, **report.get("numbers", {}), **report.get("ids", {})}
    wrong = [f"{name}: {value!r} was expected, not {found.get(name)!r}"
             for name, value in expected["attributes"].items() if found.get(name) != value]
    assert not wrong, "\n".join(wrong) + "\n" + text
    for secret in expected["secrets"]:
        assert secret not in text


# Reasons: one dump for each row of a table.

REASON_ROWS = [line.split("\t") for line in
               (FOLDER / "reasons.tsv").read_text().splitlines()[1:]]
REASON_TEXT = """
system os={os} cpu={cpu}
module base=0x400000 size=0x1000 name=app
thread id=1 crashed
  registers {registers}
exception code={code} flags={flags} address={address} params={params}
"""
PROGRAM_COUNTERS = {"x86": "eip=0x400100 esp=0x7000", "amd64": "rip=0x400100 rsp=0x7000"}


def wrong_reasons(folder, walk_of):
    out = []
    for os, cpu, code, flags, address, params, reason, shown in REASON_ROWS:
        text = REASON_TEXT.format(
            os=os, cpu=cpu, registers=PROGRAM_COUNTERS.get(cpu, "pc=0x400100 sp=0x7000"),
            code=code, flags=flags, address=address, params=params.replace("-", ""))
        walk = walk_of(Dump(text, folder).file)
        if (walk["reason"], walk["address"]) != (reason, int(shown, 16)):
            out.append(f"{os} {cpu} {code} {flags} {params}: {reason} at {shown} was expected, "
                       f"not {walk['reason']} at {walk['address']:#x}")
    return out


def test_reasons_of_crumple(tmp_path):
    wrong = wrong_reasons(tmp_path, lambda file: crumple_walk(run_crumple(file, []))[0])
    assert not wrong, "\n".join(wrong)


def test_reasons_of_judge(tmp_path, judge):
    wrong = wrong_reasons(tmp_path, lambda file: judge_walk(file, []))
    assert not wrong, "\n".join(wrong)
