/* symbol files of the test data: each is converted, and what the cache says is compared with the
 * model of the same file at places spread over all of it. Skipped where the data is not. */
#include "compare.h"
#include "image.h"

#include "base/vec.h"

#include "../cmocka_all.h"
#include "../group/dice.h"

#include <ftw.h>

#define SAMPLES 60
#define ADDRESSES_MAX 200000
#define FILE_BYTES_MAX ((size_t)300 << 10) /* the model is slow: larger ones at fewer places */

static VEC(char *) files;

static int take_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)at;
    (void)st;
    size_t n = strlen(path);
    if (type == FTW_F && n > 4 && strcmp(path + n - 4, ".sym") == 0)
        assert_true(VEC_PUSH(&files, strdup(path)));
    return 0;
}

static void read_text(const char *path, struct buf *out)
{
    char part[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    buf_init(out, (size_t)1 << 30);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(out, part, n);
    fclose(f);
    assert_true(buf_ok(out));
}

static void compare_file(const char *path, struct dice *d)
{
    static uint32_t at[ADDRESSES_MAX];
    struct buf text;
    struct image image;
    read_text(path, &text);
    struct model *m = model_read(buf_view(&text));
    image_make(&image, buf_view(&text));
    size_t n = model_addresses(m, at, ADDRESSES_MAX);
    uint32_t samples = text.len > FILE_BYTES_MAX ? SAMPLES / 4 : SAMPLES;
    printf("%s: %zu places\n", path, n);
    for (uint32_t i = 0; n > 0 && i < samples; i++) {
        uint32_t address = at[dice(d, (uint32_t)n)];
        compare_at(m, image.cache, address);
        compare_at(m, image.cache, (uint64_t)address + dice(d, 16));
        if (address > 0)
            compare_at(m, image.cache, address - 1);
    }
    image_done(&image);
    model_free(m);
    buf_done(&text);
}

static void all_files(void **state)
{
    (void)state;
    struct dice d;
    if (files.len == 0)
        skip();
    for (unsigned i = 0; dice_seed(&d, i, 1); i++)
        for (size_t k = 0; k < files.len; k++)
            compare_file(files.at[k], &d);
}

int main(void)
{
    const char *data = getenv("CRUMPLE_TESTDATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/symbols", data ? data : SHARED);
    (void)nftw(path, take_file, 16, FTW_PHYS); /* it need not be there */
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_files) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bool none = files.len == 0;
    for (size_t i = 0; i < files.len; i++)
        free(files.at[i]);
    VEC_FREE(&files);
    return failed ? failed : none ? 77 : 0;
}
