/* image.c - see the header. */
#include "image.h"

#include "base/reader.h"
#include "symbols/breakpad.h"
#include "symbols/unwind_rules.h"

#include "../cmocka_all.h"

#define MEMORY_BYTES ((size_t)1 << 30)

void image_make(struct image *i, struct str text)
{
    struct err e = { 0 };
    struct bytes file = { (const uint8_t *)text.ptr, text.len };
    struct symcache_builder *b = symcache_builder_new(MEMORY_BYTES);
    assert_non_null(b);
    buf_init(&i->bytes, MEMORY_BYTES);
    if (!breakpad_read(file, b, &e) || !symcache_write_buf(b, &i->bytes, &e))
        fail_msg("%s", e.msg);
    symcache_builder_free(b);
    struct bytes image = { (const uint8_t *)i->bytes.ptr, i->bytes.len };
    if (!symcache_open(&i->cache, image, &e) || !symcache_verify(i->cache, &e))
        fail_msg("%s", e.msg);
}

void image_done(struct image *i)
{
    symcache_free(i->cache);
    buf_done(&i->bytes);
}

void image_print_frames(struct buf *out, const struct symcache_frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%.*s|%.*s:%u|%llx|", STR_ARG(frames[i].function), STR_ARG(frames[i].file),
                   frames[i].line, (unsigned long long)frames[i].start);
        buf_printf(out, frames[i].is_public ? "public %u\n" : "%u\n", frames[i].parameter_bytes);
    }
}

void image_print_find(struct buf *out, const struct symcache *c, uint64_t address)
{
    struct symcache_frame frames[SYMCACHE_FRAMES_MAX];
    image_print_frames(out, frames, symcache_find(c, address, frames, SYMCACHE_FRAMES_MAX));
}

static const struct {
    enum unwind_op op;
    const char *word;
    size_t operand; /* bytes */
} words[] = {
    { UNWIND_PUSH_8, "push", 1 },
    { UNWIND_PUSH_16, "push", 2 },
    { UNWIND_PUSH_32, "push", 4 },
    { UNWIND_PUSH_64, "push", 8 },
    { UNWIND_PUSH_REGISTER, "reg", 1 },
    { UNWIND_PUSH_CFA, "cfa", 0 },
    { UNWIND_PUSH_VARIABLE, "var", 1 },
    { UNWIND_DEREF, "deref", 0 },
    { UNWIND_SET_CFA, "cfa!", 0 },
    { UNWIND_SET_REGISTER, "reg!", 1 },
    { UNWIND_CLEAR_REGISTER, "clear", 1 },
    { UNWIND_SET_VARIABLE, "var!", 1 },
    { UNWIND_DUP, "dup", 0 },
    { UNWIND_DROP, "drop", 0 },
    { UNWIND_SWAP, "swap", 0 },
    { UNWIND_ADD, "add", 0 },
    { UNWIND_SUB, "sub", 0 },
    { UNWIND_MUL, "mul", 0 },
    { UNWIND_DIV, "div", 0 },
    { UNWIND_MOD, "mod", 0 },
    { UNWIND_ALIGN, "align", 0 },
    { UNWIND_AND, "and", 0 },
};

void image_print_program(struct buf *out, struct bytes program)
{
    struct reader r = { .in = program };
    while (r.pos < r.in.len) {
        uint8_t op = reader_u8(&r);
        size_t i = 0;
        while (i < COUNT_OF(words) && words[i].op != (enum unwind_op)op)
            i++;
        assert_true(i < COUNT_OF(words));
        buf_printf(out, out->len ? " %s" : "%s", words[i].word);
        if (words[i].operand == 0)
            continue;
        unsigned unused = 64 - 8 * (unsigned)words[i].operand;
        uint64_t n = reader_number(&r, words[i].operand) << unused;
        buf_printf(out, " %lld", (long long)((int64_t)n >> unused));
    }
    assert_false(r.failed);
}
