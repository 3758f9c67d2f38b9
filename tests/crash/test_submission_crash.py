"""Nothing that was acknowledged over the Backtrace API is lost, and nothing happens twice: the server
is killed while it takes submissions, attachments and bucket tokens, and its disk fills up."""

import collections
import hashlib
import http.client
import json
import random
import re
import sqlite3
import subprocess
import threading
import time

import pytest

from conftest import BINARY, Server
from errors import error

KILLS = 25
COUNTING_KILLS = 12
SENDERS = 6
PAUSE_S = 0.004  # at most, between requests
METADATA = {"buckets": {"cts": {"attributes": ["fingerprint"], "set": {"marked": "yes"}, "ttl": 3600}}}


def content(rng, size):
    return hashlib.shake_128(rng.randbytes(16)).digest(size)


def multipart(parts):
    """(content type, body) of [(name, filename, bytes)]."""
    body = b"".join(
        b'--boundary\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s\r\n' % (
            name.encode(), filename.encode(), data) for name, filename, data in parts)
    return "multipart/form-data; boundary=boundary", body + b"--boundary--\r\n"


class Sender(threading.Thread):
    """Submits until the server is gone. Read by others only when it has ended."""

    def __init__(self, port, token, seed):
        super().__init__(daemon=True)
        self.port, self.token, self.rng = port, token, random.Random(seed)
        self.sent = {}          # uuid -> (body, {name: bytes}), whether or not there was an answer
        self.acknowledged = {}  # uuid -> answer
        self.attached = collections.defaultdict(dict)  # uuid -> {name: bytes} later, acknowledged
        self.attempted = collections.defaultdict(dict)  # the same, answered or not
        self.wrong = None       # an answer that should not have come

    def post(self, query, body, type="application/json"):
        self.connection.request("POST", f"/default/{self.token}/json{query}", body,
                                {"Content-Type": type})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            self.wrong = (answer.status, text)
            raise ValueError
        return json.loads(text)

    def send_report(self):
        report = error([f"crash{self.rng.randrange(8)}", "main"])
        body, kind = json.dumps(report).encode(), self.rng.random()
        files = {}
        if kind < 0.3:
            files = {"small": content(self.rng, 300), "large": content(self.rng, 100_000)}
        self.sent[report["uuid"]] = (body, files)
        if files:
            parts = [(f"attachment_{name}", name, data) for name, data in files.items()]
            type, body = multipart([("upload_file", "e.json", body), *parts])
            told = self.post("", body, type)
        else:
            told = self.post("?_mod_sync=1" if kind > 0.8 else "", body)
        self.acknowledged[report["uuid"]] = told

    def send_attachment(self):
        uuid = self.rng.choice(list(self.acknowledged))
        name = f"later{len(self.attempted[uuid])}"
        data = content(self.rng, self.rng.choice([10, 90_000]))
        self.attempted[uuid][name] = data
        rxid = self.acknowledged[uuid]["_rxid"]
        self.post(f"?object={rxid}&attachment_name={name}", data, "text/plain")
        self.attached[uuid][name] = data

    def send_again(self):
        uuid = self.rng.choice(list(self.acknowledged))
        told = self.post("", self.sent[uuid][0])
        if told["_rxid"] != self.acknowledged[uuid]["_rxid"]:
            self.wrong = (told, self.acknowledged[uuid])

    def run(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            while not self.wrong:
                kind = self.rng.random() if self.acknowledged else 1
                if kind < 0.1:
                    self.send_again()
                elif kind < 0.25:
                    self.send_attachment()
                else:
                    self.send_report()
                time.sleep(self.rng.uniform(0, PAUSE_S))
        except (OSError, http.client.HTTPException, ValueError):
            pass  # the server was killed, perhaps in the middle of an answer
        finally:
            self.connection.close()


def wait_until_processed(server):
    deadline = time.monotonic() + 120
    while not re.search(r"^crumple_uploads_waiting 0$", server.get("/metrics").text, re.M):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def rows(server, query):
    """From the database of a stopped server."""
    database = sqlite3.connect(server.data / "crumple.db")
    found = database.execute(query).fetchall()
    database.close()
    return found


def kill_often(server, kills, rng, make_senders):
    """The senders of all lives of the server."""
    every = []
    for _ in range(kills):
        server.start()
        senders = make_senders(server.port)
        for sender in senders:
            sender.start()
        time.sleep(rng.uniform(0.0, 0.3))
        server.kill()
        for sender in senders:
            sender.join(60)
            assert not sender.is_alive() and sender.wrong is None, sender.wrong
        every += senders
    return every


def test_killed_at_random_moments(tmp_path):
    seed = random.randrange(10 ** 6)
    print("seed", seed)
    rng = random.Random(seed)
    server = Server(tmp_path).start()
    token, reader = server.token("error:post", "sync:post"), server.token("object:get")
    server.stop()
    every = kill_often(server, KILLS, rng, lambda port: [Sender(port, token, rng.random())
                                                         for _ in range(SENDERS)])
    sent, acknowledged, attached, attempted = {}, {}, {}, {}
    for sender in every:
        sent.update(sender.sent)
        acknowledged.update(sender.acknowledged)
        attached.update(sender.attached)
        attempted.update(sender.attempted)
    print(len(sent), "sent,", len(acknowledged), "acknowledged")
    assert len(acknowledged) > KILLS * SENDERS

    server.start()
    wait_until_processed(server)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def get(path):
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (path, body)
        return body

    for uuid, told in acknowledged.items():
        body, files = sent[uuid]
        at = f"token={reader}&object={told['_rxid']}"
        assert get(f"/api/get?{at}") == body
        assert json.loads(get(f"/cts/reports/{told['_rxid']}"))["database_id"] == told["_rxid"]
        have = [a["name"] for a in json.loads(get(f"/api/list?{at}"))["attachments"]]
        must, may = {**files, **attached.get(uuid, {})}, {**files, **attempted.get(uuid, {})}
        assert len(have) == len(set(have)) and set(must) <= set(have) <= set(may), uuid
        for name in have:
            assert get(f"/api/get?{at}&attachment_name={name}") == may[name]
    # A client that got no answer sends again: the report is there already, or comes now.
    for uuid in rng.sample(sorted(set(sent) - set(acknowledged)),
                           min(50, len(sent) - len(acknowledged))):
        first = server.submit(token, sent[uuid][0])["_rxid"]
        assert server.submit(token, sent[uuid][0])["_rxid"] == first
    wait_until_processed(server)
    connection.close()
    server.stop()

    uploads = rows(server, "SELECT object, uuid, report FROM uploads ORDER BY object")
    assert len({uuid for _, uuid, _ in uploads}) == len(uploads)
    assert set(acknowledged) <= {uuid for _, uuid, _ in uploads} <= set(sent)
    numbers = [number for number, in rows(server, "SELECT number FROM reports ORDER BY number")]
    assert numbers == list(range(len(uploads)))
    assert sorted(report for _, _, report in uploads) == numbers
    # All was processed, so nothing of it is in the inbox any more.
    assert sum(p.stat().st_size for p in (server.data / "inbox").iterdir()) < 100_000
    assert list((server.data / "blobs" / "tmp").iterdir()) == []


class Counter(threading.Thread):
    """Uses bucket tokens until the server is gone."""

    def __init__(self, port, token, stacks, seed):
        super().__init__(daemon=True)
        self.port, self.token, self.stacks, self.rng = port, token, stacks, random.Random(seed)
        self.sent, self.acknowledged = collections.Counter(), collections.Counter()
        self.wrong = None

    def post(self, query, body, use=None):
        headers = {"X-Submission-Bucket": use} if use else {}
        self.connection.request("POST", f"/default/{self.token}/json{query}", body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            self.wrong = (answer.status, text)
            raise ValueError
        told = json.loads(text)
        if use and told.get("submission_bucket") != "counted":
            self.wrong = told
        return told

    def use_one(self):
        which = self.rng.randrange(len(self.stacks))
        stack = self.stacks[which]
        told = self.post("?_mod_sync=1", json.dumps(error(stack)))
        use, kind = told["buckets"]["cts"]["token"], self.rng.random()
        self.sent[which] += 1
        if kind < 0.4:
            self.post(f"?object={told['object']}&attachment_name=a", b"x", use)
        else:
            self.post("?_mod_sync=1" if kind < 0.6 else "", json.dumps(error(stack)), use)
        self.acknowledged[which] += 1

    def run(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            while not self.wrong:
                self.use_one()
        except (OSError, http.client.HTTPException, ValueError):
            pass
        finally:
            self.connection.close()


def test_counts_are_exact(tmp_path):
    """Every acknowledged use is counted once; no use is counted twice."""
    seed = random.randrange(10 ** 6)
    print("seed", seed)
    rng = random.Random(seed)
    stacks = [[f"counted{i}", "main"] for i in range(3)]
    server = Server(tmp_path).start()
    token = server.token("error:post", "sync:post", metadata=METADATA)
    server.stop()
    every = kill_often(server, COUNTING_KILLS, rng, lambda port: [
        Counter(port, token, stacks, rng.random()) for _ in range(SENDERS)])
    sent = sum((c.sent for c in every), collections.Counter())
    acknowledged = sum((c.acknowledged for c in every), collections.Counter())
    print(sent, "sent,", acknowledged, "acknowledged")
    assert sum(acknowledged.values()) > COUNTING_KILLS

    server.start()
    wait_until_processed(server)
    counts = [server.submit(token, error(stack), params={"_mod_sync": "1"})["buckets"]["cts"]["count"]
              for stack in stacks]
    for which, count in enumerate(counts):
        assert acknowledged[which] <= count <= sent[which], which
    server.stop()
    # Each use has left its mark on one object: a use that was counted is one that set something.
    marked, = rows(server, "SELECT count(*) FROM uploads WHERE attributes LIKE '%\"marked\"%'")[0]
    assert marked == sum(counts)


def test_sigterm_with_a_backlog(tmp_path):
    """What was acknowledged and not yet processed is processed before the end, or after the start."""
    server = Server(tmp_path).start()
    token = server.token("error:post")
    senders = [Sender(server.port, token, i) for i in range(SENDERS)]
    for sender in senders:
        sender.send_attachment = sender.send_report  # nothing but reports, and without a pause
        sender.start()
    time.sleep(0.5)
    server.stop()
    acknowledged = {}
    for sender in senders:
        sender.join(60)
        if sender.wrong:
            assert sender.wrong[0] in (403, 503), sender.wrong  # sync:post is missing; it ends
        acknowledged.update(sender.acknowledged)
    server.start()
    wait_until_processed(server)
    server.stop()
    uuids = [uuid for uuid, in rows(server, "SELECT uuid FROM uploads")]
    assert len(set(uuids)) == len(uuids) and set(acknowledged) <= set(uuids)


@pytest.mark.parametrize("small_disk", [32], indirect=True)
def test_full_disk(small_disk):
    """Submissions are refused, none that was acknowledged is lost, and all goes on afterwards."""
    server = small_disk
    rng = random.Random(3)
    token, reader = server.token("error:post"), server.token("object:get")
    ballast = server.data / "ballast"
    ballast.write_bytes(b"x" * (30 << 20))
    kept = {}

    def report():
        return json.dumps(error(attributes={"noise": rng.randbytes(8000).hex()})).encode()

    def submit(body):
        answer = server.request("POST", f"/default/{token}/json", data=body)
        if answer.status_code == 200:
            kept[answer.json()["_rxid"]] = body
        return answer

    for _ in range(2000):
        answer = submit(report())
        if answer.status_code != 200:
            break
    print(len(kept), "fitted")
    assert answer.status_code == 507, answer.text
    assert answer.json()["error"]["message"] and isinstance(answer.json()["error"]["code"], int)
    assert len(kept) > 10
    # A file does not fit either, and leaves nothing behind.
    large = server.request("POST", f"/default/{token}/minidump", data=b"MDMP" + rng.randbytes(3 << 20))
    assert large.status_code == 507, large.text
    assert list((server.data / "blobs" / "tmp").iterdir()) == []
    assert server.is_running()

    ballast.unlink()
    deadline = time.monotonic() + 30
    while submit(report()).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    wait_until_processed(server)
    server.restart()
    for rxid, body in kept.items():
        assert server.fetch(reader, rxid).content == body
        server.get(f"/cts/reports/{rxid}")
    assert server.request("GET", "/health").status_code == 200


def test_killed_with_a_long_backlog(tmp_path):
    """A burst that is acknowledged faster than it is grouped, and kills while it is being caught up."""
    count = 3000
    lines = tmp_path / "burst.jsonl"
    with open(lines, "wb") as out:
        subprocess.run([BINARY.parent / "tools" / "gen-reports", str(count), "--backtrace"],
                       stdout=out, check=True)
    uuids = {json.loads(line)["uuid"] for line in lines.read_text().splitlines()}
    server = Server(tmp_path).start()
    token = server.token("error:post")
    done = subprocess.run([BINARY, "bench", "ingest", f"{server.url}/default/{token}/json", lines],
                          capture_output=True, text=True, timeout=120)
    server.kill()
    told = json.loads(done.stdout)
    assert (told["reports"], told["errors"]) == (count, 0), done.stderr
    for _ in range(3):
        server.start()
        time.sleep(0.1)
        server.kill()
    server.start()
    # While it catches up, an old report that comes again is known already.
    again = json.loads(lines.read_text().splitlines()[-1])
    receipts = {server.submit(token, again)["_rxid"] for _ in range(2)}
    wait_until_processed(server)
    receipts.add(server.submit(token, again)["_rxid"])
    assert len(receipts) == 1
    server.stop()
    stored = [uuid for uuid, in rows(server, "SELECT uuid FROM uploads")]
    assert sorted(stored) == sorted(uuids)
    assert rows(server, "SELECT count(*), max(number) FROM reports") == [(count, count - 1)]


def all_reports(server):
    return server.get("/cts/search", params={"since": "2000-01-01", "size": "100"}).json()


def test_deleted_reports_stay_deleted(make_server):
    """The inbox still holds them, for its file goes only when all in it is done."""
    server = make_server("--allow-delete-all")
    token, reader = server.token("error:post", "sync:post"), server.token("object:get")
    gone = [server.submit(token, error([f"gone{i}"]), params={"_mod_sync": "1"})["_rxid"]
            for i in range(5)]
    assert server.request("DELETE", "/reports").status_code in (200, 204)
    assert all_reports(server) == []
    kept = server.submit(token, error(["kept"]), params={"_mod_sync": "1"})["_rxid"]
    server.kill()
    server.start()
    wait_until_processed(server)
    assert [report["database_id"] for report in all_reports(server)] == [kept]
    for rxid in gone:
        assert server.request("GET", "/api/get", params={"object": rxid, "token": reader}).status_code == 404
    # Large files of what was deleted go at the next start, and others stay.
    large = server.submit(token, b"MDMP" + b"1" * 200000, format="minidump")["_rxid"]
    wait_until_processed(server)
    files = [path for path in (server.data / "blobs").glob("??/*")]
    assert len(files) == 1
    server.restart()
    assert server.fetch(reader, large).content == b"MDMP" + b"1" * 200000
    server.request("DELETE", "/reports")
    kept_file = server.submit(token, b"MDMP" + b"2" * 200000, format="minidump")["_rxid"]
    server.kill()
    server.start()
    wait_until_processed(server)
    assert [path for path in files if path.exists()] == []
    assert server.fetch(reader, kept_file).content == b"MDMP" + b"2" * 200000
    # A uuid that was deleted may come again.
    again = error(["again"])
    first = server.submit(token, again)["_rxid"]
    wait_until_processed(server)
    server.request("DELETE", "/reports")
    assert server.submit(token, again)["_rxid"] != first


def test_waiting_uploads_are_processed_once(make_server):
    """Killed, with the upload in the inbox as well as, waiting for its decoder, in the store."""
    server = make_server()
    token, reader = server.token("error:post", "sync:post", metadata=METADATA), server.token("object:get")
    told = server.submit(token, error(["patience"]), params={"_mod_sync": "1"})
    kind, body = multipart([("upload_file", "r.json", json.dumps(error(["patience"])).encode()),
                            ("attachment_a.txt", "a.txt", b"once")])
    rxid = server.request("POST", f"/default/{token}/json", data=body, headers={
        "Content-Type": kind, "X-Submission-Bucket": told["buckets"]["cts"]["token"]}).json()["_rxid"]
    wait_until_processed(server)
    server.kill()
    database = sqlite3.connect(server.data / "crumple.db")
    database.execute("DELETE FROM reports")
    database.execute("UPDATE uploads SET state = 1, report = NULL")
    database.commit()
    database.close()
    server.start()
    wait_until_processed(server)
    assert len(all_reports(server)) == 2
    assert [a["name"] for a in server.attachments(reader, rxid)] == ["a.txt"]
    told = server.submit(token, error(["patience"]), params={"_mod_sync": "1"})
    assert told["buckets"]["cts"]["count"] == 1
