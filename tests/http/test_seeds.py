"""Every command line of the three documents that the Backtrace API was built from, as written there
but for host, token and file: run by a shell, with the real curl."""

import json
import os
import re
import subprocess

import pytest

import dumps
from conftest import BINARY, Server

RXID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-0000-[0-9a-f]{12}"
MINIDUMP = dumps.builder_of((dumps.FOLDER / "linux-amd64-no-symbols.dump.txt").read_text()).build()
SYMBOLS = b"PK\x03\x04" + bytes(60)
SOURCE_MAP = b'{"version": 3, "sources": ["test.ts"], "names": [], "mappings": "AAAA"}'
ERROR = json.dumps({
    "uuid": "00000000-0000-4000-8000-000000000001", "timestamp": 1478200442, "lang": "nodejs",
    "langVersion": "v20", "agent": "seed", "agentVersion": "1", "mainThread": "main",
    "classifiers": ["TypeError"], "attributes": {"uname.sysname": "Linux"},
    "threads": {"main": {"name": "main", "fault": True, "stack": [
        {"funcName": "packrat_open"}, {"funcName": "main"}]}}}).encode()
TEST_JSON = b'{"a test": true}\n'
LOG = b"configure: something long\n"

HOSTED = "https://submit.backtrace.io/<universeName>/<errorSubmissionToken>"
SAUCEBOT = "https://submit.backtrace.io/saucebot/685f2e33a75f0f4623584389...6f34a46a84b3ec64e482b"
CONSOLE = "http://localhost.sp.backtrace.io:8081"

# name, seed, the line (of the two in submission-buckets the closing quote is missing there)
LINES = {
    "raw minidump": ("http-submission",
        'curl -v --data-binary @example_minidump.dmp -H "Expect:" '
        '"https://submit.backtrace.io/<universeName>/<errorSubmissionToken>/minidump"'),
    "multipart minidump": ("http-submission",
        'curl -v -F "upload_file_minidump=@example_minidump.dmp" -H "Expect:" '
        '"https://submit.backtrace.io/<universeName>/<errorSubmissionToken>/minidump"'),
    "attribute in the path": ("http-submission",
        'curl -v -F "upload_file_minidump=@example_minidump.dmp" -H "Expect:" '
        '"https://submit.backtrace.io/<universeName>/<errorSubmissionToken>/minidump&version=1.0"'),
    "attribute in the form": ("http-submission",
        'curl -v -F "version=1.0" -F "upload_file_minidump=@example_minidump.dmp" -H "Expect:" '
        '"https://submit.backtrace.io/<universeName>/<errorSubmissionToken>/minidump"'),
    "with an attachment": ("http-submission",
        'curl -v -F "upload_file=@<Path_to_your_file>/example_minidump.dmp" -H "Expect:" '
        '-F "attachment_test.json=@<Path_to_your_file>/test.json; type=application/json" '
        '"<backtrace submission url>"'),
    "words instead of a file": ("http-submission",
        'curl -d <Path_to_your_file>/example_minidump.dmp -H "Expect:" "<backtrace submission url>"'),
    "attach later": ("http-submission",
        'curl -v --data-binary "upload_file=@<your_file_path>/test.json" -H "Expect:" '
        '-H "Content-Type:application/json" '
        '"<backtrace submission url>?object=<\\_rxid>&attachment_name=<Path_to_your_attachment>"'),
    "error": ("error-reporting-api",
        'curl -v \\\n-F "upload_file=@example_error.json" \\\n-F "version=1.0.1" \\\n'
        '-F "platform=Windows" \\\n-H "Expect:" \\\n'
        '"https://submit.backtrace.io/saucebot/685f2e33a75f0f4623584389...6f34a46a84b3ec64e482b/json"'),
    "error with attachments": ("error-reporting-api",
        'curl -v \\\n-F "upload_file=@example_error.json" \\\n'
        '-F "attachment_test.json=@test.json; type=application/json" \\\n-F "version=1.0.1" \\\n'
        '-F "platform=Windows" \\\n-H "Expect: " \\\n'
        '"https://submit.backtrace.io/saucebot/685f2e33a75f0f4623584389...6f34a46a84b3ec64e482b/json"'),
    "symbols": ("error-reporting-api",
        'curl -v \\\n-F "upload_file=@symbols.zip" \\\n-F "tag=test" \\\n-H "Expect:" \\\n'
        '"https://submit.backtrace.io/saucebot/685f2e33a75f0f4623584389...6f34a46a84b3ec64e482b/'
        'symbols"'),
    "source map": ("error-reporting-api",
        'curl -v \\\n-F "upload_file=@test.js.map" \\\n-F "tag=test" \\\n-H "Expect:" \\\n'
        '"https://submit.backtrace.io/saucebot/685f2e33a75f0f4623584389...6f34a46a84b3ec64e482b/'
        'sourcemap"'),
    "bucket token": ("submission-buckets",
        'morgue token create --project=cts --capability=error:post --capability=sync:post '
        '--metadata=\'{"buckets":{"cts":{"attributes":["fingerprint","uname.sysname"], '
        '"set": { "has_advanced_log" : "1" }}}}\''),
    "synchronous": ("submission-buckets",
        'curl -s --data-binary @datfc8.dmp '
        '"http://localhost.sp.backtrace.io:8081/api/post?token=&_mod_sync=1?format=dump"'),
    "attach with a bucket token": ("submission-buckets",
        'curl -H "X-Submission-Bucket: '
        '8a78f6f292ea68d0e49c28ca11675ec422f0aa93c186046472c2daddc3efebe0" '
        '--data-binary @configure '
        '"http://localhost.sp.backtrace.io:8081/api/post?token=&object=4'
        '&attachment_name=advanced_logs.txt"'),
}


class Place:
    """A server, and a directory with the files that the lines speak of."""

    def __init__(self, folder, certificate):
        cert, key = certificate
        self.server = Server(folder, "--tls-cert", str(cert), "--tls-key", str(key),
                             listen=["127.0.0.1:0", "http://127.0.0.1:0", "https://127.0.0.1:0"])
        self.server.start()
        self.plain, self.writer, self.writer_tls = self.server.urls
        self.files = folder / "files"
        self.files.mkdir()
        for name, content in (
                ("example_minidump.dmp", MINIDUMP), ("datfc8.dmp", MINIDUMP), ("configure", LOG),
                ("example_error.json", ERROR), ("test.json", TEST_JSON), ("symbols.zip", SYMBOLS),
                ("test.js.map", SOURCE_MAP)):
            (self.files / name).write_bytes(content)
        (folder / ".curlrc").write_text(
            f'silent\nnoproxy = *\ncacert = "{cert}"\nwrite-out = "\\n%{{http_code}}"\n')
        self.environment = {**os.environ, "CURL_HOME": str(folder), "HOME": str(folder)}
        self.server.command("project", "create", "saucy", "--universe", "saucebot")
        self.errors = self.server.token("error:post")
        self.errors_saucebot = self.server.token("error:post", project="saucy")
        self.symbols_saucebot = self.server.token("symbol:post", project="saucy")
        self.reader = self.server.token("object:get")
        self.reader_saucebot = self.server.token("object:get", project="saucy")

    def run(self, line):
        done = subprocess.run(["sh", "-c", line], cwd=self.files, env=self.environment, text=True,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        body, status = done.stdout.rsplit("\n", 1)
        return int(status), json.loads(body)

    def hosted(self, name, token=None, format="minidump"):
        """A line for a hosted instance, whose server is ours with TLS."""
        line = LINES[name][1]
        assert format in ("minidump",) or f"/{format}" in line
        line = line.replace(HOSTED, f"{self.writer_tls}/default/{token or self.errors}")
        line = line.replace(SAUCEBOT, f"{self.writer_tls}/saucebot/{token}")
        line = line.replace("<Path_to_your_file>", str(self.files))
        line = line.replace("<your_file_path>", str(self.files))
        line = line.replace("<backtrace submission url>",
                            f"{self.writer_tls}/default/{self.errors}/{format}")
        return line

    def kept(self, rxid, reader=None, project="cts", **params):
        return self.server.fetch(reader or self.reader, rxid, project=project, **params)


@pytest.fixture(scope="module")
def place(tmp_path_factory, certificate):
    place = Place(tmp_path_factory.mktemp("seeds"), certificate)
    yield place
    place.server.stop()


def accepted(told):
    """The answer to an asynchronous submission, as the seeds show it; gives its receipt."""
    status, answer = told
    assert status == 200, answer
    assert set(answer) == {"response", "_rxid"} and answer["response"] == "ok"
    assert re.fullmatch(RXID, answer["_rxid"])
    return answer["_rxid"]


def attributes(place, rxid):
    """The attributes of an upload, merged."""
    return place.server.upload_of(place.reader, rxid)["attributes"]


def object_of(rxid):
    """The hex id that a receipt names: its first group is little-endian."""
    return f"{int.from_bytes(bytes.fromhex(rxid[:8]), 'little'):x}"


@pytest.mark.parametrize("name", ["raw minidump", "multipart minidump", "attribute in the path",
                                  "attribute in the form"])
def test_minidump(place, name):
    rxid = accepted(place.run(place.hosted(name)))
    kept = place.kept(rxid)
    assert kept.content == MINIDUMP
    assert "filename=" in kept.headers["Content-Disposition"]
    assert place.server.attachments(place.reader, rxid) == []
    version = "1.0" if name.startswith("attribute") else None
    assert attributes(place, rxid).get("version") == version


def test_minidump_with_attachment(place):
    rxid = accepted(place.run(place.hosted("with an attachment")))
    assert place.kept(rxid).content == MINIDUMP
    attachment, = place.server.attachments(place.reader, rxid)
    assert (attachment["name"], attachment["size"], attachment["content_type"]) == (
        "test.json", len(TEST_JSON), "application/json")
    assert place.kept(rxid, attachment_name="test.json").content == TEST_JSON


def test_words_are_no_minidump(place):
    """`curl -d PATH` sends the path itself."""
    status, answer = place.run(place.hosted("words instead of a file"))
    assert status == 400
    assert "minidump" in answer["error"]["message"]


def test_attach_later(place):
    rxid = accepted(place.run(place.hosted("raw minidump")))
    line = place.hosted("attach later").replace("<\\_rxid>", rxid)
    status, answer = place.run(line.replace("<Path_to_your_attachment>", f"{place.files}/test.json"))
    assert status == 200
    object_id = object_of(rxid)
    assert answer == {"response": "ok", "_rxid": f"{rxid[:8]}-0000-0000-0000-000000000000",
                      "attachment_name": "test.json", "attachment_id": answer["attachment_id"],
                      "object": object_id}
    attachment, = place.server.attachments(place.reader, rxid)
    assert attachment["id"] == answer["attachment_id"]
    assert attachment["name"] == "test.json"
    assert attachment["content_type"] == "application/json"
    # The words of the command line are the body; curl reads no file here.
    words = f"upload_file=@{place.files}/test.json".encode()
    assert place.kept(object_id, attachment_id=attachment["id"]).content == words


@pytest.mark.parametrize("name", ["error", "error with attachments"])
def test_error(place, name):
    # The same error again would be a duplicate.
    error = {**json.loads(ERROR), "uuid": f"00000000-0000-4000-8000-{len(name):012}"}
    (place.files / "example_error.json").write_text(json.dumps(error))
    rxid = accepted(place.run(place.hosted(name, place.errors_saucebot, "json")))
    assert json.loads(place.kept(rxid, place.reader_saucebot, "saucy").content) == error
    report = place.server.get(f"/saucy/reports/{rxid}").json()
    assert report["version"] == "1.0.1" and report["platform"] == "Windows"
    assert report["uname.sysname"] == "Linux"
    assert [f["function"] for f in report["stacktrace"]] == ["packrat_open", "main"]
    attachments = place.server.attachments(place.reader_saucebot, rxid, project="saucy")
    expected = [("test.json", len(TEST_JSON), "application/json")] if "attachments" in name else []
    assert [(a["name"], a["size"], a["content_type"]) for a in attachments] == expected


@pytest.mark.parametrize("name,format,content", [
    ("symbols", "symbols", SYMBOLS), ("source map", "sourcemap", SOURCE_MAP)],
    ids=["symbols", "source map"])
def test_symbols(place, name, format, content):
    rxid = accepted(place.run(place.hosted(name, place.symbols_saucebot, format)))
    assert place.kept(rxid, place.reader_saucebot, "saucy").content == content
    # A token for errors may not.
    status, answer = place.run(place.hosted(name, place.errors_saucebot, format))
    assert status == 403 and "invalid token" in answer["error"]["message"]


def test_submission_buckets(place):
    words = LINES["bucket token"][1]
    assert words.startswith("morgue ")
    line = words.replace("morgue", str(BINARY), 1) + f" --data '{place.server.data}'"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=True)
    token = re.search(r"\b[0-9a-f]{64}\b", done.stdout).group(0)

    submit = LINES["synchronous"][1].replace(CONSOLE, place.plain).replace("token=", f"token={token}")
    status, first = place.run(submit)
    assert status == 200
    assert set(first) == {"response", "_rxid", "object", "fingerprint", "unique", "buckets"}
    assert first["object"] == object_of(first["_rxid"])
    assert re.fullmatch(r"[0-9a-f]{64}", first["fingerprint"])
    assert set(first["buckets"]) == {"cts"} and set(first["buckets"]["cts"]) == {"count", "token"}
    assert first["buckets"]["cts"]["count"] == 0
    assert re.fullmatch(r"[0-9a-f]{64}", first["buckets"]["cts"]["token"])

    attach = LINES["attach with a bucket token"][1].replace(CONSOLE, place.plain)
    attach = attach.replace("token=", f"token={token}").replace("object=4", f"object={first['object']}")
    attach = attach.replace("8a78f6f292ea68d0e49c28ca11675ec422f0aa93c186046472c2daddc3efebe0",
                            first["buckets"]["cts"]["token"])
    status, attached = place.run(attach)
    assert status == 200
    assert attached["attachment_name"] == "advanced_logs.txt"
    assert attached["object"] == first["object"]
    assert place.kept(first["_rxid"], attachment_name="advanced_logs.txt").content == LOG
    assert str(attributes(place, first["_rxid"])["has_advanced_log"]) == "1"

    status, second = place.run(submit)
    assert status == 200
    assert second["fingerprint"] == first["fingerprint"] and second["unique"] is False
    assert second["buckets"]["cts"]["count"] == 1
    assert "has_advanced_log" not in attributes(place, second["_rxid"])


# The forms of URLs that the seeds give without a command.


@pytest.mark.parametrize("url", [
    "http://testing.company.com:6097/post?format=minidump&token=<abcdef0123456789>",
    "https://testing.company.com:6098/post?format=minidump&token=<abcdef0123456789>",
    "https://<onpremHost>/api/post?<format>&token=<apiToken>",
    "https://<onpremHost>/api/post?{format}&token={apiToken}",
])
def test_forms_of_urls(place, url):
    for theirs, ours in (
            ("http://testing.company.com:6097", place.writer),
            ("https://testing.company.com:6098", place.writer_tls),
            ("https://<onpremHost>", place.writer_tls), ("<abcdef0123456789>", place.errors),
            ("<format>", "minidump"), ("{format}", "minidump"), ("<apiToken>", place.errors),
            ("{apiToken}", place.errors)):
        url = url.replace(theirs, ours)
    rxid = accepted(place.run(f'curl --data-binary @example_minidump.dmp "{url}"'))
    assert place.kept(rxid).content == MINIDUMP


@pytest.mark.parametrize("status,path", [
    (503, "/nosuchuniverse/{token}/minidump"), (503, "/default/{token}"), (503, "/default/{token}/"),
    (503, "/default/{token}/nosuchformat"), (503, "/api/post?token={token}"),
    (403, "/default/{wrong}/minidump"), (403, "/default/nonsense/minidump"),
    (403, "/saucebot/{token}/minidump"), (400, "/default/{token}/plcrash")])
def test_status_codes(place, status, path):
    """The table of the API's page; (400: not what the format says)."""
    url = place.writer_tls + path.format(token=place.errors, wrong="0" * 64)
    body = "configure" if status == 503 else "example_minidump.dmp"
    told, answer = place.run(f'curl --data-binary @{body} "{url}"')
    assert told == status
    assert answer["error"]["message"]
    assert isinstance(answer["error"]["code"], int)
    if status == 403:
        assert answer["error"]["message"].startswith("invalid token")

