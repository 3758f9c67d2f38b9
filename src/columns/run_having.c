/* run_having.c - conditions on groups. */
#include "columns/run_group.h"
#include "columns/run_parts.h"

#include <stdio.h>

/* The value that a condition is about; unset where the fold says nothing. */
static struct cell having_value(const struct ask_having *h, enum fold_op op,
                                const struct folded *folded)
{
    if (op == FOLD_DISTRIBUTION)
        return (struct cell){ .type = CELL_UINT,
                              .u = h->value_at == 0 ? folded->distinct : folded->rest };
    if (h->value_at >= folded->count)
        return (struct cell){ .type = CELL_UNSET };
    return folded->values[h->value_at].value;
}

/* Makes *value what *is can be compared with; false: it cannot be. */
static bool make_comparable(const struct cell *is, struct cell *value, char *room, size_t room_size)
{
    switch (is->type) {
    case CELL_UNSET:
        return false;
    case CELL_BOOL: {
        bool b;
        if (!value_bool(*value, &b))
            return false;
        *value = (struct cell){ .type = CELL_BOOL, .b = b };
        return true;
    }
    case CELL_STRING:
        if (value->type == CELL_UINT || value->type == CELL_INT) {
            int n = value->type == CELL_UINT
                        ? snprintf(room, room_size, "%llu", (unsigned long long)value->u)
                        : snprintf(room, room_size, "%lld", (long long)value->i);
            *value = (struct cell){ .type = CELL_STRING, .s = { room, (size_t)n } };
        }
        return value->type == CELL_STRING;
    default:
        return value_number(*value, value);
    }
}

static bool one_holds(const struct ask_having *h, const struct cell *is)
{
    char room[32];
    struct cell value = h->value;
    if (!make_comparable(is, &value, room, sizeof room))
        return h->op == HAVING_NOT_EQUAL;
    int order = value_compare(is, &value);
    switch (h->op) {
    case HAVING_EQUAL:
        return order == 0;
    case HAVING_NOT_EQUAL:
        return order != 0;
    case HAVING_LESS:
        return order < 0;
    case HAVING_GREATER:
        return order > 0;
    case HAVING_AT_LEAST:
        return order >= 0;
    case HAVING_AT_MOST:
        return order <= 0;
    }
    return false;
}

bool having_holds(const struct ask *q, const struct having_groups *h, uint32_t group)
{
    for (size_t i = 0; i < q->having_count; i++) {
        const struct ask_having *condition = &q->having[i];
        struct cell is = { .type = CELL_UINT, .u = group_size(h->groups, group) };
        if (!condition->is_count)
            is = having_value(condition, q->folds[condition->fold].op,
                              &h->folded[group * h->fold_count + h->place_of[condition->fold]]);
        if (!one_holds(condition, &is))
            return false;
    }
    return true;
}
