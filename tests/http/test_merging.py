"""Fingerprints that are merged and parted again, and issues: by POST /api/query and /api/issue."""

import json

import pytest

from errors import error, object_of

A, B, C = ["parse_header", "load", "main"], ["sort", "compare", "main"], ["draw", "paint", "main"]
NOBODY = "ab" * 32


class Shop:
    def __init__(self, server):
        self.server = server
        self.writer = server.token("error:post", "sync:post")
        self.reader = server.token("object:get", "query:post")

    def told(self, functions=A, attributes=None, token=None, **more):
        return self.server.submit(token or self.writer, error(functions, attributes=attributes), params={
            "_mod_sync": "1"}, **more)

    def submit(self, functions=A, attributes=None):
        return self.told(functions, attributes)["fingerprint"]

    def query(self, status=200, **body):
        return self.server.post("/api/query", body, status, params={"token": self.reader}).json()

    def action(self, what, *fingerprints, status=200):
        return self.query(status, actions={"fingerprint": [{"type": what, "arguments": list(fingerprints)}]})

    def groups(self, column="fingerprint", **more):
        values = self.query(group=[column], **more)["response"]["values"]
        return {v[0]: v[-1] for v in values}

    def issue(self, *fingerprints, status=200, **more):
        told = self.server.post("/api/issue", {"fingerprint": list(fingerprints), "project": "cts", **more},
                                status, params={"token": self.reader}).json()
        return told["results"] if status == 200 else told["error"]

    def states(self):
        told = self.query(table="issues", select=["fingerprint", "state"])["response"]["values"]
        columns = [[v for v, n in column[1:] for _ in range(n)] for column in told]
        return dict(zip(*columns))


@pytest.fixture
def shop(make_server):
    return Shop(make_server())


def restarts(shop):
    yield
    shop.server.restart()
    yield


def the_group(shop, *others):
    (group,) = set(shop.groups()) - set(others)
    assert group.startswith("0" * 48) and len(group) == 64 and group.strip("0")
    return group


def test_merge_and_part(shop):
    a, b, c = shop.submit(A), shop.submit(B), shop.submit(C)
    shop.submit(A)
    assert shop.groups() == {a: 2, b: 1, c: 1}
    assert shop.action("merge", a, b)["response"]["result"] == "success"
    group = the_group(shop, c)
    for _ in restarts(shop):
        assert shop.groups() == {group: 3, c: 1}
        assert shop.groups("fingerprint;original") == {a: 2, b: 1, c: 1}
        assert shop.states() == {group: "open", c: "open"}
    # New objects of a member are of the group, and are told so.
    told = shop.told(A)
    assert (told["fingerprint"], told["unique"]) == (group, False)
    assert shop.server.upload_of(shop.reader, told["_rxid"])["fingerprint"] == group
    assert shop.groups() == {group: 4, c: 1}
    # A merge of merges.
    shop.action("merge", group, c)
    larger = the_group(shop)
    assert larger != group
    assert shop.groups() == {larger: 5} and shop.states() == {larger: "open"}
    for _ in restarts(shop):
        assert shop.groups() == {larger: 5}
    shop.action("unmerge", larger)
    assert shop.groups() == {group: 4, c: 1}
    shop.action("unmerge", a)  # a group of one is none
    for _ in restarts(shop):
        assert shop.groups() == {a: 3, b: 1, c: 1}
        assert shop.states() == {a: "open", b: "open", c: "open"}
    shop.action("merge", b, a)
    assert shop.groups() == {group: 4, c: 1}  # the same members, the same group


def test_a_member_leaves(shop):
    a, b, c = shop.submit(A), shop.submit(B), shop.submit(C)
    shop.action("merge", a, b, c)
    group = the_group(shop)
    shop.action("unmerge", b)
    for _ in restarts(shop):
        assert shop.groups() == {group: 2, b: 1}
    shop.action("merge", a, c)  # one already
    assert shop.groups() == {group: 2, b: 1}
    shop.action("unmerge", NOBODY)
    assert shop.groups() == {group: 2, b: 1}


def test_members_stand_for_their_groups(shop):
    a, b, c = shop.submit(A), shop.submit(B), shop.submit(C)
    shop.action("merge", a, b)
    inner = the_group(shop, c)
    shop.action("merge", a, c)
    outer = the_group(shop)
    shop.action("unmerge", inner)  # leaves the outer one, which is none then
    assert shop.groups() == {inner: 2, c: 1} and outer not in shop.groups()


@pytest.mark.parametrize("arguments", [[NOBODY, "cd" * 32], [NOBODY], ["zz" * 32, NOBODY], ["ab", "cd"]])
def test_refused(shop, arguments):
    a = shop.submit(A)
    answer = shop.server.request("POST", "/api/query", params={"token": shop.reader}, json={
        "actions": {"fingerprint": [{"type": "merge", "arguments": arguments}]}})
    assert answer.json()["error"]["message"]
    assert shop.groups() == {a: 1}


def test_submission_buckets_count_the_group(shop):
    metadata = {"buckets": {"b": {"attributes": ["fingerprint"], "set": {}}}}
    token = shop.server.token("error:post", "sync:post", metadata=metadata)
    first = shop.told(A, token=token)
    bucket = first["buckets"]["b"]["token"]
    shop.told(B)
    assert shop.told(A, token=token, headers={"X-Submission-Bucket": bucket})["buckets"]["b"]["count"] == 0
    assert shop.told(A, token=token)["buckets"]["b"]["count"] == 1
    shop.action("merge", first["fingerprint"], shop.submit(B))
    assert shop.told(A, token=token)["buckets"]["b"]["count"] == 0
    assert shop.told(B, token=token, headers={"X-Submission-Bucket": bucket})["buckets"]["b"]["count"] == 0
    assert shop.told(A, token=token)["buckets"]["b"]["count"] == 1
    shop.server.submit(token, b"log", path="/api/post", params={
        "token": token, "object": object_of(first["_rxid"]), "attachment_name": "log"},
        headers={"X-Submission-Bucket": bucket})
    assert shop.told(B, token=token)["buckets"]["b"]["count"] == 2


def test_delete_by_query(shop):
    a, b = shop.submit(A), shop.submit(B)
    shop.submit(A, {"colour": "red"})
    told = shop.server.post("/api/delete", {"project": "cts", "sync": True, "query": {
        "filter": [{"colour": [["equal", "red"]]}], "virtual_columns": [], "select": ["object"]}}, 200,
        params={"token": shop.reader}).json()
    assert told == {"response": "ok", "deleted": 1}
    for _ in restarts(shop):
        assert shop.groups() == {a: 1, b: 1}
    every = {"filter": [{}]}
    for bad in ({"filter": [{"x": [["no", 1]]}]}, {"filter": 1}, 7, [], {}, {"filter": []},
                {"filter": None}, {"filters": [{"n": [["equal", 1]]}]}, {**every, "limit": 1},
                {**every, "offset": 1}):
        shop.server.post("/api/delete", {"query": bad}, 400, params={"token": shop.reader})
    assert shop.groups() == {a: 1, b: 1}
    told = shop.server.post("/api/delete", {"query": every}, 200, params={"token": shop.reader}).json()
    assert told["deleted"] == 2 and shop.groups() == {}


def test_set_needs_a_filter(shop):
    a = shop.submit(A, {"reason": "x"})
    for more in ({}, {"filter": []}, {"filters": [{"reason": [["equal", "y"]]}]},
                 {"filter": [{}], "limit": 1}, {"filter": [{}], "offset": 1}):
        shop.query(400, set={"reason": "oom"}, **more)
        shop.query(400, table="issues", set={"tags": "oom"}, **more)
    assert shop.groups("reason") == {"x": 1}
    shop.query(filter=[{}], set={"reason": "oom"})
    assert shop.groups("reason") == {"oom": 1}
    assert a in shop.groups()


@pytest.mark.parametrize("second", [{"type": "join", "arguments": [NOBODY]}, {"type": "merge"},
                                    {"type": "merge", "arguments": ["ab"]}, 7])
def test_all_actions_are_checked_first(shop, second):
    a, b = shop.submit(A), shop.submit(B)
    first = {"type": "merge", "arguments": [a, b]}
    shop.query(400, actions={"fingerprint": [first, second]})
    assert shop.groups() == {a: 1, b: 1}
    shop.query(400, actions={"fingerprint": [first] * 1001})
    assert shop.groups() == {a: 1, b: 1}
    shop.query(200, actions={"fingerprint": [first, {"type": "unmerge", "arguments": [a, b]}, first]})
    assert list(shop.groups().values()) == [2]


@pytest.mark.parametrize("path", ["/api/delete", "/api/issue"])
def test_tokens_are_looked_at_before_the_body(shop, path):
    bad, foreign = {"token": "f" * 64}, {"token": shop.writer}
    for token in (bad, foreign):
        shop.server.post(path, b"{", 403, params=token)
    answer = shop.server.request("POST", path, data=b"{", headers={"X-Coroner-Token": "f" * 64})
    assert answer.status_code == 403
    shop.server.post(path, b"{", 400, params={"token": shop.reader})
    shop.server.post(path, b"{", 400)  # it may stand in the body
    a = shop.submit(A)
    body = {"objects": ["ff"], "fingerprint": [a], "project": "cts"}
    shop.server.post(path, {**body, "token": shop.reader}, 200)
    shop.server.post(path, {**body, "token": "f" * 64}, 403)
    answer = shop.server.request("POST", path, json=body, headers={"X-Coroner-Token": shop.reader})
    assert answer.status_code == 200


def test_row_stays_without_bytes(shop):
    from crashes import report
    a = shop.submit(A, {"colour": "red", "n": 7})
    shop.server.post("/cts/reports", report("lp:1", ["x", "y"], colour="green", n="7"))
    row = ["colour", "n", "timestamp", "fingerprint", "callstack", "object.size"]
    before = shop.query(select=row)["response"]["values"]
    told = shop.server.post("/api/delete", {"objects": ["1", "2"], "subsets": ["physical"]}, 200,
                            params={"token": shop.reader}).json()
    assert told["deleted"] == 2
    for _ in restarts(shop):
        assert shop.query(select=row)["response"]["values"] == before
    shop.server.post("/api/delete", {"objects": ["1", "2"], "subsets": ["crdb"]}, 200,
                     params={"token": shop.reader})
    for _ in restarts(shop):
        assert shop.groups() == {}
    assert a


# Issues.

def test_states(shop):
    a, b = shop.submit(A), shop.submit(B)
    assert shop.states() == {a: "open", b: "open"}
    (told,) = shop.issue(a, state="resolved", tags={"action": "set", "value": "x y"})
    assert (told["fingerprint"], told["state"], told["tags"]) == (a, "resolved", "x y")
    assert told["invariant_reopen_count"] == 0 and told["ticket"] is None and told["id"] > 0
    for _ in restarts(shop):
        assert shop.states() == {a: "resolved", b: "open"}
        assert shop.groups("fingerprint;issues;state") == {"resolved": 1, "open": 1}
    assert shop.query(table="issues", filter=[{"fingerprint": [["equal", b]]}],
                      set={"tags": "morgue"})["response"]["result"] == "success"
    assert shop.issue(b)[0]["tags"] == "morgue"
    assert shop.issue(NOBODY) == [{"fingerprint": NOBODY, "error": "no object has this fingerprint"}]


def test_tickets(shop):
    a = shop.submit(A)
    ticket = [{"watcher": "_backtrace", "assignees": [{"id": 1, "username": "ann"}]}]
    (told,) = shop.issue(a, ticket={"action": "set", "assignee": "set", "value": ticket})
    assert told["state"] == "in-progress" and "ann" in told["ticket"]
    (told,) = shop.issue(a, ticket={"action": "set", "value": []})
    assert told["state"] == "open"


@pytest.mark.parametrize("body", [
    {"state": "done"}, {"state": 1}, {"tags": "x"}, {"tags": {"action": "add", "value": "x"}},
    {"ticket": {"action": "set", "value": "{"}},
    {"invariants": {"action": "set", "value": [{"type": "x"}]}},
    {"invariants": {"action": "set", "value": [{"type": "version_gt", "field": "version"}]}},
    {"invariants": {"action": "set", "value": [{"type": "regular_expression", "field": "a", "pattern": "("}]}},
    {"invariants": {"action": "set", "value": [{"type": "and", "children": [{"type": "and", "children": []}]}]}},
])
def test_issues_refused(shop, body):
    a = shop.submit(A)
    assert shop.issue(a, status=400, **body)["message"]
    assert shop.states() == {a: "open"}


@pytest.mark.parametrize("invariant,same,violates", [
    ({"type": "version_gt", "field": "version", "version": "1.9"}, {"version": "1.9"}, {"version": "1.10"}),
    ({"type": "version_ge", "field": "version", "version": "2.0"}, {"version": "2.0-rc.1"}, {"version": "2"}),
    ({"type": "timestamp_gt", "timestamp": 1478200442}, {}, {"timestamp": 1478200443}),
    ({"type": "regular_expression", "field": "hostname", "pattern": "^web\\d"}, {"hostname": "db1"},
     {"hostname": "web1"}),
    ({"type": "and", "children": [{"type": "version_gt", "field": "version", "version": "1"},
                                  {"type": "regular_expression", "field": "n", "pattern": "7"}]},
     {"version": "2", "n": 6}, {"version": "2", "n": 77}),
])
def test_reopened(shop, invariant, same, violates):
    a = shop.submit(A)
    shop.issue(a, state="resolved", invariants={"action": "set", "value": [invariant]})

    def send(attributes):
        stamp = attributes.pop("timestamp", 1478200442)
        shop.server.submit(shop.writer, error(A, attributes=attributes, timestamp=stamp),
                           params={"_mod_sync": "1"})

    send(dict(same))
    assert shop.issue(a)[0]["state"] == "resolved"
    send(dict(violates))
    for _ in restarts(shop):
        (told,) = shop.issue(a)
        assert (told["state"], told["invariant_reopen_count"]) == ("open", 1)
        assert told["invariant_reopen_last_time"] > 1478200442
    shop.issue(a, state="resolved")
    send(dict(violates))
    assert shop.issue(a)[0]["invariant_reopen_count"] == 2


def test_a_parted_group_is_no_fingerprint(shop):
    a, b, c = shop.submit(A), shop.submit(B), shop.submit(C)
    shop.action("merge", a, b)
    group = the_group(shop, c)
    shop.action("unmerge", group)
    for _ in restarts(shop):
        shop.action("merge", group, c, status=404)
        assert shop.groups() == {a: 1, b: 1, c: 1}


def test_issues_stay_when_their_objects_go(shop):
    a, b, c = shop.submit(A), shop.submit(B), shop.submit(C)
    shop.issue(a, state="muted")
    shop.action("merge", b, c)
    group = the_group(shop, a)
    want = {a: "muted", group: "open"}
    assert shop.states() == want
    everything = {"project": "cts", "query": {"filter": [{"fingerprint": [["is-set"]]}]}}
    told = shop.server.post("/api/delete", everything, 200, params={"token": shop.reader}).json()
    assert told["deleted"] == 3
    for _ in restarts(shop):
        assert shop.groups() == {} and shop.states() == want
    shop.action("unmerge", group)
    for _ in restarts(shop):
        assert shop.states() == {a: "muted", b: "open", c: "open"}
    assert shop.submit(A) == a and shop.states()[a] == "muted"


def test_the_longest_that_can_be_said(shop):
    a = shop.submit(A)
    said = {"tags": "\x01" * 65536, "blame": "\x02" * 65536, "ticket": json.dumps(['"' * 32760]),
            "invariants": json.dumps([{"type": "regular_expression", "field": '"' * 1000, "pattern": "x"}] * 30)}
    assert all(len(text) <= 65536 for text in said.values())
    told = shop.query(table="issues", filter=[{"fingerprint": [["equal", a]]}], set=said)
    assert told["response"]["result"] == "success"
    for _ in restarts(shop):
        (issue,) = shop.issue(a)
        assert {name: issue[name] for name in said} == said
