"""The crumple program as people and scripts use it: help, wrong uses, import, bench."""

import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from conftest import BINARY, ROOT

COMMANDS = ["serve", "import", "project create", "project list", "user create", "user list",
            "user remove", "token create", "token list", "token revoke", "bench group",
            "bench ingest"]
SAMPLES = ROOT / "data" / "sample-reports.jsonl"


def crumple(*args, **kwargs):
    kwargs.setdefault("timeout", 120)
    return subprocess.run([str(BINARY), *map(str, args)], capture_output=True, text=True, **kwargs)


def report(number, **more):
    return {"database_id": f"r{number}", "project": "P", "date": "2026-01-02T03:04:05",
            "stacktrace": [{"function": f"crash{number % 3}Here"}, {"function": "main"}], **more}


def write_lines(path, lines):
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


# Help and wrong uses.


def test_version():
    done = crumple("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("crumple ")
    assert done.stderr == ""


def test_a_start_loads_the_c_library_alone():
    """What else is needed is loaded late: docs/decisions/0008."""
    if re.search(rb"__[at]san_init", BINARY.read_bytes()):
        pytest.skip("sanitizers bring libraries")
    done = crumple("--version", env={**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"})
    names = {line.split()[0].rsplit("/", 1)[-1].split(".so")[0] for line in done.stdout.splitlines()}
    assert {name for name in names if not name.startswith(("ld-linux", "linux-vdso"))} == {"libc"}


def test_overview_names_every_command():
    done = crumple("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for command in COMMANDS:
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    done = crumple(*command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: crumple {command}")
    assert "Example" in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())


def test_help_of_a_group():
    done = crumple("bench", "--help")
    assert done.returncode == 0
    assert "bench group" in done.stdout and "bench ingest" in done.stdout
    assert "crumple serve" not in done.stdout and "project" not in done.stdout


@pytest.mark.parametrize("command", [["serve"], ["import"], ["bench", "group"]], ids=" ".join)
def test_help_names_the_similarities(command):
    told = crumple(*command, "--help").stdout
    assert "culprit (default)" in told[told.index("--similarity NAME"):] and "classic" in told


WRONG = [
    ([], "Usage: crumple"),
    (["swim"], 'no command "swim"'),
    (["nonsense"], "bench group"),
    (["--nonsense"], "no command"),
    (["bench"], "bench ingest"),
    (["bench", "swim"], "bench group"),
    (["project"], "project create"),
    (["token"], "token revoke"),
    (["user", "create"], "NAME is missing"),
    (["serve"], "--data is missing"),
    (["serve", "--data"], "needs a value"),
    (["serve", "--data", "d", "--listen", "8081"], "ADDR:PORT"),
    (["serve", "--data", "d", "--listen", "https://127.0.0.1:0"], "--tls-cert FILE"),
    (["serve", "--data", "d", "--tls-cert", "c.pem"], "--tls-key is missing"),
    (["serve", "--data", "d", "--tls-key", "k.pem"], "--tls-cert is missing"),
    (["serve", "--data", "d", "more"], "one argument too many"),
    (["serve", "--data", "d", "--similarity", "nonsense"], 'culprit or classic, not "nonsense"'),
    (["import"], "FILE is missing"),
    (["import", "f"], "--data is missing"),
    (["import", "f", "--data", "d", "--threshold", "4.5"], "1 2 3 4 5 6 7 8 9 10 11"),
    (["import", "f", "--data", "d", "--threshold", "much"], "needs a number"),
    (["import", "f", "--data", "d", "--scores"], "--assignments"),
    (["import", "f", "--data", "d", "--project", "api"], "api"),
    (["import", SAMPLES, "--data", "d", "--similarity", "nonsense"],
     'culprit or classic, not "nonsense"'),
    (["project", "create", "--data", "d"], "NAME is missing"),
    (["project", "create", "reports", "--data", "d"], "reports"),
    (["project", "create", "a", "b", "--data", "d"], "one argument too many"),
    (["bench", "group"], "FILE is missing"),
    (["bench", "group", "f", "--warm", "-1"], "whole number"),
    (["bench", "group", "f", "--similarity", "nonsense"], "there are: culprit, classic"),
    (["bench", "ingest", "http://127.0.0.1:1"], "FILE is missing"),
    (["bench", "ingest", "127.0.0.1:1", "f"], "http://"),
    (["bench", "ingest", "http://127.0.0.1:1", "f", "--connections", "0"], "1 to"),
]


@pytest.mark.parametrize("args,part", WRONG, ids=lambda x: " ".join(map(str, x))[:60] or "nothing")
def test_wrong_use(args, part, tmp_path):
    done = crumple(*args, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert part in done.stderr
    assert done.stdout == ""


FAILURES = [
    (["import", "missing.jsonl", "--data", "d"], "missing.jsonl"),
    (["import", SAMPLES, "--data", "d", "--assignments", "no/such/dir/out"], "no/such/dir/out"),
    (["import", SAMPLES, "--data", "d", "--config", "missing.ini"], "missing.ini"),
    (["serve", "--data", "d", "--config", "missing.ini"], "missing.ini"),
    (["serve", "--data", "/proc/no/such"], "/proc/no/such"),
    (["project", "create", "p", "--data", "/proc/no/such"], "/proc/no/such"),
    (["bench", "group", "missing.jsonl"], "missing.jsonl"),
    (["bench", "group", SAMPLES, "--warm", "1000"], "1000"),
    (["bench", "ingest", "http://127.0.0.1:1", SAMPLES], "127.0.0.1:1"),
]


@pytest.mark.parametrize("args,part", FAILURES, ids=lambda x: " ".join(map(str, x))[:60])
def test_failure(args, part, tmp_path):
    done = crumple(*args, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert part in done.stderr
    assert done.stdout == ""


# serve


def test_config_error_names_the_line(tmp_path):
    config = tmp_path / "c.ini"
    config.write_text("[server]\ndata = x\n[limits]\nbody_bites = 5\n")
    done = crumple("serve", "--config", config)
    assert done.returncode == 2
    assert "line 4" in done.stderr and "body_bites" in done.stderr


def test_sample_config_works(make_server):
    server = make_server(config=(ROOT / "crumple.sample.ini").read_text())
    server.post("/reports", report(1))


def test_second_server_is_refused(server):
    done = crumple("serve", "--data", server.directory / "data", "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert str(server.process.pid) in done.stderr
    done = crumple("import", SAMPLES, "--data", server.directory / "data")
    assert done.returncode == 1
    assert str(server.process.pid) in done.stderr
    assert server.is_healthy()


def test_taken_port(server, tmp_path):
    done = crumple("serve", "--data", tmp_path, "--listen", f"127.0.0.1:{server.port}")
    assert done.returncode == 1
    assert str(server.port) in done.stderr


def test_interrupt_ends_it_too(make_server):
    server = make_server()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(timeout=60) == 0
    server.process = None


def test_several_listeners(tmp_path):
    """Also on all addresses: then clients need a token (tests/http)."""
    process = subprocess.Popen([str(BINARY), "serve", "--data", str(tmp_path), "--listen",
                                "127.0.0.1:0", "--listen", "http://127.0.0.2:0", "--listen",
                                "0.0.0.0:0"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        for host in ("127.0.0.1", "127.0.0.2", "0.0.0.0"):
            line = process.stdout.readline()
            assert line.startswith(f"listening on http://{host}:"), line
            with socket.create_connection((host, int(line.rsplit(":", 1)[1])), timeout=10):
                pass
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0


def test_project_is_seen_at_once(server):
    data = server.directory / "data"
    assert crumple("project", "create", "Quite New", "--data", data).returncode == 0
    assert "Quite New" in [p["name"] for p in server.get("/").json()["projects"]]
    done = crumple("project", "create", "Quite New", "--data", data)
    assert done.returncode == 1
    assert "Quite New" in done.stderr


# import


def rows(path):
    return [line.split("\t") for line in path.read_text().splitlines()]


def test_import_round_trip(tmp_path, make_server):
    """Imported and posted reports get the same buckets, and a second import finds them all."""
    out, data = tmp_path / "out.tsv", tmp_path / "data"
    done = crumple("import", SAMPLES, "--data", data, "--assignments", out, "--scores")
    assert done.returncode == 0, done.stderr
    assert "125 reports stored, 0 were there already, 0 lines were bad" in done.stderr

    server = make_server()
    with open(SAMPLES, encoding="utf-8") as lines:
        for line, row in zip(lines, rows(out), strict=True):
            posted = server.post("/reports", line).json()
            match = posted["buckets"]["top_match"]
            assert row[:3] == [posted["database_id"], posted["buckets"]["4.0"]["id"],
                               match["report_id"] if match else ""]
            assert bool(row[3]) == bool(match)

    again = tmp_path / "again.tsv"
    done = crumple("import", SAMPLES, "--data", data, "--assignments", again, "--scores")
    assert done.returncode == 0, done.stderr
    assert "0 reports stored, 125 were there already" in done.stderr
    assert rows(again) == rows(out)


def test_samples_make_sense(tmp_path):
    """The samples show what grouping is for: a bucket holds one bug, and a bug has one bucket."""
    out = tmp_path / "out.tsv"
    assert crumple("import", SAMPLES, "--data", tmp_path / "d", "--assignments", out).returncode == 0
    reports = [json.loads(line) for line in SAMPLES.read_text().splitlines()]
    titles = {}
    for item, row in zip(reports, rows(out), strict=True):
        titles.setdefault(row[1], []).append(item["Title"].split()[-1])
    assert 20 <= len(titles) <= 40
    pure = sum(len(set(t)) == 1 for t in titles.values())
    assert pure >= len(titles) - 4


def test_threshold_and_columns(tmp_path):
    source = write_lines(tmp_path / "in.jsonl", [report(n) for n in range(20)])
    out = tmp_path / "out.tsv"
    assert crumple("import", source, "--data", tmp_path / "d", "--assignments", out,
                   "--threshold", "11").returncode == 0
    assert [row[0] for row in rows(out)] == [f"r{n}" for n in range(20)]
    assert all(len(row) == 2 for row in rows(out))
    assert rows(out)[0] == ["r0", "r0"]


def test_bad_lines_are_named_and_left_out(tmp_path):
    lines = [report(1), "{broken", "", report(2), report(1, extra="other"), report(1),
             {"project": "P"}, [report(3), report(4)], report(5, project="Q"), report(6)]
    source = write_lines(tmp_path / "in.jsonl", lines)
    out = tmp_path / "out.tsv"
    done = crumple("import", source, "--data", tmp_path / "d", "--project", "P",
                   "--assignments", out)
    assert done.returncode == 1
    named = [line.split(":")[0] for line in done.stderr.splitlines()[:-1]]
    assert named == ["line 2", "line 5", "line 7", "line 9"]
    assert "line 2: column 2: " in done.stderr
    assert "5 reports stored, 1 were there already, 4 lines were bad" in done.stderr
    assert [row[0] for row in rows(out)] == ["r1", "r2", "r1", "r3", "r4", "r6"]


def test_many_bad_lines_are_counted(tmp_path):
    source = write_lines(tmp_path / "in.jsonl", ["x"] * 100 + [report(1)])
    done = crumple("import", source, "--data", tmp_path / "d")
    assert done.returncode == 1
    assert sum(line.startswith("line ") for line in done.stderr.splitlines()) == 20
    assert "1 reports stored, 0 were there already, 100 lines were bad" in done.stderr


def test_long_lines(tmp_path):
    source = write_lines(tmp_path / "in.jsonl",
                         [report(1, big="x" * 5_000_000), "x" * (64 * 1024 * 1024 + 1), report(2)])
    done = crumple("import", source, "--data", tmp_path / "d")
    assert done.returncode == 1
    assert "line 2: longer than 67108864 bytes" in done.stderr
    assert "2 reports stored" in done.stderr


def test_standard_input_and_plain_progress(tmp_path):
    process = subprocess.Popen([str(BINARY), "import", "-", "--data", str(tmp_path / "d")],
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 5
    sent = 0
    while time.monotonic() < end:
        process.stdin.write(json.dumps(report(sent)) + "\n")
        process.stdin.flush()
        sent += 1
        time.sleep(0.01)
    process.stdin.close()
    text = process.stderr.read()
    assert process.wait(timeout=60) == 0
    lines = text.splitlines()
    assert 2 <= len(lines) <= 5, text
    assert all(" reports, " in line and line.endswith("/s") for line in lines[:-1])
    assert f"{sent} reports stored" in lines[-1]
    assert "\r" not in text


def test_progress_bar_on_a_terminal(tmp_path):
    """A pipe has no bar, so a regular file that takes a while; no need to wait for its end."""
    lines = [json.dumps(report(n, text=f"some words {n * 7919}")) for n in range(20000)]
    source = write_lines(tmp_path / "in.jsonl", lines)
    leader, follower = os.openpty()
    process = subprocess.Popen([str(BINARY), "import", str(source), "--data", str(tmp_path / "d"),
                                "--similarity", "classic"], stderr=follower)
    os.close(follower)
    text = b""
    while not re.search(rb"\r\x1b\[K\[=*> *\] +\d+ %, \d+ reports, \d+/s, \d+:\d\d left", text):
        try:
            text += os.read(leader, 65536)
        except OSError:  # it ended
            pytest.fail(repr(text))
    process.kill()
    process.wait()
    os.close(leader)


# bench


def test_bench_group():
    done = crumple("bench", "group", SAMPLES, "--warm", 25)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(done.stdout.splitlines()) == 1
    assert (result["reports"], result["warm"]) == (125, 25)
    for key in ("reports_per_second", "reports_per_cpu_second", "median_us", "p99_us", "median_cpu_us",
                "p99_cpu_us", "bytes_per_report", "rss_bytes"):
        assert result[key] > 0, key
    assert result["postings_touched"] >= 0 and result["candidates_checked"] >= 0
    assert result["median_us"] <= result["p99_us"]


def test_bench_group_stops_early():
    done = crumple("bench", "group", SAMPLES, "--warm", 25, "--measure", 50)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["reports"] == 75


@pytest.mark.parametrize("size", [0, 10])
def test_bench_ingest(server, size):
    done = crumple("bench", "ingest", server.url, SAMPLES, "--connections", 4,
                   *(["--list", size] if size else []))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["reports"], result["errors"]) == (125, 0)
    assert result["requests"] == (13 if size else 125)
    assert result["reports_per_second"] > 0
    assert 0 < result["median_ms"] <= result["p99_ms"]
    assert len(server.get("/search?size=1000").json()) == 125


def test_bench_ingest_counts_errors(server, tmp_path):
    lines = [report(1), {"project": "P"}, report(2)]
    source = write_lines(tmp_path / "in.jsonl", lines)
    done = crumple("bench", "ingest", server.url + "/P/", source, "--connections", 1)
    assert done.returncode == 1
    assert "status 400" in done.stderr and "no_database_id" in done.stderr
    assert json.loads(done.stdout)["errors"] == 1
