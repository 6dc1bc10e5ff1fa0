/* From a decimal, mantissa * 10^exponent, to the nearest double, ties to even; no locale, no rounding on
 * the way.
 *
 * Three ways, each exact or silent:
 *   1. both mantissa and power of ten are doubles themselves: one multiplication or division rounds once,
 *      as wanted (W. Clinger, "How to Read Floating Point Numbers Accurately", 1990);
 *   2. mantissa * 10^exponent to 128 bits, with a bound on what was cut off: nearly always the bound
 *      decides the rounding;
 *   3. when it does not, or when there are more than nineteen digits that matter: the quotient of two
 *      whole numbers, 64 bits of it and whether anything is left.
 *
 * Ways 2 and 3 meet in float_round. */
#ifndef FEEDMILL_FLOAT_READ_H
#define FEEDMILL_FLOAT_READ_H

#include <float.h>
#include <stdint.h>
#include <string.h>

#include "bigint.h"
#include "float_powers.h"
#include "powers.h"

enum {
    FLOAT_READ = 0,
    FLOAT_OUT_OF_RANGE = 1,  /* rounds to infinity, or to zero */
    FLOAT_UNSURE = 2,        /* ask float_from_digits */
    /* Halfway between two doubles there are at most 767 significant digits, so what follows the first 768
     * only matters as "more" or "nothing more". */
    FLOAT_EXACT_DIGITS = 768
};

#define FLOAT_MANTISSA_BITS 53
#define FLOAT_FRACTION_BITS (FLOAT_MANTISSA_BITS - 1) /* the first one is not stored */
#define FLOAT_MIN_EXPONENT (-1022) /* of the first bit of the smallest double that has all its bits */
#define FLOAT_MAX_EXPONENT 1023
#define FLOAT_LARGEST_DECIMAL_EXPONENT 308    /* 1e309 rounds to infinity */
#define FLOAT_SMALLEST_DECIMAL_EXPONENT (-342) /* nineteen digits times 10^-343 round to zero */
#define FLOAT_EXACT_POWERS 22                 /* 10^22 = 5^22 * 2^22, and 5^22 < 2^53 */

static const double FLOAT_POWER_OF_TEN[FLOAT_EXACT_POWERS + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static inline float_bits_t float_multiply(uint64_t a, uint64_t b)
{
    float_bits_t out;
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 wide_t;
    wide_t product = (wide_t)a * b;
    out.high = (uint64_t)(product >> 64);
    out.low = (uint64_t)product;
#else
    uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
    uint64_t low = a_low * b_low;
    uint64_t middle = a_high * b_low + (low >> 32);
    uint64_t other = a_low * b_high + (uint32_t)middle;
    out.high = a_high * b_high + (middle >> 32) + (other >> 32);
    out.low = other << 32 | (uint32_t)low;
#endif
    return out;
}

static inline float_bits_t float_add(float_bits_t v, uint64_t addend)
{
    v.low += addend;
    v.high += v.low < addend;
    return v;
}

static inline int float_leading_zeros(uint64_t word)
{
    return __builtin_clzll(word);
}

static inline float_bits_t float_shift_left(float_bits_t v, int bits)
{
    if (bits >= 64) {
        v.high = v.low << (bits - 64);
        v.low = 0;
    } else if (bits > 0) {
        v.high = v.high << bits | v.low >> (64 - bits);
        v.low <<= bits;
    }
    return v;
}

static inline double float_of_bits(uint64_t bits)
{
    double out;
    memcpy(&out, &bits, sizeof out);
    return out;
}

/* Order v and 2^bit: -1, 0 or 1; bit is 0 to 127. */
static inline int float_compare_bit(float_bits_t v, int bit)
{
    uint64_t high = bit >= 64 ? UINT64_C(1) << (bit - 64) : 0;
    uint64_t low = bit >= 64 ? 0 : UINT64_C(1) << bit;
    if (v.high != high) return v.high < high ? -1 : 1;
    if (v.low != low) return v.low < low ? -1 : 1;
    return 0;
}

/* Round a value in [v, v + doubt) * 2^exponent, v's top bit being set; doubt 0 says: exactly v. */
static inline int float_round(float_bits_t v, int exponent, unsigned doubt, double *out)
{
    int top = exponent + 127;              /* the exponent of the value's first bit */
    int drop = 128 - FLOAT_MANTISSA_BITS;  /* bits below the mantissa */
    float_bits_t rest = v;
    uint64_t mantissa;
    int up;
    if (top > FLOAT_MAX_EXPONENT) return FLOAT_OUT_OF_RANGE;
    if (top < FLOAT_MIN_EXPONENT) drop += FLOAT_MIN_EXPONENT - top;
    if (drop > 128) return FLOAT_OUT_OF_RANGE;
    mantissa = drop == 128 ? 0 : v.high >> (drop - 64);
    if (drop < 128) rest.high = v.high & ((UINT64_C(1) << (drop - 64)) - 1);
    up = float_compare_bit(rest, drop - 1);
    if (doubt == 0) {
        up = up > 0 || (up == 0 && mantissa & 1);
    } else if (up >= 0) {
        /* At the halfway point or above; the point itself is only a tie if nothing was cut off. */
        if (up == 0) return FLOAT_UNSURE;
    } else {
        if (float_compare_bit(float_add(rest, doubt), drop - 1) > 0) return FLOAT_UNSURE;
        up = 0;
    }
    mantissa += (uint64_t)up;
    if (mantissa == 0) return FLOAT_OUT_OF_RANGE;
    /* The hidden bit adds one to the exponent field, as does a carry out of the mantissa. */
    if (top >= FLOAT_MIN_EXPONENT) mantissa += (uint64_t)(top - FLOAT_MIN_EXPONENT) << FLOAT_FRACTION_BITS;
    if (mantissa >> FLOAT_FRACTION_BITS > FLOAT_MAX_EXPONENT - FLOAT_MIN_EXPONENT + 1) return FLOAT_OUT_OF_RANGE;
    *out = float_of_bits(mantissa);
    return FLOAT_READ;
}

/* The upper 128 of the 256 bits of a * b; what is cut off is below one unit of the last bit. */
static inline float_bits_t float_multiply_high(float_bits_t a, float_bits_t b)
{
    float_bits_t out = float_multiply(a.high, b.high);
    float_bits_t one = float_multiply(a.high, b.low);
    float_bits_t other = float_multiply(a.low, b.high);
    uint64_t below = float_multiply(a.low, b.low).high;
    uint64_t carry;
    below += one.low;
    carry = below < one.low;
    below += other.low;
    carry += below < other.low;
    return float_add(float_add(float_add(out, one.high), other.high), carry);
}

/* Way 2; mantissa is not 0, and the exponent within the limits above. */
static inline int float_from_product(uint64_t mantissa, int exponent, double *out)
{
    int step = (exponent - FLOAT_POWER_FIRST * FLOAT_POWER_STEP) / FLOAT_POWER_STEP;
    int rest = exponent - (FLOAT_POWER_FIRST + step) * FLOAT_POWER_STEP;
    const float_power_t *power = &FLOAT_POWERS[step];
    float_bits_t v = float_multiply(mantissa, POWER_OF_TEN[rest]);
    int shift = v.high != 0 ? float_leading_zeros(v.high) : 64 + float_leading_zeros(v.low);
    v = float_shift_left(v, shift);
    if (FLOAT_POWER_FIRST + step == 0) return float_round(v, -shift, 0, out);
    /* Short by less than one unit for what multiplying cuts off, and by less than one for what the power
     * lacks. */
    v = float_multiply_high(v, power->bits);
    exponent = power->exponent - shift + 128;
    if (v.high >> 63) return float_round(v, exponent, 2, out);
    return float_round(float_shift_left(v, 1), exponent - 1, 4, out);
}

/* Convert mantissa * 10^exponent; `has_more`: the true mantissa lies between this one and the next, both
 * left out. */
static inline int float_from_decimal(uint64_t mantissa, int64_t exponent, int has_more, double *out)
{
    double next;
    int status;
    if (exponent > FLOAT_LARGEST_DECIMAL_EXPONENT || exponent < FLOAT_SMALLEST_DECIMAL_EXPONENT)
        return FLOAT_OUT_OF_RANGE;
#if FLT_EVAL_METHOD == 0 /* elsewhere (x87) intermediate results are wider, and would round twice */
    if (!has_more && mantissa <= UINT64_C(1) << FLOAT_MANTISSA_BITS && exponent >= -FLOAT_EXACT_POWERS &&
        exponent <= FLOAT_EXACT_POWERS) {
        *out = exponent < 0 ? (double)mantissa / FLOAT_POWER_OF_TEN[-exponent]
                            : (double)mantissa * FLOAT_POWER_OF_TEN[exponent];
        return FLOAT_READ;
    }
#endif
    status = float_from_product(mantissa, (int)exponent, out);
    if (!has_more || status == FLOAT_UNSURE) return status;
    if (float_from_product(mantissa + 1, (int)exponent, &next) != status) return FLOAT_UNSURE;
    return status != FLOAT_READ || *out == next ? status : FLOAT_UNSURE;
}

/* Way 3: digits (0 to 9, the first one not 0) * 10^exponent, for exponents near those of way 2. */
static inline int float_from_digits(const unsigned char *digits, int n, int has_more, int64_t exponent,
                                    double *out)
{
    bigint_t over, under;
    float_bits_t v = {0, 0};
    int shift;
    if (exponent + n > FLOAT_LARGEST_DECIMAL_EXPONENT + 1 || exponent + n < FLOAT_SMALLEST_DECIMAL_EXPONENT)
        return FLOAT_OUT_OF_RANGE;
    bigint_set(&over, 0);
    bigint_set(&under, 1);
    for (int i = 0; i < n; i++) bigint_multiply(&over, 10, digits[i]);
    /* One more digit that is not 0 stands for all that follow: it keeps the value off every halfway point. */
    if (has_more) {
        bigint_multiply(&over, 10, 1);
        exponent--;
    }
    if (exponent >= 0) bigint_multiply_power_of_ten(&over, (int)exponent);
    else bigint_multiply_power_of_ten(&under, (int)-exponent);
    /* Now over / under is in (1/2, 2) * 2^shift; line them up so that it is in [1, 2). */
    shift = bigint_bits(&over) - bigint_bits(&under);
    if (shift >= 0) bigint_shift_left(&under, shift);
    else bigint_shift_left(&over, -shift);
    if (bigint_compare(&over, &under) < 0) {
        bigint_multiply(&over, 2, 0);
        shift--;
    }
    for (int i = 0; i < 64; i++) {
        v.high <<= 1;
        if (bigint_compare(&over, &under) >= 0) {
            bigint_subtract(&over, &under);
            v.high |= 1;
        }
        bigint_multiply(&over, 2, 0);
    }
    v.low = over.n != 0;
    return float_round(v, shift - 127, 0, out);
}

#endif
