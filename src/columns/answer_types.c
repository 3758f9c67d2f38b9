/* answer_types.c - the type and format that an attribute is shown with. A type is that of the
 * column's values, as far as the standard attribute agrees; what an operator said goes before. */
#include "columns/answer_internal.h"
#include "columns/attribute_formats.h"

const struct attribute_note *answer_note(const struct attribute_notes *notes, struct str name)
{
    size_t low = 0, high = notes->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(notes->at[middle].name, name);
        if (order == 0)
            return &notes->at[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct str answer_type(enum table_kind kind, struct str name, enum column_type t,
                       const struct attribute_notes *notes)
{
    const struct attribute_note *note = answer_note(notes, name);
    const struct standard_attribute *standard = attribute_standard(kind, name);
    if (note && note->type.len > 0)
        return note->type;
    if (standard && standard->type == t)
        return standard->shown;
    switch (t) {
    case COLUMN_UINT:
        return STR("uint64");
    case COLUMN_INT:
        return STR("int64");
    case COLUMN_DOUBLE:
        return STR("double");
    case COLUMN_BOOL:
        return STR("bitmap");
    case COLUMN_STRING:
        break;
    }
    return STR("dictionary");
}

struct str answer_format(enum table_kind kind, struct str name, const struct attribute_notes *notes)
{
    const struct attribute_note *note = answer_note(notes, name);
    const struct standard_attribute *standard = attribute_standard(kind, name);
    if (note && note->format.len > 0)
        return note->format;
    return standard ? standard->format : STR("none");
}

struct str attribute_type_shown(struct str name, enum column_type t,
                                const struct attribute_notes *notes)
{
    return answer_type(TABLE_OBJECTS, name, t, notes);
}

struct str attribute_format_shown(struct str name, const struct attribute_notes *notes)
{
    return answer_format(TABLE_OBJECTS, name, notes);
}
