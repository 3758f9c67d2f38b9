/* names.c - names that people give: of users, universes and projects. They end up in URLs, in logs
 * and on terminals, so control characters are kept out at the door. */
#include "access/access.h"
#include "base/utf8.h"
#include "report/report.h"

static bool check_utf8(struct str name, const char *what, struct err *e)
{
    return utf8_valid_prefix(name) == name.len ||
           err_set(e, ERR_INPUT, 0, "%s is not valid UTF-8", what);
}

static bool check_name(struct str name, const char *what, struct err *e)
{
    if (name.len == 0 || name.len > ACCESS_NAME_MAX)
        return err_set(e, ERR_INPUT, 0, "%s must have 1 to %d bytes, not %zu", what,
                       ACCESS_NAME_MAX, name.len);
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f)
            return err_set(e, ERR_INPUT, 0, "%s has a control character in it", what);
    return check_utf8(name, what, e);
}

bool project_check(struct str name, struct err *e)
{
    return report_project_check(name, e) && check_utf8(name, "the project's name", e);
}

bool user_check(struct str name, struct err *e)
{
    return check_name(name, "the user's name", e);
}

/* It is one element of a path, and SDKs write it there as it is. */
static bool stands_in_paths(struct str name, struct err *e)
{
    for (size_t i = 0; i < name.len; i++)
        if (strchr(" /?#&%", name.ptr[i]))
            return err_set(e, ERR_INPUT, 0,
                           "a universe stands in URLs, so its name cannot hold a space or any of "
                           "/ ? # & %%");
    return true;
}

bool universe_check(struct str name, struct err *e)
{
    struct err reserved;
    if (!check_name(name, "the universe's name", e) || !stands_in_paths(name, e))
        return false;
    /* It stands in the same place of URLs. */
    if (!report_project_check(name, &reserved) || str_eq(name, STR("submit.backtrace.io")))
        return err_set(e, ERR_INPUT, 0,
                       "a universe cannot be called \"%.*s\": the name has a meaning in URLs",
                       STR_ARG(name));
    return true;
}
