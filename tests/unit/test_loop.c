/* A worker's loop: more sockets that are ready than one turn looks at, and whom it accepts. */
#include "suites.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/event.h"
#include "server/listener.h"
#include "server/loop.h"
#include "server/spares.h"
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
    ck_assert_uint_eq(limits_hits(live.limits, LIMIT_memory), 0);
}
END_TEST

/* The kernel says how long an address is, also where there is less room for it: of who has bound its UNIX
 * socket to a path. */
START_TEST(an_address_is_as_long_as_its_room)
{
    struct listener listener = {.name = (char *)(uintptr_t) "a"};
    struct worker *idle = calloc(1, sizeof *idle), *both[] = {worker, idle};
    struct sockaddr_un at = {.sun_family = AF_UNIX}, own = at;
    struct port port = {.listener = &listener};
    struct arrival arrival;
    struct err err = {0};
    listener.address = listener.bound = listener.name;
    snprintf(at.sun_path, sizeof at.sun_path, "/tmp/mtlsd-loop-%ld", (long)getpid());
    snprintf(own.sun_path, sizeof own.sun_path, "%s-and-a-name-that-is-longer-than-an-address-of-IPv6",
             at.sun_path);
    limits_configure(live.limits, &(struct conf){.max_connections = 10});
    pthread_mutex_init(&idle->lock, NULL);
    idle->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_store(&worker->n_conns, 5); /* who accepts hands it on */
    workers.item = both;
    workers.n = 2;
    port.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(port.fd, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(port.fd, 10), 0);
    workers.spares = spares_new(&err);
    ck_assert_ptr_nonnull(workers.spares);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &port};
    ck_assert_int_eq(epoll_ctl(worker->epoll, EPOLL_CTL_ADD, port.fd, &event), 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(client, (struct sockaddr *)&own, sizeof own), 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&at, sizeof at), 0);
    while (!worker_take(idle, &arrival))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    ck_assert_int_eq(arrival.from.any.sa_family, AF_UNIX);
    ck_assert_uint_le(arrival.from_len, sizeof arrival.from);
    limits_release(&arrival.place);
    close(arrival.fd);
    close(client);
    ck_assert_int_eq(epoll_ctl(worker->epoll, EPOLL_CTL_DEL, port.fd, NULL), 0);
    workers.n = 1;
    ck_assert(workers_settle(&workers));
    close(port.fd);
    unlink(at.sun_path);
    unlink(own.sun_path);
    close(idle->wake);
    pthread_mutex_destroy(&idle->lock);
    free(idle);
    spares_free(workers.spares);
    workers = (struct workers){.item = &worker, .n = 1};
    atomic_store(&worker->n_conns, 0);
}
END_TEST

Suite *suite_loop(void)
{
    Suite *suite = suite_create("loop");
    TCase *tcase = tcase_create("loop");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_turn_has_heard_what_was_told_before_it);
    tcase_add_test(tcase, an_address_is_as_long_as_its_room);
    suite_add_tcase(suite, tcase);
    return suite;
}
