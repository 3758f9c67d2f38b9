/* symcache_builder.h - collects what a symbol file says and writes the image of a symbol cache.
 *
 * Place in the story: breakpad.h and elf_symbols.h read files and call this; what comes out is
 * opened by symcache.h. Records may come in any order, except that lines and inlines belong to the
 * function added before them.
 *
 * Every add: false when a limit is passed or memory is short, with *err of the builder set; later
 * calls then fail, too, so that a reader may check now and then. What cannot be kept (addresses
 * beyond 2^32, overlapping functions: the first stays, as in Breakpad) is skipped and counted.
 * Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_SYMCACHE_BUILDER_H
#define CRUMPLE_SYMBOLS_SYMCACHE_BUILDER_H

#include "base/buf.h"
#include "symbols/symcache.h"

struct symcache_builder;

/* memory_bytes: about what it may use; more is ERR_LIMIT. NULL when memory is short. */
struct symcache_builder *symcache_builder_new(size_t memory_bytes);
void symcache_builder_free(struct symcache_builder *b); /* NULL is fine */
DEFINE_CLEANUP(struct symcache_builder, symcache_builder_free)

/* Texts are copied; the counts in it are ignored. */
bool symcache_add_module(struct symcache_builder *b, const struct symcache_about *module);
/* A number for a path, and for a name; equal ones get the same. Names are demangled here. Both are
 * made valid UTF-8. */
bool symcache_add_file(struct symcache_builder *b, struct str path, uint32_t *number);
bool symcache_add_name(struct symcache_builder *b, struct str name, uint32_t *number);
#define SYMCACHE_NO_FILE UINT32_MAX
/* In add_inline: the file of the first line of the function around it. */
#define SYMCACHE_FUNCTION_FILE (UINT32_MAX - 1)
/* A number whose text comes later, or never (then it is empty). */
bool symcache_reserve_file(struct symcache_builder *b, uint32_t *number);
bool symcache_reserve_name(struct symcache_builder *b, uint32_t *number);
bool symcache_set_file(struct symcache_builder *b, uint32_t number, struct str path);
bool symcache_set_name(struct symcache_builder *b, uint32_t number, struct str name);

bool symcache_add_function(struct symcache_builder *b, uint64_t address, uint64_t size,
                           uint32_t parameter_bytes, uint32_t name);
/* Of the function before. */
bool symcache_add_line(struct symcache_builder *b, uint64_t address, uint64_t size, uint32_t line,
                       uint32_t file);
/* A range of an inlined call in the function before; depth 0 is called by the function itself.
 * Ranges that lie in each other are calls in each other; of equal ones the earlier is the outer. A
 * range that crosses an earlier one is left out, and so is what is deeper than a lookup gives. */
bool symcache_add_inline(struct symcache_builder *b, uint32_t depth, uint64_t address,
                         uint64_t size, uint32_t name, uint32_t call_line, uint32_t call_file);
bool symcache_add_public(struct symcache_builder *b, uint64_t address, uint32_t parameter_bytes,
                         uint32_t name);
/* Rules that hold from address on for size bytes. Ranges that were added earlier win where they
 * overlap. */
bool symcache_add_cfi(struct symcache_builder *b, uint64_t address, uint64_t size,
                      struct bytes program);
/* The same in two steps, for those who have the same program often. */
bool symcache_add_program(struct symcache_builder *b, struct bytes program, uint32_t *number);
bool symcache_add_cfi_row(struct symcache_builder *b, uint64_t address, uint64_t size,
                          uint32_t program);
/* Records may lie in each other, the innermost holds; what crosses an earlier one is left out. */
bool symcache_add_win(struct symcache_builder *b, const struct symcache_win *w);

/* Counts something that could not be read. */
bool symcache_skip(struct symcache_builder *b);
/* Whether an add failed, and then with what. */
bool symcache_failed(const struct symcache_builder *b, struct err *e);

/* Writes the image, front to back, into an open file. ERR_IO, ERR_FULL, and what an add failed
 * with. */
MUST_CHECK bool symcache_write_file(struct symcache_builder *b, int fd, struct err *e);
/* The same into memory. */
MUST_CHECK bool symcache_write_buf(struct symcache_builder *b, struct buf *out, struct err *e);

#endif
