/* Whole numbers of up to 4,096 bits: what exact conversion between decimal text and doubles takes, and no
 * more.
 *
 * The largest value met is 10^1111, the divisor of a subnormal written with 769 digits: 3,691 bits, and a
 * bit or two more when it is lined up with the dividend. Limbs have 32 bits, so that products fit in 64 on
 * any compiler. */
#ifndef FEEDMILL_BIGINT_H
#define FEEDMILL_BIGINT_H

#include <stdint.h>
#include <string.h>

#define BIGINT_LIMBS 128

typedef struct {
    int n; /* limbs in use; the highest one is not 0, and zero has none */
    uint32_t limb[BIGINT_LIMBS];
} bigint_t;

static inline void bigint_set(bigint_t *a, uint64_t value)
{
    a->n = value == 0 ? 0 : value >> 32 ? 2 : 1;
    a->limb[0] = (uint32_t)value;
    a->limb[1] = (uint32_t)(value >> 32);
}

/* a = a * factor + addend */
static inline void bigint_multiply(bigint_t *a, uint32_t factor, uint32_t addend)
{
    uint64_t carry = addend;
    for (int i = 0; i < a->n; i++) {
        carry += (uint64_t)a->limb[i] * factor;
        a->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) a->limb[a->n++] = (uint32_t)carry;
}

static inline void bigint_multiply_power_of_ten(bigint_t *a, int exponent)
{
    for (; exponent >= 9; exponent -= 9) bigint_multiply(a, 1000000000, 0);
    for (; exponent > 0; exponent--) bigint_multiply(a, 10, 0);
}

static inline void bigint_shift_left(bigint_t *a, int bits)
{
    int limbs = bits / 32;
    if (a->n == 0) return;
    bigint_multiply(a, UINT32_C(1) << (bits % 32), 0);
    memmove(a->limb + limbs, a->limb, (size_t)a->n * sizeof a->limb[0]);
    memset(a->limb, 0, (size_t)limbs * sizeof a->limb[0]);
    a->n += limbs;
}

static inline int bigint_compare(const bigint_t *a, const bigint_t *b)
{
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    for (int i = a->n - 1; i >= 0; i--) {
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
    }
    return 0;
}

/* a = a - b, for b <= a */
static inline void bigint_subtract(bigint_t *a, const bigint_t *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < a->n; i++) {
        uint64_t difference = (uint64_t)a->limb[i] - (i < b->n ? b->limb[i] : 0) - borrow;
        a->limb[i] = (uint32_t)difference;
        borrow = difference >> 63;
    }
    while (a->n > 0 && a->limb[a->n - 1] == 0) a->n--;
}

/* a = a + b */
static inline void bigint_add(bigint_t *a, const bigint_t *b)
{
    uint64_t carry = 0;
    for (int i = 0; i < a->n || i < b->n || carry != 0; i++) {
        carry += (i < a->n ? a->limb[i] : UINT64_C(0)) + (i < b->n ? b->limb[i] : 0);
        if (i >= a->n) a->n = i + 1;
        a->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* How many bits the number takes. */
static inline int bigint_bits(const bigint_t *a)
{
    int bits = 32 * a->n;
    if (bits == 0) return 0;
    for (uint32_t top = a->limb[a->n - 1]; !(top & UINT32_C(0x80000000)); top <<= 1) bits--;
    return bits;
}

#endif
