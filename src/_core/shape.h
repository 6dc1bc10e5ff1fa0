/* The usual shape of a text, told sixteen bytes at a time: what is in it for sure needs no closer look.
 *
 * Each question is answered "yes" or "look closer", never "no": whoever asks goes on byte by byte, which is where the
 * rules stand in full. Nearly all cells of a feed end here, after some ten instructions for sixteen bytes. Where there
 * are no such vectors the answer is always "look closer".
 *
 * Texts of sixteen bytes and more only: their last vector overlaps the one before, so nothing past the end is read. */
#ifndef FEEDMILL_SHAPE_H
#define FEEDMILL_SHAPE_H

#include <stddef.h>
#include <string.h>

#define SHAPE_BYTES 16

#if defined(__SSE2__) && defined(__GNUC__)
#include <emmintrin.h>

static inline __m128i shape_load(const unsigned char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline __m128i shape_is(__m128i v, char byte)
{
    return _mm_cmpeq_epi8(v, _mm_set1_epi8(byte));
}

/* SSE2 compares signed bytes only; whatever is no more than `width` above `first` is its own minimum with it. */
static inline __m128i shape_is_within(__m128i v, unsigned char first, unsigned char last)
{
    __m128i above = _mm_sub_epi8(v, _mm_set1_epi8((char)first));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8((char)(last - first))), above);
}

/* Whether trimming and collapsing change nothing: no white space but single blanks, each between two other bytes. Of
 * characters beyond ASCII those stay open that start like a wide blank: U+0080 to U+00BF and U+1000 to U+3FFF. */
static inline int shape_is_collapsed(const unsigned char *p, size_t n)
{
    __m128i open = _mm_setzero_si128();
    if (n < SHAPE_BYTES || p[0] == ' ' || p[n - 1] == ' ') return 0;
    /* Steps of fifteen: each pair of neighbours stands in one vector. */
    for (size_t i = 0;; i += SHAPE_BYTES - 1) {
        if (i > n - SHAPE_BYTES) i = n - SHAPE_BYTES;
        __m128i v = shape_load(p + i);
        __m128i blank = shape_is(v, ' ');
        open = _mm_or_si128(open, _mm_and_si128(blank, _mm_srli_si128(blank, 1)));
        open = _mm_or_si128(open, shape_is_within(v, 0, 0x1F));
        open = _mm_or_si128(open, shape_is(v, (char)0xC2));
        open = _mm_or_si128(open, shape_is_within(v, 0xE1, 0xE3));
        if (i == n - SHAPE_BYTES) break;
    }
    return _mm_movemask_epi8(open) == 0;
}

/* Whether it is http[s]://, a name without user and port, and then a path or a query of the usual characters: no
 * percent sign, no fragment. */
static inline int shape_is_url(const unsigned char *p, size_t n)
{
    const unsigned char *host = p + 7, *end = p + n;
    __m128i usual = _mm_set1_epi8((char)0xFF);
    if (n < 8 + SHAPE_BYTES || memcmp(p, "http", 4) != 0) return 0;
    host += p[4] == 's';
    if (memcmp(host - 3, "://", 3) != 0) return 0;
    /* Of what RFC 3986 allows after the scheme, what feeds have. */
    for (const unsigned char *at = host;; at += SHAPE_BYTES) {
        if (at > end - SHAPE_BYTES) at = end - SHAPE_BYTES;
        __m128i v = shape_load(at);
        __m128i is_marked = _mm_or_si128(shape_is(v, '='), shape_is(v, '_'));
        __m128i is_letter = shape_is_within(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 'z');
        __m128i is_other = shape_is_within(v, '&', ';'); /* the digits, and & ' ( ) * + , - . / : ; */
        __m128i is_upper = shape_is_within(v, '?', '@');
        usual = _mm_and_si128(usual, _mm_or_si128(_mm_or_si128(is_marked, is_letter), _mm_or_si128(is_other, is_upper)));
        if (at == end - SHAPE_BYTES) break;
    }
    if (_mm_movemask_epi8(usual) != 0xFFFF) return 0;
    /* The name ends at the first / : ? or @, and the second and the last are not for here. */
    for (const unsigned char *at = host; at <= end - SHAPE_BYTES; at += SHAPE_BYTES) {
        __m128i v = shape_load(at);
        __m128i marks = _mm_or_si128(shape_is(v, '/'), _mm_or_si128(shape_is(v, ':'), shape_is_within(v, '?', '@')));
        int found = _mm_movemask_epi8(marks);
        if (found) {
            at += __builtin_ctz((unsigned)found);
            return *at == '/' || *at == '?';
        }
    }
    return 0;
}

#else

static inline int shape_is_collapsed(const unsigned char *p, size_t n)
{
    (void)p, (void)n;
    return 0;
}

static inline int shape_is_url(const unsigned char *p, size_t n)
{
    (void)p, (void)n;
    return 0;
}

#endif

#endif
