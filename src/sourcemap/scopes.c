/* scopes.c - see the header. */
#include "sourcemap/scopes.h"
