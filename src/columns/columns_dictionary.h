/* columns_dictionary.h - the texts of a column, each once, numbered in the order of their coming.
 *
 * A text is kept in chunks of up to 1 MB that never move: a head of 1 to 3 bytes (its length and
 * kind), then its bytes. Uuids (8-4-4-4-12 digits) and other texts of hex digits are kept as the
 * bytes that the digits mean. Pages say where each text lies; an index finds a text by its hash.
 *
 *     pages ─► page: base, at[4096]          chunks ─► chunk: head text head text ...
 *              at[code % 4096] + base = chunk << 20 | place in it
 *     index: 4 bytes a slot: code + 1 in as many low bits as the index needs; in the others, some
 *            of the hash; at most three quarters full
 *
 * So a text costs 4 + 1 + (5.3 to 10.7) bytes besides its own.
 *
 * Threads: one writer; a reader has a dictionary_view of what was there when it was made, and the
 * writer changes nothing of that: pages, chunks and slots are filled behind what the view tells of,
 * and what is outgrown is retired. Memory: the pool's. */
#ifndef CRUMPLE_COLUMNS_DICTIONARY_H
#define CRUMPLE_COLUMNS_DICTIONARY_H

#include "columns/columns.h"
#include "columns/columns_memory.h"

#define DICTIONARY_NONE UINT32_MAX
#define DICTIONARY_TEXTS_MAX (UINT32_C(3) << 29) /* what an index of 2^31 slots may hold */

struct text_page;
struct text_index;

struct dictionary_view {
    const struct text_page *const *pages;
    const unsigned char *const *chunks;
    const struct text_index *index; /* NULL: no texts */
    uint32_t texts;
};
/* Zeroed, it is empty. */
struct dictionary {
    bool plain; /* keeps all texts as they are, so that dictionary_text needs no room */
    uint32_t texts;
    struct text_page **pages;
    size_t page_count, page_cap; /* of the list */
    uint32_t page_texts;         /* that the last page has room for */
    unsigned char **chunks;
    size_t chunk_count, chunk_cap;
    size_t chunk_used, chunk_bytes; /* of the last chunk */
    struct text_index *index;
};

enum text_kind { TEXT_PLAIN, TEXT_UUID, TEXT_HEX, TEXT_HEX_UPPER };
/* A text as it is kept, and its hash. `bytes` may point into `room`. */
struct kept_text {
    enum text_kind kind;
    size_t len; /* of the text */
    struct str bytes;
    uint64_t hash;
    uint32_t likely; /* code + 1, by dictionary_expect */
    unsigned char room[COLUMN_TEXT_ROOM / 2];
};

/* A text to look for, as it is kept; over COLUMNS_TEXT_MAX it is cut. */
void dictionary_keep(const struct dictionary *d, struct str text, struct kept_text *out);
/* The text will be looked for soon: fetches from memory what that will read. In three steps, 0 to
 * 2, each for many texts, so that they wait together. */
void dictionary_expect(const struct dictionary *d, struct kept_text *t, int step);
/* Whether that is the text of a code: quickly, so that it may say no of one that is kept as bytes
 * of digits. */
bool dictionary_is(const struct dictionary *d, uint32_t code, struct str text);
uint32_t dictionary_look(const struct dictionary *d, const struct kept_text *t);
/* Adds a text that is not there. What readers see may be retired, so that a new view must be shown.
 * ERR_NOMEM, ERR_LIMIT: no text was added. */
MUST_CHECK bool dictionary_add(struct dictionary *d, struct memory_pool *m,
                               const struct kept_text *t, uint32_t *code, struct err *e);
void dictionary_retire(struct dictionary *d,
                       struct memory_pool *m); /* all of it; it is empty then */
struct dictionary_view dictionary_show(const struct dictionary *d);

/* A text as it is kept there, to be put into another dictionary. */
void dictionary_kept(const struct dictionary_view *d, uint32_t code, struct kept_text *out);
/* A text as it is kept, with its head: for files. */
struct str dictionary_record(const struct dictionary_view *d, uint32_t code);
/* Reads the head of such a record, of a file that nobody vouches for, and takes it off *rest. */
MUST_CHECK bool dictionary_record_take(struct bytes *rest, struct kept_text *out);
/* Makes room in the index for so many, so that it need not grow step by step. */
MUST_CHECK bool dictionary_reserve(struct dictionary *d, struct memory_pool *m, uint32_t texts);

/* DICTIONARY_NONE: it is not there. */
uint32_t dictionary_find(const struct dictionary_view *d, struct str text);
/* `code` must be below d->texts. *spelt: whether the text lies in *room, which may be NULL when the
 * dictionary is plain. */
struct str dictionary_text(const struct dictionary_view *d, uint32_t code, struct text_room *room,
                           bool *spelt);

#endif
