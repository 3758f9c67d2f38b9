/* macho_make.c - lays the contents out behind the load commands, in the order of the sections. */
#include "../cmocka_all.h"

#include "macho_make.h"

#include <stdlib.h>

#define TYPE_LIBRARY 6

struct maker {
    const struct make_macho *m;
    struct buf *out;
    uint32_t contents_at, symbols_at, strings_at, strings_size, end;
};

void make_number(struct buf *out, uint64_t n, size_t bytes, bool big_endian)
{
    for (size_t i = 0; i < bytes; i++)
        buf_char(out, (char)(n >> (8 * (big_endian ? bytes - 1 - i : i))));
}

static void put(struct maker *k, uint64_t n)
{
    make_number(k->out, n, 4, k->m->big_endian);
}

static void put_word(struct maker *k, uint64_t n)
{
    make_number(k->out, n, k->m->is_64 ? 8 : 4, k->m->big_endian);
}

static void put_name(struct maker *k, const char *name)
{
    char bytes[16] = "";
    memcpy(bytes, name, strnlen(name, sizeof bytes));
    buf_add(k->out, bytes, sizeof bytes);
}

static uint32_t name_size(const char *name)
{
    return (uint32_t)(strlen(name) / 4 * 4 + 4);
}

static uint32_t segment_size(const struct make_macho *m, const char *segment)
{
    uint32_t size = m->is_64 ? 72 : 56;
    for (size_t i = 0; i < m->section_count; i++)
        if (strcmp(m->sections[i].segment, segment) == 0)
            size += m->is_64 ? 80 : 68;
    return size;
}

static uint32_t commands_size(const struct make_macho *m)
{
    return segment_size(m, "__TEXT") + segment_size(m, "__DWARF") + 24 + (m->no_uuid ? 0 : 24) +
           (m->install_name ? 24 + name_size(m->install_name) : 0) + (m->encrypted_size ? 24 : 0);
}

static void put_section(struct maker *k, const struct make_section *s, uint32_t at)
{
    put_name(k, s->name);
    put_name(k, s->segment);
    put_word(k, s->address);
    put_word(k, s->content.len);
    put(k, at);
    for (int i = 0; i < 3; i++)
        put(k, 0);
    put(k, s->flags);
    for (int i = 0; i < (k->m->is_64 ? 3 : 2); i++)
        put(k, 0);
}

static void put_segment(struct maker *k, const char *name)
{
    uint32_t size = segment_size(k->m, name), at = k->contents_at;
    put(k, k->m->is_64 ? 0x19 : 1);
    put(k, size);
    put_name(k, name);
    put_word(k, k->m->load_address);
    put_word(k, 0x100000);
    put_word(k, 0);
    put_word(k, k->end);
    put(k, 5);
    put(k, 5);
    put(k, (size - (k->m->is_64 ? 72 : 56)) / (k->m->is_64 ? 80 : 68));
    put(k, 0);
    for (size_t i = 0; i < k->m->section_count; i++) {
        const struct make_section *s = &k->m->sections[i];
        if (strcmp(s->segment, name) == 0)
            put_section(k, s, at);
        at += (uint32_t)s->content.len;
    }
}

static void put_header(struct maker *k)
{
    const struct make_macho *m = k->m;
    put(k, m->is_64 ? 0xfeedfacf : 0xfeedface);
    put(k, m->cpu);
    put(k, m->subtype);
    put(k, m->type ? m->type : TYPE_LIBRARY);
    put(k, 3U + !m->no_uuid + !!m->install_name + !!m->encrypted_size);
    put(k, commands_size(m));
    put(k, 0);
    if (m->is_64)
        put(k, 0);
}

static void put_small_commands(struct maker *k)
{
    const struct make_macho *m = k->m;
    put(k, 2); /* symbols */
    put(k, 24);
    put(k, k->symbols_at);
    put(k, m->symbol_count);
    put(k, k->strings_at);
    put(k, k->strings_size);
    if (!m->no_uuid) {
        put(k, 0x1b);
        put(k, 24);
        for (unsigned i = 0; i < 16; i++)
            buf_char(k->out, (char)(i * 0x11));
    }
    if (m->install_name) {
        put(k, 0xd);
        put(k, 24 + name_size(m->install_name));
        put(k, 24);
        for (int i = 0; i < 3; i++)
            put(k, 0);
        buf_add(k->out, m->install_name, strlen(m->install_name));
        buf_add(k->out, "\0\0\0", name_size(m->install_name) - strlen(m->install_name));
    }
    if (m->encrypted_size) {
        put(k, 0x2c);
        put(k, 24);
        put(k, 0);
        put(k, m->encrypted_size);
        put(k, 1);
        put(k, 0);
    }
}

static void put_symbols(struct maker *k)
{
    uint32_t name_at = 1;
    for (size_t i = 0; i < k->m->symbol_count; i++) {
        const struct make_symbol *s = &k->m->symbols[i];
        put(k, name_at);
        buf_char(k->out, (char)s->type);
        buf_char(k->out, (char)s->section);
        make_number(k->out, s->about, 2, k->m->big_endian);
        put_word(k, s->value);
        name_at += (uint32_t)strlen(s->name) + 1;
    }
    buf_char(k->out, '\0');
    for (size_t i = 0; i < k->m->symbol_count; i++)
        buf_add(k->out, k->m->symbols[i].name, strlen(k->m->symbols[i].name) + 1);
}

static void lay_out(struct maker *k)
{
    const struct make_macho *m = k->m;
    k->contents_at = (m->is_64 ? 32 : 28) + commands_size(m);
    k->symbols_at = k->contents_at;
    for (size_t i = 0; i < m->section_count; i++)
        k->symbols_at += (uint32_t)m->sections[i].content.len;
    k->strings_at = k->symbols_at + (uint32_t)m->symbol_count * (m->is_64 ? 16 : 12);
    k->strings_size = 1;
    for (size_t i = 0; i < m->symbol_count; i++)
        k->strings_size += (uint32_t)strlen(m->symbols[i].name) + 1;
    k->end = k->strings_at + k->strings_size;
}

void make_macho(struct buf *out, const struct make_macho *m)
{
    struct maker k = { .m = m, .out = out };
    buf_init(out, (size_t)64 << 20);
    lay_out(&k);
    put_header(&k);
    put_segment(&k, "__TEXT");
    put_segment(&k, "__DWARF");
    put_small_commands(&k);
    assert_int_equal(out->len, k.contents_at);
    for (size_t i = 0; i < m->section_count; i++)
        buf_add(out, m->sections[i].content.ptr, m->sections[i].content.len);
    put_symbols(&k);
    assert_true(buf_ok(out) && out->len == k.end);
}

struct bytes made_bytes(const struct buf *b)
{
    return (struct bytes){ (const uint8_t *)b->ptr, b->len };
}
