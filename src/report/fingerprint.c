/* fingerprint.c - what is hashed of a crash, and in which order it is tried: what the sender says,
 * the call stack, the message.
 *
 * What goes into the hash is written so that nothing can be taken for something else:
 *
 *     "crumple fingerprint", the rules' version and the kind in one byte each, then each text as
 *     its length in 8 bytes (low byte first) and its bytes */
#include "report/callstack.h"
#include "report/internal.h"

#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>

_Static_assert(FINGERPRINT_BYTES == crypto_hash_sha256_BYTES, "it is a SHA-256");

#define HASH_NAME "crumple fingerprint"

/* Hashed: never renumber. */
enum kind {
    KIND_STACK = 1,
    KIND_MESSAGE = 2,
    KIND_FORMAT = 3, /* nothing is known but the format */
    KIND_GIVEN = 4,  /* a word of the sender's */
    KIND_AS_SENT = 5 /* the stack, nothing taken away */
};

struct hasher {
    crypto_hash_sha256_state state;
};

static void hash_begin(struct hasher *h, enum kind kind)
{
    const unsigned char head[] = HASH_NAME;
    const unsigned char versions[] = { FINGERPRINT_RULES, (unsigned char)kind };
    crypto_hash_sha256_init(&h->state);
    crypto_hash_sha256_update(&h->state, head, sizeof head - 1);
    crypto_hash_sha256_update(&h->state, versions, sizeof versions);
}

static void hash_text(struct hasher *h, struct str s)
{
    unsigned char len[8];
    for (unsigned i = 0; i < 8; i++)
        len[i] = (unsigned char)((uint64_t)s.len >> (8 * i));
    crypto_hash_sha256_update(&h->state, len, sizeof len);
    crypto_hash_sha256_update(&h->state, (const unsigned char *)s.ptr, s.len);
}

static void hash_number(struct hasher *h, uint64_t n)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)n);
    hash_text(h, (struct str){ text, (size_t)len });
}

static void hash_end(struct hasher *h, uint8_t out[FINGERPRINT_BYTES])
{
    crypto_hash_sha256_final(&h->state, out);
}

void fingerprint_hex(const uint8_t fp[FINGERPRINT_BYTES], char out[65])
{
    sodium_bin2hex(out, 65, fp, FINGERPRINT_BYTES);
}

bool fingerprint_parse(struct str hex, uint8_t out[FINGERPRINT_BYTES])
{
    size_t len;
    return hex.len == 2 * (size_t)FINGERPRINT_BYTES &&
           sodium_hex2bin(out, FINGERPRINT_BYTES, hex.ptr, hex.len, NULL, &len, NULL) == 0 &&
           len == FINGERPRINT_BYTES;
}

/* What the sender says. */

static void hash_as_sent(const struct crash_thread *t, uint8_t out[FINGERPRINT_BYTES])
{
    struct hasher h;
    hash_begin(&h, KIND_AS_SENT);
    for (size_t i = 0; t && i < t->frame_count; i++) {
        const struct crash_frame *f = &t->frames[i];
        hash_text(&h, f->function);
        hash_text(&h, f->module);
        hash_text(&h, f->file);
        hash_number(&h, f->line);
        hash_number(&h, f->column);
    }
    hash_end(&h, out);
}

/* _mod_fingerprint: a fingerprint in hex, the word sha256, or a word of the sender's own. */
static void by_modifier(struct str value, const struct crash_thread *t,
                        uint8_t out[FINGERPRINT_BYTES])
{
    struct hasher h;
    if (fingerprint_parse(value, out))
        return;
    if (str_is_word(value, "sha256")) {
        hash_as_sent(t, out);
        return;
    }
    hash_begin(&h, KIND_GIVEN);
    hash_text(&h, value);
    hash_end(&h, out);
}

/* The message. */

/* Without numbers: words of hex digits that begin with 0x or are as long as an address, and all
 * other digits. */
static bool without_numbers(struct str s, struct arena *a, struct str *out)
{
    char *text = arena_alloc(a, s.len + 1);
    size_t len = 0;
    if (!text)
        return false;
    for (size_t i = 0, n; i < s.len; i += n) {
        size_t digits = 0;
        bool hex = true;
        for (n = 0; i + n < s.len && isalnum((unsigned char)s.ptr[i + n]); n++) {
            digits += isdigit((unsigned char)s.ptr[i + n]) != 0;
            hex &= isxdigit((unsigned char)s.ptr[i + n]) || (n == 1 && s.ptr[i] == '0');
        }
        bool number = digits > 0 && hex && (n >= 8 || (n > 2 && (s.ptr[i + 1] | 32) == 'x'));
        for (size_t k = i; k < i + n && !number; k++)
            if (!isdigit((unsigned char)s.ptr[k]))
                text[len++] = s.ptr[k];
        if (n == 0) {
            text[len++] = s.ptr[i];
            n = 1;
        }
    }
    *out = (struct str){ text, len };
    return true;
}

static bool by_message(const struct str *classifiers, size_t count, struct str message,
                       struct str format, struct arena *a, uint8_t out[FINGERPRINT_BYTES])
{
    struct hasher h;
    struct str text;
    if (!without_numbers(message, a, &text))
        return false;
    if (count == 0 && message.len == 0) {
        hash_begin(&h, KIND_FORMAT);
        hash_text(&h, format);
    } else {
        hash_begin(&h, KIND_MESSAGE);
        hash_text(&h, text);
        for (size_t i = 0; i < count; i++)
            hash_text(&h, classifiers[i]);
    }
    hash_end(&h, out);
    return true;
}

static void by_stack(const struct callstack *stack, uint8_t out[FINGERPRINT_BYTES])
{
    struct hasher h;
    hash_begin(&h, KIND_STACK);
    for (size_t i = 0; i < stack->count; i++)
        hash_text(&h, stack->names[i]);
    hash_end(&h, out);
}

static const struct crash_thread *failed_thread(const struct crash *c)
{
    return c->main_thread < c->thread_count ? &c->threads[c->main_thread] : NULL;
}

bool fingerprint_crash(const struct crash *c, struct str format, struct arena *a,
                       uint8_t out[FINGERPRINT_BYTES], struct callstack *stack, struct err *e)
{
    const struct crash_thread *t = failed_thread(c);
    const struct attribute *modifier = attributes_find(&c->attributes, STR("_mod_fingerprint"));
    const struct attribute *message = attributes_find(&c->attributes, STR("error.message"));
    *stack = (struct callstack){ 0 };
    if (t && !callstack_make(t->frames, t->frame_count, a, stack))
        return err_set(e, ERR_NOMEM, 0, "no memory for the fingerprint");
    if (modifier && modifier->text.len > 0)
        by_modifier(modifier->text, t, out);
    else if (c->has_fingerprint)
        memcpy(out, c->fingerprint, FINGERPRINT_BYTES);
    else if (stack->count > 0)
        by_stack(stack, out);
    else if (!by_message(c->classifiers, c->classifier_count, message ? message->text : STR(""),
                         format, a, out))
        return err_set(e, ERR_NOMEM, 0, "no memory for the fingerprint");
    return true;
}

/* Reports of the PartyCrasher API. */

static struct str text_of(const struct json *object, struct str key)
{
    const struct json *j = json_get(object, key);
    return j && (j->type == JSON_STRING || j->type == JSON_NUMBER) ? j->text : STR("");
}

static struct str first_of(const struct json *object, const struct str *keys, size_t count)
{
    struct str s = STR("");
    for (size_t i = 0; i < count && s.len == 0; i++)
        s = text_of(object, keys[i]);
    return s;
}

/* "0x1a2b" or "6699"; false when it is no such number. */
static bool read_number(struct str s, uint64_t *out)
{
    bool hex = s.len > 2 && s.ptr[0] == '0' && (s.ptr[1] | 32) == 'x';
    uint64_t n = 0;
    for (size_t i = hex ? 2 : 0; i < s.len; i++) {
        char c = (char)(s.ptr[i] | 32);
        unsigned digit = c >= '0' && c <= '9'          ? (unsigned)(c - '0')
                         : hex && c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                       : 16;
        if (digit == 16 || __builtin_mul_overflow(n, hex ? 16u : 10u, &n) ||
            __builtin_add_overflow(n, digit, &n))
            return false;
    }
    *out = n;
    return s.len > 0;
}

static void read_frame(const struct json *j, struct crash_frame *out)
{
    static const struct crash_generated somewhere;
    /* As we write it, as Apport does, and as Backtrace does. */
    static const struct str modules[] = { STR_INIT("module"), STR_INIT("dylib"),
                                          STR_INIT("library") };
    static const struct str files[] = { STR_INIT("file"), STR_INIT("path") };
    const struct json *guessed = json_get(j, STR("guessed"));
    const struct json *generated = json_get(j, STR("generated"));
    out->function = text_of(j, STR("function"));
    out->module = first_of(j, modules, sizeof modules / sizeof *modules);
    out->file = first_of(j, files, sizeof files / sizeof *files);
    out->has_offset = read_number(text_of(j, STR("offset")), &out->offset);
    out->generated = generated && generated->type == JSON_OBJECT ? &somewhere : NULL;
    out->guessed = guessed && str_eq(report_scalar(guessed), STR("true"));
}

static bool read_stack(const struct json *list, struct arena *a, struct callstack *out)
{
    *out = (struct callstack){ 0 };
    if (!list || list->type != JSON_LIST || list->count == 0)
        return true;
    struct crash_frame *frames = arena_zalloc(a, list->count * sizeof *frames);
    size_t count = 0;
    if (!frames)
        return false;
    for (const struct json *j = list->first; j; j = j->next)
        read_frame(j, &frames[count++]);
    return callstack_make(frames, count, a, out);
}

static bool read_texts(const struct json *list, struct arena *a, struct str **out, size_t *count)
{
    *count = 0;
    *out = NULL;
    if (!list || list->type != JSON_LIST || list->count == 0)
        return true;
    *out = arena_array(a, list->count, sizeof **out);
    if (!*out)
        return false;
    for (const struct json *j = list->first; j; j = j->next)
        if (j->type == JSON_STRING)
            (*out)[(*count)++] = j->text;
    return true;
}

bool fingerprint_report_stack(const struct json *report, struct arena *a, struct callstack *stack)
{
    return read_stack(json_get(report, STR("stacktrace")), a, stack);
}

bool fingerprint_report(const struct json *report, struct arena *a, uint8_t out[FINGERPRINT_BYTES],
                        struct callstack *stack, struct err *e)
{
    struct str *classifiers;
    size_t count;
    bool ok = fingerprint_report_stack(report, a, stack);
    if (ok && stack->count > 0) {
        by_stack(stack, out);
        return true;
    }
    ok = ok && read_texts(json_get(report, STR("classifiers")), a, &classifiers, &count) &&
         by_message(classifiers, count, text_of(report, STR("error.message")), STR("report"), a,
                    out);
    return ok || err_set(e, ERR_NOMEM, 0, "no memory for the fingerprint");
}
