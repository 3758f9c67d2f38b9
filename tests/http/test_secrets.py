"""What a token may never get into: the server's log, wherever in a request it stood."""

import pytest

PIECE = 16  # so many digits of a token in a row give too much away
SCOPES = ("error:post", "symbol:post", "sync:post", "object:get", "query:post")


def escaped(token, every):
    """Each so-many-th digit percent-encoded."""
    return "".join(f"%{ord(c):02x}" if i % every == 0 else c for i, c in enumerate(token))


def targets(t):
    lower, upper, mixed = t, t.upper(), escaped(t, 7)
    for token in (lower, upper, mixed, escaped(t, 1)):
        yield f"/default/{token}/json"
        yield f"/{token}/default/json"
        yield f"/default/{token}"
        yield f"/default/json/{token}"
        yield f"/{token}"
        yield f"/{token}/reports"
        yield f"/{token}/config"
        yield f"/reports/{token}"
        yield f"/buckets/{token}"
        yield f"/nothing/at/all/{token}"
        yield f"/%zz/{token}"
        yield f"//{token}//json"
        yield f"/submit.backtrace.io/{token}/default/json/post"
        yield f"/post?format={token}"
        yield f"/post?{token}"
        yield f"/post?token={token}&format=json&attachment_name={token}"
        yield f"/api/post?token={token}&object={token}&attachment_name=a"
        yield f"/api/post?universe={token}&token=x"
        yield f"/api/get?project={token}&object={token}&token={token}"
        yield f"/api/get?universe={token}&object={token}&token={token}"
        yield f"/api/list?token={token}&project=cts&x=%zz"
        yield f"/api/unique-events/submit?token={token}&universe={token}"
        yield f"/{'a' * 110}/{token}"  # cut somewhere inside, in a message
        yield f"/post?format={'x' * 120}{token}"
        yield f"/{'a/' * 40}{token}"


def raw_requests(t):
    yield f"{t} / HTTP/1.1\r\nHost: h\r\n\r\n"
    yield f"GET {t} HTTP/1.1\r\nHost: h\r\n\r\n"
    yield f"GET http://{t}:99999/ HTTP/1.1\r\nHost: h\r\n\r\n"
    yield f"GET / HTTP/1.1\r\nHost: {t} x\r\n\r\n"
    yield f"GET /{t} HTTP/1.1\r\nHost: h\r\nHost: {t}\r\n\r\n"
    yield f"POST /default/{t}/json HTTP/1.1\r\nHost: h\r\nContent-Length: {t}\r\n\r\n"
    yield f"POST /default/{t}/json HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {t}\r\n\r\n"
    yield f"POST /default/{t}/json HTTP/1.1\r\nHost: h\r\nContent-Encoding: {t}\r\n\r\n"
    yield f"GET / HTTP/{t}\r\nHost: h\r\n\r\n"
    yield f"GET / HTTP/1.1\r\nHost: h\r\n{t}\r\n\r\n"


@pytest.fixture
def loud(make_server):
    return make_server(config="[server]\nlog_level = debug\n")


def test_log_holds_no_token(loud):
    token = loud.token(*SCOPES)
    for target in targets(token):
        for method in ("GET", "POST", "DELETE", token):
            with loud.connect() as c:
                c.send(f"{method} {target} HTTP/1.1\r\nHost: h\r\nX-Coroner-Token: {token}\r\n"
                       "Content-Length: 2\r\nConnection: close\r\n\r\n{}")
                c.answer(method)
    for request in raw_requests(token):
        with loud.connect(timeout=2) as c:
            c.send(request)
            c.sock.shutdown(1)
            c.is_closed()
    for body in (b"", b"{", b"[" * 10000, f'{{"uuid":"{token}","lang":"{token}"}}'.encode()):
        loud.request("POST", f"/default/{token}/json", data=body)
        loud.request("POST", "/post", params={"format": "json", "token": token}, data=body,
                     headers={"X-Submission-Bucket": token})
    loud.stop()
    log = loud.log()
    assert log.count("http_request ") > 300
    pieces = {token[i:i + PIECE] for i in range(len(token) - PIECE + 1)}
    for line in log.lower().splitlines():
        assert not any(piece in line for piece in pieces), line
