/* banned.h - functions that nobody here may call; the build puts it before every file.
 *
 * No bounds, hidden state, or no way to tell an error. Use str, buf_printf, snprintf, strtoll with
 * its end pointer, date_format. */
#ifndef CRUMPLE_BASE_BANNED_H
#define CRUMPLE_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok
#pragma GCC poison atoi atol atoll atof localtime gmtime ctime asctime

#endif
