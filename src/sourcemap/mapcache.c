/* mapcache.c - see the header. */
#include "sourcemap/mapcache.h"
