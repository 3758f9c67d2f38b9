/* target.c - reads the URL of a submission. All of it is a client's text. */
#include "api/target.h"

#include "http/url.h"

#define ELEMENTS_MAX 6 /* submit.backtrace.io, universe, token, format, post, and one too many */

/* Takes what stands before the first of `ends` off the front of *rest, and that end itself. */
static struct str cut(struct str *rest, char end, char other_end)
{
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] != end && rest->ptr[n] != other_end)
        n++;
    struct str first = { rest->ptr, n };
    n += n < rest->len;
    *rest = (struct str){ rest->ptr + n, rest->len - n };
    return first;
}

/* The elements of a path, decoded, those that are empty left out: "//a/" is "a". */
struct elements {
    struct str at[ELEMENTS_MAX];
    size_t count;
};

static bool split_path(struct str path, struct arena *a, struct elements *out, struct err *e)
{
    out->count = 0;
    while (path.len > 0) {
        struct str element = cut(&path, '/', '/');
        if (element.len == 0 || out->count == ELEMENTS_MAX)
            continue;
        if (!url_decode(element, URL_PLAIN, a, &out->at[out->count++], e))
            return false;
    }
    return true;
}

static void drop_first(struct elements *el)
{
    el->count--;
    memmove(el->at, el->at + 1, el->count * sizeof *el->at);
}

static bool is_at(const struct elements *el, size_t i, const char *word)
{
    return i < el->count && str_eq(el->at[i], str_from_c(word));
}

/* What old clients append to whatever they were given. */
static void drop_post(struct elements *el, size_t least)
{
    if (el->count > least && is_at(el, el->count - 1, "post"))
        el->count--;
}

static bool read_path(struct str path, struct arena *a, struct target *out, struct err *e)
{
    struct elements el;
    if (!split_path(path, a, &el, e))
        return false;
    if (is_at(&el, 0, "submit.backtrace.io"))
        drop_first(&el);
    if (is_at(&el, 0, "api") && is_at(&el, 1, "post"))
        drop_first(&el);
    if (is_at(&el, 0, "post")) {
        drop_post(&el, 1);
        if (el.count == 1)
            return true;
    }
    drop_post(&el, 2);
    if (el.count < 2 || el.count > 3 || is_at(&el, 0, "post") || is_at(&el, 0, "api"))
        return err_word(e, ERR_NOT_FOUND, "not_found", "nothing can be submitted to this URL");
    out->hosted = true;
    out->universe = el.at[0];
    out->token = el.at[1];
    if (el.count == 3)
        out->format = el.at[2];
    return true;
}

bool target_is_for_symbols(struct str name)
{
    return str_eq(name, STR("tag")) || str_eq(name, STR("symbolication_id"));
}

/* What the query says that is no attribute, before the path has its say. */
struct query_words {
    struct str format, bare_format, token;
};

static void set_once(struct str *at, struct str value)
{
    if (at->len == 0)
        *at = value;
}

static bool is_true(struct str value)
{
    return str_is_word(value, "true") || str_eq(value, STR("1"));
}

/* Whether the parameter is one of those that steer the request; then it is no attribute. */
static bool take_word(struct target *t, struct query_words *q, struct str name, struct str value,
                      bool bare)
{
    enum upload_format format;
    const struct {
        const char *name;
        struct str *at; /* NULL: known, and of no use here */
    } words[] = {
        { "token", &q->token },
        { "format", &q->format },
        { "universe", &t->universe },
        { "project", &t->project },
        { "object", &t->object },
        { "attachment_name", &t->attachment_name },
        { "attachment_id", NULL },
        { "resource", &t->resource },
        { "sync", NULL },
    };
    if (bare && upload_format_find(name, &format)) {
        set_once(&q->bare_format, name);
        return true;
    }
    if (str_eq(name, STR("_mod_sync")) || (str_eq(name, STR("sync")) && is_true(value)))
        t->sync = true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq(name, str_from_c(words[i].name))) {
            if (words[i].at)
                set_once(words[i].at, value);
            return true;
        }
    return false;
}

static bool add_field(struct target *t, struct str name, struct str value, struct err *e)
{
    if (name.len > UPLOAD_NAME_MAX)
        return err_word(e, ERR_LIMIT, "name_too_long",
                        "the name of a parameter is longer than %d bytes", UPLOAD_NAME_MAX);
    if (value.len > UPLOAD_VALUE_MAX)
        return err_word(e, ERR_LIMIT, "value_too_long",
                        "the value of a parameter is longer than %d bytes", UPLOAD_VALUE_MAX);
    if (name.len > 0)
        t->fields[t->field_count++] = (struct upload_field){ name, value, UPLOAD_FROM_QUERY };
    return true;
}

static bool read_query(struct str query, struct arena *a, struct target *t, struct query_words *q,
                       struct err *e)
{
    while (query.len > 0) {
        struct str value = cut(&query, '&', '?');
        bool bare = value.len > 0 && !memchr(value.ptr, '=', value.len);
        struct str name = cut(&value, '=', '=');
        if (!url_decode(name, URL_PLUS, a, &name, e))
            return false;
        /* SDKs write the names of files as they are. */
        unsigned how =
            str_eq(name, STR("attachment_name")) ? URL_PLUS | URL_BARE_PERCENT : URL_PLUS;
        if (!url_decode(value, how, a, &value, e))
            return false;
        if (!take_word(t, q, name, value, bare) && !add_field(t, name, value, e))
            return false;
    }
    return true;
}

static size_t count_params(struct str query)
{
    size_t n = 0;
    while (query.len > 0) {
        cut(&query, '&', '?');
        n++;
    }
    return n;
}

bool target_read(struct str path, struct str query, struct arena *a, struct target *out,
                 struct err *e)
{
    struct query_words q = { STR(""), STR(""), STR("") };
    struct str before = cut(&path, '&', '&'); /* what is left of path is more of the query */
    size_t room = count_params(path) + count_params(query);
    *out = (struct target){ .universe = STR(""),
                            .token = STR(""),
                            .project = STR(""),
                            .format = STR(""),
                            .object = STR(""),
                            .attachment_name = STR("") };
    if (!read_path(before, a, out, e))
        return false;
    if (room > UPLOAD_FIELDS_MAX)
        return err_word(e, ERR_LIMIT, "too_many_parameters", "the URL has more than %d parameters",
                        UPLOAD_FIELDS_MAX);
    out->fields = arena_array(a, room ? room : 1, sizeof *out->fields);
    if (!out->fields)
        return err_set(e, ERR_NOMEM, 0, "no memory for the parameters");
    if (!read_query(path, a, out, &q, e) || !read_query(query, a, out, &q, e))
        return false;
    set_once(&out->token, q.token);
    set_once(&out->format, q.format);
    set_once(&out->format, q.bare_format);
    return true;
}
