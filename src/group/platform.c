/* platform.c - see the header. */
#include "group/platform.h"

#include "report/callstack_noise.h"

enum platform_kind platform_frame(struct str name, struct str module)
{
    if (noise_failing(name))
        return PLATFORM_ENDS;
    return noise_starting(name, module, name.len > 0) ? PLATFORM_STARTS : PLATFORM_NONE;
}

bool platform_is_trampoline(struct str name)
{
    return str_eq(name, STR("<signal handler called>"));
}

bool platform_is_memory_word(struct str name)
{
    return memmem(name.ptr, name.len, "alloc", 5) != NULL;
}
