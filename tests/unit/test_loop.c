/* A worker's loop with more sockets that are ready than one turn looks at. */
#include "suites.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/event.h"
#include "server/listener.h"
#include "server/loop.h"
#include "server/workers.h"

enum { READY = 500 };

static struct live live;
static struct snapshot snapshot;
static struct worker *worker;
static struct workers workers;
static int ready[READY];
static atomic_uint looks;

/* What serves takes its time. */
static void look(struct event_source *source, uint32_t events)
{
    (void)source, (void)events;
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    atomic_fetch_add(&looks, 1);
}
static struct event_source source = {.ready = look};

static void set_up(void)
{
    const struct conf conf = {.max_header = 16384, .max_header_fields = 100};
    struct err err = {0};
    live_init(&live);
    live.limits = limits_new(1000);
    live.snapshot = &snapshot; /* without any listener */
    atomic_init(&snapshot.refs, 1);
    /* The first looks after servers, too. */
    worker = loop_new(&workers, 1, &live, &conf, &err);
    ck_assert_msg(worker, "%s", err.text);
    workers = (struct workers){.item = &worker, .n = 1};
    for (unsigned i = 0; i < READY; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = event_mark(&source)};
        ready[i] = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
        ck_assert_int_ge(ready[i], 0);
        ck_assert_int_eq(epoll_ctl(worker->epoll, EPOLL_CTL_ADD, ready[i], &event), 0);
    }
    ck_assert_int_eq(pthread_create(&worker->thread, NULL, loop_run, worker), 0);
}

static void tear_down(void)
{
    worker_tell(worker, WORKER_STOP);
    pthread_join(worker->thread, NULL);
    loop_free(worker);
    for (unsigned i = 0; i < READY; i++)
        close(ready[i]);
    live.snapshot = NULL;
    live_done(&live);
}

/* A reload believes that by then every connection has begun that came before it (listeners_retire). */
START_TEST(a_turn_has_heard_what_was_told_before_it)
{
    struct listener listener = {
        .name = (char *)(uintptr_t) "a", .address = listener.name, .bound = listener.name};
    for (unsigned i = 0; i < 10; i++) {
        int pair[2];
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        const struct arrival arrival = {.fd = pair[0], .listener = &listener, .mode = LISTENER_TCP};
        ck_assert(worker_hand(worker, &arrival));
        worker_tell(worker, WORKER_SWEEP);
        ck_assert(workers_settle(&workers));
        pthread_mutex_lock(&worker->lock);
        unsigned waiting = worker->n_arrivals;
        pthread_mutex_unlock(&worker->lock);
        ck_assert_uint_eq(waiting, 0);
        ck_assert_uint_eq(atomic_load(&worker->told), 0);
        /* Nobody listens there: it was let go. */
        char byte;
        ck_assert_int_eq(recv(pair[1], &byte, 1, 0), 0);
        close(pair[1]);
    }
    ck_assert_uint_gt(atomic_load(&looks), 0);
}
END_TEST

Suite *suite_loop(void)
{
    Suite *suite = suite_create("loop");
    TCase *tcase = tcase_create("loop");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_turn_has_heard_what_was_told_before_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
