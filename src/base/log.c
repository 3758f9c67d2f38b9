/* log.c - one line, one write(2), so that lines of several threads do not mix. */
#include "base/log.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 4096
#define LOG_STR_MAX 200
#define LOG_STR_BUFFERS 8
#define SECRET_SHOWN 4 /* digits */

static _Atomic int most_level = LOG_INFO;

void log_set_level(enum log_level most)
{
    atomic_store_explicit(&most_level, (int)most, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&most_level, memory_order_relaxed);
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };
    if (!log_is_on(level))
        return;
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);

    char line[LOG_LINE_MAX];
    size_t room = sizeof line - 1; /* one byte for the line break */
    size_t len = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &utc);
    int n = snprintf(line + len, room - len, ".%03ldZ %s %s ", now.tv_nsec / 1000000, names[level],
                     event);
    if (n > 0)
        len = (size_t)n < room - len ? len + (size_t)n : room - 1;
    va_list args;
    va_start(args, fmt);
    n = vsnprintf(line + len, room - len, fmt, args);
    va_end(args);
    if (n > 0)
        len = (size_t)n < room - len ? len + (size_t)n : room - 1;
    while (len > 0 && line[len - 1] == ' ') /* an event without values */
        len--;
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* when the log cannot be written there is nobody to tell */
}

static bool is_plain(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._:/@+-", c) != NULL);
}

static bool all_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_plain((unsigned char)s.ptr[i]))
            return false;
    return s.len > 0;
}

const char *log_str(struct str s)
{
    static _Thread_local char buffers[LOG_STR_BUFFERS][4 * LOG_STR_MAX + 8];
    static _Thread_local unsigned turn;
    char *out = buffers[turn++ % LOG_STR_BUFFERS];
    bool cut = s.len > LOG_STR_MAX;
    if (cut)
        s.len = LOG_STR_MAX;
    if (!cut && all_plain(s)) {
        memcpy(out, s.ptr, s.len);
        out[s.len] = '\0';
        return out;
    }
    char *p = out;
    *p++ = '"';
    while (s.len > 0) {
        unsigned char c = (unsigned char)s.ptr[0];
        size_t n = utf8_char_len(s);
        if (n > 1 || (n == 1 && c >= 0x20 && c != 0x7f && c != '"' && c != '\\')) {
            memcpy(p, s.ptr, n);
            p += n;
        } else {
            static const char hex[] = "0123456789abcdef";
            *p++ = '\\';
            if (c == '"' || c == '\\') {
                *p++ = (char)c;
            } else {
                *p++ = 'x';
                *p++ = hex[c >> 4];
                *p++ = hex[c & 15];
            }
            n = 1;
        }
        s = (struct str){ s.ptr + n, s.len - n };
    }
    *p++ = '"';
    for (const char *dots = cut ? "..." : ""; *dots; dots++)
        *p++ = *dots;
    *p = '\0';
    return out;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The bytes of the hex digit that the text begins with: 1, 3 when it is percent-encoded, 0 for
 * anything else. In ASCII 30 to 39 are digits, 41 to 46 and 61 to 66 the letters. */
static size_t hex_digit_len(struct str s)
{
    if (s.len == 0 || is_hex(s.ptr[0]))
        return s.len > 0;
    if (s.len < 3 || s.ptr[0] != '%')
        return 0;
    char high = s.ptr[1], low = s.ptr[2];
    bool digit = high == '3' && low >= '0' && low <= '9';
    bool letter = (high == '4' || high == '6') && low >= '1' && low <= '6';
    return digit || letter ? 3 : 0;
}

const char *log_masked(struct str s)
{
    char out[LOG_STR_MAX + 1];
    size_t len = 0;
    while (s.len > 0 && len < sizeof out) {
        size_t digits = 0, run = 0, head = 0, n;
        while ((n = hex_digit_len((struct str){ s.ptr + run, s.len - run })) > 0) {
            run += n;
            if (++digits <= SECRET_SHOWN)
                head = run;
        }
        bool secret = digits >= LOG_SECRET_MIN;
        if (run == 0)
            run = 1;
        size_t shown = secret ? head : run;
        for (size_t k = 0; k < shown && len < sizeof out; k++)
            out[len++] = s.ptr[k];
        for (const char *dots = secret ? "..." : ""; *dots && len < sizeof out; dots++)
            out[len++] = *dots;
        s = (struct str){ s.ptr + run, s.len - run };
    }
    return log_str((struct str){ out, len });
}
