/* Questions to an image of any bytes. What the header says of itself is put right, so that the
 * rest of it is looked at. */
#include "symbols/symcache_layout.h"

#include "cache_header.h"
#include "touch.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct symcache *c, uint64_t address)
{
    struct symcache_frame frames[SYMCACHE_FRAMES_MAX];
    struct bytes program;
    struct symcache_win win;
    size_t n = symcache_find(c, address, frames, 1 + address % SYMCACHE_FRAMES_MAX);
    assert(n <= 1 + address % SYMCACHE_FRAMES_MAX);
    for (size_t i = 0; i < n; i++) {
        touch(frames[i].function);
        touch(frames[i].file);
    }
    if (symcache_cfi(c, address, &program))
        touch_bytes(program.ptr, program.len);
    if (symcache_win(c, address, &win) && win.has_program)
        touch_bytes(win.program.ptr, win.program.len);
}

static void ask_all(const struct symcache *c)
{
    struct symcache_about a;
    struct err e = { 0 };
    symcache_about(c, &a);
    touch(a.os);
    touch(a.debug_file);
    touch(a.debug_id);
    touch(a.code_file);
    touch(a.code_id);
    for (uint64_t address = 0; address < 600; address++)
        ask(c, address * 3);
    for (uint64_t address = 1; address <= UINT64_C(1) << 33; address *= 2) {
        ask(c, address - 1);
        ask(c, address);
    }
    if (!symcache_verify(c, &e))
        assert(e.code == ERR_INPUT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = { 0 };
    struct symcache *c;
    uint8_t *image = malloc(size ? size : 1); /* aligned, as a mapping is; and its end is watched */
    assert(image);
    if (size > 0)
        memcpy(image, data, size);
    put_header_right(&symcache_kind, image, size);
    if (symcache_open(&c, (struct bytes){ image, size }, &e)) {
        ask_all(c);
        symcache_free(c);
    } else {
        assert(e.code == ERR_INPUT && e.msg[0] != '\0');
    }
    free(image);
    return 0;
}
