"""`crumple bench ingest` with the URLs that Backtrace clients submit to."""

import json
import subprocess

import pytest

from conftest import BINARY
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
