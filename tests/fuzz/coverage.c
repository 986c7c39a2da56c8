/* Coverage of compiled modules that were built with -fsanitize=address,
 * -fsanitize-coverage=trace-pc (gcc): a map of which branch was taken, for the plain mutator.
 *
 *   cc -O2 -shared -fPIC -o coverage.so tests/fuzz/coverage.c
 */
#include <stdint.h>

#define PLACES 65536

static uint8_t taken[PLACES];
static __thread uintptr_t before;

void __sanitizer_cov_trace_pc(void) {
    uintptr_t here = (uintptr_t)__builtin_return_address(0);
    here ^= here >> 15;
    taken[(here ^ before) & (PLACES - 1)] = 1;
    before = here >> 1;
}

uint8_t *pff_taken(void) { return taken; }
