/* The set of listeners, what a reload makes of it, and whom workers hand connections to. The workers here
 * have sets and turns like those that serve, and let nobody in. */
#include "suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "server/listeners.h"

enum { WORKERS = 3, MOST = 4 };

static struct worker *worker[WORKERS];
static struct workers workers;
static struct listeners set;
static struct buf findings;
static atomic_bool stops, busy;

/* --- workers -------------------------------------------------------------------------------------------- */

/* A loop's turns. What it is asked to accept it lets wait. */
static void *turn(void *cls)
{
    struct worker *own = cls;
    struct epoll_event events[8];
    while (!atomic_load(&stops)) {
        struct pollfd wake = {.fd = own->wake, .events = POLLIN};
        eventfd_t times;
        (void)poll(&wake, 1, 1);
        (void)!eventfd_read(own->wake, &times);
        (void)epoll_wait(own->epoll, events, 8, 0);
        if (!atomic_load(&busy) || own->number > 0)
            atomic_fetch_add(&own->turns, 1);
    }
    return NULL;
}

static void note(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    (void)cls, (void)src;
    buf_printf(&findings, "%s: %s\n", severity == DIAG_ERROR ? "error" : "warning", text);
}
static struct diag diag;

static void set_up(void)
{
    atomic_store(&stops, false);
    atomic_store(&busy, false);
    diag = (struct diag){.emit = note};
    workers = (struct workers){.item = worker, .n = WORKERS};
    for (unsigned i = 0; i < WORKERS; i++) {
        worker[i] = calloc(1, sizeof *worker[i]);
        worker[i]->number = i;
        worker[i]->epoll = epoll_create1(EPOLL_CLOEXEC);
        worker[i]->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pthread_mutex_init(&worker[i]->lock, NULL);
        ck_assert_int_eq(pthread_create(&worker[i]->thread, NULL, turn, worker[i]), 0);
    }
    set = (struct listeners){.workers = &workers, .limits = limits_new(1000)};
    limits_configure(set.limits, &(struct conf){.max_connections = 100});
}

static void tear_down(void)
{
    struct limits *limits = set.limits;
    atomic_store(&stops, true);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(worker[i]->thread, NULL);
    listeners_close(&set);
    limits_free(limits);
    for (unsigned i = 0; i < WORKERS; i++) {
        close(worker[i]->epoll);
        close(worker[i]->wake);
        pthread_mutex_destroy(&worker[i]->lock);
        free(worker[i]);
    }
    buf_done(&findings);
}

/* The line of a descriptor in a worker's set (proc(5)); "": it is not there. */
static const char *entry(const struct worker *of, int fd)
{
    static char line[256];
    char path[64];
    int found;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", of->epoll);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "tfd: %d", &found) == 1 && found == fd) {
            fclose(file);
            return line;
        }
    }
    fclose(file);
    return "";
}

static unsigned watching(int fd)
{
    unsigned n = 0;
    for (unsigned i = 0; i < WORKERS; i++)
        n += entry(worker[i], fd)[0] != '\0';
    return n;
}

/* Each client wakes one of those that sleep, not all of them. */
START_TEST(one_worker_is_woken)
{
    struct err err = {0};
    struct port *port = NULL;
    ck_assert_int_eq(port_open("127.0.0.1:0", -1, &port, &err), 0);
    ck_assert_int_eq(workers_watch(&workers, port, &err), 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        unsigned events = 0;
        ck_assert_int_eq(sscanf(entry(worker[i], port->fd), "tfd: %*d events: %x", &events), 1);
        ck_assert_msg(events & EPOLLEXCLUSIVE, "%x", events);
        ck_assert_msg(!(events & EPOLLET), "%x: who was left waiting would wait on", events);
    }
    /* Twice is a failure, and then none has it. */
    ck_assert_int_eq(epoll_ctl(worker[0]->epoll, EPOLL_CTL_DEL, port->fd, NULL), 0);
    ck_assert_int_eq(epoll_ctl(worker[1]->epoll, EPOLL_CTL_DEL, port->fd, NULL), 0);
    ck_assert_int_eq(workers_watch(&workers, port, &err), ERR_IO);
    ck_assert_str_eq(entry(worker[0], port->fd), "");
    ck_assert_str_eq(entry(worker[1], port->fd), "");
    workers_unwatch(&workers, port);
    ck_assert_uint_eq(watching(port->fd), 0);
    port_free(port);
}
END_TEST

START_TEST(words_reach_every_worker)
{
    atomic_store(&busy, true);
    workers_tell(&workers, WORKER_SWEEP);
    workers_tell(&workers, WORKER_DISPLACED);
    workers_tell(&workers, 0);
    for (unsigned i = 0; i < WORKERS; i++)
        ck_assert_uint_eq(atomic_load(&worker[i]->told), WORKER_SWEEP | WORKER_DISPLACED);
}
END_TEST

/* And one that stands still is missed by whoever watches over them. */
START_TEST(all_are_waited_for)
{
    ck_assert(workers_settle(&workers));
    for (unsigned i = 0; i < WORKERS; i++)
        ck_assert_uint_ge(atomic_load(&worker[i]->turns), worker[i]->settled_at);
    (void)workers_turn(&workers);
    ck_assert(workers_settle(&workers));
    ck_assert(workers_turn(&workers));
    atomic_store(&busy, true);
    while (workers_turn(&workers)) /* the turn that was under way */
        continue;
    ck_assert(!workers_turn(&workers));
}
END_TEST

START_TEST(connections_change_hands_in_order)
{
    const struct listener one = {.name = (char *)(uintptr_t) "one"};
    struct arrival arrival = {.listener = &one};
    unsigned next = 0, handed = 0;
    ck_assert(!worker_take(worker[0], &arrival));
    for (unsigned round = 0; round < 5; round++) { /* around the ring */
        while (arrival.fd = (int)handed, worker_hand(worker[0], &arrival))
            handed++;
        ck_assert_uint_eq(handed - next, WORKER_ARRIVALS);
        ck_assert_uint_eq(atomic_load(&worker[0]->n_conns),
                          WORKER_ARRIVALS); /* whoever deals out counts them */
        for (unsigned i = 0; i < 50; i++) {
            ck_assert(worker_take(worker[0], &arrival));
            ck_assert_int_eq(arrival.fd, (int)next++);
            ck_assert_ptr_eq(arrival.listener, &one);
        }
        ck_assert_uint_eq(atomic_load(&worker[0]->n_conns), WORKER_ARRIVALS - 50);
    }
    while (worker_take(worker[0], &arrival))
        ck_assert_int_eq(arrival.fd, (int)next++);
    ck_assert_uint_eq(next, handed);
    ck_assert_uint_eq(atomic_load(&worker[0]->n_conns), 0);
}
END_TEST

/* --- the set -------------------------------------------------------------------------------------------- */

static struct conf conf;
static struct conf_listener item[MOST];

/* NAME, ADDRESS, ... up to NULL: a configuration with these. */
static void configure(const char *const *word)
{
    conf = (struct conf){.file = (char *)(uintptr_t) "test.conf", .listener = item};
    for (; *word; word += 2)
        item[conf.n_listeners++] = (struct conf_listener){.name = (char *)(uintptr_t)word[0],
                                                          .address.text = (char *)(uintptr_t)word[1]};
}
#define CONFIGURE(...) configure((const char *const[]){__VA_ARGS__, NULL})

/* As a reload does it. */
static int reload(void)
{
    int rc = listeners_bind(&set, &conf, NULL, &diag);
    if (rc == 0) {
        listeners_admit(&set, &conf);
        ck_assert(!listeners_retire(&set, &conf));
    }
    return rc;
}

static struct listener *named(const char *name)
{
    for (size_t i = 0; i < set.n; i++) {
        if (strcmp(set.item[i]->name, name) == 0)
            return set.item[i];
    }
    ck_abort_msg("no listener %s", name);
    return NULL;
}

static bool accepts(const char *bound)
{
    unsigned number = 0;
    ck_assert_int_eq(sscanf(bound, "127.0.0.1:%u", &number), 1);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)number)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    return connected;
}

START_TEST(nobody_is_let_in_before_it_is_live)
{
    CONFIGURE("a", "127.0.0.1:0", "b", "127.0.0.1:0");
    ck_assert_int_eq(listeners_bind(&set, &conf, NULL, &diag), 0);
    ck_assert_uint_eq(set.n, 2);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_ptr_null(atomic_load(&set.item[i]->port->listener));
        ck_assert_uint_eq(watching(set.item[i]->port->fd), WORKERS);
    }
    listeners_admit(&set, &conf);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_ptr_eq(atomic_load(&set.item[i]->port->listener), set.item[i]);
}
END_TEST

/* A reload that fails at its last listener: the sockets of the others are closed, the set is what it was. */
START_TEST(a_failed_reload_changes_nothing)
{
    struct port *taken = NULL;
    struct err err = {0};
    char bound[PORT_TEXT], first[PORT_TEXT];
    ck_assert_int_eq(port_open("127.0.0.1:0", -1, &taken, &err), 0);
    CONFIGURE("a", "127.0.0.1:0");
    ck_assert_int_eq(reload(), 0);
    struct listener *a = named("a");
    int fd = a->port->fd;
    strcpy(bound, a->port->bound);
    /* An address that can be had, to see what becomes of its socket. */
    struct port *free_one = NULL;
    ck_assert_int_eq(port_open("127.0.0.1:0", -1, &free_one, &err), 0);
    strcpy(first, free_one->bound);
    port_free(free_one);
    CONFIGURE("renamed", bound, "b", first, "c", taken->bound);
    ck_assert_int_eq(reload(), ERR_IO);
    ck_assert_ptr_nonnull(strstr(findings.data, "listen \"c\": address 127.0.0.1:"));
    ck_assert_uint_eq(set.n, 1);
    ck_assert_ptr_eq(set.item[0], a);
    ck_assert_int_eq(a->port->fd, fd);
    ck_assert_uint_eq(watching(fd), WORKERS);
    ck_assert_ptr_eq(atomic_load(&a->port->listener), a);
    ck_assert(accepts(bound));
    ck_assert_uint_eq(set.n_closing, 0);
    ck_assert(!accepts(first));
    port_free(taken);
    /* And it is free for the next try. */
    CONFIGURE("a", bound, "b", first);
    ck_assert_int_eq(reload(), 0);
    ck_assert(accepts(first));
}
END_TEST

/* "a" and "b", and where they are. */
static void start_two(char one[static PORT_TEXT], char two[static PORT_TEXT])
{
    CONFIGURE("a", "127.0.0.1:0", "b", "127.0.0.1:0");
    ck_assert_int_eq(reload(), 0);
    strcpy(one, named("a")->port->bound);
    strcpy(two, named("b")->port->bound);
}

START_TEST(names_change_and_sockets_stay)
{
    char one[PORT_TEXT], two[PORT_TEXT];
    start_two(one, two);
    struct port *first = named("a")->port, *second = named("b")->port;
    struct listener *a = named("a");
    struct limits_place place;
    ck_assert(limits_admit(set.limits, &a->door, NULL, &place)); /* a client of before */

    CONFIGURE("a", two, "b", one); /* swapped */
    ck_assert_int_eq(reload(), 0);
    ck_assert_ptr_eq(named("a")->port, second);
    ck_assert_ptr_eq(named("b")->port, first);
    ck_assert_ptr_eq(atomic_load(&first->listener), named("b"));
    ck_assert_ptr_eq(atomic_load(&second->listener), named("a"));
    ck_assert(accepts(one) && accepts(two));
    ck_assert(atomic_load(&a->retired));

    CONFIGURE("other", two, "b", one); /* one has another name */
    ck_assert_int_eq(reload(), 0);
    ck_assert_ptr_eq(named("other")->port, second);
    ck_assert(!atomic_load(&named("b")->retired));
    ck_assert(accepts(one) && accepts(two));

    /* Its last client holds what it came in by. */
    ck_assert_uint_eq(set.n_retired, 2);
    ck_assert_ptr_eq(set.retired[0], a);
    limits_release(&place);
    CONFIGURE("other", two, "b", one);
    ck_assert_int_eq(reload(), 0);
    ck_assert_uint_eq(set.n_retired, 0);
}
END_TEST

START_TEST(who_is_dropped_is_closed)
{
    char one[PORT_TEXT], two[PORT_TEXT];
    start_two(one, two);
    CONFIGURE("b", two);
    ck_assert_int_eq(reload(), 0);
    ck_assert(!accepts(one));
    ck_assert(accepts(two));
    ck_assert_uint_eq(set.n_closing, 0);
    listeners_quiet(&set);
    ck_assert(!accepts(two));
}
END_TEST

/* A worker that may be in the middle of an accept: the descriptor stays until it is not, while nobody is let
 * in any more. */
START_TEST(a_busy_worker_keeps_the_descriptor)
{
    char one[PORT_TEXT], two[PORT_TEXT];
    start_two(one, two);
    struct listener *a = named("a");
    int fd = a->port->fd;
    atomic_store(&busy, true);
    CONFIGURE("b", two);
    ck_assert_int_eq(listeners_bind(&set, &conf, NULL, &diag), 0);
    listeners_admit(&set, &conf);
    ck_assert(listeners_retire(&set, &conf));
    ck_assert(!accepts(one));
    ck_assert_uint_eq(set.n_closing, 1);
    ck_assert_int_eq(set.closing[0]->fd, fd);
    ck_assert_uint_eq(set.n_retired, 1);
    ck_assert(!a->settled);
    ck_assert_uint_eq(watching(fd), 0);
    /* Another reload does not forget what that worker may still hold. */
    ck_assert_int_eq(listeners_bind(&set, &conf, NULL, &diag), 0);
    (void)listeners_retire(&set, &conf);
    ck_assert_uint_eq(set.n_retired, 1);
    ck_assert_ptr_eq(set.retired[0], a);
    atomic_store(&busy, false);
    CONFIGURE("c", two);
    ck_assert_int_eq(reload(), 0);
    ck_assert_uint_eq(set.n_closing, 0);
    ck_assert_ptr_ne(atomic_load(&named("c")->port->listener), a);
}
END_TEST

START_TEST(a_door_of_its_own)
{
    struct limits_place place[3];
    CONFIGURE("a", "127.0.0.1:0");
    item[0].max_connections = 2;
    ck_assert_int_eq(reload(), 0);
    struct listener *a = named("a");
    ck_assert(limits_admit(set.limits, &a->door, NULL, &place[0]));
    ck_assert(limits_admit(set.limits, &a->door, NULL, &place[1]));
    ck_assert(!limits_admit(set.limits, &a->door, NULL, &place[2]));
    ck_assert_uint_eq(limits_open(set.limits, &a->door), 2);
    item[0].address.text = a->port->bound;
    item[0].max_connections = 3;
    ck_assert_int_eq(reload(), 0);
    ck_assert_ptr_eq(named("a"), a);
    ck_assert(limits_admit(set.limits, &a->door, NULL, &place[2]));
    for (unsigned i = 0; i < 3; i++)
        limits_release(&place[i]);
    ck_assert_uint_eq(limits_open(set.limits, &a->door), 0);
}
END_TEST

Suite *suite_listeners(void)
{
    Suite *suite = suite_create("listeners");
    TCase *tcase = tcase_create("listeners");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, one_worker_is_woken);
    tcase_add_test(tcase, words_reach_every_worker);
    tcase_add_test(tcase, all_are_waited_for);
    tcase_add_test(tcase, connections_change_hands_in_order);
    tcase_add_test(tcase, nobody_is_let_in_before_it_is_live);
    tcase_add_test(tcase, a_failed_reload_changes_nothing);
    tcase_add_test(tcase, names_change_and_sockets_stay);
    tcase_add_test(tcase, who_is_dropped_is_closed);
    tcase_add_test(tcase, a_busy_worker_keeps_the_descriptor);
    tcase_add_test(tcase, a_door_of_its_own);
    suite_add_tcase(suite, tcase);
    return suite;
}
