"""Submission buckets: counters for combinations of attribute values, on a token."""

import concurrent.futures
import http.client
import json
import re
import time

import pytest

from conftest import Server
from errors import MINIDUMP, error, new_name

HEADER = "X-Submission-Bucket"
METADATA = {"buckets": {"cts": {"attributes": ["fingerprint", "uname.sysname"],
                                "set": {"has_advanced_log": "1"}}}}


class Counting:
    """One token with a submission bucket."""

    def __init__(self, server, metadata=METADATA, project="cts", ttl=None):
        if ttl:
            metadata = json.loads(json.dumps(metadata))
            metadata["buckets"]["cts"]["ttl"] = ttl
        self.server, self.project = server, project
        self.token = server.token("error:post", "sync:post", project=project, metadata=metadata)
        self.reader = server.token("object:get", project=project)

    def submit(self, functions, sysname="Linux", use=None, sync=True, **more):
        attributes = {} if sysname is None else {"uname.sysname": sysname}
        return self.server.submit(
            self.token, error(functions, attributes=attributes, **more),
            params={"_mod_sync": "1"} if sync else {}, headers={HEADER: use} if use else {})

    def attach(self, object_id, use, name="log.txt", status=200, token=None):
        return self.server.submit(token or self.token, b"a log", status=status,
                                  headers={HEADER: use} if use else {},
                                  params={"object": object_id, "attachment_name": name})

    def count(self, functions, sysname="Linux"):
        return bucket(self.submit(functions, sysname))["count"]

    def report(self, rxid):
        return self.server.report_of(self.reader, rxid, self.project)


def bucket(told):
    assert set(told) >= {"response", "_rxid", "object", "fingerprint", "unique", "buckets"}
    (name, found), = told["buckets"].items()
    assert name == "cts" and set(found) == {"count", "token"}
    assert re.fullmatch("[0-9a-f]{64}", found["token"])
    assert isinstance(found["count"], int)
    return found


def outcome(told):
    """What became of the X-Submission-Bucket; None when there was none."""
    return told.get("submission_bucket")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("counting")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def counting(server):
    return Counting(server)


@pytest.fixture
def functions():
    """A stack of its own for each test, and so a combination of its own."""
    return [new_name("combination"), "main"]


def test_the_walk(counting, functions):
    """Steps 1 to 3 of the document, and the later answer."""
    first = counting.submit(functions)
    assert bucket(first)["count"] == 0 and first["unique"] is True
    attached = counting.attach(first["object"], bucket(first)["token"], "advanced_logs.txt")
    assert attached["object"] == first["object"] and outcome(attached) == "counted"
    assert str(counting.report(first["_rxid"])["numbers"]["has_advanced_log"]) == "1"
    later = counting.submit(functions)
    assert bucket(later)["count"] == 1 and later["unique"] is False
    assert later["fingerprint"] == first["fingerprint"]
    # Not for others: the later one has no log, other combinations have no count.
    assert "has_advanced_log" not in counting.report(later["_rxid"]).get("numbers", {})
    assert counting.count(functions, "Darwin") == 0
    assert counting.count([new_name("other"), "main"]) == 0


def test_plain_submissions_do_not_count(counting, functions):
    for _ in range(3):
        assert counting.count(functions) == 0
    counting.submit(functions, sync=False)
    assert counting.count(functions) == 0


def test_error_upload_counts_its_own_combination(counting, functions):
    """The count of the answer is the one before it; `set` is applied."""
    token = bucket(counting.submit(functions))["token"]
    told = counting.submit(functions, use=token)
    assert bucket(told)["count"] == 0 and outcome(told) == "counted"
    assert str(counting.report(told["_rxid"])["numbers"]["has_advanced_log"]) == "1"
    assert counting.count(functions) == 1
    # The combination comes from the request that uses it, not from the one that got it.
    elsewhere = [new_name("elsewhere"), "main"]
    assert bucket(counting.submit(elsewhere, use=token))["count"] == 0
    assert counting.count(elsewhere) == 1 and counting.count(functions) == 1


def test_attachment_counts_the_combination_of_its_object(counting, functions):
    token = bucket(counting.submit(functions))["token"]
    other = [new_name("target"), "main"]
    target = counting.submit(other, "Windows")
    counting.attach(target["object"], token)
    assert counting.count(other, "Windows") == 1 and counting.count(functions) == 0
    assert str(counting.report(target["_rxid"])["numbers"]["has_advanced_log"]) == "1"


def test_more_than_once_while_valid(counting, functions):
    told = counting.submit(functions)
    for _ in range(3):
        counting.attach(told["object"], bucket(told)["token"])
    assert counting.count(functions) == 3


def test_asynchronous_upload_counts_when_processed(counting, functions):
    token = bucket(counting.submit(functions))["token"]
    told = counting.submit(functions, use=token, sync=False)
    assert "buckets" not in told
    counting.report(told["_rxid"])  # waits until it is
    assert counting.count(functions) == 1


def test_missing_value_is_a_value(counting, functions):
    told = counting.submit(functions, sysname=None)
    counting.attach(told["object"], bucket(told)["token"])
    assert counting.count(functions, sysname=None) == 1
    for other in ("Linux", "", "null", "unset"):
        assert counting.count(functions, other) == 0


def test_attributes_from_query_and_form_are_in_the_combination(counting, functions):
    told = counting.submit(functions, "Haiku")
    counting.attach(told["object"], bucket(told)["token"])
    again = counting.server.submit(counting.token, error(functions, attributes={"uname.sysname": "x"}),
                                   params={"_mod_sync": "1", "uname.sysname": "Haiku"})
    assert bucket(again)["count"] == 1


@pytest.mark.parametrize("use", ["0" * 64, "nonsense", "", "8a78f6f2" * 8, "x" * 64, "a" * 63, "b" * 65])
def test_bad_header_is_passed_over(counting, functions, use):
    told = counting.submit(functions)
    attached = counting.attach(told["object"], use)
    with_error = counting.submit(functions, use=use)
    if use:
        assert outcome(attached) == outcome(with_error) == "unknown"
    assert "has_advanced_log" not in counting.report(with_error["_rxid"]).get("numbers", {})
    assert "has_advanced_log" not in counting.report(told["_rxid"]).get("numbers", {})
    assert counting.count(functions) == 0
    assert [a["name"] for a in counting.server.attachments(counting.reader, told["object"])] == ["log.txt"]


def test_token_of_another_api_token(server, counting, functions):
    other = Counting(server)  # in the same project
    foreign = bucket(other.submit(functions))["token"]
    told = counting.submit(functions)
    assert outcome(counting.attach(told["object"], foreign)) == "foreign"
    assert outcome(counting.submit(functions, use=foreign)) == "foreign"
    assert counting.count(functions) == 0 and other.count(functions) == 0
    # Counts belong to the API token, too.
    other.attach(told["object"], foreign)
    assert other.count(functions) == 1 and counting.count(functions) == 0


def test_header_for_a_token_without_buckets(server, counting, functions):
    told = counting.submit(functions)
    plain = server.token("error:post", "sync:post")
    counting.attach(told["object"], bucket(told)["token"], token=plain)
    with_error = server.submit(plain, error(functions), params={"_mod_sync": "1"},
                               headers={HEADER: bucket(told)["token"]})
    assert "buckets" not in with_error
    assert counting.count(functions) == 0


def test_it_expires(server):
    counting = Counting(server, ttl=2)
    functions = [new_name("late"), "main"]
    told = counting.submit(functions)
    counting.attach(told["object"], bucket(told)["token"])
    time.sleep(2.1)
    assert outcome(counting.attach(told["object"], bucket(told)["token"])) == "expired"
    assert outcome(counting.submit(functions, use=bucket(told)["token"])) == "expired"
    assert counting.count(functions) == 1
    assert len(server.attachments(counting.reader, told["object"])) == 2


def test_attachment_to_nothing_counts_nothing(counting, functions):
    told = counting.submit(functions)
    counting.attach("ffffff", bucket(told)["token"], status=400)
    assert counting.count(functions) == 0


def test_same_uuid_counts_nothing(counting, functions):
    report = error(functions, attributes={"uname.sysname": "Linux"})
    first = counting.server.submit(counting.token, report, params={"_mod_sync": "1"})
    again = counting.server.submit(counting.token, report, params={"_mod_sync": "1"},
                                   headers={HEADER: bucket(first)["token"]})
    assert again["_rxid"] == first["_rxid"]
    assert counting.count(functions) == 0


def test_no_buckets_in_asynchronous_answers(counting, functions):
    assert set(counting.submit(functions, sync=False)) == {"response", "_rxid"}


def test_formats_without_a_decoder(counting):
    """They have no attributes of their own yet, but those of the request."""
    def dump(use=None):
        return counting.server.submit(
            counting.token, MINIDUMP, format="minidump",
            params={"_mod_sync": "1", "uname.sysname": "Plan9"}, headers={HEADER: use} if use else {})
    first = dump()
    assert bucket(first)["count"] == 0
    counting.attach(first["object"], bucket(first)["token"])
    assert bucket(dump())["count"] == 1


def test_two_clients_race(counting, functions):
    """Nothing is reserved: both see 0."""
    told = [counting.submit(functions) for _ in range(2)]
    assert [bucket(t)["count"] for t in told] == [0, 0]
    for t in told:
        counting.attach(t["object"], bucket(t)["token"])
    assert counting.count(functions) == 2


def test_tokens_differ(counting, functions):
    told = [bucket(counting.submit(functions))["token"] for _ in range(3)]
    time.sleep(0.002)
    told.append(bucket(counting.submit(functions))["token"])
    assert told[-1] not in told[:-1]


# What is refused when the token is made.

REFUSED = [
    ("two buckets", ["error:post", "sync:post"],
     {"buckets": {"a": {"attributes": ["x"]}, "b": {"attributes": ["y"]}}}, "one"),
    ("no sync:post", ["error:post"], METADATA, "sync:post"),
    ("no error:post", ["symbol:post", "sync:post"], METADATA, "error:post"),
    ("no attributes", ["error:post", "sync:post"], {"buckets": {"a": {"set": {}}}}, "attributes"),
    ("attributes of another type", ["error:post", "sync:post"],
     {"buckets": {"a": {"attributes": "x"}}}, "attributes"),
    ("misspelt", ["error:post", "sync:post"],
     {"buckets": {"a": {"attributes": ["x"], "sets": {}}}}, "sets"),
    ("buckets of another type", ["error:post", "sync:post"], {"buckets": ["a"]}, "buckets"),
]


@pytest.mark.parametrize("name,scopes,metadata,word", REFUSED, ids=[r[0] for r in REFUSED])
def test_refused_at_creation(server, name, scopes, metadata, word):
    words = ["token", "create", "--project", "refused", "--metadata", json.dumps(metadata)]
    for scope in scopes:
        words += ["--capability", scope]
    assert word in server.command(*words, status=2)
    assert "refused" not in server.command("project", "list")


def test_metadata_that_is_no_json(server):
    for text in ("{", "[]", "5", '{"buckets":', "{'buckets': {}}"):
        server.command("token", "create", "--project", "refused", "--capability", "error:post",
                       "--metadata", text, status=2)


def test_sync_is_refused_without_its_scope(server):
    token = server.token("error:post")
    server.submit(token, error(), params={"_mod_sync": "1"}, status=403)


# Exactly.


def test_exact_with_64_at_once(counting):
    """Attachments and errors from 64 clients: each use is counted once."""
    stacks = [[new_name("busy"), "main"] for _ in range(4)]
    first = [counting.submit(stack) for stack in stacks]
    port, token = counting.server.port, counting.token

    def client(number):
        stack, told = stacks[number % 4], first[number % 4]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for i in range(6):
            use = {HEADER: bucket(told)["token"]}
            if i % 3 == 0:
                path, body = f"/default/{token}/json?object={told['object']}&attachment_name=a", "x"
            else:
                sync = "?_mod_sync=1" if i % 3 == 1 else ""
                path = f"/default/{token}/json{sync}"
                body = json.dumps(error(stack, attributes={"uname.sysname": "Linux"}))
            connection.request("POST", path, body, use)
            answer = connection.getresponse()
            told_now = json.loads(answer.read())
            assert answer.status == 200, told_now
            last = told_now["_rxid"]
        connection.close()
        return last
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        last = list(pool.map(client, range(64)))
    for rxid in last:
        counting.report(rxid)  # asynchronous ones count when they are processed
    assert [counting.count(stack) for stack in stacks] == [16 * 6] * 4


def test_counts_outlive_a_restart(make_server):
    server = make_server()
    counting = Counting(server)
    functions = ["durable", "main"]
    told = counting.submit(functions)
    counting.attach(told["object"], bucket(told)["token"])
    server.restart()
    # The bucket's token, too: its minute is not over.
    counting.attach(told["object"], bucket(told)["token"])
    again = counting.submit(functions)
    assert bucket(again)["count"] == 2
    assert str(counting.report(told["_rxid"])["numbers"]["has_advanced_log"]) == "1"


def test_set_is_searchable(server):
    """Whether it is set by an error upload or later, by an attachment."""
    word = new_name("Marked")
    counting = Counting(server, {"buckets": {"cts": {"attributes": ["fingerprint"],
                                                     "set": {"log": word, "note": "words here"}}}})
    functions = [new_name("searched"), "main"]
    first = counting.submit(functions)

    def found():
        hits = server.get("/cts/search", params={"q": f"log:{word}", "since": "2000-01-01"}).json()
        return {hit["database_id"] for hit in hits}
    assert found() == set()
    counting.attach(first["object"], bucket(first)["token"])
    assert found() == {first["_rxid"]}
    second = counting.submit(functions, use=bucket(first)["token"])
    assert found() == {first["_rxid"], second["_rxid"]}
    assert counting.report(first["_rxid"])["note"] == "words here"
    server.restart()
    assert found() == {first["_rxid"], second["_rxid"]}


def test_many_long_values(server):
    """Combinations have no size that would stop an upload."""
    names = [f"a{i}" for i in range(32)]
    token = server.token("error:post", "sync:post",
                         metadata={"buckets": {"long": {"attributes": names}}})
    report = error(["long"])
    report["attributes"] = {name: "\x01" * 65536 for name in names}
    told = server.submit(token, report, params={"_mod_sync": "1"})
    assert told["buckets"]["long"]["count"] == 0 and "errors" not in told
    used = {"X-Submission-Bucket": told["buckets"]["long"]["token"]}
    del report["uuid"]
    assert server.submit(token, report, params={"_mod_sync": "1"}, headers=used)["buckets"]["long"]["count"] == 0
    report["attributes"]["a31"] += "\x02"  # cut off at the limit of an attribute
    report["attributes"]["a30"] = "\x01" * 65535 + "\x02"
    assert server.submit(token, report, params={"_mod_sync": "1"})["buckets"]["long"]["count"] == 0
    report["attributes"]["a30"] = "\x01" * 65536
    assert server.submit(token, report, params={"_mod_sync": "1"})["buckets"]["long"]["count"] == 1
