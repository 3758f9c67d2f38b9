"""What people do with morgue, from the login to the end: the requests as recorded, answers by value."""

import gzip
import json
import subprocess
import time

import pytest

from conftest import BINARY, Server
from errors import error
from morgue import Morgue
from query_model import unpack_rows

PASSWORD = "correct horse"
METADATA = ('{"buckets":{"cts":{"attributes":["fingerprint","uname.sysname"], '
            '"set": { "has_advanced_log" : "1" }}}}')


@pytest.fixture(scope="module")
def morgue(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("morgue")).start()
    done = subprocess.run([BINARY, "user", "create", "admin", "--role", "admin", "--password-file", "-",
                           "--data", server.data], input=PASSWORD, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    m = Morgue(server)
    m.login("admin", PASSWORD)
    for name in ("demo", "cts"):
        assert m.project_create(name)["text"] == "success"
    yield m
    server.stop()


@pytest.fixture(scope="module")
def demo(morgue):
    """Nine errors in the project `demo`: two call stacks, three hosts; ids in order."""
    ids = []
    for i in range(9):
        body = error(functions=["inner", "outer"] if i < 6 else ["lone", "main"],
                     message=f"capture {i % 2}",
                     attributes={"hostname": f"web-{i % 3}", "pid": 100 + i, "uname.sysname": "Linux"},
                     timestamp=int(time.time()) - 100 + i)
        ids.append(morgue.put("demo", json.dumps(body), sync=True)["object"])
    return ids


def test_login(morgue):
    told = morgue.login("admin", PASSWORD)
    assert told["user"]["username"] == "admin"
    morgue.send("POST", "/api/login", body="username=admin&password=wrong", headers={
        "Content-Type": "application/x-www-form-urlencoded"}, status=403)


def test_projects_list(morgue):
    rows = morgue.model()
    assert {"demo", "cts"} <= {row["name"] for row in rows["project"]}
    assert [row["username"] for row in rows["users"]] == ["admin"]
    assert morgue.project_create("demo")["text"] != "success"  # there is one


def test_token_as_in_the_seed(morgue):
    """The step-by-step of the seed on submission buckets, with the token that morgue makes."""
    made = morgue.token_create("cts", "error:post", "sync:post", metadata=METADATA)
    assert made["text"] == "success"
    token = made["result"]["id"]
    assert len(token) == 64 and made["result"]["capabilities"] == "error:post sync:post"
    mine = [row for row in morgue.model()["api_token"] if row["id"] == token]
    assert len(mine) == 1 and json.loads(mine[0]["metadata"]) == json.loads(METADATA)
    server = morgue.server
    told = server.submit(token, error(attributes={"uname.sysname": "Linux"}),
                         params={"_mod_sync": "1"})
    assert told["buckets"]["cts"]["count"] == 0
    server.submit(token, "log", path=f"/api/post?token={token}&object={told['object']}"
                  "&attachment_name=advanced_logs.txt",
                  headers={"X-Submission-Bucket": told["buckets"]["cts"]["token"]})
    told2 = server.submit(token, error(attributes={"uname.sysname": "Linux"}),
                          params={"_mod_sync": "1"})
    assert told2["buckets"]["cts"]["count"] == 1
    [row] = morgue.rows(morgue.list("cts", select=["has_advanced_log"], filter={
        "_tx": [["equal", str(int(told["object"], 16))]], "timestamp": [["is-set"]]}))
    assert row[1] == [1]  # text of a bucket has the type that it looks like
    deleted = morgue.bpg({"action": "delete", "type": "configuration/api_token", "key": {"id": token},
                          "cascade": False, "object": mine[0]})
    assert deleted["results"][0]["text"] == "success"
    server.submit(token, error(), status=403)


def test_list_select(morgue, demo):
    told = morgue.list("demo", select=["timestamp", "callstack", "hostname"], limit=3)
    assert told["response"]["pagination"] == {"limit": 3, "offset": 0}
    assert [c for c, _ in told["response"]["columns"]] == ["timestamp", "callstack", "hostname"]
    assert told["_"]["runtime"]["filter"]["rows"] == 9
    rows = unpack_rows(told["response"])
    assert [f"{i:x}" for i, _ in rows] == demo[:3]
    assert json.loads(rows[0][1][1]) == {"frame": ["inner", "outer"]}
    assert [r[1][2] for r in rows] == ["web-0", "web-1", "web-2"]


def test_list_groups(morgue, demo):
    groups = morgue.groups("demo", group=["fingerprint"], order=[
        {"name": ";count", "ordering": "descending"}], fold={
            "callstack": [["head"]], "classifiers": [["histogram"]], "hostname": [["unique"]]})
    assert [rows for _, rows in groups.values()] == [6, 3]
    first = next(iter(groups.values()))[0]
    assert json.loads(first["head(callstack)"][0])["frame"] == ["inner", "outer"]
    assert first["unique(hostname)"] == [3]
    assert sum(count for _, _, count in first["bin(timestamp)"]) == 6
    low, high = first["range(timestamp)"]
    assert high - low == 5


def test_every_fold(morgue, demo):
    told = morgue.groups("demo", filter={"error.message": [["contains", "capture"]],
                                         "_tx": [["at-least", 1]]}, fold={
        "pid": [["last"], ["first"], ["mean"], ["min"], ["max"], ["sum"], ["bin"], ["range"]],
        "hostname": [["tail"], ["distribution"]], "fingerprint": [["object"], ["count"]]})
    values, rows = told["*"]
    assert rows == 9
    assert values["last(pid)"] == [108] and values["first(pid)"] == [100]
    assert values["mean(pid)"] == [104] and values["sum(pid)"] == [936]
    assert values["range(pid)"] == [100, 108]
    assert values["tail(hostname)"] == ["web-2"]
    [shown] = values["distribution(hostname)"]
    assert shown["keys"] == 3 and sorted(shown["vals"]) == [[f"web-{i}", 3] for i in range(3)]
    assert values["object(fingerprint)"] == [demo[-1]] and values["count(fingerprint)"] == [9]


def test_pages_and_order(morgue, demo):
    told = morgue.list("demo", select=["uname.sysname"], limit=2, offset=1, order=[
        {"name": "_tx", "ordering": "descending"}])
    assert [f"{i:x}" for i, _ in unpack_rows(told["response"])] == [demo[-2], demo[-3]]


def test_select_wildcard(morgue, demo):
    told = morgue.list("demo", select_wildcard={"physical": True}, limit=1)
    names = [name for name, _ in told["response"]["columns"]]
    assert {"hostname", "pid", "fingerprint", "callstack", "timestamp"} <= set(names)
    assert len(unpack_rows(told["response"])) == 1


def test_days(morgue, demo):
    told = morgue.groups("demo", group=["ts.day"], fold={"fingerprint": [["count"]]}, virtual_columns=[
        {"name": "ts.day", "type": "quantize_uint", "quantize_uint": {
            "backing_column": "timestamp", "size": 86400, "offset": -14400}}])
    assert sum(rows for _, rows in told.values()) == 9
    assert all((key - 14400) % 86400 == 0 for key in told)


def test_fingerprint_prefix(morgue, demo):
    groups = morgue.groups("demo", group=["fingerprint"])
    whole = next(iter(groups))
    told = morgue.list("demo", select=["fingerprint"],
                       filter={"fingerprint": [["regular-expression", f"^{whole[:6]}"]]})
    assert {row[1][0] for row in unpack_rows(told["response"])} == {whole}


def test_flamegraph(morgue, demo):
    told = morgue.query("demo", {"filter": [{}], "virtual_columns": [],
                                 "fold": {"callstack": [["histogram"]]}})
    [[key, [stacks], rows]] = told["response"]["values"]
    assert key == "*" and rows == 9 and sorted(n for _, n in stacks) == [3, 6]


def test_describe(morgue, demo):
    told = {a["name"]: a for a in morgue.describe("demo")}
    assert told["hostname"]["type"] == "dictionary" and told["hostname"]["format"] == "hostname"
    assert told["pid"]["type"].startswith("uint") and told["timestamp"]["format"] == "unix_timestamp"
    for a in told.values():
        assert {"description", "custom", "state", "group", "filter", "aggregate"} <= set(a)
        assert isinstance(a["statistics"]["used"], bool)


@pytest.mark.parametrize("project, body, message", [
    ("nosuch", {"select": ["hostname"]}, "no such project 'nosuch'"),
    ("demo", {"select": ["nosuchcolumn"]}, "column not found"),
    ("demo", {"filter": [{"nosuchcolumn": [["equal", "1"]]}], "select": ["hostname"]}, "not found"),
    ("demo", {"filter": [{"hostname": [["regular-expression", "(a"]]}], "select": ["hostname"]}, "filter"),
])
def test_wrong_queries(morgue, demo, project, body, message):
    answer = morgue.server.request("POST", "/api/query", params=morgue.about(project),
                                   data=json.dumps(body))
    told = answer.json()
    assert set(told) == {"error"} and message in told["error"]["message"]


def test_get(morgue, demo):
    sent = morgue.get("demo", demo[0])
    assert sent.json()["threads"]["main"]["stack"][0]["funcName"] == "inner"
    packed = morgue.get("demo", demo[0], resource="json.gz")
    assert packed.json()["mainThread"] == "main" if packed.headers.get("Content-Encoding") else \
        json.loads(gzip.decompress(packed.content))
    morgue.get("demo", "999999", status=404)


def test_attachments(morgue, demo):
    told = morgue.attachment_add("demo", demo[0], "app.log", b"hello log line\n")
    assert told["attachment_name"] == "app.log" and told["object"] == demo[0]
    other = morgue.attachment_add("demo", demo[0], "renamed.json", b'{"x": 1}\n', "application/json")
    listed = {a["name"]: a for a in morgue.attachment_list("demo", demo[0])}
    assert listed["app.log"]["size"] == 15 and not listed["app.log"]["inline"]
    assert listed["renamed.json"]["content_type"] == "application/json"
    assert morgue.get("demo", demo[0], attachment_name="app.log").content == b"hello log line\n"
    assert morgue.get("demo", demo[0], attachment_id=other["attachment_id"]).json() == {"x": 1}
    morgue.delete("demo", objects=[{"id": demo[0], "attachment_name": "app.log"}])
    assert [a["name"] for a in morgue.attachment_list("demo", demo[0])] == ["renamed.json"]
    morgue.get("demo", demo[0], status=404, attachment_name="app.log")


def test_set_and_clear(morgue, demo):
    one = {"_tx": [["equal", str(int(demo[1], 16))]]}
    morgue.set("demo", one, reason="oom")
    wanted = {"reason": [["equal", "oom"]]}
    assert morgue.ids("demo", wanted) == [demo[1]]
    assert morgue.server.restart() and morgue.ids("demo", wanted) == [demo[1]]
    told = morgue.list("demo", filter=wanted, select=["reason"], set={"reason": None})
    assert told["response"]["result"] == "success"
    assert morgue.ids("demo", wanted) == []
    assert morgue.ids("demo", {**one, "reason": [["is-not-set"]]}) == [demo[1]]


def test_merge_and_unmerge(morgue, demo):
    before = morgue.groups("demo", group=["fingerprint"])
    assert len(before) == 2
    morgue.merge("demo", *before)
    [(merged, (_, rows))] = morgue.groups("demo", group=["fingerprint"]).items()
    assert rows == 9 and merged not in before and merged.startswith("0" * 16)
    # What comes now falls into the group.
    told = morgue.put("demo", json.dumps(error(functions=["inner", "outer"],
                                               timestamp=int(time.time()))), sync=True)
    assert told["fingerprint"] == merged and told["unique"] is False
    originals = morgue.groups("demo", group=["fingerprint;original"])
    assert set(originals) == set(before)
    morgue.server.restart()
    assert set(morgue.groups("demo", group=["fingerprint"])) == {merged}
    morgue.act("demo", "unmerge", *before)
    after = morgue.groups("demo", group=["fingerprint"])
    assert {k: rows for k, (_, rows) in after.items()} == {
        k: rows + (1 if rows == 6 else 0) for k, (_, rows) in before.items()}
    morgue.delete("demo", objects=[told["object"]])


def test_reprocess(morgue, demo):
    assert morgue.control("reload", universe=morgue.universe, project="demo", objects=demo[:2])["id"] > 0
    assert morgue.control("reload", universe=morgue.universe, project="demo", first="1",
                          last="a")["id"] > 0
    assert morgue.control("reload", universe=morgue.universe, project="demo", recovery=True)["id"] > 0
    assert len(morgue.ids("demo", {"hostname": [["is-set"]]})) == 9


def test_delete(morgue):
    assert morgue.project_create("short")["text"] == "success"
    ids = [morgue.put("short", json.dumps(error(functions=[f"f{i}", "main"])), sync=True)["object"]
           for i in range(5)]
    everything = {"_tx": [["at-least", 0]]}
    assert morgue.ids("short", everything) == ids
    morgue.delete("short", objects=[ids[0]])
    morgue.delete("short", query={"filter": [{"_tx": [["equal", str(int(ids[1], 16))]]}],
                                  "virtual_columns": [], "select": ["object"]}, sync=True)
    assert morgue.ids("short", everything) == ids[2:]
    for gone in ids[:2]:
        morgue.get("short", gone, status=404)
    morgue.delete("short", objects=[ids[2]], subsets=["physical"])
    morgue.get("short", ids[2], status=404)
    assert morgue.ids("short", everything) == ids[2:]  # queries still know it
    morgue.delete("short", objects=[ids[2]], subsets=["crdb"])
    assert morgue.ids("short", everything) == ids[3:]
    morgue.server.restart()
    assert morgue.ids("short", everything) == ids[3:]
    morgue.get("short", ids[3])


def test_retention_list_set_clear(morgue):
    pid = morgue.project_of(morgue.model(), "demo")["pid"]
    rules = ('[{"criteria":[{"type":"object-age","op":"at-least","time":"31536000"}],'
             '"actions":[{"type":"delete-all"}]}]')
    made = morgue.bpg({"type": "configuration/project_retention", "action": "create",
                       "object": {"id": 0, "rules": rules, "project": pid}})
    assert made["results"][0]["text"] == "success"
    [row] = [r for r in morgue.model()["project_retention"] if r["project"] == pid]
    assert json.loads(row["rules"]) == json.loads(rules)
    told = morgue.control("rpstatus", universe=morgue.universe, project="demo")
    assert "state" in told
    cleared = morgue.bpg({"type": "configuration/project_retention", "action": "modify",
                          "fields": {"rules": "[]"}, "key": {"project": pid}})
    assert cleared["results"][0]["text"] == "success"
    assert [r["rules"] for r in morgue.model()["project_retention"] if r["project"] == pid] == ["[]"]


def test_limits_sessions_config(morgue):
    told = morgue.tell("GET", "/api/limits", {"token": morgue.token, "universe": morgue.universe})
    assert {"limit", "counter", "rejected"} <= set(told[morgue.universe]["submissions"])
    morgue.tell("GET", "/api/session", {"token": morgue.token})
    assert morgue.send("GET", "/api/is_configured").text.strip() == "1"


def test_callstack(morgue, demo):
    report = morgue.get("demo", demo[0], resource="json.gz")
    body = report.text if report.headers.get("Content-Encoding") else \
        gzip.decompress(report.content).decode()
    told = morgue.tell("POST", "/api/callstack", morgue.about("demo", action="evaluate",
                                                              fulljson="true"), body,
                       headers={"Content-Type": "application/json"})
    assert told["callstack"]["frame"] == ["inner", "outer"] and len(told["fingerprint"]) == 64


def test_logout(morgue):
    other = Morgue(morgue.server)
    other.login("admin", PASSWORD)
    other.logout()
    other.send("POST", "/api/query", other.about("demo"), {"select": ["hostname"]}, status=403)


def test_attribute_create(morgue, demo):
    """What somebody says of an attribute is what describe and answers say of it."""
    pid = morgue.project_of(morgue.model(), "demo")["pid"]
    made = morgue.bpg({"action": "create", "type": "configuration/attribute",
                       "key": {"project": pid, "name": "pid"}, "object": {
                           "project": pid, "name": "pid", "type": "uint32", "format": "memory_address",
                           "description": "the process"}})
    assert made["results"][0]["text"] == "success"
    told = {a["name"]: a for a in morgue.describe("demo")}["pid"]
    assert (told["type"], told["format"], told["description"]) == (
        "uint32", "memory_address", "the process")
    assert morgue.list("demo", select=["pid"])["response"]["columns"] == [["pid", "memory_address"]]


def test_guests_only_ask(morgue, demo):
    server = morgue.server
    done = subprocess.run([BINARY, "user", "create", "guest", "--role", "guest", "--project", "demo",
                           "--password-file", "-", "--data", server.data], input=PASSWORD, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    guest = Morgue(server)
    guest.login("guest", PASSWORD)
    assert len(guest.ids("demo", {"hostname": [["is-set"]]})) == 9
    for body in ({"filter": [{}], "set": {"reason": "x"}},
                 {"actions": {"fingerprint": [{"type": "merge", "arguments": ["0" * 64]}]}}):
        guest.send("POST", "/api/query", guest.about("demo"), body, status=403)
    guest.send("POST", "/api/query", guest.about("cts"), {"select": ["hostname"]}, status=404)


def test_attributes_of_an_object(morgue, demo):
    """POST /api/post?object=...&resource=_kv, as the library's modify_object sends it."""
    def modify(object_id, body, status=200):
        return morgue.send("POST", "/api/post", morgue.about(
            "demo", object=object_id, format="json", resource="_kv"), body, status=status).json()
    assert modify(demo[2], {"owner": "ada", "seen": 7})["object"] == demo[2]
    assert morgue.ids("demo", {"owner": [["equal", "ada"]], "seen": [["equal", 7]]}) == [demo[2]]
    modify(demo[2], {"owner": None})
    assert morgue.ids("demo", {"owner": [["is-set"]], "_tx": [["at-least", 1]]}) == []
    for object_id, body in ((demo[2], [1]), (demo[2], {"owner": {"x": 1}}), (demo[2], "{"),
                            ("ffffff", {"owner": "x"}), (demo[2], {"fingerprint": "x"})):
        assert "error" in modify(object_id, body, status=400)
    poster = morgue.server.token("error:post", project="demo")
    morgue.server.submit(poster, {"owner": "x"}, path="/api/post", status=403, params={
        "token": poster, "object": demo[2], "resource": "_kv"})
