/* Any text: as a request target, as a header by which proxies tell of the client, as a host and as
 * a list of networks. */
#include "base/utf8.h"
#include "http/http.h"
#include "http/proxy.h"
#include "http/url.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_decoded(struct str s)
{
    assert(utf8_valid_prefix(s) == s.len);
    assert(s.len == 0 || !memchr(s.ptr, '\0', s.len));
}

/* Encoded and decoded again it must be the same. */
static void check_encoding(struct str segment, struct arena *a)
{
    struct buf b;
    struct str back;
    struct err e;
    buf_init(&b, 3 * segment.len + 1);
    http_encode_segment(&b, segment);
    assert(buf_ok(&b));
    assert(url_decode(buf_view(&b), URL_PLAIN, a, &back, &e) && str_eq(back, segment));
    buf_done(&b);
}

static void check_target(struct str text, struct arena *a)
{
    struct str authority, path, query, segments[URL_SEGMENTS_MAX];
    const struct url_param *params;
    size_t count;
    struct err e = { 0 };
    if (!url_target(text, &authority, &path, &query, &e) ||
        !url_path(path, a, segments, &count, &e)) {
        assert(e.code != ERR_NONE && e.msg[0] != '\0');
        return;
    }
    for (size_t i = 0; i < count && i < URL_SEGMENTS_MAX; i++) {
        check_decoded(segments[i]);
        check_encoding(segments[i], a);
    }
    if (!url_params(query, a, &params, &count, &e))
        return;
    for (size_t i = 0; i < count; i++) {
        check_decoded(params[i].name);
        check_decoded(params[i].value);
    }
}

static void check_client(struct str text, const struct networks *trusted, struct arena *a)
{
    for (int is_rfc7239 = 0; is_rfc7239 < 2; is_rfc7239++) {
        char client[PROXY_ADDRESS_MAX];
        uint8_t address[16];
        if (forwarded_client(text, is_rfc7239 != 0, trusted, a, client))
            assert(inet_pton(strchr(client, ':') ? AF_INET6 : AF_INET, client, address) == 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1); /* exactly as long, so that overruns show */
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 24);
    struct networks networks;
    struct err e = { 0 };
    if (!text || !a)
        abort();
    memcpy(text, data, size);
    struct str s = { text, size };
    check_target(s, a);
    struct forwarded f = forwarded_parse(s, a);
    assert(f.host.len == 0 || host_is_valid(f.host));
    f = forwarded_legacy(s, s);
    assert(f.host.len == 0 || host_is_valid(f.host));
    if (!networks_parse(&networks, s, &e))
        assert(e.code != ERR_NONE && e.msg[0] != '\0');
    if (networks_parse(&networks, STR("10.0.0.0/8, ::1"), &e))
        check_client(s, &networks, a);
    free(text);
    return 0;
}
