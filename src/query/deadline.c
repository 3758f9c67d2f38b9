/* deadline.c - see deadline.h. */
#include "query/deadline.h"

#include "base/metrics.h"

void deadline_begin(struct deadline *d, uint32_t timeout_ms)
{
    *d = (struct deadline){ .timeout_ms = timeout_ms };
    d->at_us = metric_clock_us() + (int64_t)timeout_ms * 1000;
}

bool deadline_look(struct deadline *d)
{
    if (!d->passed)
        d->passed = d->timeout_ms > 0 && metric_clock_us() >= d->at_us;
    d->steps_left = d->passed ? 0 : DEADLINE_STEPS;
    return d->passed;
}

bool deadline_refuse(const struct deadline *d, struct err *e)
{
    return err_word(e, ERR_LIMIT, "search_too_long",
                    "the search takes longer than %g s: narrow it by since, until or a field",
                    (double)d->timeout_ms / 1000);
}
