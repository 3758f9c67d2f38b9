"""ELF core files over HTTP: uploads of real ones become reports, and symbols may come before or after."""

import platform
import time

import pytest

from conftest import Server
from cores import by_kernel, compile_program, libraries_of
from symbol_files import tar

pytestmark = pytest.mark.skipif((platform.system(), platform.machine()) != ("Linux", "x86_64"),
                                reason="needs Linux on x86-64")

ARGUMENTS = ["--level", "7", "two words", "", "long" * 100]


class Crash:
    def __init__(self, folder):
        self.program = compile_program("threads", folder, "-O1")
        self.core = by_kernel(self.program, *ARGUMENTS).read_bytes()
        libraries = libraries_of(self.program, folder / "libraries")
        self.symbols = {path.name: path.read_bytes()
                        for path in (self.program, *libraries.iterdir())}


@pytest.fixture(scope="module")
def crash(tmp_path_factory):
    return Crash(tmp_path_factory.mktemp("threads"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("cores")).start()
    yield server
    server.stop()


class Project:
    def __init__(self, site, name):
        self.site, self.name = site, name
        self.poster = site.token("error:post", "symbol:post", "sync:post", project=name)
        self.reader = site.token("object:get", project=name)

    def post(self, body=None, format="minidump", **more):
        return self.site.submit(self.poster, body, format=format, params={"_mod_sync": "1"},
                                **more)["_rxid"]

    def report(self, rxid):
        return self.site.report_of(self.reader, rxid, project=self.name)

    def add_symbols(self, files):
        self.site.submit(self.poster, tar(files), format="symbols", params={"_mod_sync": "1"})


def functions(report):
    return [f.get("function") for f in report["stacktrace"]]


# In every project the same crash comes in another way.
WAYS = {
    "minidump": lambda p, core: p.post(core),
    "core": lambda p, core: p.post(core, format="core"),
    "btt": lambda p, core: p.post(core, format="btt"),
    "upload_file": lambda p, core: p.post(files={"upload_file": ("core.77", core)}),
    "btt-file": lambda p, core: p.post(format="btt", files={"upload_file": ("core", core)}),
}


@pytest.mark.parametrize("way", WAYS)
def test_becomes_a_report(way, site, crash):
    project = Project(site, f"ways-{way.replace('_', '-')}")
    project.add_symbols(crash.symbols)
    rxid = WAYS[way](project, crash.core)
    report = project.report(rxid)
    assert functions(report)[:2] == ["store", "crasher"]
    assert report["classifiers"] == ["SIGSEGV"]
    assert report["crash.reason"] == "SIGSEGV /SEGV_MAPERR"
    assert report["application"] == "threads" and report["uname.sysname"] == "Linux"
    assert report["uname.release"] == platform.release().split("-")[0]
    assert report["stacktrace"][0]["faulted"] == "true"
    assert site.upload_of(project.reader, rxid, project=project.name)["state"] == "decoded"
    assert site.fetch(project.reader, rxid, project=project.name).content == crash.core


def test_what_is_in_it(site, crash):
    project = Project(site, "content")
    project.add_symbols(crash.symbols)
    report = project.report(project.post(crash.core))
    assert len(report["threads"]) == 2 # and the one that crashed
    assert any("wait_for_work" in [f.get("function") for f in t["stacktrace"]]
               for t in report["threads"])
    modules = {m["code_file"].rsplit("/", 1)[-1]: m for m in report["modules"]}
    assert {"threads", "libc.so.6", "ld-linux-x86-64.so.2", "[vdso]"} <= set(modules)
    assert modules["threads"]["code_file"] == str(crash.program)
    assert not modules["threads"].get("missing")
    annotations = report["annotations"]
    assert annotations["Exec Arguments"][1:] == ARGUMENTS
    assert annotations["siginfo"]["signal"] == "11" and annotations["siginfo"]["address"] == "0x0"
    assert "AT_PHDR" in annotations["auxv"]
    assert int(report["numbers"]["pid"]) > 1 and int(report["numbers"]["process.thread.count"]) == 3


def test_symbols_come_later(site, crash):
    project = Project(site, "late")
    rxid = project.post(crash.core)
    assert "store" not in functions(project.report(rxid))
    project.add_symbols(crash.symbols)
    for _ in range(300):
        if functions(project.report(rxid))[:2] == ["store", "crasher"]:
            break
        time.sleep(0.1)
    assert functions(project.report(rxid))[:2] == ["store", "crasher"]


def test_cut_off(site, crash):
    """A report, and it says what is missing; what has not even a header is none."""
    project = Project(site, "cut")
    report = project.report(project.post(crash.core[:100000]))
    assert any("ends at byte 100000" in error for error in report["processing_errors"])
    assert report["classifiers"] == ["SIGSEGV"]
    rxid = project.post(crash.core[:40])
    assert "ends within its header, at byte 40" in project.report(rxid)["error"]
