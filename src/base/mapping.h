/* Files mapped into memory for reading. A file that is cut short while it is mapped raises SIGBUS in whoever
 * touches the lost pages; here that becomes a mark on the mapping, and the pages read as zeros from then on.
 * Bytes that are lost at the end of a page that stays are zeros, too, and raise nothing. So the one who used
 * its bytes asks afterwards whether they were any. Thread-safe. */
#ifndef MTLSD_BASE_MAPPING_H
#define MTLSD_BASE_MAPPING_H

#include "base/base.h"

struct mapping;

/* Maps `length` > 0 bytes of the file from `offset` on; *bytes is where they are. NULL: too many are mapped,
 * or errno says why. The mapping has a descriptor of its own. The first call takes SIGBUS over. */
struct mapping *mapping_new(int fd, uint64_t offset, size_t length, const void **bytes);
void mapping_free(struct mapping *mapping);

/* True when the file has not been written since: what is mapped is what was to be sent. Asks the system. */
bool mapping_is_current(const struct mapping *mapping);

/* True when some of the `size` bytes at `p` were lost since their mapping was made: what was read may be
 * zeros. Cheap, but where they reach into the mapping's last page: then it asks the file. False for bytes
 * that are in no mapping. */
bool mapping_is_broken(const void *p, size_t size);

#endif
