/* What shortcuts of numbers and moments are made of, on every set of instructions of x86: words and vectors of sixteen bytes. */
#ifndef FEEDMILL_SHORTCUT_DIGITS_H
#define FEEDMILL_SHORTCUT_DIGITS_H

#include <emmintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "civil.h"
#include "iso.h"
#include "scan.h"
#include "word.h"

#define SHORTCUT_NO_OFFSET 1000000 /* minutes */

static const double SHORTCUT_POWER_OF_TEN[8] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};
static const int64_t SHORTCUT_SCALE[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};

/* Read from 16 - n: n bytes of ones, then zeros. Read from 32 - n: zeros, then n bytes of ones. */
static const unsigned char SHORTCUT_MASK[48] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

SCAN_INLINE __m128i shortcut_first(const unsigned char *p, size_t n)
{
    __m128i mask = _mm_loadu_si128((const __m128i *)(const void *)(SHORTCUT_MASK + 16 - n));
    return _mm_and_si128(_mm_loadu_si128((const __m128i *)(const void *)p), mask);
}

SCAN_INLINE __m128i shortcut_within(__m128i v, unsigned char first, unsigned char last)
{
    __m128i above = _mm_sub_epi8(v, _mm_set1_epi8((char)first));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8((char)(last - first))), above);
}

/* The last n <= 16 bytes before `end` as digit values, zeros in front; 0 if one is no digit. */
SCAN_INLINE int shortcut_digits(const unsigned char *end, size_t n, __m128i *digits)
{
    __m128i mask = _mm_loadu_si128((const __m128i *)(const void *)(SHORTCUT_MASK + 16 + n));
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(end - 16));
    v = _mm_and_si128(_mm_sub_epi8(v, _mm_set1_epi8('0')), mask);
    *digits = v;
    return _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v)) == 0xFFFF;
}

/* The digits of n <= 8 bytes, as word_load_digits has them, and with one load: bytes before the text can be read. */
SCAN_INLINE uint64_t shortcut_load_digits(const unsigned char *p, size_t n)
{
    uint64_t kept = ~UINT64_C(0) << (64 - 8 * n);
    return (word_load(p + n - 8) & kept) | (WORD_EACH('0') & ~kept);
}

/* Digits with one point in their midst, 3 to 8 bytes: the digits as a number, and how many stand behind the point; -1
 * if it is not of that shape. */
SCAN_INLINE int shortcut_decimal(const unsigned char *p, size_t n, uint32_t *number)
{
    uint64_t word, other, points, below;
    unsigned at;
    if (n < 3 || n > 8) return -1;
    word = word_load(p + n - 8) >> (64 - 8 * n);
    other = word ^ WORD_EACH('.');
    points = (other - WORD_EACH(1)) & ~other & WORD_HIGH_BITS; /* the lowest bit is sure, and it is asked for */
    if (points == 0) return -1;
    at = (unsigned)__builtin_ctzll(points) - 7;
    if (at == 0 || at >= 8 * (n - 1)) return -1;
    below = (UINT64_C(1) << at) - 1;
    word = (word & below) | (word >> 8 & ~below);
    word = word << (8 * (9 - n)) | WORD_EACH('0') >> (8 * (n - 1));
    if (!word_is_digits(word)) return -1;
    *number = word_number(word);
    return (int)(n - 1 - at / 8);
}

/* Minutes east of UTC of Z or ±HH:MM; SHORTCUT_NO_OFFSET if it is neither. */
SCAN_INLINE int shortcut_offset(const unsigned char *p, size_t n)
{
    uint64_t word, digits;
    int minutes;
    if (n == 1) return *p == 'Z' ? 0 : SHORTCUT_NO_OFFSET;
    if (n != 6 || (*p != '+' && *p != '-') || p[3] != ':') return SHORTCUT_NO_OFFSET;
    word = word_load(p);
    digits = (word >> 8 & 0xFFFF) << 32 | (word >> 32 & 0xFFFF) << 48 | WORD_EACH('0') >> 32;
    if (!word_is_digits(digits)) return SHORTCUT_NO_OFFSET;
    minutes = (int)word_number(digits);
    if (minutes % 100 > 59) return SHORTCUT_NO_OFFSET;
    minutes = minutes / 100 * 60 + minutes % 100;
    if (minutes > ISO_OFFSET_LIMIT) return SHORTCUT_NO_OFFSET;
    return *p == '-' ? -minutes : minutes;
}

/* Microseconds from 1970 of a date and a time that are in range; 0 if there is no such day. */
SCAN_INLINE int shortcut_instant(int year, int month, int day, int second, int64_t *us)
{
    if (day > 28 && day > civil_month_days(year, month)) return 0;
    *us = civil_days(year, month, day) * CIVIL_DAY_US + second * INT64_C(1000000);
    return 1;
}

#endif
