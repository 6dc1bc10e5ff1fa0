/* The shortest decimal that reads back as the same double, and of those the nearest to it; no locale.
 *
 * Doubles in feeds mostly began as short decimals, so the first way tries one more decimal place at a
 * time: a quotient of two whole numbers below 2^53 is rounded once, so comparing it with the double is a
 * proof. Below 10^15 different decimals are different doubles, so the first one found is the only one of
 * its length.
 *
 * The second way is exact for all (G. Steele and J. White, "How to Print Floating-Point Numbers
 * Accurately", 1990): digits are taken off the value, a ratio of whole numbers, until what is left is
 * closer than half the way to both neighbours. */
#ifndef FEEDMILL_FLOAT_WRITE_H
#define FEEDMILL_FLOAT_WRITE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "bigint.h"
#include "float_read.h"

#define FLOAT_DIGITS_MOST 17
#define FLOAT_SHORT_LIMIT 1e15  /* below it, sixteen bits and more are left to tell neighbours apart */
#define FLOAT_SHORT_LEAST 1e-5
#define FLOAT_SHORT_PLACES 20   /* 1e-5 with fifteen digits */
/* The point's place in 0.0001 and in 9999999999999998.0, the extremes that repr writes without exponent. */
#define FLOAT_FIXED_LEAST (-3)
#define FLOAT_FIXED_MOST 16

/* 0.d1d2d3… * 10^point */
typedef struct {
    int n;
    int point;
    char digits[FLOAT_DIGITS_MOST + 3];
} float_decimal_t;

static inline void float_digits_of(uint64_t whole, int places, float_decimal_t *out)
{
    char reversed[20];
    int n = 0;
    for (; whole != 0; whole /= 10) reversed[n++] = (char)('0' + whole % 10);
    out->n = n;
    out->point = n - places;
    for (int i = 0; i < n; i++) out->digits[i] = reversed[n - 1 - i];
}

/* The first way; 0 if it finds nothing. */
static inline int float_write_short(double value, float_decimal_t *out)
{
#if FLT_EVAL_METHOD == 0
    if (value < FLOAT_SHORT_LEAST || value >= FLOAT_SHORT_LIMIT) return 0;
    for (int places = 0; places <= FLOAT_SHORT_PLACES; places++) {
        double scaled = value * FLOAT_POWER_OF_TEN[places];
        uint64_t whole;
        if (scaled >= FLOAT_SHORT_LIMIT) return 0;
        whole = (uint64_t)(scaled + 0.5);
        if ((double)whole / FLOAT_POWER_OF_TEN[places] == value) {
            float_digits_of(whole, places, out);
            return 1;
        }
    }
#endif
    return 0;
}

/* What is left is value / unit; above / unit and below / unit are the ways to the middle of the neighbours. */
typedef struct {
    bigint_t value;
    bigint_t unit;
    bigint_t above;
    bigint_t below;
    int is_even; /* the middle itself reads as the value */
} float_left_t;

/* Is what is left plus the way up beyond the unit (or, for an even mantissa, at it)? */
static inline int float_reaches_unit(const float_left_t *left)
{
    bigint_t sum = left->value;
    int order;
    bigint_add(&sum, &left->above);
    order = bigint_compare(&sum, &left->unit);
    return order > 0 || (order == 0 && left->is_even);
}

/* Set out from mantissa * 2^exponent; `is_first`: the double below is only half as far as the one above. */
static inline void float_left_start(float_left_t *left, uint64_t mantissa, int exponent, int is_first)
{
    int up = exponent > 0 ? exponent : 0;
    int down = exponent < 0 ? -exponent : 0;
    bigint_set(&left->value, mantissa);
    bigint_shift_left(&left->value, up + 1 + is_first);
    bigint_set(&left->unit, 1);
    bigint_shift_left(&left->unit, down + 1 + is_first);
    bigint_set(&left->above, 1);
    bigint_shift_left(&left->above, up + is_first);
    bigint_set(&left->below, 1);
    bigint_shift_left(&left->below, up);
    left->is_even = !(mantissa & 1);
}

static inline void float_left_multiply(float_left_t *left, int power)
{
    bigint_multiply_power_of_ten(&left->value, power);
    bigint_multiply_power_of_ten(&left->above, power);
    bigint_multiply_power_of_ten(&left->below, power);
}

/* Take digits off until the rest no longer matters. */
static inline void float_take_digits(float_left_t *left, float_decimal_t *out)
{
    for (out->n = 0;;) {
        int digit = 0, order, is_low, is_high;
        float_left_multiply(left, 1);
        for (; bigint_compare(&left->value, &left->unit) >= 0; digit++)
            bigint_subtract(&left->value, &left->unit);
        order = bigint_compare(&left->value, &left->below);
        is_low = order < 0 || (order == 0 && left->is_even);
        is_high = float_reaches_unit(left);
        if (is_low && is_high) {
            bigint_multiply(&left->value, 2, 0);
            order = bigint_compare(&left->value, &left->unit);
            is_high = order > 0 || (order == 0 && digit & 1);
        }
        out->digits[out->n++] = (char)('0' + digit + is_high);
        if (is_low || is_high) return;
    }
}

/* The second way, for any value above 0. */
static inline void float_write_exact(double value, float_decimal_t *out)
{
    float_left_t left;
    const uint64_t hidden = UINT64_C(1) << FLOAT_FRACTION_BITS;
    uint64_t bits, mantissa;
    int field, exponent, top;
    memcpy(&bits, &value, sizeof bits);
    field = (int)(bits >> FLOAT_FRACTION_BITS);
    mantissa = bits & (hidden - 1);
    if (field != 0) mantissa |= hidden;
    exponent = (field != 0 ? field : 1) + FLOAT_MIN_EXPONENT - FLOAT_MANTISSA_BITS;
    top = exponent + 63 - float_leading_zeros(mantissa);
    float_left_start(&left, mantissa, exponent, mantissa == hidden && field > 1);
    /* 2^top <= value < 2^(top + 1), so the point is this far right, or one place further; 2^32 * log10(2). */
    out->point = (int)((top * INT64_C(1292913986)) >> 32) + 1;
    if (out->point >= 0) bigint_multiply_power_of_ten(&left.unit, out->point);
    else float_left_multiply(&left, -out->point);
    if (float_reaches_unit(&left)) {
        bigint_multiply(&left.unit, 10, 0);
        out->point++;
    }
    float_take_digits(&left, out);
}

/* Write the decimal as Python's repr does: a point always, an exponent only for the very small and large;
 * 24 bytes. */
static inline int float_put_decimal(const float_decimal_t *decimal, char *out)
{
    char *to = out;
    int i, exponent = decimal->point - 1;
    if (decimal->point >= FLOAT_FIXED_LEAST && decimal->point <= FLOAT_FIXED_MOST) {
        if (decimal->point <= 0) *to++ = '0';
        for (i = 0; i < decimal->point; i++) *to++ = i < decimal->n ? decimal->digits[i] : '0';
        *to++ = '.';
        for (i = decimal->point; i < 0; i++) *to++ = '0';
        for (i = decimal->point > 0 ? decimal->point : 0; i < decimal->n; i++) *to++ = decimal->digits[i];
        if (decimal->n <= decimal->point) *to++ = '0';
        return (int)(to - out);
    }
    *to++ = decimal->digits[0];
    if (decimal->n > 1) *to++ = '.';
    for (i = 1; i < decimal->n; i++) *to++ = decimal->digits[i];
    *to++ = 'e';
    *to++ = exponent < 0 ? '-' : '+';
    if (exponent < 0) exponent = -exponent;
    if (exponent >= 100) *to++ = (char)('0' + exponent / 100);
    *to++ = (char)('0' + exponent / 10 % 10);
    *to++ = (char)('0' + exponent % 10);
    return (int)(to - out);
}

/* Write a double, at most 24 bytes; NaN, INF and -INF as the schema standard spells them. */
static inline int float_write(double value, char *out)
{
    float_decimal_t decimal;
    int sign = signbit(value) && !isnan(value);
    decimal.digits[0] = '0'; /* always overwritten, which no compiler sees */
    if (sign) *out++ = '-';
    if (isnan(value) || isinf(value)) {
        memcpy(out, isnan(value) ? "NaN" : "INF", 3);
        return sign + 3;
    }
    if (sign) value = -value;
    if (value == 0) {
        memcpy(out, "0.0", 3);
        return sign + 3;
    }
    if (!float_write_short(value, &decimal)) float_write_exact(value, &decimal);
    return sign + float_put_decimal(&decimal, out);
}

#endif
