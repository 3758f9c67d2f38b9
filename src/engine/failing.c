/* failing.c - writes that fail, told once and then now and then; small things that several files of
 * the engine need. */
#include "engine/inside.h"

#include "base/log.h"

#define LOG_EVERY_US 10000000

void failing_over(struct failing *f, const char *event)
{
    if (f->times > 0)
        log_line(LOG_WARN, event, "times_failed=%zu", f->times);
    f->times = 0;
    f->logged_us = 0;
    atomic_store_explicit(&f->failed_us, 0, memory_order_relaxed);
}

void failing_note(struct failing *f, const char *event, const struct err *e)
{
    int64_t now_us = metric_clock_us();
    f->times++;
    atomic_store_explicit(&f->failed_us, now_us, memory_order_relaxed);
    if (f->logged_us && now_us - f->logged_us < LOG_EVERY_US)
        return;
    f->logged_us = now_us;
    log_line(LOG_ERROR, event, "times=%zu reason=%s", f->times, log_str(str_from_c(e->msg)));
}

bool take_text(struct buf *b, struct arena *a, struct str *out)
{
    bool ok = buf_ok(b) && arena_str(a, buf_view(b), out);
    buf_done(b);
    return ok;
}
