/* What the fuzzer steers by: which ways the kernel has gone.
 *
 * Compiled into the kernel for FEEDMILL_SANITIZE=fuzz, whose -fsanitize-coverage=trace-pc makes the compiler call
 * __sanitizer_cov_trace_pc in each basic block. Two blocks one after the other are an edge, and each edge has a
 * counter, found by a hash: two edges may share one, which loses little.
 */
#include <stddef.h>
#include <stdint.h>

#define EDGES (1 << 16) /* as tests/fuzz/edges.py has it */

__attribute__((visibility("default"))) unsigned char feedmill_edges[EDGES];

static __thread uintptr_t before;

__attribute__((visibility("default"), no_sanitize_coverage, no_sanitize("address", "undefined"))) void
__sanitizer_cov_trace_pc(void)
{
    uintptr_t here = (uintptr_t)__builtin_return_address(0);
    size_t edge = (size_t)((here * 0x9E3779B97F4A7C15u >> 40) ^ before) & (EDGES - 1);
    if (feedmill_edges[edge] != 255)
        feedmill_edges[edge]++;
    before = (here * 0x9E3779B97F4A7C15u >> 41);
}
