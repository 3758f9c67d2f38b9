"""Uploads of source maps: in every wrapping, with their scripts and without, wrong, twice, and late;
and that frames of reports find them."""

import contextlib
import gzip
import io
import json
import random
import sqlite3
import zipfile

import pytest

import sourcemaps
from conftest import Server
from errors import error
from sourcemaps import SHOP_SCRIPT, debug_id, script, shop, source_map, uuid_of
from symbol_files import sym, tar, zipped
from test_symbols import MB, Place, caches, helper_of, wait_for

ID = debug_id(7)
BARE = ID.replace("-", "").upper()


class Maps(Place):
    def upload(self, body, status=200, format="sourcemap", **params):
        return self.server.submit(self.poster, body, format=format, status=status,
                                  params={"_mod_sync": "1", **params})

    def report(self, script="shop.min.js", **more):
        """Its id; of an error at `new Error` of the small shop. `more` is for the frame."""
        frame = {"funcName": "e", "library": f"/srv/{script}", "line": 1,
                 "column": SHOP_SCRIPT.index("new Error") + 1, **more}
        attributes = {"symbolication_id": frame.pop("symbolication_id", None)}
        body = error(threads={"main": {"name": "main", "fault": True, "stack": [frame]}})
        if attributes["symbolication_id"]:
            body.setdefault("attributes", {}).update(attributes)
        return self.server.submit(self.errors, body, params={"_mod_sync": "1"})["_rxid"]

    def place_of(self, rxid):
        """Function and file of the frame."""
        self.server.fetch(self.reader, rxid, project=self.project)
        frame = self.server.get(f"/{self.project}/reports/{rxid}").json()["stacktrace"][0]
        return frame["function"], frame.get("file")

    def is_mapped(self, **named):
        return self.place_of(self.report(**named))[0] == "check"


@pytest.fixture
def maps(server):
    return Maps(server)


# --- uploads -------------------------------------------------------------------------------------

WRAPPINGS = {
    "raw": lambda: shop(ID),
    "behind a mark": lambda: b"\xef\xbb\xbf" + shop(ID),
    "behind what keeps scripts off": lambda: b")]}'\n" + shop(ID),
    "behind that without the quote": lambda: b")]}\n" + shop(ID),
    "behind both": lambda: b"\xef\xbb\xbf)]}'\n" + shop(ID),
    "behind a long line": lambda: b")]}" + b"-" * 9999 + b"\n" + shop(ID),
    "behind both, in a tar": lambda: tar({"shop.min.js.map": b"\xef\xbb\xbf)]},\n" + shop(ID)}),
    "long": lambda: source_map(file="shop.min.js", debug_id=ID, contents=["x\n" * 60000]),
    "mappings last": lambda: json.dumps({"version": 3, "debugId": ID, "file": "shop.min.js", "names": [],
                                         "sources": ["a.ts"], "sourcesContent": ["y" * 300000],
                                         "mappings": "AAAA"}).encode(),
    "gzip": lambda: gzip.compress(shop(ID)),
    "tar.gz of today's tool": lambda: tar({f"{ID}-shop.min.js.map": shop(ID, file=None)}),
    "tar": lambda: tar({"dist/shop.min.js.map": shop(ID)}, "w"),
    "zip": lambda: zipped({"dist/shop.min.js.map": shop(ID)}),
    "zip in tar.gz": lambda: tar({"x/inner.zip": zipped({"shop.min.js.map": shop(ID)})}),
    "gzip in tar": lambda: tar({"shop.min.js.map.gz": gzip.compress(shop(ID))}, "w"),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_wrappings(maps, wrapping):
    told = maps.upload(WRAPPINGS[wrapping]())
    assert not told.get("errors")
    assert maps.counts() == (1, 0, 0)
    (listed,) = maps.listed()
    assert (listed["debug_file"], listed["debug_id"], listed["kind"]) == ("shop.min.js", BARE, "sourcemap")
    assert "mappings" in listed["parts"] and listed["tag"] == "anon" and listed["cpu"] == ""


def test_forms(maps):
    """As the documentation shows it; the name of the file says which script the map is for."""
    for tag, name in (("1.0", "shop.min.js.map"), ("1.1", "C:\\dist\\shop.min.js.map")):
        maps.server.submit(maps.poster, format="sourcemap", params={"_mod_sync": "1"}, data={"tag": tag},
                           files={"upload_file": (name, shop(file=None))})
    assert {(f["debug_file"], f["tag"]) for f in maps.listed("--all")} == \
        {("shop.min.js", "1.0"), ("shop.min.js", "1.1")}
    assert maps.counts() == (0, 1, 0)
    assert maps.is_mapped()


def test_asynchronous(maps):
    maps.server.submit(maps.poster, shop(ID), format="sourcemap")
    wait_for(lambda: maps.names() == ["shop.min.js"])


def test_whole_upload_is_kept(maps):
    body = tar({"a.js.map": shop(ID)})
    told = maps.upload(body)
    reader = maps.server.token("object:get", project="app")
    assert maps.server.fetch(reader, told["_rxid"], project="app").content == body


def test_who_may(maps):
    for token in (maps.errors, maps.reader, "0" * 64):
        maps.server.submit(token, shop(), format="sourcemap", status=403)
    assert maps.archives() == []


def test_symbols_and_maps_in_one(maps):
    """The bytes say what it is, whatever the format says."""
    for format in ("symbols", "sourcemap"):
        maps.upload(tar({"app.sym": sym("app"), "x/shop.min.js.map": shop(ID),
                         "package.json": b'{"name":"x"}'}), format=format)
    assert maps.names() == ["app", "shop.min.js"]
    assert maps.counts() == (0, 2, 1)
    assert maps.is_mapped(debug_identifier=ID)


# --- scripts -------------------------------------------------------------------------------------

SCRIPTS = {
    "named by its script": ("dist/shop.min.js", "dist/out.map", "out.map"),
    "named by its script, elsewhere": ("dist/shop.min.js", "maps/out.map", "../maps/out.map"),
    "called like its script": ("dist/shop.min.js", "dist/shop.min.js.map", None),
    "called like its script, elsewhere": ("dist/shop.min.js", "maps/shop.min.js.map", None),
}


@pytest.mark.parametrize("order", ["script first", "map first"])
@pytest.mark.parametrize("how", SCRIPTS)
def test_pairs(maps, how, order):
    """A map without ids and names of its own has those of its script, in whichever order they come."""
    path, map_path, url = SCRIPTS[how]
    text = script(SHOP_SCRIPT, ID, url)
    files = [(path, text), (map_path, shop(file=None))]
    told = maps.upload(tar(dict(files if order == "script first" else reversed(files))))
    assert not told.get("errors") and maps.counts() == (1, 0, 0)
    (listed,) = maps.listed()
    assert listed["debug_file"] == "shop.min.js" and listed["debug_id"] == BARE
    assert listed["code_id"] == uuid_of(text).replace("-", "").upper()
    assert maps.is_mapped(debug_identifier=ID)
    assert maps.is_mapped(symbolication_id=uuid_of(text), script="other.js")
    assert maps.is_mapped()
    assert not maps.is_mapped(debug_identifier=debug_id(8)) # another build, whatever its name


def test_own_id_goes_before(maps):
    maps.upload(zipped({"a.js": script(debug_id=debug_id(8)), "a.js.map": shop(ID, "a.js")}))
    assert [f["debug_id"] for f in maps.listed()] == [BARE]


def test_scripts_of_one_name(maps):
    """Each folder's map has the script beside it; where nobody knows which, it has none."""
    files = {f"{n}/main.js": script(f"let a{n}", debug_id(n)) for n in (1, 2)}
    files |= {f"{n}/main.js.map": source_map() for n in (1, 2)}
    files["3/main.js.map"] = source_map(sources=["third.ts"])
    maps.upload(tar(files))
    assert {(f["entry"], f["debug_id"][-1:]) for f in maps.listed()} == \
        {("1/main.js.map", "1"), ("2/main.js.map", "2"), ("3/main.js.map", "")}


def test_map_in_its_script(maps):
    text = script(SHOP_SCRIPT, ID, inline=shop(file=None))
    maps.upload(zipped({"dist/shop.min.js": text}))
    (listed,) = maps.listed()
    assert (listed["kind"], listed["debug_file"], listed["debug_id"]) == ("script", "shop.min.js", BARE)
    assert maps.is_mapped(debug_identifier=ID)
    maps.upload(text, file="raw.js") # and alone
    assert "raw.js" in maps.names()


def test_script_without_a_name(maps):
    """What it is, its end says; it is found by its MD5, as by older tools."""
    text = script(SHOP_SCRIPT, inline=shop(file=None))
    for body in (text, gzip.compress(text)):
        maps.upload(body)
    assert maps.counts() == (0, 1, 0)
    (listed,) = maps.listed()
    assert listed["kind"] == "script" and listed["debug_file"] == ""
    assert maps.is_mapped(symbolication_id=uuid_of(text))
    (told,) = maps.upload(script(map_name="a.js.map"))["errors"]
    assert "it is a script" in told and "a.js.map, did not come with it" in told
    (told,) = maps.upload(b"see sourceMappingURL=a.js.map")["errors"]
    assert "neither" in told


def test_functions_of_the_script(maps):
    """Where a map knows no text of its sources, functions have the names that the script gives."""
    maps.upload(zipped({"shop.min.js": script(SHOP_SCRIPT, ID), "shop.min.js.map": shop(contents=False)}))
    (listed,) = maps.listed()
    assert "functions" in listed["parts"] and "texts" not in listed["parts"]


def test_script_without_its_map(maps):
    told = maps.upload(zipped({"a.js": script(map_name="a.js.map"), "b.js": script(),
                               "c.js.map": shop(ID)}))
    assert maps.counts() == (1, 0, 2)
    assert any(e.startswith("a.js: ") and "a.js.map, did not come with it" in e for e in told["errors"])
    assert any(e.startswith("b.js: ") and "no source map" in e for e in told["errors"])


@pytest.mark.parametrize("order", [("one.js", "two.js"), ("two.js", "one.js")])
def test_scripts_that_claim_one_map(maps, order):
    """The map is nobody's; the scripts are told so, and not that it did not come."""
    files = {name: script(f"let {name[0]}", map_name="out.map") for name in order}
    told = maps.upload(tar({**files, "out.map": shop(ID)}))
    assert maps.counts() == (1, 0, 2)
    assert [(f["debug_file"], f["code_id"]) for f in maps.listed()] == [("shop.min.js", "")]
    assert len(told["errors"]) == 2
    for name, why in zip(order, told["errors"]):
        assert why.startswith(f"{name}: ") and "claim its source map, too" in why, why


# --- which map it is -----------------------------------------------------------------------------

def test_one_symbolication_id_for_all(maps):
    """It is the build's, as older tools have it: each script has the map of its name."""
    own = debug_id(0xA11)
    other = source_map(file=None, sources=["other.ts"], contents=["x\n"])
    for first in (True, False):
        pair = {"shop.min.js.map": shop(file=None), "z.min.js.map": other}
        maps.upload(tar(pair if first else dict(reversed(pair.items()))), symbolication_id=own)
        assert maps.place_of(maps.report(symbolication_id=own)) == ("check", "src/shop.ts")
    maps.upload(other, symbolication_id=own, file="y.min.js.map")
    assert maps.place_of(maps.report(symbolication_id=own)) == ("check", "src/shop.ts")


def test_maps_of_other_folders(maps):
    """A script with a map beside it does not lend its ids to another."""
    text = script("shop()", map_name="main.js.map", debug_id=ID)
    other = source_map(file=None, sources=["other.ts"], contents=["x\n"])
    maps.upload(tar({"b/main.js": text, "b/main.js.map": shop(file=None), "a/main.js.map": other}))
    assert maps.is_mapped(script="main.js", debug_identifier=ID)
    assert maps.is_mapped(script="main.js", symbolication_id=uuid_of(text))


def test_symbolication_id(maps):
    own = debug_id(0xABC)
    maps.upload(shop(file=None), symbolication_id=own)
    (listed,) = maps.listed()
    assert listed["code_id"] == own.replace("-", "").upper() and listed["debug_id"] == ""
    for spelled in (own, own.upper(), own.replace("-", "")):
        assert maps.is_mapped(symbolication_id=spelled)
    assert not maps.is_mapped(symbolication_id=debug_id(1))
    # The same map under another id is another; under the same it is known.
    maps.upload(shop(file=None), symbolication_id=debug_id(0xDEF))
    assert maps.counts() == (1, 0, 0)
    assert maps.is_mapped(symbolication_id=debug_id(0xDEF)) and maps.is_mapped(symbolication_id=own)
    for same in (own, debug_id(0xDEF)):
        maps.upload(shop(file=None), symbolication_id=same)
        assert maps.counts() == (0, 1, 0)
    assert len(caches(maps.server)) == 1


def test_newest_of_a_name(maps):
    def build(n):
        return source_map([(1, 1, 0, 1, 1)], [f"src/build{n}.ts"], file="shop.min.js")

    def file_now():
        return maps.place_of(maps.report())[1]
    for n in (1, 2, 3):
        maps.upload(build(n))
        assert file_now() == f"src/build{n}.ts"
    maps.upload(build(1)) # deployed once more
    assert maps.counts() == (0, 1, 0) and file_now() == "src/build1.ts"
    maps.server.restart()
    assert file_now() == "src/build1.ts"


@pytest.mark.parametrize("id", ["A" * 65, "-"])
def test_symbolication_id_that_no_report_has(maps, tmp_path, id):
    """Its map would be found by nobody: the sender hears of it."""
    refused = maps.upload(shop(), status=400, symbolication_id=id)
    assert "symbolication_id" in refused["error"]["message"]
    maps.server.submit(maps.poster, format="sourcemap", status=400, data={"symbolication_id": id},
                       files={"upload_file": ("a.js.map", shop())})
    assert maps.archives() == []
    maps.upload(shop(), symbolication_id="A-" * 64)
    assert maps.is_mapped(symbolication_id="a" * 64)
    maps.upload(gzip.compress(shop()), format="symbols", symbolication_id=id) # not a word of these


@pytest.mark.parametrize("kind", ["map", "script"])
def test_another_name_of_a_long_upload(maps, kind):
    """A long upload that came before is not opened again, unless its name says something else."""
    long = source_map(contents=[random.Random(7).randbytes(99999).hex()])
    body, end = (gzip.compress(long), ".js.map") if kind == "map" else (script(inline=long), ".js")
    for name, counts in (("a", (1, 0, 0)), ("b", (1, 0, 0)), ("a", (0, 1, 0)), ("b", (0, 1, 0))):
        maps.upload(body, format="symbols", file=name + end)
        assert maps.counts() == counts, name
    assert maps.names() == ["a.js", "b.js"]


def test_projects_are_apart(maps):
    Maps(maps.server, "other").upload(shop(ID))
    assert not maps.is_mapped(debug_identifier=ID)


# --- what is wrong -------------------------------------------------------------------------------

def damaged(**members):
    return json.dumps({**json.loads(shop(ID)), **members}).encode()


WRONG = {
    "mappings": (damaged(mappings="AAAA,!AAA"), "mappings"),
    "version": (damaged(version=2), "version"),
    "sources": (damaged(sources=7), "sources"),
    "cut": (zipped({"a.js.map": shop(ID)[:-300]}), "a.js.map: "),
    "nothing says of what": (shop(file=None), "symbolication_id"),
    "inline map that is no base64": (zipped({"a.js": script() + b"//# sourceMappingURL=data:application/"
                                             b"json;base64,!!!!\n"}), "a.js: "),
    "truncated tar.gz": (tar({"a.js.map": source_map(file="a.js", names=[str(n) for n in range(9999)])})[:-3000],
                         "archive"),
    "empty zip": (zipped({}), "no file"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong(maps, what):
    """It is kept, and the sender hears what is wrong and where."""
    body, part = WRONG[what]
    told = maps.upload(body)
    assert len(told["errors"]) == 1 and part in told["errors"][0], told
    assert maps.counts() == (0, 0, 1) and maps.names() == []
    assert maps.archives()[0]["errors"] == told["errors"]
    reader = maps.server.token("object:get", project="app")
    assert maps.server.fetch(reader, told["_rxid"], project="app").content == body
    maps.upload(shop(ID))
    assert maps.is_mapped(debug_identifier=ID)


@pytest.mark.parametrize("kind", ["json", "maps", "scripts", "texts"])
def test_bombs(maps, kind):
    """What unpacks to more than any source map does ends the reading, and takes no memory."""
    if kind == "json":
        files = {f"{i}.json": b"{" + b" " * (64 * MB) for i in range(5)}
    elif kind == "maps":
        files = {f"{i}.map": b'{"version":3,"mappings":"' + b";" * (64 * MB) + b'"}' for i in range(5)}
    elif kind == "scripts":
        files = {f"{i}.js": b" " * (64 * MB) for i in range(5)}
    else:
        files = {f"{i}.js": b"//# debugId=" + b"a" * (64 * MB) for i in range(5)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, data in {"good.js.map": shop(ID), **files}.items():
            archive.writestr(path, data)
    before = maps.server.peak_memory()
    told = maps.upload(packed.getvalue())
    assert "200 times its size" in told["errors"][0], told
    assert maps.server.peak_memory() - before < 100 * MB
    assert "shop.min.js" in maps.names() # what came before it is kept


def test_thousands_of_entries(maps):
    files = {f"{i}/a.js.map": shop(debug_id(i + 1), f"a{i}.js") for i in range(300)}
    files |= {f"{i}/b.js": script(f"let b{i}", debug_id(9000 + i), "a.js.map") for i in range(3000)}
    told = maps.upload(tar(files))
    assert maps.counts() == (300, 0, 2700)
    assert told["errors"][-1] == "and 2680 more"
    assert len(set(maps.names())) == 1 # by the scripts that name them: b.js
    told = maps.upload(tar({f"{i}.map": b"{}" for i in range(20001)}))
    assert "more than 20000 files" in told["errors"][0]


# --- once, and after an end ----------------------------------------------------------------------

def test_duplicates(maps):
    body = tar({"a.js.map": shop(ID, "a.js"), "b.js.map": shop(debug_id(8), "b.js"),
                "again/a.js.map": shop(ID, "a.js")})
    maps.upload(body)
    assert maps.counts() == (2, 1, 0)
    first = caches(maps.server)
    maps.upload(body)
    assert maps.counts() == (0, 3, 0)
    maps.upload(zipped({"b.js.map": shop(debug_id(8), "b.js"), "c.js.map": shop(debug_id(9), "c.js")}))
    assert maps.counts() == (1, 1, 0)
    now = caches(maps.server)
    assert len(now) == 3 and {path: now[path] for path in first} == first


def test_restart_keeps_all(maps):
    maps.upload(tar({"a.js.map": shop(ID, "a.js"), "bad.js.map": shop(ID)[:-300], "app.sym": sym()}))
    before, kept = maps.listed("--all"), caches(maps.server)
    maps.server.restart()
    assert maps.listed("--all") == before and caches(maps.server) == kept
    assert "symbols_to_convert" not in maps.server.log()
    assert maps.is_mapped(debug_identifier=ID)


def test_damaged_and_lost_caches_are_made_again(maps):
    maps.upload(shop(ID))
    (path,) = caches(maps.server)
    good = path.read_bytes()
    for damage in (lambda: path.unlink(), lambda: path.write_bytes(good[:-40] + bytes(40)),
                   lambda: path.write_bytes(b"CRMPLMAP"), lambda: path.write_bytes(b"?" * len(good))):
        maps.server.stop()
        damage()
        maps.server.start()
        rxid = maps.report(debug_identifier=ID)
        wait_for(lambda: maps.place_of(rxid)[0] == "check")
        assert path.read_bytes() == good


def test_old_build_that_is_converted_again_stays_old(maps):
    maps.upload(shop(debug_id(1)))
    (path,) = caches(maps.server)
    maps.upload(source_map(file="shop.min.js", sources=["new.ts"], debug_id=debug_id(2)))
    maps.server.stop()
    path.unlink()
    maps.server.start()
    rxid = maps.report(debug_identifier=debug_id(1))
    wait_for(lambda: maps.place_of(rxid)[0] == "check")
    assert maps.place_of(maps.report())[1] == "new.ts"


def big_map(number):
    """Takes a second or so to convert."""
    mappings = [(line, 1 + 5 * column, 0, line, 1 + column, column % 50)
                for line in range(1, 1200) for column in range(100)]
    return source_map(mappings, file=f"big{number}.js", names=[f"name{i}" for i in range(50)],
                      debug_id=debug_id(number))


def test_kill_during_conversion(tmp_path):
    server = Server(tmp_path).start()
    try:
        maps = Maps(server)
        big = big_map(1)
        files = {f"{n}.js.map": big.replace(debug_id(1).encode(), debug_id(n).encode()) for n in range(1, 16)}
        server.submit(maps.poster, tar(files, "w"), format="sourcemap")
        wait_for(lambda: helper_of(server))
        server.kill()
        server.start()
        wait_for(lambda: len(maps.listed()) == 15)
        assert maps.counts() == (15, 0, 0) and len(maps.archives()) == 1
        assert not list((server.data / "symbols" / "tmp").iterdir())
        server.restart()
        assert maps.counts() == (15, 0, 0)
    finally:
        server.stop()


def test_server_that_did_not_convert_them(maps):
    """Uploads that an older server only kept are converted at start."""
    maps.upload(shop(ID))
    maps.server.stop()
    with contextlib.closing(sqlite3.connect(maps.server.data / "crumple.db")) as db, db:
        db.execute("DELETE FROM symbol_files")
    maps.server.start()
    wait_for(lambda: maps.names() == ["shop.min.js"])


# --- reports that wait for maps -------------------------------------------------------------------

LATE = {
    "debug id": ({"debug_identifier": ID.upper()}, {}, lambda: shop(ID, file=None)),
    "symbolication id": ({"symbolication_id": ID}, {"symbolication_id": ID.upper()},
                         lambda: shop(file=None)),
    "name": ({}, {}, lambda: shop()),
    "name of a map with an id": ({}, {}, lambda: shop(ID)),
}


@pytest.mark.parametrize("how", LATE)
def test_maps_after_the_report(maps, how):
    named, params, body = LATE[how]
    rxid, again = maps.report(**named), maps.report(**named)
    assert maps.place_of(rxid)[0] == "e"
    (missing,) = maps.missing()
    assert missing["reports"] == 2 and missing["debug_file"] == "shop.min.js"
    (told,) = json.loads(maps.server.command("symbols", "missing", "--project", "app", "--json"))
    assert told["debug_file"] == "shop.min.js"
    maps.upload(source_map(file="other.js", debug_id=debug_id(99))) # not this one
    assert maps.place_of(rxid)[0] == "e" and len(maps.missing()) == 1
    maps.upload(tar({"dist/shop.min.js.map": body()}) if how != "symbolication id" else body(), **params)
    wait_for(lambda: [maps.place_of(r)[0] for r in (rxid, again)] == ["check", "check"])
    wait_for(lambda: maps.missing() == [])


def test_maps_that_came_while_the_server_was_down(maps, tmp_path):
    rxid, by_name = maps.report(debug_identifier=ID), maps.report()
    maps.server.stop()
    file = tmp_path / "shop.min.js.map"
    file.write_bytes(shop(ID))
    assert "1 new" in maps.server.command("symbols", "add", str(file), "--project", "app")
    maps.server.start()
    for r in (rxid, by_name):
        wait_for(lambda: maps.place_of(r)[0] == "check")


# --- the command ---------------------------------------------------------------------------------

def test_command(maps, tmp_path):
    maps.server.stop()
    (tmp_path / "a.js.map").write_bytes(shop(file=None))
    (tmp_path / "all.zip").write_bytes(zipped({"b.js": script(debug_id=ID), "b.js.map": shop(file=None)}))
    (tmp_path / "c.js.map").write_bytes(shop(file=None))
    add = ("symbols", "add", "--project", "app")
    out = maps.server.command(*add, str(tmp_path / "a.js.map"), str(tmp_path / "all.zip"))
    assert out.count("1 new") == 2
    maps.server.command(*add, str(tmp_path / "c.js.map"), "--symbolication-id", debug_id(5))
    assert {(f["debug_file"], f["debug_id"], f["code_id"][-1:]) for f in maps.listed()} >= \
        {("a.js", "", ""), ("c.js", "", "5")}
    table = maps.server.command("symbols", "list", "--project", "app")
    assert "sourcemap" in table and "b.js" in table
    maps.server.start()
    assert maps.is_mapped(symbolication_id=debug_id(5)) and maps.is_mapped(debug_identifier=ID)


def test_what_is_told_of_them(maps):
    maps.upload(shop(ID), tag="2.0")
    (group,) = maps.symfile("symbols")["symbols"]
    assert group["tag"] == "2.0" and group["files"][0]["debug_file"] == "shop.min.js"
    assert maps.symfile("symbols", values=[BARE])["symbols"]
    summary = maps.symfile("summary")["summary"]
    assert summary["archives"]["count"] == summary["symbols"]["count"] == 1
    assert maps.symfile("archives", tags=["2.0"])["archives"]
