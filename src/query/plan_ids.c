/* plan_ids.c - what the database_ids of the reports mean to the query. Each is a name of its own,
 * so there is no lexicon for them: they are cut up for every search that looks at them, in the
 * order in which they lie in memory. */
#include "query/words.h"

#define SOUGHT_MAX 4 /* more words than this are not looked for one by one */

struct ids {
    struct plan *p;
    uint32_t *slots; /* those that look at database_ids */
    uint32_t slot_count;
    struct str sought[SOUGHT_MAX]; /* an id that has none of these weighs nothing; */
    uint32_t sought_count;         /* 0: that cannot be said so easily */
    struct word *words;
    struct word_room room;
};

static bool looks_at_ids(const struct slot *s)
{
    return s->scope == SCOPE_ID || (s->scope == SCOPE_ALL && !(s->type == SLOT_PHRASE && s->far));
}

static bool begin(struct ids *ids, struct plan *p)
{
    bool words_only = true;
    struct arena *a = p->arena;
    *ids = (struct ids){ .p = p };
    ids->slots = arena_array(a, p->slot_count, sizeof *ids->slots);
    ids->words = arena_array(a, REPORT_ID_MAX, sizeof *ids->words);
    ids->room.places = arena_array(a, REPORT_ID_MAX, sizeof *ids->room.places);
    ids->room.seats = arena_array(a, p->longest_phrase, sizeof *ids->room.seats);
    if (!ids->slots || !ids->words || !ids->room.places || !ids->room.seats)
        return false;
    for (uint32_t i = 0; i < p->slot_count; i++) {
        const struct slot *s = &p->slots[i];
        if (!looks_at_ids(s))
            continue;
        ids->slots[ids->slot_count++] = i;
        if (s->type == SLOT_WORD && ids->sought_count < SOUGHT_MAX)
            ids->sought[ids->sought_count++] = s->match.text;
        else
            words_only &= s->type == SLOT_PHRASE; /* whose words are slots too */
    }
    if (!words_only)
        ids->sought_count = 0;
    return true;
}

static bool may_weigh(const struct ids *ids, struct str id)
{
    for (uint32_t i = 0; i < ids->sought_count; i++)
        if (memmem(id.ptr, id.len, ids->sought[i].ptr, ids->sought[i].len))
            return true;
    return ids->sought_count == 0;
}

bool plan_mark_ids(struct plan *p, struct err *e)
{
    struct ids ids;
    if (!begin(&ids, p) || !marks_init(&p->ids, p->reports, p->arena))
        return err_set(e, ERR_NOMEM, 0, "no memory for the search");
    for (uint32_t r = 0; r < p->reports && ids.slot_count > 0; r++) {
        struct str id = plan_id(p, r);
        if (!deadline_check(p->deadline, 1 + id.len / 8, e))
            return false;
        if (!may_weigh(&ids, id))
            continue;
        if (!deadline_check(p->deadline, id.len * ids.slot_count, e))
            return false;
        size_t count = words_cut(id, 0, ids.words);
        for (uint32_t i = 0; i < ids.slot_count; i++) {
            float weight = words_weigh(p, &p->slots[ids.slots[i]], ids.words, count, ids.room);
            struct mark mark = { ids.slots[i], weight };
            if (weight > 0 && !marks_add(&p->ids, r, mark, p->arena))
                return err_set(e, ERR_NOMEM, 0, "no memory for the search");
        }
    }
    return marks_close(&p->ids, p->arena) || err_set(e, ERR_NOMEM, 0, "no memory for the search");
}
