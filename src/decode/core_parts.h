/* core_parts.h - what the files core*.c share. Nobody outside this folder includes it.
 *
 * Each core_read_... reads one subject and fills in its part of the dump. They return false only
 * when memory is short; what is damaged becomes a sentence (dump_error), and the rest is read. */
#ifndef CRUMPLE_DECODE_CORE_PARTS_H
#define CRUMPLE_DECODE_CORE_PARTS_H

#include "decode/core.h"
#include "decode/dump_parts.h"

#define CORE_SEGMENTS_MAX 1000000
#define CORE_NOTE_SEGMENTS_MAX 64
#define CORE_IMAGES_BYTES ((size_t)64 << 20) /* that are looked at of the headers of modules */

/* A piece of the process's memory. */
struct core_segment {
    uint64_t address, size;
    uint32_t flags;
    struct bytes content; /* of its beginning; empty: the file has nothing of it */
};

/* What the kernel told the program at its start. */
struct core_auxv {
    uint64_t phdr, entry, vdso, execfn; /* 0: not known */
};

struct core {
    struct dump_maker make;
    struct bytes file;
    struct arena *arena; /* as in `make`, */
    struct dump *dump;   /* and so is this */
    bool is_64, big_endian;
    uint16_t machine;              /* EM_... */
    struct core_segment *segments; /* sorted by address */
    size_t segment_count;
    struct walk_region *regions; /* those that have bytes */
    size_t region_count;
    struct bytes note_segments[CORE_NOTE_SEGMENTS_MAX];
    size_t note_segment_count;
    /* Notes about the whole process; empty: there is none. */
    struct bytes process, signal, auxiliary, files;
    uint32_t signal_number; /* by the status of the first thread */
    struct core_auxv auxv;
    struct str program; /* its name, at most 15 bytes */
    size_t images_left; /* of CORE_IMAGES_BYTES */
};

/* --- core.c --- */

struct reader core_reader(const struct core *c, struct bytes in);
uint64_t core_word(const struct core *c, struct reader *r); /* of 4 or 8 bytes */
/* The memory at an address, up to the end of its region; empty: the file does not have it. */
struct bytes core_memory(const struct core *c, uint64_t address);
/* The segment that holds the address, in the file or not; NULL. */
const struct core_segment *core_segment_at(const struct core *c, uint64_t address);

/* --- core_notes.c --- */

struct core_note {
    struct str name; /* without its NUL */
    uint32_t type;
    struct bytes content;
};
/* The next of the notes; false at the end. r->failed: the last one is cut off. */
bool core_next_note(struct reader *r, struct core_note *out);
bool core_read_notes(struct core *c); /* threads too */

/* --- core_process.c --- */

bool core_read_process(struct core *c); /* after the notes */
bool core_read_signal(struct core *c);  /* after the notes */

/* --- core_arguments.c --- */

/* joined: the beginning of the command line, for when the whole is not found. After the auxiliary
 * vector. */
bool core_note_arguments(struct core *c, struct bytes joined);

/* --- core_threads.c --- */

/* The signal that it got; 0: none. */
uint32_t core_read_thread(struct core *c, struct bytes status, struct dump_thread *out);

/* --- core_image.c: a program or library by what the core has of its first page --- */

struct core_image {
    uint16_t type;          /* ET_EXEC, ET_DYN; 0: there is no ELF file */
    uint64_t bias;          /* added to addresses of the file */
    uint64_t extent;        /* bytes from where it is loaded to the end of its last segment */
    uint64_t dynamic;       /* where its dynamic section is; 0: not known */
    struct str soname;      /* empty: not known */
    struct str debug_id;    /* empty: there is no build id, or it is not in the core */
    struct str code_id;     /* likewise */
    uint32_t linux_version; /* of a vdso: the kernel's; 0: it does not say */
};
/* False: no memory. */
bool core_read_image(struct core *c, uint64_t base, struct core_image *out);
bool core_is_image(const struct core *c, uint64_t address);
/* The text at an address, up to its NUL; empty when it is not there. False: no memory. */
bool core_text(struct core *c, uint64_t address, struct str *out);

/* --- core_modules.c, core_link_map.c --- */

bool core_read_modules(struct core *c);
/* What the dynamic linker says: names by the bias of their files, sorted. */
struct core_link {
    uint64_t bias;
    uint64_t name_at;
};
bool core_read_links(struct core *c, struct core_link **out, size_t *count);

#endif
