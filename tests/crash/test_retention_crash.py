"""The server is killed while rules act: what stays is whole, what goes is gone for good, and after the
next start the rules go on."""

import random
import time

from conftest import Server
from policies import CONFIG, Operator, more_than, rule, wait_until

KILLS = 8
BUGS = 4


def test_killed(tmp_path):
    rng = random.Random(7)
    server = Server(tmp_path, config=CONFIG).start()
    operator = Operator(server)
    operator.retention_set(rule(more_than(3)))
    newest = {bug: [] for bug in range(BUGS)}
    for kill in range(KILLS):
        for i in range(40):
            bug = i % BUGS
            object_id = operator.crash(f"bug{bug}", "main")
            if i % 8 == 0:
                operator.attachment_add("demo", object_id, "data", bytes([bug]) * 100_000)
            newest[bug] = (newest[bug] + [object_id])[-3:]
        time.sleep(rng.random() * 1.5)
        server.kill()
        server.start()
        for object_id in sum(newest.values(), []):
            operator.get("demo", object_id)
    kept = sorted(sum(newest.values(), []), key=lambda x: int(x, 16))
    wait_until(lambda: operator.all() == kept)
    for object_id in kept:
        for attachment in operator.attachment_list("demo", object_id):
            assert len(operator.get("demo", object_id,
                                    attachment_id=attachment["id"]).content) == 100_000
    needed = sum(bool(operator.attachment_list("demo", newest[bug][i]))
                 for bug in range(BUGS) for i in range(3))
    wait_until(lambda: len(operator.files()) <= needed)
    server.restart()
    assert operator.all() == kept
    server.stop()
