/* The access log: one line per answered request, as Apache's combined format or as a JSON object. Formatting
 * (access.c) is pure. Each worker collects its lines, and writes them whole when it has 64 KiB of them (to
 * what is no regular file: 4 KiB; a reader that takes none stops nobody, its lines are dropped when they are
 * 64 KiB) or access_flush is called (access_sink.c): nothing is shared between workers but the file. */
#ifndef MTLSD_REPORT_ACCESS_H
#define MTLSD_REPORT_ACCESS_H

#include <pthread.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/conf.h"

/* What is known of an exchange when it is over. Strings are borrowed; NULL where there is nothing. */
/* The backend that had a request. */
struct access_upstream {
    const char *name; /* of the server; NULL: none had it */
    unsigned status;  /* of its answer, 0: there was none */
    uint64_t connect_us, first_byte_us;
    unsigned retries;
    const char *cut; /* a word: why its answer was, by this server; NULL: it was not */
};

/* How a connection of a listener with mode = tcp ended. */
enum tcp_end {
    TCP_END_NONE,
    TCP_END_CLIENT, /* both sides properly; the client first */
    TCP_END_SERVER,
    TCP_END_CLIENT_CUT, /* by a reset, or without close_notify */
    TCP_END_SERVER_CUT,
    TCP_END_REFUSED,     /* by an alert of the server's TLS */
    TCP_END_IDLE,        /* tunnel_timeout */
    TCP_END_NOT_LET_IN,  /* any more */
    TCP_END_UNREACHABLE, /* no server of the backend */
    TCP_END_STOPPED,     /* by the server's end */
    TCP_ENDS
};
/* "client", "server_cut" */
const char *access_end_word(enum tcp_end end);

struct access_record {
    time_t at;
    const char *remote;                     /* with the port */
    const char *host;                       /* that the request is for, with a port where it was sent */
    const char *method, *target, *protocol; /* with host all NULL: it was refused before they were known */
    unsigned status;                        /* 499: the connection ended before an answer */
    uint64_t bytes;                         /* of the response's body */
    uint64_t duration_us;
    const char *referer, *user_agent;
    const char *listener;
    const char *tls_version, *cipher_suite;
    bool resumed;
    const char *client_verify; /* "NONE", "SUCCESS", "FAILED" */
    const char *client_subject, *client_serial, *client_fingerprint_sha256;
    const char
        *refused_code;      /* the first verdict code of a 403, "policy_denied"; NULL: it is none of those */
    const char *refused_by; /* with it: the location; NULL: what the listener asks for */
    struct access_upstream upstream;
    enum tcp_end end;                       /* NONE: it is a request */
    uint64_t received_bytes;                /* else of the client */
    uint32_t run;                           /* of the process */
    uint64_t connection_id, request_number; /* with it the request's id; 0: refused so */
};

/* Most bytes of a line with its newline: of what a client makes longer the ends are left out. */
enum { ACCESS_MOST_LINE = 32 * 1024 };

/* Appends one line with its newline. No byte of a client's leaves it unescaped. */
void access_format(const struct access_record *record, enum access_format format, struct buf *out);

/* A worker's lines; embedded there, {0} is none. Private to access_sink.c. */
struct access_lines {
    pthread_mutex_t lock; /* the worker's own but for the moments when somebody flushes all */
    struct access_lines *next, *prev;
    struct buf text; /* whole lines */
    size_t write_at; /* so many bytes are written at once */
};

/* From here to access_leave, the calling thread's lines are collected there. Other threads' are collected
 * together. */
void access_enter(struct access_lines *lines);
void access_leave(void);

/* Where the lines go. One per process; access_open replaces it, safely while others write. */
/* `target`: "off", "stdout", "syslog" or a file (appended to, created 0640). On failure the old one stays. */
MUST_CHECK int access_open(const char *target, enum access_format format, struct err *err);
MUST_CHECK int access_reopen(struct err *err);
void access_close(void);
bool access_enabled(void);
void access_write(const struct access_record *record);
/* Writes what all threads have collected; to be called about once a second, and by access_open, access_reopen
 * and access_close by themselves. */
void access_flush(void);
/* Lines that were lost since the start, and the errno for which the last of them was; true while what is
 * written fails. */
uint64_t access_dropped(void);
int access_error(void);
bool access_failing(void);

#endif
