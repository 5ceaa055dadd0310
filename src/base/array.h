/* Arrays that get one element after the other. Pure. */
#ifndef MTLSD_BASE_ARRAY_H
#define MTLSD_BASE_ARRAY_H

#include "base/base.h"

/* Room for one element of `size` bytes behind the n that `array` (NULL: none yet) has. Each of them came by
 * such a call: it is made larger, to twice as many, where n is 0 or a power of two. Returns the array, which
 * may have moved; NULL when memory is short, and `array` is as it was. */
MUST_CHECK void *array_more(void *array, size_t n, size_t size);

#endif
