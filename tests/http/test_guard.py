"""The PartyCrasher API on a server that other machines can reach: it asks for tokens."""

import pathlib
import re

import pytest

from conftest import Server
from crashes import report

ROUTES = pathlib.Path(__file__).resolve().parents[2] / "src/api/api.c"
NOBODY = "0" * 64


class Guarded:
    """A server with reports in two projects, and tokens for them."""

    def __init__(self, server):
        self.server = server
        self.writer = server.token("error:post", project="own")
        self.reader = server.token("object:get", project="own")
        self.searcher = server.token("query:post", project="own")
        self.symbols = server.token("symbol:post", project="own")
        self.other_writer = server.token("error:post", project="theirs")
        self.other_reader = server.token("object:get", project="theirs")
        functions = ["shared", "by", "both", "main"]
        self.post(self.other_writer, "/reports", [report(f"theirs:{i}", functions) for i in range(3)])
        self.post(self.writer, "/reports", [report(f"own:{i}", functions) for i in range(2)])

    @staticmethod
    def bearer(token):
        return {"Authorization": f"Bearer {token}"}

    def post(self, token, path, body, status=201):
        return self.server.post(path, body, status, headers=self.bearer(token)).json()

    def get(self, token, path, status=200, **kwargs):
        return self.server.get(path, status, headers=self.bearer(token), **kwargs)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    # The second address is what makes it ask.
    server = Server(tmp_path_factory.mktemp("guarded"), "--listen", "0.0.0.0:0",
                    "--allow-delete-all").start()
    yield Guarded(server)
    server.stop()


READING = ["/", "/own", "/config", "/own/config", "/reports/own:0", "/own/reports/own:0",
           "/reports/own:0/summary", "/own/reports/own:0/summary", "/reports/own:0/compare/own:1",
           "/own/reports/own:0/compare/own:1", "/buckets/4", "/own/buckets/4", "/search",
           "/own/search", "/metrics"]
LEADING = ["/buckets", "/own/buckets"]
POSTING = ["/reports", "/own/reports", "/reports/dry-run", "/own/reports/dry_run"]


def routes():
    """Every route of the table, so that none is forgotten."""
    return re.findall(r'HTTP_ROUTE\("(\w+)", "([^"]*)"', ROUTES.read_text())


@pytest.mark.parametrize("method,pattern", routes())
def test_every_route_asks(guarded, method, pattern):
    path = "/" + re.sub(r":(\w+)", lambda m: {"project": "own", "threshold": "4"}.get(m[1], "own:0"),
                        pattern)
    answer = guarded.server.request(method, path, data=b"{}" if method == "POST" else None)
    if pattern == "health":
        assert answer.status_code == 200
        return
    assert answer.status_code == 401, path
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["error"] == "no_token"
    for token, word in ((NOBODY, "invalid_token"), (guarded.symbols, "missing_scope")):
        answer = guarded.server.request(method, path, data=b"{}" if method == "POST" else None,
                                        headers=guarded.bearer(token))
        assert (answer.status_code, answer.json()["error"]) == (403, word), path


@pytest.mark.parametrize("path", READING + LEADING)
def test_reading(guarded, path):
    status = 302 if path in LEADING else 200
    for token in (guarded.reader, guarded.searcher):
        guarded.get(token, path, status)
        guarded.server.get(path, status, params={"token": token})
    answer = guarded.get(guarded.writer, path, 403)
    assert answer.json()["error"] == "missing_scope"
    if path != "/metrics":
        assert "theirs" not in guarded.get(guarded.reader, path, status).text


@pytest.mark.parametrize("path", ["/theirs", "/theirs/config", "/theirs/reports/theirs:0",
                                  "/theirs/buckets/4", "/theirs/search", "/nowhere/search"])
def test_other_projects_are_not_there(guarded, path):
    assert guarded.get(guarded.reader, path, 404).json()["error"] == "not_found"


def test_routes_without_a_project(guarded):
    get = lambda path: guarded.get(guarded.reader, path).json()
    assert get("/")["projects"] == [{"name": "own", "href": guarded.server.url + "/own"}]
    assert {r["database_id"] for r in get("/search")} >= {"own:0", "own:1"}
    assert {r["project"] for r in get("/search?size=100")} == {"own"}
    assert get("/search?q=project:theirs") == []
    for bucket in get("/buckets/1?since=2000")["top_buckets"]:
        assert bucket["project"] == "own" and bucket["total"] <= len(get("/search?size=1000"))
    guarded.get(guarded.reader, "/reports/theirs:0", 404)
    guarded.get(guarded.reader, "/reports/own:0/compare/theirs:0", 404)


def test_top_match_of_another_project_is_not_told(guarded):
    functions = ["quite", "alone", "in", "here"]
    guarded.post(guarded.other_writer, "/reports", report("theirs:alone", functions))
    told = guarded.post(guarded.writer, "/reports", report("own:alone", functions))
    assert told["buckets"]["top_match"] is None
    stored = guarded.get(guarded.reader, "/reports/own:alone").json()
    assert stored["buckets"]["top_match"] is None
    near = guarded.post(guarded.writer, "/reports", report("own:near", functions))
    assert near["buckets"]["top_match"] is None or near["buckets"]["top_match"]["project"] == "own"


def test_posting(guarded):
    for n, path in enumerate(POSTING):
        told = guarded.post(guarded.writer, path, report(f"own:posted{n}"),
                            200 if "dry" in path else 201)
        assert told["project"] == "own"
    assert guarded.post(guarded.writer, "/reports", report("own:named", project="own"))
    for path in POSTING:
        refused = guarded.post(guarded.writer, path, report("x", project="theirs"), 403)
        assert refused["error"] == "name_mismatch"
        assert guarded.post(guarded.reader, path, report("x"), 403)["error"] == "missing_scope"
    refused = guarded.post(guarded.writer, "/reports", [report("x"), report("y", project="theirs")], 403)
    assert refused["index"] == 1
    guarded.post(guarded.writer, "/theirs/reports", report("x"), 404)


def test_ids_of_another_project(guarded):
    """They are taken, and no more is said."""
    answer = guarded.server.post("/reports", report("theirs:0", ["something", "else"]), 409,
                                 headers=guarded.bearer(guarded.writer))
    assert "Location" not in answer.headers and "href" not in answer.json()
    same = report("theirs:0", ["shared", "by", "both", "main"])
    answer = guarded.server.post("/reports", same, 409, headers=guarded.bearer(guarded.writer))
    assert "Location" not in answer.headers
    assert answer.json() == {"error": "conflict", "database_id": "theirs:0"}
    told = guarded.post(guarded.writer, "/reports", [report("own:list"), same])
    assert told[0]["project"] == "own"
    assert told[1] == {"error": "conflict", "database_id": "theirs:0"}


def test_deletion_is_refused(guarded):
    answer = guarded.server.request("DELETE", "/reports", headers=guarded.bearer(guarded.reader))
    assert (answer.status_code, answer.json()["error"]) == (403, "delete_not_allowed")
    guarded.get(guarded.reader, "/reports/own:0")


def test_cors_lets_the_header_pass(guarded):
    answer = guarded.server.request("OPTIONS", "/search", headers={"Origin": "https://a.example"})
    assert answer.status_code == 200
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()


def test_refusals_are_counted(guarded):
    def counted():
        text = guarded.get(guarded.reader, "/metrics").text
        return dict(re.findall(r'^crumple_requests_not_let_in_total{reason="(\w+)"} (\d+)$', text, re.M))
    before = counted()
    guarded.server.get("/search", 401)
    guarded.get(NOBODY, "/search", 403)
    guarded.get(guarded.writer, "/search", 403)
    after = counted()
    assert {k: int(after[k]) - int(before[k]) for k in after} == {
        "none": 1, "unknown": 1, "scope": 1, "waiting": 0}


def test_too_many_bad_tokens(make_server):
    server = make_server("--listen", "0.0.0.0:0", config="[limits]\nfailed_tokens_burst = 5\n"
                         "failed_tokens_per_minute = 1\n")
    reader = server.token("query:post", project="own")
    for _ in range(5):
        server.get("/search", 403, params={"token": NOBODY})
    answer = server.get("/search", 429, params={"token": NOBODY})
    assert int(answer.headers["Retry-After"]) >= 1 and answer.json()["error"] == "too_many_attempts"
    server.get("/search", params={"token": reader})


def test_open_when_it_is_meant(make_server):
    server = make_server("--listen", "0.0.0.0:0", "--open-partycrasher")
    server.post("/p/reports", report("1"))
    assert [r["database_id"] for r in server.get("/search").json()] == ["1"]


def test_loopback_asks_for_nothing(server):
    server.post("/p/reports", report("1"))
    server.post("/q/reports", report("2"))
    assert len(server.get("/search", params={"token": NOBODY}).json()) == 2
