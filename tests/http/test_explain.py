"""Why reports are near: summaries, comparisons, and posts with ?explain=true, by both similarities,
and which of them a project is grouped by."""

import pytest

import crashes
from crashes import report

CULPRIT = {"functions", "rest", "death", "other_death", "deaths_differ", "frames"}
WHY = {"compared", "named", "ends", "starts", "system", "handler", "repeats", "unknown"}
ROUNDED = 0.00005  # the most that rounding to four decimals can take or give


@pytest.fixture
def classic(make_server):
    return make_server("--similarity", "classic")


@pytest.fixture
def culprit(make_server):
    return make_server("--similarity", "culprit")


def crash(database_id, functions, signal="SIGSEGV", **more):
    return report(database_id, functions, Signal=signal, **more)


def native(database_id, frames, **more):
    """Frames are (function or None, address); all of them in one build of one module."""
    stack = [{"address": hex(address), "dylib": "/opt/tool/libtool.so", "debug_id": "6d4f2b",
              **({"function": function} if function else {})} for function, address in frames]
    return {"database_id": database_id, "stacktrace": stack, "Signal": "SIGSEGV", **more}


def check_terms(terms, score):
    values = [t["value"] for t in terms]
    assert all(sorted(t) == ["field", "term", "value"] for t in terms)
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(score, rel=1e-5)
    assert "stacktrace.function" in {t["field"] for t in terms}


def check_functions(functions, score, blames):
    values = [f["value"] for f in functions]
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(score, rel=1e-5, abs=ROUNDED * len(functions))
    for f in functions:
        assert sorted(f) == sorted(["function", "helper", "value", *blames])
        assert f["function"] and 0 <= f["helper"] <= 1 and f["value"] >= 0
    for blame in blames:
        shares = [f[blame] for f in functions]
        assert all(0 <= share <= 1 for share in shares)
        assert sum(shares) == pytest.approx(1, abs=0.02)  # hardly any blame is left out


def check_frames(frames, count):
    """Of a stack without recursion: every frame once, in its order."""
    assert [f["index"] for f in frames] == list(range(count))
    for f in frames:
        assert sorted(f) == ["function", "index", "why"] and f["why"] in WHY
        assert (f["function"] is not None) == (f["why"] in ("compared", "named")), f


def told(frames):
    return [(f["function"], f["why"]) for f in frames]


def members(body):
    return set(body) & (CULPRIT | {"other_frames"})


# classic

def test_classic_says_its_name_and_no_more(classic):
    classic.post("/reports", crashes.background(300))
    classic.post("/p/reports", crash("a", crashes.stack("Foo")))
    posted = classic.post("/p/reports?explain=true", crash("b", crashes.stack("Foo"))).json()
    check_terms(posted["explanation"], float(posted["buckets"]["top_match"]["score"]))
    summary = classic.get("/p/reports/a/summary").json()
    assert set(summary) == {"database_id", "project", "similarity", "summary"}
    compared = classic.get("/p/reports/a/compare/b").json()
    check_terms(compared["terms"], compared["score"])
    for body in (posted, summary, compared):
        assert body["similarity"] == "classic" and not members(body)


# culprit

def test_compare(culprit):
    a = crash("a", ["list_length", "Canvas::resize(int)", "Window::draw", "run_loop"])
    b = crash("b", ["list_length", "Canvas::resize(long)", "Window::paint", "run_loop"])
    culprit.post("/p/reports", [a, b])
    there = culprit.get("/p/reports/a/compare/b").json()
    back = culprit.get("/p/reports/b/compare/a").json()
    assert set(there) == {"database_id", "other_id", "score", "reverse_score", "similarity", "terms",
                          "other_frames", "common", "buckets"} | CULPRIT
    assert there["similarity"] == "culprit"
    assert there["score"] > 4 and there["score"] == back["reverse_score"] == back["score"]
    for body in (there, back):
        check_terms(body["terms"], body["score"])
        check_functions(body["functions"], body["score"], ("blame", "other_blame"))
        check_frames(body["frames"], 4)
        check_frames(body["other_frames"], 4)
        assert 0 < body["rest"] < 1
        assert (body["death"], body["other_death"]) == ("SIGSEGV", "SIGSEGV")
        assert body["deaths_differ"] is False
    # What is told of one report is told of it from the other side, too.
    assert there["frames"] == back["other_frames"] and there["other_frames"] == back["frames"]
    assert ([(f["function"], f["blame"], f["other_blame"], f["value"]) for f in there["functions"]] ==
            [(f["function"], f["other_blame"], f["blame"], f["value"]) for f in back["functions"]])
    given = {f["function"]: f["value"] for f in there["functions"]}
    assert given["list_length"] > 0 and given["Canvas::resize"] > 0
    assert given["Window::draw"] == given["Window::paint"] == 0
    # The terms are the functions that gave something.
    assert {t["term"]: pytest.approx(t["value"], abs=ROUNDED) for t in there["terms"]
            if t["value"] > 0} == {f: v for f, v in given.items() if v > 0}


def test_common_frames_are_as_sent(culprit):
    culprit.post("/p/reports", [crash("a", ["abort", "sink", "Canvas::resize(int)"]),
                                crash("b", ["abort", "sink", "Canvas::resize(long)"])])
    body = culprit.get("/p/reports/a/compare/b").json()
    assert [c["function"] for c in body["common"]] == ["abort", "sink"]


def test_unlike_reports(culprit):
    culprit.post("/p/reports", [crash("a", ["one", "two"]), crash("b", ["three", "four"])])
    body = culprit.get("/p/reports/a/compare/b").json()
    assert body["score"] == body["rest"] == 0
    check_functions(body["functions"], 0, ("blame", "other_blame"))
    assert set(body["buckets"].values()) == {False}


def test_reports_of_different_projects(culprit):
    culprit.post("/p/reports", crash("a", crashes.stack("Foo")))
    answer = culprit.post("/q/reports?explain=true", crash("b", crashes.stack("Foo"))).json()
    assert answer["buckets"]["top_match"] is None and answer["explanation"] == []
    assert answer["similarity"] == "culprit" and not members(answer)
    body = culprit.get("/q/reports/b/compare/a").json()
    assert body["score"] == body["reverse_score"] == 0
    assert told(body["frames"]) == told(body["other_frames"])


def test_deaths(culprit):
    stack = ["sink", "pour", "run_loop"]
    culprit.post("/p/reports", [crash("a", stack, "SIGFPE"), crash("b", stack, "SIGSEGV"),
                                report("c", stack)])
    body = culprit.get("/p/reports/a/compare/b").json()
    assert (body["death"], body["other_death"]) == ("SIGFPE", "SIGSEGV")
    assert body["deaths_differ"] is True
    alike = culprit.get("/p/reports/a/compare/a").json()
    assert alike["deaths_differ"] is False and body["score"] < alike["score"]
    body = culprit.get("/p/reports/c/compare/a").json()
    assert body["death"] is None and body["deaths_differ"] is False


def test_summary(culprit):
    culprit.post("/p/reports", crash("a", ["abort", "sink", "pour", "spill"], "SIGABRT"))
    body = culprit.get("/p/reports/a/summary").json()
    assert set(body) == {"database_id", "project", "similarity", "summary", "functions", "death",
                         "frames"}
    assert (body["similarity"], body["death"]) == ("culprit", "SIGABRT")
    score = culprit.get("/p/reports/a/compare/a").json()["score"]
    check_terms(body["summary"], score)
    check_functions(body["functions"], score, ("blame",))
    check_frames(body["frames"], 4)
    assert [t["term"] for t in body["summary"]][0] == "sink"


def test_post(culprit):
    culprit.post("/p/reports", crash("a", ["sink", "pour", "spill"]))
    for path, name, status in (("/p/reports?explain=true", "b", 201),
                               ("/p/reports/dry-run?explain=1", "c", 200)):
        body = culprit.post(path, crash(name, ["raise", "sink", "pour"]), status).json()
        assert members(body) == CULPRIT and body["similarity"] == "culprit"
        score = float(body["buckets"]["top_match"]["score"])
        check_terms(body["explanation"], score)
        check_functions(body["functions"], score, ("blame", "other_blame"))
        check_frames(body["frames"], 3)
    # What was there already is not explained again.
    body = culprit.post("/p/reports?explain=true", crash("b", ["raise", "sink", "pour"]), 303).json()
    assert body["explanation"] == [] and not members(body)
    assert "similarity" not in culprit.post("/p/reports", crash("d", ["sink"])).json()


def test_list_with_a_match_in_it(culprit):
    first, second = culprit.post("/p/reports?explain=true", [
        crash("a", ["sink", "pour"]), crash("b", ["sink", "pour"])]).json()
    assert first["explanation"] == [] and not members(first)
    assert second["buckets"]["top_match"]["report_id"] == "a"
    check_functions(second["functions"], float(second["buckets"]["top_match"]["score"]),
                    ("blame", "other_blame"))


def test_frames_of_the_platform_say_why_they_are_left_out(culprit):
    functions = ["crash_handler", "<signal handler called>", "raise", "abort", "__assert_fail", "sink",
                 "malloc", "pour", "start_thread", "clone"]
    culprit.post("/p/reports", crash("a", functions))
    body = culprit.get("/p/reports/a/summary").json()
    check_frames(body["frames"], len(functions))
    assert told(body["frames"]) == [
        (None, "handler"), (None, "handler"), (None, "ends"), (None, "ends"), (None, "ends"),
        ("sink", "compared"), (None, "system"), ("pour", "compared"), (None, "starts"),
        (None, "starts")]
    assert {f["function"] for f in body["functions"]} == {"sink", "pour"}


def test_nothing_but_frames_of_the_platform(culprit):
    culprit.post("/p/reports", crash("a", ["abort", "malloc", "start_thread"]))
    body = culprit.get("/p/reports/a/summary").json()
    assert told(body["frames"]) == [("abort", "compared"), ("malloc", "compared"),
                                    ("start_thread", "compared")]


def test_names_that_came_back(culprit):
    culprit.post("/p/reports", native("a", [("sink", 0x7f0000001234), ("pour", 0x7f0000001456),
                                            ("spill", 0x7f0000001678)]))
    body = culprit.post("/p/reports?explain=true", native("b", [
        (None, 0x55000000a234), (None, 0x55000000a456), ("spill", 0x55000000a678)])).json()
    named = [("sink", "named"), ("pour", "named"), ("spill", "compared")]
    assert body["buckets"]["top_match"]["report_id"] == "a"
    assert told(body["frames"]) == named
    assert told(culprit.get("/p/reports/b/summary").json()["frames"]) == named
    culprit.restart()
    body = culprit.get("/p/reports/b/compare/a").json()
    assert told(body["frames"]) == named
    assert told(body["other_frames"]) == [(f, "compared") for f, _ in named]


def test_frames_without_names_or_places(culprit):
    unnamed = native("a", [(None, 0x7f0000001234), ("pour", 0x7f0000001456)])
    unnamed["stacktrace"].insert(1, {"depth": "1"})
    culprit.post("/p/reports", unnamed)
    frames = culprit.get("/p/reports/a/summary").json()["frames"]
    check_frames(frames, 3)
    assert [f["why"] for f in frames] == ["compared", "unknown", "compared"]
    assert frames[0]["function"] and "libtool" in frames[0]["function"]


def test_recursion(culprit):
    """Its turns after the first are not listed, or say so."""
    culprit.post("/p/reports", crash("a", ["sink"] + ["walk", "visit"] * 50 + ["pour"]))
    frames = culprit.get("/p/reports/a/summary").json()["frames"]
    assert [f["index"] for f in frames] == sorted({f["index"] for f in frames})
    assert {f["why"] for f in frames} <= {"compared", "repeats"}
    assert [f["function"] for f in frames if f["function"]] == ["sink", "walk", "visit", "pour"]
    assert [f["index"] for f in frames if f["function"]][::3] == [0, 101]


def test_long_stacks(culprit):
    names = [f"level_{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(600)]
    culprit.post("/p/reports", [crash("a", names), crash("b", names[:300])])
    body = culprit.get("/p/reports/a/compare/b").json()
    assert body["score"] > 9
    assert [f["index"] for f in body["frames"]] == list(range(256))
    assert len(body["common"]) == 300


@pytest.mark.parametrize("stack", [{}, {"stacktrace": []}, {"stacktrace": [{}, {"depth": "1"}]}],
                         ids=["none", "empty", "no_names"])
def test_reports_without_a_stack(culprit, stack):
    culprit.post("/p/reports", crash("full", ["sink", "pour"]))
    for name in "ab":
        body = culprit.post("/p/reports?explain=true", {
            "database_id": name, "Title": "The lid does not close", **stack}).json()
    assert body["buckets"]["top_match"]["report_id"] == "a"
    check_terms(body["explanation"], float(body["buckets"]["top_match"]["score"]))
    assert "Title=The lid does not close" in {f["function"] for f in body["functions"]}
    body = culprit.get("/p/reports/a/compare/b").json()
    assert body["score"] > 0 and body["death"] is None
    assert {f["why"] for f in body["frames"]} == ({"unknown"} if stack.get("stacktrace") else set())
    assert culprit.get("/p/reports/a/compare/full").json()["score"] == 0
    assert culprit.get("/p/reports/full/compare/a").json()["score"] == 0


def test_a_report_with_nothing_in_it(culprit):
    culprit.post("/p/reports", [{"database_id": "a"}, crash("b", ["sink"])])
    body = culprit.get("/p/reports/a/summary").json()
    assert body["summary"] == body["functions"] == body["frames"] == []
    assert culprit.get("/p/reports/a/compare/b").json()["score"] == 0


# Which similarity

def test_projects_with_a_similarity_of_their_own(make_server):
    server = make_server(config="[grouping]\nsimilarity = classic\n"
                                "[similarity]\nMy Project = culprit\nother = classic\n")
    for path, want in (("/My%20Project", "culprit"), ("/other", "classic"), ("/third", "classic")):
        server.post(path + "/reports", crash(path, crashes.stack("Foo")))
        quoted = path.replace("/", "%2F").replace("%20", "%2520")
        body = server.get(f"{path}/reports/{quoted}/summary").json()
        assert body["similarity"] == want, path
        assert ("functions" in body) == (want == "culprit")
    # Each asks by its own: `culprit` sees no other project, `classic` does.
    asked = server.get("/reports/%2Fother/compare/%2FMy%2520Project").json()
    assert asked["similarity"] == "classic" and asked["score"] > asked["reverse_score"] == 0
    asked = server.get("/reports/%2FMy%2520Project/compare/%2Fother").json()
    assert asked["similarity"] == "culprit" and asked["reverse_score"] > asked["score"] == 0


def test_options_do_not_override_what_projects_have(make_server):
    server = make_server("--similarity", "culprit", config="[grouping]\nsimilarity = classic\n"
                                                           "[similarity]\np = classic\n")
    server.post("/reports", [crash("a", ["sink"], project="p"), crash("b", ["sink"], project="q")])
    assert server.get("/p/reports/a/summary").json()["similarity"] == "classic"
    assert server.get("/q/reports/b/summary").json()["similarity"] == "culprit"


def test_another_similarity_after_a_restart(make_server):
    server = make_server("--similarity", "classic")
    server.post("/p/reports", [crash("a", crashes.stack("Foo")), crash("b", crashes.stack("Bar"))])

    def buckets():
        return [{t: b["id"] for t, b in server.get(f"/p/reports/{name}").json()["buckets"].items()
                 if t != "top_match"} for name in "ab"]

    before = buckets()
    server.args = ["--similarity", "culprit"]
    server.restart()
    assert buckets() == before
    body = server.post("/p/reports?explain=true", crash("c", crashes.stack("Foo"))).json()
    assert body["similarity"] == "culprit" and body["buckets"]["top_match"]["report_id"] == "a"
    assert body["buckets"]["4.0"]["id"] == before[0]["4.0"]
