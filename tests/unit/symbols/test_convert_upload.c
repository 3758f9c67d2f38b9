/* What the helper process says of whole uploads: run in this process, told to convert all. */
#include "symbols/convert.h"
#include "symbols/convert_line.h"

#include "unit/cmocka_all.h"
#include "unit/remove_tree.h"

#include "macho_make.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY ((size_t)16 << 20)
#define LINES_MAX 8

struct said {
    struct arena *arena;
    struct convert_line lines[LINES_MAX]; /* but for the end */
    size_t count;
    struct str end;
};

static void write_all(int fd, struct str bytes)
{
    assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
}

static void read_lines(struct said *out, int fd)
{
    static char text[60000];
    struct err e = { 0 };
    ssize_t n = read(fd, text, sizeof text);
    assert_true(n > 0 && (size_t)n < sizeof text);
    struct str rest = { text, (size_t)n }, line;
    bool ended = false;
    while (str_take_line(&rest, &line) && line.len > 0) {
        struct convert_line *l = &out->lines[out->count];
        assert_true(!ended && out->count < LINES_MAX);
        assert_true(convert_line_read(l, line, out->arena, &e));
        ended = l->say == CONVERT_END;
        out->count += !ended;
        out->end = l->error;
    }
    assert_true(ended);
}

/* What is said fits into a pipe, and so do the answers. */
static void run(struct said *out, const char *name, struct str upload, size_t scripts_bytes)
{
    char dir[] = "/tmp/crumple-convert-XXXXXX";
    int say[2], listen[2], file = memfd_create("upload", MFD_CLOEXEC);
    struct err e = { 0 };
    *out = (struct said){ .arena = arena_new(MEMORY) };
    assert_true(mkdtemp(dir) && pipe(say) == 0 && pipe(listen) == 0 && file >= 0);
    write_all(file, upload);
    for (size_t i = 0; i < LINES_MAX; i++)
        write_all(listen[1], (struct str){ &(const char){ CONVERT_DO }, 1 });
    struct convert_job job = { .upload = file,
                               .scratch = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                               .say = say[1],
                               .listen = listen[0],
                               .name = str_from_c(name),
                               .limits = convert_limits() };
    if (scripts_bytes > 0)
        job.limits.scripts_bytes = scripts_bytes;
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    assert_true(convert_run(&job, &e));
    read_lines(out, say[0]);
    const int fds[] = { say[0], say[1], listen[0], listen[1], file, job.scratch };
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        close(fds[i]);
    remove_tree(dir);
}

/* One piece was asked for, and made. */
static void assert_made(const struct said *s, enum convert_kind kind, uint64_t size)
{
    if (s->count > 0 && s->lines[s->count - 1].error.len > 0)
        fail_msg("%.*s", STR_ARG(s->lines[s->count - 1].error));
    if (s->end.len > 0)
        fail_msg("%.*s", STR_ARG(s->end));
    assert_int_equal(s->count, 2);
    assert_int_equal(s->lines[0].say, CONVERT_ASK);
    assert_int_equal(s->lines[0].kind, kind);
    assert_true(s->lines[0].size == size);
    assert_int_equal(s->lines[1].say, CONVERT_MADE);
}

/* --- a fat file of one part ------------------------------------------------------------------ */

static void make_fat(struct buf *out, struct bytes part, uint32_t cpu)
{
    const uint32_t header[] = { 0xcafebabe, 1, cpu, 0, 4096, (uint32_t)part.len, 12 };
    buf_init(out, MEMORY);
    for (size_t i = 0; i < sizeof header / sizeof *header; i++)
        make_number(out, header[i], 4, true);
    while (out->len < 4096)
        buf_char(out, '\0');
    buf_add(out, part.ptr, part.len);
    assert_true(buf_ok(out));
}

/* It is what its part is alone: the same bytes, and the name without a processor's. */
static void fat_of_one(void **state)
{
    (void)state;
    static const uint8_t code[1100];
    static const struct make_section sections[] = {
        { "__TEXT", "__text", 0x80000000, MAKE_CODE, { code, sizeof code } }
    };
    static const struct make_symbol symbols[] = { { "_main", 15, 1, 0, 0x80000000 } };
    const struct make_macho m = { .is_64 = true,
                                  .cpu = MAKE_ARM64,
                                  .load_address = 0x80000000,
                                  .sections = sections,
                                  .section_count = 1,
                                  .symbols = symbols,
                                  .symbol_count = 1 };
    struct buf thin, fat;
    struct said a, b;
    make_macho(&thin, &m);
    make_fat(&fat, made_bytes(&thin), MAKE_ARM64);
    run(&a, "app", buf_view(&thin), 0);
    run(&b, "app", buf_view(&fat), 0);
    assert_made(&a, CONVERT_MACHO, thin.len);
    assert_made(&b, CONVERT_MACHO, thin.len);
    assert_true(str_eq(b.lines[0].entry, STR("app")));
    assert_memory_equal(a.lines[0].source, b.lines[0].source, CONVERT_SOURCE_BYTES);
    arena_free(a.arena);
    arena_free(b.arena);
    buf_done(&thin);
    buf_done(&fat);
}

/* --- scripts that come alone ----------------------------------------------------------------- */

#define MAP "{\"version\":3,\"sources\":[\"a\"],\"mappings\":\"AAAA\"}"
#define INLINE "//# sourceMappingURL=data:application/json," MAP_ESCAPED
#define MAP_ESCAPED "%7B%22version%22:3,%22sources%22:[%22a%22],%22mappings%22:%22AAAA%22%7D"

static void lone_scripts(void **state)
{
    (void)state;
    static const struct {
        const char *what, *name, *text;
        enum convert_kind kind; /* CONVERT_OTHER: it is none */
        bool made;
    } cases[] = {
        { "with its map", "", "let a\n" INLINE "\n", CONVERT_SCRIPT, true },
        { "of another name", "app.ts", "let a\n" INLINE "\n", CONVERT_SCRIPT, true },
        { "its map is elsewhere", "", "let a\n//# sourceMappingURL=a.js.map\n", CONVERT_SCRIPT,
          false },
        { "with a debug id", "", "let a\n//# debugId=" MAP_ESCAPED "\n", CONVERT_SCRIPT, false },
        { "that says nothing", "", "let a\n", CONVERT_OTHER, false },
        { "that says nothing, by its name", "a.js", "let a\n", CONVERT_SCRIPT, false },
        { "that speaks of such", "", "see sourceMappingURL=a.js.map\n", CONVERT_OTHER, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct said s;
        size_t length = strlen(cases[i].text);
        run(&s, cases[i].name, str_from_c(cases[i].text), 0);
        if (cases[i].made) {
            assert_made(&s, CONVERT_SCRIPT, length);
            assert_int_equal(s.lines[0].script.len, CONVERT_SCRIPT_DIGITS);
        } else if (cases[i].kind == CONVERT_OTHER) {
            assert_int_equal(s.count, 0);
            assert_true(str_has(s.end, "neither a symbol file"));
        } else if (s.count != 1 || s.lines[0].say != CONVERT_NOT_READ ||
                   s.lines[0].kind != cases[i].kind) {
            fail_msg("%s: %zu lines, %.*s", cases[i].what, s.count, STR_ARG(s.end));
        }
        arena_free(s.arena);
    }
}

/* --- a script whose text there is no room for ------------------------------------------------ */

/* One file of a tar archive. */
static void add_file(struct buf *out, const char *name, struct str content)
{
    char header[512] = "", digits[12];
    unsigned sum = 0;
    memcpy(header, name, strlen(name));
    memcpy(header + 100, "0000644", 7);
    snprintf(digits, sizeof digits, "%011zo", content.len);
    memcpy(header + 124, digits, 11);
    header[156] = '0';
    memcpy(header + 257, "ustar\00000", 8);
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < sizeof header; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    buf_add(out, header, sizeof header);
    buf_str(out, content);
    while (out->len % 512 != 0)
        buf_char(out, '\0');
}

/* Its map is another then, since it lacks the functions of the text. */
static void text_left_out(void **state)
{
    (void)state;
    static char text[5000];
    struct said s[3];
    struct buf tar;
    memset(text, ' ', sizeof text);
    buf_init(&tar, MEMORY);
    add_file(&tar, "a.js", (struct str){ text, sizeof text });
    add_file(&tar, "a.js.map", STR(MAP));
    for (size_t i = 0; i < 1024; i++)
        buf_char(&tar, '\0');
    const size_t room[] = { 0, 9000, (size_t)1 << 20 };
    for (size_t i = 0; i < 3; i++) {
        run(&s[i], "a.tar", buf_view(&tar), room[i]);
        assert_made(&s[i], CONVERT_SOURCEMAP, sizeof MAP - 1);
        assert_true(str_eq(s[i].lines[0].script, s[0].lines[0].script));
    }
    assert_memory_not_equal(s[0].lines[0].source, s[1].lines[0].source, CONVERT_SOURCE_BYTES);
    assert_memory_equal(s[0].lines[0].source, s[2].lines[0].source, CONVERT_SOURCE_BYTES);
    for (size_t i = 0; i < 3; i++)
        arena_free(s[i].arena);
    buf_done(&tar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fat_of_one),
        cmocka_unit_test(lone_scripts),
        cmocka_unit_test(text_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
