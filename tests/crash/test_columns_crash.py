"""Columns after an end of the server, expected or not: the rows and issues that a start makes from the
columns' file and the log behind it are those that it makes without the file, and those that were there."""

import json
import random
import shutil

import pytest

from conftest import Server
from crashes import report
from errors import error
from query_model import unpack_rows

ROUNDS = 6
CHANGES = 15


class Place:
    def __init__(self, folder, rnd):
        self.rnd = rnd
        self.server = Server(folder).start()
        self.writer = self.server.token("error:post", "sync:post")
        self.reader = self.server.token("query:post", "object:get")
        self.number = 0

    def send(self, path, body):
        return self.server.request("POST", path, json=body, params={
            "token": self.reader, "project": "cts"})

    def ask(self, body, server=None):
        answer = (server or self.server).request("POST", "/api/query", json=body, params={
            "token": self.reader, "project": "cts"})
        assert answer.status_code == 200, answer.text
        return answer.json()["response"]

    def fingerprints(self):
        groups = self.ask({"group": ["fingerprint"]})["values"]
        return [group[0] for group in groups if group[0] != "*"]

    def submit(self):
        self.server.submit(self.writer, params={"_mod_sync": "1"}, body=error(
            functions=[f"f{self.rnd.randrange(5)}", "main"],
            attributes={"n": self.rnd.randrange(9), "host": f"h{self.rnd.randrange(4)}"}))

    def post(self):
        self.server.post("/cts/reports", report(f"x:{self.number}", ["a", f"b{self.rnd.randrange(3)}"],
                                                colour=self.rnd.choice("rgb")))

    def set(self):
        self.send("/api/query", {"filter": [{"n": [["equal", self.rnd.randrange(9)]]}],
                                 "set": {"mark": self.rnd.choice(["t", "u", None])}})

    def merge(self):
        known = self.fingerprints()
        if len(known) > 1:
            self.send("/api/query", {"actions": {"fingerprint": [
                {"type": self.rnd.choice(["merge", "unmerge"]), "arguments": self.rnd.sample(known, 2)}]}})

    def delete(self):
        ids = [f"{i:x}" for i, _ in unpack_rows(self.ask({"select": ["object"]}))]
        subsets = {"subsets": ["physical"]} if self.rnd.random() < 0.5 else {}
        if ids:
            self.send("/api/delete", {"project": "cts", "objects": self.rnd.sample(ids, 1), **subsets})

    def say(self):
        known = self.fingerprints()
        if known:
            self.send("/api/query", {
                "table": "issues", "filter": [{"fingerprint": [["equal", self.rnd.choice(known)]]}],
                "set": {"state": self.rnd.choice(["muted", "open"]), "tags": f"t{self.number}"}})

    def change(self, times):
        for _ in range(times):
            self.number += 1
            [how] = self.rnd.choices([self.submit, self.post, self.set, self.merge, self.delete, self.say],
                                     [60, 10, 10, 8, 7, 5])
            how()

    def rows(self, server=None):
        """All cells of both tables. A column's type may become narrower with a start: as texts."""
        told = {}
        for table in ("objects", "issues"):
            response = self.ask({"select_wildcard": {"physical": True}, "table": table}, server)
            names = [name for name, _ in response["columns"]]
            told[table] = sorted(
                [str(i) if table == "objects" else ""] + sorted(
                    f"{name}={json.dumps(value).strip(chr(34))}"
                    for name, value in zip(names, values) if value is not None)
                for i, values in unpack_rows(response))
        return told


@pytest.mark.parametrize("seed", [1, 2])
def test_with_the_file_and_without(tmp_path, seed):
    (tmp_path / "first").mkdir()
    place = Place(tmp_path / "first", random.Random(seed))
    place.change(8)
    used = 0
    for number in range(ROUNDS):
        place.change(CHANGES)
        before = place.rows()
        place.rnd.choice([place.server.stop, place.server.kill])()
        other = tmp_path / f"copy{number}"
        shutil.copytree(place.server.data, other / "data")
        used += (other / "data" / "columns.ckp").exists()
        (other / "data" / "columns.ckp").unlink(missing_ok=True)
        place.server.start()
        without = Server(other).start()
        assert place.rows() == place.rows(without) == before
        without.stop()
    assert used > 0
    place.server.stop()
