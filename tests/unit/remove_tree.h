/* remove_tree.h - removes a folder of a test with all that is in it. */
#ifndef CRUMPLE_TESTS_REMOVE_TREE_H
#define CRUMPLE_TESTS_REMOVE_TREE_H

#include <ftw.h>
#include <stdio.h>

static inline int remove_tree_entry(const char *path, const struct stat *st, int type,
                                    struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* 0, or what the first thing that could not be removed gave. */
static inline int remove_tree(const char *path)
{
    return nftw(path, remove_tree_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
