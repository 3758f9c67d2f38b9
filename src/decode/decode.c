/* decode.c - the table of decoders. */
#include "decode/decode.h"

bool decode_can(enum upload_format format)
{
    return format == UPLOAD_JSON;
}
