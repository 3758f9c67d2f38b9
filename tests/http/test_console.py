"""People: logging in, what each may do, and the configuration store, as its clients use them."""

import json
import os
import pathlib
import re
import sqlite3
import time

import pytest

from conftest import Server
from console import Console, add_user
from errors import error

PASSWORD = "correct horse"
NOBODY = "0" * 63 + "1"
SEED_METADATA = ('{"buckets":{"cts":{"attributes":["fingerprint","uname.sysname"], '
                 '"set": { "has_advanced_log" : "1" }}}}')


class Office:
    """A server with projects, and somebody of each role."""

    def __init__(self, server):
        self.server = server
        for project in ("demo", "other"):
            server.command("project", "create", project)
        server.command("project", "create", "far", "--universe", "acme")
        add_user(server, "admin", PASSWORD, "admin")
        add_user(server, "mia", PASSWORD, "member", "demo")
        add_user(server, "gus", PASSWORD, "guest", "demo")
        add_user(server, "nell", PASSWORD, "member")
        self.admin, self.mia, self.gus, self.nell = (
            Console(server, name, PASSWORD) for name in ("admin", "mia", "gus", "nell"))
        self.pids = {row["name"]: row["pid"] for row in self.admin.rows("project")}


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("office")).start()
    yield Office(server)
    server.stop()


@pytest.fixture
def fresh(server):
    """A server of one's own, with an admin who has logged in."""
    add_user(server, "admin", PASSWORD, "admin")
    return Console(server, "admin", PASSWORD)


def login(server, status, **form):
    answer = server.request("POST", "/api/login", data=form)
    assert answer.status_code == status, (answer.status_code, answer.text)
    return answer.json()


# --- logging in ---------------------------------------------------------------------------------

def test_before_there_are_users(server):
    assert server.get("/api/is_configured").text == "0"
    told = server.request("POST", "/api/bpg", json={"actions": [
        {"action": "schema", "model": "configuration"}]}).json()
    assert told["error"]["code"] == 5 and "crumple user create" in told["error"]["message"]
    login(server, 403, username="admin", password=PASSWORD)
    add_user(server, "admin", PASSWORD, "admin")
    assert server.get("/api/is_configured").text == "1"
    told = server.request("POST", "/api/bpg", json={"actions": []})
    assert told.status_code == 403 and told.json()["error"]["code"] == 403


def test_login_tells_all(office):
    told = office.admin.login
    assert told["user"]["username"] == "admin" and told["user"]["role"] == "admin"
    assert told["universe"] == {"id": 1, "name": "default"}
    assert told["universes"] == {"default": ["demo", "other"], "acme": ["far"]}
    assert told["endpoints"]["post"] == [{"protocol": "http", "port": office.server.port}]
    assert office.mia.login["universes"] == {"default": ["demo"]}
    assert office.nell.login["universes"] == {"default": []}


def test_login_goes_by_what_the_client_sees(office):
    answer = office.server.request("POST", "/api/login", headers={"Host": "crashes.example:8443"},
                                   data={"username": "admin", "password": PASSWORD})
    assert answer.json()["endpoints"]["post"] == [{"protocol": "http", "port": 8443}]
    answer = office.server.request("POST", "/api/login", headers={"Host": "crashes.example"},
                                   data={"username": "admin", "password": PASSWORD})
    assert answer.json()["endpoints"]["post"] == [{"protocol": "http", "port": 80}]


def test_login_as_json(office):
    answer = office.server.request("POST", "/api/login",
                                   json={"username": "mia", "password": PASSWORD})
    assert answer.status_code == 200 and answer.json()["user"]["username"] == "mia"


def test_login_by_session(office):
    again = Console(office.server, token=office.mia.token)
    assert again.token == office.mia.token and again.login["user"]["username"] == "mia"
    login(office.server, 403, token=NOBODY)


@pytest.mark.parametrize("form", [
    {"username": "admin", "password": PASSWORD + "x"}, {"username": "admin", "password": ""},
    {"username": "admin"}, {"username": "nobody", "password": PASSWORD},
    {"username": "admin", "password": "x" * 2000}, {"username": "ad\nmin", "password": PASSWORD},
    {}])
def test_bad_logins(office, form):
    told = login(office.server, 403, **form)
    assert "token" not in told


@pytest.mark.parametrize("body,status", [
    (b"", 403), (b"username=%zz", 400), (b"{", 400), (b'{"username":1}', 403),
    (b"a" * 20000, 413), (b"&".join(b"a=1" for _ in range(100)), 400),
    (b'{"a":' * 50 + b"1" + b"}" * 50, 400)])
def test_odd_bodies(office, body, status):
    answer = office.server.request("POST", "/api/login", data=body)
    assert answer.status_code == status, answer.text


def test_names_of_users_cannot_be_told_by_time(office):
    def seconds(name):
        best = 9e9
        for _ in range(3):
            begin = time.monotonic()
            login(office.server, 403, username=name, password="wrong password")
            best = min(best, time.monotonic() - begin)
        return best
    assert seconds("nobody") > seconds("admin") / 3


def test_logins_are_slowed_down(make_server):
    server = make_server(config="[limits]\nfailed_tokens_burst = 3\nfailed_tokens_per_minute = 6\n")
    add_user(server, "admin", PASSWORD, "admin")
    console = Console(server, "admin", PASSWORD)
    for _ in range(3):
        login(server, 403, username="admin", password="wrong password")
    answer = server.request("POST", "/api/login", data={"username": "admin", "password": PASSWORD})
    assert answer.status_code == 429 and answer.headers["Retry-After"]
    assert console.rows("project") == []  # who is in stays in
    wait_until(lambda: server.request("POST", "/api/login", data={
        "username": "admin", "password": PASSWORD}).status_code == 200)


def test_sessions_that_are_made_up_are_slowed_down(make_server):
    server = make_server(config="[limits]\nfailed_tokens_burst = 2\nfailed_tokens_per_minute = 1\n")
    add_user(server, "admin", PASSWORD, "admin")
    for status in (403, 403, 429):
        server.get(f"/api/session?token={NOBODY}", status)


def test_logout_and_restart(fresh):
    server = fresh.server
    other = Console(server, "admin", PASSWORD)
    assert other.token != fresh.token
    server.restart()
    assert fresh.get("/api/session").json()["username"] == "admin"
    assert fresh.get("/api/logout").json() == {"status": "ok"}
    fresh.get("/api/session", 403)
    fresh.post([], status=403)
    fresh.get("/api/logout", 403)
    server.restart()
    fresh.get("/api/session", 403)
    assert other.get("/api/session").json()["username"] == "admin"


def test_what_is_stored_of_a_session(fresh):
    data = b"".join(path.read_bytes() for path in fresh.server.data.glob("crumple.db*"))
    assert fresh.token.encode() not in data
    assert bytes.fromhex(fresh.token) not in data
    assert PASSWORD.encode() not in data


def age_sessions(server, **columns):
    with sqlite3.connect(server.data / "crumple.db", timeout=30) as database:
        for name, value in columns.items():
            database.execute(f"UPDATE sessions SET {name} = ?", (value,))
        database.execute("UPDATE marks SET value = value + 1 WHERE name = 'access'")


def count_rows(server, table):
    with sqlite3.connect(server.data / "crumple.db", timeout=30) as database:
        return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def wait_until(is_so, timeout=30):
    end = time.monotonic() + timeout
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_sessions_end_by_themselves(fresh):
    now = int(time.time() * 1000)
    day = 86400000
    age_sessions(fresh.server, used_ms=now - 29 * day)
    fresh.get("/api/session")
    assert abs(fresh.get("/api/session").json()["used"] * 1000 - now) < 60000  # it was used
    age_sessions(fresh.server, used_ms=now - 31 * day)
    fresh.get("/api/session", 403)
    age_sessions(fresh.server, used_ms=now, expires_ms=now - 1)
    fresh.get("/api/session", 403)
    Console(fresh.server, "admin", PASSWORD)
    assert count_rows(fresh.server, "sessions") == 1


def test_the_command_line_ends_sessions_at_once(fresh):
    server = fresh.server
    server.command("project", "create", "demo")
    add_user(server, "mia", PASSWORD, "member", "demo")
    mia = Console(server, "mia", PASSWORD)
    assert [row["name"] for row in mia.rows("project")] == ["demo"]
    server.command("user", "remove", "mia")
    mia.get("/api/session", 403)
    login(server, 403, username="mia", password=PASSWORD)


def test_another_password_ends_sessions(fresh):
    add_user(fresh.server, "mia", PASSWORD, "member")
    mia = Console(fresh.server, "mia", PASSWORD)
    uid = mia.login["uid"]
    fresh.modify("users", {"uid": uid}, email="mia@example.com")
    mia.get("/api/session")
    fresh.modify("users", {"uid": uid}, password=b"battery staple".hex())
    mia.get("/api/session", 403)
    login(fresh.server, 403, username="mia", password=PASSWORD)
    assert Console(fresh.server, "mia", "battery staple").login["user"]["email"] == \
        "mia@example.com"


def test_resources_of_a_session(fresh):
    def change(action, resources, status=200):
        return fresh.server.post(f"/api/session?token={fresh.token}",
                                 {"action": action, "form": {"resources": resources}},
                                 status).json()
    assert fresh.get("/api/session").json()["resources"] == {}
    assert change("set", {"a": 1, "b": {"c": [None]}}) == {
        "status": "ok", "form": {"resources": {"a": 1, "b": {"c": [None]}}}}
    assert change("set", {"a": "x"})["form"]["resources"] == {"a": "x", "b": {"c": [None]}}
    fresh.server.restart()
    assert fresh.get("/api/session").json()["resources"] == {"a": "x", "b": {"c": [None]}}
    assert change("unset", ["b", "nothing"])["form"]["resources"] == {"a": "x"}
    assert change("unset", "a")["form"]["resources"] == {}
    change("set", {"a": "x" * 5000}, 400)
    change("set", [1], 400)
    change("other", {}, 400)


def test_small_questions(office):
    assert office.admin.get("/api/config").json() == {"services": []}
    assert office.admin.get("/api/limits").json() == {
        "default": {"id": 1, "submissions": {"limit": 0, "counter": 0, "rejected": 0}},
        "acme": {"id": 2, "submissions": {"limit": 0, "counter": 0, "rejected": 0}}}
    assert list(office.mia.get("/api/limits").json()) == ["default"]
    assert office.admin.get("/api/limits", universe="acme").json()["acme"]["id"] == 2


# --- a session in the place of a token ----------------------------------------------------------

def test_submitting_and_reading_with_a_session(office):
    told = office.mia.submit(error(["by", "session"]), project="demo", sync="true")
    assert told["object"]
    assert "buckets" not in told
    reader = office.server.token("object:get", project="demo")
    assert office.server.fetch(reader, told["object"], project="demo").json()["threads"]
    assert office.gus.get("/api/get", universe="default", project="demo",
                          object=told["object"]).json()["threads"]
    assert office.gus.get("/api/list", project="demo", object=told["object"]).json() == \
        {"attachments": []}
    attached = office.server.request(
        "POST", f"/api/post?token={office.mia.token}&universe=default&project=demo"
                f"&object={told['object']}&attachment_name=a.txt", data=b"text")
    assert attached.status_code == 200, attached.text


def test_a_session_travels_as_a_token_does(office):
    for headers in ({"X-Coroner-Token": office.gus.token},
                    {"Authorization": f"Bearer {office.gus.token}"}):
        office.server.get("/api/list?project=demo&view=objects", headers=headers)
    # But not as what a browser sends by itself, nor in a path, which gets into logs.
    for headers in ({"Cookie": f"token={office.gus.token}"},
                    {"Cookie": f"session={office.gus.token}; X-Coroner-Token={office.gus.token}"}):
        office.server.get("/api/list?project=demo&view=objects", 403, headers=headers)
    office.server.submit(office.mia.token, error(["in", "path"]), status=403,
                         params={"project": "demo"})


@pytest.mark.parametrize("params,status", [
    ({"project": "demo"}, 200), ({"project": "demo", "universe": "default"}, 200),
    ({}, 400), ({"project": "other"}, 404), ({"project": "nothing"}, 404),
    ({"project": "far"}, 404), ({"project": "demo", "universe": "acme"}, 404),
    ({"project": "demo", "universe": "nowhere"}, 503)])
def test_a_session_is_for_the_projects_of_its_user(office, params, status):
    office.mia.get("/api/list", status, view="objects", **params)
    if status == 404:  # what there is and what there is not look alike
        message = office.mia.get("/api/list", 404, view="objects", **params).json()
        missing = office.mia.get("/api/list", 404, view="objects", project="nothing").json()
        assert message["error"]["code"] == missing["error"]["code"]


def test_an_admin_is_for_all(office):
    for project, universe in (("demo", "default"), ("far", "acme")):
        office.admin.get("/api/list", view="objects", project=project, universe=universe)
    office.admin.get("/api/list", 404, view="objects", project="far", universe="default")


ENDPOINTS = [  # method, path, body, what a guest gets, what a member gets
    ("POST", "/api/post?project=demo&format=json", error(["as", "guest"]), 403, 200),
    ("POST", "/api/post?project=demo&format=symbols", b"x", 403, None),
    ("GET", "/api/list?project=demo&view=objects", None, 200, 200),
    ("POST", "/api/symfile?project=demo", {"action": "summary"}, 200, 200),
    ("POST", "/api/callstack?project=demo&action=evaluate", error(["as", "guest"]), 200, 200),
    ("GET", "/api/callstack?project=demo&action=get&name=x", None, 200, 200),
    ("POST", "/api/unique-events/submit?project=demo", {}, 403, None),
]


@pytest.mark.parametrize("method,path,body,guest,member", ENDPOINTS,
                         ids=lambda value: value.split("?")[0] if isinstance(value, str) else "")
def test_guests_only_read(office, method, path, body, guest, member):
    def status(who):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        return office.server.request(method, f"{path}&token={who.token}", data=data).status_code
    assert status(office.gus) == guest
    if member is not None:
        assert status(office.mia) == member
    assert status(office.nell) == 404  # bound to nothing


def test_control_takes_members(office):
    def reload(who, status):
        return office.server.post("/api/control", {"action": "reload", "token": who.token,
                                                   "universe": "default", "project": "demo",
                                                   "objects": []}, status).json()
    assert reload(office.mia, 200)["objects"] == 0
    reload(office.gus, 403)
    reload(office.nell, 404)


def test_the_partycrasher_api_takes_sessions(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("guarded"), "--listen", "0.0.0.0:0").start()
    try:
        server.command("project", "create", "demo")
        server.command("project", "create", "other")
        add_user(server, "mia", PASSWORD, "member", "demo")
        add_user(server, "gus", PASSWORD, "guest", "demo")
        for name, posts in (("mia", 201), ("gus", 403)):
            bearer = {"Authorization": f"Bearer {Console(server, name, PASSWORD).token}"}
            server.get("/demo/search", headers=bearer)
            server.get("/other/search", 404, headers=bearer)
            server.get("/search", 400, headers=bearer)  # which project?
            server.post("/demo/reports", {"database_id": f"by:{name}", "stacktrace": []}, posts,
                        headers=bearer)
    finally:
        server.stop()


# --- the configuration store --------------------------------------------------------------------

def test_all_types_in_one_request(office):
    for who in (office.admin, office.mia, office.gus, office.nell):
        rows = who.fetch_all()
        assert [row["username"] for row in rows["users"]].count(who.login["user"]["username"]) == 1
        assert all(row["password"] is None for row in rows["users"])
        assert rows["token"] == []
        assert {row["type"] for row in rows["listener"]} == {"http/console", "http/writer"}
        assert all(row["metadata"] is None or json.loads(row["metadata"])
                   for row in rows["api_token"])


def test_types_that_clients_ask_for(office):
    assert set(office.admin.schema) >= {
        "universe", "users", "project", "api_token", "token", "project_sampling",
        "instance_retention", "universe_retention", "project_retention", "attribute",
        "deduplication", "limits", "server_side_actions", "scrubber", "query",
        "resource_override", "listener", "project_member_user"}
    assert list(office.admin.schema)[:3] == ["universe", "users", "project"]


def test_projects(fresh):
    made = fresh.create("project", pid=0, deleted=0, name="cts", owner=1, universe=1)
    assert made == {"pid": 1, "name": "cts", "universe": 1, "owner": 1, "deleted": 0}
    assert fresh.rows("project") == [made]
    fresh.refused("create", "project", "already",
                  object={"pid": 0, "deleted": 0, "name": "cts", "owner": 1, "universe": 1})
    for name in ("api", "", "a\nb", "x" * 300):
        fresh.refused("create", "project", "", object={"pid": 0, "name": name, "universe": 1})
    fresh.refused("create", "project", "universe", object={"name": "x", "universe": 77})
    fresh.refused("create", "project", "user", object={"name": "x", "universe": 1, "owner": 77})
    fresh.refused("create", "project", "needs the field name", object={"universe": 1})
    fresh.refused("create", "project", "no field", object={"name": "x", "colour": "red"})
    fresh.refused("create", "project", "string", object={"name": 7})
    fresh.refused("create", "project", "whole number", object={"name": "x", "universe": "1"})
    fresh.refused("create", "project", "whole number", object={"name": "x", "universe": 1.5})
    fresh.refused("modify", "project", "cannot be changed", key={"pid": 1}, fields={"name": "y"})
    fresh.refused("modify", "project", "no such project", key={"pid": 9}, fields={"deleted": 1})
    assert "cts" in fresh.server.command("project", "list")


def test_the_token_of_the_seed(fresh):
    project = fresh.create("project", pid=0, deleted=0, name="cts", owner=1, universe=1)
    told = fresh.post([{
        "action": "create", "type": "configuration/api_token", "key": {"id": "0000"},
        "cascade": False,
        "object": {"id": "0000", "project": project["pid"], "owner": 1,
                   "capabilities": "error:post sync:post", "metadata": SEED_METADATA}}])
    assert told["actions"][0]["object"]["metadata"] == SEED_METADATA
    token = told["results"][0]["result"]
    assert re.fullmatch("[0-9a-f]{64}", token["id"])
    assert token == {"id": token["id"], "project": project["pid"], "owner": 1,
                     "capabilities": "error:post sync:post", "metadata": SEED_METADATA}
    assert fresh.rows("api_token") == [token]
    submit = lambda **headers: fresh.server.submit(
        token["id"], error(["as", "seed"]), params={"_mod_sync": "1"}, headers=headers)
    first = submit()
    assert first["buckets"]["cts"]["count"] == 0
    submit(**{"X-Submission-Bucket": first["buckets"]["cts"]["token"]})
    assert submit()["buckets"]["cts"]["count"] == 1
    fresh.delete("api_token", token)
    assert fresh.rows("api_token") == []
    fresh.server.submit(token["id"], error(["as", "seed"]), status=403)


def test_tokens_that_can_read_are_shown_once(fresh):
    pid = fresh.create("project", name="cts", universe=1)["pid"]
    made = fresh.create("api_token", id="0000", project=pid, owner=1,
                        capabilities="object:get,error:post", metadata=None)
    assert made["capabilities"] == "error:post object:get" and made["metadata"] is None
    told = fresh.server.submit(made["id"], error(["to", "read"]), params={"_mod_sync": "1"},
                               status=403)
    assert "sync:post" in told["error"]["message"]
    listed, = fresh.rows("api_token")
    assert listed["id"] != made["id"] and re.fullmatch("[0-9a-f]{64}", listed["id"])
    assert {**listed, "id": made["id"]} == made
    fresh.server.submit(listed["id"], error(["by", "hash"]), status=403)  # it is no token
    fresh.delete("api_token", made)  # by the token itself
    assert fresh.rows("api_token") == []
    made = fresh.create("api_token", id="0000", project=pid, owner=1, capabilities="query:post")
    fresh.delete("api_token", fresh.rows("api_token")[0])  # or by what was listed
    fresh.server.get(f"/api/list?project=cts&view=objects&token={made['id']}", 403)


def test_tokens_are_checked(fresh):
    pid = fresh.create("project", name="cts", universe=1)["pid"]
    good = {"id": "0000", "project": pid, "owner": 1, "capabilities": "error:post"}
    for change, part in [
            ({"capabilities": "sym:post"}, "sym:post"), ({"capabilities": ""}, "capability"),
            ({"project": 99}, "no such project"), ({"owner": 99}, "no such user"),
            ({"metadata": "{"}, "metadata"), ({"metadata": "[]"}, "object"),
            ({"metadata": SEED_METADATA}, "sync:post")]:
        fresh.refused("create", "api_token", part, object={**good, **change})
    assert fresh.rows("api_token") == []
    made = fresh.create("api_token", **good)
    changed = fresh.modify("api_token", {"id": made["id"]}, capabilities="error:post sync:post",
                           metadata=SEED_METADATA)
    assert changed["metadata"] == SEED_METADATA
    assert fresh.rows("api_token") == [changed] and changed["id"] == made["id"]
    fresh.refused("modify", "api_token", "sync:post", key={"id": made["id"]},
                  fields={"capabilities": "error:post"})
    fresh.refused("modify", "api_token", "cannot be changed", key={"id": made["id"]},
                  fields={"project": 7})
    changed = fresh.modify("api_token", {"id": made["id"]}, capabilities="object:get",
                           metadata=None)
    assert changed["id"] != made["id"]  # it can read now: its text is kept no longer
    assert fresh.rows("api_token") == [changed]
    fresh.server.get(f"/api/list?project=cts&view=objects&token={made['id']}")


def test_the_older_type_of_token(fresh):
    pid = fresh.create("project", name="cts", universe=1)["pid"]
    made = fresh.create("token", id="0000", project=pid, owner=1)
    assert fresh.rows("token") == []
    assert fresh.row("api_token", id=made["id"])["capabilities"] == "error:post"
    fresh.server.submit(made["id"], error(["old", "type"]))


def test_deleting_a_project_hides_it(fresh):
    server = fresh.server
    project = fresh.create("project", name="cts", universe=1)
    token = fresh.create("api_token", project=project["pid"], owner=1, capabilities="error:post")
    add_user(server, "mia", PASSWORD, "member", "cts")
    mia = Console(server, "mia", PASSWORD)
    fresh.create("attribute", project=project["pid"], name="a", type="dictionary")
    kept = server.submit(token["id"], error(["before", "deletion"]))["_rxid"]
    fresh.get("/api/get", project="cts", object=kept)
    server.get("/cts/search")
    fresh.delete("project", project)
    for who in (fresh, mia):
        rows = who.fetch_all()
        assert rows["project"] == [] and rows["api_token"] == [] and rows["attribute"] == []
        who.get("/api/list", 404, project="cts", view="objects")
    told = server.submit(token["id"], error(["after", "deletion"]), status=403)
    assert "deleted" in told["error"]["message"]
    server.get("/cts/search", 404)
    assert '"cts"' not in server.get("/").text and "cts " in server.command("project", "list")
    server.post("/cts/reports", {"database_id": "x"}, 404)
    assert Console(server, "admin", PASSWORD).login["universes"] == {"default": []}
    fresh.refused("create", "project", "was deleted", object={"name": "cts", "universe": 1})
    server.command("token", "create", "--project", "cts", "--capability", "error:post", status=1)
    server.restart()
    server.submit(token["id"], error(["after", "restart"]), status=403)
    wait_until(lambda: count_rows(server, "uploads") == 0)  # what it had is removed
    assert fresh.modify("project", {"pid": project["pid"]}, deleted=0) == project
    assert mia.rows("project") == [project] and len(mia.rows("api_token")) == 1
    mia.get("/api/get", 404, project="cts", object=kept)
    server.submit(token["id"], error(["back", "again"]))


def test_universes(fresh):
    made = fresh.create("universe", id=0, name="acme")
    assert fresh.rows("universe") == [made, {"id": 1, "name": "default"}]
    fresh.refused("create", "universe", "already", object={"id": 0, "name": "acme"})
    fresh.refused("create", "universe", "", object={"id": 0, "name": "a/b"})
    fresh.refused("modify", "universe", "cannot be changed", key={"id": 1}, fields={"name": "x"})
    project = fresh.create("project", name="p", universe=made["id"], owner=1)
    fresh.refused("delete", "universe", "projects", key={"id": made["id"]}, cascade=True)
    fresh.refused("delete", "universe", "first", key={"id": 1})
    fresh.get("/api/list", view="objects", project="p", universe="acme")
    assert project["universe"] == made["id"]
    other = fresh.create("universe", id=0, name="empty")
    fresh.delete("universe", other)
    assert len(fresh.rows("universe")) == 2


def test_users(fresh):
    server = fresh.server
    made = fresh.create("users", uid=0, superuser=1, method="password", universe=1,
                        username="ada", email="ada@example.com", password=PASSWORD.encode().hex())
    assert made == {"uid": 2, "username": "ada", "email": "ada@example.com", "password": None,
                    "universe": 1, "superuser": 1, "method": "password", "role": "admin"}
    assert fresh.row("users", uid=2) == made
    assert Console(server, "ada", PASSWORD).login["uid"] == 2
    assert PASSWORD.encode().hex() not in json.dumps(fresh.post([{
        "action": "create", "type": "configuration/users", "object": {
            "username": "x", "password": PASSWORD.encode().hex()}}]))
    assert fresh.row("users", username="x")["role"] == "member"
    good = {"uid": 0, "username": "bob", "password": PASSWORD.encode().hex()}
    for change, part in [
            ({"username": "ada"}, "already"), ({"username": ""}, "1 to 256"),
            ({"password": b"short".hex()}, "at least 8"), ({"password": "zz"}, "hex"),
            ({"password": "abc"}, "hex"), ({"password": None}, "needs the field password"),
            ({"role": "root"}, "admin, member or guest"), ({"method": "saml"}, "password"),
            ({"role": "guest", "superuser": 1}, "contradict"), ({"universe": 9}, "universe"),
            ({"email": "nobody"}, "e-mail")]:
        fresh.refused("create", "users", part, object={**good, **change})
    guest = fresh.create("users", **good, role="guest")
    assert (guest["role"], guest["superuser"], guest["email"]) == ("guest", 0, "")
    assert fresh.modify("users", {"uid": guest["uid"]}, role="member")["role"] == "member"
    assert fresh.modify("users", {"uid": 2}, superuser=0)["role"] == "member"
    fresh.refused("modify", "users", "last admin", key={"uid": 1}, fields={"role": "member"})
    fresh.refused("delete", "users", "last admin", key={"uid": 1})
    fresh.refused("modify", "users", "cannot be changed", key={"uid": 2}, fields={"username": "z"})
    fresh.delete("users", guest)
    login(server, 403, username="bob", password=PASSWORD)
    assert "bob" not in server.command("user", "list")


def test_many_new_passwords(fresh):
    def create(i):
        return {"action": "create", "type": "configuration/users", "object": {
            "username": f"u{i}", "password": f"password {i}".encode().hex()}}
    told = fresh.post([create(i) for i in range(3)] + [{"action": "get", "type": "configuration/users"}])
    assert [r["text"] for r in told["results"]] == ["success"] * 4
    assert len(told["results"][3]["result"]) == 4
    for i in range(3):
        assert Console(fresh.server, f"u{i}", f"password {i}").login["user"]["username"] == f"u{i}"
    login(fresh.server, 403, username="u0", password="password 1")
    assert "at most 8" in fresh.post([create(i) for i in range(3, 12)], status=400)["error"]["message"]
    assert len(fresh.rows("users")) == 4
    member = Console(fresh.server, "u0", "password 0")
    twice = [{"action": "modify", "type": "configuration/users", "key": {"username": "u0"}, "fields": {
        "password": f"new password {i}".encode().hex()}} for i in range(2)]
    assert "at most 1" in member.post(twice, status=400)["error"]["message"]
    member.post(twice[:1])
    assert Console(fresh.server, "u0", "new password 0").token


def test_bindings(fresh):
    server = fresh.server
    pid = fresh.create("project", name="cts", universe=1)["pid"]
    add_user(server, "mia", PASSWORD, "member")
    mia = Console(server, "mia", PASSWORD)
    uid = mia.login["uid"]
    assert mia.rows("project") == []
    made = fresh.create("project_member_user", project=pid, user=uid, role="member")
    assert [row["pid"] for row in mia.rows("project")] == [pid]
    assert mia.rows("project_member_user") == [made]
    assert "cts" in server.command("user", "list")
    fresh.refused("create", "project_member_user", "already", object={"project": pid, "user": uid})
    fresh.refused("create", "project_member_user", "is member",
                  object={"project": pid, "user": uid, "role": "guest"})
    fresh.refused("create", "project_member_user", "no such user",
                  object={"project": pid, "user": 99})
    mia.refused("delete", "project_member_user", "admin", key={"project": pid, "user": uid})
    fresh.delete("project_member_user", made)
    assert mia.rows("project") == []


# --- who may ------------------------------------------------------------------------------------

CHANGES = [  # what, its members by project, and who may do it in `demo`
    ("create", "project", lambda o: {"object": {"name": "new", "universe": 1}}, "admin"),
    ("create", "universe", lambda o: {"object": {"id": 0, "name": "new"}}, "admin"),
    ("create", "users", lambda o: {"object": {"username": "new", "password": "61" * 8}}, "admin"),
    ("modify", "users", lambda o: {"key": {"username": "nell"}, "fields": {"role": "guest"}},
     "admin"),
    ("create", "limits", lambda o: {"object": {"universe": 1, "definition": "{}"}}, "admin"),
    ("create", "instance_retention", lambda o: {"object": {"id": 0, "rules": "[]"}}, "admin"),
    ("create", "universe_retention", lambda o: {"object": {"universe": 1, "rules": "[]"}},
     "admin"),
    ("modify", "project", lambda o: {"key": {"pid": o.pids["demo"]}, "fields": {"deleted": 1}},
     "admin"),
    ("create", "api_token", lambda o: {"object": {"project": o.pids["demo"],
                                                  "capabilities": "error:post"}}, "member"),
    ("create", "attribute", lambda o: {"object": {"project": o.pids["demo"], "name": "a",
                                                  "type": "dictionary"}}, "member"),
    ("create", "project_retention", lambda o: {"object": {"project": o.pids["demo"],
                                                          "rules": "[]"}}, "member"),
    ("create", "query", lambda o: {"object": {"project": o.pids["demo"], "name": "v",
                                              "queries": "{}"}}, "member"),
]


@pytest.mark.parametrize("action,type_name,members,role", CHANGES,
                         ids=[f"{c[0]} {c[1]}" for c in CHANGES])
def test_who_may_change_what(tmp_path_factory, action, type_name, members, role):
    server = Server(tmp_path_factory.mktemp("roles")).start()
    try:
        office = Office(server)
        allowed = {"admin": [office.admin], "member": [office.mia, office.admin]}[role]
        for who in (office.gus, office.nell, office.mia):
            if who not in allowed:
                text = who.act(action, type_name, **members(office))
                assert isinstance(text, str), (who.login["user"], text)
        result = allowed[0].act(action, type_name, **members(office))
        assert isinstance(result, dict), result
    finally:
        server.stop()


def test_tokens_of_others(office):
    pid = office.pids["demo"]
    admins = office.admin.create("api_token", project=pid, capabilities="error:post",
                                 owner=office.admin.login["uid"])
    own = office.mia.create("api_token", project=pid, capabilities="error:post",
                            owner=office.mia.login["uid"])
    assert {row["id"] for row in office.mia.rows("api_token")} >= {admins["id"], own["id"]}
    assert office.gus.rows("api_token") == []  # with one of them a guest could send
    assert office.nell.rows("api_token") == []
    office.mia.refused("delete", "api_token", "admin", key={"id": admins["id"]})
    office.mia.refused("modify", "api_token", "admin", key={"id": admins["id"]},
                       fields={"capabilities": "object:get"})
    office.mia.refused("modify", "api_token", "admin", key={"id": own["id"]},
                       fields={"owner": office.admin.login["uid"]})
    office.mia.refused("create", "api_token", "admin", object={
        "project": pid, "capabilities": "error:post", "owner": office.admin.login["uid"]})
    office.mia.refused("create", "api_token", "no such project", object={
        "project": office.pids["other"], "capabilities": "error:post"})
    office.mia.delete("api_token", own)
    office.admin.delete("api_token", admins)


def test_one_sees_oneself_and_ones_colleagues(office):
    names = lambda who: {row["username"] for row in who.rows("users")}
    assert names(office.admin) >= {"admin", "mia", "gus", "nell"}
    assert names(office.mia) == names(office.gus) == {"admin", "mia", "gus"}
    assert names(office.nell) == {"admin", "nell"}
    for who in (office.mia, office.gus, office.nell):
        rows = who.fetch_all()
        known = {row["uid"] for row in rows["users"]}
        for type_name in ("project", "api_token", "deduplication"):
            assert all(row["owner"] in known for row in rows[type_name])


def test_changing_oneself(fresh):
    add_user(fresh.server, "gus", PASSWORD, "guest")
    gus = Console(fresh.server, "gus", PASSWORD)
    uid = gus.login["uid"]
    assert gus.modify("users", {"uid": uid}, email="gus@example.com")["email"] == "gus@example.com"
    gus.refused("modify", "users", "cannot be changed", key={"uid": uid}, fields={"role": "admin"})
    gus.refused("modify", "users", "cannot be changed", key={"uid": uid}, fields={"superuser": 1})
    gus.refused("modify", "users", "admin", key={"username": "admin"},
                fields={"email": "x@example.com"})
    gus.refused("delete", "users", "admin", key={"uid": uid})
    gus.modify("users", {"uid": uid}, password=b"battery staple".hex())
    assert Console(fresh.server, "gus", "battery staple").login["user"]["role"] == "guest"


def test_api_tokens_are_no_people(office):
    token = office.server.token("error:post", "object:get", "query:post", "sync:post",
                                project="demo")
    for path in ("/api/session", "/api/logout", "/api/limits"):
        office.server.get(f"{path}?token={token}", 403)
    answer = office.server.request("POST", f"/api/bpg?token={token}", json={"actions": []})
    assert answer.status_code == 403
    login(office.server, 403, token=token)


# --- objects that are kept ----------------------------------------------------------------------

SAMPLING = {"type": "backoff", "backoffs": [{"count": 1, "interval": 0},
                                            {"count": 5, "interval": 300}],
            "object_attributes": ["version"], "reset_interval": 86400, "missing_symbols": {}}
RULE = {"criteria": [{"type": "object-age", "op": "at-least", "time": "3600"}],
        "actions": [{"type": "delete-all"}]}


def text(value):
    return json.dumps(value)


GOOD = [
    ("attribute", {"name": "build_tag", "type": "dictionary", "description": "build",
                   "format": "none"}),
    ("attribute", {"name": "x", "type": "uint64"}),
    ("project_sampling", {"configuration": text(SAMPLING), "disabled": 0}),
    ("project_sampling", {"configuration": "{}", "disabled": 1}),
    ("project_sampling", {"configuration": text({
        **SAMPLING, "buckets": 10,
        "missing_symbols": {"process_whitelisted": True, "process_private": False}})}),
    ("project_retention", {"id": 0, "rules": text([RULE])}),
    ("project_retention", {"id": 0, "rules": "[]"}),
    ("project_retention", {"id": 0, "rules": text([
        {"criteria": [{"type": "object-age", "op": "range", "time": "10", "time_end": "20"},
                      {"type": "fingerprint-count", "op": "more-than", "count": "5"}],
         "actions": [{"type": "compress"}, {"type": "delete-all", "subsets": ["physical"]}]}])}),
    ("instance_retention", {"id": 0, "rules": text([RULE])}),
    ("universe_retention", {"id": 0, "universe": 1, "rules": text([RULE])}),
    ("deduplication", {"id": 0, "name": "rules", "rules": "[]", "languages": "c", "enabled": 1,
                       "owner": 1, "priority": 3, "platforms": None}),
    ("limits", {"universe": 1, "metadata": "{}", "definition": text(
        {"submissions": {"period": "month", "day": 1, "limit": [100, 100]}})}),
    ("server_side_actions", {"configuration": "{}", "enabled": 1}),
    ("scrubber", {"id": 0, "name": "cards", "regexp": None, "builtin": "ccn", "format": "all",
                  "target": "all", "enable": 1}),
    ("scrubber", {"id": 0, "name": "mine", "regexp": "a+", "builtin": None, "enable": 0}),
    ("query", {"name": "view", "owner": 1, "queries": "{}", "payload": '{"name":"view"}'}),
    ("resource_override", {"universe": 1, "uid": 0, "name": "r", "value": "5", "owner": 1}),
]
BAD = [
    ("attribute", {"type": "text"}, "type"), ("attribute", {"name": ""}, "name"),
    ("attribute", {"format": "nice"}, "format"), ("attribute", {"name": None}, "name"),
    ("project_sampling", {"configuration": "{"}, "configuration"),
    ("project_sampling", {"configuration": "{}"}, "backoffs"),
    ("project_sampling", {"configuration": text({**SAMPLING, "type": "random"})}, "backoff"),
    ("project_sampling", {"configuration": text({**SAMPLING, "backoffs": []})}, "backoffs"),
    ("project_sampling", {"configuration": text({**SAMPLING, "backoffs": [{"count": 0,
                                                                           "interval": 0}]})},
     "at least 1"),
    ("project_sampling", {"configuration": text({**SAMPLING, "backoffs": [{"count": 1}]})},
     "interval"),
    ("project_sampling", {"configuration": text({**SAMPLING, "backoffs": [
        {"count": "1", "interval": 0}]})}, "count"),
    ("project_sampling", {"configuration": text({**SAMPLING, "speed": 1})}, "speed"),
    ("project_sampling", {"configuration": text({**SAMPLING, "reset_interval": -1})},
     "reset_interval"),
    ("project_sampling", {"configuration": text({**SAMPLING, "object_attributes": [1]})},
     "object_attributes"),
    ("project_sampling", {"configuration": text({**SAMPLING, "missing_symbols": {"x": 1}})}, "x"),
    ("project_sampling", {"disabled": 2}, "disabled"),
    ("project_retention", {"rules": "{}"}, "list"), ("project_retention", {"rules": "x"}, "rules"),
    ("project_retention", {"rules": text([{}])}, "criteria"),
    ("project_retention", {"rules": text([{**RULE, "actions": []}])}, "actions"),
    ("project_retention", {"rules": text([{**RULE, "actions": [{"type": "burn"}]}])}, "compress"),
    ("project_retention", {"rules": text([{**RULE, "actions": [
        {"type": "delete-all", "subsets": ["all"]}]}])}, "subsets"),
    ("project_retention", {"rules": text([{**RULE, "criteria": [
        {"type": "object-age", "op": "at-least", "time": 3600}]}])}, "time"),
    ("project_retention", {"rules": text([{**RULE, "criteria": [
        {"type": "object-age", "op": "at-most", "time": "3600"}]}])}, "op"),
    ("project_retention", {"rules": text([{**RULE, "criteria": [
        {"type": "object-age", "op": "range", "time": "20", "time_end": "10"}]}])}, "time_end"),
    ("project_retention", {"rules": text([{**RULE, "criteria": [{"type": "colour"}]}])}, "type"),
    ("project_retention", {"rules": text([{**RULE, "note": "x"}])}, "note"),
    ("project_retention", {"rules": text([RULE] * 65)}, "at most"),
    ("deduplication", {"rules": "{}"}, "rules"), ("deduplication", {"enabled": 5}, "enabled"),
    ("limits", {"definition": "[]"}, "definition"), ("limits", {"metadata": "{"}, "metadata"),
    ("server_side_actions", {"configuration": "x"}, "configuration"),
    ("scrubber", {"regexp": "x"}, "either"), ("scrubber", {"builtin": "iban"}, "builtin"),
    ("scrubber", {"enable": 7}, "enable"),
    ("query", {"queries": "x"}, "queries"), ("resource_override", {"value": "x"}, "value"),
]


def with_project(office, type_name, fields):
    if "project" in office.admin.schema[type_name]:
        return {"project": office.pids["demo"], **fields}
    return fields


@pytest.mark.parametrize("type_name,fields", GOOD, ids=[f"{t} {i}" for i, (t, _) in enumerate(GOOD)])
def test_objects_that_are_kept(office, type_name, fields):
    admin = office.admin
    fields = with_project(office, type_name, fields)
    before = admin.rows(type_name)
    made = admin.create(type_name, **fields)
    for name, value in fields.items():
        assert made[name] == value or name == "id"
    if "id" in made:
        assert made["id"] > 0
    assert [row for row in admin.rows(type_name) if row not in before] == [made]
    admin.refused("create", type_name, "already", object=fields)
    # A key that clients make themselves.
    key = {name: made[name] for name in ("id", "project", "name", "universe", "uid")
           if made.get(name) is not None}
    changeable = [name for name in made if name not in key and made[name] is not None]
    same = admin.modify(type_name, key, **{name: made[name] for name in changeable})
    assert same == made
    admin.delete(type_name, made)
    assert admin.rows(type_name) == before
    admin.refused("delete", type_name, "no such", key=key)


@pytest.mark.parametrize("type_name,change,part", BAD,
                         ids=[f"{b[0]} {i}" for i, b in enumerate(BAD)])
def test_objects_that_are_not_kept(office, type_name, change, part):
    good = next(fields for name, fields in GOOD if name == type_name)
    good = with_project(office, type_name, good)
    if type_name == "project_sampling" and "disabled" not in change:
        good = {**good, "disabled": 0}
    office.admin.refused("create", type_name, part, object={**good, **change})
    made = office.admin.create(type_name, **good)
    office.admin.refused("modify", type_name, part,
                         key={name: made[name] for name in ("id", "project", "name", "universe")
                              if name in made}, fields=change)
    assert made in office.admin.rows(type_name)
    office.admin.delete(type_name, made)


def test_what_is_kept_outlives_a_restart(fresh):
    pid = fresh.create("project", name="cts", universe=1)["pid"]
    made = fresh.create("project_retention", id=0, project=pid, rules=text([RULE]))
    changed = fresh.modify("project_retention", {"project": pid}, rules="[]")
    assert changed == {**made, "rules": "[]"}
    limits = fresh.create("limits", universe=1, metadata="{}", definition=text(
        {"submissions": {"period": "month", "day": 1, "limit": [100, 100]}}))
    fresh.server.restart()
    assert fresh.rows("project_retention") == [changed]
    assert fresh.rows("limits") == [limits]
    assert fresh.get("/api/limits").json()["default"]["submissions"]["limit"] == 100


def test_actions_stand_alone(fresh):
    pid = fresh.create("project", name="cts", universe=1)["pid"]
    make = lambda name: {"action": "create", "type": "configuration/attribute",
                         "object": {"project": pid, "name": name, "type": "dictionary"}}
    told = fresh.post([make("a"), make("a"), {"action": "get", "type": "configuration/attribute"},
                       make("b"), {"action": "dance", "type": "configuration/attribute"},
                       {"action": "get", "type": "configuration/nothing"}, {"action": 7}, {}])
    texts = [result["text"] for result in told["results"]]
    assert texts[0] == texts[2] == texts[3] == "success" and "already" in texts[1]
    assert [row["name"] for row in told["results"][2]["result"]] == ["a"]
    assert "create" in texts[4] and "type" in texts[5]
    assert [row["name"] for row in fresh.rows("attribute")] == ["a", "b"]


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{}", b'{"actions":{}}', b'{"actions":7}', b"{", b'{"actions":[' + b"{}," * 300 +
    b"{}]}", b'{"a":' * 20 + b"1" + b"}" * 20])
def test_odd_requests(office, body):
    answer = office.server.request("POST", f"/api/bpg?token={office.admin.token}", data=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("action", [
    [], 7, None, "x", {"action": "create"}, {"action": "create", "type": "configuration/project"},
    {"action": "create", "type": "configuration/project", "object": []},
    {"action": "modify", "type": "configuration/users", "fields": {}},
    {"action": "modify", "type": "configuration/users", "key": {}, "fields": {}},
    {"action": "modify", "type": "configuration/users", "key": {"uid": 1}},
    {"action": "delete", "type": "configuration/users", "key": 7},
    {"action": "delete", "type": "configuration/listener", "key": {"type": "http/console"}},
    {"action": "delete", "type": "configuration/deduplication", "key": {"name": "built in"}},
    {"action": "create", "type": "configuration/project", "object": {"name": "x" * 70000}}])
def test_odd_actions(office, action):
    answer = office.server.request("POST", f"/api/bpg?token={office.admin.token}",
                                   json={"actions": [action]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["results"][0]["text"] != "success"


# --- call stacks --------------------------------------------------------------------------------

def test_call_stacks_are_evaluated_as_they_are_stored(office):
    report = error(["inner", "outer", "main"])
    told = office.mia.submit(report, project="demo", sync="1")
    evaluated = office.server.post(
        f"/api/callstack?token={office.gus.token}&action=evaluate&fulljson=true&universe=default"
        f"&project=demo", report, 200).json()
    assert evaluated["fingerprint"] == told["fingerprint"]
    assert evaluated["callstack"]["frame"] == ["inner", "outer", "main"]
    shown = office.mia.get("/api/get", project="demo", object=told["object"],
                           resource="json").json()
    again = office.server.post(
        f"/api/callstack?token={office.gus.token}&action=evaluate&project=demo", shown, 200).json()
    assert again["fingerprint"] == told["fingerprint"]
    for body, status in ((b"{", 400), (b"[]", 400), (b"", 400)):
        office.server.post(f"/api/callstack?token={office.gus.token}&action=evaluate&project=demo",
                           body, status)
    office.server.post(f"/api/callstack?token={office.gus.token}&action=dance&project=demo", report,
                       400)
    get = lambda **params: office.gus.get("/api/callstack", project="demo", action="get", **params)
    assert get().json()["rules"][0]["name"] == "built in"
    assert get(name="x").json()["rules"] == []


# --- a recorded client --------------------------------------------------------------------------

def transcript():
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(os.environ.get("CRUMPLE_TRANSCRIPTS",
                                         root.parent / "shared/protocol/examples"))
    path = folder / "morgue-transcript.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


CONSOLE = ("/api/login", "/api/bpg", "/api/logout", "/api/session", "/api/config", "/api/limits",
           "/api/callstack")


@pytest.mark.skipif(not transcript(), reason="no transcript here")
def test_a_recorded_client(make_server):
    """Sends every console request that was recorded, with the tokens and numbers of this server in
    the place of those recorded."""
    server = make_server()
    add_user(server, "admin", "admin admin", "admin")
    admin = Console(server, "admin", "admin admin")
    universe = admin.create("universe", id=0, name="acme")
    demo = admin.create("project", name="demo", universe=universe["id"], owner=1)
    admin.modify("users", {"uid": 1}, universe=universe["id"])
    pids = {1: demo["pid"]}
    token, seen = None, 0
    for command in transcript():
        for request in command["requests"]:
            if not request["target"].startswith(CONSOLE):
                continue
            seen += 1
            target = re.sub(r"token=[0-9a-f]+", f"token={token}", request["target"])
            body = request.get("body") or ""
            if target == "/api/login":
                body = "username=admin&password=admin%20admin"
            elif target.startswith("/api/bpg"):
                actions = json.loads(body)["actions"]
                for action in actions:
                    for part in (action.get("object"), action.get("key")):
                        if part and part.get("project") in pids:
                            part["project"] = pids[part["project"]]
                        if part and part.get("universe") == 1:
                            part["universe"] = universe["id"]
                        if part and "7777" in str(part.get("id")):
                            own = admin.rows("api_token")[0]
                            part.update({k: own[k] for k in part})
                body = json.dumps({"actions": actions})
            elif target.startswith("/api/callstack?") and request["method"] == "POST":
                body = json.dumps(error())  # long bodies were cut when they were recorded
            answer = server.request(request["method"], target, data=body.encode(), headers={
                "Content-Type": request["headers"].get("Content-Type", "application/json")})
            assert answer.status_code == 200, (command["command"], answer.text)
            told = answer.json()
            if target == "/api/login":
                token = told["token"]
            elif target.startswith("/api/bpg"):
                for action, result in zip(actions, told["results"]):
                    assert result["text"] == "success", (command["command"], result)
                    if action["action"] == "create" and action["type"].endswith("/project"):
                        pids[2] = result["result"]["pid"]
            elif target.startswith("/api/callstack?") and "evaluate" in target:
                assert told["callstack"]["frame"] and len(told["fingerprint"]) == 64
    assert seen >= 50
    server.get(f"/api/session?token={token}", 403)  # the last command was logout
    rows = admin.fetch_all()
    assert {row["name"] for row in rows["project"]} == {"cts", "demo"}
    assert [row["rules"] for row in rows["project_retention"]] == ["[]"]
    assert [row["name"] for row in rows["attribute"]] == ["build_tag"]
    assert len(rows["project_sampling"]) == 1
