/* args.h - options and operands of a command line.
 *
 *     const struct arg args[] = {
 *         { "FILE", ARG_OPERAND, &file },
 *         { "--data", ARG_NEEDED, &dir },
 *         { "--warm", ARG_COUNT, &warm },
 *     };
 *
 * `--name value` and `--name=value` are the same; options and operands may be mixed; behind `--`
 * all are operands. Names are never abbreviated: scripts would come to rely on it.
 * Values point into argv. Threads: pure. */
#ifndef CRUMPLE_CLI_ARGS_H
#define CRUMPLE_CLI_ARGS_H

#include "base/err.h"

#include <stddef.h>

#define ARG_TEXTS_MAX 16 /* values of one option that may be given again */

struct arg_texts {
    const char *at[ARG_TEXTS_MAX];
    size_t count;
};

/* One operand or more: room for `room` of them is the caller's. */
struct arg_operands {
    const char **at;
    size_t count, room;
};

enum arg_kind {
    ARG_OPERAND,  /* const char *: must be given */
    ARG_OPERANDS, /* struct arg_operands: all operands; the only one of a table */
    ARG_FLAG,     /* bool: set to true */
    ARG_TEXT,     /* const char * */
    ARG_NEEDED,   /* const char *: an option that must be given; the variable begins as NULL */
    ARG_TEXTS,    /* struct arg_texts: each use adds one */
    ARG_COUNT,    /* size_t: a whole number */
    ARG_REAL      /* double: finite */
};
struct arg {
    const char *name; /* with its dashes; of an operand, what help calls it */
    enum arg_kind kind;
    void *out; /* left alone when the option is not given */
};

enum args_outcome { ARGS_OK, ARGS_HELP, ARGS_WRONG };

/* argv[0] is the first argument, not the program. ARGS_HELP: --help was among them. ARGS_WRONG: *e
 * says which argument is wrong and why. */
enum args_outcome args_read(int argc, char **argv, const struct arg *args, size_t count,
                            struct err *e);

/* A whole number, and nothing else, up to max. */
MUST_CHECK bool args_count(const char *text, size_t max, size_t *out);

#endif
