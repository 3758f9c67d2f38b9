"""The SDKs that people have: their programs in tests/clients report real errors to a running server,
where they are found."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from conftest import Server
from errors import object_of

CLIENTS = pathlib.Path(__file__).resolve().parent.parent / "clients"
LOG = b"line one of a log\nline two\n" * 50
BINARY_FILE = bytes(range(256)) * 2000


@pytest.fixture(scope="module")
def sdks():
    done = subprocess.run([CLIENTS / "install"], capture_output=True, text=True, timeout=300)
    if done.returncode == 77:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(sdks, tmp_path_factory, certificate):
    cert, key = certificate
    server = Server(tmp_path_factory.mktemp("clients"), "--tls-cert", str(cert), "--tls-key", str(key),
                    listen=["127.0.0.1:0", "https://127.0.0.1:0"]).start()
    server.command("project", "create", "rockets", "--universe", "acme")
    server.client_token = server.token("error:post", project="rockets")
    server.reader = server.token("object:get", project="rockets")
    server.files = server.directory / "files"
    server.files.mkdir()
    (server.files / "app.log").write_bytes(LOG)
    (server.files / "state.bin").write_bytes(BINARY_FILE)
    yield server
    server.stop()


def run(program, task, environment=None, status=0):
    done = subprocess.run(
        ["node", CLIENTS / program, json.dumps(task)], cwd=CLIENTS, capture_output=True, text=True,
        timeout=60, env={**os.environ, "NODE_NO_WARNINGS": "1", **(environment or {})})
    assert done.returncode == status, (done.stdout, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def urls(site, base):
    """As the SDKs are told, and what they make of it."""
    token = site.client_token
    return {
        "hosted": {"url": f"{base}/acme/{token}/json"},
        "hosted, host in the path": {"url": f"{base}/submit.backtrace.io/acme/{token}/json"},
        "console": {"url": f"{base}/api/post?format=json&token={token}"},
        "listener": {"url": base, "token": token},  # becomes /post?format=json&token=...
    }


FORMS = ["hosted", "hosted, host in the path", "console", "listener"]


def check_attachments(site, rxid, expected):
    found = {a["name"]: a for a in site.attachments(site.reader, rxid, project="rockets")}
    assert set(found) == set(expected)
    for name, content in expected.items():
        assert found[name]["size"] == len(content)
        for by in ({"attachment_name": name}, {"attachment_id": found[name]["id"]}):
            assert site.fetch(site.reader, rxid, project="rockets", **by).content == content


def find(site, word):
    hits = site.get("/rockets/search", params={"q": word, "since": "2000-01-01"}).json()
    return [hit["database_id"] for hit in hits]


@pytest.mark.parametrize("form", FORMS)
def test_new_sdk(site, form):
    word, plain_word = (stem + re.sub(r"\W", "", form) for stem in ("wrongness", "plainness"))
    files = [str(site.files / "app.log"), str(site.files / "state.bin")]
    told, plain = run("report_new.mjs", {
        "options": {**urls(site, site.url)[form], "breadcrumbs": {"enable": False}},
        "reports": [
            {"message": f"{word} of settings: 7", "attributes": {"colour": "red", "depth": 3,
                                                                 "odd": True, "nested": {"a": [1]}},
             "attachments": files},
            {"text": f"a message about {plain_word}"}]})
    for one in (told, plain):
        assert one["status"] == "Ok" and one["answer"]["response"] == "ok", one
    rxid = told["answer"]["_rxid"]
    report = site.report_of(site.reader, rxid, "rockets")
    assert report["error.message"] == f"{word} of settings: 7"
    assert report["application"] == "crumple-test" and report["colour"] == "red"
    assert str(report["numbers"]["depth"]) == "3" and str(report["numbers"]["a number"]) == "7"
    assert str(report["numbers"]["odd"]).lower() == "true"
    assert "RangeError" in json.dumps(report)
    functions = [frame.get("function") for frame in report["stacktrace"]]
    assert functions[0] == "someError"
    assert "readSetting" in json.dumps(report)  # of the cause, in the annotations
    check_attachments(site, rxid, {"app.log": LOG, "state.bin": BINARY_FILE})

    sent = json.loads(site.fetch(site.reader, rxid, project="rockets").content)
    assert sent["agent"] == "@backtrace/node" and sent["annotations"]["nested"] == {"a": [1]}
    assert find(site, word) == [rxid]
    # Without attachments it sends plain JSON.
    site.fetch(site.reader, plain["answer"]["_rxid"], project="rockets")  # it may be processed yet
    assert find(site, plain_word) == [plain["answer"]["_rxid"]]


def test_breadcrumbs_and_metrics(site):
    def launches():
        found = re.findall(r"^crumple_events_total{[^}]*} (\d+)$", site.get("/metrics").text, re.M)
        return sum(map(int, found))
    before = launches()
    told, = run("report_new.mjs", {
        "options": {**urls(site, site.url)["hosted, host in the path"],
                    "metrics": {"metricsSubmissionUrl": site.url}},
        "breadcrumbs": ["first step", "second step"], "metrics": True,
        "reports": [{"message": "with crumbs"}]})
    assert told["status"] == "Ok"
    attachment, = site.attachments(site.reader, told["answer"]["_rxid"], project="rockets")
    assert attachment["name"] == "bt-breadcrumbs-0"
    crumbs = site.fetch(site.reader, told["answer"]["_rxid"], project="rockets",
                        attachment_name="bt-breadcrumbs-0").json()
    assert [c["message"] for c in crumbs][:2] == ["first step", "second step"]
    assert launches() >= before + 2


def test_attachment_later(site):
    for form in ("hosted", "console"):
        report, attached = run("report_new.mjs", {
            "options": {**urls(site, site.url)[form], "breadcrumbs": {"enable": False}},
            "reports": [{"message": "attached later", "attachLater": str(site.files / "app.log")}]})
        assert attached["status"] == "Ok", attached
        rxid = report["answer"]["_rxid"]
        assert attached["answer"]["attachment_name"] == "app.log"
        assert attached["answer"]["object"] == object_of(rxid)
        check_attachments(site, rxid, {"app.log": LOG})


def test_uncaught_exception_and_lost_connection(site, tmp_path):
    """A program that dies keeps its report in files, as does one whose server is away; the next run
    sends them, and again if nobody answered."""
    database = {"enable": True, "path": str(tmp_path / "database"), "createDatabaseDirectory": True}
    options = {**urls(site, site.url)["hosted"], "database": database}
    run("report_new.mjs", {"options": options, "doThrow": True}, status=1)
    away = {**options, "url": options["url"].replace(f":{site.port}/", ":9/")}
    told, = run("report_new.mjs", {"options": away, "reports": [{
        "message": "Lonesomeness", "attachments": [str(site.files / "app.log")]}]})
    assert told["status"] != "Ok"
    kept = [p for p in (tmp_path / "database").iterdir() if p.name.endswith("-record.json")]
    assert len(kept) == 2
    copies = {p: p.read_bytes() for p in kept}
    for _ in range(2):  # the second time it has not heard of the first
        told, = run("report_new.mjs", {"options": options, "untilSent": True})
        assert told["left"] == 0
        for path, content in copies.items():
            path.write_bytes(content)
    rxid, = find(site, "Lonesomeness")
    assert [a["name"] for a in site.attachments(site.reader, rxid, project="rockets")].count("app.log") == 1
    rxid, = find(site, '"Unhandled exception"')
    report = site.report_of(site.reader, rxid, "rockets")
    assert report["stacktrace"][0]["function"] == "readSetting"


def test_wrong_token(site):
    told, = run("report_new.mjs", {"options": {"url": f"{site.url}/acme/{'0' * 64}/json"},
                                   "reports": [{"message": "x"}]})
    assert told["status"] == "Invalid token"
    told, = run("report_new.mjs", {"options": {"url": f"{site.url}/nowhere/{'0' * 64}/json"},
                                   "reports": [{"message": "x"}]})
    assert told["status"] == "Server Error" and "universe" in told["message"]


@pytest.mark.parametrize("form", FORMS)
def test_tls_new_sdk(site, certificate, form):
    """This SDK has its switch the wrong way round: it verifies when it is told to ignore."""
    options = {**urls(site, site.urls[1])[form], "breadcrumbs": {"enable": False}}
    task = {"options": {**options, "ignoreSslCertificate": True}, "reports": [{"message": "by TLS"}]}
    told, = run("report_new.mjs", task, {"NODE_EXTRA_CA_CERTS": str(certificate[0])})
    assert told["status"] == "Ok", told
    assert site.report_of(site.reader, told["answer"]["_rxid"], "rockets")["error.message"] == "by TLS"
    told, = run("report_new.mjs", {**task, "options": options})
    assert told["status"] == "Ok", told
    told, = run("report_new.mjs", task)
    assert told["status"] != "Ok"


OLD_FORMS = {
    "hosted, host in the path": lambda base, t: {"endpoint": f"{base}/submit.backtrace.io/acme/{t}/json"},
    "hosted, and /post": lambda base, t: {"endpoint": f"{base}/acme/{t}/json", "token": t},
    "console": lambda base, t: {"endpoint": f"{base}/api/post?format=json&token={t}"},
    "listener": lambda base, t: {"endpoint": base, "token": t},
    "listener, slash": lambda base, t: {"endpoint": base + "/", "token": t},
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("form", OLD_FORMS)
def test_old_sdk(site, certificate, form, scheme):
    base = site.urls[scheme == "https"]
    word = f"oldness{scheme}" + re.sub(r"\W", "", form)
    told, = run("report_old.cjs", {
        "options": OLD_FORMS[form](base, site.client_token),
        "reports": [{"message": f"{word} is invalid", "attributes": {"colour": "blue", "nested": {"a": 1}},
                     "attachments": [str(site.files / "app.log"), str(site.files / "state.bin")]}]},
        {"NODE_EXTRA_CA_CERTS": str(certificate[0])})
    assert told["message"] == "Report is available on the Backtrace server", told
    rxid = told["rxid"]
    report = site.report_of(site.reader, rxid, "rockets")
    assert report["colour"] == "blue"
    assert report["application"] == "crumple-test-clients"  # of package.json: for this SDK it wins
    assert str(report["numbers"]["a number"]) == "7"
    assert report["stacktrace"][0]["function"] == "parsePort"
    assert "new Array(-Number(text))" in json.dumps(report)  # the source code that it sends
    check_attachments(site, rxid, {"app.log": LOG, "state.bin": BINARY_FILE})
    assert find(site, word) == [rxid]


def test_old_sdk_metrics(site):
    told, = run("report_old.cjs", {
        "options": {**OLD_FORMS["hosted, host in the path"](site.url, site.client_token),
                    "enableMetricsSupport": True, "metricsSubmissionUrl": site.url},
        "reports": [{"message": "and metrics"}]})
    assert told["message"] == "Report is available on the Backtrace server"

