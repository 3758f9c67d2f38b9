/* place_upload.c - places what comes over the Backtrace API: reports of uploads, those that were
 * made again too, attachments, the counts of submission buckets, and what those set.
 *
 * What is hard: an attachment may change an object that was stored long ago. Its attributes and its
 * report's payload are read, changed and stored again in the same transaction as the count;
 * grouping goes on with what the report was. */
#include "engine/place.h"

#include "base/log.h"
#include "decode/decode.h"
#include "engine/amend.h"
#include "engine/measures.h"
#include "engine/sampler.h"
#include "report/fingerprint.h"

/* Submission buckets. */

static bool count_use(struct batch *b, const struct upload_bucket *bucket,
                      const struct combination *c, struct err *e)
{
    struct stored_count row = { .token = bucket->token,
                                .bucket = bucket->name,
                                .combination = c->json };
    memcpy(row.key, c->key, sizeof row.key);
    if (!tally_add(&b->engine->tally, c->key, &row.count, e))
        return false;
    return VEC_PUSH(&b->counts, row) || err_set(e, ERR_NOMEM, 0, "submission buckets");
}

/* Uploads. */

static bool place_report(struct batch *b, struct upload_work *w)
{
    bool is_remade = w->ticket.again && w->old != STORE_NONE;
    if (w->job.result_count == 0)
        return true;
    if (is_remade ? !batch_place_remade(b, &w->job, w->old)
                  : !batch_check(b, &w->job) || !batch_place(b, &w->job))
        return false;
    w->unique = w->item.unique;
    w->row.report = w->item.number;
    return true;
}

/* A report that cannot be placed (a limit of the index, an id that is taken) does not stop the
 * upload: the batch begins again, with this one kept without a report. */
static bool place_or_forgo(struct batch *b, struct upload_work *w)
{
    if (place_report(b, w))
        return true;
    struct err why = w->job.err;
    if (why.code == ERR_NOMEM || why.code == ERR_IO || why.code == ERR_BUSY)
        return false; /* it may go well later */
    log_line(LOG_WARN, "upload_not_placed", "object=%llx reason=%s",
             (unsigned long long)w->upload.object, log_str(str_from_c(why.msg)));
    w->outcome = AGAIN_FAILED; /* if there is another, it stays */
    w->forgone = w->ticket.again || upload_without_report(w, &why);
    return false;
}

static bool place_counts(struct batch *b, struct upload_work *w)
{
    const struct upload_bucket *bucket = &w->upload.bucket;
    struct tally *t = &b->engine->tally;
    if (w->row.has_fingerprint && w->job.result_count == 0 &&
        !tally_fingerprint(t, w->upload.project, w->row.fingerprint, &w->unique, &w->job.err))
        return false;
    if (bucket->name.len == 0)
        return true;
    uint8_t shown[STORE_FINGERPRINT_BYTES];
    if (w->row.has_fingerprint &&
        merges_shown(&b->engine->merges, w->upload.project, w->row.fingerprint, shown) &&
        !upload_combination(w, shown))
        return false;
    w->count = tally_count(t, w->combination.key);
    return !bucket->use || count_use(b, bucket, &w->combination, &w->job.err);
}

/* Whether the object is still as it was when its work began. It may have been changed, or emptied.
 */
static bool is_as_loaded(struct batch *b, const struct upload_work *w, bool *same, struct err *e)
{
    struct stored_upload now;
    arena_reset(b->scratch);
    if (!store_upload_head(b->engine->store, w->upload.object, b->scratch, &now, e))
        return false;
    *same = now.state == w->was && now.report == w->old && str_eq(now.amended, w->row.amended);
    return true;
}

/* An object that is there: what was made of it now goes in the place of what there is. */
static bool place_again(struct batch *b, struct upload_work *w)
{
    bool same;
    w->discarded =
        objects_find(&b->engine->objects, w->upload.object, STR("")).state != OBJECT_COMMITTED;
    if (w->discarded || w->outcome == AGAIN_FAILED)
        return true;
    if (!is_as_loaded(b, w, &same, &w->job.err))
        return false;
    w->stale = !same;
    if (w->stale)
        return true;
    if (w->outcome == AGAIN_UNCHANGED) {
        w->row.report = w->old;
        w->job.result_count = 0;
    }
    return place_or_forgo(b, w) &&
           (VEC_PUSH(&b->uploads, w) || err_set(&w->job.err, ERR_NOMEM, 0, "uploads"));
}

bool batch_place_upload(struct batch *b, struct engine_job *job)
{
    struct upload_work *w = job->work->upload;
    if (w->ticket.again)
        return place_again(b, w);
    w->discarded =
        objects_find(&b->engine->objects, w->upload.object, STR("")).state != OBJECT_ACCEPTED;
    if (w->discarded)
        return true;
    if (!place_or_forgo(b, w) || !place_counts(b, w))
        return false;
    for (size_t i = 0; i < w->upload.attachment_count; i++) {
        w->attachments[i].id = ++b->engine->last_attachment;
        if (!VEC_PUSH(&b->attachments, w->attachments[i]))
            return err_set(&job->err, ERR_NOMEM, 0, "attachments");
    }
    return VEC_PUSH(&b->uploads, w) || err_set(&job->err, ERR_NOMEM, 0, "uploads");
}

/* Attachments. */

/* An object as a bucket sees it. */
struct subject {
    struct attributes attributes;
    bool has_fingerprint;
    struct str fingerprint; /* hex */
};

static bool subject_value(const void *ctx, struct str attribute, struct str *out)
{
    const struct subject *s = ctx;
    if (str_eq(attribute, STR("fingerprint")) && s->has_fingerprint) {
        *out = s->fingerprint;
        return true;
    }
    const struct attribute *found = attributes_find(&s->attributes, attribute);
    if (found)
        *out = found->text;
    return found;
}

static bool read_subject(struct batch *b, const struct stored_upload *u, struct arena *a,
                         struct subject *s, struct err *e)
{
    char hex[2 * STORE_FINGERPRINT_BYTES + 1];
    const struct amendment *earlier = amend_find(b, u->object);
    attributes_init(&s->attributes, a);
    s->has_fingerprint = u->has_fingerprint;
    uint8_t shown[STORE_FINGERPRINT_BYTES];
    (void)merges_shown(&b->engine->merges, u->project, u->fingerprint, shown);
    fingerprint_hex(shown, hex);
    if (!arena_str(a, str_from_c(hex), &s->fingerprint))
        return err_set(e, ERR_NOMEM, 0, "an attachment");
    return attributes_read(&s->attributes, earlier ? earlier->row.attributes : u->attributes, e);
}

/* Sets what the bucket says, but for what the server makes. */
static bool set_all(struct batch *b, const struct upload_bucket *bucket,
                    const struct stored_upload *u, struct arena *a, struct err *e)
{
    struct edit_value *values = arena_array(a, bucket->set_count + 1, sizeof *values);
    if (!values)
        return err_set(e, ERR_NOMEM, 0, "attributes");
    size_t count = 0;
    for (size_t i = 0; i < bucket->set_count; i++)
        if (!decode_is_from_server(bucket->set[i].attribute))
            values[count++] = (struct edit_value){ .name = bucket->set[i].attribute,
                                                   .type = attribute_type_of(bucket->set[i].value),
                                                   .text = bucket->set[i].value };
    return amend_upload(b, u, values, count, a, e);
}

/* What a bucket sees of an object that came over the PartyCrasher API: its fingerprint. */
static bool read_report(struct batch *b, uint32_t report, struct engine_attachment *t,
                        struct stored_upload *u)
{
    struct stored_report r;
    u->report = STORE_NONE;
    if (report == OBJECT_NO_REPORT)
        return true;
    if (!store_read(b->engine->store, report, t->arena, &r, &t->err))
        return false;
    u->has_fingerprint = true;
    memcpy(u->fingerprint, r.fingerprint, sizeof u->fingerprint);
    return true;
}

/* Counts the use for the object's combination, and sets what the bucket says. */
static bool use_bucket(struct batch *b, struct engine_attachment *t, uint32_t report)
{
    struct stored_upload u = { .object = t->object,
                               .project = t->project,
                               .attributes = STR("{}") };
    struct subject s;
    struct combination c;
    bool is_upload = store_upload_head(b->engine->store, t->object, t->arena, &u, &t->err);
    if (!is_upload && (t->err.code != ERR_NOT_FOUND || !read_report(b, report, t, &u)))
        return false;
    if (!read_subject(b, &u, t->arena, &s, &t->err) ||
        !combination_make(&c, &t->bucket, subject_value, &s, t->arena, &t->err) ||
        !count_use(b, &t->bucket, &c, &t->err))
        return false;
    return !is_upload || t->bucket.set_count == 0 || set_all(b, &t->bucket, &u, t->arena, &t->err);
}

bool batch_place_attachment(struct batch *b, struct engine_job *job)
{
    struct engine_attachment *t = job->work->attachment;
    struct object object = objects_find(&b->engine->objects, t->object, t->project);
    if (object.state == OBJECT_UNKNOWN)
        return err_set(&job->err, ERR_NOT_FOUND, 0, "there is no such object");
    struct stored_attachment row = {
        .id = ++b->engine->last_attachment,
        .object = t->object,
        .received_ms = job->work->received_ms,
        .name = t->attachment.name,
        .type = t->attachment.type,
        .content = t->attachment.content,
    };
    t->id = row.id;
    if (t->bucket.use && !use_bucket(b, t, object.report)) {
        job->err = t->err;
        return false;
    }
    return VEC_PUSH(&b->attachments, row) || err_set(&job->err, ERR_NOMEM, 0, "attachments");
}

/* Afterwards. */

static void put_rows(struct batch *b)
{
    for (size_t i = 0; i < b->added.len; i++) {
        const struct item *item = b->added.at[i];
        if (item->row.cells)
            row_put(b->engine, item->report.project, item->object, &item->row, item->fingerprint);
    }
    for (size_t i = 0; i < b->uploads.len; i++) {
        const struct upload_work *w = b->uploads.at[i];
        if (w->cells.cells)
            row_put(b->engine, w->row.project, w->row.object, &w->cells,
                    w->row.has_fingerprint ? w->row.fingerprint : NULL);
    }
}

/* Whether its bytes are kept, of an error that has just come. */
static void sample(struct engine *en, const struct upload_work *w)
{
    char hex[2 * STORE_FINGERPRINT_BYTES + 1];
    if (w->ticket.again || !w->row.has_fingerprint)
        return;
    fingerprint_hex(w->row.fingerprint, hex);
    (void)sampler_keeps(en->sampler, w->upload.project, str_from_c(hex), &w->attributes,
                        w->upload.object, w->upload.received_ms);
}

void batch_uploads_stored(struct batch *b)
{
    struct objects *objects = &b->engine->objects;
    put_rows(b);
    for (size_t i = 0; i < b->uploads.len; i++)
        sample(b->engine, b->uploads.at[i]);
    for (size_t i = 0; i < b->added.len; i++)
        objects_committed(objects, b->added.at[i]->object, b->base + (uint32_t)i);
    for (size_t i = 0; i < b->uploads.len; i++)
        if (b->uploads.at[i]->row.report == STORE_NONE)
            objects_committed(objects, b->uploads.at[i]->row.object, OBJECT_NO_REPORT);
    for (size_t i = 0; i < b->uploads.len; i++)
        symbols_stored(b->engine, &b->uploads.at[i]->row);
    for (size_t i = 0; i < b->amendments.len; i++)
        amend_show(b, &b->amendments.at[i]);
}
