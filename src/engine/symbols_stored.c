/* symbols_stored.c - an upload is committed: what it brings is in the library from now on, and what
 * it misses may be there already. The writer's step. */
#include "engine/inside.h"

#include "base/log.h"
#include "symbols/convert_kind.h"

static void add_to_library(struct engine *en, const struct stored_symbol_file *row,
                           const struct stored_upload *u)
{
    struct err e = { 0 };
    const struct library_file f = symbols_library_file(row, u->project);
    if (!library_add(en->library, &f, &e))
        log_line(LOG_ERROR, "symbols_not_used", "object=%llx reason=%s",
                 (unsigned long long)u->object, log_str(str_from_c(e.msg)));
}

struct library_file symbols_library_file(const struct stored_symbol_file *row, struct str project)
{
    struct library_file f = {
        .object = row->object,
        .project = project,
        .is_map = convert_kind_is_map((enum convert_kind)row->kind),
        .any_name = row->kind == CONVERT_ELF || row->kind == CONVERT_MACHO,
        .parts = row->parts,
        .debug_file = row->debug_file,
        .debug_id = row->debug_id,
        .code_file = row->code_file,
        .code_id = row->code_id,
    };
    memcpy(f.hash, row->hash, sizeof f.hash);
    return f;
}

static void add_symbols(struct engine *en, const struct stored_upload *u)
{
    size_t caches = 0;
    bool not_now = false;
    if (u->remade)
        library_remove(en->library, u->object);
    for (size_t i = 0; i < u->symbol_file_count; i++) {
        not_now |= u->symbol_files[i].version == SYMBOLS_NOT_NOW;
        if (u->symbol_files[i].has_cache) {
            caches++;
            add_to_library(en, &u->symbol_files[i], u);
        }
    }
    log_line(LOG_INFO, "symbols_stored", "object=%llx project=%s files=%zu not_converted=%zu",
             (unsigned long long)u->object, log_str(u->project), caches,
             u->symbol_file_count - caches);
    if (caches > 0)
        late_symbols(en->late, u->object);
    if (not_now)
        later_convert(en->later, u->object);
    else
        later_forget(en->later, u->object);
}

bool symbols_have(struct engine *en, struct str project, const struct stored_module *m)
{
    const struct module_id module = { m->debug_file, m->debug_id, m->code_file, m->code_id };
    const struct script_id script = { m->debug_id, m->code_id, m->debug_file };
    return library_has(en->library, project, &module) ||
           library_has_map(en->library, project, &script);
}

/* What it misses may have come while it was processed. */
static void check_missing(struct engine *en, const struct stored_upload *u)
{
    bool have = false;
    for (size_t i = 0; i < u->missing_count && !have; i++)
        have = symbols_have(en, u->project, &u->missing[i]);
    if (have && !u->remade) /* once, and not for ever */
        late_report(en->late, u->object);
}

void symbols_stored(struct engine *en, const struct stored_upload *u)
{
    if (u->symbol_file_count > 0)
        add_symbols(en, u);
    check_missing(en, u);
}
