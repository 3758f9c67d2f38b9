/* attribute_formats.h - the attributes that clients know by name: what they are, and how their
 * values are shown. Other attributes are custom: they have the type of their values and no format.
 *
 * A standard attribute is known in every project, also when no object has it yet.
 *
 * Threads: pure. */
#ifndef CRUMPLE_COLUMNS_ATTRIBUTE_FORMATS_H
#define CRUMPLE_COLUMNS_ATTRIBUTE_FORMATS_H

#include "columns/columns.h"

struct standard_attribute {
    struct str name;
    enum column_type type; /* that the values should have; a column's own may be another */
    struct str shown;      /* the type as clients name it: "uint64", "dictionary", "uuid", ... */
    struct str format;     /* "unix_timestamp", "bytes", "none", ... */
    struct str description;
};

/* All of a table, sorted by name. */
const struct standard_attribute *attributes_standard(enum table_kind kind, size_t *count);
/* NULL: it is a custom one. */
const struct standard_attribute *attribute_standard(enum table_kind kind, struct str name);

#endif
