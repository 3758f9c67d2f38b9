/* Any bytes as a file of columns, once as they are and once with checksums that are right: it is
 * refused, or everything in it can be read, changed and saved again. */
#include "columns/columns_file.h"
#include "columns/columns_file_layout.h"

#include "touch.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE_MAX_TRIED ((size_t)1 << 20)

/* Goes from part to part as the loader does. */
static void checksums_mend(uint8_t *file, size_t size)
{
    struct file_head head;
    if (size < sizeof head)
        return;
    memcpy(&head, file, sizeof head);
    head.crc = (uint32_t)crc32(0, file + offsetof(struct file_head, mark),
                               sizeof head - offsetof(struct file_head, mark));
    memcpy(file, &head, sizeof head);
    struct file_part part;
    for (size_t at = sizeof head; size - at >= sizeof part;) {
        memcpy(&part, file + at, sizeof part);
        if (part.bytes > size - at - sizeof part)
            return;
        part.crc = (uint32_t)crc32(0, file + at + sizeof part, (uInt)part.bytes);
        memcpy(file + at, &part, sizeof part);
        at += sizeof part + part.bytes;
    }
}

static uint32_t codes[COLUMNS_BLOCK_ROWS];
static uint64_t numbers[COLUMNS_BLOCK_ROWS], set[COLUMNS_BLOCK_ROWS / 64];

static void look_block(const struct table *t, const struct column *c, uint32_t b)
{
    struct text_room room;
    bool is_code = column_type(c) == COLUMN_STRING || column_type(c) == COLUMN_BOOL;
    uint32_t most = column_type(c) == COLUMN_BOOL ? 2 : column_texts(c);
    touched += column_is_unset(t, c, b);
    if (is_code)
        column_codes(t, c, b, codes);
    else
        column_numbers(t, c, b, numbers, set);
    for (uint32_t i = 0; i < table_block_rows(t, b); i++) {
        struct cell cell = column_cell(t, c, b * COLUMNS_BLOCK_ROWS + i, &room);
        assert(!is_code || codes[i] <= most);
        bool is_set = is_code ? codes[i] != 0 : (set[i / 64] >> i % 64 & 1) != 0;
        assert(is_set == (cell.type != CELL_UNSET));
        if (cell.type == CELL_STRING)
            touch(cell.s);
    }
}

static void look(const struct table *t)
{
    for (uint32_t b = 0; b < table_blocks(t); b++) {
        table_keys(t, b, numbers);
        table_live(t, b, set);
        touched += numbers[0] + set[0] + table_row(t, numbers[0]);
    }
    for (size_t i = 0; i < table_column_count(t); i++) {
        const struct column *c = table_column_at(t, i);
        struct text_room room;
        assert(table_column(t, column_name(c)) == c);
        touch(column_name(c));
        for (uint32_t code = 0; column_type(c) == COLUMN_STRING && code < column_texts(c); code++)
            touch(column_text(c, code, &room));
        for (uint32_t b = 0; b < table_blocks(t); b++)
            look_block(t, c, b);
    }
}

/* Rows go on as if they had always been there. */
static void go_on(struct columns *c, const struct table *t)
{
    struct err e = { 0 };
    struct named_cell cells[] = {
        { STR("a"), { .type = CELL_STRING, .s = STR("00112233445566778899aabbccddeeff") } },
        { STR("b"), { .type = CELL_INT, .i = -7 } },
    };
    uint64_t key = t->rows ? table_key(t, t->rows / 2) : 5;
    bool ok = columns_put(c, STR("p"), TABLE_OBJECTS, key, cells, 2, NULL, &e) &&
              columns_put(c, STR("p"), TABLE_OBJECTS, t->newest + 1, cells, 2, NULL, &e) &&
              columns_change_all(c, STR("p"), TABLE_OBJECTS, &key, 1, cells, 1, &e) &&
              columns_remove(c, STR("p"), TABLE_OBJECTS, &key, 1, &e);
    assert(ok || e.code == ERR_LIMIT);
    columns_publish(c);
}

static int file_of(const uint8_t *bytes, size_t size)
{
    int fd = memfd_create("columns", 0);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        abort();
    return fd;
}

static void load(const uint8_t *bytes, size_t size)
{
    struct err e = { 0 };
    struct columns *c;
    uint64_t mark;
    int fd = file_of(bytes, size);
    if (!columns_new(&c, 64, &e))
        abort();
    bool loaded = columns_load(c, fd, &mark, &e);
    assert(loaded || (e.code != ERR_NONE && e.msg[0] != '\0')); /* a refusal always says why */
    const struct columns_view *v = columns_acquire(c);
    struct table t;
    for (int kind = TABLE_OBJECTS; kind <= TABLE_ISSUES; kind++) {
        (void)columns_table(v, STR("p"), (enum table_kind)kind, &t);
        look(&t);
    }
    (void)columns_table(v, STR("p"), TABLE_OBJECTS, &t);
    if (loaded) {
        go_on(c, &t);
        struct columns *again;
        bool saved = ftruncate(fd, 0) == 0 && columns_save(v, fd, mark, COLUMNS_ALL_KINDS, &e);
        assert(saved);
        if (!columns_new(&again, 64, &e))
            abort();
        saved = columns_load(again, fd, &mark, &e);
        assert(saved || e.code == ERR_LIMIT);
        columns_free(again);
    }
    columns_release(c, v);
    columns_free(c);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > SIZE_MAX_TRIED)
        return 0;
    uint8_t *copy = calloc(1, size + 1);
    if (!copy)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    load(copy, size);
    checksums_mend(copy, size);
    load(copy, size);
    free(copy);
    return 0;
}
