/* vec.h - growable arrays: VEC(T) declares one, VEC_PUSH appends, VEC_FREE lets go.
 *
 *     VEC(uint32_t) ids = { 0 };
 *     if (!VEC_PUSH(&ids, 7))
 *         return err_set(e, ERR_NOMEM, 0, "ids");
 *
 * Elements move when it grows: for arrays that other threads read meanwhile see seglist.h. */
#ifndef CRUMPLE_BASE_VEC_H
#define CRUMPLE_BASE_VEC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define VEC(T)                                                                                     \
    struct {                                                                                       \
        T *at;                                                                                     \
        size_t len, cap;                                                                           \
    }

/* Makes room for n more; false when memory is short, and then nothing has changed. */
#define VEC_RESERVE(v, n) vec_reserve((void **)&(v)->at, (v)->len, &(v)->cap, (n), sizeof *(v)->at)
/* `value` is worked out before the length changes, so it may look at the vector. */
#define VEC_PUSH(v, value)                                                                         \
    (VEC_RESERVE(v, 1) ? ((v)->at[(v)->len] = (value), (v)->len++, true) : false)
#define VEC_FREE(v) (free((v)->at), (v)->at = NULL, (v)->len = (v)->cap = 0)

static inline bool vec_reserve(void **at, size_t len, size_t *cap, size_t more, size_t size)
{
    if (more <= *cap - len)
        return true;
    size_t want, bytes;
    if (__builtin_add_overflow(len, more, &want))
        return false;
    if (want < *cap + *cap / 2)
        want = *cap + *cap / 2;
    if (want < 8)
        want = 8;
    if (__builtin_mul_overflow(want, size, &bytes) || bytes > PTRDIFF_MAX)
        return false;
    void *p = realloc(*at, bytes);
    if (!p)
        return false;
    *at = p;
    *cap = want;
    return true;
}

#endif
