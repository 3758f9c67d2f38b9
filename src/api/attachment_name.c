/* attachment_name.c - names and types of attachments. They will be sent back in headers, so nothing
 * of a sender's control characters and paths is kept. */
#include "api/attachment_name.h"

#include "base/utf8.h"
#include "report/upload.h"

#define TYPE_BYTES_MAX 128

static const struct str prefix = STR_INIT("attachment_");

static struct str last_element(struct str path)
{
    size_t begin = path.len;
    while (begin > 0 && path.ptr[begin - 1] != '/' && path.ptr[begin - 1] != '\\')
        begin--;
    return (struct str){ path.ptr + begin, path.len - begin };
}

/* As many whole characters as fit. */
static struct str cut_short(struct str s)
{
    if (s.len <= UPLOAD_NAME_MAX)
        return s;
    struct str front = { s.ptr, UPLOAD_NAME_MAX };
    return (struct str){ s.ptr, utf8_valid_prefix(front) };
}

bool attachment_name(struct str s, struct arena *a, struct str *out)
{
    struct str name = cut_short(last_element(s));
    if (name.len == 0 || str_eq(name, STR(".")) || str_eq(name, STR(".."))) {
        *out = STR("attachment");
        return true;
    }
    char *p = arena_alloc(a, name.len);
    if (!p)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        p[i] = c < 0x20 || c == 0x7f ? '_' : name.ptr[i];
    }
    *out = (struct str){ p, name.len };
    return true;
}

bool attachment_is_field(struct str field)
{
    return str_starts(field, prefix) || str_starts(field, STR("attachment."));
}

bool attachment_part_name(struct str field, struct str filename, struct arena *a, struct str *out)
{
    struct str name = filename.len > 0 ? filename : field;
    if (str_starts(field, prefix) && field.len > prefix.len)
        name = (struct str){ field.ptr + prefix.len, field.len - prefix.len };
    return attachment_name(name, a, out);
}

struct str attachment_type(struct str s)
{
    if (s.len > TYPE_BYTES_MAX)
        return STR("");
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ' || s.ptr[i] > '~')
            return STR("");
    return s;
}
