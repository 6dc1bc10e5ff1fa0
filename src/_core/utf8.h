/* Is it UTF-8? The strict answer of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * Feeds are ASCII with words of other text in between. So runs of ASCII are skipped in the largest blocks
 * that the machine offers, chosen once a call, and what is left is looked at one character at a time. */
#ifndef FEEDMILL_UTF8_H
#define FEEDMILL_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "word.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define UTF8_HAS_AVX2 1
#include <immintrin.h>
#endif

/* The bytes of the character that p starts with, n > 0; 0 if it is malformed or cut off. */
static inline size_t utf8_width(const unsigned char *p, size_t n)
{
    unsigned char lead = p[0], low = 0x80, high = 0xBF;
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4) return 0;
    if (lead < 0xE0) return n > 1 && (p[1] & 0xC0) == 0x80 ? 2 : 0;
    /* The second byte is where overlong forms, surrogates and what is above U+10FFFF give themselves away. */
    if (lead == 0xE0) low = 0xA0;
    else if (lead == 0xED) high = 0x9F;
    else if (lead == 0xF0) low = 0x90;
    else if (lead == 0xF4) high = 0x8F;
    if (n < 3 || p[1] < low || p[1] > high || (p[2] & 0xC0) != 0x80) return 0;
    if (lead < 0xF0) return 3;
    return n > 3 && (p[3] & 0xC0) == 0x80 ? 4 : 0;
}

/* The bytes of whole blocks of ASCII that p starts with. */
static inline size_t utf8_ascii_words(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (n - i >= 8 && !(word_load(p + i) & WORD_HIGH_BITS)) i += 8;
    return i;
}

static inline int utf8_valid_words(const unsigned char *p, size_t n)
{
    size_t i = 0;
    for (;;) {
        i += utf8_ascii_words(p + i, n - i);
        if (i == n) return 1;
        /* To the end of this word's worth of bytes at least: text that is not ASCII rarely comes alone. */
        for (size_t stop = n - i > 8 ? i + 8 : n; i < stop;) {
            size_t width = utf8_width(p + i, n - i);
            if (width == 0) return 0;
            i += width;
        }
    }
}

#ifdef UTF8_HAS_AVX2
__attribute__((target("avx2"))) static int utf8_valid_avx2(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (n - i >= 32) {
        __m256i block = _mm256_loadu_si256((const __m256i *)(const void *)(p + i));
        unsigned foreign = (unsigned)_mm256_movemask_epi8(block);
        size_t stop;
        if (foreign == 0) {
            i += 32;
            continue;
        }
        stop = i + 32;
        i += (size_t)__builtin_ctz(foreign);
        while (i < stop) {
            size_t width = utf8_width(p + i, n - i);
            if (width == 0) return 0;
            i += width;
            /* Over the ASCII that follows, straight to the block's next byte that is not. */
            if (i < stop && p[i] < 0x80) {
                unsigned left = foreign >> (32 - (stop - i));
                i = left == 0 ? stop : i + (size_t)__builtin_ctz(left);
            }
        }
    }
    return utf8_valid_words(p + i, n - i);
}
#endif

static inline int utf8_is_valid(const unsigned char *p, size_t n)
{
#ifdef UTF8_HAS_AVX2
    if (n >= 32 && __builtin_cpu_supports("avx2")) return utf8_valid_avx2(p, n);
#endif
    return utf8_valid_words(p, n);
}

/* How many characters valid UTF-8 has: the bytes that do not continue one. */
static inline size_t utf8_count(const unsigned char *p, size_t n)
{
    size_t count = n, i = 0;
    for (; n - i >= 8; i += 8) {
        uint64_t word = word_load(p + i);
        /* A continuation byte has its high bit set and the next one not: that one, turned round, is moved
         * up onto it. */
        count -= (size_t)__builtin_popcountll(word & (~word << 1) & WORD_HIGH_BITS);
    }
    for (; i < n; i++) count -= (p[i] & 0xC0) == 0x80;
    return count;
}

#endif
