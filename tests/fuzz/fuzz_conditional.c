/* Fields of a conditional or range request, or Accept-Encoding: one a line, in the order of the array below.
 * Besides not crashing: the answers are among those allowed, a part lies within the whole, and identity is
 * always offered. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http/coding.h"
#include "http/conditional.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { FIELDS = 7 };
    static const uint64_t sizes[] = {0, 1, 10, 6000000000, INT64_MAX};
    char *text = malloc(size + 1), *rest = text;
    const char *field[FIELDS] = {0};
    REQUIRE(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    for (size_t i = 0; i < FIELDS && rest; i++) {
        field[i] = strsep(&rest, "\n");
        if (*field[i] == '\0')
            field[i] = NULL;
    }
    struct conditions c = {field[0], field[1], field[2], field[3], field[4], field[5]};
    struct validators v = {"\"abc\"", 784111777, 784111877};
    unsigned status = conditional_status(&c, &v);
    REQUIRE(status == 0 || status == 304 || status == 412);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t first, last;
        if (conditional_range(&c, &v, sizes[i], &first, &last) == RANGE_PART)
            REQUIRE(first <= last && last < sizes[i]);
    }
    enum coding order[CODINGS];
    size_t n = coding_order(field[6], order), identities = 0;
    REQUIRE(n >= 1 && n <= CODINGS);
    for (size_t i = 0; i < n; i++)
        identities += order[i] == CODING_IDENTITY;
    REQUIRE(identities == 1);
    free(text);
    return 0;
}
