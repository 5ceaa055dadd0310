#include "tls/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tls_library the_library;
static bool hidden;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ISO C has no conversion from an object pointer to a function pointer; POSIX guarantees the representation.
 */
void tls_library_find(const char *name, void *function)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    if (!symbol) {
        fprintf(stderr, "mtlsd: no library has the function %s\n", name);
        abort();
    }
    memcpy(function, &symbol, sizeof symbol);
}

static void find_all(void)
{
    tls_library_find("gnutls_init", &the_library.init);
    tls_library_find("gnutls_handshake", &the_library.handshake);
    tls_library_find("gnutls_record_recv", &the_library.record_recv);
    tls_library_find("gnutls_record_send", &the_library.record_send);
    tls_library_find("gnutls_bye", &the_library.bye);
    void *seen = dlsym(RTLD_DEFAULT, "gnutls_handshake");
    int (*own)(gnutls_session_t) = gnutls_handshake;
    hidden = memcmp(&seen, &own, sizeof seen) == 0;
}

const struct tls_library *tls_library(void)
{
    pthread_once(&once, find_all);
    return &the_library;
}

bool tls_library_hidden(void)
{
    return tls_library() && hidden;
}
