/* issues.c - see the header. (invariants.c has the conditions.) */
#include "engine/issues.h"

#include "base/date.h"
#include "base/log.h"
#include "engine/edit.h"
#include "engine/invariants.h"
#include "engine/place.h"
#include "report/fingerprint.h"

#include <stdlib.h>

#define PORTION_ISSUES 256
#define JSON_MAX ((size_t)4 << 20)   /* all values, with six bytes for each of theirs */
#define SAID_ARENA ((size_t)1 << 30) /* for what one batch says */
#define NUMBER_TEXT_MAX 24
#define HEX_BYTES (2 * STORE_FINGERPRINT_BYTES)

/* What can be said of an issue: the columns of its row, beside the fingerprint. */
enum member {
    STATE,
    TAGS,
    TICKET,
    INVARIANTS,
    BLAME, /* up to here by people, from here on by us */
    BLAME_TIME,
    REOPEN_COUNT,
    REOPEN_TIME,
    VIOLATED_TIME,
    MEMBERS
};
static const struct str members[MEMBERS] = {
    [STATE] = STR_INIT("state"),
    [TAGS] = STR_INIT("tags"),
    [TICKET] = STR_INIT("ticket"),
    [INVARIANTS] = STR_INIT("invariants"),
    [BLAME] = STR_INIT("blame"),
    [BLAME_TIME] = STR_INIT("blame_last_modified"),
    [REOPEN_COUNT] = STR_INIT("invariant_reopen_count"),
    [REOPEN_TIME] = STR_INIT("invariant_reopen_last_time"),
    [VIOLATED_TIME] = STR_INIT("invariant_last_violated"),
};
static const struct str open_state = STR_INIT("open");

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "issues");
}

/* --- which there are ------------------------------------------------------------------------ */

bool issues_init(struct issues *is)
{
    *is = (struct issues){ 0 };
    return fingerprints_init(&is->names);
}

void issues_done(struct issues *is)
{
    for (size_t i = 0; i < is->all.len; i++)
        free((char *)(uintptr_t)is->all.at[i].said.ptr);
    VEC_FREE(&is->all);
    fingerprints_done(&is->names);
}

/* Numbers are not used again: readers may still have rows by them. */
void issues_clear(struct issues *is)
{
    for (size_t i = 0; i < is->all.len; i++) {
        free((char *)(uintptr_t)is->all.at[i].said.ptr);
        is->all.at[i].said = (struct str){ NULL, 0 };
        is->all.at[i].has_row = false;
    }
    is->said = 0;
}

static uint32_t find(const struct issues *is, struct str project, const uint8_t *fingerprint)
{
    uint32_t at = fingerprints_find(&is->names, project, fingerprint);
    return at == FINGERPRINTS_NONE ? ISSUES_NONE : at;
}

/* Made when it is new; ISSUES_NONE: no memory. */
static uint32_t find_or_add(struct issues *is, struct str project, const uint8_t *fingerprint)
{
    const struct issue issue = { .said = { NULL, 0 } };
    uint32_t at = find(is, project, fingerprint);
    if (at != ISSUES_NONE)
        return at;
    if (!VEC_PUSH(&is->all, issue))
        return ISSUES_NONE;
    at = fingerprints_add(&is->names, project, fingerprint);
    if (at != FINGERPRINTS_NONE)
        return at;
    is->all.len--;
    return ISSUES_NONE;
}

static bool keep_said(struct issues *is, uint32_t at, struct str said)
{
    struct issue *issue = &is->all.at[at];
    char *copy = malloc(said.len ? said.len : 1);
    if (!copy)
        return false;
    memcpy(copy, said.ptr, said.len);
    is->said += issue->said.len == 0;
    free((char *)(uintptr_t)issue->said.ptr);
    issue->said = (struct str){ copy, said.len };
    return true;
}

bool issues_restore(struct issues *is, const struct stored_issue *s, struct err *e)
{
    uint32_t at = find_or_add(is, s->project, s->fingerprint);
    return (at != ISSUES_NONE && keep_said(is, at, s->attributes)) || no_memory(e);
}

/* --- rows ----------------------------------------------------------------------------------- */

static bool read_said(struct str said, struct attributes *out, struct arena *a, struct err *e)
{
    attributes_init(out, a);
    return said.len == 0 || attributes_read(out, said, e);
}

static struct named_cell cell_of(const struct attributes *said, enum member m)
{
    const struct attribute *found = attributes_find(said, members[m]);
    struct named_cell cell = { .name = members[m] };
    if (found)
        cell.value = cell_of_attribute(found->type, found->text);
    else if (m == STATE)
        cell.value = (struct cell){ .type = CELL_STRING, .s = open_state };
    else if (m == REOPEN_COUNT)
        cell.value = (struct cell){ .type = CELL_UINT };
    return cell;
}

static bool put_row(struct engine *en, struct str project, uint32_t at, const uint8_t *fingerprint,
                    struct str said, struct arena *a, struct err *e)
{
    struct named_cell cells[MEMBERS + 1];
    struct attributes attributes;
    char hex[HEX_BYTES + 1];
    size_t count = 0;
    if (!read_said(said, &attributes, a, e))
        return false;
    fingerprint_hex(fingerprint, hex);
    cells[count++] =
        (struct named_cell){ STR("fingerprint"), { .type = CELL_STRING, .s = str_from_c(hex) } };
    for (unsigned m = 0; m < MEMBERS; m++) {
        struct named_cell cell = cell_of(&attributes, (enum member)m);
        if (cell.value.type != CELL_UNSET)
            cells[count++] = cell;
    }
    return columns_put(en->columns, project, TABLE_ISSUES, (uint64_t)at + 1, cells, count, NULL, e);
}

static void show(struct engine *en, struct str project, uint32_t at, const uint8_t *fingerprint)
{
    struct issue *issue = &en->issues.all.at[at];
    struct arena *a = arena_new(SAID_ARENA);
    struct err e = { 0 };
    issue->has_row = a && put_row(en, project, at, fingerprint, issue->said, a, &e);
    if (!issue->has_row)
        log_line(LOG_ERROR, "not_queryable", "project=%s of=issue reason=%s", log_str(project),
                 log_str(a ? str_from_c(e.msg) : STR("no memory")));
    arena_free(a);
}

void issues_seen(struct engine *en, struct str project,
                 const uint8_t fingerprint[STORE_FINGERPRINT_BYTES])
{
    uint32_t at = find_or_add(&en->issues, project, fingerprint);
    if (at == ISSUES_NONE)
        log_line(LOG_ERROR, "not_queryable", "project=%s of=issue reason=\"no memory\"",
                 log_str(project));
    else if (!en->issues.all.at[at].has_row)
        show(en, project, at, fingerprint);
}

static void hide(struct engine *en, struct str project, uint32_t at)
{
    struct issue *issue = &en->issues.all.at[at];
    const uint64_t key = (uint64_t)at + 1;
    struct err e = { 0 };
    if (!columns_remove(en->columns, project, TABLE_ISSUES, &key, 1, &e))
        log_line(LOG_ERROR, "not_cleared", "of=issue reason=%s", log_str(str_from_c(e.msg)));
    issue->has_row = false;
}

void issues_regroup(struct engine *en, struct str project)
{
    const struct merges *m = &en->merges;
    for (uint32_t i = 0; i < m->nodes.len; i++) {
        const struct merge_node *n = &m->nodes.at[i];
        const uint8_t *fingerprint = merges_fingerprint(m, i);
        if (!str_eq(fingerprints_project(&m->names, i), project))
            continue;
        bool is_shown = n->parent == MERGES_NONE &&
                        (n->children > 0 || tally_has(&en->tally, project, fingerprint));
        uint32_t at = find(&en->issues, project, fingerprint);
        if (is_shown)
            issues_seen(en, project, fingerprint);
        else if (at != ISSUES_NONE && en->issues.all.at[at].has_row)
            hide(en, project, at);
    }
}

void issues_restored(struct engine *en)
{
    static const uint8_t none[STORE_FINGERPRINT_BYTES]; /* of reports older than fingerprints */
    const struct fingerprints *known = &en->tally.fingerprints;
    for (uint32_t i = 0; i < known->at.len; i++) {
        uint8_t shown[STORE_FINGERPRINT_BYTES];
        struct str project = fingerprints_project(known, i);
        (void)merges_shown(&en->merges, project, known->at.at[i].bytes, shown);
        if (memcmp(shown, none, sizeof shown) != 0)
            issues_seen(en, project, shown);
    }
}

/* --- what a batch says ---------------------------------------------------------------------- */

/* What is said of an issue by now, of this batch or before. */
static struct issue_change *find_change(const struct batch *b, uint32_t at)
{
    for (size_t i = b->issues.len; i > 0; i--)
        if (b->issues.at[i - 1].at == at)
            return &b->issues.at[i - 1];
    return NULL;
}

static struct str said_by_now(const struct batch *b, uint32_t at)
{
    const struct issue_change *c = find_change(b, at);
    return c ? c->row.attributes : b->engine->issues.all.at[at].said;
}

static struct arena *said_arena(struct batch *b)
{
    if (!b->said)
        b->said = arena_new(SAID_ARENA);
    return b->said;
}

static bool say(struct batch *b, uint32_t at, struct str project, const uint8_t *fingerprint,
                const struct attributes *attributes, struct err *e)
{
    struct issue_change change = { .at = at, .row = { .project = project } };
    struct buf buf;
    struct json_writer j;
    memcpy(change.row.fingerprint, fingerprint, sizeof change.row.fingerprint);
    buf_init(&buf, JSON_MAX);
    json_writer_init(&j, &buf);
    attributes_write(&j, attributes);
    return (take_text(&buf, attributes->arena, &change.row.attributes) &&
            VEC_PUSH(&b->issues, change)) ||
           no_memory(e);
}

void issues_stored(struct batch *b)
{
    struct engine *en = b->engine;
    for (size_t i = 0; i < b->issues.len; i++) {
        const struct issue_change *c = &b->issues.at[i];
        if (!keep_said(&en->issues, c->at, c->row.attributes))
            log_line(LOG_ERROR, "no_memory", "doing=\"remembering an issue\"");
        show(en, c->row.project, c->at, c->row.fingerprint);
    }
}

static bool set_number(struct attributes *to, enum member m, uint64_t n)
{
    struct str text;
    return arena_printf(to->arena, &text, "%llu", (unsigned long long)n) &&
           attributes_set(to, members[m], ATTRIBUTE_UNSIGNED, text);
}

static uint64_t now_seconds(void)
{
    return (uint64_t)date_now_ms() / 1000;
}

/* --- by people: EDIT_ISSUES ----------------------------------------------------------------- */

static enum member find_member(struct str name)
{
    unsigned m = 0;
    while (m < BLAME_TIME && !str_eq(members[m], name))
        m++;
    return m < BLAME_TIME ? (enum member)m : MEMBERS;
}

static bool check_state(struct str state, struct err *e)
{
    static const struct str states[] = { STR_INIT("open"), STR_INIT("in-progress"),
                                         STR_INIT("resolved"), STR_INIT("muted") };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (str_eq(state, states[i]))
            return true;
    return err_word(e, ERR_INPUT, "bad_state",
                    "the state of an issue is open, in-progress, resolved or muted");
}

static bool check_ticket(struct str text, struct arena *a, struct err *e)
{
    const struct json *j;
    const struct json_limits limits = { .depth = 16, .nodes = 10000 };
    return json_parse(&j, text, limits, a, e);
}

static bool check_value(const struct edit_value *v, struct arena *a, struct err *e)
{
    enum member m = find_member(v->name);
    if (m == MEMBERS)
        return err_word(e, ERR_INPUT, "bad_attribute",
                        "of an issue, state, tags, ticket, invariants and blame can be set");
    if (v->clear)
        return true;
    if (v->text.len > ISSUE_TEXT_MAX)
        return err_set(e, ERR_LIMIT, 0, "a value of an issue has at most %d bytes", ISSUE_TEXT_MAX);
    return (m != STATE || check_state(v->text, e)) &&
           (m != TICKET || v->text.len == 0 || check_ticket(v->text, a, e)) &&
           (m != INVARIANTS || v->text.len == 0 || invariants_check(v->text, a, e));
}

static bool issues_check(struct engine *en, const struct engine_edit *t, struct err *e)
{
    (void)en;
    for (size_t i = 0; i < t->value_count; i++)
        if (!check_value(&t->values[i], t->arena, e))
            return false;
    return true;
}

static size_t fingerprint_count(const struct engine_edit *t)
{
    return t->fingerprint_count;
}

static struct str text_of(const struct attributes *said, enum member m)
{
    const struct attribute *found = attributes_find(said, members[m]);
    return found ? found->text : STR("");
}

static bool is_nobodys(struct str ticket)
{
    return ticket.len == 0 || str_eq(ticket, STR("[]")) || str_eq(ticket, STR("null"));
}

/* Who has a ticket works on it; without one an issue that was in progress is open. */
static bool follow_ticket(struct attributes *said)
{
    struct str state = text_of(said, STATE);
    bool is_open = state.len == 0 || str_eq(state, open_state);
    bool nobodys = is_nobodys(text_of(said, TICKET));
    if (is_open && !nobodys)
        return attributes_set(said, members[STATE], ATTRIBUTE_STRING, STR("in-progress"));
    if (nobodys && str_eq(state, STR("in-progress")))
        return attributes_set(said, members[STATE], ATTRIBUTE_STRING, open_state);
    return true;
}

static bool apply(struct attributes *said, const struct engine_edit *t)
{
    bool ok = true, has_state = false, has_ticket = false, has_blame = false;
    for (size_t i = 0; i < t->value_count && ok; i++) {
        const struct edit_value *v = &t->values[i];
        enum member m = find_member(v->name);
        has_state |= m == STATE;
        has_ticket |= m == TICKET;
        has_blame |= m == BLAME;
        if (v->clear || v->text.len == 0)
            attributes_remove(said, members[m]);
        else
            ok = attributes_set(said, members[m], ATTRIBUTE_STRING, v->text);
    }
    return ok && (!has_ticket || has_state || follow_ticket(said)) &&
           (!has_blame || set_number(said, BLAME_TIME, now_seconds()));
}

static bool issues_prepare(struct batch *b, struct edit *d, struct err *e)
{
    const struct engine_edit *t = d->request;
    for (size_t i = d->at; i < d->end; i++) {
        uint8_t shown[STORE_FINGERPRINT_BYTES];
        struct attributes said;
        (void)merges_shown(&b->engine->merges, t->project, t->fingerprints[i], shown);
        uint32_t at = find(&b->engine->issues, t->project, shown);
        if (at == ISSUES_NONE || !b->engine->issues.all.at[at].has_row || find_change(b, at))
            continue;
        if (!read_said(said_by_now(b, at), &said, d->arena, e))
            return false;
        if (!apply(&said, t))
            return no_memory(e);
        if (!say(b, at, t->project, shown, &said, e))
            return false;
        d->changed++;
    }
    return true;
}

const struct edit_steps edit_issues = {
    .portion = PORTION_ISSUES,
    .check = issues_check,
    .count = fingerprint_count,
    .prepare = issues_prepare,
};

/* --- by new objects ------------------------------------------------------------------------- */

static bool reopen(struct attributes *said)
{
    uint64_t count = 0, now = now_seconds();
    const struct attribute *before = attributes_find(said, members[REOPEN_COUNT]);
    if (before)
        count = cell_of_attribute(before->type, before->text).u;
    return attributes_set(said, members[STATE], ATTRIBUTE_STRING, open_state) &&
           set_number(said, REOPEN_COUNT, count + 1) && set_number(said, REOPEN_TIME, now) &&
           set_number(said, VIOLATED_TIME, now);
}

/* One new object. What is damaged matches nothing. */
static bool look_at(struct batch *b, struct str project, const uint8_t *fingerprint,
                    const struct row *row, struct err *e)
{
    struct engine *en = b->engine;
    uint8_t shown[STORE_FINGERPRINT_BYTES];
    struct attributes said;
    struct err why = { 0 };
    bool match = false;
    (void)merges_shown(&en->merges, project, fingerprint, shown);
    uint32_t at = find(&en->issues, project, shown);
    if (at == ISSUES_NONE || said_by_now(b, at).len == 0)
        return true;
    if (!said_arena(b))
        return no_memory(e);
    if (!read_said(said_by_now(b, at), &said, b->said, &why))
        return why.code != ERR_NOMEM || no_memory(e);
    struct str state = text_of(&said, STATE), invariants = text_of(&said, INVARIANTS);
    if (state.len == 0 || str_eq(state, open_state) || invariants.len == 0)
        return true;
    if (!invariants_match(invariants, row, b->said, &match, &why))
        return why.code != ERR_NOMEM || no_memory(e);
    if (!match)
        return true;
    return reopen(&said) ? say(b, at, project, shown, &said, e) : no_memory(e);
}

bool issues_reopen(struct batch *b, struct err *e)
{
    if (b->engine->issues.said == 0)
        return true;
    for (size_t i = 0; i < b->added.len; i++) {
        const struct item *item = b->added.at[i];
        if (item->row.cells && !item->remade &&
            !look_at(b, item->report.project, item->fingerprint, &item->row, e))
            return false;
    }
    for (size_t i = 0; i < b->uploads.len; i++) {
        const struct upload_work *w = b->uploads.at[i];
        if (w->cells.cells && !w->ticket.again && w->row.has_fingerprint &&
            !look_at(b, w->row.project, w->row.fingerprint, &w->cells, e))
            return false;
    }
    return true;
}
