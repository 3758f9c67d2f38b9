/* lucene_lex.c - see lucene_lex.h. What is hard: a range has its own rules (only white space and
 * the closing brackets end a word in it), and "longest match" makes "&&a" a term but "&&" an AND.
 */
#include "query/lucene_lex.h"

#include "base/utf8.h"

#include <assert.h>

static struct str rest(const struct lexer *lx)
{
    return (struct str){ lx->text.ptr + lx->pos, lx->text.len - lx->pos };
}

static struct str slice(const struct lexer *lx, size_t from, size_t to)
{
    return (struct str){ lx->text.ptr + from, to - from };
}

size_t lex_space(struct str s)
{
    if (s.len > 0 && memchr(" \t\n\r", s.ptr[0], 4))
        return 1;
    return str_starts(s, STR("\xe3\x80\x80")) ? 3 : 0;
}

bool lex_is_special(char c)
{
    return c != '\0' && strchr("+-!():^[]\"{}~*?\\&|", c);
}

static void skip_space(struct lexer *lx)
{
    size_t n;
    while ((n = lex_space(rest(lx))) > 0)
        lx->pos += n;
}

static bool is_digit_at(const struct lexer *lx, size_t i)
{
    return i < lx->text.len && lx->text.ptr[i] >= '0' && lx->text.ptr[i] <= '9';
}

/* Digits, and a fraction if there is one with digits; may be empty. */
static struct str take_number(struct lexer *lx)
{
    size_t begin = lx->pos;
    while (is_digit_at(lx, lx->pos))
        lx->pos++;
    if (lx->pos > begin && lx->pos < lx->text.len && lx->text.ptr[lx->pos] == '.' &&
        is_digit_at(lx, lx->pos + 1)) {
        lx->pos++;
        while (is_digit_at(lx, lx->pos))
            lx->pos++;
    }
    return slice(lx, begin, lx->pos);
}

/* Where the quotation that begins at `from` ends: the index of its closing quote; 0: nowhere. */
static size_t find_quote(const struct lexer *lx, size_t from)
{
    for (size_t i = from + 1; i < lx->text.len; i++) {
        if (lx->text.ptr[i] == '\\')
            i++;
        else if (lx->text.ptr[i] == '"')
            return i;
    }
    return 0;
}

static bool lex_quoted(struct lexer *lx, struct lex_token *out, struct err *e)
{
    size_t end = find_quote(lx, lx->pos);
    if (!end)
        return err_set(e, ERR_INPUT, lx->pos, "no closing quote for the one at position %zu",
                       lx->pos);
    out->type = LEX_QUOTED;
    out->text = slice(lx, lx->pos + 1, end);
    lx->pos = end + 1;
    return true;
}

/* One end of a range, or the word TO, or nothing (an empty *word). Quotes must hold something and
 * end the word, else they are part of it. */
static void range_word(struct lexer *lx, struct str *word, bool *quoted)
{
    skip_space(lx);
    size_t begin = lx->pos, end = begin;
    while (end < lx->text.len && lx->text.ptr[end] != ']' && lx->text.ptr[end] != '}' &&
           !lex_space(slice(lx, end, lx->text.len)))
        end++;
    *quoted = false;
    if (begin < end && lx->text.ptr[begin] == '"') {
        size_t close = find_quote(lx, begin);
        if (close > begin + 1 && close + 1 >= end) {
            *quoted = true;
            *word = slice(lx, begin + 1, close);
            lx->pos = close + 1;
            return;
        }
    }
    *word = slice(lx, begin, end);
    lx->pos = end;
}

/* One end of the range: neither missing nor the bare word TO. */
static bool range_end(struct lexer *lx, struct str word, bool quoted, bool *open, struct err *e)
{
    if (word.len == 0 && lx->pos == lx->text.len)
        return err_set(e, ERR_INPUT, lx->pos,
                       "the range is not closed: the query ends at "
                       "position %zu",
                       lx->pos);
    if (word.len == 0 || (!quoted && str_eq(word, STR("TO")))) {
        size_t at = lx->pos - word.len;
        return err_set(e, ERR_INPUT, at, "an end of the range is missing at position %zu", at);
    }
    *open = !quoted && str_eq(word, STR("*"));
    return true;
}

/* [low TO high], with { and } where an end does not belong to it. */
static bool lex_range(struct lexer *lx, struct lex_token *out, struct err *e)
{
    struct lex_range *r = &out->range;
    bool quoted;
    out->type = LEX_RANGE;
    r->include_low = lx->text.ptr[lx->pos++] == '[';
    range_word(lx, &r->low, &quoted);
    if (!range_end(lx, r->low, quoted, &r->low_open, e))
        return false;
    range_word(lx, &r->high, &quoted);
    if (!quoted && str_eq(r->high, STR("TO"))) /* Lucene 4 lets it be left out */
        range_word(lx, &r->high, &quoted);
    if (!range_end(lx, r->high, quoted, &r->high_open, e))
        return false;
    skip_space(lx);
    if (lx->pos == lx->text.len)
        return err_set(e, ERR_INPUT, lx->pos,
                       "the range is not closed: the query ends at "
                       "position %zu",
                       lx->pos);
    char close = lx->text.ptr[lx->pos];
    if (close != ']' && close != '}')
        return err_set(e, ERR_INPUT, lx->pos, "expected ] or } at position %zu", lx->pos);
    r->include_high = close == ']';
    lx->pos++;
    return true;
}

/* Whether a term goes on with this byte; + and - may stand inside it, but not at its front. */
static bool in_term(char c, bool first)
{
    if (c == '+' || c == '-')
        return !first;
    return c == '*' || c == '?' || c == '&' || c == '|' || !lex_is_special(c);
}

static bool lex_term(struct lexer *lx, struct lex_token *out, struct err *e)
{
    size_t begin = lx->pos;
    bool wild = false;
    while (lx->pos < lx->text.len && !lex_space(rest(lx))) {
        char c = lx->text.ptr[lx->pos];
        if (c == '\\' && lx->pos + 1 < lx->text.len) {
            lx->pos += 2;
            continue;
        }
        if (!in_term(c, lx->pos == begin))
            break;
        wild |= c == '*' || c == '?';
        lx->pos++;
    }
    out->text = slice(lx, begin, lx->pos);
    if (out->text.len == 0) {
        if (lx->text.ptr[begin] == '\\')
            return err_set(e, ERR_INPUT, begin, "nothing to escape behind the \\ at position %zu",
                           begin);
        return err_set(e, ERR_INPUT, begin, "unexpected %c at position %zu", lx->text.ptr[begin],
                       begin);
    }
    if (str_eq(out->text, STR("AND")) || str_eq(out->text, STR("&&")))
        out->type = LEX_AND;
    else if (str_eq(out->text, STR("OR")) || str_eq(out->text, STR("||")))
        out->type = LEX_OR;
    else if (str_eq(out->text, STR("NOT")))
        out->type = LEX_NOT;
    else if (str_eq(out->text, STR("*")))
        out->type = LEX_STAR;
    else
        out->type = wild ? LEX_WILD : LEX_TERM;
    return true;
}

static bool lex_boost(struct lexer *lx, struct lex_token *out, struct err *e)
{
    lx->pos++;
    out->type = LEX_BOOST;
    out->text = take_number(lx);
    if (out->text.len == 0)
        return err_set(e, ERR_INPUT, lx->pos, "^ needs a number at position %zu", lx->pos);
    return true;
}

static bool lex_sign(struct lexer *lx, struct lex_token *out, enum lex_type type)
{
    out->text = slice(lx, lx->pos, lx->pos + 1);
    lx->pos++;
    size_t space = lex_space(rest(lx));
    out->type = space ? LEX_BARE : type;
    lx->pos += space;
    return true;
}

bool lex_next(struct lexer *lx, struct lex_token *out, struct err *e)
{
    skip_space(lx);
    *out = (struct lex_token){ .type = LEX_END, .at = lx->pos };
    if (lx->pos == lx->text.len)
        return true;
    switch (lx->text.ptr[lx->pos]) {
    case '"':
        return lex_quoted(lx, out, e);
    case '[':
    case '{':
        return lex_range(lx, out, e);
    case '^':
        return lex_boost(lx, out, e);
    case '~':
        lx->pos++;
        out->type = LEX_TILDE;
        out->text = take_number(lx);
        return true;
    case '+':
        return lex_sign(lx, out, LEX_PLUS);
    case '-':
        return lex_sign(lx, out, LEX_MINUS);
    case '!':
        return lex_sign(lx, out, LEX_NOT);
    case '(':
    case ')':
        out->type = lx->text.ptr[lx->pos++] == '(' ? LEX_OPEN : LEX_CLOSE;
        return true;
    case ':':
        lx->pos++;
        out->type = LEX_COLON;
        return true;
    default:
        return lex_term(lx, out, e);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u at p; -1 when they are not there. */
static int32_t hex_unit(struct str s, size_t p)
{
    int32_t unit = 0;
    if (s.len - p < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        int d = hex_digit(s.ptr[p + i]);
        if (d < 0)
            return -1;
        unit = unit << 4 | d;
    }
    return unit;
}

/* A \u escape whose digits begin at *p, perhaps with its second half behind it. Java's strings are
 * UTF-16, so a character may be written as two; half a one becomes U+FFFD. */
static bool take_unicode(struct str raw, size_t *p, uint32_t *out)
{
    int32_t unit = hex_unit(raw, *p);
    if (unit < 0)
        return false;
    *p += 4;
    *out = (uint32_t)unit;
    if (unit >= 0xd800 && unit < 0xdc00 && raw.len - *p >= 6 && raw.ptr[*p] == '\\' &&
        raw.ptr[*p + 1] == 'u') {
        int32_t low = hex_unit(raw, *p + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            *p += 6;
            *out = 0x10000 + ((uint32_t)unit - 0xd800) * 0x400 + ((uint32_t)low - 0xdc00);
        }
    }
    if (*out >= 0xd800 && *out < 0xe000)
        *out = 0xfffd;
    return true;
}

bool lex_unescape(const struct lexer *lx, struct str raw, bool pattern, struct arena *a,
                  struct str *out, struct err *e)
{
    char *p = arena_alloc(a, raw.len + 1); /* what comes out is never longer */
    size_t n = 0;
    if (!p)
        return err_set(e, ERR_NOMEM, 0, "no memory for the query");
    for (size_t i = 0; i < raw.len;) {
        size_t begin = i;
        if (raw.ptr[i] != '\\') {
            p[n++] = raw.ptr[i++];
            continue;
        }
        size_t at = (size_t)(raw.ptr - lx->text.ptr) + begin;
        if (++i == raw.len)
            return err_set(e, ERR_INPUT, at, "nothing to escape behind the \\ at position %zu", at);
        uint32_t c = (unsigned char)raw.ptr[i++];
        if (c != 'u') {
            if (pattern && (c == '*' || c == '?' || c == '\\'))
                p[n++] = '\\';
            p[n++] = (char)c;
            continue;
        }
        if (!take_unicode(raw, &i, &c))
            return err_set(e, ERR_INPUT, at,
                           "\\u needs four hexadecimal digits behind it at position %zu", at);
        if (pattern && (c == '*' || c == '?' || c == '\\'))
            p[n++] = '\\';
        n += utf8_put(c, p + n);
    }
    assert(n <= raw.len);
    *out = (struct str){ p, n };
    return true;
}
