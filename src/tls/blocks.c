#include "tls/blocks.h"

#include <gnutls/gnutls.h>
#include <malloc.h>
#include <stdlib.h>

#include "tls/worker.h"

/* Every block comes from malloc, so it does not matter who frees it. */
enum { BLOCK_LEAST = RECORD_PLAIN, BLOCK = RECORD_PLAIN + 4096 };

static void *take(size_t size)
{
    if (size < BLOCK_LEAST || size > BLOCK || !worker_here())
        return malloc(size);
    struct worker *worker = worker_self();
    return worker->n_blocks > 0 ? worker->block[--worker->n_blocks] : malloc(BLOCK);
}

static void give(void *memory)
{
    if (memory && worker_here()) {
        struct worker *worker = worker_self();
        size_t size = malloc_usable_size(memory);
        if (size >= BLOCK && size < BLOCK + 4096 && worker->n_blocks < WORKER_BLOCKS) {
            worker->block[worker->n_blocks++] = memory;
            return;
        }
    }
    free(memory);
}

/* GnuTLS's header makes a macro of this name, for calls. */
#undef gnutls_free

void blocks_use(void)
{
    gnutls_malloc = take;
    gnutls_free = give;
}
