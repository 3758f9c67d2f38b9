/* dump_notes.c - what a dump says beside its stacks: errors, attributes, by which reports are
 * searched, and annotations, which are shown. docs/backtrace-mapping.md lists their names. */
#include "decode/dump_parts.h"

#include "base/digits.h"

#include <stdarg.h>
#include <stdio.h>

void dump_make(struct dump_maker *k, struct dump *d, struct arena *a)
{
    *k = (struct dump_maker){ .arena = a, .dump = d, .strings_left = DUMP_STRINGS_MAX };
    *d = (struct dump){ .os_name = STR(""),
                        .os_version = STR(""),
                        .cpu_name = STR(""),
                        .cpu_text = STR(""),
                        .reason = STR(""),
                        .assertion = STR(""),
                        .annotations = STR(""),
                        .crash_thread = DUMP_NO_THREAD,
                        .main_module = SIZE_MAX };
    attributes_init(&d->attributes, a);
    buf_init(&k->notes_text, DUMP_NOTES_BYTES);
}

void dump_made(struct dump_maker *k)
{
    buf_done(&k->notes_text);
}

void dump_error(struct dump_maker *k, const char *fmt, ...)
{
    struct dump *d = k->dump;
    char text[256];
    if (d->error_count == CRASH_ERRORS_MAX)
        return;
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t n = len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    if (arena_str(k->arena, (struct str){ text, n }, &d->errors[d->error_count]))
        d->error_count++;
}

bool dump_attribute(struct dump_maker *k, const char *name, struct str text)
{
    return text.len == 0 ||
           attributes_set(&k->dump->attributes, str_from_c(name), ATTRIBUTE_STRING, text);
}

bool dump_attribute_new(struct dump_maker *k, struct str name, struct str text)
{
    struct attributes *a = &k->dump->attributes;
    return name.len == 0 || attributes_find(a, name) || attributes_set_text(a, name, text);
}

bool dump_number(struct dump_maker *k, const char *name, uint64_t n)
{
    char digits[DIGITS_ROOM];
    struct str text;
    return arena_str(k->arena, (struct str){ digits, digits_decimal(digits, n) }, &text) &&
           attributes_set(&k->dump->attributes, str_from_c(name), ATTRIBUTE_UNSIGNED, text);
}

struct json_writer *dump_note(struct dump_maker *k, const char *name)
{
    if (!k->has_notes) {
        json_writer_init(&k->notes, &k->notes_text);
        json_object(&k->notes);
        k->has_notes = true;
    }
    json_key(&k->notes, str_from_c(name));
    return &k->notes;
}

void dump_note_hex(struct json_writer *w, const char *key, uint64_t n)
{
    char text[2 + DIGITS_ROOM] = "0x";
    json_member(w, key, (struct str){ text, 2 + digits_hex(text + 2, n, 0) });
}

bool dump_take_notes(struct dump_maker *k)
{
    if (!k->has_notes)
        return true;
    json_object_end(&k->notes);
    if (!buf_ok(&k->notes_text)) {
        dump_error(k, "annotations of more than %d bytes are left out", DUMP_NOTES_BYTES);
        return true;
    }
    return arena_str(k->arena, buf_view(&k->notes_text), &k->dump->annotations);
}
