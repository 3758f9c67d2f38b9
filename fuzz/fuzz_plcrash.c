/* Any bytes as a report of PLCrashReporter. What passes our own check must be unpacked by
 * protobuf-c, too: only memory may be short, and here it is not. */
#include "check_dump.h"
#include "decode/plcrash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frames(const struct dump *d)
{
    assert(!d->has_main_thread || d->main_thread < d->thread_count);
    for (size_t i = 0; i < d->thread_count; i++)
        for (size_t k = 0; k < d->threads[i].frame_count; k++) {
            const struct walk_frame *f = &d->threads[i].frames[k];
            check_text(f->function);
            assert(f->module == WALK_NO_MODULE || f->module < d->module_count);
        }
}

static bool read_checked(struct bytes file, const struct symbol_source *symbols, struct dump *out,
                         struct arena *a, struct err *e)
{
    bool ok = plcrash_read(file, symbols, out, a, e);
    assert(ok || e->code == ERR_INPUT || e->code == ERR_LIMIT);
    if (ok)
        check_frames(out);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_reading(read_checked, (struct bytes){ data, size });
    return 0;
}
