/* A connection of drive: TCP, TLS and HTTP, one thing at a time, each of which waits until it is done. */
#ifndef MTLSD_TESTS_TOOLS_DRIVE_H
#define MTLSD_TESTS_TOOLS_DRIVE_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    TIMEOUT_MS = 15000,  /* for a handshake, and for each read: more than a busy machine takes */
    BUFFER = 512 * 1024, /* the longest response that is read, and the longest request */
};

struct link {
    char name[32];
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t creds;
    gnutls_datum_t ticket;
    bool open;    /* it has a socket */
    bool closing; /* the last response said Connection: close */
};

/* Those that have a name. link_find: NULL: none has it; link_add: shut, or new, or NULL: there are too many;
 * link_at: one after the other, and NULL. */
struct link *link_find(const char *name);
struct link *link_add(const char *name);
struct link *link_at(size_t i);
void links_done(void);

/* 0, or an error of connect(2), negative. */
int link_connect(struct link *link, const char *port);
/* On a connection that is there; `word` are n OPTIONS. 0, or GnuTLS's error. */
int link_begin_tls(struct link *link, char *const *word, size_t n);
/* Both; returns like link_begin_tls. */
int link_open(struct link *link, const char *port, char *const *word, size_t n);
/* Its ticket stays. */
void link_shut(struct link *link);

/* Sends a GET. 0, or GnuTLS's error. */
int link_ask(struct link *link, const char *path, const char *field);
/* Reads the whole response, of which `text` gets the head or the body. Returns its status, 0: the connection
 * ended, negative: GnuTLS's error. */
int link_answer(struct link *link, bool head, char *text, size_t room);
/* Both; returns like link_answer. */
int link_get(struct link *link, const char *path, const char *field, char *body, size_t room);

#endif
