/* breakpad_cfi.c - rules that change from address to address, to whole programs.
 *
 * rules text ──memo──► list of (register, expression)   parsed once
 * expression ──memo──► operations                       compiled once
 * state: an expression for each register, the CFA and the return address; each kept once, with its
 * program; (state, rules text) ──memo──► the next state. So most records cost two lookups. */
#include "symbols/breakpad_cfi.h"

#include "base/arena.h"
#include "symbols/breakpad_fields.h"
#include "symbols/breakpad_memo.h"
#include "symbols/breakpad_rules.h"
#include "symbols/symcache_builder_internal.h"
#include "symbols/symcache_ranges.h"

#include <assert.h>

enum { SLOT_CFA = CPU_REGISTERS_MAX, SLOT_RA, SLOTS };
#define NO_PROGRAM UINT32_MAX

struct init_record {
    uint32_t first, last;
    struct str rules;
};
struct delta_record {
    uint32_t address, order;
    struct str rules;
};

struct expression {
    size_t offset; /* in `code` */
    uint32_t len;
    bool good, uses_cfa, undefined;
};
struct rule {
    uint32_t slot, expression;
};
struct rule_list {
    uint32_t first, count; /* in `rules` */
    bool whole;            /* false: behind these it could not be read */
};
struct state {
    uint32_t expressions[SLOTS]; /* number + 1; 0: no rule */
};
struct step {
    uint32_t state, rules;
};

struct cfi_reader {
    struct symcache_builder *b;
    struct arena *arena; /* states and steps, as keys of their memos */
    enum cpu cpu;
    VEC(struct init_record) inits;
    VEC(struct delta_record) deltas;
    struct memo texts;       /* of rules */
    struct memo expressions; /* texts of expressions */
    struct memo states, steps;
    VEC(struct rule_list) lists; /* for each text */
    VEC(struct rule) rules;
    VEC(struct expression) compiled; /* for each expression */
    VEC(uint32_t) programs;          /* for each state */
    VEC(uint32_t) next;              /* for each step: the state behind it */
    struct memo wins;                /* program strings */
    VEC(struct expression) win_programs;
    struct buf code;
};

struct cfi_reader *cfi_reader_new(struct symcache_builder *b)
{
    struct cfi_reader *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->b = b;
    c->arena = arena_new(b->limit_bytes);
    buf_init(&c->code, b->limit_bytes);
    if (!c->arena || !memo_init(&c->texts) || !memo_init(&c->expressions) ||
        !memo_init(&c->states) || !memo_init(&c->steps) || !memo_init(&c->wins)) {
        cfi_reader_free(c);
        return NULL;
    }
    return c;
}

void cfi_reader_free(struct cfi_reader *c)
{
    if (!c)
        return;
    VEC_FREE(&c->inits);
    VEC_FREE(&c->deltas);
    memo_done(&c->texts);
    memo_done(&c->expressions);
    memo_done(&c->states);
    memo_done(&c->steps);
    memo_done(&c->wins);
    VEC_FREE(&c->lists);
    VEC_FREE(&c->rules);
    VEC_FREE(&c->compiled);
    VEC_FREE(&c->programs);
    VEC_FREE(&c->next);
    VEC_FREE(&c->win_programs);
    buf_done(&c->code);
    arena_free(c->arena);
    free(c);
}

/* A memo's entry costs its key and its place in the map, besides `more`. */
static bool number_of(struct cfi_reader *c, struct memo *m, struct str key, size_t more,
                      uint32_t *number, bool *fresh)
{
    if (!memo_number(m, key, number, fresh))
        return builder_nomem(c->b);
    return !*fresh || builder_charge(c->b, sizeof key + 16 + more);
}

/* ---- records ---- */

enum cfi_taken cfi_reader_cfi(struct cfi_reader *c, struct str record)
{
    struct str rest = record, word = take_word(&rest);
    struct range r;
    uint64_t address, size;
    if (str_eq(word, STR("INIT"))) {
        if (!take_hex(&rest, &address) || !take_hex(&rest, &size) || !range_set(&r, address, size))
            return CFI_BAD;
        struct init_record init = { r.first, r.last, take_rest(&rest) };
        return builder_charge(c->b, sizeof init) &&
                       (VEC_PUSH(&c->inits, init) || builder_nomem(c->b))
                   ? CFI_TAKEN
                   : CFI_FAILED;
    }
    if (!read_hex(word, &address) || address > UINT32_MAX)
        return CFI_BAD;
    struct delta_record delta = { (uint32_t)address, (uint32_t)c->deltas.len, take_rest(&rest) };
    return builder_charge(c->b, sizeof delta) &&
                   (VEC_PUSH(&c->deltas, delta) || builder_nomem(c->b))
               ? CFI_TAKEN
               : CFI_FAILED;
}

static bool compile_win(struct cfi_reader *c, struct str text, struct bytes *out)
{
    uint32_t number;
    bool fresh;
    if (!number_of(c, &c->wins, text, sizeof(struct expression), &number, &fresh))
        return false;
    if (fresh) {
        size_t begin = c->code.len;
        rules_compile_win(&c->code, text);
        struct expression e = { begin, (uint32_t)(c->code.len - begin), true, false, false };
        if (!buf_ok(&c->code) || !builder_charge(c->b, e.len) || !VEC_PUSH(&c->win_programs, e))
            return builder_nomem(c->b);
    }
    const struct expression *e = &c->win_programs.at[number];
    *out = (struct bytes){ (const uint8_t *)c->code.ptr + e->offset, e->len };
    return true;
}

enum cfi_taken cfi_reader_win(struct cfi_reader *c, struct str record)
{
    enum { TYPE, START, SIZE, PROLOG, EPILOG, PARAMETERS, SAVED, LOCALS, STACK, PROGRAM, NUMBERS };
    uint64_t n[NUMBERS];
    struct str rest = record;
    for (int i = 0; i < NUMBERS; i++)
        if (!take_hex(&rest, &n[i]) || n[i] > UINT32_MAX)
            return CFI_BAD;
    struct str last = take_rest(&rest);
    if (last.len == 0)
        return CFI_BAD;
    struct symcache_win w = { .start = n[START],
                              .size = (uint32_t)n[SIZE],
                              .prolog_size = (uint32_t)n[PROLOG],
                              .epilog_size = (uint32_t)n[EPILOG],
                              .parameter_bytes = (uint32_t)n[PARAMETERS],
                              .saved_register_bytes = (uint32_t)n[SAVED],
                              .local_bytes = (uint32_t)n[LOCALS],
                              .max_stack_bytes = (uint32_t)n[STACK],
                              .frame_data = n[TYPE] == 4,
                              .has_program = n[PROGRAM] != 0 };
    if (n[TYPE] != 0 && n[TYPE] != 4)
        return CFI_TAKEN; /* nobody looks at the others */
    if (w.has_program && !compile_win(c, last, &w.program))
        return CFI_FAILED;
    w.allocates_base_pointer = !w.has_program && !str_eq(take_word(&last), STR("0"));
    return symcache_add_win(c->b, &w) ? CFI_TAKEN : CFI_FAILED;
}

/* ---- rules ---- */

static bool compile(struct cfi_reader *c, struct str text)
{
    struct expression e = { .offset = c->code.len };
    e.undefined = str_eq(text, STR(".undef"));
    e.good = !e.undefined && rules_compile_cfi(&c->code, c->cpu, text, &e.uses_cfa) &&
             c->code.len - e.offset <= UNWIND_PROGRAM_MAX;
    if (!e.good)
        c->code.len = e.offset;
    e.len = (uint32_t)(c->code.len - e.offset);
    return (buf_ok(&c->code) && builder_charge(c->b, e.len) && VEC_PUSH(&c->compiled, e)) ||
           builder_nomem(c->b);
}

/* Adds a rule to the last of `lists`. */
static bool add_rule(struct cfi_reader *c, struct str name, struct str text)
{
    uint32_t number;
    bool fresh;
    int slot = str_eq(name, STR(".cfa"))  ? SLOT_CFA
               : str_eq(name, STR(".ra")) ? SLOT_RA
                                          : cpu_register(c->cpu, name);
    if (slot < 0)
        return true; /* a register that does not matter to us */
    if (!number_of(c, &c->expressions, text, sizeof(struct expression), &number, &fresh) ||
        (fresh && !compile(c, text)))
        return false;
    if (!builder_charge(c->b, sizeof(struct rule)) ||
        !VEC_PUSH(&c->rules, ((struct rule){ (uint32_t)slot, number })))
        return builder_nomem(c->b);
    c->lists.at[c->lists.len - 1].count++;
    return true;
}

/* "name: expression name: expression ...". Ends at a name without one. */
static bool parse_rules(struct cfi_reader *c, struct str text)
{
    struct rule_list list = { (uint32_t)c->rules.len, 0, true };
    struct str rest = text, name = { "", 0 }, expression = { "", 0 };
    if (!VEC_PUSH(&c->lists, list))
        return builder_nomem(c->b);
    for (;;) {
        struct str word = take_word(&rest);
        bool is_name = word.len > 0 && word.ptr[word.len - 1] == ':';
        if (word.len > 0 && !is_name) {
            expression.ptr = expression.len ? expression.ptr : word.ptr;
            expression.len = (size_t)(word.ptr + word.len - expression.ptr);
            continue;
        }
        bool pending = name.len > 0 || expression.len > 0;
        if ((pending || word.len == 0) && (name.len == 0 || expression.len == 0))
            break;
        if (pending && !add_rule(c, name, expression))
            return false;
        if (word.len == 0)
            return true;
        if (word.len == 1)
            break;
        name = (struct str){ word.ptr, word.len - 1 };
        expression.len = 0;
    }
    c->lists.at[c->lists.len - 1].whole = false;
    return true;
}

/* The number of a rules text. */
static bool find_rules(struct cfi_reader *c, struct str text, uint32_t *number)
{
    bool fresh;
    return number_of(c, &c->texts, text, sizeof(struct rule_list), number, &fresh) &&
           (!fresh || parse_rules(c, text));
}

/* ---- states ---- */

static void add_value(struct cfi_reader *c, struct buf *out, const struct expression *e)
{
    buf_add(out, c->code.ptr + e->offset, e->len);
}

/* The program of a state. False: Breakpad would not use these rules. */
static bool write_program(struct cfi_reader *c, const struct state *s, struct buf *out)
{
    const struct expression *all = c->compiled.at;
    const struct cpu_facts *f = cpu_facts(c->cpu);
    if (!f || s->expressions[SLOT_CFA] == 0 || s->expressions[SLOT_RA] == 0)
        return false;
    for (unsigned slot = 0; slot < SLOTS; slot++)
        if (s->expressions[slot] != 0 && !all[s->expressions[slot] - 1].good &&
            (slot == SLOT_CFA || !all[s->expressions[slot] - 1].undefined))
            return false;
    const struct expression *cfa = &all[s->expressions[SLOT_CFA] - 1];
    if (cfa->uses_cfa)
        return false;
    add_value(c, out, cfa);
    unwind_op(out, UNWIND_SET_CFA);
    for (unsigned r = 0; r < f->registers; r++) {
        uint32_t e = s->expressions[r];
        if (e == 0 && r == f->pc)
            e = s->expressions[SLOT_RA];
        if (e == 0)
            continue;
        if (all[e - 1].undefined) {
            unwind_op_u8(out, UNWIND_CLEAR_REGISTER, (uint8_t)r);
        } else {
            add_value(c, out, &all[e - 1]);
            unwind_op_u8(out, UNWIND_SET_REGISTER, (uint8_t)r);
        }
    }
    return true;
}

static bool make_program(struct cfi_reader *c, const struct state *s, uint32_t *program)
{
    struct buf out;
    buf_init(&out, c->b->limit_bytes);
    *program = NO_PROGRAM;
    bool ok = true;
    if (write_program(c, s, &out) && out.len <= UNWIND_PROGRAM_MAX)
        ok = buf_ok(&out) ? symcache_add_program(
                                c->b, (struct bytes){ (const uint8_t *)out.ptr, out.len }, program)
                          : builder_nomem(c->b);
    buf_done(&out);
    return ok;
}

static bool find_state(struct cfi_reader *c, const struct state *s, uint32_t *number)
{
    bool fresh;
    struct str kept;
    uint32_t program;
    if (!number_of(c, &c->states, (struct str){ (const char *)s, sizeof *s }, sizeof *s + 4, number,
                   &fresh))
        return false;
    if (!fresh)
        return true;
    if (!arena_str(c->arena, c->states.keys.at[*number], &kept))
        return builder_nomem(c->b);
    c->states.keys.at[*number] = kept;
    return make_program(c, s, &program) && (VEC_PUSH(&c->programs, program) || builder_nomem(c->b));
}

/* Where rules lead to from a state. */
static bool find_next(struct cfi_reader *c, uint32_t from, uint32_t rules, uint32_t *to)
{
    struct step step = { from, rules };
    struct state s;
    struct str kept;
    uint32_t number;
    bool fresh;
    if (!number_of(c, &c->steps, (struct str){ (const char *)&step, sizeof step }, sizeof step + 4,
                   &number, &fresh))
        return false;
    if (!fresh) {
        *to = c->next.at[number];
        return true;
    }
    if (!arena_str(c->arena, c->steps.keys.at[number], &kept))
        return builder_nomem(c->b);
    c->steps.keys.at[number] = kept;
    memcpy(&s, c->states.keys.at[from].ptr, sizeof s);
    const struct rule_list *list = &c->lists.at[rules];
    for (uint32_t i = list->first; i < list->first + list->count; i++)
        s.expressions[c->rules.at[i].slot] = c->rules.at[i].expression + 1;
    return find_state(c, &s, to) && (VEC_PUSH(&c->next, *to) || builder_nomem(c->b));
}

/* ---- all of CFI ---- */

static int compare_deltas(const void *va, const void *vb)
{
    const struct delta_record *a = va, *b = vb;
    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

/* By address, and of those with the same, the last that came. */
static void sort_deltas(struct cfi_reader *c)
{
    struct delta_record *d = c->deltas.at;
    size_t n = c->deltas.len, kept = 0;
    bool sorted = true;
    for (size_t i = 1; i < n && sorted; i++)
        sorted = compare_deltas(&d[i - 1], &d[i]) < 0;
    if (!sorted)
        qsort(d, n, sizeof *d, compare_deltas);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && d[kept - 1].address == d[i].address)
            kept--;
        d[kept++] = d[i];
    }
    c->deltas.len = kept;
}

static bool add_rows(struct cfi_reader *c, uint32_t first, uint64_t end, uint32_t state)
{
    uint32_t program = c->programs.at[state];
    return program == NO_PROGRAM || first >= end ||
           symcache_add_cfi_row(c->b, first, end - first, program);
}

/* The range of an INIT record, with the deltas in it; *delta is the first not gone by. */
static bool add_range(struct cfi_reader *c, const struct init_record *init, uint32_t empty,
                      size_t *delta)
{
    uint32_t rules, state, at = init->first;
    if (!find_rules(c, init->rules, &rules))
        return false;
    while (*delta < c->deltas.len && c->deltas.at[*delta].address < init->first)
        ++*delta;
    if (!c->lists.at[rules].whole)
        return true; /* it cannot be used at all */
    if (!find_next(c, empty, rules, &state))
        return false;
    for (; *delta < c->deltas.len && c->deltas.at[*delta].address <= init->last; ++*delta) {
        const struct delta_record *d = &c->deltas.at[*delta];
        if (!add_rows(c, at, d->address, state) || !find_rules(c, d->rules, &rules) ||
            !find_next(c, state, rules, &state))
            return false;
        at = d->address;
    }
    return add_rows(c, at, (uint64_t)init->last + 1, state);
}

bool cfi_reader_end(struct cfi_reader *c, enum cpu cpu)
{
    struct state nothing = { { 0 } };
    uint32_t empty;
    size_t n = c->inits.len, delta = 0;
    struct range *r = calloc(n + 1, sizeof *r);
    c->cpu = cpu;
    sort_deltas(c);
    for (uint32_t i = 0; r && i < n; i++)
        r[i] = (struct range){ c->inits.at[i].first, c->inits.at[i].last, i, i };
    bool ok = (r && ranges_exclusive(r, &n)) || builder_nomem(c->b);
    ok = ok && find_state(c, &nothing, &empty);
    for (size_t i = 0; ok && i < n; i++)
        ok = add_range(c, &c->inits.at[r[i].id], empty, &delta);
    free(r);
    return ok;
}
