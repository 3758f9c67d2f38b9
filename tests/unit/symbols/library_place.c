#include "../cmocka_all.h"
#include "../remove_tree.h"

#include "library_place.h"

#include <stdlib.h>

static void lost(void *ctx, uint64_t object, const struct err *why)
{
    struct place *p = ctx;
    assert_true(object != 0 && why->code != ERR_NONE && why->msg[0] != '\0');
    p->lost++;
    p->lost_object = object;
}

struct library_config place_config(struct place *p, size_t open_max)
{
    struct library_config config = library_defaults();
    config.open_max = open_max;
    config.lost = lost;
    config.ctx = p;
    return config;
}

struct place *place_open(size_t open_max)
{
    struct place *p = calloc(1, sizeof *p);
    struct err e = { 0 };
    assert_non_null(p);
    struct library_config config = place_config(p, open_max);
    snprintf(p->dir, sizeof p->dir, "/tmp/crumple-library-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    assert_true(symbol_images_open(&p->images, p->dir, &e));
    assert_true(library_open(&p->library, &config, p->images, &e));
    return p;
}

void place_close(struct place *p)
{
    library_close(p->library);
    symbol_images_close(p->images);
    remove_tree(p->dir);
    free(p);
}
