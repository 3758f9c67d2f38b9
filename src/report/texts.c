/* texts.c - the strings of a report, each with the name of its field.
 *
 * Two walks: the first measures (depth, number of texts), so that the second can fill an array of
 * the right size and need not check anything. Both recurse; the first one sees to it that this goes
 * no deeper than REPORT_DEPTH_MAX. What is hard: a report of a thousand frames has some ten
 * thousand strings but a dozen field names, and names must not be put together for each string. So
 * the names stand in a tree of their own, and each remembers which of its children came last: the
 * next frame has, as a rule, the same keys in the same order. */
#include "report/internal.h"

/* How many children of a name are kept to be found again. Bounds the search, whatever a sender
 * makes up; names beyond are made each time that they come. */
#define CHILDREN_MAX 32

/* The name of a field, or of a part of the report that holds fields. */
struct path {
    struct str name; /* "stacktrace.function" */
    struct str key;  /* the last key as written, "function" */
    struct path *first, *last, *next;
    struct path *expected; /* the child to try first; NULL when there is none */
    unsigned count;
};

struct walk {
    struct arena *arena;
    struct report_text *texts;
    size_t count;
};

static bool is_left_out(enum report_place place, struct str key, enum report_key *what)
{
    *what = place == REPORT_PLACE_TOP ? report_key(key) : REPORT_KEY_OTHER;
    return *what == REPORT_KEY_GENERATED || *what == REPORT_KEY_PROJECT ||
           *what == REPORT_KEY_FORCE_BUCKET || report_is_logdf(place, key);
}

static bool measure(const struct json *j, size_t depth, size_t *texts, struct err *e)
{
    if (j->type == JSON_NULL)
        return true;
    if (j->type != JSON_LIST && j->type != JSON_OBJECT) {
        ++*texts;
        return true;
    }
    if (depth > REPORT_DEPTH_MAX)
        return err_word(e, ERR_INPUT, "too_deep",
                        "the report has more than %d lists and objects inside one another",
                        REPORT_DEPTH_MAX);
    for (const struct json *child = j->first; child; child = child->next)
        if (!measure(child, depth + 1, texts, e))
            return false;
    return true;
}

/* A name longer than REPORT_PATH_MAX is cut, at the end of a character. */
static size_t cut(const char *text, size_t len)
{
    if (len <= REPORT_PATH_MAX)
        return len;
    len = REPORT_PATH_MAX;
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    return len;
}

bool report_field_name(struct arena *a, struct str parent, struct str key, struct str *out)
{
    if (key.len == 0)
        key = STR("_");
    /* One byte more than is kept, so that cut() sees where the last character ends. */
    size_t len = parent.len ? parent.len + 1 + key.len : key.len;
    if (len > REPORT_PATH_MAX + 1)
        len = REPORT_PATH_MAX + 1;
    char *p = arena_alloc(a, len);
    if (!p)
        return false;
    size_t at = 0;
    if (parent.len) {
        memcpy(p, parent.ptr, parent.len);
        at = parent.len;
        p[at++] = '.';
    }
    for (size_t i = 0; at < len; i++, at++)
        p[at] = key.ptr[i] == '.' || key.ptr[i] == ':' ? '_' : key.ptr[i];
    *out = (struct str){ p, cut(p, len) };
    return true;
}

static struct path *path_add(struct walk *w, struct path *parent, struct str key)
{
    struct path *p = arena_zalloc(w->arena, sizeof *p);
    if (!p || !report_field_name(w->arena, parent->name, key, &p->name))
        return NULL;
    p->key = key;
    if (parent->count == CHILDREN_MAX)
        return p;
    if (parent->last)
        parent->last->next = p;
    else
        parent->first = p;
    parent->last = p;
    parent->count++;
    parent->expected = parent->first;
    return p;
}

static struct path *path_child(struct walk *w, struct path *parent, struct str key)
{
    struct path *p = parent->expected;
    for (unsigned i = 0; i < parent->count; i++) {
        struct path *next = p->next ? p->next : parent->first;
        if (str_eq(p->key, key)) {
            parent->expected = next;
            return p;
        }
        p = next;
    }
    return path_add(w, parent, key);
}

static bool collect(struct walk *w, const struct json *j, enum report_place place,
                    struct path *path);

static bool collect_children(struct walk *w, const struct json *j, enum report_place place,
                             struct path *path)
{
    for (const struct json *child = j->first; child; child = child->next) {
        enum report_key what = REPORT_KEY_OTHER;
        struct path *p = path;
        if (j->type == JSON_OBJECT) {
            if (is_left_out(place, child->key, &what))
                continue;
            p = path_child(w, path, child->key);
            if (!p)
                return false;
        }
        if (!collect(w, child, report_place_of(place, what), p))
            return false;
    }
    return true;
}

static bool collect(struct walk *w, const struct json *j, enum report_place place,
                    struct path *path)
{
    if (j->type == JSON_NULL)
        return true;
    if (j->type == JSON_LIST || j->type == JSON_OBJECT)
        return collect_children(w, j, place, path);
    w->texts[w->count++] = (struct report_text){ path->name, report_scalar(j) };
    return true;
}

bool report_collect_texts(struct report *out, const struct json *json, struct arena *a,
                          struct err *e)
{
    size_t texts = 0;
    if (!measure(json, 1, &texts, e))
        return false;
    if (texts > REPORT_TEXTS_MAX)
        return err_word(e, ERR_INPUT, "too_many_values",
                        "the report has %zu strings and numbers, at most %d are taken", texts,
                        REPORT_TEXTS_MAX);
    struct walk w = { .arena = a };
    w.texts = arena_array(a, texts ? texts : 1, sizeof *w.texts);
    struct path root = { .name = STR("") };
    if (!w.texts || !collect(&w, json, REPORT_PLACE_TOP, &root))
        return err_set(e, ERR_NOMEM, 0, "no memory for the strings of a report");
    out->texts = w.texts;
    out->text_count = w.count;
    return true;
}
