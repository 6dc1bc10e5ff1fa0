/* Is it UTF-8? The strict answer of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * Feeds are ASCII with words of other text in between: groups of ASCII are skipped. Others are looked at by the block
 * with AVX2 or AVX-512 (utf8_block.h), and else one character at a time. */
#ifndef FEEDMILL_UTF8_H
#define FEEDMILL_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "scan.h"
#include "word.h"

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

#if SCAN_X86
/* What can be wrong with two bytes that follow each other. Each of three tables, by the first byte's upper
 * half, its lower half and the second byte's upper half, names the faults that its half allows; a fault that
 * all three name is there. The idea is of Keiser and Lemire, "Validating UTF-8 in less than one instruction
 * per byte" (2021). */
enum {
    UTF8_SHORT = 1,         /* a lead byte, and none that continues it */
    UTF8_LONG = 2,          /* a continuation byte behind ASCII */
    UTF8_OVERLONG_3 = 4,    /* E0 80..9F */
    UTF8_LARGE = 8,         /* F4 90..BF, F5.. 90..BF */
    UTF8_SURROGATE = 16,    /* ED A0..BF */
    UTF8_OVERLONG_2 = 32,   /* C0, C1 */
    UTF8_4_80 = 64,         /* F0 80..8F, overlong; F5.. 80..8F, too large */
    UTF8_TWO = 128,         /* two continuation bytes: a fault unless a longer character has them */
    UTF8_ANY = UTF8_SHORT | UTF8_LONG | UTF8_TWO
};

#define UTF8_GROUP 256 /* bytes: most of so many have a letter beyond ASCII, or none of all the file */

static const unsigned char UTF8_BY_FIRST_UPPER[16] = {
    UTF8_LONG, UTF8_LONG, UTF8_LONG, UTF8_LONG, UTF8_LONG, UTF8_LONG, UTF8_LONG, UTF8_LONG,
    UTF8_TWO, UTF8_TWO, UTF8_TWO, UTF8_TWO,
    UTF8_SHORT | UTF8_OVERLONG_2, UTF8_SHORT, UTF8_SHORT | UTF8_OVERLONG_3 | UTF8_SURROGATE,
    UTF8_SHORT | UTF8_LARGE | UTF8_4_80};
static const unsigned char UTF8_BY_FIRST_LOWER[16] = {
    UTF8_ANY | UTF8_OVERLONG_2 | UTF8_OVERLONG_3 | UTF8_4_80, UTF8_ANY | UTF8_OVERLONG_2,
    UTF8_ANY, UTF8_ANY, UTF8_ANY | UTF8_LARGE,
    UTF8_ANY | UTF8_LARGE | UTF8_4_80, UTF8_ANY | UTF8_LARGE | UTF8_4_80, UTF8_ANY | UTF8_LARGE | UTF8_4_80,
    UTF8_ANY | UTF8_LARGE | UTF8_4_80, UTF8_ANY | UTF8_LARGE | UTF8_4_80, UTF8_ANY | UTF8_LARGE | UTF8_4_80,
    UTF8_ANY | UTF8_LARGE | UTF8_4_80, UTF8_ANY | UTF8_LARGE | UTF8_4_80,
    UTF8_ANY | UTF8_LARGE | UTF8_4_80 | UTF8_SURROGATE,
    UTF8_ANY | UTF8_LARGE | UTF8_4_80, UTF8_ANY | UTF8_LARGE | UTF8_4_80};
static const unsigned char UTF8_BY_SECOND_UPPER[16] = {
    UTF8_SHORT, UTF8_SHORT, UTF8_SHORT, UTF8_SHORT, UTF8_SHORT, UTF8_SHORT, UTF8_SHORT, UTF8_SHORT,
    UTF8_LONG | UTF8_TWO | UTF8_OVERLONG_2 | UTF8_OVERLONG_3 | UTF8_4_80,
    UTF8_LONG | UTF8_TWO | UTF8_OVERLONG_2 | UTF8_OVERLONG_3 | UTF8_LARGE,
    UTF8_LONG | UTF8_TWO | UTF8_OVERLONG_2 | UTF8_SURROGATE | UTF8_LARGE,
    UTF8_LONG | UTF8_TWO | UTF8_OVERLONG_2 | UTF8_SURROGATE | UTF8_LARGE,
    UTF8_SHORT, UTF8_SHORT, UTF8_SHORT, UTF8_SHORT};

#define UTF8_TARGET __attribute__((target("avx2")))
#define UTF8_INLINE UTF8_TARGET static inline __attribute__((always_inline))

typedef __m256i utf8_block_avx2;

UTF8_INLINE __m256i utf8_load_avx2(const unsigned char *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
UTF8_INLINE __m256i utf8_each_avx2(unsigned char byte) { return _mm256_set1_epi8((char)byte); }

UTF8_INLINE __m256i utf8_look_up_avx2(const unsigned char *table, __m256i at)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table)), at);
}

UTF8_INLINE __m256i utf8_upper_avx2(__m256i v) { return _mm256_srli_epi16(v, 4); }
UTF8_INLINE __m256i utf8_less_avx2(__m256i v, unsigned char byte) { return _mm256_subs_epu8(v, utf8_each_avx2(byte)); }
UTF8_INLINE __m256i utf8_least_avx2(__m256i a, __m256i b) { return _mm256_min_epu8(a, b); }
UTF8_INLINE int utf8_has_bits_avx2(__m256i v) { return !_mm256_testz_si256(v, v); }
UTF8_INLINE int utf8_has_foreign_avx2(__m256i v) { return _mm256_movemask_epi8(v) != 0; }

UTF8_INLINE int utf8_has_nul_avx2(__m256i v)
{
    return _mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_setzero_si256())) != 0;
}

#define UTF8_NAME(word) word##_avx2
#include "_core/utf8_block.h"

#define UTF8_TARGET __attribute__((target("avx512f,avx512bw")))
#define UTF8_INLINE UTF8_TARGET static inline __attribute__((always_inline))

typedef __m512i utf8_block_avx512;

UTF8_INLINE __m512i utf8_load_avx512(const unsigned char *p) { return _mm512_loadu_si512(p); }
UTF8_INLINE __m512i utf8_each_avx512(unsigned char byte) { return _mm512_set1_epi8((char)byte); }

UTF8_INLINE __m512i utf8_look_up_avx512(const unsigned char *table, __m512i at)
{
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)table)), at);
}

UTF8_INLINE __m512i utf8_upper_avx512(__m512i v) { return _mm512_srli_epi16(v, 4); }
UTF8_INLINE __m512i utf8_less_avx512(__m512i v, unsigned char byte) { return _mm512_subs_epu8(v, utf8_each_avx512(byte)); }
UTF8_INLINE __m512i utf8_least_avx512(__m512i a, __m512i b) { return _mm512_min_epu8(a, b); }
UTF8_INLINE int utf8_has_bits_avx512(__m512i v) { return _mm512_test_epi64_mask(v, v) != 0; }
UTF8_INLINE int utf8_has_foreign_avx512(__m512i v) { return _mm512_movepi8_mask(v) != 0; }
UTF8_INLINE int utf8_has_nul_avx512(__m512i v) { return _mm512_testn_epi8_mask(v, v) != 0; }

#define UTF8_NAME(word) word##_avx512
#include "_core/utf8_block.h"
#endif

/* The instruction set, SCAN_*, is the plan's. */
static inline int utf8_is_valid(int isa, const unsigned char *p, size_t n)
{
#if SCAN_X86
    if (isa == SCAN_AVX512 && n >= 64) return utf8_passes_avx512(p, n, 1);
    if (isa >= SCAN_AVX2 && n >= 32) return utf8_passes_avx2(p, n, 1);
#endif
    (void)isa;
    return utf8_valid_words(p, n);
}

/* Whether it is UTF-8, and has no NUL. */
static inline int utf8_is_clean(int isa, const unsigned char *p, size_t n)
{
#if SCAN_X86
    if (isa == SCAN_AVX512 && n >= 64) return utf8_passes_avx512(p, n, 0);
    if (isa >= SCAN_AVX2 && n >= 32) return utf8_passes_avx2(p, n, 0);
#endif
    (void)isa;
    return utf8_valid_words(p, n) && (n == 0 || !memchr(p, 0, n));
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
