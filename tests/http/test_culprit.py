"""The similarity `culprit` (docs/grouping.md) over HTTP: that like crashes share a bucket whatever
compilers, debuggers, loaders and languages do to their stacks, and that unlike ones do not."""

import random

import pytest

import model

T = "4.0"
THRESHOLDS = [f"{t:.1f}" for t in model.THRESHOLDS]

# A program: what its crashes have in common, from the frame that called the faulty one outwards.
PARSING = ["read_section", "load_document", "open_file", "run_command", "main"]
DRAWING = ["paint_page", "redraw_window", "dispatch_event", "run_loop", "main"]
STARTED = ["__libc_start_call_main", "__libc_start_main_impl", "_start"]


class Stream:
    """Posts reports to a server, one by one, and asks for their buckets at 4.0."""

    def __init__(self, server, **common):
        self.server = server
        self.common = {"project": "Editor", "Package": "editor 1.2-3", **common}
        self.count = 0

    def post(self, frames, **more):
        """frames: names, or members of a frame. The whole answer's buckets."""
        self.count += 1
        report = {"database_id": f"crash:{self.count:04}", "date": "2016-11-03T19:14:02",
                  **self.common, **more}
        if frames is not None:
            report["stacktrace"] = [{"function": f} if isinstance(f, str) else f for f in frames]
        return self.server.post("/reports", report).json()["buckets"]

    def bucket(self, frames, **more):
        return self.post(frames, **more)[T]["id"]

    def warm(self):
        """Some life of the program before: other crashes, and helpers that have many callers."""
        for i in range(12):
            self.post([f"node_new{i % 3}", f"build_item{i}", f"walk_items{i % 4}", *DRAWING[1:]])
            self.post(["buffer_append", f"read_header{i}", f"check_header{i % 5}", *PARSING[1:]])


@pytest.fixture
def stream(make_server):
    return Stream(make_server("--similarity", "culprit"))


@pytest.fixture(params=["empty", "warm"])
def program(request, stream):
    """On an empty server, and on one that knows the program."""
    if request.param == "warm":
        stream.warm()
    return stream


def at(names, base=0x7F3A2C000000, module="/usr/bin/editor", first=0x1000, **more):
    """Frames with addresses: the i-th function always stands at the same place of its module."""
    return [{"function": name, "module": module, "address": hex(base + first + 0x2A7 * i), **more}
            for i, name in enumerate(names)]


def nameless(frames, *which):
    """The same frames; those `which` (all, if not said) without their function."""
    return [{**f, "function": None} if not which or i in which else f for i, f in enumerate(frames)]


# What is alike, and what is not.

@pytest.mark.parametrize("name", ["decode_entity", "xmalloc", "list_append"])
def test_twins_on_an_empty_server(stream, name):
    first = stream.bucket([name, *PARSING])
    assert first == "crash:0001"
    twin = stream.post([name, *PARSING])
    assert all(twin[t]["id"] == first for t in THRESHOLDS[:-1])
    assert twin["top_match"]["report_id"] == first


def test_unlike_crashes_are_apart(program):
    functions = ["decode_entity", "fill_rect", "undo_step", "sort_rows", "save_state"]
    buckets = {program.bucket([f, *outer]) for f in functions for outer in [PARSING]}
    assert len(buckets) == len(functions)
    # The same functions, in other stacks.
    assert program.bucket(["decode_entity", *DRAWING]) == program.bucket(["decode_entity", *PARSING])


def test_only_the_start_in_common(program):
    buckets = {program.bucket([f"{f}_a", f"{f}_b", "main", *STARTED]) for f in ("x", "y", "z")}
    assert len(buckets) == 3


def test_projects_are_apart(stream):
    stack = ["decode_entity", *PARSING]
    first = stream.bucket(stack)
    other = stream.post(stack, project="Viewer")
    assert other[T]["id"] != first and other["top_match"] is None


@pytest.mark.parametrize("callers", [30, 100, 400])
def test_helpers_show_by_their_callers(stream, callers):
    """hash_find fails on behalf of each of its callers: those are the bugs."""
    def crash(caller, *outer):
        return stream.bucket(["hash_find", caller, *outer, "main"])
    for i in range(callers):
        crash(f"use_table{i}", f"command{i % 7}", "run_command")
    bugs = {crash(f"bug{i}", f"prepare{i}") for i in range(5)}
    assert len(bugs) == 5
    assert {crash(f"bug{i}", f"repeat{i}", f"finish{i}") for i in range(5)} == bugs


def test_a_culprit_shows_by_its_crashes(stream):
    """decode_entity always dies in itself, whoever calls it."""
    first = stream.bucket(["decode_entity", *PARSING])
    for i in range(4):
        assert stream.bucket(["decode_entity", f"caller{i}", f"command{i}", "main"]) == first


# Missing symbols.

def test_module_and_address_stand_in(program):
    """Nobody ever knew a name; the module is loaded elsewhere each time."""
    stack = ["decode_entity", *PARSING]
    first = program.bucket(nameless(at(stack)))
    assert program.bucket(nameless(at(stack, base=0x55D0A1B2C000))) == first
    assert program.bucket(nameless(at(stack, first=0x1234))) != first
    assert program.bucket(nameless(at(stack, module="/usr/lib/libother.so.1"))) != first


def test_module_and_offset_stand_in(program):
    def frames(first, module="editor.exe"):
        return [{"module": module, "offset": hex(first + 0x31 * i)} for i in range(5)]
    first = program.bucket(frames(0x4010))
    assert program.bucket(frames(0x4010)) == first
    assert program.bucket(frames(0x5177)) != first


@pytest.mark.parametrize("lost", [(0,), (0, 1), (1, 2, 3), ()])
@pytest.mark.parametrize("unknown", [None, "??"])
def test_a_lost_name_comes_back(program, lost, unknown):
    """An earlier report of the same build tells what stands there."""
    stack = ["decode_entity", *PARSING]
    first = program.bucket(at(stack))
    frames = nameless(at(stack, base=0x55D0A1B2C000), *lost)
    assert program.bucket([{**f, "function": f["function"] or unknown} for f in frames]) == first


def test_a_lost_name_comes_back_by_the_debug_id(program):
    stack, build = ["decode_entity", *PARSING], {"debug_id": "0123456789ABCDEF0123456789ABCDEF0"}
    first = program.bucket(at(stack, **build), Package=None)
    assert program.bucket(nameless(at(stack, base=0x10000, **build)), Package=None) == first


def test_names_of_another_build_are_not_taken(program):
    """There, the same addresses are other places."""
    first = program.bucket(at(["decode_entity", *PARSING]))
    frames = nameless(at(["fill_rect", *DRAWING]))
    assert program.bucket(frames, Package="editor 1.3-1") != first


def test_places_that_contradict_are_not_believed(program):
    """One package with builds for two machines: a place has two names, so neither counts."""
    one = program.bucket(at(["decode_entity", *PARSING]))
    other = program.bucket(at(["fill_rect", *DRAWING]))
    assert one != other
    assert program.bucket(nameless(at(["anything", *DRAWING]), 0)) != one


# Stacks of another shape.

@pytest.mark.parametrize("kept", range(1, 9))
def test_cut_stacks(program, kept):
    whole = ["decode_entity", "decode_text", "decode_node", *PARSING, *STARTED]
    first = program.bucket(whole)
    assert program.bucket(whole[:kept]) == first
    assert program.bucket(["fill_rect", "fill_path", *DRAWING][:kept]) != first


def test_what_was_cut_first_is_known_when_whole(program):
    whole = ["decode_entity", "decode_text", "decode_node", *PARSING]
    first = program.bucket(whole[:2])
    assert program.bucket(whole) == first


@pytest.mark.parametrize("turn", [["walk"], ["walk", "visit"],
                                  ["walk", "visit", "apply", "each", "call", "step"]])
def test_recursion_of_any_length(program, turn):
    def crash(turns):
        return program.bucket(["decode_entity", *turn * turns, *PARSING])
    first = crash(3)
    assert [crash(n) for n in (2, 1, 5, 60, 1000)] == [first] * 5


@pytest.mark.parametrize("turn", [["walk"], ["walk", "visit", "apply"]])
def test_stack_overflows(program, turn):
    """The top is anywhere in a turn, there is no bottom, and the length is chance."""
    names = turn * 700
    first = program.bucket(at(names[:900]), Signal="11")
    for cut, count in ((1, 300), (2, 650), (0, 1000)):
        assert program.bucket(names[cut:cut + count], Signal="11") == first
    assert program.bucket([f"{t}_other" for t in names[:900]], Signal="11") != first


def test_recursion_by_other_calls(program):
    """Each turn is entered at one of two places."""
    rng = random.Random(3)
    def crash(turns):
        frames = [{"function": "walk", "address": hex(0x401000 + 0x80 * rng.randrange(2))}
                  for _ in range(turns)]
        return program.bucket(["decode_entity", *frames, *PARSING])
    first = crash(4)
    assert [crash(n) for n in (1, 30, 500)] == [first] * 3


# Inlining.

def inlined(names, groups, base=0x7F3A2C000000, module="/usr/bin/editor"):
    """groups: how many functions stand at each address, innermost first."""
    frames, i = [], 0
    for place, count in enumerate(groups):
        frames += [{"function": name, "module": module, "address": hex(base + 0x1000 + 0x2A7 * place)}
                   for name in names[i:i + count]]
        i += count
    return frames + at(names[i:], base=base, first=0x8111)


def test_inlined_frames_are_put_back(program):
    """A debugger told them once, another tool does not."""
    names = ["get_byte", "decode_entity", "decode_text", "decode_node", *PARSING]
    whole = inlined(names, [2, 2], base=0x55D0A1B2C000)
    first = program.bucket(whole)
    assert program.bucket([whole[1], *whole[3:]]) == first  # only the functions that were called
    assert program.bucket(nameless([whole[1], *whole[3:]], 0, 1)) == first


def test_inlining_in_the_middle_of_another_build(program):
    names = ["decode_entity", "decode_text", "decode_node", *PARSING]
    first = program.bucket(at(names))
    without = [n for n in names if n not in ("decode_node", "read_section")]
    assert program.bucket(at(without, first=0x7777), Package="editor 1.3-1") == first


def test_an_inlined_helper_of_another_build(stream):
    """In one build buffer_append is a function, in the other it is part of its callers."""
    stream.warm()
    first = stream.bucket(["buffer_append", "decode_entity", *PARSING])
    assert stream.bucket(["decode_entity", *PARSING], Package="editor 1.3-1") == first
    assert stream.bucket(["buffer_append", "decode_entity", *PARSING], Package="editor 1.4-1") == first
    assert stream.bucket(["buffer_append", "fill_rect", *DRAWING]) != first


# Names.

@pytest.mark.parametrize("names", [
    ["ns::Tree<int>::insert(int)", "ns::Tree<std::string>::insert(std::string)",
     "ns::Tree<std::map<int, ns::Tree<int> > >::insert(std::map<int, ns::Tree<int> >)",
     "_ZN2ns4TreeIiE6insertEi"],
    ["ns::run(int)::{lambda(int)#1}::operator()(int) const",
     "ns::run(int)::{lambda(int)#2}::operator()(int) const", "ns::run(int)::$_0::operator()(int) const"],
    ["ns::`anonymous namespace'::step", "ns::(anonymous namespace)::step(char const*)"],
    ["mycrate::step::{{closure}}", "mycrate::step::{closure#1}",
     "_ZN7mycrate4step28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE",
     "mycrate::step::{{closure}}::hfedcba9876543210"],
    ["com.acme.Step$$Lambda$14/0x0000000800c03000.run", "com.acme.Step$$Lambda$99.run"],
], ids=["templates", "lambdas", "anonymous", "closures", "java"])
def test_template_and_lambda_names(program, names):
    first = program.bucket([names[0], *PARSING])
    assert [program.bucket([name, *PARSING]) for name in names] == [first] * len(names)
    assert program.bucket([names[0].replace("ns::", "other::").replace("mycrate", "other")
                           .replace("acme", "other"), *PARSING]) != first


def test_versions_and_suffixes(program):
    names = ["decode_entity", "decode_entity@@EDITOR_1.2", "decode_entity@plt", "decode_entity.isra.0",
             "decode_entity.part.3.constprop.1", "decode_entity.cold", "decode_entity.llvm.86753",
             "decode_entity [clone .constprop.0]", "editor!decode_entity+0x3c", "__GI_decode_entity"]
    first = program.bucket([names[0], *PARSING])
    assert [program.bucket([name, *PARSING]) for name in names] == [first] * len(names)


def test_versions_of_the_c_library(program):
    """The same fault through another C library: its names are versions, its frames are others."""
    first = program.bucket(["__memcpy_avx_unaligned_erms", "decode_entity", *PARSING])
    for inner in (["memcpy@@GLIBC_2.14"], ["__memmove_evex_unaligned_erms"], ["__GI___memcpy_chk"],
                  [{"module": "/lib/x86_64-linux-gnu/libc.so.6", "address": "0x7f12aa18b4c2"}], []):
        assert program.bucket([*inner, "decode_entity", *PARSING]) == first
    assert program.bucket(["__memcpy_avx_unaligned_erms", "fill_rect", *DRAWING]) != first


# Noise.

def test_address_noise(program):
    """Address space layout randomisation, and registers that differ."""
    stack = ["decode_entity", *PARSING]
    first = program.post(at(stack))
    rng = random.Random(1)
    for _ in range(10):
        again = program.post(at(stack, base=rng.randrange(1 << 35) << 12,
                                registers={"rax": hex(rng.randrange(1 << 60))}))
        assert [again[t]["id"] for t in THRESHOLDS[:-1]] == [first[T]["id"]] * 10


def test_start_frames_of_threads(program):
    starts = [STARTED, ["__libc_start_main", "_start"], ["start_thread", "clone3"],
              ["std::thread::_State_impl<int>::_M_run()", "execute_native_thread_routine",
               "start_thread", "__clone"],
              ["invoke_main", "__scrt_common_main_seh", "BaseThreadInitThunk", "RtlUserThreadStart"],
              ["_pthread_start", "thread_start"], []]
    first = program.bucket(["decode_entity", "worker"])
    assert [program.bucket(["decode_entity", "worker", *s]) for s in starts] == [first] * len(starts)
    unlike = {program.bucket([f"{f}_job", *s]) for f in "abc" for s in starts}
    assert len(unlike) == 3


def test_how_it_ended(program):
    ends = [[], ["raise", "abort", "__assert_fail_base", "__assert_fail"],
            ["__pthread_kill_implementation", "__pthread_kill_internal", "__GI_raise", "__GI_abort"],
            ["__GI_raise", "__GI_abort", "__libc_message", "malloc_printerr", "_int_free", "free"],
            ["on_crash", "<signal handler called>"],
            ["raise", "abort", "write_report", "on_crash", "__restore_rt"]]
    first = program.bucket(["decode_entity", *PARSING])
    assert [program.bucket([*e, "decode_entity", *PARSING]) for e in ends] == [first] * len(ends)
    unlike = {program.bucket([*e, f"{f}_step", "main"]) for f in "abc" for e in ends}
    assert len(unlike) == 3


# Languages.

def test_a_c_frame_under_rust(program):
    rust = ["<mycrate::Reader as std::io::Read>::read", "mycrate::decode::next_frame::h0123456789abcdef",
            "mycrate::main", "core::ops::function::FnOnce::call_once",
            "std::sys_common::backtrace::__rust_begin_short_backtrace", "std::rt::lang_start_internal",
            "main", "__libc_start_main"]
    first = program.bucket([{"function": "zz_inflate", "module": "libzz.so.1"}, *rust])
    for inner in (["memcpy", "zz_inflate"], ["zz_inflate.cold"], [*at(["zz_inflate"], module="libzz.so.1")]):
        assert program.bucket([*inner, *rust]) == first
    # The fault of Rust's side, with all that panics and all that starts in common.
    panic = ["rust_panic", "std::panicking::begin_panic_handler", "rust_begin_unwind",
             "core::panicking::panic_fmt", "core::option::expect_failed"]
    one = program.bucket([*panic, *rust[1:]])
    other = program.bucket([*panic, "mycrate::play::start", *rust[2:]])
    assert len({first, one, other}) == 3
    assert program.bucket([*panic[:3], *rust[1:]]) == one


def test_a_c_frame_under_python(program):
    python = ["handle_request", "dispatch", "<module>"]
    loop = ["cfunction_call", "_PyObject_MakeTpCall", "_PyEval_EvalFrameDefault", "_PyFunction_Vectorcall",
            "_PyEval_EvalFrameDefault", "PyEval_EvalCode", "Py_RunMain", "Py_BytesMain", *STARTED]
    first = program.bucket(["ext_parse_row", *loop])
    assert program.bucket(["strlen", "ext_parse_row", *loop[2:]]) == first
    assert program.bucket(["ext_write_row", *loop]) != first
    # Tracebacks of Python itself, innermost first.
    error = program.bucket(["parse_row", *python], exception_type="ValueError")
    assert program.bucket(["parse_row", "retry", *python], exception_type="ValueError") == error
    assert program.bucket(["write_row", *python], exception_type="KeyError") not in (error, first)


def test_java_and_javascript(program):
    java = ["com.acme.Shop.checkout", "com.acme.Shop.serve", "java.lang.Thread.run"]
    first = program.bucket(["java.util.Objects.requireNonNull", "com.acme.Cart.total", *java])
    assert program.bucket(["java.lang.Integer.parseInt", "com.acme.Cart.total", *java]) == first
    assert program.bucket(["java.util.Objects.requireNonNull", "com.acme.User.name", *java]) != first
    script = ["Shop.checkout", "Router.handle", "process.processTicksAndRejections"]
    first = program.bucket(["Cart.total", "Array.map (<anonymous>)", *script])
    assert program.bucket(["Cart.total", "Array.forEach (<anonymous>)", "async Promise.all (index 3)",
                           *script]) == first
    assert program.bucket(["User.name", "Array.map (<anonymous>)", *script]) != first


# Reports that say little.

@pytest.mark.parametrize("stack", [None, []], ids=["absent", "empty"])
@pytest.mark.parametrize("member", ["message", "Title", "error.message"])
def test_no_stack_at_all(program, stack, member):
    def crash(text):
        return program.bucket(stack, **{member: text})
    first = crash("cannot open the file: permission denied")
    assert crash("cannot open the file: permission denied") == first
    other = crash("the server closed the connection too early")
    assert other != first
    assert crash("the server closed the connection too early") == other


def test_no_stack_and_numbers(program):
    first = program.bucket(None, message="timeout after 300 ms on connection 17")
    assert program.bucket(None, message="timeout after 4515 ms on connection 2") == first


def test_a_stack_is_not_like_none(program):
    first = program.bucket(None, message="decode_entity failed")
    assert program.bucket(["decode_entity", *PARSING], message="decode_entity failed") != first


def test_only_frames_of_the_platform(program):
    """Then they are what there is to compare."""
    broken = ["raise", "abort", "__libc_message", "malloc_printerr", "_int_free", "free", *STARTED]
    first = program.bucket(broken)
    assert program.bucket(broken) == first
    assert program.bucket(["__strlen_evex", "__vfprintf_internal", "printf", *STARTED]) != first
    assert program.bucket(["decode_entity", *PARSING]) != first


def test_only_helpers(stream):
    """Cut above the function that is to blame."""
    stream.warm()
    for i in range(30):
        stream.bucket(["list_grow", "list_append", f"collect{i}", f"command{i % 6}", "main"])
    first = stream.bucket(["list_grow", "list_append"])
    assert stream.bucket(["list_grow", "list_append"]) == first
    assert stream.bucket(["buffer_append"]) != first


def test_how_programs_die(stream):
    """In a function that fails in two ways, there are two bugs."""
    stack = ["decode_entity", *PARSING]
    first = stream.bucket(stack, Signal="11")
    assert stream.bucket(stack, Signal="SIGSEGV") == first
    assert stream.bucket(stack, Signal="8") != first
    assert stream.bucket(stack, Signal="6") == first  # a handler, or an assertion, may end any death


# Buckets do not drift.

def has_drifted(stream, stacks):
    """Whether a bucket at 4.0 holds two reports that have no function in common."""
    buckets = {}
    for stack in stacks:
        buckets.setdefault(stream.bucket(stack), []).append(set(stack))
    return any(a.isdisjoint(b) for members in buckets.values() for a in members for b in members)


@pytest.mark.parametrize("name", ["step{}", "new_part{}"])  # a culprit each, a helper each
@pytest.mark.parametrize("depth", [2, 3, 6, 12])
def test_chains_do_not_drift(stream, name, depth):
    """Each stack is the one before it, one function further: a -> b -> c ..."""
    assert not has_drifted(stream, [[name.format(i + k) for k in range(depth)] for i in range(40)])


def test_chains_of_three_do_not_drift(program):
    """b is near a, and c is near b; c and a have nothing in common."""
    stacks = [["a_alloc", "a_dup", "a_copy"], ["a_dup", "a_copy", "c_alloc"],
              ["a_copy", "c_alloc", "c_dup"], ["c_alloc", "c_dup", "c_copy"]]
    assert not has_drifted(program, stacks)


# A program with many bugs, as a stream.

def program_reports(count, seed, project="Editor"):
    """(bug, report): bugs in functions, in callers of helpers; names lost, stacks cut, recursion."""
    rng = random.Random(seed)
    modules = ["/usr/bin/editor", "/usr/lib/libcanvas.so.2", "/usr/lib/libtext.so.5"]
    def function(name):
        return {"function": name, "module": modules[len(name) % 3],
                "site": int.from_bytes(name.encode(), "big") % 4093}
    helpers = [["xmalloc", "str_dup"], ["list_grow", "list_append"], ["hash_slot", "hash_get"],
               ["buffer_append"], []]
    bugs = [(f"fault{i}", rng.choice(helpers), [f"step{i % 9}", f"command{i % 4}", "run", "main"],
             rng.choice(("6", "8", "11"))) for i in range(40)]
    for i in range(count):
        number = min(int(rng.expovariate(0.12)), len(bugs) - 1)
        name, inner, outer, sig = bugs[number]
        inner = inner[rng.randrange(len(inner) + 1):]
        names = [*inner, name, *["walk"] * rng.choice((0, 0, 1, 5)), *outer]
        base = rng.randrange(1 << 30) << 12
        frames = []
        for n in names:
            f = function(n)
            lost = rng.random() < 0.1
            frames.append({"function": None if lost else n, "module": f["module"],
                           "address": hex(base + 0x1000 * rng.randrange(9) + f["site"])})
        if rng.random() < 0.2:
            frames = frames[:rng.randrange(2, len(frames) + 1)]
        if sig == "6" or rng.random() < 0.1:
            frames = [{"function": f} for f in ("raise", "abort")] + frames
        yield number, {"database_id": f"{project}:{seed}:{i:04}", "project": project,
                       "date": "2016-11-03", "Package": f"editor 1.{number % 2}", "Signal": sig,
                       "stacktrace": frames}


def answers(server, reports, restarts=(), lists=None):
    """What each report was told. lists: posts them in lists of that many."""
    out = []
    for i in range(0, len(reports), lists or 1):
        if i in restarts:
            server.restart()
        got = server.post("/reports", reports[i:i + lists] if lists else reports[i]).json()
        out += [{**g["buckets"], "top_match": without_link(g["buckets"]["top_match"])}
                for g in (got if lists else [got])]
    for told in out:
        for t in THRESHOLDS:
            told[t] = told[t]["id"]
    return out


def without_link(match):
    return match and {k: v for k, v in match.items() if k in ("report_id", "project", "score")}


@pytest.fixture
def two(make_server):
    return [make_server("--similarity", "culprit") for _ in range(2)]


def test_stable_across_restarts(two):
    reports = [r for _, r in program_reports(240, 1)]
    told = answers(two[0], reports)
    assert answers(two[1], reports, restarts=(1, 60, 61, 200)) == told
    two[1].restart()
    for report, was in zip(reports, told, strict=True):
        now = two[1].get(f"/Editor/reports/{report['database_id']}").json()["buckets"]
        assert {t: now[t]["id"] for t in THRESHOLDS} == {t: was[t] for t in THRESHOLDS}


def test_deterministic(two):
    reports = [r for _, r in program_reports(240, 2)]
    told = answers(two[0], reports)
    assert answers(two[1], reports, lists=17) == told


@pytest.mark.parametrize("seed", [3, 4])
def test_thresholds(make_server, seed):
    reports = list(program_reports(300, seed))
    told = answers(make_server("--similarity", "culprit"), [r for _, r in reports])
    counts = [len({a[t] for a in told}) for t in THRESHOLDS]
    assert counts == sorted(counts)
    bugs = len({bug for bug, _ in reports})
    assert counts[0] <= 0.9 * bugs      # 1.0 groups loosely,
    assert counts[-1] >= 0.95 * 300     # 11.0 leaves nearly all alone,
    assert 0.6 * bugs <= counts[3] <= 1.6 * bugs  # and 4.0 is about right.
    # Most pairs of a bucket at 4.0 are of one bug.
    groups = {}
    for (bug, _), a in zip(reports, told, strict=True):
        groups.setdefault(a[T], []).append(bug)
    precision = sum(g.count(b) / len(g) for g in groups.values() for b in g) / 300
    assert precision > 0.8


def test_force_bucket(stream):
    stream.bucket(["decode_entity", *PARSING], force_bucket="known bug")
    assert stream.bucket(["decode_entity", *PARSING]) == "known bug"


# Explanations.

def test_the_lines_add_up(stream):
    stream.warm()
    stream.post(at(["xmalloc", "decode_entity", *PARSING]))
    stream.post(at(["decode_entity", *PARSING], base=0x10000))
    told = stream.server.get(f"/reports/crash:{stream.count:04}/compare/crash:{stream.count - 1:04}").json()
    assert sum(t["value"] for t in told["terms"]) == pytest.approx(told["score"], rel=1e-4)
    assert told["terms"][0]["term"] == "decode_entity"


# Both similarities in one server.

CLASSIC_FOR_ONE = "[grouping]\nsimilarity = culprit\n\n[similarity]\nOld Editor = classic\n"


def test_classic_for_one_project(make_server):
    """The project's reports get the answers of docs/grouping-classic.md, to the last digit, though
    the server's other projects are grouped by `culprit`."""
    server = make_server(config=CLASSIC_FOR_ONE)
    streams = [list(program_reports(150, 5, project=p)) for p in ("Editor", "Old Editor")]
    reports = [r for pair in zip(*streams, strict=True) for _, r in pair]
    brute, buckets, matches = model.Model(), {}, 0
    for report, told in zip(reports, answers(server, reports, restarts=(100,)), strict=True):
        name = report["database_id"]
        buckets[name] = told
        expected = brute.post(report)
        if report["project"] != "Old Editor":
            assert told["top_match"] is None or told["top_match"]["project"] == "Editor"
            continue
        if expected.match is None:
            assert told["top_match"] is None, name
        else:
            assert told["top_match"]["report_id"] == expected.match, name
            assert float(told["top_match"]["score"]) == pytest.approx(expected.score, rel=1e-5)
            matches += 1
        for t in THRESHOLDS:
            near = expected.match is not None and expected.score >= float(t)
            assert told[t] == (buckets[expected.match][t] if near else name), (name, t)
    assert matches > 100  # otherwise this has shown little


def test_classic_by_default_and_culprit_for_one(make_server):
    config = "[grouping]\nsimilarity = classic\n\n[similarity]\nEditor = culprit\n"
    stream = Stream(make_server(config=config))
    stack = ["decode_entity", *PARSING]
    first = stream.bucket(stack)
    assert stream.bucket(["abort", *stack, *STARTED]) == first  # a twin for culprit,
    old = stream.bucket(stack, project="Old Editor")
    assert old != first
    assert float(stream.post(stack, project="Old Editor")["top_match"]["score"]) < 4  # not for classic


# The worked example of docs/grouping.md.

EXAMPLE = [("SIGSEGV", ["list_append", "parse_header", "read_file", "main"], None),
           ("SIGFPE", ["list_append", "draw_row", "draw_window", "main"], None),
           ("SIGSEGV", ["memmove", "list_append", "parse_header", "read_file", "main"], (1, 10.9)),
           ("SIGBUS", ["list_append", "load_config", "main"], None),
           ("SIGFPE", ["abort", "list_append", "draw_row", "repaint", "main"], (2, 7.917))]


def test_worked_example(make_server):
    stream = Stream(make_server("--similarity", "culprit"), Package=None)
    for death, names, near in EXAMPLE:
        buckets = stream.post(names, Signal=death)
        match = buckets["top_match"]
        if near is None:
            assert match is None
        else:
            number, score = near
            assert match["report_id"] == buckets[T]["id"] == f"crash:{number:04}"
            assert float(match["score"]) == pytest.approx(score, abs=0.001)


# Two similarities on one server, and reports that are only tried.

def test_dry_runs_leave_nothing_to_the_next(make_server, tmp_path):
    """What was asked of one report is not believed of the next, whichever similarity it has."""
    config = tmp_path / "two.ini"
    config.write_text("[grouping]\nsimilarity = culprit\n[similarity]\nOld = classic\n")
    server = make_server("--config", str(config))
    def post(project, name, number, dry=False):
        report = {"database_id": f"{project}:{name}{number}", "word": f"{name}{number}",
                  "stacktrace": [{"function": f"{name}{number}"}, {"function": "main"}]}
        path = f"/{project}/reports/dry-run" if dry else f"/{project}/reports"
        return server.post(path, report, status=200 if dry else 201).json()
    for number in range(20):
        post("New", "cccc", number, dry=True)
        post("Old", "dddd", number)
        post("Old", "aaaa", number, dry=True)
        post("New", "bbbb", number)
    for number in range(20):
        match = post("New", "cccc", number)["buckets"]["top_match"]
        assert match is None or (match["project"] == "New" and float(match["score"]) < 4)
    for word, count in (("bbbb", 20), ("aaaa", 0)):
        found = [r for n in range(20)
                 for r in server.get(f"/New/search?q=word:{word}{n}").json()]
        assert len(found) == count, word


def test_dry_runs_take_no_memory(stream):
    def index_bytes():
        metrics = stream.server.get("/metrics").text
        return float(next(line.split()[-1] for line in metrics.splitlines()
                          if line.startswith("crumple_index_bytes ")))
    stream.bucket(["decode_entity", *PARSING])
    before = index_bytes()
    for number in range(100):
        frames = [{"function": f"{'f' * 1000}{number}_{i}", "address": hex(i), "module": f"m{number}_{i}",
                   "debug_id": f"b{number}_{i}"} for i in range(50)]
        stream.server.post("/reports/dry-run", {"database_id": "tried", "project": "Editor",
                                                "stacktrace": [{"function": f} if isinstance(f, str) else f
                                                               for f in frames]}, status=200)
    stream.bucket(["another_one", *PARSING])
    assert index_bytes() < before + 200000
