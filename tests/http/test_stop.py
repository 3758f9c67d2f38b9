"""SIGTERM does not wait for slow clients, and loses nothing that was acknowledged."""

import json
import signal
import time

MB = 1 << 20


def test_bodies_on_their_way_are_cut(server):
    token = server.token("error:post")
    hosted = f"POST /default/{token}/json HTTP/1.1\r\nHost: h\r\n"
    heads = [
        hosted + "Content-Length: 1000\r\n\r\n{",
        hosted + "Transfer-Encoding: chunked\r\n\r\n1\r\n{",
        "POST /reports HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n{",
        "GET /reports HTTP/1.1\r\nHost: h\r\n",
    ]
    clients = [server.connect() for _ in heads]
    for client, head in zip(clients, heads):
        client.send(head)
    time.sleep(0.3)
    begin = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    for client in clients:
        assert client.answer() is None
        client.sock.close()
    server.wait()
    assert time.monotonic() - begin < 10


def test_readers_have_a_moment(server):
    post, read = server.token("error:post"), server.token("object:get")
    rxid = server.submit(post, {"uuid": "1", "callstack": {"frames": ["f"]}})["_rxid"]
    server.submit(post, b"\0" * (200 * MB), params={"object": rxid, "attachment_name": "a"})
    client = server.connect()
    client.send(f"GET /api/get?token={read}&project=cts&object={rxid}&attachment_name=a HTTP/1.1\r\n"
                "Host: h\r\n\r\n")
    assert client.sock.recv(12) == b"HTTP/1.1 200"
    begin = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    while server.is_running() and time.monotonic() - begin < 30:
        client.sock.recv(1000)
        time.sleep(0.05)
    assert 4 < time.monotonic() - begin < 15
    client.sock.close()
    server.wait()


def test_asynchronous_uploads_stay_in_the_inbox(server):
    post, read = server.token("error:post"), server.token("object:get")
    reports = [{"uuid": f"{i}", "attributes": {"n": i}, "callstack": {"frames": ["f"]}}
               for i in range(300)]
    rxids = [server.submit(post, report)["_rxid"] for report in reports]
    server.restart()
    for rxid, report in zip(rxids, reports):
        assert json.loads(server.fetch(read, rxid).content) == report
