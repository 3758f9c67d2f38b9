"""Runs the real server for the tests over HTTP.

CRUMPLE_BINARY names the program, build/crumple by default. Every server that a test started must end
with status 0 on SIGTERM and must not have printed a sanitizer's report."""

import http.client
import json
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("CRUMPLE_BINARY", ROOT / "build" / "crumple")).resolve()
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
SANITIZER = re.compile(r"ERROR: \w*Sanitizer|runtime error:|WARNING: ThreadSanitizer")

sys.path.insert(0, str(ROOT / "tests"))


class Connection:
    """A plain socket to the server, for requests that no client library would send."""

    def __init__(self, port, timeout=20):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def answer(self, method="GET"):
        """The next answer, as (status, headers, body); None when the server closed instead."""
        response = http.client.HTTPResponse(self.sock, method=method)
        try:
            response.begin()
            body = response.read()
        except (ConnectionError, http.client.RemoteDisconnected):
            return None
        finally:
            response.close()
        return response.status, response.headers, body

    def is_closed(self):
        """Whether the server ends the connection within the socket's timeout."""
        try:
            while self.sock.recv(65536):
                pass
            return True
        except ConnectionError:
            return True
        except socket.timeout:
            return False


class Server:
    def __init__(self, directory, *args, config=None, listen=("127.0.0.1:0",)):
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.args = list(args)
        self.listen = list(listen)
        if config is not None:
            path = self.directory / "crumple.ini"
            path.write_text(config)
            self.args += ["--config", str(path)]
        self.process = None
        self.log_path = self.directory / "server.log"
        self.session = requests.Session()
        self.session.trust_env = False

    def start(self):
        command = [str(BINARY), "serve", "--data", str(self.data), *self.args]
        for address in self.listen:
            command += ["--listen", address]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        lines = queue.Queue()
        threading.Thread(target=self._read_lines, args=(self.process.stdout, lines),
                         daemon=True).start()
        end = time.monotonic() + START_TIMEOUT_S
        self.urls = []  # one for each of self.listen, in their order
        while len(self.urls) < len(self.listen):
            try:
                line = lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                self.process.kill()
                self.process.wait()
                self.process = None
                raise AssertionError("the server did not start:\n" + self.log())
            found = re.match(r"listening on (https?://127\.0\.0\.1:\d+)\s*$", line)
            if found:
                self.urls.append(found.group(1))
        self.url = self.urls[0]
        self.port = int(self.url.rsplit(":", 1)[1])
        return self

    @staticmethod
    def _read_lines(stream, lines):
        for line in stream:
            lines.put(line)
        lines.put(None)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """SIGTERM; the status must be 0 and the log clean."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.wait()

    def wait(self):
        """The same when the signal has been sent already (a second one would end it at once)."""
        process, self.process = self.process, None
        self.session.close()
        try:
            status = process.wait(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("the server did not end on SIGTERM:\n" + self.log())
        assert not SANITIZER.search(self.log()), self.log()
        assert status == 0, f"exit status {status}:\n{self.log()}"

    def restart(self):
        self.stop()
        return self.start()

    def kill(self):
        """SIGKILL; it must have been running until then."""
        process, self.process = self.process, None
        assert process.poll() is None, self.log()
        process.kill()
        process.wait()
        assert not SANITIZER.search(self.log()), self.log()

    def peak_memory(self):
        """The most resident memory that the server has had, in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s*(\d+) kB", status).group(1)) * 1024

    # Requests.

    def connect(self, timeout=20):
        return Connection(self.port, timeout)

    def request(self, method, path, **kwargs):
        kwargs.setdefault("timeout", 60)
        kwargs.setdefault("allow_redirects", False)
        return self.session.request(method, self.url + path, **kwargs)

    def get(self, path, status=200, **kwargs):
        """GET; checks the status and gives the answer."""
        answer = self.request("GET", path, **kwargs)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        return answer

    def post(self, path, body, status=201, **kwargs):
        """POST; a body that is not bytes is sent as JSON."""
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        answer = self.request("POST", path, data=body, **kwargs)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        return answer

    # The Backtrace API.

    def command(self, *words, status=0, **options):
        """Runs `crumple WORDS... --data ...` beside the server; gives what it printed."""
        done = subprocess.run([str(BINARY), *words, "--data", str(self.data)], text=True,
                              capture_output=True, timeout=60, **options)
        assert not SANITIZER.search(done.stderr), done.stderr
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def token(self, *scopes, project="cts", metadata=None):
        """Makes a token: its 64 digits."""
        words = ["token", "create", "--project", project]
        for scope in scopes:
            words += ["--capability", scope]
        if metadata is not None:
            words += ["--metadata", json.dumps(metadata)]
        found = re.search(r"\b[0-9a-f]{64}\b", self.command(*words))
        assert found
        return found.group(0)

    def submit(self, token, body=None, path=None, format="json", status=200, universe="default",
               **kwargs):
        """POST as a Backtrace client does; gives the answer's JSON. Without `path`: in the hosted
        form. A body that is not bytes is sent as JSON; `params`, `files` and `data` as requests has
        them."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if body is not None:
            kwargs["data"] = body.encode() if isinstance(body, str) else body
        path = path or f"/{universe}/{token}/{format}"
        answer = self.request("POST", path, **kwargs)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        told = answer.json()
        if status == 200:
            assert told["response"] == "ok"
        else:
            assert set(told) == {"error"}, told
            assert isinstance(told["error"]["code"], int) and told["error"]["message"], told
        return told

    def fetch(self, token, object_id, status=200, project="cts", **params):
        """GET /api/get: waits until the object is processed."""
        return self.get("/api/get", status, params={"token": token, "project": project,
                                                    "object": object_id, **params})

    def attachments(self, token, object_id, status=200, project="cts"):
        """GET /api/list of one object."""
        answer = self.get("/api/list", status, params={
            "token": token, "project": project, "object": object_id, "view": "attachments"}).json()
        return answer["attachments"] if status == 200 else answer

    def upload_of(self, token, rxid, project="cts"):
        """What the list of objects says of a submission, when it has been processed."""
        self.fetch(token, rxid, project=project)
        number = int.from_bytes(bytes.fromhex(rxid[:8]), "little")
        found = self.get("/api/list", params={"token": token, "project": project, "limit": "1",
                                              "before": f"{number + 1:x}"}).json()["objects"]
        assert [upload["_rxid"] for upload in found] == [rxid]
        return found[0]

    def report_of(self, token, rxid, project="cts"):
        """The report of a submission, by the PartyCrasher API, when it has been processed."""
        self.fetch(token, rxid, project=project)
        return self.get(f"/{project}/reports/{rxid}").json()

    def is_healthy(self):
        """On a connection of its own: those of the session may have been idle for too long."""
        with self.connect() as c:
            c.send("GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            answer = c.answer()
        return self.is_running() and answer is not None and answer[0] == 200


@pytest.fixture
def make_server(tmp_path_factory):
    """make_server(*args, config=None, listen=...): a server with an empty data directory."""
    servers = []

    def make(*args, **options):
        server = Server(tmp_path_factory.mktemp("server"), *args, **options)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def server(make_server):
    """An empty server of one's own."""
    return make_server()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """(certificate, key): PEM files for 127.0.0.1, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(key),
                    "-out", str(cert)], check=True, capture_output=True)
    return cert, key


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for all tests of a file that do not mind the reports of the others."""
    server = Server(tmp_path_factory.mktemp("shared")).start()
    yield server
    server.stop()


@pytest.fixture
def small_disk(tmp_path, request):
    """A server whose data directory is a file system of 8 MB, or as many as the parameter says."""
    data = tmp_path / "data"
    data.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o",
                              f"size={getattr(request, 'param', 8)}m", "crumple-test", str(data)],
                             capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"mount: {mounted.stderr.strip()}")
    server = Server(tmp_path)
    try:
        yield server.start()
        server.stop()
    finally:
        if server.is_running():
            server.kill()
        subprocess.run(["umount", str(data)], check=True)
