/* A way that is long, for tests: what comes at its port goes on to another, each byte so much later, and back
 * again. As many bytes as one likes are on it at once.
 *
 *   faraway READY PORT MILLISECONDS
 *
 * Writes its own port to READY. Serves one connection after the other, each until both of its ends are shut,
 * and ends when it is killed, or after ten minutes. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 * 1024, PIECES = 1024, LIFE_S = 600 };

struct piece {
    char *bytes;
    size_t len, at;
    uint64_t due_us;
};

/* One direction: a ring of what is under way. */
struct way {
    int from, to;
    bool ended, told; /* no more comes; the other side was told so */
    size_t first, n;
    struct piece piece[PIECES];
};

static struct way ways[2];
static uint64_t delay_us;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void take(struct way *way)
{
    static char bytes[PIECE];
    while (way->n < PIECES) {
        const ssize_t got = recv(way->from, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            way->ended = true;
            return;
        }
        struct piece *piece = &way->piece[(way->first + way->n++) % PIECES];
        *piece = (struct piece){malloc((size_t)got), (size_t)got, 0, now_us() + delay_us};
        if (!piece->bytes)
            die("memory");
        memcpy(piece->bytes, bytes, (size_t)got);
    }
}

static void drop(struct way *way)
{
    free(way->piece[way->first].bytes);
    way->first = (way->first + 1) % PIECES;
    way->n--;
}

static void give(struct way *way)
{
    while (way->n > 0 && way->piece[way->first].due_us <= now_us()) {
        struct piece *piece = &way->piece[way->first];
        const ssize_t n =
            send(way->to, piece->bytes + piece->at, piece->len - piece->at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) { /* nobody reads it any more */
            way->ended = true;
            while (way->n > 0)
                drop(way);
            break;
        }
        piece->at += (size_t)n;
        if (piece->at == piece->len)
            drop(way);
    }
    if (way->ended && way->n == 0 && !way->told) {
        way->told = true;
        (void)shutdown(way->to, SHUT_WR);
    }
}

/* How long nothing that is not yet due becomes so: milliseconds, -1: it is not known. What is due waits for
 * room in its socket, of which poll tells: both must go by the same `now`, or what becomes due in between
 * waits for neither. */
static int wait_of(uint64_t now)
{
    int wait = -1;
    for (size_t i = 0; i < 2; i++) {
        if (ways[i].n == 0)
            continue;
        const uint64_t due = ways[i].piece[ways[i].first].due_us;
        if (due <= now)
            continue;
        const int ms = (int)((due - now) / 1000) + 1;
        wait = wait < 0 || ms < wait ? ms : wait;
    }
    return wait;
}

static void serve(int client, int server)
{
    memset(ways, 0, sizeof ways);
    ways[0].from = ways[1].to = client;
    ways[0].to = ways[1].from = server;
    while (!ways[0].told || !ways[1].told) {
        struct pollfd fds[2] = {{.fd = client}, {.fd = server}};
        const uint64_t now = now_us();
        for (size_t i = 0; i < 2; i++) {
            const struct way *in = &ways[i], *out = &ways[1 - i];
            if (!in->ended && in->n < PIECES)
                fds[i].events |= POLLIN;
            if (out->n > 0 && out->piece[out->first].due_us <= now)
                fds[i].events |= POLLOUT;
            if (fds[i].events == 0)
                fds[i].fd = -1;
        }
        if (poll(fds, 2, wait_of(now)) < 0 && errno != EINTR)
            die("poll");
        for (size_t i = 0; i < 2; i++) {
            if (fds[i].revents & (POLLIN | POLLHUP | POLLERR) && !ways[i].ended)
                take(&ways[i]);
            give(&ways[i]);
        }
    }
    close(client);
    close(server);
}

static struct sockaddr_in here(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int main(int argc, char **argv)
{
    const int one = 1;
    if (argc != 4) {
        fputs("usage: faraway READY PORT MILLISECONDS\n", stderr);
        return 2;
    }
    alarm(LIFE_S);
    delay_us = strtoull(argv[3], NULL, 10) * 1000;
    struct sockaddr_in own = here(0), other = here((unsigned)strtoul(argv[2], NULL, 10));
    socklen_t len = sizeof own;
    const int door = socket(AF_INET, SOCK_STREAM, 0);
    if (door < 0 || bind(door, (struct sockaddr *)&own, sizeof own) != 0 || listen(door, 16) != 0 ||
        getsockname(door, (struct sockaddr *)&own, &len) != 0)
        die("bind");
    FILE *ready = fopen(argv[1], "w");
    if (!ready || fprintf(ready, "%u\n", ntohs(own.sin_port)) < 0 || fclose(ready) != 0)
        die(argv[1]);
    for (;;) {
        const int client = accept(door, NULL, NULL), server = socket(AF_INET, SOCK_STREAM, 0);
        if (client < 0 || server < 0 || connect(server, (struct sockaddr *)&other, sizeof other) != 0)
            die("connect");
        (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        (void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        serve(client, server);
    }
}
