"""Minidumps over HTTP: they become reports that are grouped, like any other."""

import pytest

from conftest import Server
from dumps import FOLDER, Dump


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("minidump")).start()
    server.poster = server.token("error:post", "sync:post")
    server.reader = server.token("object:get")
    yield server
    server.stop()


def bytes_of(name, folder):
    return Dump(FOLDER / f"{name}.dump.txt", folder).file.read_bytes()


def post(site, content, **params):
    told = site.submit(site.poster, content, format="minidump", params={"_mod_sync": "1", **params})
    return told["_rxid"]


def test_becomes_a_report(site, tmp_path):
    content = bytes_of("linux-amd64-no-symbols", tmp_path)
    rxid = post(site, content, version="2.5")
    report = site.report_of(site.reader, rxid)
    frame = report["stacktrace"][0]
    assert frame["module"] and frame["offset"].startswith("0x") and frame["faulted"] == "true"
    assert report["classifiers"] == ["SIGABRT"]
    assert report["error.type"] == "Crash" and report["version"] == "2.5"
    assert any(module.get("missing") for module in report["modules"])
    upload = site.upload_of(site.reader, rxid)
    assert upload["state"] == "decoded" and upload["size"] == len(content)


def test_is_grouped(site, tmp_path):
    """The same crash joins its bucket, another does not."""
    first = post(site, bytes_of("mac-arm64", tmp_path))
    same = post(site, bytes_of("mac-arm64", tmp_path), user="another")
    other = post(site, bytes_of("windows-arm64", tmp_path))
    fingerprint = {rxid: site.upload_of(site.reader, rxid)["fingerprint"]
                   for rxid in (first, same, other)}
    assert fingerprint[first] == fingerprint[same] != fingerprint[other]
    bucket = {rxid: site.report_of(site.reader, rxid)["buckets"]["4.0"]["id"]
              for rxid in (first, same, other)}
    assert bucket[first] == bucket[same] == first != bucket[other]


def test_faulting_thread(site, tmp_path):
    content = bytes_of("linux-amd64-cfi", tmp_path)
    whole = site.report_of(site.reader, post(site, content))
    other = next(thread["id"] for thread in whole["threads"])
    chosen = site.report_of(site.reader, post(site, content, _mod_faulting_tid=other))
    assert chosen["ids"]["thread"] == other != whole["ids"]["thread"]


def test_damaged(site):
    """What is no minidump behind its first letters is kept, and the report says why."""
    rxid = post(site, b"MDMP\x93\xa7\0\0\1\0\0\0")
    upload = site.upload_of(site.reader, rxid)
    assert upload["state"] == "failed"
    assert "ends within its header" in site.report_of(site.reader, rxid)["error"]
    assert site.fetch(site.reader, rxid).content == b"MDMP\x93\xa7\0\0\1\0\0\0"
