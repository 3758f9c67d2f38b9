/* Source maps in folders: which one is found, whatever the order of the folder; that no others are
 * converted; how many stay open. */
#include "symbols/folder_maps.h"

#include "unit/cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP(source, more)                                                                          \
    "{\"version\":3,\"sources\":[\"" source "\"],\"mappings\":\"AAAA\"" more "}"
#define ID "0b3c9d1e-0000-4000-8000-0000000000"
#define NAMES(map) "x\n//# sourceMappingURL=" map "\n"

static char place[] = "/tmp/crumple-folder-maps-XXXXXX";
static char folders[2][64], cache[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st, (void)type, (void)f;
    return remove(path);
}

static void empty(void)
{
    assert_int_equal(nftw(place, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(mkdir(place, 0700), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(folders[i], sizeof folders[i], "%s/%d", place, i);
        assert_int_equal(mkdir(folders[i], 0700), 0);
    }
    snprintf(cache, sizeof cache, "%s/cache", place);
}

/* All have one time of change. */
static void put(const char *path, const char *content)
{
    char whole[128];
    snprintf(whole, sizeof whole, "%s/%s", place, path);
    FILE *f = fopen(whole, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, strlen(content), f), strlen(content));
    assert_int_equal(fclose(f), 0);
    static const struct timespec times[2] = { { 1000000, 0 }, { 1000000, 0 } };
    assert_int_equal(utimensat(AT_FDCWD, whole, times, 0), 0);
}

static struct folder_unread unread;

static struct folder_maps *open_folders(const char *cache_dir)
{
    if (!unread.arena)
        unread.arena = arena_new((size_t)1 << 20);
    assert_non_null(unread.arena);
    struct folder_maps *m = folder_maps_new(cache_dir, &unread);
    assert_non_null(m);
    return m;
}

static bool find(struct folder_maps *m, const struct script_id *id, struct map_found *out)
{
    const char *const dirs[] = { folders[0], folders[1], folders[0] };
    return folder_maps_find(m, dirs, 3, id, out);
}

static const struct {
    const char *what;
    struct {
        const char *path, *content;
    } files[4];
    struct script_id id;
    const char *want; /* source at 1:1; NULL: no map */
} cases[] = {
    { "two scripts name it",
      { { "0/a.js", NAMES("o.map") }, { "0/b.js", NAMES("o.map") }, { "0/o.map", MAP("s", "") } },
      { .name = STR_INIT("a.js") },
      NULL },
    { "the other",
      { { "0/a.js", NAMES("o.map") }, { "0/b.js", NAMES("o.map") }, { "0/o.map", MAP("s", "") } },
      { .name = STR_INIT("b.js") },
      NULL },
    { "it says whose it is",
      { { "0/a.js", NAMES("o.map") },
        { "0/b.js", NAMES("o.map") },
        { "0/o.map", MAP("s", ",\"file\":\"dist/b.js\"") } },
      { .name = STR_INIT("b.js") },
      "s" },
    { "two name it, and one is called so",
      { { "0/a.js", NAMES("o.js.map") },
        { "0/b.js", NAMES("o.js.map") },
        { "0/o.js", "" },
        { "0/o.js.map", MAP("s", "") } },
      { .name = STR_INIT("o.js") },
      "s" },
    { "the script lies elsewhere",
      { { "0/a.js", NAMES("../1/o.map") }, { "1/o.map", MAP("s", "") } },
      { .name = STR_INIT("a.js") },
      "s" },
    { "each folder has its own",
      { { "0/a.js", "1\n//# debugId=" ID "01\n" },
        { "1/a.js", "2\n//# debugId=" ID "02\n" },
        { "0/a.js.map", MAP("s0", "") },
        { "1/a.js.map", MAP("s1", "") } },
      { .debug_id = STR_INIT(ID "02") },
      "s1" },
    { "of one time, the last name",
      { { "0/a.map", MAP("s1", ",\"file\":\"a.js\"") },
        { "0/c.map", MAP("s3", ",\"file\":\"a.js\"") },
        { "0/b.map", MAP("s2", ",\"file\":\"a.js\"") } },
      { .name = STR_INIT("a.js") },
      "s3" },
    { "that which is damaged is passed over",
      { { "0/a.map", MAP("s1", ",\"file\":\"a.js\"") },
        { "0/c.map", MAP("s3", ",\"file\":\"a.js\",\"names\":3") } },
      { .name = STR_INIT("a.js") },
      "s1" },
    { "the id of an inner object",
      { { "0/a.map", MAP("s", ",\"x\":{\"debugId\":\"" ID "01\"}") } },
      { .debug_id = STR_INIT(ID "01") },
      NULL },
    { "a file that is called like its map",
      { { "0/" ID "01-a.js.map", MAP("s", "") } },
      { .name = STR_INIT("a.js") },
      "s" },
};

static void found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int back = 0; back < 2; back++) { /* made in both orders */
            struct map_found map;
            struct mapcache_spot spot;
            empty();
            for (int k = 0; k < 4; k++) {
                int from = back ? 3 - k : k;
                if (cases[i].files[from].path)
                    put(cases[i].files[from].path, cases[i].files[from].content);
            }
            struct folder_maps *m = open_folders(back ? cache : NULL);
            bool is = find(m, &cases[i].id, &map);
            if (is != !!cases[i].want)
                fail_msg("%s: %s", cases[i].what, is ? "found" : "not found");
            if (is) {
                assert_true(mapcache_find(map.map, 1, 1, &spot));
                if (!str_eq(spot.file, str_from_c(cases[i].want)))
                    fail_msg("%s: %.*s", cases[i].what, STR_ARG(spot.file));
                folder_maps_release(m, &map);
            }
            folder_maps_free(m);
        }
}

static void put_numbered(int number)
{
    char path[32], content[200];
    snprintf(path, sizeof path, "0/%d.map", number);
    snprintf(content, sizeof content, MAP("s%d", ",\"debugId\":\"" ID "%02d\""), number, number);
    put(path, content);
}

static void lend(struct folder_maps *m, int number, struct map_found *out)
{
    char digits[64], want[16];
    struct mapcache_spot spot;
    snprintf(digits, sizeof digits, ID "%02d", number);
    const struct script_id id = { .debug_id = str_from_c(digits) };
    assert_true(find(m, &id, out));
    snprintf(want, sizeof want, "s%d", number);
    assert_true(mapcache_find(out->map, 1, 1, &spot) && str_eq(spot.file, str_from_c(want)));
}

/* Files of the cache that are mapped into memory. */
static int count_open(void)
{
    char line[512];
    int n = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        n += strstr(line, cache) != NULL;
    fclose(f);
    return n;
}

static int count_kept(void)
{
    int n = 0;
    DIR *list = opendir(cache);
    assert_non_null(list);
    for (const struct dirent *d = readdir(list); d; d = readdir(list))
        n += d->d_name[0] != '.';
    closedir(list);
    return n;
}

static void only_what_is_wanted(void **state)
{
    (void)state;
    enum { MAPS = 3 * FOLDER_MAPS_HELD_MAX };
    struct map_found lent[MAPS];
    empty();
    for (int i = 0; i < MAPS; i++)
        put_numbered(i);
    struct folder_maps *m = open_folders(cache);
    lend(m, 7, &lent[7]);
    assert_int_equal(count_kept(), 1);
    folder_maps_release(m, &lent[7]);
    for (int i = 0; i < MAPS; i++)
        lend(m, i, &lent[i]);
    assert_int_equal(count_open(), MAPS); /* all are lent */
    struct map_found again;
    lend(m, 0, &again);
    for (int i = 0; i < MAPS; i++)
        folder_maps_release(m, &lent[i]);
    assert_int_equal(count_open(), FOLDER_MAPS_HELD_MAX + 1);
    struct mapcache_spot spot;
    assert_true(mapcache_find(again.map, 1, 1, &spot)); /* it is still lent */
    folder_maps_release(m, &again);
    assert_int_equal(count_open(), FOLDER_MAPS_HELD_MAX);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < MAPS; i++) {
            lend(m, i, &lent[i]);
            folder_maps_release(m, &lent[i]);
            assert_int_equal(count_open(), FOLDER_MAPS_HELD_MAX);
        }
    assert_int_equal(count_kept(), MAPS);
    folder_maps_free(m);
    assert_int_equal(count_open(), 0);
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(place) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    return nftw(place, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found),
        cmocka_unit_test(only_what_is_wanted),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
