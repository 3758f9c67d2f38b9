/* elf_files.h - ELF files for tests: shared ones, and programs that the test itself compiles. */
#ifndef CRUMPLE_TESTS_ELF_FILES_H
#define CRUMPLE_TESTS_ELF_FILES_H

#include "base/str.h"

/* A folder of the shared test data, such as "elf"; NULL when it is not here. Static memory. */
const char *shared_folder(const char *name);

/* Maps a file for reading; empty when it cannot be read. */
struct bytes map_file(const char *path);
void unmap_file(struct bytes file);

/* A folder for what is compiled, made once and removed when the program ends. */
const char *made_folder(void);
/* Writes `text` into a file of that folder. */
void made_text(const char *name, const char *text);
/* Runs a command of the shell in that folder; false when it fails. Its output goes nowhere. */
bool made_run(const char *command);
/* The path of a file in that folder. Static memory, until the next call. */
const char *made_path(const char *name);

/* Whether the compiler makes programs that can be linked with these options. */
bool can_compile(const char *compiler, const char *options);

#endif
