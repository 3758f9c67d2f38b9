"""`crumple bench ingest` with the URLs that Backtrace clients submit to, `crumple bench quality`, and
`crumple bench maps`."""

import importlib.util
import json
import lzma
import os
import pathlib
import subprocess

import pytest

import sourcemaps
from conftest import BINARY, ROOT
from errors import error


def ingest(*words):
    return subprocess.run([BINARY, "bench", "ingest", *words], capture_output=True, text=True,
                          timeout=60)


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "errors.jsonl"
    path.write_text("".join(json.dumps(error()) + "\n" for _ in range(30)))
    return path


@pytest.mark.parametrize("form", ["/default/{t}/json", "/api/post?format=json&token={t}",
                                  "/post?token={t}&format=json"])
def test_submissions(server, lines, form):
    token, reader = server.token("error:post"), server.token("object:get")
    done = ingest(server.url + form.format(t=token), lines, "--connections", "4")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["reports"], told["requests"], told["errors"]) == (30, 30, 0)
    assert told["reports_per_second"] > 0
    last = server.submit(token, error())["_rxid"]
    server.fetch(reader, last)
    found = server.get("/api/list", params={"token": reader, "limit": "100"}).json()["objects"]
    assert len(found) == 31


def test_refused_submissions_are_errors(server, lines):
    done = ingest(f"{server.url}/default/{'0' * 64}/json", lines)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["reports"], told["errors"]) == (0, 30)
    assert "invalid token" in done.stderr


def test_lists_are_no_submissions(server, lines):
    done = ingest(f"{server.url}/default/{'0' * 64}/json", lines, "--list", "10")
    assert done.returncode == 2 and "--list" in done.stderr


# --- bench quality ------------------------------------------------------------------------------

TESTDATA = pathlib.Path(os.environ.get("CRUMPLE_TESTDATA", ROOT.parent / "shared" / "testdata"))
LABELLED = TESTDATA / "quality" / "dev"
SIMILARITIES = ["classic", "culprit"]


def quality(*words, **options):
    return subprocess.run([BINARY, "bench", "quality", *words], capture_output=True, text=True,
                          timeout=300, **options)


def crash(name, word, project="paint"):
    """A report whose functions no other word has."""
    functions = [f"{word}{part}" for part in ("alpha", "beta", "gamma", "delta")]
    return {"database_id": name, "date": "2026-01-01T00:00:00", "project": project,
            "stacktrace": [{"function": f, "depth": i} for i, f in enumerate(functions)]}


def letters(n):
    return "".join(chr(ord("a") + int(digit)) for digit in str(n))


@pytest.fixture
def labelled(tmp_path):
    """Six labelled reports behind a hundred others: three with one stack (bugs A, A, B), two with
    another (B, B), and one alone (A)."""
    reports = [crash(f"other:{i}", f"q{letters(i)}q") for i in range(100)]
    for i, word in enumerate(["left", "left", "right", "left", "lonely", "right"]):
        reports.append(crash(f"it:{i}", word, "paint" if i < 4 else "draw"))
    reports[-1]["project"] = "paint"
    path, labels = tmp_path / "reports.jsonl", tmp_path / "labels.tsv"
    path.write_text("".join(json.dumps(r) + "\n" for r in reports))
    labels.write_text("".join(f"it:{i}\t{bug}\n" for i, bug in enumerate("AABBAB")))
    return path, labels


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_quality_worked_out_by_hand(labelled, similarity):
    done = quality(*labelled, "--similarity", similarity, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["similarity"], told["without"], told["threshold"]) == (similarity, [], 4.0)
    assert (told["reports"], told["unlabelled"], told["bugs"], told["buckets"]) == (6, 100, 2, 3)
    precision, recall = (2 * 2 / 3 + 1 / 3 + 3) / 6, (5 / 3 + 5 / 3) / 6
    assert told["precision"] == pytest.approx(precision)
    assert told["recall"] == pytest.approx(recall)
    assert told["f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert told["purity"] == pytest.approx(5 / 6)
    assert told["inverse_purity"] == pytest.approx(4 / 6)
    assert [point["threshold"] for point in told["sweep"]] == [1 + i / 2 for i in range(21)]
    assert told["sweep"][0]["precision"] == pytest.approx(precision)
    alone = told["sweep"][-1]  # each in a bucket of its own
    assert (alone["buckets"], alone["precision"], alone["recall"]) == (6, 1, pytest.approx(1 / 3))
    assert [(b["reports"], round(b["purity"], 3)) for b in told["largest"]] == [
        (3, .667), (2, 1), (1, 1)]
    assert told["largest_purity"] == pytest.approx(5 / 6)
    paint, draw = told["programs"]
    assert (paint["program"], paint["reports"], paint["buckets"]) == ("paint", 5, 2)
    assert paint["precision"] == pytest.approx((2 * 2 / 3 + 1 / 3 + 2) / 5)
    assert paint["recall"] == pytest.approx((2 + 2 * 2 / 3 + 1 / 3) / 5)
    assert (draw["program"], draw["f1"], draw["first"]["f1"]) == ("draw", 1, 1)
    assert told["programs_f1"] == pytest.approx((paint["f1"] + 1) / 2)
    assert told["worst_f1"] == paint["f1"]
    assert paint["first"]["reports"] == 5


def test_quality_of_shuffled_orders(labelled):
    done = quality(*labelled, "--similarity", "classic", "--orders", "3", "--json")
    told = json.loads(done.stdout)
    f1 = told["shuffled"]["f1"]
    assert told["orders"] == 3 and f1["least"] <= f1["mean"] <= f1["most"]
    again = json.loads(quality(*labelled, "--similarity", "classic", "--orders", "3", "--json").stdout)
    assert told == again


def test_quality_tables(labelled):
    done = quality(*labelled, "--similarity", "classic", "--orders", "2", "--step", "1",
                   "--program-field", "database_id")
    assert done.returncode == 0, done.stderr
    assert "6 reports of 2 bugs in 6 programs, and 100 without a label; classic" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith("     4.00"))
    assert row.split()[:7] == ["4.00", "0.7778", "0.5556", "0.6481", "0.8333", "0.6667", "3"]
    assert "2 shuffled orders" in done.stdout and "4.50" not in done.stdout


def test_quality_names_what_was_left_out(labelled):
    done = quality(*labelled, "--similarity", "culprit", "--without", "rest", "--without", "platform",
                   "--json")
    assert json.loads(done.stdout)["without"] == ["platform", "rest"]


@pytest.mark.parametrize("words, status, why", [
    (["--without", "sense"], 2, "there is no part \"sense\""),
    (["--similarity", "nose"], 2, "there is no \"nose\""),
    (["--step", "0"], 2, "a step is"),
    (["--orders", "1001"], 2, "at most 1000 orders"),
])
def test_quality_used_in_a_wrong_way(labelled, words, status, why):
    done = quality(*labelled, *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert why in done.stderr


@pytest.mark.parametrize("labels, why", [
    ("it:0 A\n", "label 1: not a database_id, a tab and a bug"),
    ("it:0\tA\nit:0\tB\n", "label 2: \"it:0\" has a label already"),
    ("it:0\tA\nit:9\tB\n", "\"it:9\" has a label, and there is no such report"),
    ("", "is empty"),
])
def test_quality_with_damaged_labels(labelled, labels, why):
    labelled[1].write_text(labels)
    done = quality(*labelled)
    assert done.returncode == 1 and why in done.stderr


@pytest.mark.parametrize("line, why", [
    ("{", "report 107: "),
    (json.dumps(crash("it:0", "left")), "report 107: \"it:0\" was there before"),
])
def test_quality_with_damaged_reports(labelled, line, why):
    labelled[0].write_text(labelled[0].read_text() + line + "\n")
    done = quality(*labelled)
    assert done.returncode == 1 and why in done.stderr


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The labelled reports, unpacked, and the score that came with them."""
    if not (LABELLED / "reports.jsonl.xz").exists():
        pytest.skip("the labelled reports are not here (CRUMPLE_TESTDATA)")
    path = tmp_path_factory.mktemp("labelled") / "reports.jsonl"
    path.write_bytes(lzma.decompress((LABELLED / "reports.jsonl.xz").read_bytes()))
    spec = importlib.util.spec_from_file_location("score", LABELLED.parent / "score.py")
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    return path, LABELLED / "labels.tsv", score


def buckets_at(threshold, scored):
    """The grouping that scores lead to: rows of a report, the nearest before it, its score."""
    buckets = {}
    for name, near, score in scored:
        buckets[name] = buckets[near] if near and score >= threshold else name
    return buckets


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_quality_is_that_of_an_import(real, similarity, tmp_path):
    """The same buckets as the product gives, and the same figures as score.py, to four digits."""
    reports, labels, score = real
    out = tmp_path / "assignments.tsv"
    subprocess.run([BINARY, "import", reports, "--data", tmp_path / "data", "--assignments", out,
                    "--scores", "--similarity", similarity], check=True, capture_output=True,
                   timeout=300)
    rows = [line.split("\t") for line in out.read_text().splitlines()]
    scored = [(row[0], row[2], float(row[3] or 0)) for row in rows]
    assert {row[0]: row[1] for row in rows} == buckets_at(4.0, scored)
    told = json.loads(quality(reports, labels, "--similarity", similarity, "--json").stdout)
    known = score.read_tsv(labels)
    for point in told["sweep"]:
        want = score.score(known, buckets_at(point["threshold"], scored))
        assert point["buckets"] == want["buckets"]
        for key in ("precision", "recall", "f1", "purity", "inverse_purity"):
            assert point[key] == pytest.approx(want[key], abs=5e-5), (point["threshold"], key)


# --- bench maps ---------------------------------------------------------------------------------

def maps(path):
    return subprocess.run([BINARY, "bench", "maps", path], capture_output=True, text=True, timeout=120)


def test_maps(tmp_path):
    """Counts are those of the map; times are only there."""
    path, content = tmp_path / "shop.min.js.map", sourcemaps.shop(sourcemaps.debug_id(7))
    path.write_bytes(content)
    done = maps(path)
    assert (done.returncode, done.stderr) == (0, "")
    told, it = json.loads(done.stdout), json.loads(content)
    assert told["map_bytes"] == len(content)
    assert told["contents_bytes"] == sum(len(text.encode()) for text in it["sourcesContent"])
    assert told["mappings"] == sum(bool(m) for m in it["mappings"].replace(";", ",").split(","))
    assert (told["sources"], told["names"]) == (len(it["sources"]), len(it["names"]))
    assert told["functions"] > 0 and 0 < told["functions_found"] <= 1
    for key in ("convert_ms", "convert_cpu_ms", "mb_per_second", "convert_bytes", "image_bytes",
                "lookups_per_second", "lookup_ns", "array_bytes", "array_ns", "rss_bytes"):
        assert told.pop(key) >= 0, key
    assert set(told) == {"map_bytes", "contents_bytes", "mappings", "sources", "names", "functions",
                         "functions_found"}


@pytest.mark.parametrize("content, why", [
    (b'{"version":3,"sources":[],"mappings":""}', "no mappings in it"),
    (b'{"version":3,"sources":["a"],"mappings":"!"}', "this is no base 64 digit"),
    (None, "cannot be read"),
])
def test_maps_of_what_is_none(tmp_path, content, why):
    if content is not None:
        (tmp_path / "a.map").write_bytes(content)
    done = maps(tmp_path / "a.map")
    assert (done.returncode, done.stdout) == (1, "") and why in done.stderr
