/* SipHash-1-3 with 128 bits, over 64-bit words: a key's digest, under a secret of the run's own, so that nobody can
 * write a feed of keys that collide.
 *
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012); the rounds are those that Rust's and
 * Python's dictionaries settled on. */
#ifndef FEEDMILL_DIGEST_H
#define FEEDMILL_DIGEST_H

#include <stdint.h>

typedef struct {
    uint64_t v0, v1, v2, v3;
} digest_t;

static inline uint64_t digest_rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static inline void digest_round(digest_t *d)
{
    d->v0 += d->v1;
    d->v1 = digest_rotate(d->v1, 13) ^ d->v0;
    d->v0 = digest_rotate(d->v0, 32);
    d->v2 += d->v3;
    d->v3 = digest_rotate(d->v3, 16) ^ d->v2;
    d->v0 += d->v3;
    d->v3 = digest_rotate(d->v3, 21) ^ d->v0;
    d->v2 += d->v1;
    d->v1 = digest_rotate(d->v1, 17) ^ d->v2;
    d->v2 = digest_rotate(d->v2, 32);
}

static inline void digest_begin(digest_t *d, const uint64_t *secret)
{
    d->v0 = secret[0] ^ UINT64_C(0x736f6d6570736575);
    d->v1 = secret[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee;
    d->v2 = secret[0] ^ UINT64_C(0x6c7967656e657261);
    d->v3 = secret[1] ^ UINT64_C(0x7465646279746573);
}

static inline void digest_absorb(digest_t *d, uint64_t word)
{
    d->v3 ^= word;
    digest_round(d);
    d->v0 ^= word;
}

static inline uint64_t digest_squeeze(digest_t *d)
{
    digest_round(d);
    digest_round(d);
    digest_round(d);
    return d->v0 ^ d->v1 ^ d->v2 ^ d->v3;
}

static inline void digest_end(digest_t *d, uint64_t *low, uint64_t *high)
{
    d->v2 ^= 0xee;
    *low = digest_squeeze(d);
    d->v1 ^= 0xdd;
    *high = digest_squeeze(d);
}

#endif
