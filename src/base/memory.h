/* Whether there is memory, asked before it is needed: the libraries of TLS and of large numbers end the
 * process, or say that a signature is bad, when they cannot have any. */
#ifndef MTLSD_BASE_MEMORY_H
#define MTLSD_BASE_MEMORY_H

#include "base/base.h"

/* What a step of a handshake and the judgement of a chain take is a fraction of it, so that several workers
 * may be at it. */
enum { MEMORY_FOR_HANDSHAKE = 2 * 1024 * 1024 };

/* True when `bytes` could be had just now, in pieces of at most 64 KiB. Others may take it in the next
 * moment: ask for several times what is needed. Costs two system calls once in a few
 * milliseconds, four each time when there is a limit, more when memory is short. Thread-safe. */
bool memory_spare(size_t bytes);

/* Looks how the system counts memory (vm.overcommit_memory, proc(5)): before there are threads, and before a
 * sandbox forbids it. Without, memory_spare takes it that all counts. */
void memory_prepare(void);

#endif
