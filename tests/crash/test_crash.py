"""Nothing acknowledged is lost: the server is killed, its disk fills up, it is told to end, and what
it said before must hold afterwards."""

import http.client
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

from conftest import BINARY, Server
from crashes import THRESHOLDS, WORDS, report

KILLS = 50
SENDERS = 4
PAUSE_S = 0.005  # at most, between requests: each report is read back several times


def make_report(rng, database_id):
    """Few bugs, so that most reports join others; frames vary, so that scores do."""
    bug = rng.randrange(12)
    names = [f"{WORDS[bug]}{word.capitalize()}" for word in rng.sample(WORDS, rng.randint(2, 6))]
    more = {"force_bucket": "forced:1"} if rng.random() < 0.03 else {}
    return report(database_id, [f"{WORDS[bug]}Crash", *names, "main"],
                  project=f"project {bug % 4}", cpu=rng.choice(["amd64", "arm64"]), **more)


class Sender(threading.Thread):
    """Sends reports one by one or in lists until the server is gone. Owns what it has sent and what
    was acknowledged; read by others only when it has ended."""

    def __init__(self, port, name, seed):
        super().__init__(daemon=True)
        self.port, self.prefix, self.rng = port, name, random.Random(seed)
        self.sent = {}          # id -> report, whether or not there was an answer
        self.acknowledged = {}  # id -> what the server answered
        self.wrong = None       # an answer that should not have come

    def bodies(self):
        """Endlessly: a report, or a list of some; now and then one that was sent before."""
        number = 0
        while True:
            items = []
            for _ in range(self.rng.choice([1, 1, 1, 5])):
                number += 1
                items.append(make_report(self.rng, f"{self.prefix}:{number}"))
            if self.sent and self.rng.random() < 0.1:
                items.append(self.rng.choice(list(self.sent.values())))
            yield items

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            for items in self.bodies():
                self.sent.update((r["database_id"], r) for r in items)
                body = json.dumps(items if len(items) > 1 else items[0])
                connection.request("POST", "/reports", body)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status not in (201, 303):
                    self.wrong = (answer.status, text)
                    return
                if answer.status == 201:
                    told = json.loads(text)
                    for one in told if isinstance(told, list) else [told]:
                        self.acknowledged[one["database_id"]] = one
                time.sleep(self.rng.uniform(0, PAUSE_S))
        except (OSError, http.client.HTTPException, ValueError):
            pass  # the server was killed, perhaps in the middle of an answer
        finally:
            connection.close()


def decided(assignment):
    """What may never change in an assignment."""
    buckets = assignment["buckets"]
    match = buckets["top_match"]
    return ({t: buckets[t]["id"] for t in THRESHOLDS},
            match and (match["report_id"], match["score"]))


class Readers:
    """GETs over one kept connection: thousands of them are needed."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def get(self, path):
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        body = answer.read()
        return answer.status, body

    def stored(self, database_id):
        """The report by its id, or None."""
        status, body = self.get(f"/reports/{database_id}")
        assert status in (200, 404), (status, body)
        return json.loads(body) if status == 200 else None


def check_told(server, acknowledged):
    reader = Readers(server)
    for database_id, told in acknowledged.items():
        path = told["href"].split("/", 3)[3]
        status, body = reader.get("/" + path)
        assert status == 200, (database_id, status, body)
        assert decided(json.loads(body)) == decided(told), database_id


def indexed_reports(server):
    return int(re.search(r"^crumple_index_reports (\d+)$", server.get("/metrics").text, re.M)[1])


def stored_order(server):
    """The ids in the order of their commits, from the database of a stopped server."""
    database = sqlite3.connect(server.directory / "data" / "crumple.db")
    rows = database.execute("SELECT number, database_id FROM reports ORDER BY number").fetchall()
    database.close()
    assert [number for number, _ in rows] == list(range(len(rows)))
    return [database_id for _, database_id in rows]


def import_afresh(tmp_path, reports, threshold):
    """Bucket, nearest report and score of each report when all are imported into an empty store."""
    lines, out = tmp_path / "in.jsonl", tmp_path / "out.tsv"
    lines.write_text("".join(json.dumps(r) + "\n" for r in reports))
    subprocess.run([str(BINARY), "import", str(lines), "--data", str(tmp_path / f"fresh{threshold}"),
                    "--assignments", str(out), "--scores", "--threshold", threshold],
                   check=True, capture_output=True, timeout=120)
    rows = [line.split("\t") for line in out.read_text().splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_killed_at_random_moments(tmp_path):
    seed = random.randrange(10 ** 6)
    print("seed", seed)
    rng = random.Random(seed)
    server = Server(tmp_path)
    sent, acknowledged = {}, {}
    for kill in range(KILLS):
        server.start()
        senders = [Sender(server.port, f"{kill}:{i}", rng.random()) for i in range(SENDERS)]
        for sender in senders:
            sender.start()
        time.sleep(rng.uniform(0.0, 0.25))
        server.kill()
        new = {}
        for sender in senders:
            sender.join(60)
            assert not sender.is_alive() and sender.wrong is None, sender.wrong
            sent.update(sender.sent)
            new.update(sender.acknowledged)
        acknowledged.update(new)
        if kill % 10 == 9:
            server.start()
            check_told(server, new)
            server.kill()

    server.start()
    print(len(sent), "sent,", len(acknowledged), "acknowledged")
    assert len(acknowledged) > KILLS
    check_told(server, acknowledged)
    # Once each: every report in the index is one that was sent, and found by its id.
    reader = Readers(server)
    there = {i: found for i in sent if (found := reader.stored(i)) is not None}
    assert set(acknowledged) <= set(there)
    assert indexed_reports(server) == len(there)
    # A sender that got no answer tries again: the report is there or taken now, once.
    for database_id in rng.sample(sorted(sent), 100):
        answer = server.request("POST", "/reports", json=sent[database_id])
        assert answer.status_code == (303 if database_id in there else 201)
        there.setdefault(database_id, None)
    assert indexed_reports(server) == len(there)
    there = {i: reader.stored(i) for i in there}
    server.stop()

    # The index that went through all this decided as one that never was interrupted.
    order = stored_order(server)
    assert sorted(order) == sorted(there)
    for threshold in ("1.0", "4.0", "8.0"):
        fresh = import_afresh(tmp_path, [sent[i] for i in order], threshold)
        assert set(fresh) == set(order)
        for database_id, (bucket, *match) in fresh.items():
            buckets, told_match = decided(there[database_id])
            assert buckets[threshold] == bucket, database_id
            assert (match[0] or None) == (told_match and told_match[0]), database_id
            if told_match:
                assert float(match[1]) == pytest.approx(float(told_match[1]), rel=1e-6)


def test_second_server_is_refused(server):
    done = subprocess.run([str(BINARY), "serve", "--data", str(server.directory / "data"),
                           "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"in use by another server (process {server.process.pid})" in done.stderr
    server.post("/reports", report("still:1", project="P"))


def test_sigterm_finishes_what_is_in_flight(tmp_path):
    server = Server(tmp_path).start()
    rng = random.Random(1)
    many = [make_report(rng, f"r:{i}") for i in range(3000)]
    answers = []

    def send():
        answers.append(server.request("POST", "/reports", json=many))

    sender = threading.Thread(target=send)
    sender.start()
    reader = Readers(server)
    while b"\ncrumple_uploads_in_flight 1\n" not in reader.get("/metrics")[1]:
        assert sender.is_alive()
    server.process.send_signal(signal.SIGTERM)
    sender.join(60)
    assert answers and answers[0].status_code == 201
    told = {one["database_id"]: one for one in answers[0].json()}
    assert len(told) == 3000
    server.wait()
    server.start()
    assert indexed_reports(server) == 3000
    check_told(server, told)
    server.stop()


def noise(rng, size):
    return "".join(rng.choice("0123456789abcdef") for _ in range(size))


def test_full_disk(small_disk):
    server = small_disk
    rng = random.Random(2)
    ballast = server.directory / "data" / "ballast"
    ballast.write_bytes(b"x" * (4 << 20))

    def big(number):
        return report(f"r:{number}", ["someCrash", "main"], project="P", text=noise(rng, 20000))

    told, number = {}, 0
    while True:
        answer = server.request("POST", "/reports", json=big(number))
        if answer.status_code != 201:
            break
        told[f"r:{number}"] = answer.json()
        number += 1
        assert number < 1000
    assert answer.status_code == 507, answer.text
    assert answer.json()["error"] and "full" in answer.json()["message"]
    assert re.search(r" error batch_failed .*full", server.log())
    assert server.request("GET", "/health").status_code == 503
    # Reading goes on, and so do refusals.
    assert number > 0
    check_told(server, told)
    assert server.request("POST", "/reports", json=big(number)).status_code == 507
    assert indexed_reports(server) == number

    ballast.unlink()
    told[f"r:{number}"] = server.post("/reports", big(number)).json()
    number += 1
    assert server.request("GET", "/health").status_code == 200
    assert re.search(r" writes_return ", server.log())
    server.restart()
    assert indexed_reports(server) == number
    check_told(server, told)
