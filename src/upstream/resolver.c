#include "upstream/resolver.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "upstream/backend.h"

enum { EVERY_S = 10 };

static void *run(void *cls)
{
    (void)cls;
    pthread_setname_np(pthread_self(), "resolver");
    for (;;) {
        struct timespec pause = {.tv_sec = EVERY_S};
        nanosleep(&pause, NULL);
        origin_resolve_all();
    }
    return NULL;
}

static void look_for_name(struct origin *origin, void *cls)
{
    bool *named = cls;
    *named = *named || origin->host;
}

int resolver_start(struct err *err)
{
    static bool runs;
    bool named = false;
    origin_each(look_for_name, &named);
    if (!named || runs)
        return 0;
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attributes, run, NULL);
    pthread_attr_destroy(&attributes);
    runs = rc == 0;
    return rc == 0 ? 0
                   : err_set(err, ERR_NOMEM, "cannot start the thread that resolves names: %s", strerror(rc));
}
