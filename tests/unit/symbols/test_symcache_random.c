/* symcache: random symbol files, in any order and with ranges in each other's way, against the
 * model, at every address; and many addresses at once against one by one. */
#include "compare.h"
#include "image.h"

#include "../cmocka_all.h"
#include "../group/dice.h"

#define ROUNDS 60
#define ADDRESSES 3000

/* A place and a size, now and then in the way of others. */
static void write_range(struct buf *out, struct dice *d, uint32_t from, uint32_t room)
{
    buf_printf(out, "%x %x", from + dice(d, room), dice(d, room / 4 + 2));
}

static void write_inlines(struct buf *out, struct dice *d, uint32_t from, uint32_t size)
{
    for (uint32_t depth = 0; depth < 4 && dice_percent(d, 50); depth++) {
        buf_printf(out, "INLINE %u %u %u %u", depth, dice(d, 500), dice(d, 6), dice(d, 8));
        for (uint32_t i = 0; i == 0 || dice_percent(d, 30); i++) {
            buf_char(out, ' ');
            write_range(out, d, from, size);
        }
        buf_char(out, '\n');
    }
}

static void write_function(struct buf *out, struct dice *d)
{
    uint32_t from = dice(d, ADDRESSES), size = dice(d, 120);
    buf_printf(out, "FUNC %s%x %x %x function %u\n", dice_percent(d, 10) ? "m " : "", from, size,
               dice(d, 20), dice(d, 12));
    write_inlines(out, d, from, size + 1);
    uint32_t at = from;
    while (at < from + size && dice_percent(d, 93)) {
        uint32_t length = 1 + dice(d, 9);
        if (dice_percent(d, 5)) {
            write_range(out, d, from, size);
            buf_printf(out, " %u %u\n", dice(d, 5000), dice(d, 6));
        } else {
            buf_printf(out, "%x %x %u %u\n", at, length, dice(d, 50) * dice(d, 300), dice(d, 6));
        }
        at += length + (dice_percent(d, 10) ? dice(d, 6) : 0);
    }
}

static const char *const rules[] = { ".cfa: $rsp 16 +",  "$rbx: .cfa -24 + ^",
                                     ".cfa: $rbp 16 +",  "$r12: .cfa -32 + ^ $rbp: $rax",
                                     ".ra: .cfa 16 - ^", "$xmm1: $zzz",
                                     "$rbx: $nothing ^", "$rbx: $rcx 4 *" };

static void write_cfi(struct buf *out, struct dice *d)
{
    if (dice_percent(d, 40)) {
        buf_str(out, STR("STACK CFI INIT "));
        write_range(out, d, dice(d, ADDRESSES), 100);
        buf_printf(out, " .cfa: $rsp %u +%s\n", 8 * dice(d, 3),
                   dice_percent(d, 90) ? " .ra: .cfa 8 - ^" : "");
    } else {
        buf_printf(out, "STACK CFI %x %s\n", dice(d, ADDRESSES), rules[dice(d, COUNT_OF(rules))]);
    }
}

static void write_win(struct buf *out, struct dice *d)
{
    buf_printf(out, "STACK WIN %u ", dice_percent(d, 50) ? 4 : dice(d, 5));
    write_range(out, d, dice(d, ADDRESSES), 200);
    buf_printf(out, " %x 0 0 0 0 0 0 0\n", dice(d, 1000));
}

static void write_file(struct buf *out, struct dice *d)
{
    buf_str(out, STR("MODULE Linux x86_64 BBA6FA10B8AAB33D00000000000000000 a.out\n"));
    for (uint32_t i = 0, n = dice(d, 150); i < n; i++) {
        if (dice_percent(d, 40))
            write_function(out, d);
        if (dice_percent(d, 30))
            buf_printf(out, "PUBLIC %x %x public %u\n", dice(d, ADDRESSES), dice(d, 9), i);
        for (uint32_t k = dice(d, 4); k > 0; k--)
            write_cfi(out, d);
        if (dice_percent(d, 30))
            write_win(out, d);
        if (dice_percent(d, 10))
            buf_printf(out, "FILE %u file %u.c\n", dice(d, 5), i);
        if (dice_percent(d, 10))
            buf_printf(out, "INLINE_ORIGIN %u inlined %u\n", dice(d, 8), i);
    }
}

static void random_files(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned i = 0; dice_seed(&d, i, ROUNDS); i++) {
        struct buf text;
        struct image image;
        buf_init(&text, (size_t)16 << 20);
        write_file(&text, &d);
        assert_true(buf_ok(&text));
        struct model *m = model_read(buf_view(&text));
        image_make(&image, buf_view(&text));
        for (uint64_t address = 0; address < ADDRESSES + 200; address++)
            compare_at(m, image.cache, address);
        compare_at(m, image.cache, UINT32_MAX);
        image_done(&image);
        model_free(m);
        buf_done(&text);
    }
}

static uint64_t random_address(struct dice *d)
{
    static const uint64_t odd[] = { UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_MAX };
    return dice_percent(d, 5) ? odd[dice(d, COUNT_OF(odd))] : dice(d, ADDRESSES + 200);
}

static void compare_many(struct dice *d, const struct symcache *const *caches, uint32_t count)
{
    struct symcache_spot spots[3 * SYMCACHE_TOGETHER];
    struct symcache_frame many[SYMCACHE_FRAMES_MAX], one[SYMCACHE_FRAMES_MAX];
    size_t n = dice(d, COUNT_OF(spots) + 1);
    memset(spots, 0xff, sizeof spots); /* what was in there does not matter */
    for (size_t i = 0; i < n; i++) {
        spots[i].cache = caches[dice(d, count)];
        spots[i].address = random_address(d);
    }
    symcache_find_many(spots, n);
    for (size_t i = 0; i < n; i++) {
        struct symcache_spot *s = &spots[i];
        size_t max = dice_percent(d, 70) ? SYMCACHE_FRAMES_MAX : 1 + dice(d, 3);
        size_t want = s->cache ? symcache_find(s->cache, s->address, one, max) : 0;
        struct buf got_text, want_text;
        buf_init(&got_text, 1 << 20);
        buf_init(&want_text, 1 << 20);
        image_print_frames(&got_text, many, symcache_frames(s, many, max));
        image_print_frames(&want_text, one, want);
        if (!str_eq(buf_view(&got_text), buf_view(&want_text)))
            fail_msg("%zu of %zu, %llx:\n%.*s\ninstead of\n%.*s", i, n,
                     (unsigned long long)s->address, STR_ARG(buf_view(&got_text)),
                     STR_ARG(buf_view(&want_text)));
        buf_done(&got_text);
        buf_done(&want_text);
    }
}

/* Of several modules, and of none. */
static void many_at_once(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned i = 0; dice_seed(&d, i, ROUNDS); i++) {
        struct image images[3];
        const struct symcache *caches[COUNT_OF(images) + 1] = { NULL };
        for (size_t k = 0; k < COUNT_OF(images); k++) {
            struct buf text;
            buf_init(&text, (size_t)16 << 20);
            write_file(&text, &d);
            image_make(&images[k], buf_view(&text));
            caches[k] = images[k].cache;
            buf_done(&text);
        }
        for (int k = 0; k < 50; k++)
            compare_many(&d, caches, COUNT_OF(caches));
        for (size_t k = 0; k < COUNT_OF(images); k++)
            image_done(&images[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_files),
                                        cmocka_unit_test(many_at_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
