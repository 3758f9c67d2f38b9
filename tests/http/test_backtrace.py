"""The Backtrace API: what is sent comes back, means what it should, and nobody sees too much."""

import base64
import concurrent.futures
import gzip
import hashlib
import http.client
import json
import pathlib
import re
import sqlite3
import time
import uuid
import zlib

import pytest

from conftest import Server
from errors import MINIDUMP, error, new_name, object_of

FULL_REPORT = pathlib.Path(__file__).resolve().parent.parent / "data" / "backtrace_report.json"
MB = 1 << 20
RXID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-0000-[0-9a-f]{12}")
WRONG_TOKEN = "0" * 63 + "1"


class Site:
    """A server with a token for each thing that one may do."""

    def __init__(self, server):
        self.server = server
        self.post = server.token("error:post")
        self.sync = server.token("error:post", "sync:post")
        self.reader = server.token("object:get")
        self.symbols = server.token("symbol:post")
        self.other_post = server.token("error:post", "sync:post", project="other")
        self.other_reader = server.token("object:get", project="other")

    def submit(self, body, token=None, **kwargs):
        return self.server.submit(token or self.post, body, **kwargs)

    def submit_sync(self, body, token=None, **kwargs):
        kwargs["params"] = {"_mod_sync": "1", **kwargs.get("params", {})}
        return self.server.submit(token or self.sync, body, **kwargs)

    def report(self, rxid, project="cts", reader=None):
        return self.server.report_of(reader or self.reader, rxid, project)

    def fetch(self, object_id, **params):
        return self.server.fetch(self.reader, object_id, **params)

    def attachments(self, object_id):
        return self.server.attachments(self.reader, object_id)

    def attach(self, object_id, name, content, token=None, status=200, **kwargs):
        return self.server.submit(token or self.post, content, status=status,
                                  params={"object": object_id, "attachment_name": name}, **kwargs)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("backtrace")).start()
    yield Site(server)
    server.stop()


def metric(server, name, label=None):
    """A metric, or the sum over its labels."""
    found = re.findall(rf"^{name}(?:{{([^}}]*)}})? ([0-9.e+]+)$", server.get("/metrics").text, re.M)
    values = [float(value) for labels, value in found if label in (None, labels)]
    assert values, name
    return sum(values)


# --- URLs and bodies ----------------------------------------------------------------------------

FORMS = {
    "hosted": "/default/{t}/json",
    "hosted, host in the path": "/submit.backtrace.io/default/{t}/json",
    "hosted, doubled slash": "//default//{t}//json",
    "hosted, slash at the end": "/default/{t}/json/",
    "hosted, attribute": "/default/{t}/json?colour=red",
    "hosted, no question mark": "/default/{t}/json&colour=red",
    "hosted, and /post": "/default/{t}/json/post?format=json&token={t}",
    "console": "/api/post?format=json&token={t}",
    "console, bare format": "/api/post?json&token={t}",
    "console, bare format at the end": "/api/post?token={t}&json",
    "console, universe and project": "/api/post?universe=default&project=cts&format=json&token={t}",
    "listener": "/post?format=json&token={t}",
    "listener, doubled slash": "//post?format=json&token={t}",
    "listener, no question mark": "/post&format=json&token={t}&colour=red",
    "console, no question mark": "/api/post&format=json&token={t}",
    "console, doubled slashes": "//api//post?format=json&token={t}",
    "second question mark": "/api/post?token={t}&colour=red?format=json",
}


@pytest.mark.parametrize("form", FORMS, ids=FORMS)
def test_forms_of_urls(site, form):
    with site.server.connect() as c:
        body = json.dumps(error()).encode()
        c.send(f"POST {FORMS[form].format(t=site.post)} HTTP/1.1\r\nHost: h\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").send(body)
        status, headers, answer = c.answer("POST")
    assert status == 200, answer
    assert headers["Content-Type"].startswith("application/json")
    answer = json.loads(answer)
    assert set(answer) == {"response", "_rxid"} and RXID.fullmatch(answer["_rxid"])
    assert site.fetch(answer["_rxid"]).content == body
    report = site.report(answer["_rxid"])
    assert report.get("colour") == ("red" if "colour" in FORMS[form] else None)


@pytest.mark.parametrize("method, path", [
    ("POST", "/api//unique-events/submit?token={t}"),
    ("POST", "/api/unique-events/submit&token={t}"),
    ("POST", "//api/summed-events//submit/&token={t}&universe=default"),
    ("GET", "//api/get?token={r}&project=cts&object={o}"),
    ("GET", "/api//get&token={r}&project=cts?object={o}"),
    ("GET", "/api//list?token={r}&project=cts"),
    ("GET", "/api/list&token={r}&project=cts"),
])
def test_loose_paths(site, method, path):
    rxid = site.submit(error())["_rxid"]
    site.fetch(rxid)
    with site.server.connect() as c:
        c.send(f"{method} {path.format(t=site.post, r=site.reader, o=rxid)} HTTP/1.1\r\nHost: h\r\n"
               f"Content-Length: 2\r\n\r\n{{}}")
        status, _, answer = c.answer(method)
    assert status == 200, answer


@pytest.mark.parametrize("where", ["X-Coroner-Token", "Authorization"])
def test_token_in_a_header(site, where):
    value = site.post if where.startswith("X") else f"Bearer {site.post}"
    site.submit(error(), path="/api/post?format=json", headers={where: value})


REFUSED = [
    ("unknown universe", "/nowhere/{t}/json", 503),
    ("no format", "/default/{t}", 503),
    ("no format, console", "/api/post?token={t}", 503),
    ("unknown format", "/default/{t}/jsonx", 503),
    ("unknown format, console", "/api/post?token={t}&format=xml", 503),
    ("unknown token", "/default/" + WRONG_TOKEN + "/json", 403),
    ("no token", "/api/post?format=json", 403),
    ("not even a token", "/default/x/json", 403),
    ("another project", "/api/post?project=other&format=json&token={t}", 403),
    ("symbols with a token for errors", "/default/{t}/symbols", 403),
    ("errors with a token for symbols", "/default/{s}/json", 403),
    ("sync without its scope", "/default/{t}/json?_mod_sync=1", 403),
    ("sync=true without its scope", "/default/{t}/json?sync=true", 403),
    ("bad percent code", "/default/{t}/json?a=%zz", 400),
    ("no UTF-8", "/default/{t}/json?a=%ff", 400),
    ("attachment without a name", "/default/{t}/json?object=1", 400),
]


@pytest.mark.parametrize("name,path,status", REFUSED, ids=[r[0] for r in REFUSED])
def test_refused(site, name, path, status):
    before = len(uploads_in(site))
    told = site.submit(b"[not even JSON", path=path.format(t=site.post, s=site.symbols),
                       status=status)
    if status == 403:
        assert told["error"]["message"].startswith("invalid token")
    assert len(uploads_in(site)) == before


def uploads_in(site):
    """Of all projects, from the database beside the running server, when nothing waits."""
    deadline = time.monotonic() + 20
    while metric(site.server, "crumple_uploads_waiting") > 0:
        assert time.monotonic() < deadline
    with sqlite3.connect(f"file:{site.server.data}/crumple.db?mode=ro", uri=True) as database:
        return database.execute("SELECT object FROM uploads").fetchall()


BAD_BODIES = [
    ("empty", b"", {}), ("no JSON", b"{", {}), ("not an object", b"[1]", {}),
    ("no UTF-8", b'{"uuid": "\xff"}', {}), ("broken gzip", b"\x1f\x8b\x08xx", {"Content-Encoding": "gzip"}),
    ("cut gzip", gzip.compress(b"{}" * 500)[:-9], {"Content-Encoding": "gzip"}),
    ("multipart without a boundary", b"x", {"Content-Type": "multipart/form-data"}),
    ("cut multipart", b'--b\r\nContent-Disposition: form-data; name="upload_file"\r\n\r\n{}',
     {"Content-Type": "multipart/form-data; boundary=b"}),
    ("multipart without a file", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
     {"Content-Type": "multipart/form-data; boundary=b"}),
    ("two reports", b'--b\r\nContent-Disposition: form-data; name="upload_file"; filename="a"\r\n\r\n'
     b'{}\r\n--b\r\nContent-Disposition: form-data; name="upload_file"; filename="b"\r\n\r\n{}\r\n--b--',
     {"Content-Type": "multipart/form-data; boundary=b"}),
]


@pytest.mark.parametrize("name,body,headers", BAD_BODIES, ids=[b[0] for b in BAD_BODIES])
def test_bad_bodies(site, name, body, headers):
    assert site.submit(body, headers=headers, status=400)["error"]["message"]


@pytest.mark.parametrize("format,body", [
    ("minidump", b"MDXP" + bytes(100)), ("minidump", b"MD"), ("plcrash", b"plcrush" + bytes(100))],
    ids=["minidump", "too short", "plcrash"])
def test_not_what_the_format_says(site, format, body):
    assert format in site.submit(body, format=format, status=400)["error"]["message"]


def test_formats_that_show_themselves(site):
    """/post without a format: its first bytes say what it is."""
    rxid = site.submit(error(), path=f"/post?token={site.post}")["_rxid"]
    assert site.report(rxid)["stacktrace"][0]["function"] == "inner"
    rxid = site.submit(MINIDUMP, path=f"/api/post?token={site.post}")["_rxid"]
    assert site.fetch(rxid).content == MINIDUMP


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zlib"])
def test_compressed(site, encoding):
    body = json.dumps(error()).encode()
    packed = {"gzip": gzip.compress, "zlib": zlib.compress,
              "deflate": lambda b: zlib.compress(b)}[encoding](body)
    name = "deflate" if encoding == "zlib" else encoding
    rxid = site.submit(packed, headers={"Content-Encoding": name})["_rxid"]
    assert site.fetch(rxid).content == body


@pytest.mark.parametrize("expect", ["100-continue", "gzip", "", "something else"])
def test_expect(site, expect):
    body = json.dumps(error()).encode()
    with site.server.connect() as c:
        c.send(f"POST /default/{site.post}/json HTTP/1.1\r\nHost: h\r\nExpect: {expect}\r\n"
               f"Content-Length: {len(body)}\r\n\r\n")
        if expect == "100-continue":
            assert c.sock.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        status, _, answer = c.send(body).answer("POST")
    assert status == 200, answer


def test_chunked_as_the_sdks_send(site):
    body = json.dumps(error()).encode()
    with site.server.connect() as c:
        c.send(f"POST /default/{site.post}/json HTTP/1.1\r\nHost: h\r\nContent-type: application/json"
               "\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(0, len(body), 100):
            piece = body[i:i + 100]
            c.send(f"{len(piece):x}\r\n").send(piece).send("\r\n")
        status, _, answer = c.send("0\r\n\r\n").answer("POST")
    assert status == 200
    assert site.fetch(json.loads(answer)["_rxid"]).content == body


@pytest.mark.parametrize("type", [None, "application/json", "application/octet-stream", "text/plain",
                                  "application/x-www-form-urlencoded", "nonsense"])
def test_raw_bodies_of_any_type(site, type):
    body = json.dumps(error()).encode()
    rxid = site.submit(body, headers={"Content-Type": type} if type else {})["_rxid"]
    assert site.fetch(rxid).content == body


# --- attributes ---------------------------------------------------------------------------------


def test_attributes_of_three_places(site):
    """report < query string < form."""
    report = error(attributes={name: "report" for name in ("r", "rq", "rf", "rqf")})
    told = site.submit_sync(None, files={
        "upload_file": ("e.json", json.dumps(report)),
        **{name: (None, "form") for name in ("f", "rf", "qf", "rqf")}},
        params={name: "query" for name in ("q", "rq", "qf", "rqf")})
    found = site.report(told["_rxid"])
    assert {name: found[name] for name in ("r", "q", "f", "rq", "rf", "qf", "rqf")} == {
        "r": "report", "q": "query", "f": "form", "rq": "query", "rf": "form", "qf": "form",
        "rqf": "form"}


def test_what_comes_later_wins(site):
    told = site.submit_sync(error(), path=f"/default/{site.sync}/json?a=1x&a=2x&a=3x")
    assert site.report(told["_rxid"])["a"] == "3x"


AN_ID = "7f4b1c2e-8c1a-4f5b-9a53-1d6d9d3f0a10"
TYPED = [  # name, as text or JSON, where it is found, as what
    ("string", "some words", None, "some words"),
    ("number", 5, "numbers", 5), ("zero", 0, "numbers", 0),
    ("largest", 18446744073709551615, "numbers", 18446744073709551615),
    ("negative", -5, "numbers", -5), ("least", -9223372036854775808, "numbers", -9223372036854775808),
    ("fraction", 1795198459.73, "numbers", 1795198459.73), ("yes", True, "numbers", True),
    ("no", False, "numbers", False), ("an id", AN_ID, "ids", AN_ID),
]


def typed_value(report, name, group):
    return report[group][name] if group else report[name]


def test_types_in_the_report(site):
    report = error(attributes={name: value for name, value, _, _ in TYPED} | {"nothing": None})
    found = site.report(site.submit_sync(report)["_rxid"])
    for name, _, group, expected in TYPED:
        value = typed_value(found, name, group)
        assert str(value).lower() == str(expected).lower(), name
    for group in (found, found.get("numbers", {}), found.get("ids", {})):
        assert "nothing" not in group


@pytest.mark.parametrize("place", ["query", "form"])
def test_types_of_text(site, place):
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value)
             for name, value, _, _ in TYPED if name != "fraction"}
    # Text of any other look is a string.
    strings = {"fraction": "1.5", "zeros": "007", "plus": "+5", "too large": "18446744073709551616",
               "exponent": "1e3", "words": "True story", "empty": "", "hex": "0x10"}
    every = {**texts, **strings}
    if place == "query":
        told = site.submit_sync(error(), params=every)
    else:
        told = site.submit_sync(None, files={"upload_file": ("e", json.dumps(error())),
                                             **{n: (None, v) for n, v in every.items()}})
    found = site.report(told["_rxid"])
    for name, _, group, expected in TYPED:
        if name in texts:
            assert str(typed_value(found, name, group)).lower() == str(expected).lower(), name
    for name, value in strings.items():
        assert found[name] == value, name


def test_dictionaries(site):
    report = error(attributes={"custom": {"nested": {"deep": 1}}, "list": [1, "two"]})
    rxid = site.submit_sync(report)["_rxid"]
    assert json.loads(site.fetch(rxid).content) == report
    text = json.dumps(site.report(rxid))
    assert "deep" in text and "two" in text


def test_names_that_mean_something(site):
    """Attributes that are called as members of a report are kept apart from those."""
    report = error(attributes={"project": "mine", "date": "yesterday", "buckets": "b",
                               "database_id": "d", "stacktrace": "s", "threads": "t"})
    rxid = site.submit_sync(report)["_rxid"]
    found = site.report(rxid)
    assert found["project"] == "cts" and found["database_id"] == rxid
    assert found["project_"] == "mine" and found["date_"] == "yesterday"
    assert found["database_id_"] == "d" and found["buckets_"] == "b" and found["stacktrace_"] == "s"


def test_parameters_that_are_no_attributes(site):
    told = site.submit_sync(error(), path=f"/api/post?token={site.sync}&format=json&universe=default"
                                          "&project=cts&sync=true&_mod_sync=1&real=one")
    found = site.report(told["_rxid"])
    assert found["real"] == "one"
    assert not {"token", "format", "universe", "sync"} & set(found)
    assert site.sync not in json.dumps(found)


def test_long_values_are_cut_and_told(site):
    told = site.submit_sync(error(attributes={"long": "x" * 100_000, "short": "y"}))
    assert "errors" in told or "error" in told
    found = site.report(told["_rxid"])
    assert found["short"] == "y" and set(found["long"]) == {"x"} and len(found["long"]) <= 65536


def test_too_many_attributes_are_left_out_and_told(site):
    report = error(attributes={f"a{i}": f"v{i}" for i in range(6000)})
    told = site.submit_sync(report)
    assert "errors" in told or "error" in told
    found = site.report(told["_rxid"])
    strings = [name for name in found if name.startswith("a") and name[1:].isdigit()]
    assert 250 < len(strings) <= 256
    assert 3000 < len(strings) + len(found["more"]) <= 4096
    assert json.loads(site.fetch(told["_rxid"]).content) == report


def test_too_long_fields_are_refused(site):
    files = {"upload_file": ("e", json.dumps(error()))}
    assert site.submit(None, status=413, files={**files, "long": (None, "x" * 65537)})["error"]
    assert site.submit(None, status=413, files={**files, "n" * 257: (None, "x")})["error"]
    site.submit(None, files={**files, "n" * 256: (None, "x" * 65536)})


# --- the error format ---------------------------------------------------------------------------


def test_nothing_of_a_report_is_lost(site):
    body = FULL_REPORT.read_bytes()
    sent = json.loads(body)
    told = site.submit_sync(body)
    fetched = site.fetch(told["_rxid"])
    assert fetched.content == body  # to the byte
    assert fetched.headers["Content-Type"].startswith("application/json")
    assert re.search(r'filename="?[^"]+', fetched.headers["Content-Disposition"])
    packed = site.fetch(told["_rxid"], resource="json.gz")
    assert packed.headers["Content-Type"] == "application/gzip"
    assert gzip.decompress(packed.content) == body

    found = site.report(told["_rxid"])
    assert found["database_id"] == told["_rxid"] and found["project"] == "cts"
    assert found["date"] == "2016-11-03T19:14:02"
    frames = sent["threads"]["worker-3"]["stack"]
    assert [f.get("function") for f in found["stacktrace"]] == [f.get("funcName") for f in frames]
    top = found["stacktrace"][0]
    assert str(top["line"]) == "42" and str(top["column"]) == "7"
    assert top["module"] == "libparse.so.2"
    text = json.dumps(found)
    for word in ("SIGSEGV", "TypeError", "libparse.so.2", "session-worker", "checkpoint one",
                 "unknown_member_value", "frame_member_value",
                 "const value = settings.deep;", "c/src/parse.c", "4e5a7f1b2c3d", "rax"):
        assert word in text, word


def test_main_thread(site):
    """mainThread, else the first with fault, else the first there is."""
    threads = {"a": {"stack": [{"funcName": "inA"}]},
               "b": {"fault": True, "stack": [{"funcName": "inB"}]},
               "c": {"stack": [{"funcName": "inC"}]}}
    for main, expected in (("c", "inC"), ("b", "inB"), (None, "inB"), ("nobody", "inB")):
        rxid = site.submit_sync(error(threads=threads, mainThread=main))["_rxid"]
        assert site.report(rxid)["stacktrace"][0]["function"] == expected, main


def test_decoded_reports_are_grouped_and_found(site):
    word = new_name("Quixotic")
    functions = [new_name("alpha"), new_name("beta"), new_name("gamma"), new_name("delta")]
    first, second = (site.submit_sync(error(functions, f"{word} failure {i}"))["_rxid"] for i in (1, 2))
    hits = site.server.get("/cts/search", params={"q": word, "since": "2000-01-01"}).json()
    assert {hit["database_id"] for hit in hits} == {first, second}
    one, two = site.report(first), site.report(second)
    assert two["buckets"]["top_match"]["report_id"] == first
    assert one["buckets"]["4.0"]["id"] == two["buckets"]["4.0"]["id"] == first
    by_project = site.server.get("/other/search", params={"q": word, "since": "2000-01-01"}).json()
    assert by_project == []


def test_noise_takes_no_part_in_grouping(site):
    """Numbers, ids, other threads and annotations differ from report to report of one bug."""
    functions = [new_name("lamed"), new_name("mem"), new_name("nun")]

    def noisy(i):
        return error(functions, "noise", attributes={"pid": i, "id": str(uuid.uuid4()), "x": i % 2 == 0},
                     annotations={"env": {f"VAR{i}": f"value{i}"}},
                     threads={"main": {"fault": True, "stack": [{"funcName": f} for f in functions]},
                              "t": {"stack": [{"funcName": f"other{i}"}]}})
    first = site.submit_sync(noisy(1))["_rxid"]
    second = site.submit_sync(noisy(2))["_rxid"]
    score = site.server.get(f"/cts/reports/{second}/compare/{first}").json()
    assert score["terms"]
    assert not any(t["field"].split(".")[0] in ("numbers", "ids", "threads", "annotations")
                   for t in score["terms"])


# --- fingerprints -------------------------------------------------------------------------------


def stack(*frames):
    return {"main": {"fault": True, "stack": [
        {"funcName": f} if isinstance(f, str) else f for f in frames]}}


def fingerprint(site, report, **params):
    return site.submit_sync(report, params=params)["fingerprint"]


def test_fingerprint_is_of_the_stack(site):
    base = fingerprint(site, error(["f", "g", "h"], "one"))
    assert re.fullmatch("[0-9a-f]{64}", base)
    lines = error(["f", "g", "h"], "two")
    for i, frame in enumerate(lines["threads"]["main"]["stack"]):
        frame.update(line=100 + i, column=1, address=f"0x{i:x}00")
    assert fingerprint(site, lines) == base
    assert fingerprint(site, error(["f", "h", "g"], "one")) != base
    assert fingerprint(site, error(["f", "g"], "one")) != base


SAME_FUNCTION = [
    ("_ZN3foo3barEi", "foo::bar(int)"), ("foo<int>::bar()", "foo<char*>::bar(int)"),
    ("handle_event.constprop.0", "handle_event"), ("work.isra.5", "work"), ("step.cold", "step"),
]


@pytest.mark.parametrize("a,b", SAME_FUNCTION)
def test_fingerprint_of_names(site, a, b):
    assert fingerprint(site, error(threads=stack(a, "main"))) == fingerprint(
        site, error(threads=stack(b, "main")))


def test_fingerprint_folds_recursion(site):
    once = fingerprint(site, error(threads=stack("leaf", "walk", "main")))
    assert fingerprint(site, error(threads=stack("leaf", *["walk"] * 30, "main"))) == once


def test_fingerprint_without_a_stack(site):
    """Classifiers and message without its digits."""
    def bare(message):
        return error(message=message, threads=None, mainThread=None)
    assert fingerprint(site, bare("file 12 not found")) == fingerprint(site, bare("file 7 not found"))
    assert fingerprint(site, bare("file not found")) != fingerprint(site, bare("disk is full"))


def test_fingerprint_of_the_sender(site):
    wanted = hashlib.sha256(b"mine").digest()
    assert fingerprint(site, error(fingerprint=base64.b64encode(wanted).decode())) == wanted.hex()
    assert fingerprint(site, error(), _mod_fingerprint=wanted.hex()) == wanted.hex()
    assert fingerprint(site, error(attributes={"_mod_fingerprint": wanted.hex()})) == wanted.hex()


def test_unique(site):
    functions = [new_name("only"), "main"]
    first, second = (site.submit_sync(error(functions)) for _ in range(2))
    assert first["fingerprint"] == second["fingerprint"]
    assert (first["unique"], second["unique"]) == (True, False)
    # In each project by itself.
    assert site.submit_sync(error(functions), site.other_post)["unique"] is True


def test_same_fingerprint_in_another_server(site, server):
    token = server.token("error:post", "sync:post")
    functions = [new_name("same"), "everywhere", "main"]
    told = server.submit(token, error(functions), params={"_mod_sync": "1"})
    assert told["fingerprint"] == fingerprint(site, error(functions))
    assert told["unique"] is True
    server.restart()
    told = server.submit(token, error(functions), params={"_mod_sync": "1"})
    assert told["unique"] is False


# --- receipts -----------------------------------------------------------------------------------


def test_receipts(site):
    told = site.submit_sync(error())
    assert set(told) == {"response", "_rxid", "object", "fingerprint", "unique"}
    assert RXID.fullmatch(told["_rxid"]) and object_of(told["_rxid"]) == told["object"]
    again = site.submit_sync(error())
    assert int(again["object"], 16) > int(told["object"], 16)
    # All ways to name the object.
    names = [told["_rxid"], told["_rxid"].upper(), told["object"], told["object"].upper(),
             f"{told['_rxid'][:8]}-0000-0000-0000-000000000000"]
    answers = [site.attach(name, f"a{i}", b"x") for i, name in enumerate(names)]
    assert {answer["object"] for answer in answers} == {told["object"]}
    assert len(site.attachments(told["object"])) == len(names)
    for name in names:
        assert site.fetch(name).status_code == 200


def test_receipts_that_are_not_ours(site):
    told = site.submit_sync(error())
    group = int(told["_rxid"][9:13], 16)
    forged = f"{told['_rxid'][:9]}{group ^ 1:04x}{told['_rxid'][13:]}"
    for name in (forged, "ffffffff", "nonsense", "-1", "0x1", told["object"] + "g", "0",
                 "ffffffffffffffffff", ""):
        answer = site.server.request("POST", f"/default/{site.post}/json",
                                     params={"object": name, "attachment_name": "a"}, data=b"x")
        if name == "":  # says nothing: then it is a report, and a bad one
            assert answer.status_code == 400
        else:
            assert answer.status_code in (400, 404), (name, answer.text)
            assert site.server.request("GET", "/api/get", params={
                "token": site.reader, "object": name}).status_code in (400, 404)
    assert site.attachments(told["object"]) == []


def test_objects_of_another_project(site):
    told = site.submit_sync(error())
    site.attach(told["object"], "mine.txt", b"secret")
    for name in (told["object"], told["_rxid"], f"{told['_rxid'][:8]}-0000-0000-0000-000000000000"):
        refused = site.attach(name, "theirs.txt", b"x", token=site.other_post, status=400)
        nobody = site.attach("fffffff", "theirs.txt", b"x", token=site.other_post, status=400)
        assert refused == nobody  # not even that there is such an object
        for path, more in (("/api/get", {}), ("/api/get", {"attachment_name": "mine.txt"}),
                           ("/api/list", {"view": "attachments"})):
            answer = site.server.request("GET", path, params={
                "token": site.other_reader, "object": name, **more})
            assert answer.status_code == 404 and "secret" not in answer.text, answer.text
            # Nor by asking for the other project.
            answer = site.server.request("GET", path, params={
                "token": site.other_reader, "project": "cts", "object": name, **more})
            assert answer.status_code == 403, answer.text
    assert [a["name"] for a in site.attachments(told["object"])] == ["mine.txt"]


# --- attachments --------------------------------------------------------------------------------


def test_attachments_with_the_report(site):
    large = bytes(range(256)) * 1000
    report = json.dumps(error())
    told = site.submit(None, files=[
        ("attachment_notes.txt", ("notes.txt", b"some notes", "text/plain")),
        ("upload_file", ("upload_file.json", report, "application/json")),
        ("attachment_core.bin", ("whatever", large, "application/octet-stream")),
        ("attachment_bt-breadcrumbs-0", ("bt-breadcrumbs-0", b'[{"id":1}]')),
        ("attachment.log", ("app.log", b"a log", "text/plain")),
        ("attachment.json", (None, b'{"a":1}', "application/json")),
        ("more", ("extra.dat", b"", "application/x-extra")),
        ("field", (None, "text"))])
    found = {a["name"]: a for a in site.attachments(told["_rxid"])}
    expected = {
        "notes.txt": (b"some notes", "text/plain"), "core.bin": (large, "application/octet-stream"),
        "bt-breadcrumbs-0": (b'[{"id":1}]', None), "app.log": (b"a log", "text/plain"),
        "attachment.json": (b'{"a":1}', "application/json"), "extra.dat": (b"", "application/x-extra")}
    assert set(found) == set(expected)
    for name, (content, type) in expected.items():
        assert found[name]["size"] == len(content)
        assert found[name]["inline"] in (False, True)
        if type:
            assert found[name]["content_type"] == type
        for by in ({"attachment_name": name}, {"attachment_id": found[name]["id"]}):
            fetched = site.fetch(told["_rxid"], **by)
            assert fetched.content == content
            assert name in fetched.headers["Content-Disposition"]
    assert site.fetch(told["_rxid"]).content == report.encode()
    assert site.report(told["_rxid"])["field"] == "text"


def test_attachments_later(site):
    rxid = site.submit(error())["_rxid"]  # at once, when it may not have been processed yet
    object_id = object_of(rxid)
    answer = site.attach(rxid, "some/folder/test.json", b'{"x": 1}',
                         headers={"Content-Type": "application/json"})
    assert answer == {"response": "ok", "_rxid": f"{rxid[:8]}-0000-0000-0000-000000000000",
                      "attachment_name": "test.json", "attachment_id": answer["attachment_id"],
                      "object": object_id}
    assert isinstance(answer["attachment_id"], str)
    attachment, = site.attachments(rxid)
    assert attachment == {"id": answer["attachment_id"], "name": "test.json", "size": 8,
                          "content_type": "application/json", "inline": attachment["inline"]}
    # In all forms of URLs, also with the first file of a form, also without a type.
    for path in (f"/api/post?token={site.post}&object={object_id}&attachment_name=b",
                 f"/post?token={site.post}&object={object_id}&attachment_name=b"):
        assert site.submit(b"second", path=path)["attachment_name"] == "b"
    site.submit(None, files={"any": ("c", b"third")},
                params={"object": object_id, "attachment_name": "c"})
    assert [a["name"] for a in site.attachments(object_id)] == ["test.json", "b", "b", "c"]
    assert site.fetch(object_id, attachment_name="c").content == b"third"


def test_same_name_twice(site):
    object_id = site.submit_sync(error())["object"]
    ids = [site.attach(object_id, "log", content)["attachment_id"] for content in (b"old", b"new")]
    assert len(set(ids)) == 2
    assert site.fetch(object_id, attachment_name="log").content == b"new"
    assert site.fetch(object_id, attachment_id=ids[0]).content == b"old"


def test_attachments_that_are_not_there(site):
    object_id = site.submit_sync(error())["object"]
    other = site.submit_sync(error())["object"]
    theirs = site.attach(other, "log", b"x")["attachment_id"]
    for by in ({"attachment_name": "log"}, {"attachment_id": theirs}, {"attachment_id": "ffff"}):
        site.fetch(object_id, status=404, **by)
    site.fetch("ffffff", status=404)
    site.attach("ffffff", "log", b"x", status=400)
    site.server.attachments(site.reader, "ffffff", status=404)


NASTY_NAMES = ["a b.txt", 'quote".txt', "back\\slash", "line\nbreak", "ünïcödé ☃.log", "<script>.html",
               "semi;colon", "%41", "..", "a" * 256]


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_safe_headers(site, name):
    """A page that somebody attached must not run as one of ours."""
    object_id = site.submit_sync(error())["object"]
    page = b"<script>alert(1)</script>"
    told = site.attach(object_id, name, page, headers={"Content-Type": "text/html"})
    with site.server.connect() as c:
        c.send(f"GET /api/get?token={site.reader}&object={object_id}&"
               f"attachment_id={told['attachment_id']} HTTP/1.1\r\nHost: h\r\n\r\n")
        status, headers, body = c.answer()
    assert (status, body) == (200, page)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"].startswith("attachment; filename")
    assert not re.search(r"[^\x20-\x7e]", headers["Content-Disposition"])
    assert headers.get_all("Content-Length") == [str(len(page))]
    assert "script-src" in headers.get("Content-Security-Policy", "") or "sandbox" in headers.get(
        "Content-Security-Policy", "") or "default-src 'none'" in headers.get(
            "Content-Security-Policy", "")


def test_large_attachments_are_files_by_content(site):
    content = hashlib.shake_128(b"large").digest(300_000)
    blobs = site.server.data / "blobs"

    def files():
        return {p: p.stat().st_size for p in blobs.rglob("*") if p.is_file()}
    first, second = (site.submit_sync(error())["object"] for _ in range(2))
    before = files()
    site.attach(first, "one.bin", content)
    new = set(files()) - set(before)
    assert len(new) == 1 and new.pop().read_bytes() == content
    site.attach(second, "two.bin", content)  # the same bytes, stored once
    assert len(files()) == len(before) + 1
    for object_id, name in ((first, "one.bin"), (second, "two.bin")):
        assert site.fetch(object_id, attachment_name=name).content == content
    small = site.attach(first, "small.bin", content[:1000])
    assert len(files()) == len(before) + 1
    assert site.fetch(first, attachment_id=small["attachment_id"]).content == content[:1000]
    assert list((blobs / "tmp").iterdir()) == []


def test_reading_takes_its_scope(site):
    told = site.submit_sync(error())
    site.attach(told["object"], "log", b"x")
    for token in (site.post, site.sync, site.symbols, WRONG_TOKEN, ""):
        for path in ("/api/get", "/api/list"):
            answer = site.server.request("GET", path, params={"token": token, "object": told["object"]})
            assert answer.status_code == 403, (path, answer.text)
            assert answer.json()["error"]["message"].startswith("invalid token")
    site.attach(told["object"], "log", b"x", token=site.reader, status=403)


# --- synchronous answers ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["_mod_sync=1", "_mod_sync=", "_mod_sync", "_mod_sync=false", "sync=true"])
def test_synchronous(site, how):
    """The value of _mod_sync does not matter."""
    told = site.submit(error(), path=f"/default/{site.sync}/json?{how}")
    assert set(told) == {"response", "_rxid", "object", "fingerprint", "unique"}
    assert site.server.get(f"/cts/reports/{told['_rxid']}").json()["database_id"] == told["_rxid"]


def test_synchronous_by_a_field(site):
    files = {"_mod_sync": (None, "1"), "upload_file": ("e", json.dumps(error()))}
    assert "fingerprint" in site.submit(None, site.sync, files=files)
    # Without the scope it is refused, and nothing is stored.
    before = len(uploads_in(site))
    told = site.submit(None, site.post, files=files, status=403)
    assert told["error"]["message"].startswith("invalid token")
    assert len(uploads_in(site)) == before


def test_errors_found_in_processing(site):
    told = site.submit_sync(error(threads={"main": "no thread at all"}, mainThread=5))
    assert told["response"] == "ok" and told["fingerprint"]
    assert any("thread" in str(told.get(member)).lower() for member in ("errors", "error"))


def test_synchronous_for_symbols(site):
    both = site.server.token("symbol:post", "sync:post")
    told = site.submit_sync(b"PK\x03\x04symbols", both, format="symbols")
    assert RXID.fullmatch(told["_rxid"])


# --- the same report again ----------------------------------------------------------------------


def test_same_uuid(site):
    report = error(message=new_name("Duplicate"))
    first = site.submit(report)["_rxid"]
    again = site.submit({**report, "attributes": {"other": "content"}})["_rxid"]
    assert again == first
    told = site.submit_sync(report)
    assert told["_rxid"] == first and told["object"] == object_of(first)
    assert json.loads(site.fetch(first).content) == report
    # It is one of its own in another project.
    assert site.submit_sync(report, site.other_post)["_rxid"] != first
    hits = site.server.get("/cts/search", params={"q": report["attributes"]["error.message"],
                                                  "since": "2000-01-01"}).json()
    assert len(hits) == 1


def test_same_uuid_64_at_once(site):
    report = error(message=new_name("Simultaneous"))
    body = json.dumps(report).encode()

    def send(_):
        connection = http.client.HTTPConnection("127.0.0.1", site.server.port, timeout=60)
        connection.request("POST", f"/default/{site.post}/json", body)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        assert answer.status == 200
        return told["_rxid"]
    before = len(uploads_in(site))
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        receipts = set(pool.map(send, range(64)))
    assert len(receipts) == 1
    assert site.report(receipts.pop())["error.message"] == report["attributes"]["error.message"]
    assert len(uploads_in(site)) == before + 1


def test_same_uuid_after_a_restart(server):
    token, reader = server.token("error:post"), server.token("object:get")
    report = error()
    first = server.submit(token, report)["_rxid"]
    server.restart()
    assert server.submit(token, report)["_rxid"] == first
    assert json.loads(server.fetch(reader, first).content) == report


# --- tokens -------------------------------------------------------------------------------------


def test_tokens_come_and_go_at_once(server):
    first = server.token("error:post")
    second = server.token("error:post")  # while the server runs
    for token in (first, second):
        server.submit(token, error())
    server.command("token", "revoke", first)
    assert server.submit(first, error(), status=403)["error"]["message"] == "invalid token"
    server.submit(second, error())
    server.restart()
    server.submit(first, error(), status=403)
    server.submit(second, error())
    # A new universe, too.
    server.submit(second, error(), universe="acme", status=503)
    server.command("project", "create", "rockets", "--universe", "acme")
    server.submit(second, error(), universe="acme", status=403)
    rockets = server.token("error:post", project="rockets")
    server.submit(rockets, error(), universe="acme")
    server.submit(rockets, error(), status=403)  # of another universe than it says
    server.submit(rockets, error(), path=f"/api/post?format=json&token={rockets}")


def test_tokens_that_read_are_not_kept(server):
    reader, poster = server.token("object:get"), server.token("error:post")
    for path in server.data.glob("crumple.db*"):
        assert reader.encode() not in path.read_bytes()
    listed = server.command("token", "list")
    assert poster in listed and reader not in listed


@pytest.mark.parametrize("capabilities", ["error:post sync:post", "error:post,sync:post"])
def test_capabilities_as_a_list(server, capabilities):
    token = server.token(capabilities)
    assert "fingerprint" in server.submit(token, error(), params={"_mod_sync": "1"})
    assert "error:post sync:post" in server.command("token", "list")


def test_limits_of_a_token(server):
    token = server.token("error:post", metadata={
        "limits": {"body_bytes": 20000, "parts": 4, "attachment_bytes": 1000}})
    reader = server.token("object:get")
    small = json.dumps(error())
    rxid = server.submit(token, small)["_rxid"]
    server.submit(token, json.dumps(error(message="x" * 20000)), status=413)

    def files(*sizes):
        return [("upload_file", ("e", json.dumps(error())))] + [
            (f"attachment_{i}", ("f", b"x" * size)) for i, size in enumerate(sizes)]
    server.submit(token, None, files=files(1000, 1000))
    server.submit(token, None, files=files(1000, 1001), status=413)
    assert server.submit(token, None, files=files(*[1] * 9), status=413)["error"]["message"]
    at = {"object": rxid, "attachment_name": "a"}
    server.submit(token, b"x" * 1000, params=at)
    server.submit(token, b"x" * 1001, params=at, status=413)
    assert [a["size"] for a in server.attachments(reader, rxid)] == [1000]


def test_failed_tokens_are_slowed_down(make_server):
    server = make_server(config="[limits]\nfailed_tokens_burst = 20\nfailed_tokens_per_minute = 60\n")
    good = server.token("error:post")
    statuses = []
    for i in range(40):
        answer = server.request("POST", f"/default/{i:064x}/json", data=b"{}")
        statuses.append(answer.status_code)
        if answer.status_code == 429:
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.json()["error"]["message"]
    assert statuses[:20] == [403] * 20
    assert 429 in statuses[20:] and statuses.count(403) < 30
    server.submit(good, error())  # those who know are never held up
    reads = server.request("GET", "/api/get", params={"token": "0" * 64, "object": "1"})
    assert reads.status_code in (403, 429)
    assert metric(server, "crumple_requests_not_let_in_total") == 41
    time.sleep(2.2)
    assert server.request("POST", f"/default/{77:064x}/json", data=b"{}").status_code == 403


# --- what has no decoder yet --------------------------------------------------------------------

KEPT = {
    "btt": b"\x00\x01 any bytes at all", "symbols": b"PK\x03\x04" + bytes(100),
    "sourcemap": b"PK\x03\x04" + bytes(100), "proguard": b"a.b -> c.d:\n",
}


@pytest.mark.parametrize("format", KEPT)
def test_kept_whole(site, format):
    content = KEPT[format] + new_name(" ").encode()
    is_error = format == "btt"
    token = site.post if is_error else site.symbols
    rxid = site.submit(None, token, format=format, params={"version": "2.5", "tag": "nightly"},
                       files={"upload_file": ("f.bin", content, "application/x-" + format),
                              "colour": (None, "red")})["_rxid"]
    fetched = site.fetch(rxid)
    assert fetched.content == content
    assert fetched.headers["Content-Type"] == "application/octet-stream" or format in fetched.headers[
        "Content-Type"]
    upload = site.server.upload_of(site.reader, rxid)
    assert upload["format"] == format
    assert upload["state"] == ("waiting" if is_error else "kept")
    assert upload["size"] == len(content)
    if is_error:
        assert upload["attributes"]["version"] == "2.5" and upload["attributes"]["colour"] == "red"
        site.attach(rxid, "log", b"more")
        assert [a["name"] for a in site.attachments(rxid)] == ["log"]
    # Nothing of it shows up among the reports.
    site.server.get(f"/cts/reports/{rxid}", 404)


def test_large_dump_is_a_file(site):
    content = MINIDUMP + hashlib.shake_128(b"dump").digest(2 * MB)
    rxid = site.submit(content, format="minidump")["_rxid"]
    assert site.fetch(rxid).content == content


def test_waiting_uploads_are_processed_when_they_can_be(server):
    """A json upload that is put back to where a newer format would be, by hand."""
    token, reader = server.token("error:post"), server.token("object:get")
    report = error(["patience", "main"])
    rxid = server.submit(token, report, params={"colour": "red"})["_rxid"]
    assert server.report_of(reader, rxid)["colour"] == "red"
    server.stop()
    database = sqlite3.connect(server.data / "crumple.db")
    database.execute("DELETE FROM reports")
    database.execute("UPDATE uploads SET state = 1, report = NULL")
    database.commit()
    database.close()
    server.start()
    found = server.report_of(reader, rxid)
    assert found["colour"] == "red" and found["stacktrace"][0]["function"] == "patience"
    assert server.upload_of(reader, rxid)["state"] == "decoded"
    hits = server.get("/cts/search", params={"since": "2000-01-01"}).json()
    assert [hit["database_id"] for hit in hits] == [rxid]
    server.restart()  # and only once
    hits = server.get("/cts/search", params={"since": "2000-01-01"}).json()
    assert [hit["database_id"] for hit in hits] == [rxid]


# --- metrics of the clients ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["unique", "summed"])
def test_metrics_of_clients(site, kind):
    def counted():
        return metric(site.server, "crumple_events_total", f'kind="{kind}"')
    before = counted()
    event = {"timestamp": 1478200442, "attributes": {"guid": "x", "pid": "5"}}
    more = {"unique": ["guid"]} if kind == "unique" else {"metric_group": "Application Launches"}
    told = site.server.request("POST", f"/api/{kind}-events/submit",
                               params={"universe": "default", "token": site.post},
                               json={"application": "a", "appversion": "1",
                                     "metadata": {"dropped_events": 0},
                                     f"{kind}_events": [{**event, **more}, {**event, **more}]})
    assert told.status_code == 200
    assert isinstance(told.json(), dict)  # the SDK's program dies of anything else
    assert counted() == before + 2
    refused = site.server.request("POST", f"/api/{kind}-events/submit",
                                  params={"universe": "default", "token": WRONG_TOKEN}, json={})
    assert refused.status_code == 403 and refused.json()["error"]
    refused = site.server.request("POST", f"/api/{kind}-events/submit",
                                  params={"universe": "default", "token": site.post}, data=b"{")
    assert refused.status_code == 400 and refused.json()["error"]


# --- slow and large -----------------------------------------------------------------------------


def test_slow_clients(make_server):
    """A request that never ends is ended, and takes nothing with it."""
    server = make_server(config="[limits]\nrequest_timeout_s = 1\n")
    token, reader = server.token("error:post"), server.token("object:get")
    rxid = server.submit(token, error())["_rxid"]
    never_ending = [
        f"POST /default/{token}/json HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{{",
        # as the SDK sends an attachment from a string
        f"POST /default/{token}/json?object={rxid}&attachment_name=a HTTP/1.1\r\nHost: h\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        f"POST /default/{token}/minidump HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n"
        + "MDMP" + "x" * 400_000]
    connections = [server.connect() for _ in never_ending]
    for c, text in zip(connections, never_ending):
        c.send(text)
    server.submit(token, error())  # others are not held up
    for c in connections:
        answer = c.answer("POST")
        assert answer is None or answer[0] == 408, answer
        c.sock.close()
    assert server.attachments(reader, rxid) == []
    deadline = time.monotonic() + 20
    while list((server.data / "blobs" / "tmp").iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert server.is_healthy()


def made_bytes(total):
    piece = hashlib.shake_128(b"piece").digest(MB)
    yield b"MDMP"
    for i in range(total // MB):
        yield i.to_bytes(4, "little") + piece[4:]


def send_chunked(server, path, total):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("POST", path, body=made_bytes(total), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told


def test_300_mb(server):
    """It moves through: neither taking it nor giving it needs memory for it."""
    token, reader = server.token("error:post"), server.token("object:get")
    server.submit(token, error())
    before, total = server.peak_memory(), 300 * MB
    status, told = send_chunked(server, f"/default/{token}/minidump", total)
    assert status == 200, told
    object_id = object_of(told["_rxid"])
    wanted = hashlib.sha256()
    for piece in made_bytes(total):
        wanted.update(piece)
    digest, size = hashlib.sha256(), 0
    with server.get("/api/get", params={"token": reader, "object": object_id}, stream=True) as answer:
        assert answer.headers["Content-Length"] == str(total + 4)
        for piece in answer.iter_content(MB):
            digest.update(piece)
            size += len(piece)
    assert (size, digest.digest()) == (total + 4, wanted.digest())
    print("at most", (server.peak_memory() - before) >> 20, "MB more")
    assert server.peak_memory() - before < 32 * MB


def test_over_the_limit(make_server):
    server = make_server(config="[limits]\nupload_bytes = 3M\nattachment_bytes = 1M\n")
    token, reader = server.token("error:post"), server.token("object:get")
    status, told = send_chunked(server, f"/default/{token}/minidump", 2 * MB)
    assert status == 200
    rxid = told["_rxid"]
    status, told = send_chunked(server, f"/default/{token}/minidump", 4 * MB)
    assert status == 413 and told["error"]["message"]
    status, told = send_chunked(
        server, f"/default/{token}/json?object={rxid}&attachment_name=a", 2 * MB)
    assert status == 413
    bomb = gzip.compress(b"MDMP" + bytes(50 * MB))
    server.submit(token, bomb, format="minidump", status=413, headers={"Content-Encoding": "gzip"})
    assert server.attachments(reader, rxid) == []
    assert list((server.data / "blobs" / "tmp").iterdir()) == []


def test_names_of_fields_cannot_be_used_up(make_server):
    """One project's invented names of attributes do not keep others from being grouped and found."""
    server = make_server()
    token, other = server.token("error:post", "sync:post"), server.token("error:post", "sync:post", project="other")
    for i in range(25):
        wide = error([f"wide{i}"])
        wide["attributes"] = {f"u{i}_{n}": "x" for n in range(4000)}
        assert "errors" not in server.submit(token, wide, params={"_mod_sync": "1"})
    for i in range(6):
        wide = error([f"members{i}"], **{f"m{i}_{n}": "x" for n in range(50000)})
        told = server.submit(token, wide, params={"_mod_sync": "1"})
        report = server.get(f"/cts/reports/{told['_rxid']}").json()
        assert len([name for name in report if name.startswith(f"m{i}_")]) == 4096
        assert report["processing_errors"] == [
            "unknown members of the report were left out (45904): at most 4096 are kept"]
    server.post("/reports", {"database_id": "w", "project": "third", **{f"p{n}": "x" for n in range(99000)}})
    assert server.get("/third/reports/w").json()["p98999"] == "x"
    metrics = server.get("/metrics").text
    fields, left_out = (int(re.search(f"^crumple_index_{name} ([0-9]+)$", metrics, re.M)[1])
                        for name in ("fields", "values_left_out_total"))
    assert 11000 < fields < 11100  # what one project may bring, and what one report may
    assert left_out > 98000
    mine = error(["victim"])
    mine["attributes"] = {"brand.new.name": "halibut"}
    told = server.submit(other, mine, params={"_mod_sync": "1"})
    assert "errors" not in told
    hits = server.get("/other/search", params={"q": "brand_new_name:halibut"}).json()
    assert [hit["database_id"] for hit in hits] == [told["_rxid"]]
    twin = server.submit(other, {**mine, "uuid": str(uuid.uuid4())}, params={"_mod_sync": "1"})
    buckets = server.get(f"/other/reports/{twin['_rxid']}").json()["buckets"]
    assert buckets["top_match"]["report_id"] == told["_rxid"]
    assert server.get("/third/search", params={"q": "p98999:x"}).json() == []  # it was one too many
    assert len(server.get("/cts/search", params={"q": "more.u7_300:x"}).json()) == 1
    server.restart()
    hits = server.get("/other/search", params={"q": "brand_new_name:halibut"}).json()
    assert {hit["database_id"] for hit in hits} == {told["_rxid"], twin["_rxid"]}
