/* dynlib.c - dlopen and dlsym, with words for what is missing. */
#include "base/dynlib.h"

#include <dlfcn.h>

bool dynlib_load(const char *soname, const struct dynlib_symbol *symbols, size_t count,
                 struct err *e)
{
    void *library = dlopen(soname, RTLD_NOW | RTLD_GLOBAL);
    if (!library)
        return err_set(e, ERR_NOT_FOUND, 0, "the library %s is not installed", soname);
    for (size_t i = 0; i < count; i++) {
        *symbols[i].to = dlsym(library, symbols[i].name);
        if (!*symbols[i].to)
            return err_set(e, ERR_NOT_FOUND, 0, "the library %s has no %s", soname,
                           symbols[i].name);
    }
    return true;
}
