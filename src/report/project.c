/* project.c - names: of projects, reports and buckets. They end up in URLs, in logs and in the
 * names of files of those who fetch them, so control characters are kept out at the door. */
#include "report/internal.h"

bool report_name_check(struct str name, size_t max_bytes, const char *what, const char *word,
                       struct err *e)
{
    if (name.len == 0)
        return err_word(e, ERR_INPUT, word, "%s must not be empty", what);
    if (name.len > max_bytes)
        return err_word(e, ERR_INPUT, word, "%s has %zu bytes, at most %zu are taken", what,
                        name.len, max_bytes);
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c < 0x20 || c == 0x7f)
            return err_word(e, ERR_INPUT, word, "%s has a control character in it (byte 0x%02x)",
                            what, c);
    }
    return true;
}

bool report_project_check(struct str name, struct err *e)
{
    /* Words that stand in the place of a project in URLs. */
    static const char *const reserved[] = { "api",    "post", "reports", "buckets", "config",
                                            "search", "ui",   "metrics", "health" };
    if (!report_name_check(name, REPORT_NAME_MAX, "the project's name", "bad_project_name", e))
        return false;
    if (str_eq(name, STR(".")) || str_eq(name, STR("..")))
        return err_word(e, ERR_INPUT, "bad_project_name",
                        "the project's name must not be \".\" or \"..\": URLs cannot hold it");
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (str_eq(name, str_from_c(reserved[i])))
            return err_word(e, ERR_INPUT, "bad_project_name",
                            "a project cannot be called \"%s\": the name has a meaning in URLs",
                            reserved[i]);
    return true;
}

bool report_set_project(struct report *r, struct str from_url, struct err *e)
{
    if (from_url.len == 0) {
        if (r->project.len == 0)
            return err_word(e, ERR_INPUT, "no_project",
                            "the report needs a project: as a member of it, or in the URL");
        return true;
    }
    if (!report_project_check(from_url, e))
        return false;
    if (r->project.len > 0 && !str_eq(r->project, from_url))
        return err_word(e, ERR_INPUT, "name_mismatch",
                        "the report says that it belongs to another project than the one that it "
                        "was sent to");
    r->project = from_url;
    return true;
}
