/* JSON: a refusal says why and where; what is accepted is written again, and that text gives the
 * same tree, written the same. */
#include "base/json.h"

#include "base/utf8.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits limits = { .depth = 30, .nodes = 2000 };

/* Each value lies inside its parent, behind its elder sibling. */
static size_t check_places(const struct json *j, struct str text)
{
    size_t nodes = 1, children = 0, after = j->begin;
    assert(j->begin < j->end && j->end <= text.len);
    assert(utf8_valid_prefix(j->text) == j->text.len && utf8_valid_prefix(j->key) == j->key.len);
    for (const struct json *child = j->first; child; child = child->next) {
        assert(child->begin > after && child->end < j->end);
        after = child->end;
        nodes += check_places(child, text);
        children++;
    }
    assert(children == j->count);
    return nodes;
}

static void write_tree(struct buf *b, const struct json *j)
{
    struct json_writer w;
    buf_init(b, 1 << 24);
    json_writer_init(&w, b);
    json_tree(&w, j);
    assert(buf_ok(b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct err e = { 0 };
    const struct json *j;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 24);
    if (!json_parse(&j, text, limits, a, &e)) {
        assert(e.code == ERR_INPUT || e.code == ERR_LIMIT);
        assert(str_starts(str_from_c(e.msg), STR("line ")) && e.offset <= size);
        return 0;
    }
    assert(check_places(j, text) <= limits.nodes);
    struct buf first, second;
    write_tree(&first, j);
    bool again = json_parse(&j, buf_view(&first), limits, a, &e);
    assert(again);
    write_tree(&second, j);
    assert(str_eq(buf_view(&first), buf_view(&second)));
    buf_done(&first);
    buf_done(&second);
    return 0;
}
