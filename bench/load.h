/* What the files of the benchmark's client share; load.c tells what it does. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MOST_SECONDS = 300,
    MOST_CLIENTS = 100000,
    HEAD_SIZE = 8192,      /* of a response, or of all of a small one */
    READ_SIZE = 64 * 1024, /* also OpenSSL's, so that a large body takes few system calls */
};

enum mode { REQUESTS, HANDSHAKES, IDLE, GET, N_MODES };

struct options {
    enum mode mode;
    struct sockaddr_in address;
    const char *host, *path, *cert, *key, *ciphers, *groups;
    const char *folder; /* of client certificates that take turns: 1.pem to n_clients.pem */
    size_t n_clients, first_client;
    uint64_t count; /* 0: until the time is over */
    double seconds; /* of the measured part */
    unsigned rate;  /* requests a second; 0: as fast as they come back */
    size_t n_conns;
    bool tls12, resume, no_request;
    uint64_t length; /* of every answer's body, where it is known beforehand */
    bool has_length;
    size_t posted; /* bytes of the request's body; 0: a GET */
    char *request;
    size_t request_len;
};
extern struct options opt;
void read_options(int argc, char **argv);

/* What a connection waits for. RESTING has nothing to do; GONE failed and is not used again. */
enum state { HANDSHAKING, SENDING, READING, RESTING, GONE };

struct conn {
    int fd;
    SSL *ssl;
    SSL_SESSION *session; /* the newest that the server gave, for opt.resume */
    enum state state;
    uint32_t events; /* what epoll watches for it */
    bool fresh;      /* its handshake has not been counted yet */
    bool head_read;
    size_t head_len;
    uint64_t body_left;
    char head[HEAD_SIZE];
};

struct run {
    SSL_CTX *ctx;
    int epoll;
    struct conn *conns;
    uint64_t opened; /* connections, for the next one's source address and certificate */
    uint64_t started, done, failed, resumed, bytes;
    bool measuring;
    double end; /* of the measured part */
    volatile sig_atomic_t expired;
    char first_failure[256];
    char buffer[READ_SIZE];
};
extern struct run run;

double now(void);
_Noreturn void die(const char *what);

/* The context of all connections, from the options. */
void make_context(void);
void free_context(void);

/* Connects; begins a request; drives a connection until it must wait; closes. What fails is counted in run.
 */
void begin(struct conn *conn);
void begin_request(struct conn *conn);
void advance(struct conn *conn);
void disconnect(struct conn *conn);
void fail(struct conn *conn, const char *what);

/* Whether another operation may start: within the count and the time. */
bool more_wanted(void);

#endif
