"""Reports, summaries, comparisons, the root, configuration, health, metrics and deletion."""

import json
import math
import pathlib
import re

import pytest

import crashes
from crashes import THRESHOLDS, report

EXAMPLE = pathlib.Path(__file__).resolve().parent.parent / "data" / "example_report.json"


@pytest.fixture
def warm(server):
    server.post("/reports", crashes.background(300))
    return server


@pytest.fixture
def classic(make_server):
    server = make_server("--similarity", "classic")
    server.post("/reports", crashes.background(300))
    return server


def test_root(server):
    root = server.get("/").json()
    assert root["href"] == server.url + "/"
    assert root["partycrasher"]["version"] == "0.2.0"
    assert root["projects"] == []
    assert root["config"] == {"default_threshold": 4.0, "thresholds": THRESHOLDS}
    server.post("/reports", [report("1", project="b"), report("2", project="a c")])
    assert server.get("/").json()["projects"] == [
        {"name": "a c", "href": server.url + "/a%20c"}, {"name": "b", "href": server.url + "/b"}]


def test_project(server):
    server.post("/p/reports", report("1"))
    page = server.get("/p").json()
    assert page["name"] == "p" and page["href"] == server.url + "/p"
    server.get("/q", 404)


@pytest.mark.parametrize("accept,is_browser", [
    ("text/html,application/xhtml+xml,*/*;q=0.8", True), ("text/html", True),
    ("TEXT/HTML", True), ("application/json, text/html", False), ("*/*", False),
    ("application/json", False),
])
def test_browsers_are_sent_to_the_page(shared, accept, is_browser):
    answer = shared.get("/", 302 if is_browser else 200, headers={"Accept": accept})
    assert answer.headers.get("Location") == (shared.url + "/ui/" if is_browser else None)


@pytest.mark.parametrize("path", ["/config", "/Ubuntu/config", "/Ubuntu/config/"])
def test_config(shared, path):
    answer = shared.get(path)
    assert answer.json() == {"default_threshold": 4.0}
    assert "4.0" in answer.text


def test_report_comes_back_as_it_was_posted(server):
    server.post("/reports", EXAMPLE.read_bytes())
    answer = server.get("/Ubuntu/reports/launchpad:0000450543")
    sent, kept = json.loads(EXAMPLE.read_text()), answer.json()
    assert kept.pop("href") == server.url + "/Ubuntu/reports/launchpad:0000450543"
    buckets = kept.pop("buckets")
    del sent["buckets"], sent["href"]
    for frame in sent["stacktrace"] + kept["stacktrace"]:
        logdf = frame.pop("logdf", None)
        assert (logdf is None) == (frame["function"] is None)
    assert kept == sent
    assert buckets["4.0"] == {
        "id": "launchpad:0000450543", "bucket_id": "launchpad:0000450543", "project": "Ubuntu",
        "href": server.url + "/Ubuntu/buckets/4.0/launchpad:0000450543", "threshold": "4.0",
        "total": 1}
    assert answer.headers["Link"] == (
        f'<{server.url}/Ubuntu/buckets/4.0/launchpad:0000450543>; rel="related"')
    assert server.get("/reports/launchpad:0000450543").json() == answer.json()


def test_logdf(server):
    server.post("/p/reports", report("1", ["main", "rare", "twice", "twice"]))
    server.post("/p/reports", [report(f"m:{i}", ["main", "often"]) for i in range(7)])
    frames = server.get("/p/reports/1").json()["stacktrace"]
    assert [float(f["logdf"]) for f in frames] == pytest.approx([0, 3, 3, 3])
    frames = server.get("/p/reports/m:0").json()["stacktrace"]
    assert float(frames[1]["logdf"]) == pytest.approx(-math.log2(7 / 8))
    assert all(isinstance(f["logdf"], str) for f in frames)


def test_totals(warm):
    for i in range(5):
        warm.post("/p/reports", report(f"x:{i}", crashes.stack("Foo")))
    warm.post("/other/reports", report("other", crashes.stack("Foo")))
    buckets = warm.get("/p/reports/x:3").json()["buckets"]
    assert buckets["1.0"]["total"] == 5  # of its own project, as its href shows
    assert warm.get(buckets["1.0"]["href"][len(warm.url):]).json()["total"] == 5


@pytest.mark.parametrize("path,missing", [
    ("/p/reports/nope", "nope"), ("/reports/nope", "nope"), ("/q/reports/x", "x"),
    ("/p/reports/nope/summary", "nope"), ("/reports/nope/summary", "nope"),
    ("/q/reports/x/summary", "x"), ("/p/reports/nope/compare/x", "nope"),
    ("/p/reports/x/compare/nope", "nope"), ("/reports/x/compare/nope", "nope"),
    ("/q/reports/x/compare/x", "x"), ("/p/reports/a%2Fb", "a/b"), ("/p/reports/x%20", "x "),
    ("/p/reports/p", "p"), ("/reports/dry-run", "dry-run"),
])
def test_reports_that_are_not_there(server, path, missing):
    server.post("/p/reports", report("x"))
    error = server.get(path, 404).json()
    assert (error["error"], error["not_found"]) == ("not_found", missing)


def test_summary(classic):
    classic.post("/p/reports", report("x", ["FooBar", "FooBaz", "main"], Package="thing 1"))
    for path in ("/p/reports/x/summary", "/reports/x/summary", "/p/reports/x/summary/"):
        body = classic.get(path).json()
        summary = body.pop("summary")
        assert body == {"database_id": "x", "project": "p", "similarity": "classic"}
        values = [t["value"] for t in summary]
        assert values == sorted(values, reverse=True) and values[-1] > 0
        assert all(sorted(t) == ["field", "term", "value"] for t in summary)
        assert {"Foo", "Bar", "Baz"} <= {t["term"] for t in summary
                                         if t["field"] == "stacktrace.function"}
    # A word that nobody else has says more than one that all have.
    classic.post("/p/reports", [report(f"c:{i}", ["common", f"special{i}"]) for i in range(50)])
    summary = classic.get("/p/reports/c:7/summary").json()["summary"]
    weight = {t["term"]: t["value"] for t in summary}
    assert weight["special"] < weight["7"] or "special" not in weight


def test_compare(classic):
    classic.post("/p/reports", report("a", ["FooTop", "FooMid", "FooMid", "extra", "main"]))
    classic.post("/q/reports", report("b", ["FooTop", "other", "FooMid", "main", "start"]))
    paths = ("/p/reports/a/compare/b", "/reports/a/compare/b", "/p/reports/a/compare/b/")
    bodies = [classic.get(path).json() for path in paths]
    assert bodies[0] == bodies[1] == bodies[2]
    body = bodies[0]
    assert (body["database_id"], body["other_id"]) == ("a", "b")
    assert sum(t["value"] for t in body["terms"]) == pytest.approx(body["score"], rel=1e-6)
    back = classic.get("/reports/b/compare/a").json()
    assert body["reverse_score"] == back["score"] and back["reverse_score"] == body["score"]
    assert body["score"] > 1
    assert [c["function"] for c in body["common"]] == ["FooTop", "FooMid", "main"]
    indexes = [(c["index"], c["other_index"]) for c in body["common"]]
    assert indexes[0] == (0, 0) and indexes[2] == (4, 3) and indexes[1][1] == 2
    assert sorted(body["buckets"]) == sorted(THRESHOLDS)
    a, b = (classic.get(f"/reports/{i}").json()["buckets"] for i in "ab")
    assert body["buckets"] == {t: a[t]["id"] == b[t]["id"] for t in THRESHOLDS}


def test_compare_unlike_and_unnamed(warm):
    warm.post("/p/reports", {"database_id": "a", "stacktrace": [{"function": None}] * 3})
    warm.post("/p/reports", {"database_id": "b", "stacktrace": [{"function": None}] * 3})
    body = warm.get("/reports/a/compare/b").json()
    assert body["common"] == []
    assert body["score"] >= 0
    warm.post("/p/reports", {"database_id": "c"})
    assert warm.get("/reports/a/compare/c").json()["common"] == []


def test_compare_with_itself(warm):
    warm.post("/p/reports", report("a", crashes.stack("Foo")))
    body = warm.get("/reports/a/compare/a").json()
    assert body["score"] == body["reverse_score"] > 4
    assert len(body["common"]) == 6 and set(body["buckets"].values()) == {True}


def test_compare_long_stacks(server):
    server.post("/p/reports", [report("a", ["f"] * 10_000), report("b", ["f"] * 10_000)])
    assert len(server.get("/reports/a/compare/b").json()["common"]) == 500


@pytest.mark.parametrize("path", ["/ui", "/ui/", "/api", "/api/posts", "/ui/config", "/ui/buckets",
                                  "/ui/buckets/4.0", "/api/search", "/config/reports/x",
                                  "/health/reports/x/summary", "/no/such/route", "/a/b/c/d/e/f/g"])
def test_no_route(shared, path):
    error = shared.get(path, 404).json()
    assert error["error"] and error["message"]


def test_health_and_metrics(server):
    assert server.get("/health").json() == {"status": "ready"}
    server.post("/p/reports", [report("1"), report("2")])
    server.post("/p/reports", report("1", Package="other"), 409)
    answer = server.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    names = set()
    for line in answer.text.splitlines():
        if line.startswith("# "):
            assert re.match(r"# (HELP|TYPE) [a-zA-Z_:][\w:]* .+", line)
            continue
        found = re.match(r"([a-zA-Z_:][\w:]*)(\{[^}]*\})? (-?[0-9.e+]+|\+Inf|NaN)$", line)
        assert found, line
        names.add(found.group(1))
    assert any(n.endswith("_bucket") for n in names)  # latencies as histograms
    assert any("queue" in n for n in names)


def test_deleting_is_refused_by_default(server):
    server.post("/p/reports", report("1"))
    assert server.request("DELETE", "/reports").status_code == 403
    assert server.request("DELETE", "/reports").json()["error"] == "delete_not_allowed"
    server.get("/p/reports/1")


def test_delete_all(make_server):
    server = make_server("--allow-delete-all")
    server.post("/reports", crashes.background(300))
    server.post("/p/reports", report("1", crashes.stack("Foo")))
    answer = server.request("DELETE", "/reports")
    assert answer.status_code == 200 and answer.json() == {"status": "All reports deleted"}
    server.get("/p/reports/1", 404)
    assert server.get("/search").json() == []
    assert server.get("/buckets/4.0?since=2000").json()["top_buckets"] == []
    # The collection begins anew, and so it stays after a restart.
    body = server.post("/p/reports", report("1", crashes.stack("Foo"), Package="other")).json()
    assert body["buckets"]["top_match"] is None
    assert float(server.get("/p/reports/1").json()["stacktrace"][0]["logdf"]) == 0
    server.restart()
    assert [r["database_id"] for r in server.get("/search").json()] == ["1"]


def test_restart(warm):
    for i in range(3):
        warm.post("/p/reports", report(f"x:{i}", crashes.stack("Foo")))
    paths = ["/p/reports/x:2", "/p/reports/x:2/summary", "/reports/x:2/compare/x:0",
             "/p/buckets/4.0/x:0", "/buckets/2.0?since=2000&size=1000", "/search?q=Foo"]
    def answers():
        return [warm.get(path).text.replace(warm.url, "") for path in paths]
    before = answers()
    warm.restart()
    assert answers() == before
    warm.post("/p/reports", report("x:1", crashes.stack("Foo")), 303)
    body = warm.post("/p/reports", report("x:3", crashes.stack("Foo"))).json()
    assert body["buckets"]["top_match"]["report_id"] == "x:0"
