/* The loop over a row's cells, and a function for each shortcut; included once for each instruction set (no include
 * guard). shortcut.h tells what it is for.
 *
 * The includer defines SHORTCUT_NAME(word), SHORTCUT_TARGET, SHORTCUT_BLOCK, the bytes of a block, and in these names:
 * block, bits (a type with one for each byte of a block), load, store, equal, spaces, usual, is_listed, datetime. */

#define SHORTCUT_HERE SHORTCUT_TARGET SCAN_INLINE

/* The bits of a block that stand for the text, of which `left` bytes are to come. */
SHORTCUT_HERE SHORTCUT_NAME(shortcut_bits) SHORTCUT_NAME(shortcut_valid)(size_t left)
{
    SHORTCUT_NAME(shortcut_bits) one = 1;
    return left >= SHORTCUT_BLOCK ? (SHORTCUT_NAME(shortcut_bits))-1 : (one << left) - 1;
}

SHORTCUT_HERE int SHORTCUT_NAME(shortcut_has)(const unsigned char *p, size_t n, unsigned char byte)
{
    for (size_t i = 0; i < n; i += SHORTCUT_BLOCK) {
        SHORTCUT_NAME(shortcut_bits) found = SHORTCUT_NAME(shortcut_equal)(SHORTCUT_NAME(shortcut_load)(p + i), (char)byte);
        if (found & SHORTCUT_NAME(shortcut_valid)(n - i)) return 1;
    }
    return 0;
}

/* Where the text of the current slot goes; NULL if there is no room. */
SHORTCUT_HERE unsigned char *SHORTCUT_NAME(shortcut_room)(column_t *column, ptrdiff_t row, size_t n)
{
    int32_t at = column->offsets[row];
    if (SCAN_UNLIKELY(at + (ptrdiff_t)n > column->capacity)) return NULL;
    column->offsets[row + 1] = at + (int32_t)n;
    return column->data + at;
}

/* Past the text, what lands in the column is overwritten later. */
SHORTCUT_HERE void SHORTCUT_NAME(shortcut_copy)(unsigned char *out, const unsigned char *p, size_t n)
{
    size_t i = 0;
    do {
        SHORTCUT_NAME(shortcut_store)(out + i, SHORTCUT_NAME(shortcut_load)(p + i));
        i += SHORTCUT_BLOCK;
    } while (i < n);
}

/* Whether neither end can be white space: a byte beyond ASCII may end such a character. */
SHORTCUT_HERE int SHORTCUT_NAME(shortcut_is_trimmed)(const unsigned char *p, size_t n)
{
    return p[0] > ' ' && p[0] < 0x80 && p[n - 1] > ' ' && p[n - 1] < 0x80;
}

/* Copy a text and tell whether trimming and collapsing change nothing: no white space but single blanks inside. */
SHORTCUT_HERE int SHORTCUT_NAME(shortcut_copy_collapsed)(unsigned char *out, const unsigned char *p, size_t n)
{
    SHORTCUT_NAME(shortcut_bits) open = (p[0] == ' ') | (p[n - 1] == ' '), before = 0;
    size_t i = 0;
    do {
        SHORTCUT_NAME(shortcut_block) block = SHORTCUT_NAME(shortcut_load)(p + i);
        SHORTCUT_NAME(shortcut_bits) valid = SHORTCUT_NAME(shortcut_valid)(n - i);
        SHORTCUT_NAME(shortcut_bits) blanks = SHORTCUT_NAME(shortcut_equal)(block, ' ') & valid;
        SHORTCUT_NAME(shortcut_store)(out + i, block);
        open |= (SHORTCUT_NAME(shortcut_spaces)(block) & valid) | (blanks & (blanks << 1 | before));
        before = blanks >> (SHORTCUT_BLOCK - 1);
        i += SHORTCUT_BLOCK;
    } while (i < n);
    return open == 0;
}

SHORTCUT_HERE int SHORTCUT_NAME(shortcut_text)(
    const shortcut_t *op, column_t *column, ptrdiff_t row, const unsigned char *p, size_t n)
{
    unsigned char *out = SHORTCUT_NAME(shortcut_room)(column, row, n);
    if (SCAN_UNLIKELY(!out)) return 0;
    if (op->collapses) return SHORTCUT_NAME(shortcut_copy_collapsed)(out, p, n);
    if (op->trims && !SHORTCUT_NAME(shortcut_is_trimmed)(p, n)) return 0;
    SHORTCUT_NAME(shortcut_copy)(out, p, n);
    return 1;
}

SHORTCUT_HERE int SHORTCUT_NAME(shortcut_listed)(
    const shortcut_t *op, column_t *column, ptrdiff_t row, const unsigned char *p, size_t n)
{
    __m128i v = shortcut_first(p, n);
    unsigned char *out = SHORTCUT_NAME(shortcut_room)(column, row, n);
    if (SCAN_UNLIKELY(!out)) return 0;
    if (op->lowers) {
        v = _mm_or_si128(v, _mm_and_si128(shortcut_within(v, 'A', 'Z'), _mm_set1_epi8(0x20)));
        if (_mm_movemask_epi8(v)) return 0;
    }
    _mm_storeu_si128((__m128i *)(void *)out, v);
    /* What is listed has no white space at its ends, or the field had no shortcut: so what is found needs no trimming. */
    return SHORTCUT_NAME(shortcut_is_listed)(
        op, (uint64_t)_mm_cvtsi128_si64(v), (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(v, v)));
}

/* http[s]://, a name without user and port, and then a path or a query of the usual characters. */
SHORTCUT_HERE int SHORTCUT_NAME(shortcut_url)(column_t *column, ptrdiff_t row, const unsigned char *p, size_t n)
{
    uint64_t scheme = word_load(p);
    SHORTCUT_NAME(shortcut_bits) open = 0, marks = 0, slashes = 0;
    unsigned char *out;
    size_t i;
    if (scheme == UINT64_C(0x2F2F3A7370747468)) i = 8;                         /* https:// */
    else if (scheme << 8 == UINT64_C(0x2F2F3A7074746800)) i = 7;               /* http:// */
    else return 0;
    if (n <= i || !(out = SHORTCUT_NAME(shortcut_room)(column, row, n))) return 0;
    SHORTCUT_NAME(shortcut_copy)(out, p, n);
    do {
        SHORTCUT_NAME(shortcut_block) block = SHORTCUT_NAME(shortcut_load)(p + i);
        SHORTCUT_NAME(shortcut_bits) valid = SHORTCUT_NAME(shortcut_valid)(n - i);
        open |= ~SHORTCUT_NAME(shortcut_usual)(block) & valid;
        if (marks == 0) {
            /* The name ends at the first of these, and a colon or an @ there is not for here. */
            slashes = SHORTCUT_NAME(shortcut_equal)(block, '/') | SHORTCUT_NAME(shortcut_equal)(block, '?');
            marks = slashes | SHORTCUT_NAME(shortcut_equal)(block, ':') | SHORTCUT_NAME(shortcut_equal)(block, '@');
            marks &= valid;
        }
        i += SHORTCUT_BLOCK;
    } while (i < n);
    return open == 0 && (marks & -marks & slashes) != 0;
}

SHORTCUT_HERE int SHORTCUT_NAME(shortcut_gtin)(column_t *column, ptrdiff_t row, const unsigned char *p, size_t n)
{
    const __m128i thirds = _mm_set1_epi16(0x00FF), zero = _mm_setzero_si128();
    __m128i digits, sums;
    unsigned char *out;
    if ((n - 12 > 2 && n != 8) || !shortcut_digits(p + n, n, &digits)) return 0;
    /* From the right, digits weigh 1 and 3 in turn. */
    sums = _mm_add_epi64(
        _mm_sad_epu8(digits, zero), _mm_slli_epi64(_mm_sad_epu8(_mm_and_si128(digits, thirds), zero), 1));
    sums = _mm_add_epi64(sums, _mm_unpackhi_epi64(sums, sums));
    if ((uint32_t)_mm_cvtsi128_si32(sums) % 10 || !(out = SHORTCUT_NAME(shortcut_room)(column, row, n))) return 0;
    _mm_storeu_si128((__m128i *)(void *)out, _mm_loadu_si128((const __m128i *)(const void *)p));
    return 1;
}

SHORTCUT_HERE int SHORTCUT_NAME(shortcut_whole)(const shortcut_t *op, column_t *column, ptrdiff_t row, int64_t value)
{
    ((int64_t *)(void *)column->data)[row] = value;
    return value >= op->low && value <= op->high;
}

SHORTCUT_HERE int SHORTCUT_NAME(shortcut_integer)(
    const shortcut_t *op, column_t *column, ptrdiff_t row, const unsigned char *p, size_t n)
{
    uint64_t word = shortcut_load_digits(p, n);
    return word_is_digits(word) && SHORTCUT_NAME(shortcut_whole)(op, column, row, word_number(word));
}

SHORTCUT_HERE int SHORTCUT_NAME(shortcut_scaled)(
    const shortcut_t *op, column_t *column, ptrdiff_t row, const unsigned char *p, size_t n)
{
    uint32_t number;
    int decimals = shortcut_decimal(p, n, &number);
    if (decimals < 0 || decimals > op->scale || (int)n - 1 - decimals > op->precision - op->scale) return 0;
    return SHORTCUT_NAME(shortcut_whole)(op, column, row, number * SHORTCUT_SCALE[op->scale - decimals]);
}

/* Seven digits and ten to the sixth are exact in a double, so one division rounds once. */
SHORTCUT_HERE int SHORTCUT_NAME(shortcut_float)(
    const shortcut_t *op, column_t *column, ptrdiff_t row, const unsigned char *p, size_t n)
{
    uint32_t number;
    int decimals = shortcut_decimal(p, n, &number);
    double value;
    if (decimals < 0) return 0;
    value = number / SHORTCUT_POWER_OF_TEN[decimals];
    ((double *)(void *)column->data)[row] = value;
    return value >= op->real_low && value <= op->real_high;
}

SHORTCUT_HERE int SHORTCUT_NAME(shortcut_moment)(
    const shortcut_t *op, column_t *column, ptrdiff_t row, const unsigned char *p, size_t n)
{
    int64_t us;
    int minutes = shortcut_offset(p + SHORTCUT_CLOCK, n - SHORTCUT_CLOCK);
    if (minutes == SHORTCUT_NO_OFFSET || !SHORTCUT_NAME(shortcut_datetime)(p, &us)) return 0;
    us -= minutes * INT64_C(60000000);
    if (us < CIVIL_FIRST_DAY * CIVIL_DAY_US || us >= (CIVIL_LAST_DAY + 1) * CIVIL_DAY_US) return 0;
    return SHORTCUT_NAME(shortcut_whole)(op, column, row, us);
}

SHORTCUT_HERE int SHORTCUT_NAME(shortcut_cell)(
    const shortcut_t *op, column_t *column, ptrdiff_t row, const unsigned char *p, size_t n)
{
    switch (op->what) {
    case SHORTCUT_NONE: return 0;
    case SHORTCUT_TEXT: return SHORTCUT_NAME(shortcut_text)(op, column, row, p, n);
    case SHORTCUT_LISTED: return SHORTCUT_NAME(shortcut_listed)(op, column, row, p, n);
    case SHORTCUT_URL: return SHORTCUT_NAME(shortcut_url)(column, row, p, n);
    case SHORTCUT_GTIN: return SHORTCUT_NAME(shortcut_gtin)(column, row, p, n);
    case SHORTCUT_INTEGER: return SHORTCUT_NAME(shortcut_integer)(op, column, row, p, n);
    case SHORTCUT_DECIMAL: return SHORTCUT_NAME(shortcut_scaled)(op, column, row, p, n);
    case SHORTCUT_FLOAT: return SHORTCUT_NAME(shortcut_float)(op, column, row, p, n);
    case SHORTCUT_DATETIME: return SHORTCUT_NAME(shortcut_moment)(op, column, row, p, n);
    }
    /* There are no others: no need to look. */
    __builtin_unreachable();
}

SHORTCUT_TARGET static __attribute__((noinline)) int SHORTCUT_NAME(shortcut_row)(const shortcut_row_t *r, int first)
{
    /* Variables of its own: what is written could be anything's, for all the compiler knows, and it would read what it
     * has in memory anew for each cell. */
    const shortcut_t *op = r->all + first, *end = r->all + r->count;
    const unsigned char *chunk = r->p;
    const uint32_t *ends = r->ends;
    column_t *columns = r->columns;
    ptrdiff_t row = r->row;
    unsigned char quote = r->quote;
    unsigned char plain[SHORTCUT_EDGE + SHORTCUT_LONGEST + SHORTCUT_EDGE]; /* a cell without the quotes in it */
    for (; op < end; op++) {
        column_t *column = columns + op->field;
        const uint32_t *at = ends + op->column;
        uint32_t begin = at[-1] + 1, n = at[0] - begin;
        const unsigned char *p = chunk + begin;
        if (*p == quote && n) {
            p++;
            n -= 2;
            if (SHORTCUT_NAME(shortcut_has)(p, n, quote)) {
                if (n > SHORTCUT_LONGEST) break;
                n = (uint32_t)scan_unquote(quote, p, n, plain + SHORTCUT_EDGE);
                p = plain + SHORTCUT_EDGE;
            }
        }
        if (SCAN_UNLIKELY(n - op->shortest > op->spread)) {
            if (n || !op->takes_empty) break;
            column_put_null(column, row);
        } else if (!SHORTCUT_NAME(shortcut_cell)(op, column, row, p, n)) {
            break;
        }
    }
    return (int)(op - r->all);
}

#undef SHORTCUT_BLOCK
#undef SHORTCUT_NAME
#undef SHORTCUT_TARGET
#undef SHORTCUT_HERE
