/* admin.c - see the header. */
#include "cli/admin.h"

#include "base/utf8.h"

#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#define ROWS_BYTES_MAX ((size_t)1 << 30)
#define BETWEEN_COLUMNS 2

/* A command that makes what it is asked about would hide a wrong name. */
bool admin_check_dir(const char *dir, struct arena *a, struct err *e)
{
    struct str path;
    if (!arena_printf(a, &path, "%s/crumple.db", dir))
        return err_set(e, ERR_NOMEM, 0, "no memory");
    return access(path.ptr, F_OK) == 0 ||
           err_set(e, ERR_NOT_FOUND, 0, "there is no crumple.db in %s", dir);
}

static bool admin_open(struct admin *a, const char *dir, enum admin_dir how, struct err *e)
{
    *a = (struct admin){ .arena = arena_new(ROWS_BYTES_MAX) };
    if (!a->arena)
        return err_set(e, ERR_NOMEM, 0, "no memory");
    return (how == ADMIN_MAKES || admin_check_dir(dir, a->arena, e)) &&
           store_open(&a->store, dir, NULL, e) &&
           store_access_read(a->store, a->arena, &a->rows, e);
}

int admin_run(const struct command *c, const char *dir, enum admin_dir how, admin_work work,
              const void *arg)
{
    struct err e = { 0 };
    struct admin a;
    bool ok = admin_open(&a, dir, how, &e) && work(&a, arg, &e);
    store_close(a.store);
    arena_free(a.arena);
    return ok ? CLI_OK : admin_fail(c, &e);
}

int admin_run_list(const struct command *c, int argc, char **argv, admin_work work)
{
    const char *dir = NULL;
    const struct arg args[] = { { "--data", ARG_NEEDED, &dir } };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    return admin_run(c, dir, ADMIN_NEEDS, work, NULL);
}

const struct stored_project *admin_find_project(const struct admin *a, struct str name)
{
    for (size_t i = 0; i < a->rows.project_count; i++)
        if (str_eq(a->rows.projects[i].name, name))
            return &a->rows.projects[i];
    return NULL;
}

bool admin_check_project(const struct admin *a, struct str name, struct err *e)
{
    return name.len == 0 || admin_find_project(a, name) ||
           err_set(e, ERR_NOT_FOUND, 0,
                   "there is no project \"%.80s\"; `crumple project list` shows all", name.ptr);
}

const struct stored_token *admin_find_token(const struct admin *a, struct str text, struct err *e)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    size_t number;
    bool by_text = text.len == TOKEN_TEXT_BYTES;
    if (by_text)
        crypto_hash_sha256(hash, (const unsigned char *)text.ptr, text.len);
    else if (!args_count(text.ptr, UINT32_MAX, &number)) {
        err_set(e, ERR_INPUT, 0, "\"%.20s\" is neither the 64 digits of a token nor its number",
                text.ptr);
        return NULL;
    }
    for (size_t i = 0; i < a->rows.token_count; i++) {
        const struct stored_token *t = &a->rows.tokens[i];
        if (by_text ? sodium_memcmp(t->hash, hash, sizeof hash) == 0 : t->number == number)
            return t;
    }
    err_set(e, ERR_NOT_FOUND, 0, "there is no such token; `crumple token list` shows all");
    return NULL;
}

int admin_fail(const struct command *c, const struct err *e)
{
    return e->code == ERR_INPUT ? cli_wrong(c, e) : cli_fail(c, e);
}

/* --- tables ----------------------------------------------------------------------------------- */

void admin_table_init(struct admin_table *t, const char *const *headings, size_t columns)
{
    *t = (struct admin_table){ .columns = columns };
    for (size_t i = 0; i < columns; i++)
        admin_table_cell(t, str_from_c(headings[i]));
}

void admin_table_cell(struct admin_table *t, struct str text)
{
    if (t->count == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        struct str *cells = reallocarray(t->cells, cap, sizeof *cells);
        if (!cells) {
            t->failed = true;
            return;
        }
        t->cells = cells;
        t->cap = cap;
    }
    t->cells[t->count++] = text;
}

/* The first character of a cell as it is shown; takes it off. */
static struct str next_shown(struct str *rest)
{
    size_t n = utf8_char_len(*rest);
    struct str c = n ? (struct str){ rest->ptr, n } : STR(UTF8_REPLACEMENT);
    unsigned char first = (unsigned char)*rest->ptr;
    bool c1 = n == 2 && first == 0xc2 && (unsigned char)rest->ptr[1] < 0xa0;
    if (c1 || (n == 1 && (first < 0x20 || first == 0x7f)))
        c = STR(" "); /* what a terminal might obey */
    *rest = (struct str){ rest->ptr + (n ? n : 1), rest->len - (n ? n : 1) };
    return c;
}

static size_t shown_width(struct str text)
{
    size_t width = 0;
    while (text.len > 0) {
        next_shown(&text);
        width++;
    }
    return width;
}

static void print_cell(struct str text, size_t width)
{
    size_t shown = 0;
    for (; text.len > 0; shown++) {
        struct str c = next_shown(&text);
        fwrite(c.ptr, 1, c.len, stdout);
    }
    for (; shown < width; shown++)
        putchar(' ');
}

static void print_rows(const struct admin_table *t)
{
    size_t widths[ADMIN_COLUMNS_MAX] = { 0 };
    for (size_t i = 0; i < t->count; i++) {
        size_t width = shown_width(t->cells[i]);
        if (width > widths[i % t->columns])
            widths[i % t->columns] = width;
    }
    for (size_t i = 0; i < t->count; i++) {
        bool last = (i + 1) % t->columns == 0;
        print_cell(t->cells[i], last ? 0 : widths[i % t->columns] + BETWEEN_COLUMNS);
        if (last)
            putchar('\n');
    }
}

bool admin_table_print(struct admin_table *t, struct err *e)
{
    if (!t->failed)
        print_rows(t);
    free(t->cells);
    t->cells = NULL;
    if (t->failed)
        return err_set(e, ERR_NOMEM, 0, "no memory for the table");
    if (fflush(stdout) != 0 || ferror(stdout))
        return err_set(e, ERR_IO, 0, "standard output cannot be written: %m");
    return true;
}
