"""Submissions as they arrive: what real clients sent, bodies in every wrapping, and those that break
off. What they mean is in test_backtrace.py."""

import concurrent.futures
import json
import os
import pathlib
import random
import re
import socket
import struct
import time
import uuid

import pytest

from conftest import Server
from errors import MINIDUMP, error, object_of

CAPTURED = pathlib.Path(__file__).resolve().parent.parent / "data" / "requests"
MB = 1 << 20
BOUNDARY = "----here"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


class Place:
    """A server, and tokens for what one may do on it."""

    def __init__(self, folder):
        self.server = Server(folder).start()
        bucket = {"buckets": {"cts": {"attributes": ["uname.sysname"], "set": {"seen": "1"}}}}
        self.post = self.server.token("error:post")
        self.sync = self.server.token("error:post", "sync:post")
        self.symbols = self.server.token("symbol:post", "sync:post")
        self.bucket = self.server.token("error:post", "sync:post", metadata=bucket)
        self.other_bucket = self.server.token("error:post", "sync:post", metadata=bucket)
        self.reader = self.server.token("object:get")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("submission"))
    yield place
    place.server.stop()


def part(name, content, *headers, filename=None):
    content = content if isinstance(content, bytes) else content.encode()
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    lines = [f"--{BOUNDARY}", f"Content-Disposition: {disposition}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content + b"\r\n"


def form(*parts):
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def report_part():
    return part("upload_file", json.dumps(error()), filename="e.json")


# --- what clients sent, byte for byte -----------------------------------------------------------


@pytest.mark.parametrize("name,attachments", [
    ("backtrace-node-1.2.0-multipart", {"app.log": 15}),
    ("node-sdk-0.8.3-breadcrumbs", {"bt-breadcrumbs-0": 120, "app.log": 15, "notes.txt": 10}),
    ("node-sdk-0.8.3-plain-json", {})])
def test_captured(place, name, attachments):
    request = (CAPTURED / f"{name}.http").read_bytes()
    line, rest = request.split(b"\r\n", 1)
    line = line.replace(b"7" * 64, place.post.encode()).replace(b"/acme/", b"/default/")
    request = line + b"\r\n" + rest
    with place.server.connect() as c:
        status, _, answer = c.send(request).answer("POST")
    assert status == 200, answer
    rxid = json.loads(answer)["_rxid"]
    report = place.server.report_of(place.reader, rxid)
    assert report["stacktrace"]
    found = place.server.attachments(place.reader, rxid)
    assert {a["name"]: a["size"] for a in found} == attachments
    # The SDK sends it again until it is told 200.
    with place.server.connect() as c:
        status, _, again = c.send(request).answer("POST")
    assert (status, json.loads(again)["_rxid"]) == (200, rxid)


# --- formats ------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [MINIDUMP, b"plcrash\x01" + bytes(50)], ids=["minidump", "plcrash"])
def test_format_by_first_bytes(place, body):
    for sent, headers in ((body, {}), (form(part("upload_file", body, filename="d")), MULTIPART)):
        told = place.server.submit(place.post, sent, path=f"/post?token={place.post}",
                                   headers=headers)
        assert place.server.fetch(place.reader, told["_rxid"]).content == body


@pytest.mark.parametrize("body", [b"MDM", b"[]", b"btt?", bytes(100)])
def test_no_format_to_be_seen(place, body):
    told = place.server.submit(place.post, body, path=f"/api/post?token={place.post}", status=503)
    assert "format" in told["error"]["message"]


def test_format_as_a_field(place):
    """As Crashpad's annotations have it."""
    told = place.server.submit(place.post, form(part("format", "minidump"), part("token", "secret"),
                                                part("upload_file_minidump", MINIDUMP, filename="d")),
                               path=f"/api/post?token={place.post}", headers=MULTIPART)
    assert place.server.fetch(place.reader, told["_rxid"]).content == MINIDUMP


@pytest.mark.parametrize("format", ["symbols", "sourcemap", "proguard"])
def test_symbols(place, format):
    body = {"symbols": b"MODULE Linux x86_64 000000000000000000000000000000010 a\n",
            "sourcemap": b'{"version": 3, "file": "a.js", "sources": [], "mappings": ""}\n',
            "proguard": b"a.b -> c.d:\n"}[format]
    told = place.server.submit(place.symbols, body, format=format, params={"tag": "v1"})
    assert set(told) == {"response", "_rxid"}
    told = place.server.submit(place.symbols, body + b" ", format=format, params={"sync": "true"})
    assert set(told) == {"response", "_rxid", "object"}


# --- errors -------------------------------------------------------------------------------------


def test_errors_say_which(place):
    """Code, sentence, and nothing else; a wrong token is told the words that clients look for."""
    server = place.server
    message = {}
    for name, path in (("token", f"/default/{'0' * 64}/json"), ("scope", f"/default/{place.symbols}/json"),
                       ("sync", f"/default/{place.post}/json?_mod_sync=1")):
        told = server.submit(None, b"{}", path=path, status=403)
        assert told["error"]["code"] == 403
        message[name] = told["error"]["message"]
    assert message["token"] == "invalid token"
    assert message["scope"].startswith("invalid token") and "error:post" in message["scope"]
    assert message["sync"].startswith("invalid token") and "sync:post" in message["sync"]
    told = server.submit(place.post, b"{}", universe="nowhere", status=503)
    assert told["error"]["message"] == "no such universe 'nowhere'"


@pytest.mark.parametrize("path", ["/", "/api", "/api/posts", "/default", "/default/{t}/json/more"])
def test_no_submission(place, path):
    """Other routes stay what they are."""
    answer = place.server.request("POST", path.format(t=place.post), data=b"{}")
    assert answer.status_code in (404, 405)


def test_refused_before_the_body(place):
    """With Expect: 100-continue nothing of the body is asked for."""
    for path, status in ((f"/default/{'1' * 64}/minidump", 403), (f"/nowhere/{place.post}/json", 503),
                         (f"/default/{place.post}/elf", 503),
                         (f"/default/{place.post}/symbols", 403),
                         (f"/default/{place.post}/json?object=zz&attachment_name=a", 400)):
        with place.server.connect() as c:
            c.send(f"POST {path} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                   "Content-Length: 1000000000\r\n\r\n")
            answer = c.answer("POST")
        assert answer is not None and answer[0] == status, (path, answer)
        assert json.loads(answer[2])["error"]["message"]


def test_too_large_by_content_length(make_server):
    server = make_server(config="[limits]\nupload_bytes = 3M\nbody_bytes = 1M\n")
    token = server.token("error:post")
    for format, length, status in (("minidump", 3 * MB + 1, 413), ("json", MB + 1, 413)):
        with server.connect() as c:
            c.send(f"POST /default/{token}/{format} HTTP/1.1\r\nHost: h\r\n"
                   f"Content-Length: {length}\r\n\r\n")
            assert c.answer("POST")[0] == status
    # JSON is parsed in memory: also as a part, and when it only turns out to be JSON.
    large = json.dumps(error(message="x" * MB)).encode()
    body = form(part("upload_file", large, filename="e"))
    server.submit(token, body, headers=MULTIPART, status=413)
    server.submit(token, large, path=f"/post?token={token}", status=413)
    server.submit(token, form(report_part(), part("attachment_a", bytes(MB + 1))), headers=MULTIPART)
    server.submit(token, b"MDMP" + bytes(MB), format="minidump")


# --- submission buckets -------------------------------------------------------------------------


def test_bucket_tokens(place):
    """What becomes of the header is told; a bad one costs nothing."""
    server = place.server

    def submit(token, **headers):
        return server.submit(token, error(attributes={"uname.sysname": "Linux"}),
                             params={"_mod_sync": "1"}, headers=headers)
    first = submit(place.bucket)
    assert "submission_bucket" not in first and first["buckets"]["cts"]["count"] == 0
    ticket = first["buckets"]["cts"]["token"]
    assert re.fullmatch("[0-9a-f]{64}", ticket)
    told = submit(place.bucket, **{"X-Submission-Bucket": ticket})
    assert told["submission_bucket"] == "counted" and told["buckets"]["cts"]["count"] == 0
    assert submit(place.bucket)["buckets"]["cts"]["count"] == 1
    for bad, expected in (("0" * 64, "unknown"), ("x", "unknown"), (ticket[:-1], "unknown")):
        told = submit(place.bucket, **{"X-Submission-Bucket": bad})
        assert told["submission_bucket"] == expected
    told = submit(place.other_bucket, **{"X-Submission-Bucket": ticket})
    assert told["submission_bucket"] == "foreign" and told["buckets"]["cts"]["count"] == 0
    told = submit(place.sync, **{"X-Submission-Bucket": ticket})
    assert told["submission_bucket"] in ("foreign", "unknown") and "buckets" not in told
    assert submit(place.bucket)["buckets"]["cts"]["count"] == 1
    told = server.submit(place.bucket, b"log", headers={"X-Submission-Bucket": ticket},
                         params={"object": first["object"], "attachment_name": "log"})
    assert told["submission_bucket"] == "counted"
    assert submit(place.bucket)["buckets"]["cts"]["count"] == 2


def test_expired_bucket_token(place):
    token = place.server.token("error:post", "sync:post", metadata={
        "buckets": {"cts": {"attributes": ["a"], "set": {}, "ttl": 2}}})
    ticket = place.server.submit(token, error(), params={"_mod_sync": "1"})["buckets"]["cts"]["token"]
    time.sleep(2.1)
    told = place.server.submit(token, error(), headers={"X-Submission-Bucket": ticket})
    assert set(told) == {"response", "_rxid", "submission_bucket"}
    assert told["submission_bucket"] == "expired"


def test_duplicate_counts_nothing(place):
    report = error(attributes={"uname.sysname": "OnceOnly"})
    first = place.server.submit(place.bucket, report, params={"_mod_sync": "1"})
    again = place.server.submit(place.bucket, report, params={"_mod_sync": "1"}, headers={
        "X-Submission-Bucket": first["buckets"]["cts"]["token"]})
    assert again["_rxid"] == first["_rxid"] and again["object"] == first["object"]
    assert again["fingerprint"] == first["fingerprint"]
    assert "buckets" not in again and "submission_bucket" not in again
    report["uuid"] = str(uuid.uuid4())
    after = place.server.submit(place.bucket, report, params={"_mod_sync": "1"})
    assert after["buckets"]["cts"]["count"] == 0


# --- multipart ----------------------------------------------------------------------------------


def test_pieces_of_any_size(place):
    """Boundaries cut anywhere, by chunks and by packets."""
    seed = 20260103
    dice = random.Random(seed)
    content = b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r\n-\r\r\n" * 50 + b"\r\n"
    for round in range(20):
        body = form(part("a", "1"), report_part(), part("attachment_x", content, "Content-Type: a/b"))
        with place.server.connect() as c:
            c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            c.send(f"POST /default/{place.post}/json HTTP/1.1\r\nHost: h\r\nContent-Type: "
                   f"{MULTIPART['Content-Type']}\r\nTransfer-Encoding: chunked\r\n\r\n")
            while body:
                n = dice.choice((1, 2, 3, 10, 100, 1000))
                piece, body = body[:n], body[n:]
                c.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            status, _, answer = c.send("0\r\n\r\n").answer("POST")
        assert status == 200, (seed, round, answer)
        rxid = json.loads(answer)["_rxid"]
        assert place.server.fetch(place.reader, rxid, attachment_name="x").content == content


@pytest.mark.parametrize("body", [
    form(report_part())[:-6], form(report_part())[:-30], b"", b"--" + BOUNDARY.encode(),
    form(part("a\r\nX", "1")), form(report_part(), report_part()),
    form(part("x", "1", "Content-Transfer-Encoding: base64"), report_part()),
    form(report_part()).replace(BOUNDARY.encode(), b"--other"),
])
def test_broken_forms(place, body):
    told = place.server.submit(place.post, body, headers=MULTIPART, status=400)
    assert told["error"]["message"]


# --- those that mean no good --------------------------------------------------------------------


def broken_off(server, token, body, cut, how):
    with server.connect() as c:
        c.send(f"POST /default/{token}/json HTTP/1.1\r\nHost: h\r\nContent-Type: "
               f"{MULTIPART['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n")
        c.send(body[:cut])
        if how == "reset":
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            c.sock.shutdown(socket.SHUT_WR)
            c.answer("POST")


def test_clients_that_break_off(server):
    """Nothing of them is kept, and no file is left."""
    token = server.token("error:post")
    body = form(report_part(), part("attachment_x", os.urandom(200_000)))
    cuts = [0, 1, 60, 300, len(body) // 2, len(body) - 10, len(body) - 1]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(broken_off, server, token, body, cut, how)
                     for cut in cuts for how in ("reset", "end") for _ in range(4)]:
            done.result()
    deadline = time.monotonic() + 20
    while list((server.data / "blobs" / "tmp").iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    told = server.submit(token, body, headers=MULTIPART)
    assert int(object_of(told["_rxid"]), 16) == 1  # the first that was taken


def test_many_attachments(place):
    """As many as may be; each is there."""
    parts = [part(f"attachment_{i}", str(i)) for i in range(999)]
    told = place.server.submit(place.post, form(report_part(), *parts), headers=MULTIPART)
    assert len(place.server.attachments(place.reader, told["_rxid"])) == 999
    more = form(report_part(), *parts, part("attachment_more", "x"))
    assert "parts" in place.server.submit(place.post, more, headers=MULTIPART,
                                          status=413)["error"]["message"]


def test_many_large_forms_at_once(server):
    """32 at the same time, 10 MB each, in 1 MB attachments: they pass through files."""
    token = server.token("error:post")
    attachments = [part(f"attachment_{i}", bytes([i]) * MB) for i in range(10)]
    server.submit(token, error())
    before = server.peak_memory()
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        for done in [pool.submit(post_alone, server, token, form(report_part(), *attachments))
                     for _ in range(32)]:
            assert done.result() == 200
    print("at most", (server.peak_memory() - before) >> 20, "MB more")
    assert server.peak_memory() - before < 96 * MB


def test_300_mb_in_a_form(server):
    """An attachment in the middle of a form moves through without growing memory."""
    token, reader = server.token("error:post"), server.token("object:get")
    server.submit(token, error())
    before, piece, count = server.peak_memory(), os.urandom(MB), 300
    begin, end = form(report_part(), part("attachment_big", b"|")).split(b"|")
    with server.connect(timeout=120) as c:
        c.send(f"POST /default/{token}/json HTTP/1.1\r\nHost: h\r\nContent-Type: "
               f"{MULTIPART['Content-Type']}\r\nContent-Length: {len(begin) + count * MB + len(end)}"
               "\r\n\r\n").send(begin)
        for _ in range(count):
            c.send(piece)
        status, _, answer = c.send(end).answer("POST")
    assert status == 200, answer
    attachment, = server.attachments(reader, json.loads(answer)["_rxid"])
    assert attachment["size"] == count * MB
    print("at most", (server.peak_memory() - before) >> 20, "MB more")
    assert server.peak_memory() - before < 32 * MB


def post_alone(server, token, body):
    with server.connect(timeout=120) as c:
        c.send(f"POST /default/{token}/json HTTP/1.1\r\nHost: h\r\nContent-Type: "
               f"{MULTIPART['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n").send(body)
        return c.answer("POST")[0]
