"""A server that looks at its rules every second, somebody who has logged in to it as morgue does, and
what the tests of retention and sampling look at."""

import json
import subprocess
import time

from conftest import BINARY
from errors import error
from morgue import Morgue

PASSWORD = "correct horse"
CONFIG = "[server]\nretention_interval_s = 1\nsweep_interval_s = 1\n"
EVERYTHING = {"_tx": [["at-least", 0]]}


def age(seconds, end=None):
    if end is not None:
        return {"type": "object-age", "op": "range", "time": str(seconds), "time_end": str(end)}
    return {"type": "object-age", "op": "at-least", "time": str(seconds)}


def more_than(count):
    return {"type": "fingerprint-count", "op": "more-than", "count": str(count)}


def rule(*criteria, subsets=None, compress=False):
    action = {"type": "compress"} if compress else {"type": "delete-all"}
    if subsets:
        action["subsets"] = subsets
    return {"criteria": list(criteria), "actions": [action]}


def wait_until(what, seconds=15):
    end = time.time() + seconds
    while not what():
        assert time.time() < end, "it has not come"
        time.sleep(0.05)


class Operator(Morgue):
    """With a project `demo`."""

    def __init__(self, server):
        super().__init__(server)
        done = subprocess.run([BINARY, "user", "create", "admin", "--role", "admin", "--password-file",
                               "-", "--data", server.data], input=PASSWORD, text=True,
                              capture_output=True)
        assert done.returncode == 0, done.stderr
        self.login("admin", PASSWORD)
        assert self.project_create("demo")["text"] == "success"

    def pid(self, project="demo"):
        return self.project_of(self.model(), project)["pid"]

    def configure(self, kind, key, **fields):
        """As morgue does: modify what there is, else create."""
        action = {"type": f"configuration/{kind}"}
        if any(all(row[n] == v for n, v in key.items()) for row in self.model()[kind]):
            action.update(action="modify", key=key, fields=fields)
        else:
            action.update(action="create", object={**key, **fields})
        assert self.bpg(action)["results"][0]["text"] == "success"

    def retention_set(self, *rules, project="demo"):
        self.configure("project_retention", {"project": self.pid(project)}, rules=json.dumps(rules))

    def sampling_set(self, *backoffs, project="demo", disabled=0, **more):
        text = {"type": "backoff", "backoffs": [{"count": c, "interval": i} for c, i in backoffs],
                "object_attributes": [], "reset_interval": 86400, "missing_symbols": {}, **more}
        self.configure("project_sampling", {"project": self.pid(project)},
                       configuration=json.dumps(text), disabled=disabled)

    def crash(self, *functions, project="demo", **attributes):
        body = error(functions=list(functions) or ["inner", "main"], attributes=attributes,
                     timestamp=int(time.time()))
        return self.put(project, json.dumps(body), sync=True)["object"]

    def all(self, project="demo"):
        return self.ids(project, EVERYTHING)

    def emptied(self, project="demo"):
        return self.ids(project, {"_deleted": [["equal", "1"]]})

    def files(self):
        """Names of large files."""
        return sorted(f.name for f in (self.server.directory / "data" / "blobs").glob("??/*"))
