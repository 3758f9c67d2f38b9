/* crash_parts.c - names in a report, and groups of attributes: see crash_parts.h. */
#include "report/crash_parts.h"

/* An attribute of such a name gets an underscore behind it. */
const struct str crash_top_names[] = {
    STR_INIT("database_id"),
    STR_INIT("project"),
    STR_INIT("date"),
    STR_INIT("stacktrace"),
    STR_INIT("force_bucket"),
    STR_INIT("buckets"),
    STR_INIT("href"),
    STR_INIT("language"),
    STR_INIT("language_version"),
    STR_INIT("agent"),
    STR_INIT("agent_version"),
    STR_INIT("thread"),
    STR_INIT("classifiers"),
    STR_INIT("numbers"),
    STR_INIT("ids"),
    STR_INIT("objects"),
    STR_INIT("more"),
    STR_INIT("threads"),
    STR_INIT("annotations"),
    STR_INIT("arch"),
    STR_INIT("modules"),
    STR_INIT("processing_errors"),
    { NULL, 0 },
};

const struct str crash_id_names[] = {
    STR_INIT("uuid"),
    STR_INIT("thread"),
    { NULL, 0 },
};

bool crash_is_one_of(struct str s, const struct str *names)
{
    for (; names->ptr; names++)
        if (str_eq(s, *names))
            return true;
    return false;
}

struct str crash_without_underscores(struct str name)
{
    while (name.len > 0 && name.ptr[name.len - 1] == '_')
        name.len--;
    return name;
}

struct str crash_free_name(struct str name, const struct str *taken, struct crash_name_room *room)
{
    if (!crash_is_one_of(crash_without_underscores(name), taken))
        return name;
    memcpy(room->at, name.ptr, name.len);
    room->at[name.len] = '_';
    return (struct str){ room->at, name.len + 1 };
}

/* --- where attributes go ------------------------------------------------------------------- */

const struct str crash_groups[] = {
    [PLACE_NUMBERS] = STR_INIT("numbers"),
    [PLACE_IDS] = STR_INIT("ids"),
    [PLACE_OBJECTS] = STR_INIT("objects"),
    [PLACE_MORE] = STR_INIT("more"),
};

enum crash_place crash_place_of(struct str name, enum attribute_type type)
{
    /* Made by the server: the report has them in `date` and `stacktrace`, or must not have them,
     * since they follow from it. */
    static const struct str left_out[] = {
        STR_INIT("timestamp"), STR_INIT("callstack"), STR_INIT("fingerprint"), { NULL, 0 }
    };
    if (crash_is_one_of(name, left_out))
        return PLACE_NONE;
    if (str_eq(name, STR("classifiers")))
        return PLACE_CLASSIFIERS;
    switch (type) {
    case ATTRIBUTE_UNSIGNED:
    case ATTRIBUTE_SIGNED:
    case ATTRIBUTE_BOOLEAN:
    case ATTRIBUTE_DOUBLE:
        return PLACE_NUMBERS;
    case ATTRIBUTE_UUID:
        return PLACE_IDS;
    case ATTRIBUTE_DICTIONARY:
        return PLACE_OBJECTS;
    case ATTRIBUTE_STRING:
        break;
    }
    return PLACE_TOP;
}

/* --- writing ------------------------------------------------------------------------------- */

bool crash_may_write(struct crash_writer *w)
{
    if (w->values == 0)
        return false;
    w->values--;
    return true;
}

/* The value alone; the attribute is no dictionary. */
static void write_scalar(struct json_writer *w, enum attribute_type type, struct str text)
{
    if (type == ATTRIBUTE_STRING || type == ATTRIBUTE_UUID)
        json_str(w, text);
    else
        json_raw(w, text);
}

void crash_begin_group(struct json_writer *w, enum crash_place place, bool *begun)
{
    if (*begun)
        return;
    json_key(w, crash_groups[place]);
    json_object(w);
    *begun = true;
}

/* The name of an attribute in its group. */
static struct str name_in_group(struct str name, enum crash_place place,
                                struct crash_name_room *room)
{
    return place == PLACE_IDS ? crash_free_name(name, crash_id_names, room) : name;
}

void crash_write_group(struct crash_writer *w, const struct attributes *a, enum crash_place place,
                       bool begun)
{
    for (size_t i = 0; i < a->count; i++) {
        struct crash_name_room room;
        if (crash_place_of(a->at[i].name, a->at[i].type) != place || !crash_may_write(w))
            continue;
        crash_begin_group(&w->w, place, &begun);
        json_key(&w->w, name_in_group(a->at[i].name, place, &room));
        write_scalar(&w->w, a->at[i].type, a->at[i].text);
    }
    if (begun)
        json_object_end(&w->w);
}

/* The next word of a text, which loses it; empty when there is none. */
static struct str next_word(struct str *text)
{
    while (text->len > 0 && text->ptr[0] == ' ') {
        text->ptr++;
        text->len--;
    }
    struct str word = { text->ptr, 0 };
    while (word.len < text->len && word.ptr[word.len] != ' ')
        word.len++;
    text->ptr += word.len;
    text->len -= word.len;
    return word;
}

void crash_write_words(struct crash_writer *w, struct str text)
{
    json_list(&w->w);
    for (struct str word = next_word(&text); word.len > 0; word = next_word(&text))
        if (crash_may_write(w))
            json_str(&w->w, word);
    json_list_end(&w->w);
}

bool crash_skip_classifier(struct str *text, struct str item, bool first)
{
    size_t space = !first;
    if (space && !str_starts(*text, STR(" ")))
        return false;
    struct str rest = { text->ptr + space, text->len - space };
    if (!str_starts(rest, item))
        return false;
    *text = (struct str){ rest.ptr + item.len, rest.len - item.len };
    return true;
}

bool crash_take_text(struct buf *b, struct arena *a, struct str *json, struct err *e)
{
    bool ok = buf_ok(b) && arena_str(a, buf_view(b), json);
    return ok || err_set(e, ERR_NOMEM, 0, "no memory to write a report");
}
