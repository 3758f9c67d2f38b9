/* plcrash_parts.h - what the files plcrash*.c share. Nobody outside this folder includes it.
 *
 * Each plcrash_read_... takes one subject of the unpacked message and fills in its part of the
 * dump. They return false only when memory is short. */
#ifndef CRUMPLE_DECODE_PLCRASH_PARTS_H
#define CRUMPLE_DECODE_PLCRASH_PARTS_H

#include "decode/dump_parts.h"
#include "decode/plcrash.h"
#include "decode/plcrash.pb-c.h"

#define PLCRASH_BYTES_MAX ((size_t)256 << 20)       /* of a report */
#define PLCRASH_THREADS_MAX (CRASH_THREADS_MAX - 1) /* an exception's stack is one more */
#define PLCRASH_FRAMES_MAX CRASH_FRAMES_MAX         /* in the file; DUMP_FRAMES_MAX are kept */
#define PLCRASH_REGISTERS_MAX 500000                /* of all threads */
#define PLCRASH_CODES_MAX 16                        /* of a Mach exception; more are left out */
#define PLCRASH_CUSTOM_MAX 65536                    /* bytes of custom_data */
#define PLCRASH_UUID_BYTES 16

struct plcrash {
    struct dump_maker make;
    struct dump *dump;
    const Plcrash__CrashReport *report; /* what a report must have is there */
    uint64_t cpu_type;                  /* as mach/machine.h; 0: not known */
};

/* plcrash_wire.c: whether the message, which begins at byte `start` of the file, can be unpacked.
 * ERR_INPUT and ERR_LIMIT tell the byte and the path of the field. */
MUST_CHECK bool plcrash_check_wire(struct bytes message, uint64_t start, struct err *e);

/* plcrash_required.c: ERR_INPUT names the field that is missing. */
MUST_CHECK bool plcrash_check_required(const Plcrash__CrashReport *report, struct err *e);

/* plcrash_system.c: system, processor, program, process. */
bool plcrash_read_system(struct plcrash *p);
/* plcrash_images.c */
bool plcrash_read_images(struct plcrash *p);
/* plcrash_crash.c: signal, exceptions. */
bool plcrash_read_crash(struct plcrash *p);
/* plcrash_threads.c: after the system, the images and the crash. ERR_NOMEM. */
MUST_CHECK bool plcrash_read_threads(struct plcrash *p, const struct symbol_source *symbols,
                                     struct err *e);

/* A text of the message (NULL: there is none) as valid UTF-8. */
bool plcrash_text(struct plcrash *p, const char *text, struct str *out);
/* As an attribute, if there is one. */
bool plcrash_attribute(struct plcrash *p, const char *name, const char *text);
/* As annotations have addresses and codes: "0x1f". */
void plcrash_write_hex(struct json_writer *w, uint64_t n);

#endif
