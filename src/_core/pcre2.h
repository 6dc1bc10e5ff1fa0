/* PCRE2, found when the module is loaded: matching patterns without the GIL.
 *
 * The library is on nearly every system, its headers are not, and a wheel should need neither. So it is opened by name,
 * and the few functions and numbers that are used are declared here, as version 10 has them since 10.30; they are a part
 * of its ABI. Where there is none, `pcre2_open` says so, and Python's `re` matches.
 *
 * Threads: the table of functions is filled when the module is imported, before any other thread can use it, and never
 * changed. Compiled code is immutable and shared. What a match writes to belongs to a call's scratch memory.
 *
 * A match may take PCRE2_STEPS and a few more for each byte, then the text counts as one that does not match: no pattern
 * can hang a run. Source: pcre2api(3), pcre2jit(3). */
#ifndef FEEDMILL_PCRE2_H
#define FEEDMILL_PCRE2_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__unix__) || defined(__APPLE__)
#include <dlfcn.h>
#define PCRE2_CAN_OPEN 1
#else
#define PCRE2_CAN_OPEN 0
#endif

enum {
    PCRE2_STEPS = 1000000,          /* tens of milliseconds; usual patterns take some ten a character */
    PCRE2_STEPS_PER_BYTE = 10,
    PCRE2_HEAP_KIB = 64 * 1024,
    PCRE2_STACK_FIRST = 32 * 1024,  /* bytes for compiled code; it grows as needed, and the interpreter takes over */
    PCRE2_STACK_MOST = 1024 * 1024
};

#define PCRE2_ENDS_OF_TEXT (UINT32_C(0x80000000) | UINT32_C(0x20000000)) /* ANCHORED, ENDANCHORED: the whole text */
#define PCRE2_OF_TEXT (UINT32_C(0x00080000) | UINT32_C(0x00100000))      /* UTF, NEVER_BACKSLASH_C */
#define PCRE2_KNOWN_UTF UINT32_C(0x40000000)                             /* NO_UTF_CHECK: cells are checked before */
#define PCRE2_NO_COMPILED UINT32_C(0x00002000)                           /* NO_JIT */
#define PCRE2_COMPLETE UINT32_C(1)                                       /* JIT_COMPLETE */
#define PCRE2_STACK_FULL (-46)                                           /* ERROR_JIT_STACKLIMIT */
#define PCRE2_MEMORY_FULL (-48)                                          /* ERROR_NOMEMORY */
#define PCRE2_VERSION 11u                                                /* CONFIG_VERSION */

typedef struct {
    int (*config)(uint32_t, void *);
    void *(*compile)(const unsigned char *, size_t, uint32_t, int *, size_t *, void *);
    int (*jit_compile)(void *, uint32_t);
    void (*code_free)(void *);
    int (*match)(const void *, const unsigned char *, size_t, size_t, uint32_t, void *, void *);
    void *(*match_data_create)(uint32_t, void *);
    void (*match_data_free)(void *);
    void *(*match_context_create)(void *);
    void (*match_context_free)(void *);
    int (*set_match_limit)(void *, uint32_t);
    int (*set_heap_limit)(void *, uint32_t);
    void *(*jit_stack_create)(size_t, size_t, void *);
    void (*jit_stack_free)(void *);
    void (*jit_stack_assign)(void *, void *(*)(void *), void *);
} pcre2_t;

/* What a match writes to: of one call at a time. */
typedef struct {
    void *data;
    void *context;
    void *stack;
} matcher_t;

static pcre2_t PCRE2;

/* Open the library; false if there is none that has it all. */
static int pcre2_open(void)
{
#if PCRE2_CAN_OPEN
    static const char *const NAMES[] = {"libpcre2-8.so.0", "libpcre2-8.so", "libpcre2-8.0.dylib", "libpcre2-8.dylib"};
    static const char *const FUNCTIONS[] = {
        "pcre2_config_8", "pcre2_compile_8", "pcre2_jit_compile_8", "pcre2_code_free_8", "pcre2_match_8",
        "pcre2_match_data_create_8", "pcre2_match_data_free_8", "pcre2_match_context_create_8",
        "pcre2_match_context_free_8", "pcre2_set_match_limit_8", "pcre2_set_heap_limit_8", "pcre2_jit_stack_create_8",
        "pcre2_jit_stack_free_8", "pcre2_jit_stack_assign_8"};
    void *library = NULL;
    for (size_t i = 0; library == NULL && i < sizeof NAMES / sizeof *NAMES; i++)
        library = dlopen(NAMES[i], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return 0;
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++) {
        void *found = dlsym(library, FUNCTIONS[i]);
        if (found == NULL) {
            dlclose(library);
            return 0;
        }
        /* POSIX lets a pointer to data stand for one to a function, and C does not. */
        memcpy((char *)&PCRE2 + i * sizeof found, &found, sizeof found);
    }
    return 1;
#else
    return 0;
#endif
}

/* Write the version, like "10.42 2022-12-11"; room for 64 bytes is plenty. */
static void pcre2_version(char *out)
{
    PCRE2.config(PCRE2_VERSION, out);
}

/* Compile a pattern that has to match a whole text; NULL if PCRE2 does not take it. */
static void *pcre2_compile(const unsigned char *pattern, size_t n)
{
    int error;
    size_t place;
    void *code = PCRE2.compile(pattern, n, PCRE2_OF_TEXT | PCRE2_ENDS_OF_TEXT, &error, &place, NULL);
    /* Where there is no compiler for the machine, or it may not write code, the interpreter does the same. */
    if (code != NULL) PCRE2.jit_compile(code, PCRE2_COMPLETE);
    return code;
}

static void pcre2_free(void *code)
{
    if (code != NULL) PCRE2.code_free(code);
}

static void matcher_free(matcher_t *matcher)
{
    if (matcher == NULL) return;
    if (matcher->stack != NULL) PCRE2.jit_stack_free(matcher->stack);
    if (matcher->context != NULL) PCRE2.match_context_free(matcher->context);
    if (matcher->data != NULL) PCRE2.match_data_free(matcher->data);
    free(matcher);
}

static matcher_t *matcher_new(void)
{
    matcher_t *matcher = (matcher_t *)calloc(1, sizeof *matcher);
    if (matcher == NULL) return NULL;
    matcher->data = PCRE2.match_data_create(1, NULL);
    matcher->context = PCRE2.match_context_create(NULL);
    if (matcher->data == NULL || matcher->context == NULL) {
        matcher_free(matcher);
        return NULL;
    }
    /* Without a stack of its own, compiled code has 32 KiB, and the interpreter takes over sooner. */
    matcher->stack = PCRE2.jit_stack_create(PCRE2_STACK_FIRST, PCRE2_STACK_MOST, NULL);
    if (matcher->stack != NULL) PCRE2.jit_stack_assign(matcher->context, NULL, matcher->stack);
    PCRE2.set_heap_limit(matcher->context, PCRE2_HEAP_KIB);
    return matcher;
}

/* Tell whether a whole text of valid UTF-8 matches: 1 or 0; -1 when there is no memory. */
static int pcre2_matches(const void *code, matcher_t **slot, const unsigned char *p, size_t n)
{
    static const unsigned char NOTHING[1] = {0};
    int found;
    if (*slot == NULL) *slot = matcher_new();
    if (*slot == NULL) return -1;
    if (n == 0) p = NOTHING;
    PCRE2.set_match_limit((*slot)->context, PCRE2_STEPS + (uint32_t)(n < (1u << 28) ? n : 1u << 28) * PCRE2_STEPS_PER_BYTE);
    found = PCRE2.match(code, p, n, 0, PCRE2_KNOWN_UTF, (*slot)->data, (*slot)->context);
    if (found == PCRE2_STACK_FULL)
        found = PCRE2.match(code, p, n, 0, PCRE2_KNOWN_UTF | PCRE2_NO_COMPILED, (*slot)->data, (*slot)->context);
    return found == PCRE2_MEMORY_FULL ? -1 : found >= 0;
}

#endif
