/* Memory in whole pages, zeroed, for what is large and lives long or shortly: when it is freed the system has
 * it back, whatever the heap around it does. */
#ifndef MTLSD_BASE_PAGES_H
#define MTLSD_BASE_PAGES_H

#include "base/base.h"

/* NULL when there is none. */
void *pages_new(size_t size);
void pages_free(void *pages, size_t size);

#endif
