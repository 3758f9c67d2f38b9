/* Dates: what is accepted is written, and reads back as the same time. */
#include "base/date.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    const int64_t now = 1456794123004;
    struct err e = { 0 };
    int64_t ms, query_ms, again_ms;
    char out[DATE_TEXT_MAX];
    bool query = date_parse_query(text, now, &query_ms, &e);
    assert(query || (e.code == ERR_INPUT && e.msg[0] != '\0'));
    if (!date_parse(text, &ms, &e)) {
        assert(e.code == ERR_INPUT && str_eq(str_from_c(e.word), STR("bad_date")));
        return 0;
    }
    assert(query && query_ms == ms);
    struct str written = date_format(ms, true, out);
    if (written.ptr[0] != '-' && !str_starts(written, STR("0000")) && written.ptr[4] == '-') {
        bool again = date_parse(written, &again_ms, &e);
        assert(again && again_ms == ms);
    }
    return 0;
}
