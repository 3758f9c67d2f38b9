/* amended.c - see the header. */
#include "report/amended.h"

void amended_init(struct amended *m, struct arena *a)
{
    attributes_init(&m->set, a);
    attributes_init(&m->cleared, a);
}

bool amended_set(struct amended *m, struct str name, enum attribute_type type, struct str text)
{
    attributes_remove(&m->cleared, name);
    return attributes_set(&m->set, name, type, text);
}

bool amended_clear(struct amended *m, struct str name)
{
    attributes_remove(&m->set, name);
    return attributes_set(&m->cleared, name, ATTRIBUTE_STRING, STR(""));
}

bool amended_apply(const struct amended *m, struct attributes *to)
{
    for (size_t i = 0; i < m->cleared.count; i++)
        attributes_remove(to, m->cleared.at[i].name);
    for (size_t i = 0; i < m->set.count; i++)
        if (!attributes_set(to, m->set.at[i].name, m->set.at[i].type, m->set.at[i].text))
            return false;
    return true;
}

void amended_write(struct json_writer *w, const struct amended *m)
{
    json_object(w);
    for (size_t i = 0; i < m->set.count; i++)
        attribute_write(w, &m->set.at[i]);
    for (size_t i = 0; i < m->cleared.count; i++) {
        json_key(w, m->cleared.at[i].name);
        json_null(w);
    }
    json_object_end(w);
}

bool amended_read(struct amended *m, struct str json, struct err *e)
{
    const struct json *j;
    if (json.len == 0)
        return true;
    if (!attributes_parse(m->set.arena, json, &j, e))
        return false;
    for (const struct json *value = j->first; value; value = value->next) {
        bool ok = value->type == JSON_NULL ? amended_clear(m, value->key)
                                           : attributes_set_json(&m->set, value);
        if (!ok)
            return err_set(e, ERR_NOMEM, 0, "no memory for attributes");
    }
    return true;
}
