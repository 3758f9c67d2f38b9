/* library.c - the pointers, and where they come from. */
#include "http/library.h"

#include "base/dynlib.h"

#define DEFINE(f) __typeof__(f) *dl_##f;
HTTP_MHD_FUNCTIONS(DEFINE)
HTTP_GNUTLS_FUNCTIONS(DEFINE)

#define ENTRY(f) DYNLIB_SYMBOL(f),
static const struct dynlib_symbol mhd[] = { HTTP_MHD_FUNCTIONS(ENTRY) };
static const struct dynlib_symbol gnutls[] = { HTTP_GNUTLS_FUNCTIONS(ENTRY) };

bool http_library_load(struct err *e)
{
    static bool loaded;
    if (!loaded)
        loaded = dynlib_load("libmicrohttpd.so.12", mhd, sizeof mhd / sizeof *mhd, e) &&
                 dynlib_load("libgnutls.so.30", gnutls, sizeof gnutls / sizeof *gnutls, e);
    return loaded;
}
