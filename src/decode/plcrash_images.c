/* plcrash_images.c - the images that were loaded, with the ids by which symbols are found. */
#include "decode/plcrash_parts.h"

/* The id of Breakpad's symbol files: the UUID and an age, which is 0 outside Windows. */
static bool set_ids(struct plcrash *p, const uint8_t *uuid, struct dump_module *out)
{
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    char code[2 * PLCRASH_UUID_BYTES], debug[2 * PLCRASH_UUID_BYTES + 1];
    for (size_t i = 0; i < PLCRASH_UUID_BYTES; i++) {
        unsigned high = uuid[i] >> 4, low = uuid[i] & 15;
        code[2 * i] = lower[high];
        code[2 * i + 1] = lower[low];
        debug[2 * i] = upper[high];
        debug[2 * i + 1] = upper[low];
    }
    debug[sizeof debug - 1] = '0';
    return arena_str(p->make.arena, (struct str){ code, sizeof code }, &out->code_id) &&
           arena_str(p->make.arena, (struct str){ debug, sizeof debug }, &out->debug_id);
}

static bool read_image(struct plcrash *p, size_t i, struct dump_module *out)
{
    const Plcrash__BinaryImage *image = p->report->binary_images[i];
    *out = (struct dump_module){ .base = image->base_address,
                                 .size = image->size,
                                 .code_id = STR(""),
                                 .debug_id = STR(""),
                                 .version = STR("") };
    if (!plcrash_text(p, image->name, &out->code_file))
        return false;
    out->debug_file = out->code_file;
    if (image->has_uuid && image->uuid.len == PLCRASH_UUID_BYTES)
        return set_ids(p, image->uuid.data, out);
    if (image->has_uuid && image->uuid.len > 0)
        dump_error(&p->make, "binary_images[%zu].uuid has %zu bytes, not %d", i, image->uuid.len,
                   PLCRASH_UUID_BYTES);
    return true;
}

bool plcrash_read_images(struct plcrash *p)
{
    size_t count = p->report->n_binary_images;
    struct numbered_module *all = arena_array(p->make.arena, count + 1, sizeof *all);
    if (!all)
        return false;
    for (size_t i = 0; i < count; i++) {
        all[i].number = i;
        if (!read_image(p, i, &all[i].module))
            return false;
    }
    return dump_set_modules(&p->make, all, count);
}
