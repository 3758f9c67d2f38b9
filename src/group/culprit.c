/* culprit.c - see the header. */
#include "group/culprit.h"

struct culprit {
    unsigned without;
};
struct culprit *culprit_new(unsigned without)
{
    struct culprit *c = calloc(1, sizeof *c);
    if (c)
        c->without = without;
    return c;
}
void culprit_free(struct culprit *c)
{
    free(c);
}
bool culprit_nearest(struct culprit *c, const struct report *r, float least,
                     struct culprit_match *out, struct err *e)
{
    (void)c;
    (void)r;
    (void)least;
    (void)e;
    *out = (struct culprit_match){ CULPRIT_NONE, 0 };
    return true;
}
bool culprit_add(struct culprit *c, const struct report *r, uint32_t report, struct err *e)
{
    (void)c;
    (void)r;
    (void)report;
    (void)e;
    return true;
}
void culprit_keep(struct culprit *c)
{
    (void)c;
}
void culprit_undo(struct culprit *c)
{
    (void)c;
}
void culprit_undo_last(struct culprit *c)
{
    (void)c;
}
struct culprit_cost culprit_cost(const struct culprit *c)
{
    (void)c;
    return (struct culprit_cost){ 0 };
}
size_t culprit_bytes(const struct culprit *c)
{
    (void)c;
    return 0;
}
bool culprit_explain(const struct culprit *c, uint32_t query, uint32_t other,
                     const struct trace *qt, const struct trace *ot,
                     struct culprit_explanation *out, struct arena *a, struct err *e)
{
    (void)c;
    (void)query;
    (void)other;
    (void)qt;
    (void)ot;
    (void)a;
    (void)e;
    *out = (struct culprit_explanation){ 0 };
    return true;
}
bool culprit_explain_new(struct culprit *c, const struct report *r, uint32_t other,
                         struct culprit_explanation *out, struct arena *a, struct err *e)
{
    (void)c;
    (void)r;
    (void)other;
    (void)a;
    (void)e;
    *out = (struct culprit_explanation){ 0 };
    return true;
}
