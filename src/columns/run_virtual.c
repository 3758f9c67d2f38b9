/* run_virtual.c - rounding down. What is hard: numbers of 64 bits with and without a sign, whose
 * sums pass 64 bits; and the calendar, of which the last answer is kept since rows come in the
 * order of time. */
#include "columns/run_virtual.h"

#include "columns/run_value.h"

#include <math.h>

#define DAY_SECONDS 86400

/* A UINT may become negative when the steps do not begin at 0. */
enum column_type virtual_type_of(const struct ask_virtual *v, enum column_type t)
{
    bool moved = v->type == VIRTUAL_QUANTIZE && v->offset % v->size != 0;
    return t == COLUMN_UINT && moved ? COLUMN_INT : t;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int128 floor_to(int128 v, int128 size)
{
    int128 rest = v % size;
    return v - rest - (rest < 0 ? size : 0);
}

static uint64_t held(int128 v, enum column_type t)
{
    if (t == COLUMN_INT)
        return (uint64_t)(v < INT64_MIN ? INT64_MIN : v > INT64_MAX ? INT64_MAX : v);
    return (uint64_t)(v < 0 ? 0 : v > UINT64_MAX ? UINT64_MAX : v);
}

static void quantize_doubles(const struct ask_virtual *v, uint64_t *numbers, size_t count)
{
    /* Whole steps of the offset change nothing, and would take digits away. */
    double size = (double)v->size, offset = (double)(v->offset % v->size);
    for (size_t i = 0; i < count; i++) {
        double d = value_double(numbers[i]);
        if (isfinite(d))
            numbers[i] = value_bits(floor((d + offset) / size) * size - offset);
    }
}

static void quantize(const struct ask_virtual *v, enum column_type t, uint64_t *numbers,
                     size_t count)
{
    const uint64_t small = UINT64_C(1) << 62;
    enum column_type made = virtual_type_of(v, t);
    uint64_t size = (uint64_t)v->size, offset = (uint64_t)v->offset;
    for (size_t i = 0; i < count; i++) {
        uint64_t n = numbers[i];
        if (n < small && offset < small) { /* nearly all: nothing can wrap */
            uint64_t sum = n + offset;
            numbers[i] = sum - sum % size - offset;
        } else {
            int128 wide = t == COLUMN_INT ? (int128)(int64_t)n : (int128)n;
            numbers[i] = held(floor_to(wide + v->offset, v->size) - v->offset, made);
        }
    }
}

/* Days since 1970-01-01 of the first day of a month; `month` counts from 0 and may be any. The
 * years are taken to begin in March, so that the odd day is their last. */
static int64_t day_of_month(int64_t year, int64_t month)
{
    year += floor_div(month, 12);
    month -= floor_div(month, 12) * 12;
    int64_t from_march = (month + 10) % 12, march_year = year - (month < 2);
    int64_t days_before = (153 * from_march + 2) / 5;
    return march_year * 365 + floor_div(march_year, 4) - floor_div(march_year, 100) +
           floor_div(march_year, 400) + days_before - 719468;
}

static void month_of_day(int64_t day, int64_t *year, int64_t *month)
{
    int64_t from = day + 719468; /* since the first of March of the year 0 */
    int64_t era = floor_div(from, 146097), in_era = from - era * 146097;
    int64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * in_year + 2) / 153;
    *month = (from_march + 2) % 12;
    *year = era * 400 + year_of_era + (*month < 2);
}

/* In days: from the first one of the period that `day` is in, to that of the next. */
struct period {
    int64_t from, to;
};

static struct period period_of(int64_t day, enum granularity g)
{
    int64_t year, month, months = g == BY_YEAR ? 12 : g == BY_QUARTER ? 3 : 1;
    if (g == BY_DAY)
        return (struct period){ day, day + 1 };
    month_of_day(day, &year, &month);
    month -= month % months;
    return (struct period){ day_of_month(year, month), day_of_month(year, month + months) };
}

static int64_t day_of(enum column_type t, uint64_t bits)
{
    return t == COLUMN_UINT ? (int64_t)(bits / DAY_SECONDS) : floor_div((int64_t)bits, DAY_SECONDS);
}

static void truncate_times(const struct ask_virtual *v, enum column_type t, uint64_t *numbers,
                           size_t count)
{
    const double exact = 9007199254740992.0; /* doubles beyond 2^53 are left as they are */
    struct period p = { 0, 0 };
    for (size_t i = 0; i < count; i++) {
        uint64_t n = numbers[i];
        double d = value_double(n);
        if (t == COLUMN_DOUBLE) {
            if (!(d > -exact && d < exact))
                continue;
            n = (uint64_t)(int64_t)floor(d);
        }
        int64_t day = day_of(t, n);
        if (day < p.from || day >= p.to)
            p = period_of(day, v->granularity);
        numbers[i] = t == COLUMN_DOUBLE ? value_bits((double)(p.from * DAY_SECONDS))
                                        : held((int128)p.from * DAY_SECONDS, t);
    }
}

void virtual_apply(const struct ask_virtual *v, enum column_type t, uint64_t *numbers, size_t count)
{
    if (v->type == VIRTUAL_TRUNCATE)
        truncate_times(v, t, numbers, count);
    else if (t == COLUMN_DOUBLE)
        quantize_doubles(v, numbers, count);
    else
        quantize(v, t, numbers, count);
}
