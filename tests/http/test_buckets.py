"""Lists of buckets at a threshold, and the reports of one bucket."""

import datetime
from unittest.mock import ANY as ANYTHING

import pytest

import conftest
import crashes
from crashes import THRESHOLDS, report


def ids(page):
    return [b["id"] for b in page.json()["top_buckets"]]


def reports_of(page):
    return [r["database_id"] for r in page.json()["top_reports"]]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Buckets of known sizes and dates, by force_bucket:

    big     5 reports, 2015-01-01 to 2015-01-05, all of `one`, words "apple"
    mixed   3 reports, 2015-01-03 to 2015-01-05, `one`, `two`, `two`
    late    3 reports, 2015-01-04 to 2015-01-06, `two`
    small   1 report,  2015-01-10, `two`, word "pear"
    """
    server = conftest.Server(tmp_path_factory.mktemp("buckets")).start()
    def put(bucket, number, project, day, **more):
        server.post(f"/{project}/reports", report(f"{bucket}:{number}", date=f"2015-01-{day:02}",
                                                  force_bucket=bucket, **more))
    for i in range(5):
        put("big", i, "one", 1 + i, fruit="apple")
    put("mixed", 0, "one", 3)
    put("mixed", 1, "two", 4)
    put("mixed", 2, "two", 5)
    for i in (2, 0, 1):  # not in the order of their dates
        put("late", i, "two", 4 + i)
    put("small", 0, "two", 10, fruit="pear")
    yield server
    server.stop()


@pytest.mark.parametrize("threshold", ["4.0", "4", "4.00", "4.000"])
def test_list(filled, threshold):
    page = filled.get(f"/buckets/{threshold}?since=2015").json()
    assert page.pop("since") == "2015-01-01T00:00:00"
    assert page.pop("until") is None and page.pop("q") is None
    assert page.pop("threshold") == "4.0"
    buckets = page.pop("top_buckets")
    assert page == {}
    # 2015-01-01T00:00:00 itself is not after `since`.
    assert [(b["id"], b["total"]) for b in buckets] == [("big", 4), ("late", 3), ("mixed", 3),
                                                        ("small", 1)]
    big = buckets[0]
    assert big["href"] == filled.url + "/one/buckets/4.0/big"
    assert (big["project"], big["threshold"]) == ("one", "4.0")
    assert (big["first_seen"], big["last_seen"]) == ("2015-01-02T00:00:00", "2015-01-05T00:00:00")
    assert reports_of_bucket(big) == ["big:4", "big:3", "big:2"]
    assert big["top_reports"][0]["href"] == filled.url + "/one/reports/big:4"
    assert reports_of_bucket(buckets[1]) == ["late:2", "late:1", "late:0"]


def reports_of_bucket(bucket):
    return [r["database_id"] for r in bucket["top_reports"]]


def test_the_example_of_the_documentation(server):
    """Its bucket was first seen two days before `since`: what the filters keep out does not count."""
    bucket = "c29a81a0-5a53-4ba0-8123-5e96685a5895"
    def seen(i, date):
        return report(f"{bucket[:-4]}{i:04}", date=date, force_bucket=bucket)
    server.post("/alan_parsons/reports", seen(0, "2016-02-27T14:32:08Z"))
    server.post("/alan_parsons/reports", [seen(i, f"2016-03-01T{i % 24:02}:00:00")
                                          for i in range(1, 254)])
    assert server.get("/alan_parsons/buckets/4.0?since=2016-02-29").json() == {
        "since": "2016-02-29T00:00:00", "until": None, "threshold": "4.0", "q": None,
        "top_buckets": [{
            "id": bucket, "project": "alan_parsons", "threshold": "4.0",
            "href": f"{server.url}/alan_parsons/buckets/4.0/{bucket}", "total": 253,
            "first_seen": "2016-03-01T00:00:00", "last_seen": "2016-03-01T23:00:00",
            "top_reports": [ANYTHING] * 3}]}
    page = server.get(f"/alan_parsons/buckets/4.0/{bucket}").json()
    assert page["total"] == 254 and page["first_seen"] == "2016-02-27T14:32:08"


def test_list_of_a_project(filled):
    page = filled.get("/two/buckets/4.0?since=2014")
    assert [(b["id"], b["total"]) for b in page.json()["top_buckets"]] == [
        ("late", 3), ("mixed", 2), ("small", 1)]
    for bucket in page.json()["top_buckets"]:
        assert bucket["project"] == "two"
        assert bucket["href"] == f"{filled.url}/two/buckets/4.0/{bucket['id']}"
        own = filled.get(bucket["href"][len(filled.url):]).json()
        assert own["total"] == bucket["total"]
    assert ids(filled.get("/nobody/buckets/4.0?since=2014")) == []


def test_href_shows_what_was_counted(filled):
    for bucket in filled.get("/buckets/4.0?since=2014").json()["top_buckets"]:
        own = filled.get(bucket["href"][len(filled.url):]).json()
        assert own["total"] == bucket["total"]
        assert own["href"] == bucket["href"] and own["project"] == bucket["project"]


@pytest.mark.parametrize("query,expected", [
    # name of bucket, what is left of it; since < date < until, both strictly
    ("since=2015-01-05", {"late": 1, "small": 1}),
    ("since=2015-01-04T23:59:59", {"late": 2, "big": 1, "mixed": 1, "small": 1}),
    ("since=2014&until=2015-01-02", {"big": 1}),
    ("since=2014&until=2015-01-02T00:00:01", {"big": 2}),
    ("since=2015-01-10", {}),
    ("since=2014-12-31T23:59:59Z&until=2015-01-01T01:30:00%2B01:00", {"big": 1}),
    ("since=2014&until=now", {"big": 5, "mixed": 3, "late": 3, "small": 1}),
    ("since=50-years-ago", {"big": 5, "mixed": 3, "late": 3, "small": 1}),
    ("since=2014&q=apple", {"big": 5}),
    ("since=2014&q=fruit:pear", {"small": 1}),
    ("since=2014&q=apple OR pear", {"big": 5, "small": 1}),
    ("since=2014&q=*:*", {"big": 5, "mixed": 3, "late": 3, "small": 1}),
    ("since=2015-01-03&q=apple", {"big": 2}),
    ("since=2014&q=plum", {}),
    ("", {}),
    ("since=", {}),
])
def test_filters(filled, query, expected):
    page = filled.get("/buckets/4.0?" + query)
    assert {b["id"]: b["total"] for b in page.json()["top_buckets"]} == expected
    if "q=" in query:
        assert query.endswith("q=" + page.json()["q"])


def test_since_defaults_to_three_days_ago(server):
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    for hours in (1, 71, 73):
        date = (now - datetime.timedelta(hours=hours)).isoformat()
        server.post("/p/reports", report(f"{hours}h", date=date, force_bucket="b"))
    page = server.get("/p/buckets/4.0").json()
    assert [b["total"] for b in page["top_buckets"]] == [2]
    age = now - datetime.datetime.fromisoformat(page["since"])
    assert abs(age - datetime.timedelta(days=3)) < datetime.timedelta(minutes=1)
    assert "." not in page["since"]
    for ago, total in (("2-hours-ago", 1), ("1-day-ago", 1), ("4-days-ago", 3), ("1-week-ago", 3),
                       ("1-weeks-ago", 3), ("80-hours-ago", 3), ("90-minutes-ago", 1),
                       ("1-month-ago", 3)):
        page = server.get("/p/buckets/4.0?since=" + ago).json()
        assert [b["total"] for b in page["top_buckets"]] == [total], ago


def test_pages(filled):
    every = ids(filled.get("/buckets/4.0?since=2014"))
    assert every == ["big", "late", "mixed", "small"]
    assert ids(filled.get("/buckets/4.0?since=2014&size=2")) == every[:2]
    assert ids(filled.get("/buckets/4.0?since=2014&from=1&size=2")) == every[1:3]
    assert ids(filled.get("/buckets/4.0?since=2014&from=3")) == every[3:]
    assert ids(filled.get("/buckets/4.0?since=2014&from=4")) == []
    assert ids(filled.get("/buckets/4.0?since=2014&size=0")) == []
    assert ids(filled.get("/buckets/4.0?since=2014&size=1000")) == every
    assert reports_of(filled.get("/buckets/4.0/big?from=1&size=2")) == ["big:3", "big:2"]
    assert filled.get("/buckets/4.0/big?from=1&size=2").json()["total"] == 5
    assert reports_of(filled.get("/buckets/4.0/big?from=5")) == []


def test_ten_by_default(server):
    server.post("/p/reports", [report(f"{i:02}", date="2015-01-01", force_bucket=f"b{i % 12}")
                               for i in range(24)])
    assert len(ids(server.get("/buckets/4.0?since=2014"))) == 10
    assert len(ids(server.get("/buckets/4.0?since=2014&size=20"))) == 12
    server.post("/p/reports", [report(f"x{i}", force_bucket="b0") for i in range(10)])
    assert len(reports_of(server.get("/buckets/4.0/b0"))) == 10


@pytest.mark.parametrize("parameter", [
    "from=-1", "from=x", "from=1.5", "from=", "size=-1", "size=1001", "size=ten", "size=0x10",
    "size=99999999999999999999", "from=99999999999999999999", "size=+1", "since=2015-02-29",
    "since=yesterday", "since=2015-13", "until=never", "until=-3-days-ago", "until=2015-01-01T25:00",
])
@pytest.mark.parametrize("route", ["/buckets/4.0", "/p/buckets/4.0", "/search", "/p/search"])
def test_bad_parameters(shared, route, parameter):
    error = shared.get(f"{route}?{parameter}", 400).json()
    assert error["parameter"] == parameter.split("=")[0]
    assert error["error"] == ("bad_date" if parameter[0] in "su" and "size" not in parameter
                              else "bad_number")


@pytest.mark.parametrize("parameter", ["from=-1", "size=1001"])
def test_bad_parameters_of_a_bucket(filled, parameter):
    assert filled.get("/buckets/4.0/big?" + parameter, 400).json()["error"] == "bad_number"


@pytest.mark.parametrize("threshold", ["3.5", "0", "12.0", "x", "4.0x", "0x4", "4e0", "-4", "%204",
                                       "4.", ".4", "nan", "4..0", "4.0000000000000000000000000000"
                                       "000000000001"])
@pytest.mark.parametrize("rest", ["", "/big", "/nope"])
def test_thresholds_that_are_not_configured(filled, threshold, rest):
    for prefix in ("", "/one"):
        error = filled.get(f"{prefix}/buckets/{threshold}{rest}", 404).json()
        assert error["error"] == "not_found"
        assert error["thresholds"] == THRESHOLDS


@pytest.mark.parametrize("path,location", [
    ("/buckets", "/buckets/4.0"), ("/buckets/", "/buckets/4.0"),
    ("/p/buckets", "/p/buckets/4.0"), ("/a%20b/buckets", "/a%20b/buckets/4.0"),
    ("/buckets?since=2015&q=a%20b&size=5", "/buckets/4.0?since=2015&q=a%20b&size=5"),
    ("/p/buckets?", "/p/buckets/4.0"),
])
def test_default_threshold(shared, path, location):
    answer = shared.get(path, 302)
    assert answer.headers["Location"] == shared.url + location


def test_default_threshold_of_a_long_query(shared):
    fits = "?q=" + "a" * 8000
    assert shared.get("/p/buckets" + fits, 302).headers["Location"].endswith("/4.0" + fits)
    assert shared.get("/p/buckets?q=" + "a" * 15_000, 414).json()["error"] == "url_too_long"


def test_one_bucket(filled):
    page = filled.get("/two/buckets/4/late")
    body = page.json()
    assert (body["id"], body["project"], body["threshold"]) == ("late", "two", "4.0")
    assert body["href"] == filled.url + "/two/buckets/4.0/late"
    assert body["total"] == 3
    assert reports_of(page) == ["late:2", "late:1", "late:0"]
    assert body["top_reports"][0] == {
        **filled.get("/two/reports/late:2").json(), "buckets": body["top_reports"][0]["buckets"]}
    assert body["top_reports"][0]["stacktrace"][0]["function"] == "main"
    # All projects together, and one that has a part of it.
    assert reports_of(filled.get("/buckets/4.0/mixed")) == ["mixed:2", "mixed:1", "mixed:0"]
    assert reports_of(filled.get("/one/buckets/4.0/mixed")) == ["mixed:0"]


@pytest.mark.parametrize("path,name", [
    ("/buckets/4.0/nope", "nope"), ("/one/buckets/4.0/late", "late"),
    ("/nobody/buckets/4.0/big", "big"), ("/buckets/4.0/big:1", "big:1"),
    ("/buckets/4.0/a%2Fb", "a/b"),
])
def test_buckets_that_are_not_there(filled, path, name):
    error = filled.get(path, 404).json()
    assert (error["error"], error["bucket_id"]) == ("not_found", name)


def test_buckets_by_likeness(server):
    """What a threshold parts, a lower one may join: each has its own buckets."""
    server.post("/reports", crashes.background(300))
    server.post("/p/reports", [report(f"foo:{i}", crashes.stack("Foo")) for i in range(3)])
    server.post("/p/reports", report("half", crashes.stack("Foo", 3) + crashes.stack("Bar", 3)))
    score = float(server.get("/p/reports/half").json()["buckets"]["top_match"]["score"])
    assert 1 < score < 11
    for t in THRESHOLDS:
        total = server.get(f"/p/buckets/{t}?since=2000").json()["top_buckets"]
        sizes = {b["id"]: b["total"] for b in total}
        joined = score >= float(t)
        assert ("half" in sizes) != joined
        foo_score = float(server.get("/p/reports/foo:1").json()["buckets"]["top_match"]["score"])
        if foo_score >= float(t):
            assert sizes["foo:0"] >= 3
