"""Talks to the console API as a client of it does, and holds every answer against what such a client
takes for granted: one that finds a field missing, or one that it does not know, ends there."""

import json
import urllib.parse

HEX = set("0123456789abcdef")
TYPES = {"integer": int, "text": str, "blob": str}


def check_schema(schema):
    assert isinstance(schema, dict)
    for type_name, fields in schema.items():
        assert fields, type_name
        for name, field in fields.items():
            assert set(field) == {"type", "constraints"}, (type_name, name)
            assert field["type"] in TYPES
            assert isinstance(field["constraints"], list)
        assert key_fields(fields), f"{type_name}: clients could not make a key"


def key_fields(fields):
    """As clients find them."""
    primary = [n for n, f in fields.items() if "primary" in f["constraints"]]
    return primary or [n for n, f in fields.items()
                       if {"unique", "autoincrement"} & set(f["constraints"])]


def check_row(schema, type_name, row):
    """All fields of the schema, no others, each null or of its type."""
    fields = schema[type_name]
    assert set(row) == set(fields), (type_name, row)
    for name, value in row.items():
        wanted = TYPES[fields[name]["type"]]
        assert value is None or (isinstance(value, wanted) and not isinstance(value, bool)), \
            (type_name, name, value)


class Console:
    """One login."""

    def __init__(self, server, username=None, password=None, token=None):
        self.server = server
        form = {"token": token} if token else {"username": username, "password": password}
        answer = server.request("POST", "/api/login", data=form)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        self.login = answer.json()
        self.check_login()
        self.token = self.login["token"]
        self.schema = self.fetch_schema()

    def check_login(self):
        login = self.login
        assert len(login["token"]) == 64 and set(login["token"]) <= HEX
        assert login["uid"] and login["user"]["uid"] == login["uid"] and login["universe"]["id"]
        assert next(iter(login["universes"])) == login["universe"]["name"]
        for projects in login["universes"].values():
            assert isinstance(projects, list)
        assert isinstance(login["services"], list)
        where = login["endpoints"]["post"][0]
        assert where["protocol"] in ("http", "https") and isinstance(where["port"], int)

    # Requests.

    def post(self, actions, status=200):
        """The answer to a request of these actions, checked for what does not depend on them."""
        answer = self.server.request("POST", f"/api/bpg?token={self.token}",
                                     data=json.dumps({"actions": actions}))
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        if status != 200:
            return answer.json()
        told = answer.json()
        assert set(told) == {"actions", "results"}
        assert len(told["results"]) == len(actions)
        for sent, echoed, result in zip(actions, told["actions"], told["results"]):
            assert echoed.get("action") == sent.get("action")
            assert echoed.get("type") == sent.get("type")
            assert isinstance(result["text"], str) and result["text"]
            if sent.get("action") == "get":
                assert isinstance(result["result"], list)  # also when it failed
        return told

    def fetch_schema(self):
        result, = self.post([{"action": "schema", "model": "configuration"}])["results"]
        assert result["text"] == "success"
        check_schema(result["result"])
        return result["result"]

    def fetch_all(self):
        """All types in the order of the schema: {type: rows}."""
        names = list(self.schema)
        results = self.post([{"action": "get", "type": f"configuration/{name}"}
                             for name in names])["results"]
        rows = {}
        for name, result in zip(names, results):
            assert result["text"] == "success"
            for row in result["result"]:
                check_row(self.schema, name, row)
            rows[name] = result["result"]
        assert rows["universe"] and rows["users"]
        return rows

    def rows(self, type_name):
        result, = self.post([{"action": "get", "type": f"configuration/{type_name}"}])["results"]
        assert result["text"] == "success", result
        for row in result["result"]:
            check_row(self.schema, type_name, row)
        return result["result"]

    def row(self, type_name, **fields):
        """The one row with these values."""
        found = [row for row in self.rows(type_name)
                 if all(row[name] == value for name, value in fields.items())]
        assert len(found) == 1, (type_name, fields, found)
        return found[0]

    def act(self, action, type_name, **members):
        """One action: its result; the row when it went well, else the text that says why not."""
        result, = self.post([{"action": action, "type": f"configuration/{type_name}",
                              **members}])["results"]
        if result["text"] != "success":
            return result["text"]
        check_row(self.schema, type_name, result["result"])
        return result["result"]

    def create(self, type_name, **fields):
        key = {name: fields[name] for name in key_fields(self.schema[type_name]) if name in fields}
        row = self.act("create", type_name, key=key, cascade=False, object=fields)
        assert isinstance(row, dict), row
        return row

    def modify(self, type_name, key, **fields):
        row = self.act("modify", type_name, key=key, cascade=False, fields=fields)
        assert isinstance(row, dict), row
        return row

    def delete(self, type_name, row):
        key = {name: row[name] for name in key_fields(self.schema[type_name])}
        gone = self.act("delete", type_name, key=key, cascade=False, object=row)
        assert isinstance(gone, dict), gone

    def refused(self, action, type_name, part, **members):
        text = self.act(action, type_name, **members)
        assert isinstance(text, str) and part in text, (text, part)

    def get(self, path, status=200, **params):
        query = urllib.parse.urlencode({"token": self.token, **params})
        return self.server.get(f"{path}?{query}", status)

    def submit(self, report, status=200, **params):
        """POST /api/post with the session."""
        return self.server.submit(None, report, path="/api/post", status=status,
                                  params={"token": self.token, "universe": "default",
                                          "format": "json", **params})


def add_user(server, name, password, role="member", *projects):
    words = ["user", "create", name, "--role", role, "--password-file", "-"]
    for project in projects:
        words += ["--project", project]
    server.command(*words, input=password)
