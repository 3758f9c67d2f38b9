/* minidump_notes.c - what a dump says beside its stacks: attributes, by which reports are searched,
 * and annotations, which are shown. docs/backtrace-mapping.md lists their names. */
#include "decode/minidump_parts.h"

#include "base/digits.h"

bool minidump_attribute(struct minidump *m, const char *name, struct str text)
{
    return text.len == 0 ||
           attributes_set(&m->dump->attributes, str_from_c(name), ATTRIBUTE_STRING, text);
}

bool minidump_attribute_new(struct minidump *m, struct str name, struct str text)
{
    struct attributes *a = &m->dump->attributes;
    return name.len == 0 || attributes_find(a, name) || attributes_set_text(a, name, text);
}

bool minidump_number(struct minidump *m, const char *name, uint64_t n)
{
    char digits[DIGITS_ROOM];
    struct str text;
    return arena_str(m->arena, (struct str){ digits, digits_decimal(digits, n) }, &text) &&
           attributes_set(&m->dump->attributes, str_from_c(name), ATTRIBUTE_UNSIGNED, text);
}

struct json_writer *minidump_note(struct minidump *m, const char *name)
{
    if (!m->has_notes) {
        json_writer_init(&m->notes, &m->notes_text);
        json_object(&m->notes);
        m->has_notes = true;
    }
    json_key(&m->notes, str_from_c(name));
    return &m->notes;
}

void minidump_note_hex(struct json_writer *w, const char *key, uint64_t n)
{
    char text[2 + DIGITS_ROOM] = "0x";
    json_member(w, key, (struct str){ text, 2 + digits_hex(text + 2, n, 0) });
}

bool minidump_take_notes(struct minidump *m)
{
    if (!m->has_notes)
        return true;
    json_object_end(&m->notes);
    if (!buf_ok(&m->notes_text)) {
        minidump_error(m, "annotations of more than %d bytes are left out", MINIDUMP_NOTES_BYTES);
        return true;
    }
    return arena_str(m->arena, buf_view(&m->notes_text), &m->dump->annotations);
}
