/* What the fuzz targets share. */
#ifndef MTLSD_TESTS_FUZZ_H
#define MTLSD_TESTS_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property of every input: libFuzzer keeps the one that breaks it. */
#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)

/* The length of a line of a head that passed, without the CR LF that has to end it. */
static inline size_t fuzz_line(const char *line, const char *end)
{
    const char *lf = memchr(line, '\n', (size_t)(end - line));
    REQUIRE(lf && lf > line && lf[-1] == '\r');
    return (size_t)(lf - 1 - line);
}

#endif
