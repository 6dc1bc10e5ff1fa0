/* What each byte may be a part of, as the grammars of URIs, mail addresses and IP addresses name it.
 *
 * Bytes from 0x80 on are parts of characters that are not ASCII; mail addresses may have those (RFC 6531),
 * URIs not. */
#ifndef FEEDMILL_LETTERS_H
#define FEEDMILL_LETTERS_H

#include <stdint.h>

enum {
    LETTER_ALPHA = 1,
    LETTER_DIGIT = 2,
    LETTER_HEX = 4,
    LETTER_SCHEME = 8,    /* RFC 3986: ALPHA / DIGIT / "+" / "-" / "." */
    LETTER_REG_NAME = 16, /* RFC 3986: unreserved / sub-delims */
    LETTER_USERINFO = 32, /* the same and ":" */
    LETTER_PATH = 64,     /* the same and "@" and "/" */
    LETTER_QUERY = 128,   /* the same and "?" */
    LETTER_ATOM = 256,    /* RFC 5322: atext */
    LETTER_LABEL = 512    /* a part of a domain name */
};

#define LETTERS_URI (LETTER_REG_NAME | LETTER_USERINFO | LETTER_PATH | LETTER_QUERY)
#define LETTERS_ALL (LETTER_SCHEME | LETTERS_URI | LETTER_ATOM | LETTER_LABEL)

static const uint16_t LETTERS[256] = {
    ['0' ... '9'] = LETTERS_ALL | LETTER_DIGIT | LETTER_HEX,
    ['A' ... 'F'] = LETTERS_ALL | LETTER_ALPHA | LETTER_HEX,
    ['G' ... 'Z'] = LETTERS_ALL | LETTER_ALPHA,
    ['a' ... 'f'] = LETTERS_ALL | LETTER_ALPHA | LETTER_HEX,
    ['g' ... 'z'] = LETTERS_ALL | LETTER_ALPHA,
    [0x80 ... 0xFF] = LETTER_ATOM | LETTER_LABEL,
    ['-'] = LETTERS_ALL,
    ['.'] = LETTERS_URI | LETTER_SCHEME,
    ['+'] = LETTERS_URI | LETTER_SCHEME | LETTER_ATOM,
    ['_'] = LETTERS_URI | LETTER_ATOM,
    ['~'] = LETTERS_URI | LETTER_ATOM,
    ['!'] = LETTERS_URI | LETTER_ATOM,
    ['$'] = LETTERS_URI | LETTER_ATOM,
    ['&'] = LETTERS_URI | LETTER_ATOM,
    ['\''] = LETTERS_URI | LETTER_ATOM,
    ['*'] = LETTERS_URI | LETTER_ATOM,
    ['='] = LETTERS_URI | LETTER_ATOM,
    ['('] = LETTERS_URI,
    [')'] = LETTERS_URI,
    [','] = LETTERS_URI,
    [';'] = LETTERS_URI,
    [':'] = LETTER_USERINFO | LETTER_PATH | LETTER_QUERY,
    ['@'] = LETTER_PATH | LETTER_QUERY,
    ['/'] = LETTER_PATH | LETTER_QUERY | LETTER_ATOM,
    ['?'] = LETTER_QUERY | LETTER_ATOM,
    ['#'] = LETTER_ATOM,
    ['%'] = LETTER_ATOM,
    ['^'] = LETTER_ATOM,
    ['`'] = LETTER_ATOM,
    ['{'] = LETTER_ATOM,
    ['|'] = LETTER_ATOM,
    ['}'] = LETTER_ATOM,
};

static inline int letter_is(unsigned char byte, unsigned kinds)
{
    return (LETTERS[byte] & kinds) != 0;
}

#endif
