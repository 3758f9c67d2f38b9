"""Requests that mean no good. Each must get a clear error, and leave the server healthy and small."""

import concurrent.futures
import gzip
import http.client
import json
import random
import socket
import time

import pytest
import requests

import conftest
import crashes
from crashes import report

MB = 1 << 20


def wait_for(condition):
    deadline = time.monotonic() + 20
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.1)


def nested(depth, opening="[", closing="]"):
    return '{"database_id": "n", "x": ' + opening * depth + closing * depth + "}"


BAD_BODIES = [
    ("nothing but a bracket", b"{", 400),
    ("a closing bracket", b"}", 400),
    ("an unfinished string", b'{"database_id": "x', 400),
    ("an unfinished escape", b'{"database_id": "x\\', 400),
    ("a bad escape", b'{"database_id": "\\x41"}', 400),
    ("a short \\u", b'{"database_id": "\\u12"}', 400),
    ("a control character in a string", b'{"database_id": "a\nb"}', 400),
    ("a NUL outside", b'{"database_id": "x"}\0', 400),
    ("a comment", b'{"database_id": "x" /* c */}', 400),
    ("NaN", b'{"database_id": "x", "n": NaN}', 400),
    ("a leading zero", b'{"database_id": "x", "n": 007}', 400),
    ("a hexadecimal number", b'{"database_id": "x", "n": 0x7}', 400),
    ("a byte order mark", b'\xef\xbb\xbf{"database_id": "x"}x', 400),
    ("UTF-16", '{"database_id": "x"}'.encode("utf-16"), 400),
    ("a lone continuation byte", b'{"database_id": "\x80"}', 400),
    ("an overlong sequence", b'{"database_id": "\xc0\xaf"}', 400),
    ("a surrogate in UTF-8", b'{"database_id": "\xed\xa0\x80"}', 400),
    ("above U+10FFFF", b'{"database_id": "\xf4\x90\x80\x80"}', 400),
    ("a cut sequence", b'{"database_id": "\xe2\x82"}', 400),
    ("invalid UTF-8 in a key", b'{"database_id": "x", "\xff": "y"}', 400),
    ("a key twice", b'{"database_id": "x", "database_id": "y"}', 400),
    ("a key twice, spelt otherwise", b'{"database_id": "x", "\\u0061": 1, "a": 2}', 400),
    ("a key twice, deep down", b'{"database_id": "x", "o": [{"a": 1, "a": 1}]}', 400),
    ("a key twice in a frame",
     b'{"database_id": "x", "stacktrace": [{"function": "f", "function": "g"}]}', 400),
    ("65 levels of lists", nested(65).encode(), 400),
    ("100,000 levels of lists", nested(100_000).encode(), 400),
    ("a million brackets", b"[" * MB, 400),
    ("a million objects", b'{"a":' * (MB // 5), 400),
    ("100,000 frames", json.dumps(report("x", ["f"] * 100_000)).encode(), 400),
    ("10,001 frames", json.dumps(report("x", ["f"] * 10_001)).encode(), 400),
    ("a number as report", b"12", 400),
    ("a list of lists", b"[[]]", 400),
    ("a list of numbers", b"[1, 2, 3]", 400),
    ("a huge list of nothing", b"[" + b"{}," * 300_000 + b"{}]", 400),
    ("ten million numbers", b'{"database_id": "x", "n": [' + b"1," * 10_000_000 + b"1]}", 400),
    ("a huge id", json.dumps({"database_id": "x" * MB}).encode(), 400),
    ("a huge project", json.dumps({"database_id": "x", "project": "p" * MB}).encode(), 400),
    ("a huge date", json.dumps({"database_id": "x", "date": "1" * MB}).encode(), 400),
    ("a huge bucket", json.dumps({"database_id": "x", "force_bucket": "b" * MB}).encode(), 400),
    ("a huge key", json.dumps({"database_id": "x", "k" * MB: "v"}).encode(), (201, 400)),
    ("a huge number", b'{"database_id": "number", "n": ' + b"9" * MB + b"}", (201, 400)),
    ("a huge string", json.dumps({"database_id": "string", "s": "s" * 20 * MB}).encode(), 201),
    ("a million words", json.dumps({"database_id": "words", "s": "fooBar " * MB}).encode(), 201),
    ("a million different words", json.dumps(
        {"database_id": "different", "s": " ".join(f"w{i}" for i in range(300_000))}).encode(), 201),
    ("NULs in strings", b'{"database_id": "nul", "s": "a\\u0000b", "stacktrace": '
                        b'[{"function": "f\\u0000g"}]}', 201),
    ("a lone surrogate", b'{"database_id": "lone", "s": "\\ud800 x"}', 201),
    ("an empty key", b'{"database_id": "empty key", "": {"": "x"}}', 201),
    ("many keys", json.dumps({"database_id": "keys", **{f"k{i}": "v" for i in range(5000)}}).encode(),
     (201, 400)),
]


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    server = conftest.Server(tmp_path_factory.mktemp("hostile")).start()
    yield server
    server.stop()


@pytest.mark.parametrize("body,expected", [b[1:] for b in BAD_BODIES],
                         ids=[b[0] for b in BAD_BODIES])
def test_bodies(target, body, expected):
    expected = expected if isinstance(expected, tuple) else (expected,)
    answer = target.request("POST", "/p/reports", data=body)
    assert answer.status_code in expected, answer.text[:500]
    if answer.status_code == 400:
        assert answer.json()["error"] and len(answer.json()["message"]) > 5
    else:
        href = answer.json()["href"][len(target.url):]
        kept = target.get(href).json()
        assert kept["database_id"] == answer.json()["database_id"]
        target.get(href + "/summary")
    assert target.is_healthy()


BAD_PATHS = [
    ("/p/reports/%", 400), ("/p/reports/%4", 400), ("/p/reports/%zz", 400), ("/p/reports/%ff", 400),
    ("/p/reports/%c0%af", 400), ("/p/reports/%ed%a0%80", 400), ("/p/reports/%00", 400),
    ("/p/reports/a%00b", 400), ("/search?q=%00", 400), ("/search?q=%ff", 400), ("/search?q=%4", 400),
    ("/search?%ff=1", 400), ("/p/reports/..%2f..%2fetc%2fpasswd", 404),
    ("/p/reports/..%2F..%2Fcrumple.db", 404), ("/../../etc/passwd", 404), ("/..", 404), ("/.", 404),
    ("/p/reports/%2e%2e", 404), ("/%2e%2e/reports/x", 404), ("/%2fetc%2fpasswd", 404),
    ("//etc/passwd", 404), ("//", 404), ("///////", 404), ("/p//reports/x", 404),
    ("/p/reports/x/../../../..", 404), ("/p/reports/x%0d%0aSet-Cookie:%20a=b", 404),
    ("/buckets%0d%0aX:%20y", 404), ("/p/reports/" + "x" * 8000, 404),
    ("/p/buckets/4.0/" + "%41" * 2000, 404), ("/search?q=" + "a%20" * 2000, (200, 400)),
    ("/search?q=" + "(" * 500 + "a" + ")" * 500, 400), ("/search?q=" + "*a" * 2000, (200, 400)),
    ("/search?q=" + "a~%20OR%20" * 400 + "b", (200, 400)), ("/search?sort=" + "x" * 5000, (200, 400)),
    ("/search?q=a&q=b", 200), ("/search?&&&==&=", 200), ("/search?" + "a=b&" * 3000, 400),
    ("/%F0%9F%92%A9/reports/%F0%9F%92%A9", 404), ("/\\..\\..", 404), ("/p;x=y/reports/x", 404),
]


@pytest.mark.parametrize("path,expected", BAD_PATHS, ids=[p[0][:60] for p in BAD_PATHS])
def test_paths(target, path, expected):
    with target.connect() as c:
        c.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        status, headers, body = c.answer()
    assert status in (expected if isinstance(expected, tuple) else (expected,)), body[:500]
    assert "Set-Cookie" not in headers and "X" not in headers
    json.loads(body)
    assert target.is_healthy()


BAD_REQUESTS = [
    ("nonsense", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 200),
    ("no version", b"GET /\r\n\r\n"),
    ("another protocol", b"GET / SMTP/1.1\r\nHost: h\r\n\r\n"),
    ("version 9", b"GET / HTTP/9.9\r\nHost: h\r\n\r\n"),
    ("no host", b"GET / HTTP/1.1\r\n\r\n"),
    ("two hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("a header without a colon", b"GET / HTTP/1.1\r\nHost: h\r\nnonsense\r\n\r\n"),
    ("space before the colon",
     b"POST /p/reports HTTP/1.1\r\nHost: h\r\nContent-Length : 2\r\n\r\n{}"),
    ("a negative length", b"POST /p/reports HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"),
    ("a length in words", b"POST /p/reports HTTP/1.1\r\nHost: h\r\nContent-Length: two\r\n\r\n{}"),
    ("a length of 2^64", b"POST /p/reports HTTP/1.1\r\nHost: h\r\n"
                         b"Content-Length: 18446744073709551616\r\n\r\n{}"),
    ("two lengths", b"POST /p/reports HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
                    b"Content-Length: 3\r\n\r\n{}"),
    ("a length and chunks", b"POST /p/reports HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("an unknown transfer encoding", b"POST /p/reports HTTP/1.1\r\nHost: h\r\n"
                                     b"Transfer-Encoding: gzip\r\n\r\n{}"),
    ("a chunk of 2^64", b"POST /p/reports HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"10000000000000000\r\n"),
    ("a negative chunk", b"POST /p/reports HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                         b"-1\r\n"),
    ("a control character in the path", b"GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("a NUL in the path", b"GET /p\0q HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("a very long path", b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("a very long method", b"G" * 200_000 + b" / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("a very long header",
     b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 200_000 + b"\r\n\r\n"),
    ("very many headers",
     b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 50_000 + b"\r\n"),
]


@pytest.mark.parametrize("request_bytes", [r[1] for r in BAD_REQUESTS],
                         ids=[r[0] for r in BAD_REQUESTS])
def test_requests(target, request_bytes):
    """An error, or no answer at all; never a success, and the connection is not used further."""
    with target.connect(timeout=5) as c:
        try:
            c.send(request_bytes)
            answer = c.answer()
        except (OSError, http.client.HTTPException):
            answer = None
    assert answer is None or 400 <= answer[0] <= 505, answer
    assert target.is_healthy()


def test_endless_headers(target):
    """Headers without an end are cut off at the limit, not kept."""
    before = target.peak_memory()
    with target.connect(timeout=20) as c:
        c.send("GET / HTTP/1.1\r\nHost: h\r\n")
        with pytest.raises(ConnectionError):
            for i in range(1_000_000):
                c.send(f"X-{i}: {'y' * 100}\r\n" * 100)
    assert target.peak_memory() - before < 16 * MB
    assert target.is_healthy()


@pytest.fixture(scope="module")
def tight(tmp_path_factory):
    """A server with small limits."""
    server = conftest.Server(tmp_path_factory.mktemp("tight"), config="""
[limits]
connections = 24
body_bytes = 1M
bodies_bytes = 4M
work_bytes = 64M
answer_bytes = 2M
idle_timeout_s = 2
request_timeout_s = 2
""").start()
    yield server
    server.stop()


SLOW = [
    ("nothing", b""),
    ("half a request line", b"GET /hea"),
    ("half the headers", b"GET /health HTTP/1.1\r\nHost: h\r\nX: "),
    ("half a body", b"POST /p/reports HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{"),
    ("half a chunk", b"POST /p/reports HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"ff\r\n{"),
]


@pytest.mark.parametrize("begin", [s[1] for s in SLOW], ids=[s[0] for s in SLOW])
def test_silent_senders(tight, begin):
    with tight.connect(timeout=15) as c:
        c.send(begin)
        start = time.monotonic()
        assert c.is_closed()
        assert 1 < time.monotonic() - start < 10
    assert tight.is_healthy()


def test_slow_senders(tight):
    """A byte now and then does not keep a request alive."""
    with tight.connect(timeout=15) as c:
        c.send("POST /p/reports HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n")
        start = time.monotonic()
        with pytest.raises(ConnectionError):
            while time.monotonic() - start < 15:
                c.send(" ")
                time.sleep(0.1)
        assert time.monotonic() - start < 10
    assert tight.is_healthy()


def test_more_connections_than_the_limit(tight):
    open_ones = []
    start = time.monotonic()
    try:
        for _ in range(60):
            c = tight.connect(timeout=5)
            open_ones.append(c)
            c.send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
        answered = 0
        for c in open_ones:
            try:
                answered += c.answer() is not None
            except (ConnectionError, socket.timeout):
                pass
        # Each connection that has been idle for 2 s leaves its place to another.
        assert 1 <= answered <= 24 * (1 + int((time.monotonic() - start) / 2))
    finally:
        for c in open_ones:
            c.sock.close()
    wait_for(tight.is_healthy)  # the server may need a moment to notice that they have gone


def body_of(size):
    head = b'{"database_id": "large", "project": "p", "s": "'
    return head + b"s" * (size - len(head) - 2) + b'"}'


def test_bodies_over_the_limit(tight):
    tight.post("/p/reports", body_of(MB))
    for body in (body_of(MB + 1), body_of(3 * MB)):
        error = tight.post("/p/reports", body, 413).json()
        assert error["error"] and error["message"]
        with tight.connect() as c:  # chunked: the length shows only on the way
            try:
                c.send("POST /p/reports HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
                c.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
            except ConnectionError:
                pass
            assert c.answer("POST")[0] == 413
    assert tight.is_healthy()


def test_bombs(tight):
    """A small body that unpacks to a large one is too large."""
    bomb = gzip.compress(b" " * (200 * MB))
    assert len(bomb) < MB
    before = tight.peak_memory()
    tight.post("/p/reports", bomb, 413, headers={"Content-Encoding": "gzip"})
    assert tight.peak_memory() - before < 8 * MB
    assert tight.is_healthy()


BASE_BYTES = 48 * MB  # the process itself, and the index of what is sent here


def bound(limits):
    """The stated bound (docs/http-api.md, "Memory"), for two threads of HTTP."""
    asked_for = (limits["bodies"] + limits["work"] + 2 * 2 * limits["answer"] +
                 limits["connections"] * 64 * 1024)
    return asked_for * 5 // 4


def test_memory_in_a_storm(tmp_path_factory):
    """Large bodies that unfold to much more when parsed, and slow readers of large answers: some are
    refused, and the memory keeps to the bound."""
    limits = {"bodies": 64 * MB, "work": 96 * MB, "answer": 12 * MB, "connections": 64}
    server = conftest.Server(tmp_path_factory.mktemp("storm"), config="""
[server]
log_level = error
threads = 2
[limits]
connections = 64
body_bytes = 8M
bodies_bytes = 64M
work_bytes = 96M
answer_bytes = 12M
""").start()
    try:
        if "libasan" in open(f"/proc/{server.process.pid}/maps").read():
            pytest.skip("AddressSanitizer's own memory is not bounded")
        start = server.peak_memory()
        words = json.dumps({"database_id": "words", "project": "p", "s": "foo " * 1000,
                            "stacktrace": [{"function": f"f{i}", "file": "x" * 50}
                                           for i in range(9000)]}).encode()
        wide = b'{"database_id": "wide", "project": "p", "x": [' + b"[]," * 600_000 + b"[]]}"
        many = json.dumps(crashes.background(1000)).encode()
        bodies = (words, wide, body_of(8 * MB), many)

        def send(number):
            try:
                return requests.post(f"{server.url}/reports?n={number}", data=bodies[number % 4],
                                     timeout=60, allow_redirects=False).status_code
            except requests.RequestException:
                return None  # its connection was one too many, or closed while it still sent

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(send, range(160)))
        assert set(statuses) <= {201, 303, 400, 413, 503, None}
        wait_for(lambda: {send(n) for n in range(4)} <= {201, 303, 400})
        readers = []
        for _ in range(40):
            reader = server.connect()
            reader.send("GET /reports/large HTTP/1.1\r\nHost: h\r\n\r\n")
            readers.append(reader)
        wait_for(lambda: "crumple_http_bodies_bytes 0\n" not in server.get("/metrics").text)
        time.sleep(1)
        peak = server.peak_memory()
        for reader in readers:
            reader.sock.close()
        wait_for(lambda: {send(n) for n in range(4)} <= {201, 303, 400})  # all is given back
        print("at the start", start >> 20, "MB, at most", peak >> 20, "MB; statuses", statuses)
        assert peak < max(start, BASE_BYTES) + bound(limits)
    finally:
        server.stop()


def test_clients_that_leave(target):
    """They close in the middle of a body, or before the answer; what they leave behind is let go."""
    rng = random.Random(7)
    body = json.dumps([report(f"left:{i}") for i in range(200)]).encode()
    request = b"POST /left/reports HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    for _ in range(60):
        with target.connect() as c:
            c.send(request[:rng.choice((rng.randrange(1, len(request)), len(request)))])
    for _ in range(20):
        with target.connect() as c:
            c.send("GET /search?size=1000 HTTP/1.1\r\nHost: h\r\n\r\n")
    assert target.is_healthy()
    answer = target.get("/left/search?size=1000").json()
    assert len(answer) in (0, 200)  # whole or not at all
