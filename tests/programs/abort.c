/* abort(), called as the last thing of a function that does not return: behind the call there may
 * be another function already. */
#include "frames.h"

#include <stdlib.h>

volatile int sink;

__attribute__((noreturn)) KEEP static void give_up(int status)
{
    sink = status;
    abort(); /* frame 0 give_up */
}

KEEP static int check(int argument)
{
    if (argument > 0)
        give_up(argument); /* frame 1 check */
    return argument;
}

int main(int argc, char **argv)
{
    (void)argv;
    sink = check(argc); /* frame 2 main */
    return sink;
}
