/* UTF-8 by the block; included once for each instruction set (no include guard). What the faults are stands in utf8.h.
 *
 * The includer defines UTF8_NAME(word), UTF8_TARGET, UTF8_INLINE, and in these names: block, load, each, look_up (a
 * byte's lower half in a table of 16), upper (the upper half, other bits above it), less, least, has_bits, has_foreign,
 * has_nul. */

#define UTF8_BYTES sizeof(UTF8_NAME(utf8_block))

/* The faults of a block; those of its first bytes with the three before it. Zero if there are none. */
UTF8_INLINE UTF8_NAME(utf8_block) UTF8_NAME(utf8_faults)(const unsigned char *p, UTF8_NAME(utf8_block) block)
{
    const UTF8_NAME(utf8_block) half = UTF8_NAME(utf8_each)(15), two = UTF8_NAME(utf8_each)(UTF8_TWO);
    UTF8_NAME(utf8_block) one_back = UTF8_NAME(utf8_load)(p - 1);
    UTF8_NAME(utf8_block) faults = UTF8_NAME(utf8_look_up)(UTF8_BY_FIRST_UPPER, UTF8_NAME(utf8_upper)(one_back) & half);
    faults &= UTF8_NAME(utf8_look_up)(UTF8_BY_FIRST_LOWER, one_back & half);
    faults &= UTF8_NAME(utf8_look_up)(UTF8_BY_SECOND_UPPER, UTF8_NAME(utf8_upper)(block) & half);
    /* The third byte of a character of three and four, and the fourth: there UTF8_TWO has to be, elsewhere not. */
    UTF8_NAME(utf8_block) continued = UTF8_NAME(utf8_less)(UTF8_NAME(utf8_load)(p - 2), 0xE0 - 0x80);
    continued |= UTF8_NAME(utf8_less)(UTF8_NAME(utf8_load)(p - 3), 0xF0 - 0x80);
    return (continued & two) ^ faults;
}

/* The faults of the first block of all, before which nothing may be read. */
UTF8_INLINE UTF8_NAME(utf8_block) UTF8_NAME(utf8_first_faults)(const unsigned char *p, UTF8_NAME(utf8_block) block)
{
    unsigned char copy[2 * UTF8_BYTES] = {0};
    memcpy(copy + UTF8_BYTES, p, UTF8_BYTES);
    return UTF8_NAME(utf8_faults)(copy + UTF8_BYTES, block);
}

/* n is a block at least. Blocks are taken a group at a time, and looked at one by one only if there is more than ASCII in
 * them: asking each would be quicker, were its answer not a matter of luck in text of most languages. */
UTF8_TARGET static int UTF8_NAME(utf8_passes)(const unsigned char *p, size_t n, int takes_nul)
{
    UTF8_NAME(utf8_block) block = UTF8_NAME(utf8_load)(p), least = block, faults = block ^ block;
    int is_foreign = UTF8_NAME(utf8_has_foreign)(block);
    size_t i = UTF8_BYTES, end = n / UTF8_BYTES * UTF8_BYTES;
    if (is_foreign) faults = UTF8_NAME(utf8_first_faults)(p, block);
    while (i < end) {
        size_t stop = end - i > UTF8_GROUP ? i + UTF8_GROUP : end;
        UTF8_NAME(utf8_block) any = block ^ block;
        for (size_t at = i; at < stop; at += UTF8_BYTES) {
            block = UTF8_NAME(utf8_load)(p + at);
            any |= block;
            least = UTF8_NAME(utf8_least)(least, block);
        }
        /* An ASCII block behind another has no faults; behind any other, the end of that one may be at fault. */
        if (is_foreign | UTF8_NAME(utf8_has_foreign)(any)) {
            for (size_t at = i; at < stop; at += UTF8_BYTES) {
                block = UTF8_NAME(utf8_load)(p + at);
                faults |= UTF8_NAME(utf8_faults)(p + at, block);
            }
        }
        is_foreign = UTF8_NAME(utf8_has_foreign)(block);
        i = stop;
    }
    if (UTF8_NAME(utf8_has_bits)(faults) || (!takes_nul && UTF8_NAME(utf8_has_nul)(least))) return 0;
    /* From the start of the character that the last block has only begun. */
    i -= p[i - 1] >= 0xC0 ? 1 : p[i - 2] >= 0xE0 ? 2 : p[i - 3] >= 0xF0 ? 3 : 0;
    return utf8_valid_words(p + i, n - i) && (takes_nul || !memchr(p + i, 0, n - i));
}

#undef UTF8_BYTES
#undef UTF8_NAME
#undef UTF8_TARGET
#undef UTF8_INLINE
