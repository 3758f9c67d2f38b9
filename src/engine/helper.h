/* helper.h - the process that reads an upload of symbols: started, talked to, and ended. Inside
 * src/engine only.
 *
 * It is this program, started anew as `crumple symbols convert` (symbols/convert.h), so that
 * nothing of the server's memory is in it. What it says is not to be believed. It ends when the
 * server ends, however that ends; but signals to the server's process group do not reach it.
 *
 * Threads: one at a time for each; the thread that started it must live as long. */
#ifndef CRUMPLE_ENGINE_HELPER_H
#define CRUMPLE_ENGINE_HELPER_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

struct helper {
    pid_t pid; /* 0: ended */
    int fd;    /* a socket: both directions */
    int64_t deadline_us;
    bool (*is_over)(void *ctx); /* the server is closing */
    void *ctx;
    struct buf in;
    size_t line_end; /* of the line that was given out */
    bool gone;       /* it has let go of the socket: it ends, or has ended */
    bool deaf;       /* it has not read what it was told */
};

struct helper_start {
    const char *program;
    int upload, scratch; /* lent for the call */
    const char *name;    /* of the upload's file; may be empty */
    int64_t timeout_ms;
    bool (*is_over)(void *ctx);
    void *ctx;
};
/* ERR_BUSY: there is no process to be had now. */
MUST_CHECK bool helper_start(struct helper *h, const struct helper_start *how, struct err *e);

/* The next line, lent until the next call. HELPER_ENDED: no more comes, or not in time: helper_end
 * says why. HELPER_OVER: the server is closing. */
enum helper_got { HELPER_LINE, HELPER_ENDED, HELPER_OVER };
enum helper_got helper_next(struct helper *h, struct str *line);
/* One byte; what it comes to is seen by the next line. Never waits: one that asks and does not read
 * the answers has ended. */
void helper_tell(struct helper *h, char c);

/* How it ended, whoever is to blame: */
enum helper_end {
    HELPER_WELL,
    HELPER_FAILED, /* it crashed, passed a limit, or did what no helper does: so it will again */
    HELPER_LATER,  /* it said that it could not work now (exit status 1) */
    HELPER_KILLED  /* somebody else ended it: the system, when memory is short; an administrator */
};
/* Ends it, if it has not ended itself; *e: a sentence, unless it ended well. */
enum helper_end helper_end(struct helper *h, bool kill_it, struct err *e);

#endif
