/* Names of functions and whole stacks: whatever is in them, there is a fingerprint, the same each
 * time, of at most CALLSTACK_NAMES_MAX names. */
#include "report/callstack.h"

#include <assert.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)64 << 20)
#define FRAMES_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One frame a line: a byte that says what the line is, then the line. */
static size_t read_frames(struct str text, struct crash_frame *frames)
{
    size_t count = 0;
    while (text.len > 0 && count < FRAMES_MAX) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t n = end ? (size_t)(end - text.ptr) : text.len;
        struct crash_frame *f = &frames[count++];
        *f = (struct crash_frame){ 0 };
        if (n > 0 && text.ptr[0] == '+') {
            f->module = (struct str){ text.ptr + 1, n - 1 };
            f->has_offset = n % 2;
            f->offset = n;
        } else if (n > 0 && text.ptr[0] == '?') {
            f->function = (struct str){ text.ptr + 1, n - 1 };
            f->guessed = true;
        } else {
            f->function = (struct str){ text.ptr, n };
        }
        n += end != NULL;
        text = (struct str){ text.ptr + n, text.len - n };
    }
    return count;
}

static void hash(const struct crash_frame *frames, size_t count, uint8_t out[FINGERPRINT_BYTES])
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct crash_thread t = { .frames = frames, .frame_count = count };
    struct crash c = { .threads = &t, .thread_count = 1 };
    struct callstack stack;
    struct err e;
    if (!a)
        abort();
    attributes_init(&c.attributes, a);
    if (!fingerprint_crash(&c, STR("json"), a, out, &stack, &e))
        abort();
    assert(stack.count <= CALLSTACK_NAMES_MAX);
    for (size_t i = 0; i < stack.count; i++)
        assert(stack.names[i].len > 0);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct crash_frame frames[FRAMES_MAX];
    uint8_t once[FINGERPRINT_BYTES], again[FINGERPRINT_BYTES];
    size_t count = read_frames((struct str){ (const char *)data, size }, frames);
    hash(frames, count, once);
    hash(frames, count, again);
    assert(memcmp(once, again, sizeof once) == 0);
    return 0;
}
