/* cleanup.h - resources that free themselves when their variable goes out of scope. */
#ifndef CRUMPLE_BASE_CLEANUP_H
#define CRUMPLE_BASE_CLEANUP_H

#define CLEANUP(fn) __attribute__((cleanup(fn)))
/* Makes `free_fn##_p`, to be named in CLEANUP, from a `free_fn` that takes a pointer or NULL. */
#define DEFINE_CLEANUP(type, free_fn)                                                              \
    static inline void free_fn##_p(type **p)                                                       \
    {                                                                                              \
        free_fn(*p);                                                                               \
    }

#endif
