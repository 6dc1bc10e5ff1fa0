/* The clean path of the tokenizer, 64 bytes a step; included once for each instruction set (no include guard).
 *
 * Each byte of a block becomes one bit: delimiters, row ends, quotes. The running xor of the quote bits tells which
 * bytes stand inside quotes, so separators are what is left of the delimiters and row ends outside. That rests on every
 * quote being where RFC 4180 wants it: an opening one after a separator, a closing one before a separator, and pairs
 * (a closing and an opening one) side by side. The first quote that is not stops the run; so do the characters that have
 * a meaning of their own in some dialects. What was found before the row that holds it is exact, that row goes to
 * scan_odd_row, and the run starts again after it.
 *
 * The includer defines SCAN_NAME(word), SCAN_TARGET, and in these names: block, load, equal, prefix_xor, first_bit;
 * and scan_put_positions, with SCAN_HAS_POSITIONS, if it has a better one. */

#ifndef SCAN_HAS_POSITIONS
SCAN_TARGET SCAN_INLINE uint32_t SCAN_NAME(scan_put_positions)(uint32_t *out, uint64_t mask, uint32_t base)
{
    uint32_t count = (uint32_t)__builtin_popcountll(mask);
    const uint32_t *end = out + count;
    /* Four at a time without asking: most blocks have no more, and room for a whole block was reserved. */
    do {
        /* Volatile, or compilers gather the four in a vector, which takes longer than to write them. */
        volatile uint32_t *four = out;
        for (int k = 0; k < 4; k++) {
            four[k] = base + SCAN_NAME(first_bit)(mask);
            mask &= mask - 1;
        }
        out += 4;
    } while (out < end);
    return count;
}
#endif

/* The quotes of a block that are not where they belong: a bit at the quote, or at the byte that should not follow it. */
SCAN_TARGET SCAN_INLINE uint64_t SCAN_NAME(scan_bad_quotes)(
    const scan_dialect_t *d, const scan_masks_t *m, scan_carry_t *carry, uint64_t cr)
{
    uint64_t pairs = d->double_quote ? m->quote : 0;
    uint64_t pairs_before = d->double_quote ? m->quote << 1 | carry->quote >> 63 : 0;
    uint64_t closing = m->quote & ~m->inside;
    uint64_t after = closing << 1 | carry->closing;
    uint64_t after_cr = (after & cr) << 1 | carry->closing_cr;
    uint64_t bad = m->quote & m->inside & ~(m->separator << 1 | carry->separator >> 63 | pairs_before);
    bad |= after & ~(m->separator | pairs | cr) & m->valid;
    bad |= after_cr & ~m->eol; /* also at the end of the data: a CR there is no part of a row end */
    carry->closing = closing >> 63;
    carry->closing_cr = (after & cr) >> 63;
    return bad;
}

/* Characters that only the state machine understands, each where it has a meaning. */
SCAN_TARGET SCAN_INLINE uint64_t SCAN_NAME(scan_bad_specials)(
    const scan_dialect_t *d, const SCAN_NAME(block) *b, const scan_masks_t *m, const scan_carry_t *carry)
{
    uint64_t bad = 0;
    if (d->has_escape) bad |= SCAN_NAME(equal)(b, d->escape) & (d->has_quote ? m->inside : ~UINT64_C(0));
    if (d->has_comment) bad |= SCAN_NAME(equal)(b, d->comment) & (m->row << 1 | carry->row >> 63);
    if (d->skip_blanks) bad |= SCAN_NAME(equal)(b, ' ') & (m->separator << 1 | carry->separator >> 63);
    return bad & m->valid;
}

/* Pass over what has no quotes, a stride a step: all that can be learnt there is which stride ended a row last. */
SCAN_TARGET SCAN_INLINE size_t SCAN_NAME(scan_pass_unquoted)(
    const scan_dialect_t *d, const unsigned char *p, size_t i, size_t n, size_t *ended)
{
    for (; n - i >= SCAN_STRIDE; i += SCAN_STRIDE) {
        for (int k = 0; k < SCAN_STRIDE; k += 64) __builtin_prefetch(p + i + SCAN_AHEAD + k);
        if (d->has_quote && SCAN_NAME(occurs)(p + i, d->quote)) break;
        if (SCAN_NAME(occurs)(p + i, d->eol)) *ended = i + SCAN_STRIDE;
    }
    return i;
}

/* Tokenize from the row at s->begin on. Leaves s->begin at the first row that is not finished.
 *
 * No processor guesses well whether a block ends a row, or has a separator, and each wrong guess costs more than the block
 * itself: so the next row is written down at each block, and counts only if there is one. After eight blocks without a
 * separator, nothing is written down until the next.
 *
 * The dialect and where the index is written to are kept in variables of its own: what is written could be anything's,
 * for all the compiler knows, and it would read them anew each time. */
SCAN_TARGET SCAN_INLINE int SCAN_NAME(scan_run)(
    const scan_dialect_t *dialect, const unsigned char *p, size_t n, scan_t *s, const int keep)
{
    const scan_dialect_t d = *dialect;
    scan_carry_t carry = {.separator = SCAN_LAST, .row = SCAN_LAST};
    uint64_t inside = 0, quotes = d.has_quote ? ~UINT64_C(0) : 0, crs = d.strip_cr ? ~UINT64_C(0) : 0;
    uint32_t nseparators = s->nseparators, lines = s->line;
    /* Where no index is kept: where the row that is being read begins, unless it is in the stride before `ended`; and where
     * to look for a stride without quotes again. */
    size_t begin = s->begin, ended = 0, again = d.has_special ? SIZE_MAX : s->begin;
    uint8_t lately = 1; /* which of the last blocks had a separator */
    size_t nrows = s->nrows;
    unsigned char last[64];

    if (keep) {
        if (!scan_has_room(s, 64) && !scan_grow(s, 64)) return SCAN_NO_MEMORY;
        scan_open_row(s);
    }
    uint32_t *separators = s->separators;
    scan_row_t *rows = s->rows;
    size_t room = 0; /* blocks that surely fit in what is left of the index */

    for (size_t i = s->begin;; i += 64) {
        if (!keep && i >= again && !(carry.closing | carry.closing_cr)) {
            size_t none, stop = SCAN_NAME(scan_pass_unquoted)(&d, p, i, n, inside ? &none : &ended);
            if (stop > i) {
                int is_separator = p[stop - 1] == d.delimiter || p[stop - 1] == d.eol;
                carry = (scan_carry_t){.separator = is_separator && !inside ? SCAN_LAST : 0};
            }
            again = stop + SCAN_STRIDE;
            i = stop;
        }
        size_t left = n - i;
        const unsigned char *bytes = p + i;
        __builtin_prefetch(bytes + SCAN_AHEAD);
        scan_masks_t m = {.valid = ~UINT64_C(0)};
        if (SCAN_UNLIKELY(left < 64)) {
            /* Nothing may be read past the end; zeros are never special. */
            memset(last, 0, sizeof last);
            memcpy(last, bytes, left);
            bytes = last;
            m.valid = (UINT64_C(1) << left) - 1;
        }
        SCAN_NAME(block) block = SCAN_NAME(load)(bytes);
        uint64_t delimiter = SCAN_NAME(equal)(&block, d.delimiter);
        m.eol = SCAN_NAME(equal)(&block, d.eol);
        m.quote = SCAN_NAME(equal)(&block, d.quote) & quotes;
        m.inside = SCAN_NAME(prefix_xor)(m.quote) ^ inside;
        m.separator = (delimiter | m.eol) & ~m.inside;
        m.row = m.eol & ~m.inside;

        uint64_t bad = 0;
        if (m.quote | carry.closing | carry.closing_cr)
            bad = SCAN_NAME(scan_bad_quotes)(&d, &m, &carry, SCAN_NAME(equal)(&block, '\r') & crs);
        if (SCAN_UNLIKELY(d.has_special)) bad |= SCAN_NAME(scan_bad_specials)(&d, &block, &m, &carry);
        if (SCAN_UNLIKELY(bad)) {
            uint64_t before = (bad & -bad) - 1;
            m.separator &= before;
            m.row &= before;
            m.eol &= before;
        }

        if (keep) {
            if (SCAN_UNLIKELY(room == 0)) {
                s->nseparators = nseparators;
                s->nrows = nrows;
                if (!scan_has_room(s, 64) && !scan_grow(s, 64)) return SCAN_NO_MEMORY;
                room = scan_room(s, 64);
                separators = s->separators;
                rows = s->rows;
            }
            room--;
            lately = lately << 1 | (m.separator != 0);
            if (!SCAN_UNLIKELY(lately == 0)) {
                uint64_t ends = m.row;
                do {
                    uint64_t upto = ends ^ (ends - 1);
                    scan_row_t next = {
                        (uint32_t)i + SCAN_NAME(first_bit)(ends) + 1,
                        nseparators + (uint32_t)__builtin_popcountll(m.separator & upto),
                        lines + (uint32_t)__builtin_popcountll(m.eol & upto), 0};
                    rows[nrows + 1] = next;
                    nrows += ends != 0;
                    ends &= ends - 1;
                } while (SCAN_UNLIKELY(ends));
                nseparators += SCAN_NAME(scan_put_positions)(separators + nseparators, m.separator, (uint32_t)i);
            }
            lines += (uint32_t)__builtin_popcountll(m.eol);
        } else if (m.row) {
            begin = i + 64 - (size_t)__builtin_clzll(m.row);
        }

        if (SCAN_UNLIKELY(bad) || left < 64) {
            if (!keep) {
                while (ended > begin && p[ended - 1] != d.eol) ended--;
                s->begin = ended > begin ? ended : begin;
            } else {
                s->begin = rows[nrows].begin;
                s->nrows = nrows;
                s->first = rows[nrows].first;
                s->line = rows[nrows].line;
                s->nseparators = bad ? s->first : nseparators; /* an unfinished row's are forgotten */
            }
            s->lines = lines;
            s->inside = (int64_t)m.inside < 0;
            return bad ? SCAN_ODD : SCAN_DONE;
        }
        carry.separator = m.separator;
        carry.row = m.row;
        carry.quote = m.quote;
        inside = (uint64_t)((int64_t)m.inside >> 63);
    }
}

SCAN_TARGET static int SCAN_NAME(scan_index)(
    const scan_dialect_t *d, const unsigned char *p, size_t n, scan_t *s)
{
    return SCAN_NAME(scan_run)(d, p, n, s, 1);
}

SCAN_TARGET static int SCAN_NAME(scan_ends)(
    const scan_dialect_t *d, const unsigned char *p, size_t n, scan_t *s)
{
    return SCAN_NAME(scan_run)(d, p, n, s, 0);
}

#undef SCAN_NAME
#undef SCAN_TARGET
#undef SCAN_HAS_POSITIONS
