/* Listening sockets: whom a socket that closes still lets in. */
#include "suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/port.h"

enum { PATIENCE_MS = 10000, CLIENTS = 60 };

static struct port *port;

static void set_up(void)
{
    struct err err = {0};
    int rc = port_open("127.0.0.1:0", -1, &port, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
}

static void tear_down(void)
{
    port_free(port);
}

/* A socket on its way to `to`, or connected. */
static int begin(const struct port *to)
{
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(getsockname(to->fd, (struct sockaddr *)&at, &len), 0);
    int rc = connect(fd, (struct sockaddr *)&at, sizeof at);
    ck_assert(rc == 0 || errno == EINPROGRESS);
    return fd;
}

static bool is_connected(int fd, int wait_ms)
{
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;
    return poll(&out, 1, wait_ms) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
           error == 0;
}

static bool can_read(int fd, int wait_ms)
{
    struct pollfd in = {.fd = fd, .events = POLLIN};
    return poll(&in, 1, wait_ms) == 1;
}

/* --- the last call -------------------------------------------------------------------------------------- */

/* A worker that is slow: a client every few milliseconds. */
struct slow {
    int fd;
    int client[CLIENTS];
    atomic_uint n;
};

static void *accept_slowly(void *cls)
{
    struct slow *slow = cls;
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    while (atomic_load(&slow->n) < CLIENTS && clock_mono_ms() < until_ms) {
        int client = accept(slow->fd, NULL, NULL);
        if (client >= 0)
            slow->client[atomic_fetch_add(&slow->n, 1)] = client;
        (void)poll(NULL, 0, 2);
    }
    return NULL;
}

/* All that are connected are let in before it returns, nobody who comes meanwhile is, and those who are in go
 * on talking. */
START_TEST(everybody_who_waits_gets_in)
{
    enum { LAST_CALL_MS = 1000 }; /* it waits no longer */
    int client[CLIENTS], late;
    struct slow slow = {.fd = port->fd};
    pthread_t thread;
    for (unsigned i = 0; i < CLIENTS; i++) {
        client[i] = begin(port);
        ck_assert(is_connected(client[i], PATIENCE_MS));
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, accept_slowly, &slow), 0);
    uint64_t began_ms = clock_mono_ms();
    port_last_call(&port, 1);
    ck_assert(atomic_load(&slow.n) == CLIENTS || clock_mono_ms() - began_ms >= LAST_CALL_MS);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(atomic_load(&slow.n), CLIENTS);
    late = begin(port);
    ck_assert_msg(!is_connected(late, 100), "who comes later is let in, and then reset");
    ck_assert(!can_read(port->fd, 0));
    for (unsigned i = 0; i < CLIENTS; i++) {
        char c;
        ck_assert_int_eq(send(client[i], "x", 1, 0), 1);
        ck_assert(can_read(slow.client[i], PATIENCE_MS));
        ck_assert_int_eq(recv(slow.client[i], &c, 1, 0), 1);
        ck_assert_int_eq(send(slow.client[i], "y", 1, 0), 1);
        ck_assert(can_read(client[i], PATIENCE_MS));
        ck_assert_int_eq(recv(client[i], &c, 1, 0), 1);
        close(slow.client[i]);
        close(client[i]);
    }
    close(late);
}
END_TEST

/* Workers that never come: it does not wait for ever. */
START_TEST(it_ends_though_nobody_accepts)
{
    int client = begin(port);
    ck_assert(is_connected(client, PATIENCE_MS));
    uint64_t began_ms = clock_mono_ms();
    port_last_call(&port, 1);
    uint64_t took_ms = clock_mono_ms() - began_ms;
    ck_assert_uint_ge(took_ms, 500);
    ck_assert_uint_le(took_ms, PATIENCE_MS);
    close(client);
}
END_TEST

/* The socket is others', too: it goes on to let clients in, and its queue is for whoever accepts next. */
START_TEST(an_inherited_socket_stays_open)
{
    struct err err = {0};
    struct port *inherited = NULL;
    int rc = port_open("127.0.0.1:0", dup(port->fd), &inherited, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_str_eq(inherited->bound, port->bound);
    int first = begin(inherited), second;
    ck_assert(is_connected(first, PATIENCE_MS));
    port_last_call(&inherited, 1);
    second = begin(inherited);
    ck_assert(is_connected(second, PATIENCE_MS));
    ck_assert(can_read(port->fd, PATIENCE_MS));
    close(first);
    close(second);
    port_free(inherited);
}
END_TEST

/* --- addresses ------------------------------------------------------------------------------------------ */

START_TEST(its_address_has_the_real_port)
{
    unsigned number;
    ck_assert_int_eq(sscanf(port->bound, "127.0.0.1:%u", &number), 1);
    ck_assert_uint_gt(number, 0);
    char url[100];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", number);
    ck_assert_str_eq(port->url, url);
    ck_assert(fcntl(port->fd, F_GETFD) & FD_CLOEXEC);
    ck_assert(fcntl(port->fd, F_GETFL) & O_NONBLOCK);
}
END_TEST

START_TEST(a_port_that_is_taken)
{
    struct err err = {0};
    struct port *second = NULL;
    ck_assert_int_eq(port_open(port->bound, -1, &second, &err), ERR_IO);
    ck_assert_ptr_null(second);
    ck_assert_ptr_nonnull(strstr(err.text, "the port is in use; stop the other program"));
    ck_assert_int_eq(port_open("192.0.2.1:0", -1, &second, &err), ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "no interface of this machine has that address"));
}
END_TEST

/* --- UNIX sockets --------------------------------------------------------------------------------------- */

enum { STARTS = 4, ROUNDS = 100 };

struct start {
    pthread_barrier_t *together;
    const char *address;
    struct port *port;
    int rc;
};

static void *start_one(void *cls)
{
    struct start *start = cls;
    struct err err = {0};
    pthread_barrier_wait(start->together);
    start->rc = port_open(start->address, -1, &start->port, &err);
    return NULL;
}

static int connect_local(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    if (connect(fd, (const struct sockaddr *)at, sizeof *at) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Several that start at once where one was left behind: one has the path, and who connects comes to it. */
START_TEST(one_of_several_starts_has_the_path)
{
    char folder[] = "/tmp/mtlsd-port.XXXXXX", address[64];
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    pthread_barrier_t together;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(at.sun_path, sizeof at.sun_path, "%s/s", folder);
    snprintf(address, sizeof address, "unix:%s/s", folder);
    ck_assert_int_eq(pthread_barrier_init(&together, NULL, STARTS), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct start start[STARTS] = {{0}};
        pthread_t thread[STARTS];
        unsigned good = 0;
        int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(stale, (const struct sockaddr *)&at, sizeof at), 0);
        close(stale);
        for (unsigned i = 0; i < STARTS; i++) {
            start[i] = (struct start){.together = &together, .address = address};
            ck_assert_int_eq(pthread_create(&thread[i], NULL, start_one, &start[i]), 0);
        }
        for (unsigned i = 0; i < STARTS; i++)
            pthread_join(thread[i], NULL);
        int client = connect_local(&at);
        ck_assert_int_ge(client, 0);
        for (unsigned i = 0; i < STARTS; i++) {
            ck_assert(start[i].rc == 0 || start[i].rc == ERR_IO);
            good += start[i].rc == 0;
            ck_assert_msg(start[i].rc != 0 || can_read(start[i].port->fd, PATIENCE_MS),
                          "round %u: a listener that nobody reaches", round);
            port_free(start[i].port);
        }
        ck_assert_uint_eq(good, 1);
        close(client);
    }
    pthread_barrier_destroy(&together);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* Somebody who keeps the lock on the folder keeps nobody from starting. */
START_TEST(a_lock_that_others_keep)
{
    char folder[] = "/tmp/mtlsd-port.XXXXXX", address[64];
    struct err err = {0};
    struct port *local = NULL;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(address, sizeof address, "unix:%s/s", folder);
    int lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(flock(lock, LOCK_EX), 0);
    int rc = port_open(address, -1, &local, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    port_free(local);
    close(lock);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

Suite *suite_port(void)
{
    Suite *suite = suite_create("port");
    TCase *tcase = tcase_create("port");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, everybody_who_waits_gets_in);
    tcase_add_test(tcase, it_ends_though_nobody_accepts);
    tcase_add_test(tcase, an_inherited_socket_stays_open);
    tcase_add_test(tcase, its_address_has_the_real_port);
    tcase_add_test(tcase, a_port_that_is_taken);
    tcase_add_test(tcase, one_of_several_starts_has_the_path);
    tcase_add_test(tcase, a_lock_that_others_keep);
    suite_add_tcase(suite, tcase);
    return suite;
}
