/* sourcemap.c - see the header. */
#include "sourcemap/sourcemap.h"
