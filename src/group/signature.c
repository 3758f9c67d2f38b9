/* signature.c - see signature.h. The only clever thing is that nothing is done term by term. */
#include "group/signature.h"

#include <stdbool.h>

#include <string.h>

#define LEVELS ((1u << SIGNATURE_SUM_PLANES) - 1)
#define COUNTS ((1u << SIGNATURE_COUNT_PLANES) - 1)

/* Calls `body` with `bit` for each bit of a signature. */
#define FOR_BITS(bit, s, word, body)                                                               \
    for (uint32_t i_ = 0; i_ < SIGNATURE_WORDS; i_++)                                              \
        for (uint64_t word = (s)->words[i_]; word; word &= word - 1) {                             \
            uint32_t bit = i_ * 64 + (uint32_t)__builtin_ctzll(word);                              \
            body                                                                                   \
        }

void signature_planes_make(struct signature_planes *p, const struct signature_weights *w)
{
    memset(p, 0, sizeof *p);
    float most = 0;
    FOR_BITS(b, &w->used, rest, { most = w->sum[b] > most ? w->sum[b] : most; })
    p->unit = most / (float)LEVELS;
    float per_unit = p->unit > 0 ? 1.0f / p->unit : 0;
    FOR_BITS(b, &w->used, rest, {
        uint32_t level = (uint32_t)(w->sum[b] * per_unit) + 1; /* rounds up, and over */
        level = level > LEVELS ? LEVELS : level;
        uint32_t count = w->count[b] > COUNTS ? COUNTS : w->count[b];
        p->surplus += w->count[b] - count;
        for (uint32_t k = 0; level; k++, level >>= 1)
            p->sum[k][b / 64] |= (uint64_t)(level & 1) << b % 64;
        for (uint32_t k = 0; count; k++, count >>= 1) {
            p->count[k][b / 64] |= (uint64_t)(count & 1) << b % 64;
            p->count_planes = k >= p->count_planes ? k + 1 : p->count_planes;
        }
    })
}

static struct signature_bound bound_by_words(const struct signature_planes *p,
                                             const struct signature *s)
{
    uint64_t sum = 0, count = 0;
    for (uint32_t k = 0; k < SIGNATURE_SUM_PLANES; k++) {
        uint64_t ones = 0;
        for (uint32_t i = 0; i < SIGNATURE_WORDS; i++)
            ones += (uint64_t)__builtin_popcountll(p->sum[k][i] & s->words[i]);
        sum += ones << k;
    }
    for (uint32_t k = 0; k < p->count_planes; k++) {
        uint64_t ones = 0;
        for (uint32_t i = 0; i < SIGNATURE_WORDS; i++)
            ones += (uint64_t)__builtin_popcountll(p->count[k][i] & s->words[i]);
        count += ones << k;
    }
    return (struct signature_bound){ (float)sum * p->unit, (uint32_t)count + p->surplus };
}

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

/* The same where a register holds a whole signature: about six times as fast. */
__attribute__((target("avx512f,avx512vpopcntdq"))) static struct signature_bound
bound_at_once(const struct signature_planes *p, const struct signature *s)
{
    __m512i words = _mm512_loadu_si512(s->words);
    __m512i sum = _mm512_setzero_si512(), count = sum;
    for (uint32_t k = SIGNATURE_SUM_PLANES; k-- > 0;) {
        __m512i plane = _mm512_and_si512(words, _mm512_loadu_si512(p->sum[k]));
        sum = _mm512_add_epi64(_mm512_add_epi64(sum, sum), _mm512_popcnt_epi64(plane));
    }
    for (uint32_t k = p->count_planes; k-- > 0;) {
        __m512i plane = _mm512_and_si512(words, _mm512_loadu_si512(p->count[k]));
        count = _mm512_add_epi64(_mm512_add_epi64(count, count), _mm512_popcnt_epi64(plane));
    }
    return (struct signature_bound){ (float)_mm512_reduce_add_epi64(sum) * p->unit,
                                     (uint32_t)_mm512_reduce_add_epi64(count) + p->surplus };
}

#define OS_SAVES_REGISTERS (1u << 27) /* leaf 1, ecx: xgetbv can be asked */
#define SAVES_AVX512 0xe6             /* xcr0: xmm, ymm, zmm and masks */
#define HAS_AVX512F (1u << 16)        /* leaf 7, ebx */
#define HAS_VPOPCNTDQ (1u << 14)      /* leaf 7, ecx */

/* Asked here, since __builtin_cpu_supports asks at every start of the program, and a virtual
 * machine takes a tenth of a millisecond to answer. */
static bool has_vpopcntdq(void)
{
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OS_SAVES_REGISTERS))
        return false;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & SAVES_AVX512) == SAVES_AVX512 && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
           (b & HAS_AVX512F) && (c & HAS_VPOPCNTDQ);
}

signature_bound_fn signature_bound_best(void)
{
    return has_vpopcntdq() ? bound_at_once : bound_by_words;
}
#else
signature_bound_fn signature_bound_best(void)
{
    return bound_by_words;
}
#endif

struct signature_bound signature_bound(const struct signature_planes *p, const struct signature *s)
{
    return bound_by_words(p, s);
}
