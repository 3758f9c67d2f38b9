/* walk.c - to come. */
#include "unwind/walk.h"

const char *walk_trust_name(enum walk_trust t)
{
    static const char *const names[] = {
        "none", "scan", "cfi_scan", "fp", "leaf", "cfi", "context"
    };
    return names[t];
}
bool walk_thread(struct walk *w, const struct registers *context, const struct walk_region *stack,
                 struct walk_frame **frames, size_t *count, struct err *e)
{
    (void)w;
    (void)context;
    (void)stack;
    (void)e;
    *frames = NULL;
    *count = 0;
    return true;
}
void walk_done(struct walk *w)
{
    (void)w;
}
