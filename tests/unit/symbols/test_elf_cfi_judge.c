/* Unwind rules against an independent judge: libdw says for every address of a file how to find the
 * caller's registers; our programs, run on the same made-up registers and memory, must give the
 * same values, and have rules for the same addresses. */
#include "../cmocka_all.h"
#include "elf_files.h"

#include "base/arena.h"
#include "base/vec.h"
#include "symbols/elf_cfi.h"
#include "symbols/elf_exidx.h"
#include "symbols/elf_libdw.h"
#include "unwind/rules.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

struct range {
    uint64_t start, end;
    struct bytes program; /* on the heap */
};

struct tables {
    VEC(struct range) list;
    uint64_t total;
};

static bool keep(void *ctx, uint64_t address, uint64_t size, struct bytes program)
{
    struct tables *t = ctx;
    uint8_t *copy = malloc(program.len);
    assert_non_null(copy);
    memcpy(copy, program.ptr, program.len);
    struct range r = { address, address + size, { copy, program.len } };
    assert_true(size > 0 && r.end > address);
    assert_true(VEC_PUSH(&t->list, r));
    return true;
}

static int by_start(const void *a, const void *b)
{
    uint64_t x = ((const struct range *)a)->start, y = ((const struct range *)b)->start;
    return (x > y) - (x < y);
}

static const struct range *find(const struct tables *t, uint64_t address)
{
    size_t low = 0, high = t->list.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->list.at[middle].end > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low < t->list.len && address >= t->list.at[low].start ? &t->list.at[low] : NULL;
}

static void drop(struct tables *t)
{
    for (size_t i = 0; i < t->list.len; i++)
        free((void *)(uintptr_t)t->list.at[i].program.ptr);
    VEC_FREE(&t->list);
}

/* --- the made-up thread --- */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 29;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return (x ^ x >> 32) & ((UINT64_C(1) << 46) - 1); /* a plausible address */
}

static bool read_memory(const void *memory, uint64_t address, size_t bytes, uint64_t *value)
{
    (void)memory;
    *value = mix(address);
    if (bytes < 8)
        *value &= (UINT64_C(1) << (8 * bytes)) - 1;
    return true;
}

struct thread {
    const struct cpu_facts *cpu;
    struct registers registers;
    uint64_t mask;
};

static void make_thread(struct thread *t, enum cpu cpu)
{
    t->cpu = cpu_facts(cpu);
    assert_non_null(t->cpu);
    t->mask = t->cpu->word == 4 ? UINT32_MAX : UINT64_MAX;
    t->registers.known = (UINT64_C(1) << t->cpu->registers) - 1;
    for (unsigned i = 0; i < t->cpu->registers; i++)
        t->registers.at[i] = mix(i + 77) & t->mask;
}

/* --- libdw's rules --- */

enum found { FOUND_NOT, FOUND_VALUE, FOUND_PLACE };

struct stack {
    uint64_t at[64];
    size_t len;
};

static uint64_t pop(struct stack *s)
{
    assert_true(s->len > 0);
    return s->at[--s->len];
}

static void push(struct stack *s, uint64_t n)
{
    assert_true(s->len < COUNT_OF(s->at));
    s->at[s->len++] = n;
}

static uint64_t binary(unsigned op, uint64_t a, uint64_t b)
{
    switch (op) {
    case DW_OP_plus:
        return a + b;
    case DW_OP_and:
        return a & b;
    case DW_OP_ge:
        return (int64_t)a >= (int64_t)b;
    case DW_OP_shl:
        return b < 64 ? a << b : 0;
    default:
        fail_msg("operation %#x", op);
        return 0;
    }
}

static enum found evaluate(const struct thread *t, const Dwarf_Op *ops, size_t count, uint64_t cfa,
                           uint64_t *out)
{
    struct stack s = { .len = 0 };
    bool is_value = false;
    for (size_t i = 0; i < count; i++) {
        unsigned op = ops[i].atom;
        uint64_t n = ops[i].number;
        if (op >= DW_OP_lit0 && op <= DW_OP_lit31)
            push(&s, op - DW_OP_lit0);
        else if (op >= DW_OP_breg0 && op <= DW_OP_breg31)
            push(&s, t->registers.at[op - DW_OP_breg0] + n);
        else if (op == DW_OP_bregx)
            push(&s, t->registers.at[n] + ops[i].number2);
        else if ((op >= DW_OP_reg0 && op <= DW_OP_reg31) || op == DW_OP_regx) {
            *out = t->registers.at[op == DW_OP_regx ? n : op - DW_OP_reg0];
            return FOUND_VALUE;
        } else if (op == DW_OP_call_frame_cfa)
            push(&s, cfa);
        else if (op == DW_OP_plus_uconst)
            push(&s, pop(&s) + n);
        else if (op == DW_OP_const1u || op == DW_OP_const1s || op == DW_OP_consts)
            push(&s, n);
        else if (op == DW_OP_deref) {
            uint64_t value;
            read_memory(NULL, pop(&s) & t->mask, t->cpu->word, &value);
            push(&s, value);
        } else if (op == DW_OP_stack_value)
            is_value = true;
        else {
            uint64_t b = pop(&s), a = pop(&s);
            push(&s, binary(op, a, b));
        }
    }
    *out = pop(&s) & t->mask;
    return is_value ? FOUND_VALUE : FOUND_PLACE;
}

/* The caller's value of a register as libdw has it; false: unchanged, or unknown (*lost). */
static bool judge_register(const struct thread *t, Dwarf_Frame *frame, int number, uint64_t cfa,
                           uint64_t *value, bool *lost)
{
    Dwarf_Op memory[3], *ops;
    size_t count;
    *lost = false;
    assert_int_equal(dwarf_frame_register(frame, number, memory, &ops, &count), 0);
    if (count == 0) {
        *lost = ops == memory;
        return false;
    }
    if (evaluate(t, ops, count, cfa, value) == FOUND_PLACE)
        read_memory(NULL, *value, t->cpu->word, value);
    return true;
}

/* --- the comparison --- */

struct judged {
    const char *file;
    struct thread thread;
    struct tables tables;
    uint64_t same, addresses;
};

static void compare_register(struct judged *j, Dwarf_Frame *frame, unsigned number, uint64_t cfa,
                             const struct rules_out *ours, uint64_t address)
{
    const struct thread *t = &j->thread;
    uint64_t want = 0, have = 0, bit = UINT64_C(1) << number;
    bool lost, known = true;
    if (ours->set.known & bit)
        have = ours->set.at[number];
    else if (ours->cleared & bit)
        known = false;
    else if (number == t->cpu->sp)
        have = cfa;
    else if (t->cpu->callee_saved & bit)
        have = t->registers.at[number];
    else
        return; /* neither says more than the processor's rules for calls */
    bool judged = judge_register(t, frame, (int)number, cfa, &want, &lost);
    if (!judged && !lost)
        want = t->registers.at[number];
    if (!judged && number == t->cpu->sp)
        return;
    if (lost && !(ours->set.known & bit) && !(ours->cleared & bit))
        return; /* a default of libdw */
    if (known != !lost || (known && have != want))
        fail_msg("%s: at %#" PRIx64 " register %s is %#" PRIx64 "%s, libdw has %#" PRIx64 "%s",
                 j->file, address, t->cpu->names[number], have, known ? "" : " (lost)", want,
                 lost ? " (lost)" : "");
    j->same++;
}

static void compare_pc(struct judged *j, Dwarf_Frame *frame, uint64_t cfa,
                       const struct rules_out *ours, uint64_t address)
{
    const struct thread *t = &j->thread;
    uint64_t want, bit = UINT64_C(1) << t->cpu->pc;
    bool lost;
    int column = dwarf_frame_info(frame, NULL, NULL, NULL);
    assert_true(column >= 0);
    if (!judge_register(t, frame, column, cfa, &want, &lost))
        want = t->registers.at[column]; /* a link register that was not saved */
    if (lost) {
        if (!(ours->cleared & bit))
            fail_msg("%s: at %#" PRIx64 " there is a caller", j->file, address);
    } else if (!(ours->set.known & bit) || ours->set.at[t->cpu->pc] != want) {
        fail_msg("%s: at %#" PRIx64 " the caller is at %#" PRIx64 ", libdw has %#" PRIx64, j->file,
                 address, ours->set.at[t->cpu->pc], want);
    }
    j->same++;
}

static void compare_at(struct judged *j, Dwarf_Frame *frame, uint64_t address)
{
    const struct thread *t = &j->thread;
    const struct range *range = find(&j->tables, address);
    if (!range)
        fail_msg("%s: no rules at %#" PRIx64, j->file, address);
    struct rules_in in = { .cpu = t->cpu, .callee = &t->registers, .read = read_memory };
    struct rules_out ours = { 0 };
    if (!rules_run(range->program, &in, &ours) || !ours.has_cfa)
        fail_msg("%s: the rules at %#" PRIx64 " fail", j->file, address);
    Dwarf_Op *ops;
    size_t count;
    uint64_t cfa;
    assert_int_equal(dwarf_frame_cfa(frame, &ops, &count), 0);
    evaluate(t, ops, count, 0, &cfa);
    if (cfa != ours.cfa)
        fail_msg("%s: at %#" PRIx64 " the CFA is %#" PRIx64 ", libdw has %#" PRIx64, j->file,
                 address, ours.cfa, cfa);
    for (unsigned i = 0; i < t->cpu->registers; i++)
        if (i != t->cpu->pc)
            compare_register(j, frame, i, cfa, &ours, address);
    compare_pc(j, frame, cfa, &ours, address);
    j->addresses++;
}

static void compare_all(struct judged *j, const struct elf_image *m, Dwarf_CFI *cfi)
{
    for (size_t i = 0; i < m->code_count; i++) {
        uint64_t address = m->code[i].start;
        while (address < m->code[i].end) {
            Dwarf_Frame *frame;
            Dwarf_Addr start, end;
            if (dwarf_cfi_addrframe(cfi, address, &frame) != 0) {
                if (find(&j->tables, address))
                    fail_msg("%s: libdw has no rules at %#" PRIx64, j->file, address);
                address++;
                continue;
            }
            assert_true(dwarf_frame_info(frame, &start, &end, NULL) >= 0);
            assert_true(end > address);
            compare_at(j, frame, address);
            compare_at(j, frame, end - 1);
            free(frame);
            address = end;
        }
    }
}

static void judge_section(const char *path, const struct elf_image *m, const char *name,
                          Dwarf_CFI *cfi, uint64_t least)
{
    struct judged j = { .file = path };
    struct elf_cfi_counts counts = { 0 };
    struct err e = { 0 };
    const struct elf_section *s = elf_section_find(m, name);
    assert_non_null(s);
    bool is_eh = strcmp(name, ".eh_frame") == 0;
    struct elf_cfi_section section = { s->content, is_eh ? s->address : 0, is_eh };
    make_thread(&j.thread, m->cpu);
    assert_true(elf_cfi_read(m, &section, keep, &j.tables, &counts, &e));
    assert_int_equal(counts.damaged, 0);
    assert_int_equal(counts.untold, 0);
    assert_int_equal(counts.rows, j.tables.list.len);
    if (j.tables.list.len > 0)
        qsort(j.tables.list.at, j.tables.list.len, sizeof *j.tables.list.at, by_start);
    compare_all(&j, m, cfi);
    print_message("%s %s: %zu rows, %" PRIu64 " addresses, %" PRIu64 " registers\n", path, name,
                  j.tables.list.len, j.addresses, j.same);
    assert_true(j.addresses >= least);
    drop(&j.tables);
}

static void judge_file(const char *path, const char *section, uint64_t least)
{
    struct elf_image m;
    struct err e = { 0 };
    struct bytes file = map_file(path);
    struct arena *a = arena_new(4 << 20);
    assert_true(file.len > 0);
    if (!elf_image_read(&m, file, a, &e))
        fail_msg("%s: %s", path, e.msg);
    elf_version(EV_CURRENT);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    assert_non_null(elf);
    Dwarf *dwarf = NULL;
    Dwarf_CFI *cfi;
    if (strcmp(section, ".eh_frame") == 0) {
        cfi = dwarf_getcfi_elf(elf);
    } else {
        dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
        cfi = dwarf_getcfi(dwarf);
    }
    assert_non_null(cfi);
    judge_section(path, &m, section, cfi, least);
    if (dwarf)
        dwarf_end(dwarf);
    else
        dwarf_cfi_end(cfi);
    elf_end(elf);
    close(fd);
    arena_free(a);
    unmap_file(file);
}

/* --- ARM's own tables --- */

struct outcome {
    struct rules_out out;
    bool ok;
};

static struct outcome run_rules(const struct thread *t, struct bytes program)
{
    struct rules_in in = { .cpu = t->cpu, .callee = &t->registers, .read = read_memory };
    struct outcome o = { .ok = false };
    o.ok = rules_run(program, &in, &o.out) && o.out.has_cfa;
    return o;
}

/* The caller's value, also where nothing was said. */
static uint64_t value_of(const struct thread *t, const struct outcome *o, unsigned number)
{
    return o->out.set.known >> number & 1 ? o->out.set.at[number] : t->registers.at[number];
}

static bool same_outcome(const struct thread *t, const struct outcome *a, const struct outcome *b)
{
    bool same = a->ok && b->ok && a->out.cfa == b->out.cfa && a->out.cleared == b->out.cleared &&
                value_of(t, a, ARM_PC) == value_of(t, b, ARM_PC);
    for (unsigned i = 4; i <= ARM_R11; i++)
        same = same && value_of(t, a, i) == value_of(t, b, i);
    return same;
}

/* A row of .ARM.exidx holds in the middle of its function: one of the rows that .debug_frame has
 * for the function must say the same. Only functions that both know are compared. */
static void compare_exidx(const char *path, size_t least)
{
    struct tables own = { 0 }, frames = { 0 };
    struct elf_cfi_counts counts = { 0 };
    struct elf_image m;
    struct err e = { 0 };
    struct thread t = { 0 };
    struct bytes file = map_file(path);
    struct arena *a = arena_new(4 << 20);
    size_t compared = 0, longest = 0;
    assert_true(elf_image_read(&m, file, a, &e));
    make_thread(&t, CPU_ARM);
    const struct elf_section *s = elf_section_find(&m, ".debug_frame");
    assert_non_null(s);
    struct elf_cfi_section section = { s->content, 0, false };
    assert_true(elf_exidx_read(&m, keep, &own, &counts, &e));
    assert_int_equal(counts.damaged, 0);
    assert_true(elf_cfi_read(&m, &section, keep, &frames, &counts, &e));
    qsort(frames.list.at, frames.list.len, sizeof *frames.list.at, by_start);
    for (size_t i = 0; i < own.list.len; i++) {
        const struct range *r = &own.list.at[i];
        struct outcome have = run_rules(&t, r->program);
        uint64_t size = 0;
        bool any = false, longest_same = false;
        if (!find(&frames, r->start) || have.out.cleared & UINT64_C(1) << ARM_PC)
            continue; /* one that cannot be unwound on purpose */
        for (uint64_t at = r->start; at < r->end;) {
            const struct range *f = find(&frames, at);
            if (!f)
                break;
            struct outcome want = run_rules(&t, f->program);
            bool same = same_outcome(&t, &have, &want);
            any = any || same;
            if (f->end - at > size) {
                size = f->end - at;
                longest_same = same;
            }
            at = f->end;
        }
        if (!any)
            fail_msg("%s: no row of .debug_frame agrees at %#" PRIx64, path, r->start);
        compared++;
        longest += longest_same;
    }
    print_message("%s .ARM.exidx: %zu functions, %zu agree on most of their code\n", path, compared,
                  longest);
    assert_true(compared >= least && longest >= compared / 2);
    drop(&own);
    drop(&frames);
    arena_free(a);
    unmap_file(file);
}

static void arm_tables(void **state)
{
    (void)state;
    static const char *const files[] = { "arm_a_chain_o0", "arm_a_kinds" };
    if (!shared_folder("elf"))
        skip();
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", shared_folder("elf"), files[i]);
        compare_exidx(path, 20);
    }
}

/* --- the files --- */

static void shared_files(void **state)
{
    (void)state;
    static const struct {
        const char *name, *section;
    } files[] = {
        { "arm64_a_chain_nofp", ".eh_frame" },     { "arm64_a_kinds", ".eh_frame" },
        { "arm_a_chain_o0", ".debug_frame" },      { "arm_a_kinds", ".debug_frame" },
        { "x86_64_libalpha.so.2.1", ".eh_frame" }, { "x86_64_libbeta.so", ".eh_frame" },
        { "x86_64_plugin.so", ".eh_frame" },
    };
    if (!shared_folder("elf"))
        skip();
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", shared_folder("elf"), files[i].name);
        judge_file(path, files[i].section, 8);
    }
}

static const char program[] =
    "extern int outside(void *, int, int, int, int, int, int, int);\n"
    "int leaf(int a) { return a * 3; }\n"
    "int calls(int a) { return outside(&a, a, 1, 2, 3, 4, 5, 6) + leaf(a); }\n"
    "int moves(int n) { char *p = __builtin_alloca(n); return outside(p, n, 1, 2, 3, 4, 5, 6); }\n"
    "int large(void) { char b[70000]; return outside(b, 1, 2, 3, 4, 5, 6, 7) + b[9]; }\n"
    "int early(int a, int b, int c) {\n"
    "    if (a > 3) return 1;\n"
    "    int x = outside(&a, b, c, 1, 2, 3, 4, 5);\n"
    "    if (x > 9) return outside(&b, x, a, 1, 2, 3, 4, 5) + x + a + b + c;\n"
    "    return x + outside(&c, x, a, b, 2, 3, 4, 5);\n"
    "}\n"
    "_Noreturn void gone(void) { outside(0, 0, 0, 0, 0, 0, 0, 0); for (;;); }\n"
    "int realigned(void) { _Alignas(64) char b[64]; return outside(b, 1, 2, 3, 4, 5, 6, 7); }\n"
    "__asm__(\".text\\n.globl last_frame\\n.type last_frame,%function\\nlast_frame:\\n\"\n"
    "        \".cfi_startproc\\n.cfi_undefined \" LAST_PC \"\\nnop\\nnop\\n.cfi_endproc\\n\");\n";

static void compiled(void **state)
{
    (void)state;
    static const struct {
        const char *compiler, *options, *section;
    } kinds[] = {
        { "gcc", "-O0 -DLAST_PC='\"rip\"'", ".eh_frame" },
        { "gcc", "-O2 -fomit-frame-pointer -DLAST_PC='\"rip\"'", ".eh_frame" },
        { "gcc",
          "-O2 -g -fno-asynchronous-unwind-tables -fno-unwind-tables -DLAST_PC='\"rip\"'"
          " -Wa,--gdwarf-5",
          ".debug_frame" },
        { "gcc", "-m32 -O2 -DLAST_PC='\"eip\"'", ".eh_frame" },
        { "gcc", "-m32 -O0 -DLAST_PC='\"eip\"'", ".eh_frame" },
        { "clang", "--target=aarch64-linux-gnu -fuse-ld=lld -O2 -DLAST_PC='\"x30\"'", ".eh_frame" },
        { "clang",
          "--target=aarch64-linux-gnu -fuse-ld=lld -O1 -mbranch-protection=pac-ret+leaf "
          "-DLAST_PC='\"x30\"'",
          ".eh_frame" },
        { "clang",
          "--target=armv7-linux-gnueabihf -funwind-tables -fuse-ld=lld -O2 -g -DLAST_PC='\"lr\"'",
          ".debug_frame" },
        { "clang",
          "--target=armv7-linux-gnueabihf -funwind-tables -mthumb -fuse-ld=lld -O0 -g "
          "-DLAST_PC='\"lr\"'",
          ".debug_frame" },
        { "clang", "-O2 -fPIC -DLAST_PC='\"rip\"'", ".eh_frame" },
    };
    made_text("program.c", program);
    size_t judged = 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        char command[1024];
        snprintf(command, sizeof command,
                 "%s %s -fPIC -shared -nostdlib program.c -o program%zu.so", kinds[i].compiler,
                 kinds[i].options, i);
        if (!made_run(command)) {
            print_message("not here: %s\n", command);
            continue;
        }
        char name[32];
        snprintf(name, sizeof name, "program%zu.so", i);
        judge_file(made_path(name), kinds[i].section, 20);
        if (strstr(kinds[i].options, "armv7"))
            compare_exidx(made_path(name), 5);
        judged++;
    }
    if (judged == 0)
        skip();
}

/* Large and hand-written: the C library (signal frames, expressions), and this program. */
static void system_files(void **state)
{
    (void)state;
    static const char *const files[] = { "/proc/self/exe", "/lib/x86_64-linux-gnu/libc.so.6",
                                         "/lib/x86_64-linux-gnu/libm.so.6" };
    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (access(files[i], R_OK) == 0)
            judge_file(files[i], ".eh_frame", 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_files),
        cmocka_unit_test(compiled),
        cmocka_unit_test(system_files),
        cmocka_unit_test(arm_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
