"""GET /search and GET /:project/search over HTTP; the syntax has its own tests beside the parser."""

import pytest

import conftest
from crashes import report

REPORTS = [
    # id, project, day, members
    ("r:1", "one", 1, {"Package": "gedit 3.1", "Title": "gedit crashed in QMainWindow::event"}),
    ("r:2", "one", 2, {"Package": "gedit 3.2", "Title": "hangs on save"}),
    ("r:3", "two", 3, {"Package": "kate 1.0", "Title": "kate crashed in HTMLParser"}),
    ("r:4", "two", 4, {"Package": "vim 8", "Signal": "11", "nested": {"a.b": {"c": "needle"}}}),
    ("r:5", "two", 5, {"Package": "vim 9", "Signal": "6", "comment": "a b c d needle"}),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    server = conftest.Server(tmp_path_factory.mktemp("search")).start()
    for name, project, day, members in REPORTS:
        server.post(f"/{project}/reports",
                    report(name, ["main", f"fun_{name[-1]}"], date=f"2015-01-{day:02}", **members))
    yield server
    server.stop()


def found(server, query, path="/search"):
    answer = server.get(path, params=query)
    return [int(r["database_id"][2:]) for r in answer.json()]


@pytest.mark.parametrize("q,expected", [
    ("gedit", {1, 2}), ("Package:gedit", {1, 2}), ("Package:crashed", set()),
    ("crashed gedit", {1}), ("crashed AND gedit", {1}), ("crashed OR vim", {1, 3, 4, 5}),
    ("crashed || save", {1, 2, 3}), ("crashed -kate", {1}), ("crashed NOT kate", {1}),
    ("crashed && !kate", {1}), ("+crashed +kate", {3}), ("-gedit", set()),
    ("QMainWindow", {1}), ("MainWindow", {1}), ("Main", {1}), ("main", {1, 2, 3, 4, 5}), ("WindowMain", {1}),
    ("HTMLParser", {3}), ("Parser", {3}), ("parser", set()), ("GEDIT", set()),
    ('"crashed in"', {1, 3}), ('"in crashed"', set()), ('"gedit in"~1', {1}), ('"a d"~2', {5}),
    ('"a d"', set()), ("ged*", {1, 2}), ("g?dit", {1, 2}), ("*dit", {1, 2}), ("Package:v*", {4, 5}),
    ("gedti~", {1, 2}), ("kat~1", {3}), ("Signal:[10 TO 12]", {4}), ("Signal:{11 TO 12]", set()),
    ("Package:(vim kate)", set()), ("Package:(vim OR kate)", {3, 4, 5}), ("needle", {4, 5}),
    ("nested.a_b.c:needle", {4}), ("gedit^4 OR kate", {1, 2, 3}), ("stacktrace.function:fun", {1, 2, 3, 4, 5}),
    ("*:*", {1, 2, 3, 4, 5}), ("*", {1, 2, 3, 4, 5}), ("", {1, 2, 3, 4, 5}), ("  ", {1, 2, 3, 4, 5}),
    ("project:two", {3, 4, 5}), (r"r\:1", {1, 2, 3, 4, 5}), ("nothing_like_it", set()),
])
def test_queries(filled, q, expected):
    if q == r"r\:1":  # tokens of text: "r" and "1" stand in no field that is searched
        expected = set(found(filled, {"q": "r 1"}))
    assert set(found(filled, {"q": q})) == expected


def test_default_is_everything(filled):
    assert set(found(filled, {})) == {1, 2, 3, 4, 5}


def test_projects(filled):
    assert set(found(filled, {"q": "crashed"}, "/one/search")) == {1}
    assert set(found(filled, {}, "/two/search/")) == {3, 4, 5}
    assert found(filled, {}, "/nobody/search") == []


def test_hits_are_reports(filled):
    hit, = filled.get("/search?q=needle&since=2015-01-04").json()
    own = filled.get("/two/reports/r:5").json()
    for t, bucket in hit["buckets"].items():
        if bucket and t != "top_match":
            assert bucket["href"] == own["buckets"][t]["href"]
            assert bucket["id"] == bucket["bucket_id"] == own["buckets"][t]["id"]
    assert {**hit, "buckets": None} == {**own, "buckets": None}


@pytest.mark.parametrize("query,expected", [
    ({"since": "2015-01-03"}, {4, 5}), ({"since": "2015-01-02T23:59:59"}, {3, 4, 5}),
    ({"until": "2015-01-03"}, {1, 2}), ({"since": "2015-01-01", "until": "2015-01-04"}, {2, 3}),
    ({"since": "3-days-ago"}, set()), ({"since": "2015", "q": "vim"}, {4, 5}),
    ({"until": "2015-01"}, set()), ({"until": "2016"}, {1, 2, 3, 4, 5}),
])
def test_dates(filled, query, expected):
    assert set(found(filled, query)) == expected


@pytest.mark.parametrize("query,expected", [
    ({"sort": "date"}, [5, 4, 3, 2, 1]), ({"sort": "date", "order": "desc"}, [5, 4, 3, 2, 1]),
    ({"sort": "date", "order": "asc"}, [1, 2, 3, 4, 5]),
    ({"sort": "database_id", "order": "asc"}, [1, 2, 3, 4, 5]),
    ({"sort": "Package", "order": "asc"}, [1, 2, 3, 4, 5]),
    ({"sort": "Package"}, [5, 4, 3, 2, 1]),
    ({"sort": "date", "order": "asc", "size": 2}, [1, 2]),
    ({"sort": "date", "order": "asc", "from": 1, "size": 2}, [2, 3]),
    ({"sort": "date", "order": "asc", "from": 4}, [5]), ({"sort": "date", "from": 5}, []),
    ({"sort": "date", "size": 0}, []),
    ({"q": "*:*"}, [5, 4, 3, 2, 1]),  # equal scores: the newest first
    ({"q": "vim", "sort": "date", "order": "asc"}, [4, 5]),
])
def test_order(filled, query, expected):
    assert found(filled, query) == expected


def test_the_best_first(server):
    server.post("/p/reports", [
        {"database_id": "r:1", "text": "needle in a very long text of so many words that it hardly counts"},
        {"database_id": "r:2", "text": "needle"},
        {"database_id": "r:3", "text": "hay"},
        {"database_id": "r:4", "text": "needle needle hay hay hay hay hay hay hay hay hay"},
    ])
    assert found(server, {"q": "needle"})[0] == 2
    assert sorted(found(server, {"q": "needle"})) == [1, 2, 4]
    assert found(server, {"q": "needle^8 OR hay"})[0] in (2, 4)


@pytest.mark.parametrize("q,position", [
    ('"open', None), ("(a", None), ("a)", 1), ("a AND", None), ("[a TO", None), ("f:", None),
    ("AND a", 0), ("a^x", None), ("\\", None), ("a || || b", 5), ("()", None),
    ("vim date:2015-02-29", 9), ("date:[2015 TO never]", 5), ("(date:x)", 6), ("a~ " * 65, 192),
])
def test_queries_that_do_not_parse(filled, q, position):
    for path in ("/search", "/one/search", "/buckets/4.0"):
        error = filled.get(path, 400, params={"q": q}).json()
        assert 0 <= error["position"] <= len(q)
        if position is not None:
            assert error["position"] == position
        assert error["error"] == "bad_query" and error["parameter"] == "q" and error["message"]


def test_bad_order(filled):
    assert filled.get("/search?sort=date&order=up", 400).json()["parameter"] == "order"


def test_ten_by_default_a_thousand_at_most(server):
    server.post("/p/reports", [report(f"r:{i}") for i in range(1200)])
    assert len(found(server, {})) == 10
    assert len(found(server, {"size": 1000})) == 1000
    assert len(found(server, {"size": 1000, "from": 1100})) == 100
    server.get("/search?size=1001", 400)


def test_found_at_once(server):
    for i in range(20):
        server.post("/p/reports", report(f"r:{i}", [f"only{i}x"]))
        assert found(server, {"q": f'"only {i} x"'}) == [i]
