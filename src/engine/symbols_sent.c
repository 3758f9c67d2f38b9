/* symbols_sent.c - what the sender says of an upload of symbols or source maps, beside its bytes.
 */
#include "engine/inside.h"

#include "base/utf8.h"
#include "sourcemap/script.h"

#define TAG_BYTES 256
#define FILE_NAME_BYTES 1024

static struct str field(const struct upload *u, struct str name, struct str otherwise)
{
    for (size_t i = 0; i < u->field_count; i++)
        if (str_eq(u->fields[i].name, name) && u->fields[i].value.len > 0)
            return u->fields[i].value;
    return otherwise;
}

struct str symbols_sent_tag(const struct upload *u)
{
    struct str tag = field(u, STR("tag"), STR("anon"));
    if (tag.len > TAG_BYTES)
        tag.len = utf8_valid_prefix((struct str){ tag.ptr, TAG_BYTES });
    return tag;
}

struct str symbols_sent_name(const struct upload *u)
{
    struct str name = field(u, STR("file"), STR(""));
    bool is_bad = memchr(name.ptr, '\0', name.len) || name.len > FILE_NAME_BYTES;
    return is_bad ? STR("") : name;
}

bool symbols_sent_id(const struct upload *u, struct arena *a, struct str *out, struct err *e)
{
    struct str id = field(u, STR("symbolication_id"), STR(""));
    *out = STR("");
    if (u->format != UPLOAD_SOURCEMAP || id.len == 0)
        return true;
    if (!script_id(id, a, out))
        return err_set(e, ERR_NOMEM, 0, "no memory for a symbolication_id");
    return out->len > 0 ||
           err_set(e, ERR_INPUT, 0,
                   "symbolication_id is not an id that a report may have: those have from 1 to 64 "
                   "characters besides dashes");
}
