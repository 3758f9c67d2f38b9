/* Any text as a script that names its source map, and as an id. */
#include "sourcemap/script.h"

#include "touch.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new((size_t)64 << 20);
    struct str text = { (const char *)data, size }, id;
    struct script_about about;
    struct err e = { 0 };
    if (a && script_read(text, a, &about, &e)) {
        assert(strlen(about.uuid) == SCRIPT_UUID_DIGITS);
        assert(about.map.len == 0 || about.map_name.len == 0);
        assert(!memchr(about.map_name.ptr, '\n', about.map_name.len) ||
               memmem(text.ptr, text.len, "%0", 2));
        touch(about.debug_id);
        touch(about.map_name);
        touch(about.map);
    } else {
        assert(e.code != ERR_NONE && e.msg[0] != '\0' && e.offset <= size);
    }
    if (a && script_id(text, a, &id)) {
        assert(id.len <= 64 && !memchr(id.ptr, '-', id.len));
        touch(id);
    }
    arena_free(a);
    return 0;
}
