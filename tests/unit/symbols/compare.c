/* compare.c - see the header. */
#include "compare.h"

#include "image.h"

#include "../cmocka_all.h"

#define TEXT_MAX ((size_t)1 << 20)

static void compare_names(const struct model *m, const struct symcache *c, uint64_t address)
{
    struct buf want, got;
    buf_init(&want, TEXT_MAX);
    buf_init(&got, TEXT_MAX);
    model_print_find(&want, m, address);
    image_print_find(&got, c, address);
    if (!str_eq(buf_view(&want), buf_view(&got)))
        fail_msg("%llx:\n%.*s\ninstead of\n%.*s", (unsigned long long)address,
                 STR_ARG(buf_view(&got)), STR_ARG(buf_view(&want)));
    buf_done(&want);
    buf_done(&got);
}

static void compare_rules(const struct model *m, const struct symcache *c, uint64_t address)
{
    struct buf want;
    struct bytes program = { (const uint8_t *)"", 0 };
    buf_init(&want, TEXT_MAX);
    bool wanted = model_cfi(&want, m, address), has = symcache_cfi(c, address, &program);
    if (wanted != has)
        fail_msg("%llx: %s rules", (unsigned long long)address, has ? "has" : "has no");
    if (has && !str_eq(buf_view(&want), (struct str){ (const char *)program.ptr, program.len }))
        fail_msg("%llx: other rules", (unsigned long long)address);
    buf_done(&want);
}

static void compare_win(const struct model *m, const struct symcache *c, uint64_t address)
{
    struct symcache_win want, got;
    bool wanted = model_win(m, address, &want), has = symcache_win(c, address, &got);
    if (wanted != has)
        fail_msg("%llx: %s record", (unsigned long long)address, has ? "has a" : "has no");
    if (has && (want.start != got.start || want.size != got.size ||
                want.prolog_size != got.prolog_size || want.frame_data != got.frame_data))
        fail_msg("%llx: record of %llx+%x instead of %llx+%x", (unsigned long long)address,
                 (unsigned long long)got.start, got.size, (unsigned long long)want.start,
                 want.size);
}

void compare_at(const struct model *m, const struct symcache *c, uint64_t address)
{
    compare_names(m, c, address);
    compare_rules(m, c, address);
    compare_win(m, c, address);
}
