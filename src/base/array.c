#include "base/array.h"

#include <stdlib.h>

void *array_more(void *array, size_t n, size_t size)
{
    if (n & (n - 1))
        return array;
    return realloc(array, (n ? 2 * n : 1) * size);
}
