/* password.h - a password from a file, from standard input, or from a person at a terminal.
 * Threads: one at a time. */
#ifndef CRUMPLE_CLI_PASSWORD_H
#define CRUMPLE_CLI_PASSWORD_H

#include "access/access.h"

struct password {
    char text[USER_PASSWORD_MAX + 1]; /* without NUL; one more than may be, so that it is refused */
    size_t len;
};

/* The one line of the file; "-" is standard input. ERR_NOT_FOUND, ERR_IO; ERR_INPUT when there is a
 * second line. */
MUST_CHECK bool password_read(struct password *p, const char *path, struct err *e);
/* Asks on the terminal that is standard input, twice, without echo. ERR_INPUT when standard input
 * is no terminal, or when the two differ. */
MUST_CHECK bool password_ask(struct password *p, struct err *e);
/* Wipes it from memory. */
void password_done(struct password *p);

#endif
