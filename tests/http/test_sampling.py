"""Sampling as `morgue sampling` configures it: of what comes again and again a few keep their bytes;
status and reset."""

import time

import pytest

from policies import CONFIG, Operator, wait_until


@pytest.fixture
def operator(make_server):
    return Operator(make_server(config=CONFIG))


def status(operator, **more):
    """{project: its backoffs, or None}, of the one universe; as morgue reads it."""
    [universe] = operator.sampling("status", **more)["universes"]
    assert universe["name"] == operator.universe
    told = {}
    for project in universe["projects"]:
        told[project["name"]] = backoffs = project.get("backoffs")
        if backoffs:
            assert {"reset_interval", "backoffs", "groups"} <= set(backoffs)
            for group in backoffs["groups"]:
                assert set(group) == {"id", "count", "last_accept", "last_accept_txid"}
    return told


def test_bytes_go(operator):
    assert status(operator) == {"demo": None}
    operator.sampling_set((1, 0), (1, 3600))
    wait_until(lambda: status(operator)["demo"])
    first = [operator.crash("a", "main", hostname="h") for _ in range(4)]
    second = operator.crash("b", "main")
    wait_until(lambda: operator.emptied() == first[1:])
    for _ in range(2):
        assert operator.all() == first + [second]  # all are counted
        assert operator.ids("demo", {"hostname": [["equal", "h"]]}) == first
        assert operator.emptied() == first[1:]
        for object_id in first[1:]:
            operator.get("demo", object_id, status=404)
        for object_id in (first[0], second):
            operator.get("demo", object_id)
        operator.server.restart()


def test_attributes(operator):
    operator.sampling_set((1, 0), object_attributes=["version"])
    wait_until(lambda: status(operator)["demo"])
    ids = [operator.crash(version=v) for v in ("1", "2", "1", "2", "3")]
    wait_until(lambda: operator.emptied() == ids[2:4])


def test_status_and_reset(operator):
    assert operator.project_create("other")["text"] == "success"
    operator.sampling_set((2, 0), reset_interval=7200)
    wait_until(lambda: status(operator)["demo"])
    began = int(time.time())
    ids = [operator.crash("a", "main") for _ in range(3)]
    told = status(operator)
    assert set(told) == {"demo", "other"} and told["other"] is None
    assert told["demo"]["reset_interval"] == 7200
    assert told["demo"]["backoffs"] == [{"count": 2, "interval": 0}]
    [group] = told["demo"]["groups"]
    assert group["count"] == 2 and group["last_accept_txid"] == int(ids[1], 16)
    assert began <= group["last_accept"] <= time.time()
    assert set(status(operator, universe=operator.universe, project="demo")) == {"demo"}
    reset = {"universe": operator.universe, "project": "demo"}
    assert operator.sampling("reset", fingerprints=["abcd"], **reset) == {"status": "ok"}
    assert status(operator)["demo"]["groups"][0]["count"] == 2
    operator.sampling("reset", fingerprints=[group["id"][:8]], **reset)
    assert status(operator)["demo"]["groups"][0]["count"] == 0
    more = [operator.crash("a", "main") for _ in range(2)]
    operator.sampling("reset", **reset)
    last = operator.crash("a", "main")
    wait_until(lambda: operator.emptied() == ids[2:])
    for object_id in more + [last]:
        operator.get("demo", object_id)


def test_disabled(operator):
    operator.sampling_set((1, 0))
    wait_until(lambda: status(operator)["demo"])
    operator.sampling_set((1, 0), disabled=1)
    wait_until(lambda: not status(operator)["demo"])
    ids = [operator.crash() for _ in range(3)]
    time.sleep(1)
    assert operator.all() == ids and operator.emptied() == []


@pytest.mark.parametrize("body,code", [
    ({"action": "clear"}, 400), ({}, 400),
    ({"action": "reset", "fingerprints": "ab"}, 400),
    ({"action": "reset", "fingerprints": [7]}, 400),
    ({"action": "reset", "fingerprints": [""]}, 400),
    ({"action": "status", "project": "nothing"}, 404),
    ({"action": "status", "universe": "nothing", "project": "demo"}, 503),
    ({"action": "status", "token": "0" * 64}, 403),
    ({"action": "status", "token": ""}, 403),
], ids=str)
def test_refused(operator, body, code):
    told = operator.send("POST", "/api/sampling", body={"token": operator.token, **body},
                         status=code).json()
    assert told["error"]["message"]


def test_tokens(operator):
    """A token asks about its project; to change what is counted it must be allowed to."""
    server = operator.server
    assert operator.project_create("other")["text"] == "success"
    reader = server.token("query:post", project="demo")
    writer = server.token("error:post", project="demo")
    told = operator.tell("POST", "/api/sampling", None, {"action": "status", "token": reader})
    assert [p["name"] for p in told["universes"][0]["projects"]] == ["demo"]
    operator.send("POST", "/api/sampling", body={"action": "status", "token": writer}, status=403)
