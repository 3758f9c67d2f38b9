/* elf_files.c - finds, maps and compiles. */
#include "elf_files.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *shared_folder(const char *name)
{
    static char path[4096];
    const char *root = getenv("CRUMPLE_TESTDATA");
    snprintf(path, sizeof path, "%s/%s", root ? root : SHARED, name);
    return access(path, R_OK) == 0 ? path : NULL;
}

struct bytes map_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return (struct bytes){ 0 };
    void *p = MAP_FAILED;
    if (fstat(fd, &st) == 0 && st.st_size > 0)
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    return p == MAP_FAILED ? (struct bytes){ 0 } : (struct bytes){ p, (size_t)st.st_size };
}

void unmap_file(struct bytes file)
{
    if (file.len > 0)
        munmap((void *)(uintptr_t)file.ptr, file.len);
}

static char folder[] = "/tmp/crumple-elf-XXXXXX";
static bool folder_made;

static void remove_folder(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s stays\n", folder);
}

const char *made_folder(void)
{
    if (!folder_made) {
        if (!mkdtemp(folder)) {
            perror(folder);
            abort();
        }
        folder_made = true;
        atexit(remove_folder);
    }
    return folder;
}

const char *made_path(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", made_folder(), name);
    return path;
}

void made_text(const char *name, const char *text)
{
    FILE *f = fopen(made_path(name), "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
        perror(name);
        abort();
    }
}

bool made_run(const char *command)
{
    char line[4096];
    /* The compilers are run as they are, also when this program runs under a sanitizer. */
    snprintf(line, sizeof line, "cd %s && (unset LD_PRELOAD; %s) >/dev/null 2>&1", made_folder(),
             command);
    return system(line) == 0;
}

bool can_compile(const char *compiler, const char *options)
{
    char command[1024];
    made_text("probe.c", "int probe(int a) { return a + 1; }\n");
    snprintf(command, sizeof command, "%s %s -shared -nostdlib -fPIC probe.c -o probe.so", compiler,
             options);
    return made_run(command);
}
