/* log.h - key=value lines on standard error. Only engine, http, api and cli log.
 *
 *     log_line(LOG_INFO, "report_stored", "id=%s bucket=%s", log_str(id), ...);
 *     2026-01-02T03:04:05.678Z info report_stored id="a b" bucket=x
 *
 * error: someone must act. warn: went on without it. info: one line a report. debug: off.
 * Threads: any; a line is written in one write. */
#ifndef CRUMPLE_BASE_LOG_H
#define CRUMPLE_BASE_LOG_H

#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level most);
PRINTF_LIKE(3, 4) void log_line(enum log_level level, const char *event, const char *fmt, ...);

/* A foreign string for a log line: quoted when it holds anything but [A-Za-z0-9._:/@+-], control
 * bytes and quotes escaped, cut after 200 bytes. The result lives in one of eight buffers of the
 * calling thread. */
const char *log_str(struct str s);
/* The same for what may hold a token, which a log should not give away: of LOG_SECRET_MIN hex
 * digits or more in a row, plain or percent-encoded, only the first four are shown. A token has 64;
 * a piece of one, where a message was cut, fewer. */
#define LOG_SECRET_MIN 16
const char *log_masked(struct str s);

/* Whether lines of this level are written: for who makes costly ones. */
bool log_is_on(enum log_level level);

#endif
