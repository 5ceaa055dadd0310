#include "tls/blocks.h"

#include <gnutls/gnutls.h>
#include <malloc.h>
#include <stdlib.h>

#include "tls/share.h"

/* Every block comes from malloc, so it does not matter who frees it. */
enum { BLOCK_LEAST = RECORD_PLAIN, BLOCK = RECORD_PLAIN + 4096 };

/* GnuTLS's functions for memory are told nothing but a size. */
static _Thread_local struct blocks *own;

static void *take(size_t size)
{
    struct blocks *blocks = own;
    if (size < BLOCK_LEAST || size > BLOCK || !blocks)
        return malloc(size);
    return blocks->n > 0 ? blocks->block[--blocks->n] : malloc(BLOCK);
}

static void give(void *memory)
{
    struct blocks *blocks = own;
    if (memory && blocks) {
        size_t size = malloc_usable_size(memory);
        if (size >= BLOCK && size < BLOCK + 4096 && blocks->n < BLOCKS_MOST) {
            blocks->block[blocks->n++] = memory;
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

void blocks_enter(struct blocks *blocks)
{
    own = blocks;
}

void blocks_leave(void)
{
    while (own && own->n > 0)
        free(own->block[--own->n]);
    own = NULL;
}
