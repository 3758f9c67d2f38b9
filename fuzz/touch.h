/* touch.h - for fuzz targets: reads every byte of a view, so that one past its memory is seen. */
#ifndef CRUMPLE_FUZZ_TOUCH_H
#define CRUMPLE_FUZZ_TOUCH_H

#include "base/str.h"

static volatile uint64_t touched;

static inline void touch_bytes(const void *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        touched += ((const uint8_t *)p)[i];
}

static inline void touch(struct str s)
{
    touch_bytes(s.ptr, s.len);
}

#endif
