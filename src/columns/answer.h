/* answer.h - what a query is answered with, as JSON: the run-length encoded form that morgue and
 * the query library unpack; and the description of the columns (`describe`).
 *
 * Threads: pure. */
#ifndef CRUMPLE_COLUMNS_ANSWER_H
#define CRUMPLE_COLUMNS_ANSWER_H

#include "columns/run.h"

/* What an operator said of an attribute (BPG type `attribute`); empty texts: nothing. */
struct attribute_note {
    struct str name, type, format, description;
};
struct attribute_notes {
    const struct attribute_note *at; /* sorted by name */
    size_t count;
};
/* "uint64", "dictionary", "bitmap", ...; "unix_timestamp", "sha256", "none", ... */
struct str attribute_type_shown(struct str name, enum column_type t,
                                const struct attribute_notes *notes);
struct str attribute_format_shown(struct str name, const struct attribute_notes *notes);

struct answer_about {
    struct str user, universe, project;
    int64_t total_us;
    struct attribute_notes notes;
};

/* The whole answer: {"response":{...},"_":{...}}. */
void answer_write(struct json_writer *w, const struct ask *q, const struct outcome *o,
                  const struct answer_about *about);
/* The same for a query that changed something: {"response":{"result":"success"},"_":{...}}. */
void answer_write_changed(struct json_writer *w, uint64_t rows, uint64_t newest,
                          const struct answer_about *about);
/* {"describe":[...]}. */
void answer_write_description(struct json_writer *w, const struct columns_view *v,
                              struct str project, enum table_kind kind,
                              const struct attribute_notes *notes);

#endif
