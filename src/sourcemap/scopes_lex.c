/* scopes_lex.c - see the header. Places are kept by walking over each token's bytes once more:
 * simpler than counting in every loop, and still quick. */
#include "sourcemap/scopes_lex.h"

static char at(const struct lexer *l, size_t pos)
{
    return pos < l->text.len ? l->text.ptr[pos] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool begins_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '\\' ||
           (unsigned char)c >= 0x80;
}

static bool in_word(char c)
{
    return begins_word(c) || is_digit(c);
}

/* U+2028 and U+2029: e2 80 a8, e2 80 a9. */
static bool is_separator(const struct lexer *l, size_t pos)
{
    return at(l, pos) == '\xe2' && at(l, pos + 1) == '\x80' &&
           (at(l, pos + 2) == '\xa8' || at(l, pos + 2) == '\xa9');
}

static bool ends_line(const struct lexer *l, size_t pos)
{
    return at(l, pos) == '\n' || at(l, pos) == '\r' || is_separator(l, pos);
}

/* Bytes of the white space there: U+00A0 and the byte order mark count; 0: there is none. */
static size_t space_len(const struct lexer *l, size_t pos)
{
    char c = at(l, pos);
    if (pos >= l->text.len)
        return 0;
    if (c == ' ' || (c >= '\t' && c <= '\r'))
        return 1;
    if (c == '\xc2' && at(l, pos + 1) == '\xa0')
        return 2;
    if (is_separator(l, pos) ||
        (c == '\xef' && at(l, pos + 1) == '\xbb' && at(l, pos + 2) == '\xbf'))
        return 3;
    return 0;
}

/* Takes all up to `end`; whether a line ended in it. */
static bool go_to(struct lexer *l, size_t end)
{
    uint32_t line = l->at.line;
    for (; l->pos < end; l->pos++) {
        unsigned char c = (unsigned char)l->text.ptr[l->pos];
        if (c == '\n' || (c == '\r' && at(l, l->pos + 1) != '\n') ||
            (c >= 0xa8 && l->pos >= 2 && is_separator(l, l->pos - 2))) {
            l->at.line++;
            l->at.column = 1;
        } else if ((c & 0xc0) != 0x80) {
            l->at.column += c >= 0xf0 ? 2 : 1;
        }
    }
    return l->at.line != line;
}

static size_t find_line_end(const struct lexer *l, size_t pos)
{
    while (pos < l->text.len && !ends_line(l, pos))
        pos++;
    return pos;
}

/* Behind white space and comments from `pos` on. */
static size_t find_token(const struct lexer *l, size_t pos)
{
    for (;;) {
        size_t n = space_len(l, pos);
        if (n > 0) {
            pos += n;
        } else if (at(l, pos) == '/' && at(l, pos + 1) == '/') {
            pos = find_line_end(l, pos);
        } else if (at(l, pos) == '/' && at(l, pos + 1) == '*') {
            const char *end = pos + 2 <= l->text.len
                                  ? memmem(l->text.ptr + pos + 2, l->text.len - pos - 2, "*/", 2)
                                  : NULL;
            pos = end ? (size_t)(end - l->text.ptr) + 2 : l->text.len;
        } else {
            return pos;
        }
    }
}

void lex_init(struct lexer *l, struct str text)
{
    *l = (struct lexer){ .text = text, .at = { 1, 1 } };
    if (str_starts(text, STR("\xef\xbb\xbf"))) /* no part of the text, for engines and maps */
        l->pos = 3;
    if (at(l, l->pos) == '#' && at(l, l->pos + 1) == '!')
        go_to(l, find_line_end(l, l->pos));
}

/* Looking further than this costs a caller who asks at each token more than the answer is worth. */
#define PEEK_MAX 256

char lex_peek(const struct lexer *l)
{
    struct lexer near = *l;
    if (near.text.len - near.pos > PEEK_MAX)
        near.text.len = near.pos + PEEK_MAX;
    return at(&near, find_token(&near, near.pos));
}

/* The end of a string whose quote stands at `pos`: behind the other quote, or of the line. */
static size_t string_end(const struct lexer *l, size_t pos)
{
    char quote = at(l, pos++);
    while (pos < l->text.len && at(l, pos) != quote && at(l, pos) != '\n' && at(l, pos) != '\r')
        pos += at(l, pos) == '\\' && at(l, pos + 1) == '\r' && at(l, pos + 2) == '\n' ? 3
               : at(l, pos) == '\\'                                                   ? 2
                                                                                      : 1;
    if (pos >= l->text.len)
        return l->text.len;
    return at(l, pos) == quote ? pos + 1 : pos;
}

/* The end of a template's text from `pos` on; *open: it ends by ${. */
static size_t template_end(const struct lexer *l, size_t pos, bool *open)
{
    *open = false;
    for (; pos < l->text.len; pos++) {
        char c = at(l, pos);
        if (c == '`')
            return pos + 1;
        if (c == '$' && at(l, pos + 1) == '{') {
            *open = true;
            return pos + 2;
        }
        if (c == '\\')
            pos++;
    }
    return l->text.len;
}

/* The end of a regular expression whose slash stands at `pos`; 0: it has none in its line. */
static size_t regex_end(struct lexer *l, size_t pos)
{
    bool in_class = false;
    if (pos < l->no_regex_until)
        return 0;
    size_t p = pos + 1;
    for (; p < l->text.len && !ends_line(l, p); p++) {
        char c = at(l, p);
        if (c == '\\' && !ends_line(l, p + 1))
            p++;
        else if (c == '[')
            in_class = true;
        else if (c == ']')
            in_class = false;
        else if (c == '/' && !in_class) {
            for (p++; in_word(at(l, p));)
                p++;
            return p;
        }
    }
    l->no_regex_until = p;
    return 0;
}

static size_t number_end(const struct lexer *l, size_t pos)
{
    for (;; pos++) {
        char c = at(l, pos), before = pos > 0 ? at(l, pos - 1) : '\0';
        if (!is_digit(c) && c != '.' && !begins_word(c) &&
            !((c == '+' || c == '-') && (before == 'e' || before == 'E')))
            return pos;
    }
}

static const struct {
    char text[5];
    int mark;
} marks[] = {
    { "...", LEX_SPREAD },     { "=>", LEX_ARROW },      { "++", LEX_INCREASE },
    { "--", LEX_INCREASE },    { "||=", LEX_ASSIGN_IF }, { "&&=", LEX_ASSIGN_IF },
    { "?\?=", LEX_ASSIGN_IF }, { "===", LEX_OPERATOR },  { "!==", LEX_OPERATOR },
    { "**=", LEX_OPERATOR },   { "<<=", LEX_OPERATOR },  { "<<", LEX_OPERATOR },
    { "==", LEX_OPERATOR },    { "!=", LEX_OPERATOR },   { "<=", LEX_OPERATOR },
    { ">=", LEX_OPERATOR },    { "+=", LEX_OPERATOR },   { "-=", LEX_OPERATOR },
    { "*=", LEX_OPERATOR },    { "/=", LEX_OPERATOR },   { "%=", LEX_OPERATOR },
    { "&=", LEX_OPERATOR },    { "|=", LEX_OPERATOR },   { "^=", LEX_OPERATOR },
    { "||", LEX_OPERATOR },    { "&&", LEX_OPERATOR },   { "??", LEX_OPERATOR },
    { "**", LEX_OPERATOR },
};

static size_t take_mark(const struct lexer *l, struct lex_token *out)
{
    struct str rest = { l->text.ptr + l->pos, l->text.len - l->pos };
    if (str_starts(rest, STR("?.")) && !is_digit(at(l, l->pos + 2))) {
        out->mark = LEX_CHAIN;
        return l->pos + 2;
    }
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (marks[i].text[0] == rest.ptr[0] && str_starts(rest, str_from_c(marks[i].text))) {
            out->mark = marks[i].mark;
            return l->pos + strlen(marks[i].text);
        }
    }
    out->mark =
        strchr("()[]{},;:?.=*@<>!|&/", rest.ptr[0]) && rest.ptr[0] ? rest.ptr[0] : LEX_OPERATOR;
    return l->pos + 1;
}

/* Sets the kind and the text of the token that begins at l->pos; where it ends. */
static size_t take(struct lexer *l, bool value, struct lex_token *out)
{
    char c = at(l, l->pos);
    size_t end = l->pos;
    bool open;
    if (begins_word(c) || (c == '#' && begins_word(at(l, end + 1)))) {
        out->kind = LEX_WORD;
        for (end++; in_word(at(l, end)) && !space_len(l, end);)
            end++;
    } else if (is_digit(c) || (c == '.' && is_digit(at(l, end + 1)))) {
        out->kind = LEX_LITERAL;
        end = number_end(l, end);
    } else if (c == '"' || c == '\'') {
        out->kind = LEX_STRING;
        end = string_end(l, end);
    } else if (c == '`') {
        end = template_end(l, end + 1, &open);
        out->kind = open ? LEX_TEMPLATE_OPEN : LEX_STRING;
    } else if (c == '/' && !value && (end = regex_end(l, l->pos)) > 0) {
        out->kind = LEX_LITERAL;
    } else {
        out->kind = LEX_MARK;
        end = take_mark(l, out);
    }
    return end;
}

static void begin(struct lexer *l, struct lex_token *out)
{
    bool after_line = go_to(l, find_token(l, l->pos));
    *out = (struct lex_token){ .start = l->pos, .from = l->at, .after_line = after_line };
}

static void finish(struct lexer *l, size_t end, struct lex_token *out)
{
    size_t from = l->pos;
    go_to(l, end);
    out->to = l->at;
    out->text = (struct str){ l->text.ptr + from, l->pos - from };
    if (out->kind == LEX_STRING) {
        out->text.ptr++;
        out->text.len -= out->text.len >= 2 && l->text.ptr[end - 1] == l->text.ptr[from] ? 2 : 1;
    }
}

void scopes_lex_next(struct lexer *l, bool value, struct lex_token *out)
{
    begin(l, out);
    if (l->pos >= l->text.len) {
        out->to = out->from;
        return;
    }
    finish(l, take(l, value, out), out);
}

bool lex_template_on(struct lexer *l)
{
    bool open;
    go_to(l, template_end(l, l->pos, &open));
    return open;
}

void lex_jsx_text(struct lexer *l)
{
    size_t pos = l->pos;
    while (pos < l->text.len && at(l, pos) != '<' && at(l, pos) != '{')
        pos++;
    go_to(l, pos);
}

void lex_jsx_tag(struct lexer *l, struct lex_token *out)
{
    begin(l, out);
    char c = at(l, l->pos);
    size_t end = l->pos;
    if (l->pos >= l->text.len)
        return;
    if (c == '"' || c == '\'') {
        const char *quote = memchr(l->text.ptr + end + 1, c, l->text.len - end - 1);
        out->kind = LEX_STRING;
        end = quote ? (size_t)(quote - l->text.ptr) + 1 : l->text.len;
    } else if (begins_word(c)) {
        out->kind = LEX_WORD;
        while (end < l->text.len && !space_len(l, end) &&
               (in_word(at(l, end)) || at(l, end) == '-'))
            end++;
    } else {
        out->kind = LEX_MARK;
        out->mark = c;
        end++;
    }
    finish(l, end, out);
}

bool lex_is(const struct lex_token *t, int mark)
{
    return t->kind == LEX_MARK && t->mark == mark;
}

bool lex_is_identifier(struct str text)
{
    if (text.len == 0 || !begins_word(text.ptr[0]))
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (!in_word(text.ptr[i]))
            return false;
    return true;
}
