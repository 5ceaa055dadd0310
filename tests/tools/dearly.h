/* What the parts of dearly share: a chain, and a handshake with it. */
#ifndef MTLSD_TESTS_TOOLS_DEARLY_H
#define MTLSD_TESTS_TOOLS_DEARLY_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { MOST_CERTS = 512, MOST_LEAVES = 4096, TIMEOUT_MS = 8000 };

struct chain {
    const char *name;
    gnutls_datum_t cert[MOST_CERTS];
    unsigned n;
    gnutls_datum_t leaf[MOST_LEAVES];
    unsigned n_leaves;
    gnutls_pubkey_t pubkey; /* as which the leaf's key is presented to our own library */
    gnutls_privkey_t key;
    gnutls_pk_algorithm_t pk;
    unsigned signature_len; /* of a false signature */
    atomic_uint next;
};

void die(const char *what);
void must(int rc, const char *what);
/* Sorts them. */
double median(double *v, size_t n);
struct chain *read_chain(const char *name);

/* One connection, until the server has closed it: 0 for served, -1 for closed, else the alert. The server has
 * done all that it will do for the handshake when an answer has come, or the end. */
int one(struct chain *chain, bool leave);

/* The program and the text of the CA, for what follows. */
void batch_of(char *mtlsd, const char *ca);
/* Processor time of the program for one line with the chain, in microseconds; *end 0 for good, -1 for
 * refused. */
double batch_line(struct chain *chain, bool dear, int *end);

/* n handshakes at once, so many times. */
void storm(unsigned n, unsigned bursts, long ms, char **names);

#endif
