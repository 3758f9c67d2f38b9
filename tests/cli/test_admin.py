"""Projects, tokens and users by hand: `crumple project|token|user`, with and without a server."""

import fcntl
import json
import os
import re
import select
import signal
import sqlite3
import subprocess
import termios
import time

import pytest

from conftest import BINARY

SEED_METADATA = ('{"buckets":{"cts":{"attributes":["fingerprint","uname.sysname"],'
                 '"set":{"has_advanced_log":"1"}}}}')


class Place:
    """A data directory without a server."""

    def __init__(self, data):
        self.data = data

    def run(self, *words, **options):
        return subprocess.run([str(BINARY), *map(str, words), "--data", str(self.data)], text=True,
                              capture_output=True, timeout=60, **options)

    def ok(self, *words, **options):
        done = self.run(*words, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, status, part, *words, **options):
        done = self.run(*words, **options)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        assert part in done.stderr, done.stderr
        assert done.stdout == ""
        assert done.stderr.startswith(f"crumple {words[0]} {words[1]}: ")

    def token(self, *words, project="cts"):
        done = self.run("token", "create", "--project", project, *words)
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(r"[0-9a-f]{64}\n", done.stdout)
        return done.stdout.strip(), done.stderr

    def table(self, *words):
        """The rows of a list, as lists of cells by heading."""
        lines = self.ok(*words).splitlines()
        starts = [m.start() for m in re.finditer(r"\S+", lines[0])] + [None]
        names = lines[0].split()
        return [{name: line[starts[i]:starts[i + 1]].strip() for i, name in enumerate(names)}
                for line in lines[1:]]

    def has_none(self, *words):
        """The list is empty, or there is not even a database."""
        return not (self.data / "crumple.db").exists() or self.table(*words) == []


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "data")


@pytest.mark.parametrize("words", [
    ("project", "list"), ("user", "list"), ("token", "list"), ("token", "list", "--project", "p"),
    ("user", "remove", "ada"), ("token", "revoke", "1")])
def test_what_is_not_there_is_not_made(place, words):
    place.refused(1, f"there is no crumple.db in {place.data}", *words)
    assert not place.data.exists()
    place.data.mkdir()
    place.refused(1, "there is no crumple.db", *words)
    assert not list(place.data.iterdir())


# Projects.


def test_projects(place):
    place.ok("project", "create", "Ubuntu Core")
    place.ok("project", "create", "shop", "--universe", "acme")
    place.ok("project", "create", "Größe", "--universe=acme")
    place.token("--capability", "error:post", project="shop")
    rows = {row["PROJECT"]: (row["UNIVERSE"], row["TOKENS"])
            for row in place.table("project", "list")}
    assert {row["DELETED"] for row in place.table("project", "list")} == {"-"}
    assert rows == {"Ubuntu Core": ("default", "0"), "shop": ("acme", "1"), "Größe": ("acme", "0")}


@pytest.mark.parametrize("words,status,part", [
    (["shop"], 1, "shop"),
    (["shop", "--universe", "acme"], 1, "shop"),
    (["api"], 2, "api"),
    (["x", "--universe", "post"], 2, 'a universe cannot be called "post"'),
    (["x", "--universe", ""], 2, "1 to 256 bytes"),
    (["x", "--universe", "submit.backtrace.io"], 2, "has a meaning in URLs"),
    (["x", "--universe", "a/b"], 2, "stands in URLs"),
    (["x", "--universe", "a b"], 2, "stands in URLs"),
    (["x", "--universe", "50%"], 2, "stands in URLs"),
    (["x", "--universe", "a&b"], 2, "stands in URLs"),
    (["x", "--universe", "."], 2, "has a meaning in URLs"),
    (["x", "--universe", "a\nb"], 2, "control character"),
    ([b"\xff"], 2, "UTF-8"),
    ([], 2, "NAME is missing"),
], ids=str)
def test_projects_refused(place, words, status, part):
    place.ok("project", "create", "shop")
    done = subprocess.run([str(BINARY), "project", "create", *words, "--data", str(place.data)],
                          capture_output=True, timeout=60)
    assert done.returncode == status, done.stderr
    assert part.encode() in done.stderr
    assert done.stdout == b""


# Tokens.


def test_token_create_and_list(place):
    sends, note = place.token("--capability", "error:post", "--capability", "sync:post",
                              "--metadata=" + SEED_METADATA)
    assert "The project cts was not there" in note
    reads, note = place.token("--capability", "query:post,object:get error:post", project="other")
    assert "write it down now" in note
    again, note = place.token("--capability", "error:post")
    assert "was not there" not in note and "write it down" not in note
    assert len({sends, reads, again}) == 3
    assert place.table("token", "list") == [
        {"NUMBER": "1", "PROJECT": "cts", "CAPABILITIES": "error:post sync:post", "TOKEN": sends,
         "OWNER": "-", "METADATA": SEED_METADATA},
        {"NUMBER": "2", "PROJECT": "other", "CAPABILITIES": "error:post object:get query:post",
         "TOKEN": "(hashed)", "OWNER": "-", "METADATA": "-"},
        {"NUMBER": "3", "PROJECT": "cts", "CAPABILITIES": "error:post", "TOKEN": again,
         "OWNER": "-", "METADATA": "-"},
    ]
    assert [row["NUMBER"] for row in place.table("token", "list", "--project", "cts")] == ["1", "3"]
    place.refused(1, 'no project "nowhere"', "token", "list", "--project", "nowhere")


def test_text_of_a_reading_token_is_not_kept(place):
    reads, _ = place.token("--capability", "object:get")
    sends, _ = place.token("--capability", "error:post")
    with sqlite3.connect(place.data / "crumple.db") as db:
        dump = "\n".join(db.iterdump())
    db.close()
    assert sends in dump
    assert reads not in dump
    assert not any(reads.encode() in path.read_bytes() for path in place.data.rglob("*")
                   if path.is_file())


def test_terminals_get_no_control_characters(place):
    place.token("--capability", "error:post", "--metadata", '{"a":\n\t"\x1b[31m"}'.replace(
        "\x1b", "\x7f\u009b"))
    out = place.ok("token", "list")
    assert len(out.splitlines()) == 2
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out)


@pytest.mark.parametrize("words,status,part", [
    ([], 2, "--project is missing"),
    (["--project", "p"], 2, "--capability is missing"),
    (["--project", "p", "--capability", "error"], 2, 'no capability "error"'),
    (["--project", "p", "--capability", ""], 2, "at least one capability"),
    (["--project", "api", "--capability", "error:post"], 2, 'called "api"'),
    (["--project", "p", "--capability", "error:post", "--metadata", "{"], 2, "metadata: line 1"),
    (["--project", "p", "--capability", "error:post", "--metadata", SEED_METADATA], 2,
     "error:post and sync:post"),
    (["--project", "p", "--capability", "error:post,sync:post", "--metadata",
      '{"buckets":{"a":{"attributes":["x"]},"b":{"attributes":["x"]}}}'], 2,
     "2 submission buckets"),
    (["--project", "p", "--capability", "error:post", "--owner", "nobody"], 1,
     "crumple user create"),
    (["--project", "p", "--capability", "error:post", "more"], 2, "one argument too many"),
], ids=lambda x: " ".join(x)[:70] if isinstance(x, list) else "")
def test_tokens_refused(place, words, status, part):
    place.refused(status, part, "token", "create", *words)
    assert place.has_none("token", "list")
    assert place.has_none("project", "list")


def test_revoke(place):
    first, _ = place.token("--capability", "error:post")
    hashed, _ = place.token("--capability", "query:post")
    third, _ = place.token("--capability", "error:post")
    assert place.ok("token", "revoke", "1") == "token 1 of the project cts is revoked\n"
    assert place.ok("token", "revoke", hashed) == "token 2 of the project cts is revoked\n"
    assert [row["TOKEN"] for row in place.table("token", "list")] == [third]
    place.refused(1, "crumple token list", "token", "revoke", first)
    place.refused(1, "crumple token list", "token", "revoke", "1")
    place.refused(1, "crumple token list", "token", "revoke", "0" * 64)
    place.refused(2, "neither", "token", "revoke", "x")
    place.refused(2, "neither", "token", "revoke", third[:63])
    place.refused(2, "TOKEN is missing", "token", "revoke")
    fourth, _ = place.token("--capability", "error:post")
    numbers = [int(row["NUMBER"]) for row in place.table("token", "list")]
    assert numbers == sorted(set(numbers)) and min(numbers) == 3, "numbers are not given twice"
    assert fourth != third


# Users.


def test_users(place, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    assert place.ok("user", "create", "ada", "--role", "admin", "--password-file", secret) == \
        "user ada is there, as admin\n"
    place.ok("user", "create", "bob", "--password-file", "-", input="battery staple")
    place.refused(1, 'a user "ada" already', "user", "create", "ada", "--password-file", secret)
    rows = place.table("user", "list")
    assert [(row["USER"], row["ROLE"]) for row in rows] == [("ada", "admin"), ("bob", "member")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", row["CREATED"]) for row in rows)
    assert not any(b"correct horse" in path.read_bytes() for path in place.data.rglob("*")
                   if path.is_file())
    place.token("--capability", "error:post", "--owner", "bob")
    assert place.table("token", "list")[0]["OWNER"] == "bob"
    done = place.run("user", "remove", "bob")
    assert (done.returncode, done.stdout) == (0, "user bob is gone\n")
    assert "1 token" in done.stderr
    assert [row["USER"] for row in place.table("user", "list")] == ["ada"]
    place.refused(1, "crumple user list", "user", "remove", "bob")


@pytest.mark.parametrize("password,status,part", [
    ("short", 2, "at least 8"),
    ("", 2, "at least 8"),
    ("long enough\nand more\n", 2, "a second"),
    ("x" * 1025 + "\n", 2, "more than 1024"),
    ("x" * 100000, 2, "more than 1024"),
])
def test_passwords_refused(place, password, status, part):
    place.refused(status, part, "user", "create", "ada", "--password-file", "-", input=password)
    assert place.has_none("user", "list")


def test_passwords_taken(place):
    for i, password in enumerate(["x" * 1024, "x" * 1024 + "\n", "12345678\r\n", "  spaces  "]):
        place.ok("user", "create", f"u{i}", "--password-file", "-", input=password)


def test_what_users_are_bound_to(place):
    for project in ("shop", "cart", "till"):
        place.ok("project", "create", project)
    for name, *words in [("ada", "--role", "admin"), ("bob", "--project", "shop", "--project",
                                                      "cart", "--email", "bob@example.com"),
                         ("gus", "--role", "guest")]:
        place.ok("user", "create", name, *words, "--password-file", "-", input="battery staple")
    rows = {row["USER"]: (row["ROLE"], row["E-MAIL"], row["PROJECTS"])
            for row in place.table("user", "list")}
    assert rows == {"ada": ("admin", "-", "(all)"), "bob": ("member", "bob@example.com",
                                                            "shop cart"),
                    "gus": ("guest", "-", "-")}
    refused = lambda status, part, *words: place.refused(
        status, part, "user", "create", "eve", *words, "--password-file", "-",
        input="battery staple")
    refused(1, 'no project "nothing"', "--project", "nothing")
    refused(1, 'no universe "nowhere"', "--universe", "nowhere")
    refused(2, "e-mail", "--email", "nobody")
    assert len(place.table("user", "list")) == 3


def test_users_refused(place, tmp_path):
    place.refused(2, "--password-file is missing", "user", "create", "ada",
                  stdin=subprocess.DEVNULL)
    place.refused(1, "no/such", "user", "create", "ada", "--password-file", tmp_path / "no/such")
    place.refused(2, 'not "root"', "user", "create", "ada", "--role", "root")
    place.refused(2, "1 to 256 bytes", "user", "create", "")
    place.refused(2, "NAME is missing", "user", "create")


class Terminal:
    """A command that asks at a terminal."""

    def __init__(self, place, *words):
        self.leader, follower = os.openpty()
        self.follower = follower
        self.process = subprocess.Popen(
            [str(BINARY), *words, "--data", str(place.data)], stdin=follower, stdout=follower,
            stderr=follower, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.seen = ""

    def expect(self, text, timeout=20):
        end = time.monotonic() + timeout
        while text not in self.seen:
            ready, _, _ = select.select([self.leader], [], [], max(0, end - time.monotonic()))
            assert ready, self.seen
            self.seen += os.read(self.leader, 65536).decode()

    def type(self, text):
        os.write(self.leader, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.follower)[3] & termios.ECHO)

    def end(self):
        status = self.process.wait(timeout=60)
        os.close(self.follower)
        while True:
            try:
                more = os.read(self.leader, 65536).decode()
            except OSError:
                break
            if not more:
                break
            self.seen += more
        os.close(self.leader)
        return status


def test_password_at_a_terminal(place):
    terminal = Terminal(place, "user", "create", "ada")
    terminal.expect("Password: ")
    assert not terminal.echoes()
    terminal.type("correct horse\n")
    terminal.expect("again: ")
    terminal.type("correct horse\n")
    terminal.expect("user ada is there")
    assert terminal.echoes()
    assert terminal.end() == 0
    assert "correct horse" not in terminal.seen
    assert [row["USER"] for row in place.table("user", "list")] == ["ada"]


def test_two_different_passwords(place):
    terminal = Terminal(place, "user", "create", "ada")
    terminal.expect("Password: ")
    terminal.type("correct horse\n")
    terminal.expect("again: ")
    terminal.type("correct house\n")
    terminal.expect("not the same")
    assert terminal.echoes()
    assert terminal.end() == 2
    assert place.has_none("user", "list")


def test_interrupted_password(place):
    """The terminal echoes again, and the program ends by the signal."""
    terminal = Terminal(place, "user", "create", "ada")
    terminal.expect("Password: ")
    terminal.type("correct\x03")
    assert terminal.process.wait(timeout=20) == -signal.SIGINT
    assert terminal.echoes()
    terminal.end()
    assert place.has_none("user", "list")


# Everywhere.


ADMIN = [["project", "create", "p"], ["project", "list"], ["user", "list"],
         ["user", "remove", "u"], ["token", "list"], ["token", "revoke", "1"],
         ["token", "create", "--project", "p", "--capability", "error:post"],
         ["user", "create", "u", "--password-file", "/dev/null"]]


@pytest.mark.parametrize("words", ADMIN, ids=" ".join)
def test_directory_that_cannot_be(words):
    place = Place("/proc/no/such")
    place.refused(1, "/proc/no/such", *words)


@pytest.mark.parametrize("words", ADMIN, ids=" ".join)
def test_data_is_needed(words):
    done = subprocess.run([str(BINARY), *words], text=True, capture_output=True, timeout=60)
    assert done.returncode == 2
    assert "--data is missing" in done.stderr
    assert done.stdout == ""


def test_full_standard_output(place):
    place.token("--capability", "error:post")
    with open("/dev/full", "w") as full:
        for words in (["token", "list"], ["project", "list"], ["user", "list"],
                      ["token", "create", "--project", "p", "--capability", "error:post"]):
            done = subprocess.run([str(BINARY), *words, "--data", str(place.data)], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60)
            assert done.returncode == 1, done.stderr
            assert "No space left" in done.stderr


# Beside a server.


ERROR = {"uuid": "00000000-0000-0000-0000-000000000001", "timestamp": 1795198459, "lang": "c",
         "langVersion": "11", "agent": "t", "agentVersion": "1", "mainThread": "main",
         "threads": {"main": {"name": "main", "fault": True, "stack": [{"funcName": "f"}]}}}


def test_server_sees_tokens_at_once(server):
    place = Place(server.data)
    unknown = "0" * 64
    assert server.submit(unknown, ERROR, status=403)["error"]["message"] == "invalid token"
    for _ in range(5):
        token, _ = place.token("--capability", "error:post")
        server.submit(token, ERROR)
        server.submit(token, ERROR, path=f"/api/post?format=json&token={token}")
        server.submit(token, ERROR, universe="acme", status=503)
        place.ok("token", "revoke", token)
        told = server.submit(token, ERROR, path=f"/api/post?format=json&token={token}", status=403)
        assert told["error"]["message"] == "invalid token"


def test_server_sees_universes_at_once(server):
    place = Place(server.data)
    place.ok("project", "create", "shop", "--universe", "acme")
    token, note = place.token("--capability", "error:post", project="shop")
    assert "was not there" not in note
    server.submit(token, ERROR, universe="acme")
    server.submit(token, ERROR, universe="default", status=403)
    server.submit(token, ERROR, universe="nowhere", status=503)
