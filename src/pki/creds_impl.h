/* The inside of creds, for creds*.c only. */
#ifndef MTLSD_PKI_CREDS_IMPL_H
#define MTLSD_PKI_CREDS_IMPL_H

#include "pki/creds.h"
#include "pki/x509file.h"

enum { CREDS_MOST_CHAIN = 16, CREDS_KEY_ID = 32 };

/* --- what the files held, while they are loaded (creds_parts.c) ----------------------------------------- */

/* A certificate or key as it came, and from where. */
struct part {
    gnutls_x509_crt_t crt;
    gnutls_privkey_t key;
    unsigned char id[CREDS_KEY_ID];                            /* of the public key */
    unsigned char subject[CREDS_KEY_ID], issuer[CREDS_KEY_ID]; /* SHA-256 of the names' DER */
    /* The same of what they say: equal for names that are alike. */
    unsigned char subject_meaning[CREDS_KEY_ID], issuer_meaning[CREDS_KEY_ID];
    gnutls_privkey_t *owner; /* of a key: where its file has it */
    const struct conf_text *from;
    size_t position;             /* in its file */
    bool in_pem;                 /* so that the position was somebody's choice */
    const struct part *twin;     /* the same certificate came before */
    const struct certinfo *info; /* the credentials'; NULL: not asked for yet */
    bool readable_by_others;
    struct part *pair; /* of a certificate: its key */
    bool used;
};

/* A name that was read: its SHA-256, and what it says. */
struct part_name {
    unsigned char id[CREDS_KEY_ID], meaning[CREDS_KEY_ID];
};

/* Issuers are few, and what is known of one is not found out again. */
enum { PARTS_ISSUERS = 16 };
struct parts {
    struct part *crt, *key;
    size_t n_crts, n_keys;
    struct part **by_key, **by_subject; /* the certificates but twins, sorted by id and by subject_meaning */
    size_t n_unique;                    /* of each of the two */
    struct x509file *file;              /* own the objects until they go into the credentials */
    size_t n_files;
    struct x509file_pool pool;
    const struct part *pooled[X509FILE_POOLED]; /* the first of each */
    struct part_name issuer[PARTS_ISSUERS];
    size_t n_issuers;
};

/* Reads the files and lists what they hold. 0, or negative: ERR_NOMEM, ERR_CRYPTO, or a file cannot be used,
 * of which each is a finding. parts_done in any case. */
MUST_CHECK int parts_load(struct parts *parts, const struct conf_listener *listener, struct diag *diag);
void parts_done(struct parts *parts);
/* Its file forgets a key that now belongs to the credentials. */
void parts_give_away(struct part *key);

/* creds_chain.c: sorts the certificates, and finds twins. 0 or ERR_NOMEM. */
MUST_CHECK int parts_index(struct parts *parts);
/* The certificates with this public key but twins, in the order of the configuration: how many, from *first
 * on. */
size_t parts_by_key(const struct parts *parts, const unsigned char id[static CREDS_KEY_ID],
                    struct part *const **first);
bool part_ends_later(const struct part *a, const struct part *b);
bool part_self_signed(const struct part *part);

/* The certificate for a key, or NULL: of several with the same key (one was renewed) that which ends last. */
struct part *parts_match(const struct parts *parts, const struct part *key, struct diag *diag);

/* A leaf with its issuers, as far as they were given. */
struct part_chain {
    struct part *part[CREDS_MOST_CHAIN]; /* what goes out: without a self-signed root, which a client has or
                                            does not believe */
    size_t n;
    struct part *above; /* the issuer of the last one, when it was given: such a root; NULL: it was not */
    bool in_order;      /* no PEM file has it in another order */
};
void parts_chain(const struct parts *parts, struct part *leaf, struct part_chain *out);

/* --- the sets --- */

/* Kinds of keys that can be used, the preferred first: what costs the server less. */
enum creds_kind {
    CREDS_P256,
    CREDS_ED25519,
    CREDS_P384,
    CREDS_P521,
    CREDS_RSA_PSS,
    CREDS_RSA,
    CREDS_UNUSABLE,
};

/* One certificate with its key and the chain that goes out with it. */
struct creds_set {
    enum creds_kind kind;
    const struct certinfo **chain; /* leaf first; the array is owned, what it points to is the credentials' */
    gnutls_pcert_st
        *pcert; /* the same for GnuTLS; the array is owned, what it points to is the credentials' */
    size_t n;
    gnutls_privkey_t key;        /* the credentials' */
    gnutls_ocsp_data_st *staple; /* n of them, of which some may be empty; NULL: none. Owned */
    bool complete;               /* up to a self-signed root that was given too */
    bool self_signed;            /* the leaf is */
    bool in_order;
    bool must_staple; /* RFC 7633 */
    bool key_readable_by_others;
    struct src crt_src, key_src;
    const char *crt_file,
        *key_file; /* borrowed from the configuration: valid while creds_load and creds_lint run */
    const struct part_chain *from; /* valid while creds_load runs */
};

/* A DNS name of a leaf, in lower case, "*.example.org" as it stands there. */
struct creds_name {
    char *name;
    enum creds_kind kind;
    size_t set;
};

struct creds {
    unsigned refs;                           /* atomic */
    gnutls_certificate_credentials_t gnutls; /* owns keys and certificates */
    struct creds_set *set;                   /* as their certificates were configured */
    size_t n;
    const struct certinfo **leaf; /* of each set; borrowed from it */
    struct certinfo **info;       /* of all certificates in chains: sets may share an issuer's */
    size_t n_infos;
    struct creds_name *name; /* sorted: for each name the preferred kind first */
    size_t n_names;
};

/* creds_choose.c */
enum creds_kind creds_kind_of(const gnutls_pcert_st *leaf);
/* Lists the names of the sets. 0, ERR_NOMEM, or ERR_CRYPTO where a finding says that a key is of no use. */
MUST_CHECK int creds_index(struct creds *creds, struct diag *diag);

/* creds_staple.c: one file of `ocsp_response`, for every certificate that it is about. */
MUST_CHECK int creds_staple(struct creds *creds, const struct conf_text *from, time_t now, struct diag *diag);

#endif
