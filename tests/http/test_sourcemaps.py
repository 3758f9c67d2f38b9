"""Source maps over HTTP: a program in TypeScript that esbuild made small fails under Node, its SDK
reports it, and the report shows the places in the sources; and reports that were made by hand, for what
no client does."""

import hashlib
import json
import os
import pathlib
import subprocess
import time
import uuid

import pytest

import sourcemaps
from errors import error
from symbol_files import tar

CLIENTS = pathlib.Path(__file__).resolve().parent.parent / "clients"
ESBUILD = CLIENTS / "node_modules/@esbuild/linux-x64/bin/esbuild"
SHOP_ID = sourcemaps.debug_id(7)


# --- a server ------------------------------------------------------------------------------------

class Site:
    def __init__(self, server):
        self.server = server
        server.command("project", "create", "shop", "--universe", "acme")
        self.poster = server.token("symbol:post", "sync:post", project="shop")
        self.errors = server.token("error:post", "sync:post", project="shop")
        self.reader = server.token("object:get", "query:post", project="shop")

    def upload(self, body, **kwargs):
        """A source map or an archive of them; processed when it answers."""
        params = {"_mod_sync": "1", **kwargs.pop("params", {})}
        return self.server.submit(self.poster, body, format="sourcemap", universe="acme",
                                  params=params, **kwargs)

    def report(self, body, **params):
        """Of a report as a client sends it: what became of it."""
        told = self.server.submit(self.errors, body, universe="acme",
                                  params={"_mod_sync": "1", **params})
        return self.show(told["_rxid"])

    def show(self, rxid):
        """The report; it writes all numbers as strings, those of frames are made numbers again."""
        def read(value, name=None):
            if isinstance(value, dict):
                return {key: read(it, key) for key, it in value.items()}
            if isinstance(value, list):
                return [read(it) for it in value]
            return int(value) if name in ("line", "column", "first") else value
        report = self.server.report_of(self.reader, rxid, "shop")
        return {**report, "stacktrace": read(report["stacktrace"])}

    def until(self, rxid, holds, timeout=60):
        """The report, as soon as this holds of it."""
        end = time.monotonic() + timeout
        while not holds(report := self.show(rxid)):
            assert time.monotonic() < end, report["stacktrace"]
            time.sleep(0.05)
        return report

    def fingerprint(self, rxid):
        return self.server.upload_of(self.reader, rxid, "shop")["fingerprint"]

    def missing(self):
        told = self.server.post("/api/symfile", {"action": "missing_symbols", "form": {}}, 200, params={
            "token": self.reader, "project": "shop", "universe": "acme"}).json()
        return told["response"]["missing_symbols"]


@pytest.fixture
def site(server):
    return Site(server)


# --- bundles -------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def esbuild():
    done = subprocess.run([CLIENTS / "install"], capture_output=True, text=True, timeout=300)
    if done.returncode == 77:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    if not ESBUILD.exists():
        pytest.skip("esbuild is fetched for Linux on x86-64 only")
    return ESBUILD


class Bundle:
    """A program of tests/clients/bundled, made small in a folder of its own."""

    def __init__(self, folder, entry, change=lambda name, text: text, name="shop.min.js"):
        self.folder = pathlib.Path(folder)
        self.sources = {}
        (self.folder / "src").mkdir(parents=True)
        (self.folder / "node_modules").symlink_to(CLIENTS / "node_modules")
        (self.folder / "package.json").write_text('{"name": "shop", "version": "1.0"}')
        for path in (CLIENTS / "bundled").glob("*.ts"):
            text = self.sources[path.name] = change(path.name, path.read_text())
            (self.folder / "src" / path.name).write_text(text)
        self.script = self.folder / "dist" / name
        self.map = self.folder / "dist" / (name + ".map")
        self.entry = entry
        form = "esm" if entry == "main_new.ts" else "cjs"
        (self.folder / "dist").mkdir()
        (self.folder / "dist/package.json").write_text(
            json.dumps({"type": "module" if form == "esm" else "commonjs"}))
        done = subprocess.run(
            [ESBUILD, self.folder / "src" / entry, "--bundle", "--minify", "--sourcemap",
             "--platform=node", f"--format={form}", "--external:@backtrace/node",
             "--external:backtrace-node", "--log-level=warning", f"--outfile={self.script}"],
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, done.stderr

    def inject(self):
        """What Backtrace's tool does with a script and its map; gives the debug id."""
        text = self.script.read_text()
        debug_id = str(uuid.UUID(bytes=hashlib.sha1(text.encode()).digest()[:16]))
        snippet = (
            ';(()=>{try{const g=typeof globalThis!="undefined"?globalThis:self,s=new Error().stack;'
            f'if(s)(g._btDebugIds=g._btDebugIds||{{}})[s]="{debug_id}"}}catch(e){{}}}})();')
        self.script.write_text(f"{snippet}\n{text}\n//# debugId={debug_id}\n")
        it = json.loads(self.map.read_text())
        it = {**it, "debugId": debug_id, "mappings": ";" + it["mappings"]}
        self.map.write_text(json.dumps(it))
        return debug_id

    def run(self, options, **task):
        """Runs it; gives the _rxid of its report."""
        done = subprocess.run(
            ["node", self.script, json.dumps({"options": options, **task})], cwd=self.folder,
            capture_output=True, text=True, timeout=60, env={**os.environ, "NODE_NO_WARNINGS": "1"})
        assert done.returncode == 0, (done.stdout, done.stderr)
        told = json.loads(done.stdout)
        assert told["status"] == "Ok", told
        return told["rxid"]

    def place(self, name, text):
        """(line, column) of a piece of a source, from 1; columns in UTF-16 units."""
        before, _, _ = self.sources[name].partition(text)
        assert before != self.sources[name], text
        line = before.rpartition("\n")[2]
        return before.count("\n") + 1, len(line.encode("utf-16-le")) // 2 + 1

    def check(self, report):
        """That the stack is the one of the sources."""
        expected = [("applyDiscount", "discount.ts", "new RangeError"),
                    ("Cart.total", "cart.ts", "applyDiscount(sum, discount)"),
                    ("checkout", "shop.ts", "total({"),
                    ("failingCheckout", "shop.ts", "checkout(101)")]
        stack = report["stacktrace"]
        for frame, (function, name, text) in zip(stack, expected):
            line, column = self.place(name, text)
            assert frame["function"] == function, stack
            assert frame["file"].endswith(f"src/{name}")
            assert (frame["line"], frame["column"]) == (line, column)
            lines = self.sources[name].splitlines()
            assert frame["source"] == lines[line - 1]
            first = frame["source_lines"]["first"]
            assert first == max(1, line - 5)
            assert frame["source_lines"]["lines"] == lines[first - 1:line + 5]
            generated = frame["generated"]
            assert generated["file"].endswith(self.script.name)
            assert generated["function"].split(".")[-1] != function and generated["column"] > 0
        top = stack[len(expected)]
        assert top["file"].endswith(f"src/{self.entry}"), top
        assert "failingCheckout(task.message)" in top["source"]
        return report


def new_options(site):
    return {"url": f"{site.server.url}/acme/{site.errors}/json"}


def old_options(site):
    return {"endpoint": f"{site.server.url}/submit.backtrace.io/acme/{site.errors}/json"}


def is_mapped(report):
    return "generated" in report["stacktrace"][0]


def as_the_tool_uploads(site, *bundles):
    """An archive, packed, in pieces, without a type."""
    packed = tar({f"{b.inject()}-{b.map.name}": b.map.read_bytes() for b in bundles})
    return site.upload(iter([packed[:100], packed[100:]]))


def test_debug_ids(site, esbuild, tmp_path):
    shop = Bundle(tmp_path, "main_new.ts")
    as_the_tool_uploads(site, shop)
    report = shop.check(site.show(shop.run(new_options(site), message="Wintriness")))
    assert report["error.message"] == "Wintriness" and report["symbolication"] == "sourcemap"
    assert report["stacktrace"][0]["generated"]["line"] == 2
    assert report["classifiers"] == ["RangeError"]
    # What the client sent is there as it was.
    sent = site.server.fetch(site.reader, report["database_id"], project="shop").json()
    assert sent["threads"]["main"]["stack"][0]["line"] == 2
    assert site.missing() == []


def test_map_after_the_report(site, esbuild, tmp_path):
    shop = Bundle(tmp_path, "main_new.ts")
    debug_id = shop.inject()
    rxid = shop.run(new_options(site), message="Lateness")
    before = site.show(rxid)
    assert not is_mapped(before) and before["stacktrace"][0]["debug_id"] == debug_id
    found, = site.missing()
    assert debug_id.replace("-", "").upper() in json.dumps(found).replace("-", "").upper(), found
    site.upload(tar({f"{debug_id}-shop.min.js.map": shop.map.read_bytes()}))
    shop.check(site.until(rxid, is_mapped))
    assert site.missing() == []


def test_two_builds_of_one_bug(site, esbuild, tmp_path):
    """Names, places and ids differ; the bug is one."""
    def change(name, text):
        return "let counter = 0;\nexport const count = (by: number) => (counter += by);\n" + text.replace(
            "sum * ", "count(0) + sum * ") if name == "discount.ts" else text
    one = Bundle(tmp_path / "1", "main_new.ts", name="shop-77aa88bb.js")
    two = Bundle(tmp_path / "2", "main_new.ts", change, name="shop-cc99dd00.js")
    as_the_tool_uploads(site, one, two)
    first, second = (b.check(site.show(b.run(new_options(site), message="Sameness"))) for b in (one, two))
    assert (first["stacktrace"][0]["generated"]["function"],
            first["stacktrace"][0]["line"]) != (second["stacktrace"][0]["generated"]["function"],
                                                second["stacktrace"][0]["line"])
    assert site.fingerprint(first["database_id"]) == site.fingerprint(second["database_id"])
    assert second["buckets"] and first["buckets"]["4.0"]["id"] == second["buckets"]["4.0"]["id"]


@pytest.mark.parametrize("late", [False, True], ids=["map first", "report first"])
@pytest.mark.parametrize("way", ["symbolication_id", "md5", "name"])
def test_older_ways(site, esbuild, tmp_path, way, late):
    shop = Bundle(tmp_path, "main_old.ts")
    own_id = str(uuid.uuid4())
    if way == "md5":
        own_id = sourcemaps.uuid_of(shop.script.read_bytes())
    params = {} if way == "name" else {"symbolication_id": own_id}
    task = {"message": "Oldness", "symbolication": way == "md5",
            "attributes": {"symbolication_id": own_id} if way == "symbolication_id" else {}}

    def upload():
        if way == "name":
            site.upload(None, files={"upload_file": (shop.map.name, shop.map.read_bytes())})
        else:
            site.upload(shop.map.read_bytes(), params=params)
    if not late:
        upload()
    rxid = shop.run(old_options(site), **task)
    if late:
        assert not is_mapped(site.show(rxid)) and len(site.missing()) == 1
        upload()
    report = shop.check(site.until(rxid, is_mapped))
    assert report["stacktrace"][0]["generated"]["file"] == "dist/shop.min.js"


# --- made by hand --------------------------------------------------------------------------------

def frame(name, text, script="/srv/shop.min.js", **more):
    """A frame at a place of the small shop."""
    return {"funcName": name, "library": script, "line": 1,
            "column": sourcemaps.SHOP_SCRIPT.index(text) + 1, **more}


def shop_error(script="/srv/shop.min.js", debug_id=SHOP_ID, **more):
    stack = [frame("e", "new Error", script), frame("t", "e(r)", script),
             {"funcName": "Module._compile", "library": "node:internal/modules/cjs/loader",
              "line": 1554, "column": 14}]
    if debug_id:
        for f in stack[:2]:
            f["debug_identifier"] = debug_id
    return error(threads={"main": {"name": "main", "fault": True, "stack": stack}}, **more)


def test_wherever_frames_are_shown(site):
    server = site.server
    site.upload(sourcemaps.shop(debug_id=SHOP_ID))
    bare = site.report(shop_error(debug_id=sourcemaps.debug_id(8)))
    report = site.report(shop_error())
    assert [f["function"] for f in report["stacktrace"]] == ["check", "total", "Module._compile"]
    assert [f.get("line") for f in report["stacktrace"]] == [9, 5, 1554]
    assert "generated" not in report["stacktrace"][2]
    rxid = report["database_id"]

    # Search finds the names of the source, and where they were only by the field.
    def found(query):
        hits = server.get("/shop/search", params={"q": query, "since": "2000-01-01"}).json()
        return {hit["database_id"] for hit in hits}
    assert found("stacktrace.function:check") == {rxid}
    assert found("stacktrace.file:shop") == {rxid}
    assert found("stacktrace.generated.function:t") == {rxid}
    assert found("stacktrace.source_lines.lines:negative") == {rxid}
    assert rxid not in found("reduce")

    # So do the names of the fingerprint, and queries.
    for body in (shop_error(), server.get(f"/shop/reports/{rxid}").json()):
        told = server.post("/api/callstack", body, 200, params={
            "action": "evaluate", "token": site.reader, "project": "shop", "universe": "acme"}).json()
        assert told["callstack"]["frame"] == ["check", "total"]
        assert told["fingerprint"] == site.fingerprint(rxid) != site.fingerprint(bare["database_id"])
    rows = server.post("/api/query", {"select": ["callstack"]}, 200, params={
        "token": site.reader, "project": "shop", "universe": "acme"}).text
    assert "check" in rows and "total" in rows


def test_not_grouped_by_the_script(site):
    """Two builds whose scripts have nothing in common are one bucket, another function is another."""
    other = sourcemaps.source_map(
        [(1, 1, 0, 9, 24), (2, 1, 0, 5, 12)], ["src/shop.ts"], [sourcemaps.SHOP_SOURCE],
        debug_id=sourcemaps.debug_id(9))
    site.upload(sourcemaps.shop(debug_id=SHOP_ID))
    site.upload(other)
    one = site.report(shop_error())
    stack = [{"funcName": f, "library": "https://x.org/b/all.js", "line": line, "column": 7,
              "debug_identifier": sourcemaps.debug_id(9)} for f, line in (("$", 1), ("_", 2))]
    two = site.report(error(threads={"main": {"stack": stack + [shop_error()["threads"]["main"]["stack"][2]]}}))
    assert [f["function"] for f in two["stacktrace"][:2]] == ["check", "total"]
    assert site.fingerprint(one["database_id"]) == site.fingerprint(two["database_id"])
    assert two["buckets"]["4.0"]["id"] == one["buckets"]["4.0"]["id"]


def test_plain_programs_miss_nothing(site):
    """A program that was never bundled has no maps, and must not seem to lack some."""
    site.report(shop_error("/srv/app/server.js", debug_id=None))
    site.report(shop_error("/srv/app/node_modules/p/p.min.js", debug_id=None))
    assert site.missing() == []
    site.report(shop_error("/srv/app/shop.min.js", debug_id=None))
    assert len(site.missing()) == 1
    site.report(shop_error("/srv/app/server.js", debug_id=None, symbolication="sourcemap"))
    assert len(site.missing()) == 2


def test_names_of_the_sender(site):
    """A sender's own members of such names stay, under other ones."""
    site.upload(sourcemaps.shop(debug_id=SHOP_ID))
    body = shop_error()
    for f in body["threads"]["main"]["stack"]:
        f.update(generated="mine", source_lines=[1], ignored=False)
    report = site.report(body)
    for f in report["stacktrace"]:
        assert (f["generated_"], f["source_lines_"], f["ignored_"]) == ("mine", ["1"], "false")
    assert report["stacktrace"][0]["generated"]["function"] == "e"
    assert "generated" not in report["stacktrace"][2]


def test_ignored_files(site):
    site.upload(sourcemaps.source_map(
        [(1, 1, 0, 1, 1), (2, 1, 1, 1, 1)], ["a.ts", "node_modules/p/p.js"], file="x.js", ignoreList=[1],
        debug_id=SHOP_ID))
    stack = [{"funcName": "f", "library": "/x.js", "line": line, "column": 1, "debug_identifier": SHOP_ID}
             for line in (1, 2)]
    report = site.report(error(threads={"main": {"stack": stack}}))
    assert ["ignored" in f for f in report["stacktrace"]] == [False, True]


def test_packed_reports_of_many_frames(site):
    """An overflow of the stack: each frame is mapped, the first ones have the lines around."""
    site.upload(sourcemaps.shop(debug_id=SHOP_ID))
    stack = [frame("t", "e(r)", debug_identifier=SHOP_ID) for _ in range(5000)]
    report = site.report(error(threads={"main": {"stack": stack}}))
    assert len(report["stacktrace"]) == 5000
    assert all(f["function"] == "total" and f["line"] == 5 for f in report["stacktrace"])
    assert sum("source_lines" in f for f in report["stacktrace"]) == 100
