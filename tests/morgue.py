"""The requests of morgue 1.24.11, the command line of Backtrace, as it was recorded to send them, and
what it demands of the answers. It cannot be fetched from npm, so this stands in for it."""

import json
import time
import urllib.parse


class Morgue:
    def __init__(self, server):
        self.server = server
        self.config = None

    # Requests.

    def send(self, method, path, params=None, body=None, status=200, headers=None):
        query = "?" + urllib.parse.urlencode(params) if params else ""
        if isinstance(body, (dict, list)):
            body, headers = json.dumps(body, separators=(",", ":")), {"Content-Type": "application/json"}
        answer = self.server.request(method, path + query, data=body, headers={
            "Accept-Encoding": "gzip,deflate", **(headers or {})})
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        return answer

    def tell(self, *arguments, **options):
        """The answer's JSON, which has no `error`."""
        told = self.send(*arguments, **options).json()
        assert "error" not in told, told
        return told

    @property
    def token(self):
        return self.config["token"]

    @property
    def universe(self):
        return next(iter(self.config["universes"]))

    def about(self, project, **more):
        return {"token": self.token, "universe": self.universe, "project": project, **more}

    # Commands.

    def login(self, username, password):
        told = self.tell("POST", "/api/login", headers={
            "Content-Type": "application/x-www-form-urlencoded"},
            body=urllib.parse.urlencode({"username": username, "password": password}))
        assert told["token"] and isinstance(told["endpoints"], dict) and told["endpoints"]["post"]
        assert told["uid"] > 0 and told["user"]["uid"] > 0 and told["universe"]["id"] > 0
        assert told["universes"]
        assert all(e["protocol"] in ("http", "https") for e in told["endpoints"]["post"])
        self.config = told
        return told

    def logout(self):
        self.send("GET", "/api/logout", {"token": self.token})

    def bpg(self, *actions):
        told = self.tell("POST", "/api/bpg", {"token": self.token}, {"actions": list(actions)})
        assert len(told["results"]) == len(actions)
        return told

    def schema(self):
        told = self.bpg({"action": "schema", "model": "configuration"})
        assert told["results"][0]["text"] == "success"
        schema = told["results"][0]["result"]
        for fields in schema.values():
            for field in fields.values():
                assert field["type"] in ("integer", "text", "blob")
                assert isinstance(field["constraints"], list)
        return schema

    def check_row(self, fields, row):
        for name, value in row.items():
            if name.startswith("__"):
                continue
            kind = fields[name]["type"]  # a field that the schema lacks ends the client
            assert value is None or isinstance(value, int if kind == "integer" else str), (name, value)
            assert not isinstance(value, bool)

    def model(self):
        """All rows of all types, as most commands of the configuration begin."""
        schema = self.schema()
        types = list(schema)
        told = self.bpg(*({"action": "get", "type": f"configuration/{t}"} for t in types))
        rows = {}
        for kind, result in zip(types, told["results"]):
            assert result["text"] == "success", (kind, result)
            rows[kind] = result["result"]
            for row in rows[kind]:
                self.check_row(schema[kind], row)
        assert rows["universe"] and rows["users"]
        assert all("metadata" in row for row in rows["api_token"])
        return rows

    def project_of(self, rows, name):
        return next(row for row in rows["project"] if row["name"] == name)

    def project_create(self, name):
        self.schema()
        told = self.bpg({"action": "create", "type": "configuration/project", "object": {
            "pid": 0, "deleted": 0, "name": name, "owner": self.config["uid"],
            "universe": self.config["universe"]["id"]}})
        return told["results"][0]

    def token_create(self, project, *capabilities, metadata=None):
        pid = self.project_of(self.model(), project)["pid"]
        told = self.bpg({"action": "create", "type": "configuration/api_token",
                         "key": {"id": "0000"}, "cascade": False, "object": {
                             "id": "0000", "project": pid, "owner": self.config["uid"],
                             "capabilities": " ".join(capabilities), "metadata": metadata}})
        assert told["actions"][0]["action"] == "create"
        assert told["actions"][0]["type"] == "configuration/api_token"
        result = told["results"][0]
        if result["text"] == "success":
            assert {"id", "capabilities", "project", "owner"} <= set(result["result"])
        return result

    def put(self, project, body, format="json", sync=False, **more):
        params = self.about(project, format=format, **more)
        if sync:
            params["sync"] = "true"
        told = self.tell("POST", "/api/post", params, body, headers={
            "Content-Type": "application/octet-stream"})
        assert told["response"] == "ok"
        return told

    def query(self, project, body, **more):
        return self.tell("POST", "/api/query", self.about(project, **more), body)

    def describe(self, project):
        return self.query(project, {}, action="describe", disabled="false")["describe"]

    def list(self, project, filter=None, age=30 * 86400, **more):
        """`filter`: {attribute: [[operator, value], ...]}"""
        now = int(time.time())
        one = {**(filter or {})}
        one.setdefault("timestamp", [["at-least", now - age]])
        body = {"filter": [one], "virtual_columns": [], **more}
        if "select" not in more and "select_wildcard" not in more and "set" not in more:
            body["fold"] = {"timestamp": [["range"], ["bin", 32, now - age, now]], **more.get("fold", {})}
        told = self.query(project, body)
        footer = told["_"]
        assert {"user", "universe", "project", "latency"} <= set(footer)
        assert isinstance(footer["runtime"]["filter"]["rows"], int)
        return told

    def groups(self, project, **more):
        """{key: ({"op(attribute)": value}, rows)}"""
        told = self.list(project, **more)["response"]
        assert told["encoding"] == "rle"
        names = [name for name, _ in told["columns"]]
        return {key: (dict(zip(names, values)), rows) for key, values, rows in told["values"]}

    def ids(self, project, filter):
        """Those that other commands go on with: `select object`, without an age."""
        told = self.query(project, {"filter": [filter], "virtual_columns": [], "select": ["object"]})
        return [f"{row[1][0]:x}" if isinstance(row[1][0], int) else row[1][0]
                for row in self.rows(told)]

    @staticmethod
    def rows(told):
        from query_model import unpack_rows
        return unpack_rows(told["response"])

    def set(self, project, filter, **values):
        return self.query(project, {"filter": [filter], "virtual_columns": [], "set": values,
                                    "table": "objects"})

    def get(self, project, object_id, status=200, **more):
        answer = self.send("GET", "/api/get", self.about(project, object=object_id, **more),
                           status=status)
        if status == 200:  # without it the client dies
            assert "filename=" in answer.headers["Content-Disposition"]
        return answer

    def attachment_add(self, project, object_id, name, data, content_type=None):
        return self.tell("POST", "/api/post", self.about(project, object=object_id,
                                                         attachment_name=name), data,
                         headers={"Content-Type": content_type} if content_type else None)

    def attachment_list(self, project, object_id):
        told = self.tell("GET", "/api/list", self.about(project, object=object_id))["attachments"]
        for a in told:
            assert {"id", "name", "size", "content_type", "inline"} <= set(a)
        return told

    def delete(self, project, status=200, **body):
        return self.send("POST", "/api/delete", {"token": self.token, "universe": self.universe},
                         {"universe": self.universe, "project": project, **body}, status=status).json()

    def control(self, action, **body):
        return self.tell("POST", "/api/control", None, {"action": action, "token": self.token, **body})

    def sampling(self, action, **body):
        return self.tell("POST", "/api/sampling", None, {"action": action, "token": self.token, **body})

    def merge(self, project, *fingerprints):
        assert self.tell("GET", "/api/config", {"token": self.token})["services"] == []
        return self.act(project, "merge", *fingerprints)

    def act(self, project, what, *fingerprints):
        return self.query(project, {"actions": {"fingerprint": [
            {"type": what, "arguments": list(fingerprints)}]}})
