"""Rules of retention as `morgue retention` sets them: what goes, what stays, after a restart, too;
objects of deleted projects; large files that go while the server runs."""

import hashlib
import json
import threading
import time

import pytest

from policies import CONFIG, Operator, age, more_than, rule, wait_until

LARGE = 100_000  # bytes: a file


@pytest.fixture
def operator(make_server):
    return Operator(make_server(config=CONFIG))


def content(seed):
    return hashlib.shake_128(str(seed).encode()).digest(LARGE)


def test_older_than(operator):
    old = [operator.crash(f"f{i}", "main") for i in range(3)]
    time.sleep(4)
    young = operator.crash("f9", "main")
    operator.retention_set(rule(age(4)))
    wait_until(lambda: operator.all() == [young])
    for gone in old:
        operator.get("demo", gone, status=404)
    operator.get("demo", young)
    operator.retention_set()  # as `retention clear` does
    time.sleep(4)
    assert operator.all() == [young]
    operator.server.restart()
    assert operator.all() == [young]
    operator.retention_set(rule(age(1)))
    wait_until(lambda: operator.all() == [])


def test_range(operator):
    """What is too old for the range stays."""
    kept = operator.crash()
    time.sleep(6)
    gone = operator.crash()
    operator.retention_set(rule(age(1, end=3)))
    wait_until(lambda: gone not in operator.all())
    assert operator.all() == [kept]


def test_newest_of_each_fingerprint(operator):
    first = [operator.crash("a", "main") for _ in range(5)]
    second = [operator.crash("b", "main") for _ in range(2)]
    operator.retention_set(rule(more_than(2)))
    wait_until(lambda: operator.all() == first[3:] + second)
    third = operator.crash("b", "main")
    wait_until(lambda: operator.all() == first[3:] + second[1:] + [third])
    operator.server.restart()
    assert operator.all() == first[3:] + second[1:] + [third]


def test_subsets(operator):
    ids = [operator.crash(hostname=f"h{i}") for i in range(3)]
    operator.retention_set(rule(more_than(1), subsets=["physical"]))
    wait_until(lambda: operator.emptied() == ids[:2])
    for _ in range(2):
        assert operator.all() == ids
        assert operator.ids("demo", {"hostname": [["equal", "h0"]]}) == ids[:1]
        assert operator.ids("demo", {"_deleted": [["equal", "0"]]}) == ids[2:]
        operator.get("demo", ids[0], status=404)
        operator.get("demo", ids[2])
        operator.server.restart()
    operator.retention_set(rule(age(0), subsets=["crdb"]))  # only of what is emptied
    wait_until(lambda: operator.all() == ids[2:])


def test_compress(operator):
    text = "all work and no play " * 10000
    large = operator.crash()
    operator.attachment_add("demo", large, "log.txt", text)
    assert len(operator.files()) == 1
    operator.retention_set(rule(age(1), compress=True))
    wait_until(lambda: operator.files()[0].endswith(".zst"))
    for _ in range(2):
        assert operator.get("demo", large, attachment_name="log.txt").text == text
        operator.server.restart()
    # The same content once more has a file of its own, until that object is old, too.
    other = operator.crash()
    operator.attachment_add("demo", other, "log.txt", text)
    wait_until(lambda: len(operator.files()) == 1)
    assert operator.get("demo", other, attachment_name="log.txt").text == text


def test_the_nearest_rules_count(operator):
    assert operator.project_create("free")["text"] == "success"
    kept = operator.crash(project="free")
    gone = operator.crash()
    operator.configure("project_retention", {"project": operator.pid("free")}, rules="[]")
    operator.configure("universe_retention", {"universe": operator.config["universe"]["id"]},
                       rules=json.dumps([rule(age(0))]))
    wait_until(lambda: gone not in operator.all())
    time.sleep(1.5)
    assert operator.all("free") == [kept]


def test_status(operator):
    assert operator.control("rpstatus", universe=operator.universe, project="demo") == {
        "state": "not installed", "rules": []}
    operator.retention_set(rule(age(3600), more_than(7)), rule(age(100, end=200), compress=True),
                           rule(age(86400), subsets=["physical"]))
    rules = [
        {"criteria": [{"type": "object-age", "op": "at-least", "value": 3600},
                      {"type": "fingerprint-count", "op": "more-than", "value": 7}],
         "actions": [{"type": "delete-all"}]},
        {"criteria": [{"type": "object-age", "op": "range", "value": 100, "value_end": 200}],
         "actions": [{"type": "compress"}]},
        {"criteria": [{"type": "object-age", "op": "at-least", "value": 86400}],
         "actions": [{"type": "delete-all", "subsets": ["physical"]}]}]
    demo = {"state": "enabled", "rules": rules}
    assert operator.control("rpstatus", universe=operator.universe, project="demo") == demo
    assert operator.control("rpstatus", universe=operator.universe)["children"] == {"demo": demo}
    told = operator.control("rpstatus", recursive=True)
    assert told["children"][operator.universe]["children"] == {"demo": demo}
    operator.send("POST", "/api/control", body={"action": "rpstatus", "token": "0" * 64}, status=403)
    operator.send("POST", "/api/control", body={"action": "rpstatus", "token": operator.token,
                                                "project": "nothing"}, status=404)


# Files.

def test_files_go(operator):
    """Those that no object has any more, while the server runs."""
    one, two, three = operator.crash(), operator.crash(), operator.crash()
    for object_id, name, seed in ((one, "own", 1), (one, "shared", 2), (two, "shared", 2),
                                  (three, "detached", 3)):
        operator.attachment_add("demo", object_id, name, content(seed))
    before = operator.files()
    assert len(before) == 3
    operator.delete("demo", objects=[one])
    wait_until(lambda: len(operator.files()) == 2)
    operator.delete("demo", objects=[{"id": three, "attachment_name": "detached"}])
    wait_until(lambda: len(operator.files()) == 1)
    assert operator.get("demo", two, attachment_name="shared").content == content(2)
    time.sleep(2.5)
    assert len(operator.files()) == 1
    operator.delete("demo", objects=[two], subsets=["physical"])
    wait_until(lambda: operator.files() == [])
    # And what is gone may come again.
    operator.attachment_add("demo", three, "again", content(2))
    assert operator.get("demo", three, attachment_name="again").content == content(2)
    operator.server.restart()
    assert operator.get("demo", three, attachment_name="again").content == content(2)


def test_the_same_content_meanwhile(operator):
    """Senders of contents, some of which others have, too, and removal all the time: what is stored
    has its file."""
    end = time.time() + 8
    wrong = []

    def send(seed):
        other = Operator.__new__(Operator)
        other.server, other.config = operator.server, operator.config
        i = 0
        while time.time() < end:
            data = content(i % 3 if i % 2 else (seed, i))
            i += 1
            object_id = other.crash("f", "main")
            other.attachment_add("demo", object_id, "data", data)
            time.sleep(0.02 * (i % 5))
            if other.get("demo", object_id, attachment_name="data").content != data:
                wrong.append(object_id)
            other.delete("demo", objects=[object_id])

    threads = [threading.Thread(target=send, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and "files_removed" in operator.server.log()
    assert operator.all() == []
    wait_until(lambda: operator.files() == [])
