"""HTTP itself: methods, connections, encodings of bodies, CORS, proxies."""

import gzip
import json
import socket
import zlib

import pytest

import crashes
from crashes import report

BODY = json.dumps(report("x")).encode()

GETS = ["/", "/config", "/health", "/metrics", "/p", "/p/config", "/p/reports/x", "/reports/x",
        "/p/reports/x/summary", "/p/reports/x/compare/x", "/p/buckets/4.0", "/buckets/4.0/x",
        "/p/search", "/buckets"]
POSTS = ["/reports", "/p/reports", "/reports/dry-run", "/p/reports/dry_run"]


@pytest.fixture(scope="module")
def filled(shared):
    shared.post("/p/reports", BODY)
    return shared


@pytest.mark.parametrize("path", GETS + ["/p/reports/nope"])
def test_head(filled, path):
    got = filled.request("GET", path)
    head = filled.request("HEAD", path)
    assert head.status_code == got.status_code
    assert head.content == b""
    for name in ("Content-Type", "Link", "Location"):
        assert head.headers.get(name) == got.headers.get(name)
    if path not in ("/metrics", "/p/search"):
        assert head.headers["Content-Length"] == str(len(got.content))


@pytest.mark.parametrize("path,allowed", [(p, {"GET", "HEAD", "OPTIONS"}) for p in GETS] +
                         [("/reports", {"POST", "DELETE", "OPTIONS"}),
                          ("/p/reports", {"POST", "OPTIONS"})])
def test_options(filled, path, allowed):
    answer = filled.request("OPTIONS", path)
    assert answer.status_code == 200
    assert {m.strip() for m in answer.headers["Allow"].split(",")} == allowed


@pytest.mark.parametrize("path", POSTS)
def test_preflight(filled, path):
    answer = filled.request("OPTIONS", path, headers={
        "Origin": "http://elsewhere", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type"})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "content-type" in answer.headers["Access-Control-Allow-Headers"].lower()


@pytest.mark.parametrize("method,path,body,status", [
    ("GET", "/", None, 200), ("GET", "/p/reports/nope", None, 404), ("GET", "/a/b/c", None, 404),
    ("POST", "/p/reports", b"{", 400), ("POST", "/p/reports", BODY, 303),
    ("PUT", "/p/reports", BODY, 405), ("DELETE", "/reports", None, 403),
    ("GET", "/buckets", None, 302), ("GET", "/p/reports/%ff", None, 400),
])
def test_cors_in_all_answers(filled, method, path, body, status):
    answer = filled.request(method, path, data=body, headers={"Origin": "http://elsewhere"})
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_cors_can_be_configured(make_server):
    server = make_server(config="[server]\ncors_origin = https://crashes.example\n")
    answer = server.get("/", headers={"Origin": "https://other.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://crashes.example"
    server = make_server(config="[server]\ncors_origin =\n")
    assert "Access-Control-Allow-Origin" not in server.get("/").headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST", "BREW"])
@pytest.mark.parametrize("path", ["/", "/p/reports/x", "/p/search", "/buckets/4.0"])
def test_wrong_methods(filled, method, path):
    answer = filled.request(method, path)
    assert answer.status_code == 405
    assert {m.strip() for m in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}
    assert answer.json()["error"] and answer.json()["message"]


@pytest.mark.parametrize("path", POSTS[:2])
def test_get_where_one_posts(filled, path):
    answer = filled.request("GET", path)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"] and "GET" not in answer.headers["Allow"]


def test_trailing_slashes(filled):
    for path in GETS:
        if path not in ("/", "/metrics"):
            assert filled.get(path, filled.request("GET", path).status_code).text == \
                filled.request("GET", path + "/").text


def test_keep_alive(filled):
    with filled.connect() as c:
        for _ in range(50):
            c.send("GET /p/reports/x HTTP/1.1\r\nHost: h\r\n\r\n")
            status, headers, body = c.answer()
            assert status == 200 and json.loads(body)["database_id"] == "x"
        c.send(b"POST /p/reports HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
        assert c.answer("POST")[0] == 303
        c.send("POST /p/reports HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n{")
        assert c.answer("POST")[0] == 400
        c.send("GET /nowhere/at/all/x/y HTTP/1.1\r\nHost: h\r\n\r\n")
        assert c.answer()[0] == 404
        c.send("GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert c.answer()[0] == 200
        assert c.is_closed()


def test_pipelined(filled):
    with filled.connect() as c:
        c.send(b"GET /config HTTP/1.1\r\nHost: h\r\n\r\n" * 20 +
               b"GET /config HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        data = b""
        while piece := c.sock.recv(65536):
            data += piece
    assert data.count(b"HTTP/1.1 200") == 21


def test_http_1_0(filled):
    with filled.connect() as c:
        c.send("GET /health HTTP/1.0\r\n\r\n")
        assert c.answer()[0] == 200
        assert c.is_closed()


def test_expect_continue(filled):
    with filled.connect() as c:
        c.send(b"POST /p/reports HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
               b"Content-Length: %d\r\n\r\n" % len(BODY))
        assert c.sock.recv(65536).startswith(b"HTTP/1.1 100")
        c.send(BODY)
        assert c.answer("POST")[0] == 303


def test_expect_continue_for_nothing(filled):
    """What will be refused need not be sent."""
    with filled.connect() as c:
        c.send("POST /p/reports HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
               "Content-Length: 999999999999\r\n\r\n")
        assert c.sock.recv(65536).startswith(b"HTTP/1.1 413")


def test_chunked(filled):
    head = "POST /p/reports HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    with filled.connect() as c:
        for size in (1, 7, len(BODY)):
            c.send(head)
            for i in range(0, len(BODY), size):
                piece = BODY[i:i + size]
                c.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            c.send("0\r\n\r\n")
            assert c.answer("POST")[0] == 303
        c.send(head + "zz\r\n")
        assert c.answer("POST")[0] == 400


def raw_deflate(data):
    c = zlib.compressobj(wbits=-15)
    return c.compress(data) + c.flush()


@pytest.mark.parametrize("encoding,encoded", [
    ("gzip", gzip.compress(BODY)), ("deflate", zlib.compress(BODY)),
    ("deflate", raw_deflate(BODY)), ("x-gzip", gzip.compress(BODY)), ("identity", BODY),
    ("GZip", gzip.compress(BODY)), ("gzip", gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])),
], ids=["gzip", "zlib", "raw deflate", "x-gzip", "identity", "case", "two members"])
def test_encoded_bodies(filled, encoding, encoded):
    filled.post("/p/reports", encoded, 303, headers={"Content-Encoding": encoding})
    chunked = (encoded[i:i + 10] for i in range(0, len(encoded), 10))
    answer = filled.request("POST", "/p/reports", data=chunked,
                            headers={"Content-Encoding": encoding})
    assert answer.status_code == 303


@pytest.mark.parametrize("encoding,body,status", [
    ("gzip", BODY, 400), ("deflate", b"\xff" * 50, 400), ("gzip", gzip.compress(BODY)[:-9], 400),
    ("gzip", gzip.compress(BODY) + b"trailing", 400), ("br", BODY, 415), ("gzip, gzip", BODY, 415),
], ids=["not gzip", "not deflate", "cut", "trailing", "brotli", "twice"])
def test_badly_encoded_bodies(filled, encoding, body, status):
    error = filled.post("/p/reports", body, status, headers={"Content-Encoding": encoding}).json()
    assert error["error"] and error["message"]
    assert filled.is_healthy()


def base_of(server, headers):
    """What the server takes for its own address when the request has these headers."""
    return server.get("/", headers=headers).json()["href"]


@pytest.mark.parametrize("headers,base", [
    ({"Host": "crashes.example"}, "http://crashes.example/"),
    ({"Host": "crashes.example:8081"}, "http://crashes.example:8081/"),
    ({"Host": "[::1]:99"}, "http://[::1]:99/"),
    ({"X-Forwarded-Host": "out.example"}, "http://out.example/"),
    ({"X-Forwarded-Host": "out.example", "X-Forwarded-Proto": "https"}, "https://out.example/"),
    ({"X-Forwarded-Host": "out.example", "X-Forwarded-Protocol": "https"}, "https://out.example/"),
    ({"X-Forwarded-Host": "out.example, in.example"}, "http://out.example/"),
    ({"Host": "in.example", "X-Forwarded-Proto": "https"}, "https://in.example/"),
    ({"Forwarded": "host=out.example;proto=https"}, "https://out.example/"),
    ({"Forwarded": 'for=1.2.3.4;Host="out.example:443";proto=https'}, "https://out.example:443/"),
    ({"Forwarded": "host=first.example, host=second.example;proto=https"}, "http://first.example/"),
    ({"Forwarded": "host=a.example;proto=https", "X-Forwarded-Host": "b.example"},
     "https://a.example/"),
], ids=str)
def test_proxies(filled, headers, base):
    assert base_of(filled, headers) == base
    body = filled.get("/p/reports/x", headers=headers)
    assert body.json()["href"] == base + "p/reports/x"
    assert body.headers["Link"].startswith(f"<{base}p/buckets/4.0/x>")


@pytest.mark.parametrize("headers", [
    {"X-Forwarded-Host": "evil/x"}, {"X-Forwarded-Host": "<script>"}, {"Forwarded": 'host="a b"'},
    {"X-Forwarded-Proto": "javascript"}, {"Forwarded": "host=\"unfinished"}, {"Forwarded": ";;,="},
], ids=str)
def test_proxies_that_talk_nonsense(filled, headers):
    assert base_of(filled, headers) == filled.url + "/"


def test_proxies_that_are_not_trusted(make_server):
    server = make_server(config="[server]\ntrusted_proxies = 192.0.2.0/24\n")
    assert base_of(server, {"X-Forwarded-Host": "evil.example"}) == server.url + "/"
    assert base_of(server, {"Forwarded": "host=evil.example"}) == server.url + "/"


def test_names_of_hosts_are_checked(filled):
    for host in ("evil/path", "a b", "", "a@b", "<x>"):
        with filled.connect() as c:
            c.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
            assert c.answer()[0] == 400


def test_two_listeners(make_server):
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    server = make_server("--listen", f"127.0.0.1:{port}")
    server.port, server.url = port, f"http://127.0.0.1:{port}"
    assert server.is_healthy()


def test_sigterm_finishes_what_is_in_flight(server):
    """A request that the server has begun to read is answered before it ends."""
    server.post("/reports", crashes.background(200))
    body = json.dumps([report(f"n:{i}", crashes.stack(f"F{i % 7}")) for i in range(500)]).encode()
    with server.connect() as c:
        c.send(b"POST /p/reports HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        server.process.terminate()
        answer = c.answer("POST")
    server.wait()
    if answer is not None:  # read before the signal, and then finished
        assert answer[0] == 201
        server.start()
        assert len(server.get("/p/search?size=1000").json()) == 500
