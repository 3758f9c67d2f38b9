/* check_dump.h - for the fuzz targets of formats of dumps: any bytes are read, walked without
 * symbols, and go the whole way to a report, which must be taken without an error. */
#ifndef CRUMPLE_FUZZ_CHECK_DUMP_H
#define CRUMPLE_FUZZ_CHECK_DUMP_H

#include "base/utf8.h"
#include "decode/decode.h"
#include "decode/dump.h"
#include "report/crash_report.h"

#include <assert.h>

#define ARENA_BYTES ((size_t)512 << 20)

typedef bool read_dump(struct bytes file, const struct symbol_source *symbols, struct dump *out,
                       struct arena *a, struct err *e);

static inline void check_text(struct str s)
{
    assert(s.len == 0 || utf8_valid_prefix(s) == s.len);
}

static inline void check_modules(const struct dump *d)
{
    for (size_t i = 0; i < d->module_count; i++) {
        const struct dump_module *m = &d->modules[i];
        assert(m->size > 0 && m->size - 1 <= UINT64_MAX - m->base);
        assert(i == 0 || d->modules[i - 1].base + (d->modules[i - 1].size - 1) < m->base);
        check_text(m->code_file);
        check_text(m->debug_file);
    }
}

static inline void check_dump(const struct dump *d)
{
    check_modules(d);
    check_text(d->os_version);
    check_text(d->cpu_text);
    check_text(d->assertion);
    assert(d->crash_thread == DUMP_NO_THREAD || d->crash_thread < d->thread_count);
    assert(d->main_module == SIZE_MAX || d->main_module < d->module_count);
    for (size_t i = 0; i < d->thread_count; i++)
        check_text(d->threads[i].name);
    for (size_t i = 0; i < d->error_count; i++)
        check_text(d->errors[i]);
}

static inline void check_report(const struct crash *c, struct arena *a)
{
    const struct json_limits limits = { REPORT_DEPTH_MAX, 2 * (size_t)REPORT_TEXTS_MAX };
    const struct crash_names names = { STR_INIT("id"), STR_INIT("p"), 0 };
    const struct json *j;
    struct report r;
    struct str text;
    struct err e = { 0 };
    bool ok = crash_report_write(c, &names, a, &text, &e) && json_parse(&j, text, limits, a, &e) &&
              report_from_json(&r, j, text, a, &e);
    assert(ok || e.code == ERR_NOMEM);
}

static inline void check_reading(read_dump *read, struct bytes file)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct dump *d = a ? arena_alloc(a, sizeof *d) : NULL;
    struct crash c;
    struct err e = { 0 };
    if (d && read(file, NULL, d, a, &e)) {
        check_dump(d);
        decode_nothing(&c, a);
        if (dump_crash(d, &c, a, &e))
            check_report(&c, a);
        else
            assert(e.code == ERR_NOMEM);
    } else if (d) {
        assert(e.code != ERR_NONE && e.msg[0] != '\0'); /* a refusal always says why */
    }
    arena_free(a);
}

#endif
