/* dump_parts.h - what the readers of dumps share (dump*.c, minidump*.c, core*.c). Nobody outside
 * this folder includes it. */
#ifndef CRUMPLE_DECODE_DUMP_PARTS_H
#define CRUMPLE_DECODE_DUMP_PARTS_H

#include "base/reader.h"
#include "decode/dump.h"

#define DUMP_FRAMES_MAX 100000 /* of all threads; the one that crashed comes first */
#define DUMP_MODULES_MAX 20000
#define DUMP_STRING_MAX 65536       /* bytes of one text in the file; longer ones are cut */
#define DUMP_STRINGS_MAX (16 << 20) /* bytes of all texts that are made of the file's */
#define DUMP_NOTES_MAX 1000         /* entries of one list among the annotations */
#define DUMP_NOTES_BYTES (4 << 20)  /* of all annotations, as JSON */

/* A dump while it is read. */
struct dump_maker {
    struct arena *arena;
    struct dump *dump;
    size_t strings_left; /* of DUMP_STRINGS_MAX */
    /* Annotations, written as they are found; `has_notes` with the first of them. */
    struct buf notes_text;
    struct json_writer notes;
    bool has_notes;
};

/* --- dump_notes.c: bool: false, no memory --- */

/* Makes *d empty; then dump_made lets go of what is not the arena's. */
void dump_make(struct dump_maker *k, struct dump *d, struct arena *a);
void dump_made(struct dump_maker *k);
/* A sentence about what is damaged and passed over. */
PRINTF_LIKE(2, 3) void dump_error(struct dump_maker *k, const char *fmt, ...);
bool dump_attribute(struct dump_maker *k, const char *name, struct str text);
/* The same, typed by its look as a form field is; unless there is one of this name. */
bool dump_attribute_new(struct dump_maker *k, struct str name, struct str text);
bool dump_number(struct dump_maker *k, const char *name, uint64_t n);
/* Begins an annotation: its value is to be written with the writer that comes back. */
struct json_writer *dump_note(struct dump_maker *k, const char *name);
void dump_note_hex(struct json_writer *w, const char *key, uint64_t n);
bool dump_take_notes(struct dump_maker *k); /* into the dump */

/* --- dump_text.c --- */

/* UTF-8 as it is, but for bytes that are none. Up to a NUL. False: no memory. */
bool dump_utf8(struct dump_maker *k, struct bytes raw, struct str *out);
/* How much of so many bytes of text may still be made: so that many entries that share one long
 * text do not multiply it. */
size_t dump_take_room(struct dump_maker *k, size_t len);

/* --- dump_modules.c --- */

/* Behind each module stands its number in the file: of two that begin at the same address the first
 * counts. */
struct numbered_module {
    struct dump_module module;
    size_t number;
};
/* Into the dump, sorted and without overlaps, as the walker wants it. main_module becomes that of
 * number 0. False: no memory. */
MUST_CHECK bool dump_set_modules(struct dump_maker *k, struct numbered_module *all, size_t count);

/* --- dump_walk.c --- */

/* Walks all threads that have registers. Of *w the caller sets the memory, its order of bytes,
 * unloaded modules and symbols. stacks: of each thread, by its number; NULL: nothing says where
 * they are. ERR_NOMEM. */
MUST_CHECK bool dump_walk(struct dump_maker *k, struct walk *w, const struct walk_region *stacks,
                          struct err *e);
/* What stands around a walk: processor and modules of the dump go into *w; what was found out about
 * modules comes back, and symbols are released. False: no memory. */
MUST_CHECK bool dump_walk_begin(struct dump_maker *k, struct walk *w);
void dump_walk_end(struct dump_maker *k, struct walk *w);
void dump_sort_regions(struct walk_region *regions, size_t count);
/* The region that holds the address; NULL. */
const struct walk_region *dump_region(const struct walk_region *regions, size_t count,
                                      uint64_t address);

/* --- linux_words.c --- */

#define LINUX_DUMP_REQUESTED UINT32_MAX /* what Breakpad calls a signal that was none */
/* "SIGSEGV /SEGV_MAPERR", as Breakpad says it; empty when it has no name. False: no memory. */
MUST_CHECK bool linux_signal_text(uint32_t signal, uint32_t code, struct arena *a, struct str *out);
/* The auxiliary vector as an annotation. word: 4 or 8 bytes. */
void linux_note_auxv(struct dump_maker *k, struct reader r, size_t word);

/* --- mac_words.c --- */

/* What has codes of its own for exceptions. */
enum mac_processor { MAC_ANY, MAC_X86, MAC_ARM, MAC_PPC, MAC_OTHER };
/* "EXC_BAD_ACCESS / KERN_INVALID_ADDRESS", as Breakpad says it; numbers for what has no name.
 * False: no memory. */
MUST_CHECK bool mac_exception_text(enum mac_processor processor, uint64_t type, uint64_t code,
                                   struct arena *a, struct str *out);

/* --- dump_system.c --- */

/* As uname -r, -v and -m would say; texts may be empty. */
struct dump_system {
    struct str release, version, machine;
};
/* False: no memory. */
bool dump_system(const struct dump *d, struct dump_system *out, struct arena *a);

#endif
