/* Any bytes as a core file, without symbols. */
#include "decode/core.h"

#include "check_dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_reading(core_read, (struct bytes){ data, size });
    return 0;
}
