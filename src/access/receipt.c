/* receipt.c - see the header. */
#include "access/receipt.h"
