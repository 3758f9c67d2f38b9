/* run_text.c - conditions on texts, with PCRE2 where expressions or Unicode are involved.
 *
 * What is hard: the expression comes from outside and so does the text, so compiling and matching
 * both have limits; text that is no UTF-8 is matched around its bad bytes. */
#include "columns/run_text.h"

#include "columns/run_pace.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define JIT_STACK_FIRST 32768
#define JIT_STACK_MOST ((size_t)1 << 20)

struct regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_compile_context *compile;
    pcre2_jit_stack *stack; /* NULL: not compiled to code */
};

static void free_regex(void *arg)
{
    struct regex *r = arg;
    pcre2_jit_stack_free(r->stack);
    pcre2_match_context_free(r->context);
    pcre2_match_data_free(r->match);
    pcre2_code_free(r->code);
    pcre2_compile_context_free(r->compile);
}

static bool refuse_pattern(struct str pattern, int code, size_t offset, struct err *e)
{
    char why[100];
    if (pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why) < 0)
        why[0] = '\0';
    bool shown = pattern.len <= 40;
    return err_word(e, ERR_INPUT, "bad_regular_expression",
                    "the regular expression %s%.*s%sis wrong at character %zu: %s",
                    shown ? "'" : "", shown ? (int)pattern.len : 0, pattern.ptr, shown ? "' " : "",
                    offset + 1, why);
}

/* Compiles to code what will be asked often; where that cannot be, it runs without. */
static void use_jit(struct regex *r)
{
    if (pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) != 0)
        return;
    r->stack = pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK_MOST, NULL);
    pcre2_jit_stack_assign(r->context, NULL, r->stack);
}

static bool compile_regex(struct text_test *t, uint32_t options, uint32_t texts, struct arena *a,
                          struct err *e)
{
    struct regex *r = arena_zalloc(a, sizeof *r);
    int code;
    size_t offset;
    if (!r || !arena_defer(a, free_regex, r))
        return run_no_memory(e);
    r->compile = pcre2_compile_context_create(NULL);
    r->context = pcre2_match_context_create(NULL);
    if (!r->compile || !r->context)
        return run_no_memory(e);
    pcre2_set_match_limit(r->context, TEXT_MATCH_LIMIT);
    pcre2_set_heap_limit(r->context, TEXT_HEAP_LIMIT_KIB);
    r->code =
        pcre2_compile((PCRE2_SPTR)t->value.ptr, t->value.len,
                      options | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &code, &offset, r->compile);
    if (!r->code)
        return refuse_pattern(t->value, code, offset, e);
    r->match = pcre2_match_data_create(1, NULL); /* only whether it matches */
    if (!r->match)
        return run_no_memory(e);
    if (texts >= TEXT_JIT_FROM)
        use_jit(r);
    t->regex = r;
    return true;
}

static bool is_ascii(struct str s)
{
    unsigned char all = 0;
    for (size_t i = 0; i < s.len; i++)
        all |= (unsigned char)s.ptr[i];
    return all < 0x80;
}

static unsigned char small_letter(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static bool fold_value(struct text_test *t, struct arena *a, struct err *e)
{
    char *folded = arena_alloc(a, t->value.len + 1);
    if (!folded)
        return run_no_memory(e);
    for (size_t i = 0; i < t->value.len; i++)
        folded[i] = (char)small_letter(t->value.ptr[i]);
    t->value.ptr = folded;
    t->folds = true;
    return true;
}

bool text_test_init(struct text_test *t, enum ask_op op, struct str value, bool ignore_case,
                    uint32_t texts, struct arena *a, struct err *e)
{
    bool whole = op == ASK_EQUAL || op == ASK_NOT_EQUAL;
    bool part = op == ASK_CONTAINS || op == ASK_NOT_CONTAINS;
    *t = (struct text_test){ .op = op, .value = value };
    if (op == ASK_MATCHES || op == ASK_NOT_MATCHES) {
        if (value.len > TEXT_PATTERN_MAX)
            return err_word(e, ERR_LIMIT, "query_too_large",
                            "a regular expression may have %d bytes", TEXT_PATTERN_MAX);
        return compile_regex(t, PCRE2_NEVER_BACKSLASH_C | (ignore_case ? PCRE2_CASELESS : 0), texts,
                             a, e);
    }
    if (!ignore_case || !(whole || part))
        return true;
    if (is_ascii(value) || value.len > TEXT_PATTERN_MAX)
        return fold_value(t, a, e);
    return compile_regex(
        t, PCRE2_LITERAL | PCRE2_CASELESS | (whole ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0), texts,
        a, e);
}

static bool regex_holds(const struct regex *r, struct str text, bool *holds, struct err *e)
{
    int got = pcre2_match(r->code, (PCRE2_SPTR)text.ptr, text.len, 0, 0, r->match, r->context);
    *holds = got >= 0;
    if (got >= 0 || got == PCRE2_ERROR_NOMATCH)
        return true;
    if (got == PCRE2_ERROR_NOMEMORY)
        return run_no_memory(e);
    return err_word(e, ERR_INPUT, "regular_expression_too_slow",
                    "the regular expression tries too many ways on one text: make it simpler");
}

static bool equal_folded(const char *text, struct str folded)
{
    for (size_t i = 0; i < folded.len; i++)
        if (small_letter(text[i]) != (unsigned char)folded.ptr[i])
            return false;
    return true;
}

static bool contains_folded(struct str text, struct str folded)
{
    if (folded.len == 0)
        return true;
    unsigned char first = (unsigned char)folded.ptr[0];
    for (size_t i = 0; i + folded.len <= text.len; i++)
        if (small_letter(text.ptr[i]) == first && equal_folded(text.ptr + i, folded))
            return true;
    return false;
}

bool text_test_holds(const struct text_test *t, struct str text, bool *holds, struct err *e)
{
    if (t->regex)
        return regex_holds(t->regex, text, holds, e);
    switch (t->op) {
    case ASK_EQUAL:
    case ASK_NOT_EQUAL:
        *holds = t->folds ? text.len == t->value.len && equal_folded(text.ptr, t->value)
                          : str_eq(text, t->value);
        return true;
    case ASK_AT_LEAST:
        *holds = str_cmp(text, t->value) >= 0;
        return true;
    case ASK_AT_MOST:
        *holds = str_cmp(text, t->value) <= 0;
        return true;
    case ASK_GREATER:
        *holds = str_cmp(text, t->value) > 0;
        return true;
    case ASK_LESS:
        *holds = str_cmp(text, t->value) < 0;
        return true;
    default:
        *holds = t->folds ? contains_folded(text, t->value)
                          : memmem(text.ptr, text.len, t->value.ptr, t->value.len) != NULL;
        return true;
    }
}
