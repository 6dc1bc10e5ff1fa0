/* Is it UTF-8? The strict answer of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * Feeds are ASCII with words of other text in between: blocks of ASCII are skipped. Others are looked at whole
 * where the machine has AVX2, chosen once a call, and else one character at a time. */
#ifndef FEEDMILL_UTF8_H
#define FEEDMILL_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

#define UTF8_TABLE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)
#define UTF8_BYTE(faults) ((char)(unsigned char)(faults))

/* The faults of a block; those of its first bytes with the three before it. Zero if there are none. */
__attribute__((target("avx2"))) static inline __m256i utf8_faults_avx2(const unsigned char *p, __m256i block)
{
    const __m256i half = _mm256_set1_epi8(15);
    const __m256i by_first_upper = UTF8_TABLE(
        UTF8_LONG, UTF8_LONG, UTF8_LONG, UTF8_LONG, UTF8_LONG, UTF8_LONG, UTF8_LONG, UTF8_LONG,
        UTF8_BYTE(UTF8_TWO), UTF8_BYTE(UTF8_TWO), UTF8_BYTE(UTF8_TWO), UTF8_BYTE(UTF8_TWO),
        UTF8_SHORT | UTF8_OVERLONG_2, UTF8_SHORT, UTF8_SHORT | UTF8_OVERLONG_3 | UTF8_SURROGATE,
        UTF8_SHORT | UTF8_LARGE | UTF8_4_80);
    const __m256i by_first_lower = UTF8_TABLE(
        UTF8_BYTE(UTF8_ANY | UTF8_OVERLONG_2 | UTF8_OVERLONG_3 | UTF8_4_80), UTF8_BYTE(UTF8_ANY | UTF8_OVERLONG_2),
        UTF8_BYTE(UTF8_ANY), UTF8_BYTE(UTF8_ANY), UTF8_BYTE(UTF8_ANY | UTF8_LARGE),
        UTF8_BYTE(UTF8_ANY | UTF8_LARGE | UTF8_4_80), UTF8_BYTE(UTF8_ANY | UTF8_LARGE | UTF8_4_80),
        UTF8_BYTE(UTF8_ANY | UTF8_LARGE | UTF8_4_80), UTF8_BYTE(UTF8_ANY | UTF8_LARGE | UTF8_4_80),
        UTF8_BYTE(UTF8_ANY | UTF8_LARGE | UTF8_4_80), UTF8_BYTE(UTF8_ANY | UTF8_LARGE | UTF8_4_80),
        UTF8_BYTE(UTF8_ANY | UTF8_LARGE | UTF8_4_80), UTF8_BYTE(UTF8_ANY | UTF8_LARGE | UTF8_4_80),
        UTF8_BYTE(UTF8_ANY | UTF8_LARGE | UTF8_4_80 | UTF8_SURROGATE),
        UTF8_BYTE(UTF8_ANY | UTF8_LARGE | UTF8_4_80), UTF8_BYTE(UTF8_ANY | UTF8_LARGE | UTF8_4_80));
    const __m256i by_second_upper = UTF8_TABLE(
        UTF8_SHORT, UTF8_SHORT, UTF8_SHORT, UTF8_SHORT, UTF8_SHORT, UTF8_SHORT, UTF8_SHORT, UTF8_SHORT,
        UTF8_BYTE(UTF8_LONG | UTF8_TWO | UTF8_OVERLONG_2 | UTF8_OVERLONG_3 | UTF8_4_80),
        UTF8_BYTE(UTF8_LONG | UTF8_TWO | UTF8_OVERLONG_2 | UTF8_OVERLONG_3 | UTF8_LARGE),
        UTF8_BYTE(UTF8_LONG | UTF8_TWO | UTF8_OVERLONG_2 | UTF8_SURROGATE | UTF8_LARGE),
        UTF8_BYTE(UTF8_LONG | UTF8_TWO | UTF8_OVERLONG_2 | UTF8_SURROGATE | UTF8_LARGE),
        UTF8_SHORT, UTF8_SHORT, UTF8_SHORT, UTF8_SHORT);
    __m256i one_back = _mm256_loadu_si256((const __m256i *)(const void *)(p - 1));
    __m256i two_back = _mm256_loadu_si256((const __m256i *)(const void *)(p - 2));
    __m256i three_back = _mm256_loadu_si256((const __m256i *)(const void *)(p - 3));
    __m256i faults = _mm256_and_si256(
        _mm256_and_si256(
            _mm256_shuffle_epi8(by_first_upper, _mm256_and_si256(_mm256_srli_epi16(one_back, 4), half)),
            _mm256_shuffle_epi8(by_first_lower, _mm256_and_si256(one_back, half))),
        _mm256_shuffle_epi8(by_second_upper, _mm256_and_si256(_mm256_srli_epi16(block, 4), half)));
    /* The third byte of a character of three and four, and the fourth: there UTF8_TWO has to be, elsewhere not. */
    __m256i continued = _mm256_or_si256(
        _mm256_subs_epu8(two_back, _mm256_set1_epi8(0xE0 - 0x80)),
        _mm256_subs_epu8(three_back, _mm256_set1_epi8(0xF0 - 0x80)));
    return _mm256_xor_si256(_mm256_and_si256(continued, _mm256_set1_epi8(UTF8_BYTE(UTF8_TWO))), faults);
}

/* The faults of the first block of all, before which nothing may be read. */
__attribute__((target("avx2"))) static inline __m256i utf8_first_faults_avx2(__m256i block)
{
    unsigned char copy[64] = {0};
    _mm256_storeu_si256((__m256i *)(void *)(copy + 32), block);
    return utf8_faults_avx2(copy + 32, block);
}

/* n >= 32. Blocks are taken eight at a time, and looked at one by one only if there is more than ASCII in them: asking
 * each would be quicker, were its answer not a matter of luck in text of most languages. */
__attribute__((target("avx2"))) static inline int utf8_passes_avx2(const unsigned char *p, size_t n, int takes_nul)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i block = _mm256_loadu_si256((const __m256i *)(const void *)p), least = block;
    int foreign_before = _mm256_movemask_epi8(block);
    __m256i faults = foreign_before ? utf8_first_faults_avx2(block) : zero;
    size_t i = 32, end = n / 32 * 32;
    while (i < end) {
        size_t stop = end - i > UTF8_GROUP ? i + UTF8_GROUP : end;
        __m256i any = zero;
        for (size_t at = i; at < stop; at += 32) {
            block = _mm256_loadu_si256((const __m256i *)(const void *)(p + at));
            any = _mm256_or_si256(any, block);
            if (!takes_nul) least = _mm256_min_epu8(least, block);
        }
        /* An ASCII block behind another has no faults; behind any other, the end of that one may be at fault. */
        if (foreign_before | _mm256_movemask_epi8(any)) {
            for (size_t at = i; at < stop; at += 32) {
                block = _mm256_loadu_si256((const __m256i *)(const void *)(p + at));
                faults = _mm256_or_si256(faults, utf8_faults_avx2(p + at, block));
            }
        }
        foreign_before = _mm256_movemask_epi8(block);
        i = stop;
    }
    if (!_mm256_testz_si256(faults, faults)) return 0;
    if (!takes_nul && _mm256_movemask_epi8(_mm256_cmpeq_epi8(least, zero))) return 0;
    /* From the start of the character that the last block has only begun. */
    i -= p[i - 1] >= 0xC0 ? 1 : p[i - 2] >= 0xE0 ? 2 : p[i - 3] >= 0xF0 ? 3 : 0;
    return utf8_valid_words(p + i, n - i) && (takes_nul || !memchr(p + i, 0, n - i));
}

__attribute__((target("avx2"))) static int utf8_valid_avx2(const unsigned char *p, size_t n)
{
    return utf8_passes_avx2(p, n, 1);
}

__attribute__((target("avx2"))) static int utf8_clean_avx2(const unsigned char *p, size_t n)
{
    return utf8_passes_avx2(p, n, 0);
}
#endif

static inline int utf8_is_valid(const unsigned char *p, size_t n)
{
#ifdef UTF8_HAS_AVX2
    if (n >= 32 && __builtin_cpu_supports("avx2")) return utf8_valid_avx2(p, n);
#endif
    return utf8_valid_words(p, n);
}

/* Whether it is UTF-8, and has no NUL. */
static inline int utf8_is_clean(const unsigned char *p, size_t n)
{
#ifdef UTF8_HAS_AVX2
    if (n >= 32 && __builtin_cpu_supports("avx2")) return utf8_clean_avx2(p, n);
#endif
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
