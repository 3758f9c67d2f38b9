/* naming.h - what frames are called when they are compared, each name once and by number.
 *
 * A function's name as sent becomes the one of fingerprint_function, which leaves out what differs
 * between builds; what the platform knows of it (platform.h) is looked up once. Projects and deaths
 * have their numbers here, too.
 *
 * Threads: one writer; naming_text for any thread, about names that were published. Memory: all
 * belongs to the struct naming. */
#ifndef CRUMPLE_GROUP_NAMING_H
#define CRUMPLE_GROUP_NAMING_H

#include "base/arena.h"
#include "group/names.h"
#include "group/platform.h"
#include "report/trace.h"

#define NAMING_NONE UINT32_MAX /* no name, and no memory for one */

struct naming {
    struct names names;         /* as compared */
    struct seglist info;        /* of those: struct name_info */
    struct names sent;          /* functions as sent */
    struct seglist meant;       /* of those: uint32_t, the number as compared */
    struct names modules;       /* as sent */
    struct seglist module_info; /* of those: struct module_info */
    struct arena *scratch;
    uint64_t memos_by; /* what it signs notes in traces with; anew when words were taken back */
};

struct name_info {
    bool looked_up;
    uint8_t kind; /* enum platform_kind */
    bool is_trampoline, is_memory_word;
};
struct module_info {
    uint32_t base; /* the number of its name without folders, + 1; 0: not looked up */
    bool is_system;
};

struct naming_mark {
    struct names_mark names, sent, modules;
};
struct naming_mark naming_mark(const struct naming *n);
/* Takes back what was named since the mark, none of which may be published. */
void naming_rewind(struct naming *n, struct naming_mark to);

bool naming_init(struct naming *n); /* false: no memory; naming_done is fine then, too */
void naming_done(struct naming *n);
void naming_publish(struct naming *n);
size_t naming_bytes(const struct naming *n);

/* NAMING_NONE: no memory. */
uint32_t naming_text_number(struct naming *n, struct str text);
/* Of a function as sent; `text` is not empty. */
uint32_t naming_function(struct naming *n, struct str text);
/* Of the frame's, which has one; and of its module, "" if it has none. What is noted in the frame's
 * memo is taken from there. */
uint32_t naming_frame_function(struct naming *n, const struct trace_frame *f);
const struct module_info *naming_frame_module(struct naming *n,
                                              const struct trace_frame *f); /* NULL: no memory */
/* The frame's memo, with what this naming noted there; NULL: it has none. */
struct trace_memo *naming_memo(const struct naming *n, const struct trace_frame *f,
                               uint32_t project);
/* Of a frame without a function: module and site stand in. */
uint32_t naming_place(struct naming *n, struct str module, uint16_t site);
const struct name_info *naming_info(struct naming *n, uint32_t name);

struct str naming_text(const struct naming *n, uint32_t name);

#endif
