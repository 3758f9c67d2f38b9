/* unwind_rules.c - writes operations of unwind programs. */
#include "symbols/unwind_rules.h"

void unwind_op(struct buf *out, enum unwind_op op)
{
    buf_char(out, (char)op);
}

void unwind_op_u8(struct buf *out, enum unwind_op op, uint8_t operand)
{
    buf_char(out, (char)op);
    buf_char(out, (char)operand);
}

void unwind_push(struct buf *out, int64_t value)
{
    enum unwind_op op = UNWIND_PUSH_64;
    size_t bytes = 8;
    if (value == (int8_t)value) {
        op = UNWIND_PUSH_8;
        bytes = 1;
    } else if (value == (int16_t)value) {
        op = UNWIND_PUSH_16;
        bytes = 2;
    } else if (value == (int32_t)value) {
        op = UNWIND_PUSH_32;
        bytes = 4;
    }
    buf_char(out, (char)op);
    for (size_t i = 0; i < bytes; i++)
        buf_char(out, (char)((uint64_t)value >> (8 * i)));
}
