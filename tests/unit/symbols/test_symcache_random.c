/* symcache: random symbol files, in any order and with ranges in each other's way, against the
 * model, at every address. */
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_files) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
