/* submission_answer.c - what a sender is told of its submission. docs/backtrace-api.md has the
 * members; clients look at `response`, `_rxid` and the status. */
#include "api/submission.h"

#include "base/date.h"

#include <inttypes.h>
#include <stdio.h>

#define HEX_TEXT_MAX 17
#define DECIMAL_TEXT_MAX 21

static void refuse(struct submission *s, const struct err *e)
{
    struct err no_object = { 0 };
    if (e->code != ERR_NOT_FOUND) {
        backtrace_refuse_err(s->x, e);
        return;
    }
    (void)err_word(&no_object, ERR_NOT_FOUND, "no_such_object", "%s", SUBMISSION_NO_OBJECT);
    backtrace_refuse(s->x, 400, &no_object);
}

static void write_object(struct json_writer *w, uint64_t object)
{
    char text[HEX_TEXT_MAX];
    (void)snprintf(text, sizeof text, "%" PRIx64, object);
    json_member(w, "object", str_from_c(text));
}

static void write_fingerprint(struct json_writer *w, const struct engine_upload *u)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * sizeof u->fingerprint];
    for (size_t i = 0; i < sizeof u->fingerprint; i++) {
        text[2 * i] = digits[u->fingerprint[i] >> 4];
        text[2 * i + 1] = digits[u->fingerprint[i] & 15];
    }
    json_member(w, "fingerprint", (struct str){ text, sizeof text });
    json_key(w, STR("unique"));
    json_bool(w, u->unique);
}

/* The count of the combination, and a token that whoever acts on it sends with what it sends. */
static void write_buckets(struct json_writer *w, const struct submission *s)
{
    char token[BUCKET_TOKEN_BYTES + 1];
    bucket_token_make(engine_secret(s->api->engine), s->token->number, date_now_ms(), token);
    json_key(w, STR("buckets"));
    json_object(w);
    json_key(w, s->token->bucket.name);
    json_object(w);
    json_key(w, STR("count"));
    json_int(w, (int64_t)s->upload.bucket_count);
    json_member(w, "token", str_from_c(token));
    json_object_end(w);
    json_object_end(w);
}

static void write_bucket_token(struct json_writer *w, const struct submission *s)
{
    static const char *const words[] = { [BUCKET_TOKEN_GOOD] = "counted",
                                         [BUCKET_TOKEN_EXPIRED] = "expired",
                                         [BUCKET_TOKEN_FOREIGN] = "foreign",
                                         [BUCKET_TOKEN_UNKNOWN] = "unknown" };
    if (s->has_bucket_token)
        json_member(w, "submission_bucket", str_from_c(words[s->bucket_token]));
}

static void begin(struct json_writer *w, struct submission *s, const char *rxid)
{
    json_writer_init(w, http_out(s->x));
    json_object(w);
    json_member(w, "response", STR("ok"));
    json_member(w, "_rxid", str_from_c(rxid));
}

static void end(struct json_writer *w, struct submission *s)
{
    json_object_end(w);
    buf_char(http_out(s->x), '\n');
    http_answer(s->x, 200);
}

/* What is known only when all is done. A report that was there already is not counted, so there is
 * no count to tell of. */
static void write_outcome(struct json_writer *w, const struct submission *s)
{
    const struct engine_upload *u = &s->upload;
    write_object(w, u->object);
    if (u->settled && u->has_fingerprint)
        write_fingerprint(w, u);
    if (u->settled && u->upload.bucket.name.len > 0 && !u->duplicate)
        write_buckets(w, s);
    if (u->errors.len > 0)
        backtrace_write_errors(w, u->errors);
}

void submission_answer_upload(struct submission *s)
{
    const struct engine_upload *u = &s->upload;
    struct json_writer w;
    char rxid[RXID_BYTES + 1];
    if (!u->ok) {
        refuse(s, &u->err);
        return;
    }
    rxid_make(engine_secret(s->api->engine), u->object, rxid);
    begin(&w, s, rxid);
    if (s->sync)
        write_outcome(&w, s);
    if (!u->duplicate)
        write_bucket_token(&w, s);
    end(&w, s);
}

void submission_answer_attachment(struct submission *s)
{
    const struct engine_attachment *t = &s->attachment;
    struct json_writer w;
    char rxid[RXID_BYTES + 1], id[DECIMAL_TEXT_MAX];
    if (!t->ok) {
        refuse(s, &t->err);
        return;
    }
    rxid_make_plain(s->object, rxid);
    (void)snprintf(id, sizeof id, "%" PRIu64, t->id);
    begin(&w, s, rxid);
    json_member(&w, "attachment_name", t->attachment.name);
    json_member(&w, "attachment_id", str_from_c(id));
    write_object(&w, s->object);
    write_bucket_token(&w, s);
    end(&w, s);
}
