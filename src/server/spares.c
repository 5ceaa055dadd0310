#include "server/spares.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"

/* More than one: another thread that opens something meanwhile takes what was given up, and keeps it. */
enum { SPARES = 4 };

struct spares {
    pthread_mutex_t lock;
    int fd[SPARES];      /* owned; -1: given up */
    atomic_uint missing; /* how many are given up */
};

/* Under the lock. Files of their own: where the system has no more of these (ENFILE), a duplicate that is
 * given up makes room for nobody. True: none is missing. */
static bool fill(struct spares *spares)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < SPARES; i++) {
        if (spares->fd[i] < 0)
            spares->fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        missing += spares->fd[i] < 0;
    }
    atomic_store(&spares->missing, missing);
    return missing == 0;
}

struct spares *spares_new(struct err *err)
{
    struct spares *spares = malloc(sizeof *spares);
    if (!spares) {
        err_nomem(err);
        return NULL;
    }
    *spares = (struct spares){0};
    pthread_mutex_init(&spares->lock, NULL);
    for (unsigned i = 0; i < SPARES; i++)
        spares->fd[i] = -1;
    if (fill(spares))
        return spares;
    err_set(err, ERR_IO, "cannot keep file descriptors back: %s", strerror(errno));
    spares_free(spares);
    return NULL;
}

void spares_free(struct spares *spares)
{
    if (!spares)
        return;
    for (unsigned i = 0; i < SPARES; i++) {
        if (spares->fd[i] >= 0)
            close(spares->fd[i]);
    }
    pthread_mutex_destroy(&spares->lock);
    free(spares);
}

bool spares_fill(struct spares *spares)
{
    if (atomic_load(&spares->missing) == 0)
        return true;
    pthread_mutex_lock(&spares->lock);
    bool full = fill(spares);
    pthread_mutex_unlock(&spares->lock);
    return full;
}

enum spares_end spares_turn_away(struct spares *spares, int listening)
{
    pthread_mutex_lock(&spares->lock);
    for (unsigned i = 0; i < SPARES; i++) {
        if (spares->fd[i] < 0)
            continue;
        /* First: whoever accepts with what becomes free sees it. */
        atomic_fetch_add(&spares->missing, 1);
        close(spares->fd[i]);
        spares->fd[i] = -1;
        break;
    }
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    int client = accept4(listening, (struct sockaddr *)&from, &from_len, SOCK_CLOEXEC);
    const int why = client < 0 ? errno : 0;
    if (client >= 0)
        close(client);
    (void)fill(spares);
    pthread_mutex_unlock(&spares->lock);
    if (client >= 0)
        return SPARES_TOLD;
    return why == EMFILE || why == ENFILE || why == ENOBUFS || why == ENOMEM ? SPARES_NONE : SPARES_NOBODY;
}
