/* A Breakpad symbol file to a symbol cache, and every kind of question to that. */
#include "symbols/breakpad.h"
#include "symbols/unwind_rules.h"

#include <assert.h>

#define MEMORY_BYTES ((size_t)64 << 20)
#define NUMBERS_MAX 150

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct symcache *c, uint64_t address)
{
    struct symcache_frame frames[SYMCACHE_FRAMES_MAX];
    struct bytes program;
    struct symcache_win win;
    size_t n = symcache_find(c, address, frames, SYMCACHE_FRAMES_MAX);
    assert(n <= SYMCACHE_FRAMES_MAX && (n == 0 || frames[n - 1].start <= address));
    for (size_t i = 0; i < n; i++)
        assert(frames[i].function.len == 0 || frames[i].function.ptr);
    if (symcache_cfi(c, address, &program))
        assert(program.len > 0 && program.len <= UNWIND_PROGRAM_MAX);
    if (symcache_win(c, address, &win)) {
        assert(win.start <= address && address - win.start < win.size);
        assert(!win.has_program || win.program.len > 0);
    }
}

/* Addresses that the file names: what looks like a number in it, as far as time allows. */
static void ask_all(const struct symcache *c, const uint8_t *data, size_t size)
{
    uint64_t n = 0;
    int left = NUMBERS_MAX;
    ask(c, 0);
    ask(c, UINT32_MAX);
    for (size_t i = 0; i <= size && left > 0; i++) {
        char ch = i < size ? (char)data[i] : ' ';
        if (ch >= '0' && ch <= '9') {
            n = n << 4 | (uint64_t)(ch - '0');
        } else if (ch >= 'a' && ch <= 'f') {
            n = n << 4 | (uint64_t)(ch - 'a' + 10);
        } else if (n > 0) {
            ask(c, n - 1);
            ask(c, n);
            n = 0;
            left--;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = { 0 };
    struct bytes file = { data, size };
    struct symcache_about about;
    struct buf image;
    struct symcache_builder *b = symcache_builder_new(MEMORY_BYTES);
    assert(b);
    buf_init(&image, MEMORY_BYTES);
    if (breakpad_identify(file, &about, &e))
        assert(about.debug_id.len > 0);
    if (!breakpad_read(file, b, &e) || !symcache_write_buf(b, &image, &e)) {
        assert(e.code != ERR_NONE && e.msg[0] != '\0');
    } else {
        struct symcache *c;
        bool ok = symcache_open(&c, (struct bytes){ (const uint8_t *)image.ptr, image.len }, &e);
        assert(ok && symcache_verify(c, &e));
        ask_all(c, data, size);
        symcache_free(c);
    }
    buf_done(&image);
    symcache_builder_free(b);
    return 0;
}
