/* script.c - see the header. */
#include "sourcemap/script.h"
