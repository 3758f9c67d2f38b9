/* upload.c - the names of formats, as they stand in URLs. */
#include "report/upload.h"

#include <assert.h>

/* The first of a format is its name; what follows below is another word for it. */
static const struct {
    struct str name;
    enum upload_format format;
} names[] = {
    { STR_INIT("json"), UPLOAD_JSON },         { STR_INIT("minidump"), UPLOAD_MINIDUMP },
    { STR_INIT("plcrash"), UPLOAD_PLCRASH },   { STR_INIT("btt"), UPLOAD_BTT },
    { STR_INIT("symbols"), UPLOAD_SYMBOLS },   { STR_INIT("sourcemap"), UPLOAD_SOURCEMAP },
    { STR_INIT("proguard"), UPLOAD_PROGUARD }, { STR_INIT("core"), UPLOAD_CORE },
    { STR_INIT("dump"), UPLOAD_MINIDUMP },
};
#define NAMES (sizeof names / sizeof *names)

struct str upload_format_name(enum upload_format f)
{
    size_t i = 0;
    while (i < NAMES && names[i].format != f)
        i++;
    assert(i < NAMES);
    return names[i].name;
}

bool upload_format_find(struct str name, enum upload_format *out)
{
    for (size_t i = 0; i < NAMES; i++)
        if (str_eq(names[i].name, name)) {
            *out = names[i].format;
            return true;
        }
    return false;
}

bool upload_format_is_error(enum upload_format f)
{
    return (f >= UPLOAD_JSON && f <= UPLOAD_BTT) || f == UPLOAD_CORE;
}

bool upload_format_is_symbols(enum upload_format f)
{
    return f == UPLOAD_SYMBOLS || f == UPLOAD_SOURCEMAP;
}
