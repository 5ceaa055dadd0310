#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "suites.h"
#include "upstream/link.h"

/* A server of two addresses, at one of which nobody listens. */
static struct origin origin;
static struct backend_server server;
static struct conf_backend conf;
static struct conf_server conf_server;
static struct backend backend;
static struct wheel wheel;
static struct links links;
static struct link_shelf shelf;
static int sockets[2];
static char why[LINK_WHY];

static struct asker {
    struct link_user user;
    struct link *link;
    unsigned up, failed;
} asker;

static void heard(struct link_user *user, enum link_event event)
{
    struct asker *one = (struct asker *)(void *)user;
    one->up += event == LINK_UP;
    one->failed += event == LINK_FAILED;
    if (event == LINK_FAILED)
        link_close(one->link);
}

/* A socket at an address of its own; one that does not listen keeps everybody else from it. */
static int take_address(struct origin_address *out, bool listens)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    *out = (struct origin_address){.len = sizeof out->to.in};
    out->to.in.sin_family = AF_INET;
    out->to.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, &out->to.any, out->len), 0);
    ck_assert_int_eq(getsockname(fd, &out->to.any, &out->len), 0);
    if (listens)
        ck_assert_int_eq(listen(fd, 8), 0);
    return fd;
}

static void set_up(bool first, bool second)
{
    memset(&origin, 0, sizeof origin);
    pthread_mutex_init(&origin.lock, NULL);
    sockets[0] = take_address(&origin.address[0], first);
    sockets[1] = take_address(&origin.address[1], second);
    origin.n_addresses = 2;
    conf_server = (struct conf_server){.scheme = CONF_SCHEME_HTTP};
    conf = (struct conf_backend){.connect_timeout = 5};
    server = (struct backend_server){.conf = &conf_server, .origin = &origin};
    backend = (struct backend){.conf = &conf, .server = &server, .n = 1};
    atomic_init(&backend.refs, 1);
    wheel_init(&wheel, clock_mono_ms());
    links_init(&links, epoll_create1(EPOLL_CLOEXEC), &wheel);
    shelf = (struct link_shelf){0};
    asker = (struct asker){.user = {.event = heard}};
}

/* Until it is told what became of it. */
static void open_it(void)
{
    const struct link_target target = {&links, &shelf, &backend, 0};
    const struct link_first nothing = {0};
    struct epoll_event event;
    asker.up = asker.failed = 0;
    asker.link = link_open(&target, &asker.user, &nothing, why);
    while (asker.link && asker.up + asker.failed == 0 && epoll_wait(links.epoll, &event, 1, 5000) == 1)
        event_of(event.data.ptr)->ready(event_of(event.data.ptr), event.events);
}

/* What the other side did, which the kernel may bring a moment later. */
static void wait_until_there(const struct link *link, short what)
{
    struct pollfd there = {.fd = link->fd, .events = what};
    ck_assert_int_eq(poll(&there, 1, 10000), 1);
}

static void tear_down(void)
{
    links_settle(&links);
    close(links.epoll);
    close(sockets[0]);
    close(sockets[1]);
    pthread_mutex_destroy(&origin.lock);
}

START_TEST(an_address_that_refuses_is_not_the_end)
{
    set_up(_i == 0, _i == 1);
    /* Whichever of them is the first in turn. */
    for (unsigned i = 0; i < 4; i++) {
        open_it();
        ck_assert_ptr_nonnull(asker.link);
        ck_assert_uint_eq(asker.up, 1);
        ck_assert_uint_eq(asker.failed, 0);
        link_close(asker.link);
    }
    ck_assert_uint_eq(shelf.n_all, 0);
    ck_assert_uint_eq(backend.refs, 1);
    tear_down();
}
END_TEST

START_TEST(all_are_used)
{
    set_up(true, true);
    for (unsigned i = 0; i < 4; i++) {
        open_it();
        ck_assert_uint_eq(asker.up, 1);
        link_close(asker.link);
        int came = accept(sockets[i % 2], NULL, NULL);
        ck_assert_int_ge(came, 0);
        close(came);
    }
    tear_down();
}
END_TEST

START_TEST(none_takes_it)
{
    set_up(false, false);
    open_it();
    ck_assert_uint_eq(asker.up, 0);
    if (asker.link) {
        ck_assert_uint_eq(asker.failed, 1);
        ck_assert_str_eq(asker.link->why, strerror(ECONNREFUSED));
    } else {
        ck_assert_str_eq(why, strerror(ECONNREFUSED));
    }
    ck_assert_uint_eq(shelf.n_all, 0);
    ck_assert_uint_eq(backend.refs, 1);
    tear_down();
}
END_TEST

START_TEST(a_name_without_an_address)
{
    set_up(true, true);
    origin.n_addresses = 0;
    open_it();
    ck_assert_ptr_null(asker.link);
    ck_assert_str_eq(why, "its name could not be resolved");
    ck_assert_uint_eq(backend.refs, 1);
    tear_down();
}
END_TEST

START_TEST(one_that_has_said_something_is_nobodys)
{
    set_up(true, true);
    open_it();
    int came = accept(sockets[0], NULL, NULL);
    link_release(asker.link, 8, 10000);
    ck_assert_ptr_eq(link_take(&shelf, &asker.user), asker.link);
    link_release(asker.link, 8, 10000);
    /* No event is taken from the set before the next one asks for it. */
    if (_i == 0)
        ck_assert_int_eq(send(came, "H", 1, 0), 1);
    else
        ck_assert_int_eq(shutdown(came, SHUT_WR), 0);
    wait_until_there(asker.link, _i == 0 ? POLLIN : POLLRDHUP);
    ck_assert_ptr_null(link_take(&shelf, &asker.user));
    ck_assert_uint_eq(shelf.n_all, 0);
    close(came);
    tear_down();
}
END_TEST

/* What came before it is read all the same. */
START_TEST(a_reset_is_no_end)
{
    enum { BEFORE_A_READ, BEFORE_A_WRITE, NONE };
    const struct linger none = {.l_onoff = 1, .l_linger = 0};
    char bytes[8];
    set_up(true, true);
    open_it();
    int came = accept(sockets[0], NULL, NULL);
    ck_assert_int_eq(send(came, "hello", 5, 0), 5);
    if (_i != NONE)
        ck_assert_int_eq(setsockopt(came, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    close(came);
    wait_until_there(asker.link, POLLRDHUP);
    if (_i == BEFORE_A_WRITE)
        ck_assert_int_eq(link_write(asker.link, "x", 1), -ECONNRESET);
    asker.link->readable = asker.link->ended = true; /* as the event says */
    ck_assert_int_eq(link_read(asker.link, bytes, sizeof bytes), 5);
    ck_assert_int_eq(link_read(asker.link, bytes, sizeof bytes), _i == NONE ? 0 : -ECONNRESET);
    link_close(asker.link);
    tear_down();
}
END_TEST

Suite *suite_link(void)
{
    Suite *suite = suite_create("link");
    TCase *connecting = tcase_create("connecting");
    tcase_add_loop_test(connecting, an_address_that_refuses_is_not_the_end, 0, 2);
    tcase_add_test(connecting, all_are_used);
    tcase_add_test(connecting, none_takes_it);
    tcase_add_test(connecting, a_name_without_an_address);
    suite_add_tcase(suite, connecting);
    TCase *kept = tcase_create("kept");
    tcase_add_loop_test(kept, one_that_has_said_something_is_nobodys, 0, 2);
    suite_add_tcase(suite, kept);
    TCase *bytes = tcase_create("bytes");
    tcase_add_loop_test(bytes, a_reset_is_no_end, 0, 3);
    suite_add_tcase(suite, bytes);
    return suite;
}
