/* library_parts.c - what is in a cache, in words; which ids and names match. */
#include "symbols/library_internal.h"

#include <ctype.h>

#define GUID_DIGITS 32 /* of a debug id; what follows is the age */

/* --- parts --------------------------------------------------------------------------------- */

uint32_t library_parts(const struct symcache_about *about)
{
    uint32_t parts = 0;
    parts |= about->functions ? LIBRARY_FUNCTIONS : 0;
    parts |= about->lines ? LIBRARY_LINES : 0;
    parts |= about->inlines ? LIBRARY_INLINES : 0;
    parts |= about->publics ? LIBRARY_PUBLICS : 0;
    parts |= about->cfi_rows ? LIBRARY_CFI : 0;
    parts |= about->win_rows ? LIBRARY_WIN : 0;
    return parts;
}

uint32_t library_map_parts(const struct mapcache_about *about)
{
    uint32_t parts = 0;
    parts |= about->functions ? LIBRARY_FUNCTIONS : 0;
    parts |= about->mappings ? LIBRARY_MAPPINGS : 0;
    parts |= about->names ? LIBRARY_NAMES : 0;
    parts |= about->contents ? LIBRARY_TEXTS : 0;
    return parts;
}

struct str library_parts_text(uint32_t parts, char out[LIBRARY_PARTS_TEXT_MAX])
{
    static const char *const names[] = { "functions", "lines",    "inlines", "publics", "cfi",
                                         "win",       "mappings", "names",   "texts" };
    size_t used = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (parts & (uint32_t)1 << i)
            used += (size_t)snprintf(out + used, LIBRARY_PARTS_TEXT_MAX - used, "%s%s",
                                     used ? "," : "", names[i]);
    return (struct str){ out, used };
}

/* --- ids and names ------------------------------------------------------------------------- */

static bool is_zeros(struct str id)
{
    size_t digits = id.len < GUID_DIGITS ? id.len : GUID_DIGITS;
    for (size_t i = 0; i < digits; i++)
        if (id.ptr[i] != '0')
            return false;
    return true;
}

bool library_is_good_id(struct str id)
{
    return id.len > 0 && id.len <= ID_MAX && !is_zeros(id);
}

struct str library_file_name(struct str path)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.ptr[i - 1] == '/' || path.ptr[i - 1] == '\\')
            return (struct str){ path.ptr + i, path.len - i };
    return path;
}

/* "0b3c9d1e-...-": digits and dashes up to the last dash; 0: there is none. */
static size_t id_in_front(struct str name)
{
    size_t digits = 0;
    for (size_t i = 0; i < name.len && digits <= GUID_DIGITS; i++) {
        if (isxdigit((unsigned char)name.ptr[i]))
            digits++;
        else if (name.ptr[i] != '-')
            return 0;
        else if (digits == GUID_DIGITS)
            return i + 1;
    }
    return 0;
}

struct str library_map_name(struct str path)
{
    struct str name = library_file_name(path);
    size_t front = id_in_front(name);
    return (struct str){ name.ptr + front, name.len - front };
}

struct str library_script_name(const struct mapcache_about *about)
{
    const struct str end = STR(".map");
    if (about->script.len > 0)
        return about->script;
    struct str name = library_map_name(about->name);
    if (name.len > end.len && memcmp(name.ptr + name.len - end.len, end.ptr, end.len) == 0)
        name.len -= end.len;
    return name;
}

bool library_could_match(const struct module_id *id)
{
    return id->debug_id.len <= ID_MAX && id->code_id.len <= ID_MAX &&
           library_file_name(id->debug_file).len <= LIBRARY_NAME_MAX &&
           library_file_name(id->code_file).len <= LIBRARY_NAME_MAX;
}

bool library_same_name(struct str a, struct str b)
{
    a = library_file_name(a);
    b = library_file_name(b);
    return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}
