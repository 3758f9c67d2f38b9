/* symcache.h - answers "which function, file and line, and how to unwind?" for one module.
 *
 * Place in the story: a symbol file is converted once (symcache_builder.h) into an image that is
 * mapped into memory and never parsed again. The stack walker asks it about every frame.
 *
 * Addresses are bytes from the module's load address, below 2^32. Lines count from 1; 0: not known.
 * Texts are UTF-8, not NUL-terminated, and point into the image.
 *
 * Trust: opening looks at the header only (its own checksum, version, section bounds), so it costs
 * the same for every size. Lookups check every offset that they follow: a damaged image gives wrong
 * answers, but never reads outside itself. symcache_verify looks at all bytes; the server calls it
 * before it uses an image for the first time.
 *
 * Threads: an open symcache never changes, any number of threads may ask it at once. Nothing is
 * allocated by lookups. The layout is drawn in symcache_layout.h. */
#ifndef CRUMPLE_SYMBOLS_SYMCACHE_H
#define CRUMPLE_SYMBOLS_SYMCACHE_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "symbols/cpu.h"

#define SYMCACHE_VERSION 1
#define SYMCACHE_FRAMES_MAX 64 /* at one address; what is inlined deeper is left out */

struct symcache;

/* Borrows the image until symcache_free; it begins at an address that is divisible by 8. ERR_INPUT:
 * damaged, or of another version (err.word "symcache_version"); ERR_NOMEM. */
MUST_CHECK bool symcache_open(struct symcache **out, struct bytes image, struct err *e);
/* Maps the file; ERR_NOT_FOUND, ERR_IO besides. */
MUST_CHECK bool symcache_open_file(struct symcache **out, const char *path, struct err *e);
void symcache_free(struct symcache *c); /* unmaps; NULL is fine */
DEFINE_CLEANUP(struct symcache, symcache_free)

/* The checksum over all of it. ERR_INPUT. */
MUST_CHECK bool symcache_verify(const struct symcache *c, struct err *e);

/* Stored: never renumber. */
enum symcache_kind { SYMCACHE_BREAKPAD = 1, SYMCACHE_ELF = 2, SYMCACHE_MACHO = 3 };
struct symcache_about {
    enum symcache_kind kind;
    enum cpu cpu;
    struct str os;         /* as the MODULE record says: "Linux", "windows", "mac"; may be empty */
    struct str debug_file; /* "libc.so.6", "app.pdb"; may be empty */
    struct str debug_id;   /* upper-case hex with the age behind it, as Breakpad prints it */
    struct str code_file, code_id; /* INFO CODE_ID as written, or the build id; may be empty */
    uint32_t functions, publics, lines, inlines, cfi_rows, win_rows, skipped; /* how many */
};
void symcache_about(const struct symcache *c, struct symcache_about *out);

/* One frame of source. */
struct symcache_frame {
    struct str function; /* demangled */
    struct str file;     /* empty: not known */
    uint32_t line;
    uint64_t start; /* address where the function (of the outermost: not the inlined one) begins */
    uint32_t parameter_bytes; /* on the stack (x86); of the outermost only */
    bool is_public;           /* from a PUBLIC record or a symbol table: may be far away */
};
/* The calls at an address, innermost first: those that were inlined, and last the function itself.
 * 0: nothing covers it. As Breakpad, a function covers its own size, and a public symbol all up to
 * the next symbol or function. max >= 1; when there are more, the outermost is always the last. */
size_t symcache_find(const struct symcache *c, uint64_t address, struct symcache_frame *out,
                     size_t max);

/* The same for many addresses at once, of one module or of several. They wait for memory together,
 * which in large modules is most of the time that a lookup takes: fill in the first two fields of
 * all, find, then ask each spot for its frames. */
#define SYMCACHE_TOGETHER 16 /* more are taken in groups of so many */
struct symcache_spot {
    const struct symcache *cache; /* NULL: there are no frames */
    uint64_t address;
    uint32_t entity, site, file, line; /* what was found, for symcache_frames */
};
void symcache_find_many(struct symcache_spot *spots, size_t n);
size_t symcache_frames(const struct symcache_spot *s, struct symcache_frame *out, size_t max);

/* The rules (unwind_rules.h) that hold at the address; false: none. */
bool symcache_cfi(const struct symcache *c, uint64_t address, struct bytes *program);

/* A STACK WIN record. */
struct symcache_win {
    uint64_t start;
    uint32_t size, prolog_size, epilog_size, parameter_bytes, saved_register_bytes, local_bytes,
        max_stack_bytes;
    bool frame_data;             /* type 4 (FRAME_DATA), not 0 (FPO) */
    bool has_program;            /* with a program string, as nearly all of type 4 */
    bool allocates_base_pointer; /* type 0 (FPO): %ebp is used as a general register */
    struct bytes program;        /* in terms of unwind_rules.h */
};
/* As Breakpad, FRAME_DATA before FPO. */
bool symcache_win(const struct symcache *c, uint64_t address, struct symcache_win *out);

#endif
