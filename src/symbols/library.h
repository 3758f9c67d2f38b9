/* library.h - the server's symbols and source maps: which caches there are, and the open ones.
 *
 * Place in the story: the engine fills it at start from the rows of the store, and adds what is
 * converted when its rows are committed. Stack walks ask it through symbol_source (source.h).
 *
 * Which cache is for a module (docs/symbols.md): of its own project; with the same debug id, and
 * the same debug file, or, when it was made of an ELF or Mach-O file, any name; a module without a
 * debug id,
 * by code id and code file. Names are compared without path and case, ids without case; an id of
 * zeros is none. Of several, for names the one that knows most (lines, then functions, then public
 * symbols), for unwinding one with rules, the same if it has them; then the latest.
 *
 * Which source map is for a script: struct script_id of source.h. Ids are compared without case and
 * dashes, names as they are.
 *
 * Threads: any. One lock, held for some instructions, and by library_remove for as many files as
 * the upload has; files are opened and checked without it. */
#ifndef CRUMPLE_SYMBOLS_LIBRARY_H
#define CRUMPLE_SYMBOLS_LIBRARY_H

#include "symbols/source.h"
#include "symbols/symbol_images.h"

/* What is in a cache; stored: never renumber. */
enum library_part {
    LIBRARY_FUNCTIONS = 1,
    LIBRARY_LINES = 2,
    LIBRARY_INLINES = 4,
    LIBRARY_PUBLICS = 8,
    LIBRARY_CFI = 16,
    LIBRARY_WIN = 32,
    LIBRARY_MAPPINGS = 64, /* and what follows: of source maps */
    LIBRARY_NAMES = 128,
    LIBRARY_TEXTS = 256 /* of sources */
};
uint32_t library_parts(const struct symcache_about *about);
uint32_t library_map_parts(const struct mapcache_about *about);
/* "functions,lines": the names of the parts, joined by commas. */
#define LIBRARY_PARTS_TEXT_MAX 96
struct str library_parts_text(uint32_t parts, char out[LIBRARY_PARTS_TEXT_MAX]);

struct library;
struct library_config {
    size_t open_max;       /* caches that are kept open, beyond those in use */
    uint64_t mapped_bytes; /* all open ones together, the same */
    /* A cache that is gone or damaged: told once, outside of all locks, with an upload that it was
     * made of; NULL: nobody wants to know. */
    void (*lost)(void *ctx, uint64_t object, const struct err *why);
    void *ctx;
};
struct library_config library_defaults(void);

/* Borrows the images, which must outlive it. */
MUST_CHECK bool library_open(struct library **out, const struct library_config *config,
                             struct symbol_images *images, struct err *e);
void library_close(struct library *l); /* nothing may be lent out; NULL is fine */
DEFINE_CLEANUP(struct library, library_close)

/* One cache as a project's. Texts are copied. Of a source map, debug_file is the script's name, and
 * code_id its uuid. */
struct library_file {
    uint64_t object; /* the upload that it was made of */
    struct str project;
    bool is_map;
    bool any_name; /* its debug id is made of the program's content: the debug file says nothing */
    uint32_t parts;
    struct str debug_file, debug_id, code_file, code_id;
    uint8_t hash[SYMBOL_IMAGE_HASH_BYTES];
};
MUST_CHECK bool library_add(struct library *l, const struct library_file *f, struct err *e);
/* All of one upload; caches that are lent out stay until they are back. A file that another upload
 * has, too, stays. */
void library_remove(struct library *l, uint64_t object);
/* Files that differ in more than their upload. */
size_t library_count(struct library *l);

/* Whether a module is worth remembering: false when its ids are longer than any that match, or its
 * names longer than a file's can be. */
#define LIBRARY_NAME_MAX 255
bool library_could_match(const struct module_id *id);

/* Whether there is a cache for the module, as far as its file is not known to be lost. */
bool library_has(struct library *l, struct str project, const struct module_id *id);
bool library_has_map(struct library *l, struct str project, const struct script_id *id);
/* Whether the file is there, as far as is known: a row that names it may be taken for another. */
bool library_has_image(struct library *l, const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES]);

/* The symbols and source maps of one project. `ctx` is the caller's and must outlive the source. */
struct library_project {
    struct library *library;
    struct str project;
};
struct symbol_source library_source(struct library_project *ctx);

/* The last part of a path, of any system. */
struct str library_file_name(struct str path);
/* The name of a source map's file: without path, and without the debug id that some tools put in
 * front. */
struct str library_map_name(struct str path);
/* The script that a source map is for: what the map says, else by the name of its own file
 * without ".map". */
struct str library_script_name(const struct mapcache_about *about);

/* How many caches are open, and how many bytes they map. */
void library_measure(struct library *l, size_t *open, uint64_t *bytes);

#endif
