/* Any bytes as a minidump, without symbols. */
#include "decode/minidump.h"

#include "check_dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_reading(minidump_read, (struct bytes){ data, size });
    return 0;
}
