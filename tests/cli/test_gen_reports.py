"""The generator of reports that ./dev bench measures with."""

import collections
import json
import subprocess

from conftest import BINARY

GENERATOR = BINARY.parent / "tools" / "gen-reports"


def generate(*args):
    done = subprocess.run([GENERATOR, *map(str, args)], capture_output=True, check=True, timeout=60)
    return done.stdout.decode("ascii").splitlines()


def test_same_seed_same_reports():
    reports = generate(200)
    assert len(reports) == 200
    assert generate(300)[:200] == reports
    assert generate(200, "--seed", 1) == reports
    assert generate(200, "--seed", 2) != reports


def test_labels_name_every_report(tmp_path):
    labels = tmp_path / "labels.tsv"
    reports = [json.loads(line) for line in generate(500, "--labels", labels)]
    rows = [line.split("\t") for line in labels.read_text(encoding="ascii").splitlines()]
    assert [r["database_id"] for r in reports] == [row[0] for row in rows]
    titles_of = collections.defaultdict(set)
    for report, (_, bug) in zip(reports, rows):
        titles_of[bug].add(report["Title"])
    assert all(len(titles) == 1 for titles in titles_of.values())


def test_backtrace_form_has_the_same_reports():
    plain = [json.loads(line) for line in generate(300)]
    reports = [json.loads(line) for line in generate(300, "--backtrace")]
    assert len({r["uuid"] for r in reports}) == 300
    for report, was in zip(reports, plain):
        stack = report["threads"][report["mainThread"]]["stack"]
        assert [f.get("funcName") for f in stack] == [f["function"] for f in was["stacktrace"]]
        assert [f["address"] for f in stack] == [f["address"] for f in was["stacktrace"]]
        assert report["attributes"]["error.message"] == was["Title"]
    assert generate(300, "--backtrace", "--seed", 2)[0] != generate(300, "--backtrace")[0]
    assert 2300 < sum(map(len, generate(2000, "--backtrace"))) / 2000 < 2800


def test_shape():
    """Loosely: what the generator promises in its head."""
    reports = [json.loads(line) for line in generate(5000)]
    having = collections.Counter()
    stripped = 0
    for report in reports:
        names = {frame["function"] for frame in report["stacktrace"]}
        stripped += None in names
        having.update(names - {None})
    ranked = [count / len(reports) for _, count in having.most_common()]
    assert 0.4 < ranked[0] < 0.8
    assert 0.02 < ranked[63] < 0.15
    assert ranked[2047] < 0.003
    assert 0.08 < stripped / len(reports) < 0.16


def test_crumple_takes_them(tmp_path):
    source = tmp_path / "reports.jsonl"
    source.write_text("\n".join(generate(300)) + "\n", encoding="ascii")
    done = subprocess.run([BINARY, "import", source, "--data", tmp_path / "data"],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "300 reports stored" in done.stderr


def test_wrong_use():
    for args in ([], ["many"], ["10", "--seed", "x"], ["10", "--size", "3"]):
        done = subprocess.run([GENERATOR, *args], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines()[-1].startswith("usage: gen-reports COUNT")
