/* scopes.c - the words for what a token may do. */
#include "access/access.h"

#define SHOWN_BYTES 40 /* of a word in a message */

static const struct {
    struct str name;
    enum scope scope;
} names[] = {
    { STR_INIT("error:post"), SCOPE_ERROR_POST }, { STR_INIT("symbol:post"), SCOPE_SYMBOL_POST },
    { STR_INIT("object:get"), SCOPE_OBJECT_GET }, { STR_INIT("query:post"), SCOPE_QUERY_POST },
    { STR_INIT("sync:post"), SCOPE_SYNC_POST },
};
#define NAMES (sizeof names / sizeof *names)

static bool is_separator(char c)
{
    return c == ' ' || c == ',' || c == '\t';
}

static bool add_scope(struct str word, uint32_t *scopes, struct err *e)
{
    for (size_t i = 0; i < NAMES; i++)
        if (str_eq(names[i].name, word)) {
            *scopes |= names[i].scope;
            return true;
        }
    return err_set(e, ERR_INPUT, 0,
                   "there is no capability \"%.*s\"; there are error:post, symbol:post, "
                   "object:get, query:post and sync:post",
                   (int)(word.len < SHOWN_BYTES ? word.len : SHOWN_BYTES), word.ptr);
}

bool scopes_parse(struct str text, uint32_t *out, struct err *e)
{
    uint32_t scopes = 0;
    size_t i = 0;
    for (;;) {
        while (i < text.len && is_separator(text.ptr[i]))
            i++;
        if (i == text.len)
            break;
        size_t begin = i;
        while (i < text.len && !is_separator(text.ptr[i]))
            i++;
        if (!add_scope((struct str){ text.ptr + begin, i - begin }, &scopes, e))
            return false;
    }
    if (scopes == 0)
        return err_set(e, ERR_INPUT, 0,
                       "a token needs at least one capability, such as error:post");
    *out = scopes;
    return true;
}

bool scopes_write(uint32_t scopes, struct arena *a, struct str *out)
{
    char text[NAMES * 12];
    size_t len = 0;
    for (size_t i = 0; i < NAMES; i++) {
        if (!(scopes & names[i].scope))
            continue;
        if (len > 0)
            text[len++] = ' ';
        memcpy(text + len, names[i].name.ptr, names[i].name.len);
        len += names[i].name.len;
    }
    return arena_str(a, (struct str){ text, len }, out);
}
