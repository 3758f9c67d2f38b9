/* cpu.c - the tables of processors. */
#include "symbols/cpu.h"

const struct cpu_facts *cpu_facts(enum cpu cpu)
{
    (void)cpu;
    return NULL;
}

int cpu_register(enum cpu cpu, struct str name)
{
    (void)cpu;
    (void)name;
    return -1;
}

enum cpu cpu_find(struct str name)
{
    (void)name;
    return CPU_UNKNOWN;
}
