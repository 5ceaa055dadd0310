/* A TLS client with any certificate chain, to see what it costs the server. What tests/tools/dear.py made is
 * named without its ending: NAME.pem, NAME.key and NAME.leaves. A chain whose leaf has no key comes with a
 * signature that looks like one. Each handshake brings another leaf, so that the server knows none of them.
 *
 *   dearly compare PID PORT tls12|tls13 all|leave ROUNDS ENOUGH ORDINARY < NAMES
 *   dearly batch MTLSD ROUNDS ENOUGH CA ORDINARY < NAMES
 *   dearly storm PORT tls12|tls13 NUMBER BURSTS MS < NAMES
 *
 * compare prints for each NAME a line "NAME PERCENT DEAR ORDINARY END": processor time of the process PID for
 * a handshake with the chain in that for one with ORDINARY, both in microseconds, and how the dear one ended:
 * served, closed, or the alert's number. Dear and ordinary ones take turns, no leaf comes twice; the numbers
 * are lower quartiles of ROUNDS, or of fewer when the percentage is below ENOUGH: what else runs on a
 * machine, or on the one below it, only adds, and meets longer work more often. With leave the client sends
 * its Certificate and goes before its CertificateVerify, in the dear handshakes alone. One that has no answer
 * after some seconds ends all, with status 3. After a handshake the client asks for /livez, or for what the
 * variable DEARLY_PATH names.
 *
 * batch does the same with lines for `mtlsd verify --batch`, without what the bytes of a line cost as text.
 *
 * storm makes NUMBER handshakes at once, BURSTS times, one every MS, the chains in turn, and prints "storm
 * NUMBER" with how many came to an end. */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "dearly.h"

enum { MOST_ROUNDS = 64, WINDOW = 9, MOST_NAMES = 2048 };

struct talk {
    struct chain *chain;
    int fd;
    bool leave, left;
    size_t certificate_len, sent_len; /* of the Certificate message; of the encrypted handshake messages */
    bool tls13;
    gnutls_datum_t leaf; /* of this handshake */
    gnutls_pcert_st *pcert;
};

static uint16_t port;
static bool tls13;

void die(const char *what)
{
    fprintf(stderr, "dearly: %s\n", what);
    exit(1);
}

void must(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "dearly: %s: %s\n", what, gnutls_strerror(rc));
        exit(1);
    }
}

static long number(const char *text, long most)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno || *end || end == text || n < 0 || n > most)
        die("a number is none, or too large");
    return n;
}

/* --- what is sent --- */

static unsigned read_certs(const char *name, const char *ending, gnutls_datum_t *out, unsigned most)
{
    char path[4096];
    gnutls_datum_t file;
    snprintf(path, sizeof path, "%s.%s", name, ending);
    if (gnutls_load_file(path, &file) < 0)
        return 0;
    unsigned n = 0;
    for (char *at = strstr((char *)file.data, "-----BEGIN "); at && n < most;
         at = strstr(at + 1, "-----BEGIN ")) {
        char *end = strstr(at, "-----END ");
        gnutls_datum_t one = {(unsigned char *)at,
                              (unsigned)(end ? strcspn(end, "\n") + (size_t)(end - at) + 1 : 0)};
        must(gnutls_pem_base64_decode2("CERTIFICATE", &one, &out[n++]), path);
    }
    gnutls_free(file.data);
    return n;
}

static int false_signature(const struct chain *chain, gnutls_datum_t *signature)
{
    unsigned n = chain->signature_len;
    signature->data = gnutls_malloc(n);
    if (!signature->data)
        return GNUTLS_E_MEMORY_ERROR;
    signature->size = n;
    memset(signature->data, 0x55, n);
    signature->data[0] = 0;
    if (chain->pk ==
        GNUTLS_PK_ECDSA) { /* SEQUENCE { INTEGER, INTEGER } of the same length, short form each */
        unsigned half = (n - 6) / 2;
        unsigned char head[] = {0x30, (unsigned char)(n - 2), 2, (unsigned char)half};
        memcpy(signature->data, head, sizeof head);
        memcpy(signature->data + 4 + half, head + 2, 2);
    }
    return 0;
}

static int sign_data(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *userdata, unsigned flags,
                     const gnutls_datum_t *data, gnutls_datum_t *signature)
{
    (void)key, (void)algorithm, (void)flags, (void)data;
    return false_signature(userdata, signature);
}

static int key_info(gnutls_privkey_t key, unsigned flags, void *userdata)
{
    const struct chain *chain = userdata;
    (void)key;
    if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO) != 0)
        return (int)chain->pk;
    if ((flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) != 0)
        return gnutls_sign_supports_pk_algorithm(GNUTLS_FLAGS_TO_SIGN_ALGO(flags), chain->pk) != 0;
    if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) != 0)
        return 2048;
    return -1;
}

/* What the leaf says that its key is, and how long its signatures are. */
static unsigned read_leaf(struct chain *chain)
{
    gnutls_x509_crt_t crt;
    gnutls_ecc_curve_t curve;
    gnutls_datum_t m = {0}, e = {0};
    unsigned bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
    chain->pk = GNUTLS_PK_ECDSA;
    chain->signature_len = 72;
    must(gnutls_x509_crt_init(&crt), "memory");
    if (gnutls_x509_crt_import(crt, &chain->cert[0], GNUTLS_X509_FMT_DER) >= 0) {
        int pk = gnutls_x509_crt_get_pk_algorithm(crt, NULL);
        if (pk == GNUTLS_PK_RSA || pk == GNUTLS_PK_RSA_PSS) {
            chain->pk = (gnutls_pk_algorithm_t)pk;
            chain->signature_len = 256;
            if (gnutls_x509_crt_get_pk_rsa_raw(crt, &m, &e) >= 0 && m.size > 32)
                chain->signature_len = m.size - (m.data[0] == 0 ? 1 : 0);
            if (chain->signature_len > 65000)
                chain->signature_len = 65000;
            bits = 2048;
        } else if (pk == GNUTLS_PK_EDDSA_ED25519 || pk == GNUTLS_PK_EDDSA_ED448) {
            chain->pk = (gnutls_pk_algorithm_t)pk;
            chain->signature_len = pk == GNUTLS_PK_EDDSA_ED25519 ? 64 : 114;
            bits = 0;
        } else if (gnutls_x509_crt_get_pk_ecc_raw(crt, &curve, NULL, NULL) >= 0 &&
                   (curve == GNUTLS_ECC_CURVE_SECP384R1 || curve == GNUTLS_ECC_CURVE_SECP521R1)) {
            chain->signature_len = curve == GNUTLS_ECC_CURVE_SECP384R1 ? 102 : 126;
            bits = GNUTLS_CURVE_TO_BITS(curve);
        }
    }
    gnutls_free(m.data);
    gnutls_free(e.data);
    gnutls_x509_crt_deinit(crt);
    return bits;
}

/* Some key of that kind, made once: an RSA key takes half a second. */
static gnutls_privkey_t model(gnutls_pk_algorithm_t pk, unsigned bits)
{
    static struct {
        gnutls_pk_algorithm_t pk;
        unsigned bits;
        gnutls_privkey_t key;
    } made[16];
    gnutls_x509_privkey_t raw;
    size_t i = 0;
    while (i < 16 && made[i].key && (made[i].pk != pk || made[i].bits != bits))
        i++;
    if (i == 16)
        die("too many kinds of keys");
    if (!made[i].key) {
        made[i].pk = pk;
        made[i].bits = bits;
        must(gnutls_x509_privkey_init(&raw), "memory");
        must(gnutls_x509_privkey_generate(raw, pk, bits, 0), "a key");
        must(gnutls_privkey_init(&made[i].key), "memory");
        must(gnutls_privkey_import_x509(made[i].key, raw, 0), "a key");
    }
    return made[i].key;
}

struct chain *read_chain(const char *name)
{
    struct chain *chain = calloc(1, sizeof *chain);
    char path[4096];
    gnutls_datum_t file;
    if (!chain)
        die("memory");
    chain->name = name;
    chain->n = read_certs(name, "pem", chain->cert, MOST_CERTS);
    chain->n_leaves = read_certs(name, "leaves", chain->leaf, MOST_LEAVES);
    if (chain->n == 0)
        die("a chain cannot be read");
    must(gnutls_privkey_init(&chain->key), "memory");
    must(gnutls_pubkey_init(&chain->pubkey), "memory");
    unsigned bits = read_leaf(chain);
    snprintf(path, sizeof path, "%s.key", name);
    if (gnutls_load_file(path, &file) >= 0) {
        must(gnutls_privkey_import_x509_raw(chain->key, &file, GNUTLS_X509_FMT_PEM, NULL, 0), path);
        must(gnutls_pubkey_import_privkey(chain->pubkey, chain->key, 0, 0), path);
        gnutls_free(file.data);
        return chain;
    }
    must(gnutls_pubkey_import_privkey(chain->pubkey, model(chain->pk, bits), 0, 0), "a key");
    must(gnutls_privkey_import_ext4(chain->key, chain, sign_data, sign_data, NULL, NULL, key_info, 0),
         "a key");
    return chain;
}

/* The leaf of the next handshake: the next of those that are there, or the one with other bytes behind the
 * mark. */
static void next_leaf(struct talk *talk)
{
    struct chain *chain = talk->chain;
    unsigned i = atomic_fetch_add(&chain->next, 1);
    const gnutls_datum_t *from = chain->n_leaves ? &chain->leaf[i % chain->n_leaves] : &chain->cert[0];
    talk->leaf = (gnutls_datum_t){malloc(from->size), from->size};
    if (!talk->leaf.data)
        die("memory");
    memcpy(talk->leaf.data, from->data, from->size);
    unsigned char *mark = memmem(talk->leaf.data, talk->leaf.size, "DEAR", 4);
    if (!chain->n_leaves && mark && talk->leaf.size - (size_t)(mark - talk->leaf.data) > 12) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        uint64_t other = ((uint64_t)t.tv_sec << 40) + ((uint64_t)t.tv_nsec << 8) + (i & 0xff);
        memcpy(mark + 4, &other, sizeof other);
    }
}

static int retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **pcert,
                    unsigned *n, gnutls_ocsp_data_st **ocsp, unsigned *n_ocsp, gnutls_privkey_t *key,
                    unsigned *flags)
{
    struct talk *talk = gnutls_session_get_ptr(session);
    struct chain *chain = talk->chain;
    (void)info;
    next_leaf(talk);
    talk->pcert = calloc(chain->n, sizeof *talk->pcert);
    if (!talk->pcert)
        die("memory");
    talk->certificate_len = 4 + 1 + 3;
    for (unsigned i = 0; i < chain->n; i++) {
        talk->pcert[i].cert = i == 0 ? talk->leaf : chain->cert[i];
        talk->pcert[i].pubkey = chain->pubkey;
        talk->pcert[i].type = GNUTLS_CRT_X509;
        talk->certificate_len += 3 + talk->pcert[i].cert.size + 2;
    }
    *pcert = talk->pcert;
    *n = chain->n;
    *ocsp = NULL;
    *n_ocsp = 0;
    *key = chain->key;
    *flags = 0;
    return 0;
}

/* --- the wire --- */

static clockid_t server;

static double clock_us(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        die("the server has ended");
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Processor time of the server, when it has done nothing for so many milliseconds. */
static double settled_us(int quiet_ms)
{
    double now = clock_us(server), before;
    for (int quiet = 0, i = 0; quiet < quiet_ms && i < TIMEOUT_MS; i++) {
        before = now;
        poll(NULL, 0, 1);
        now = clock_us(server);
        quiet = now - before < 20 ? quiet + 1 : 0;
    }
    return now;
}

/* How much of what is to be sent comes before the CertificateVerify. Our library gives each message records
 * of its own. */
static size_t before_verify(struct talk *talk, const unsigned char *p, size_t n)
{
    size_t at = 0;
    while (at + 5 <= n) {
        size_t len = (size_t)p[at + 3] << 8 | p[at + 4];
        if (p[at] == 22 && at + 5 < n && p[at + 5] == GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY)
            break;
        if (p[at] == 23) {
            if (talk->sent_len >= talk->certificate_len)
                break;
            talk->sent_len += len - 17;
        }
        at += 5 + len;
    }
    return at < n ? at : n;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *data, size_t n)
{
    struct talk *talk = ptr;
    size_t send_now = talk->left ? 0 : n;
    if (talk->leave && !talk->left && talk->certificate_len > 0) {
        send_now = before_verify(talk, data, n);
        talk->left = send_now < n;
    }
    for (size_t done = 0; done < send_now;) {
        ssize_t sent = send(talk->fd, (const char *)data + done, send_now - done, MSG_NOSIGNAL);
        if (sent <= 0)
            return -1;
        done += (size_t)sent;
    }
    if (talk->left) { /* who goes at once is not read any more */
        (void)settled_us(4);
        shutdown(talk->fd, SHUT_WR);
    }
    return (ssize_t)n;
}

static ssize_t push_vector(gnutls_transport_ptr_t ptr, const giovec_t *v, int n)
{
    size_t len = 0;
    for (int i = 0; i < n; i++)
        len += v[i].iov_len;
    unsigned char *joined = malloc(len + 1);
    if (!joined)
        return -1;
    len = 0;
    for (int i = 0; i < n; i++) {
        memcpy(joined + len, v[i].iov_base, v[i].iov_len);
        len += v[i].iov_len;
    }
    ssize_t rc = push(ptr, joined, len);
    free(joined);
    return rc;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t n)
{
    struct pollfd wait = {.fd = ((struct talk *)ptr)->fd, .events = POLLIN};
    if (poll(&wait, 1, TIMEOUT_MS) != 1) {
        printf("%s no answer\n", ((struct talk *)ptr)->chain->name);
        fflush(stdout);
        _exit(3);
    }
    return recv(wait.fd, data, n, 0);
}

static int reach(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) != 0)
        die("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

int one(struct chain *chain, bool leave)
{
    const char *path = getenv("DEARLY_PATH");
    char ask[256];
    snprintf(ask, sizeof ask, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
             path ? path : "/livez");
    struct talk talk = {.chain = chain, .fd = reach(), .leave = leave, .tls13 = tls13};
    gnutls_certificate_credentials_t creds;
    gnutls_session_t session;
    char answer[4096];
    int end = -1;
    must(gnutls_certificate_allocate_credentials(&creds), "memory");
    gnutls_certificate_set_retrieve_function3(creds, retrieve);
    must(gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL), "memory");
    must(gnutls_priority_set_direct(session,
                                    tls13 ? "NORMAL:-VERS-ALL:+VERS-TLS1.3:%VERIFY_ALLOW_BROKEN"
                                          : "NORMAL:-VERS-ALL:+VERS-TLS1.2:%VERIFY_ALLOW_BROKEN",
                                    NULL),
         "priorities");
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, creds);
    gnutls_server_name_set(session, GNUTLS_NAME_DNS, "localhost", 9);
    gnutls_session_set_ptr(session, &talk);
    gnutls_transport_set_ptr(session, &talk);
    gnutls_transport_set_vec_push_function(session, push_vector);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_handshake_set_timeout(session, 0);
    int rc;
    do
        rc = gnutls_handshake(session);
    while (rc < 0 && gnutls_error_is_fatal(rc) == 0);
    if (rc >= 0 && !talk.left)
        (void)gnutls_record_send(session, ask, strlen(ask));
    for (ssize_t n = 1; rc >= 0 && (n > 0 || n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);) {
        n = gnutls_record_recv(session, answer, sizeof answer);
        if (n > 0)
            end = 0;
        if (n < 0 && gnutls_error_is_fatal((int)n) != 0)
            rc = (int)n;
    }
    if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED)
        end = (int)gnutls_alert_get(session);
    else if (rc < 0 && getenv("DEARLY_SAY"))
        fprintf(stderr, "dearly: %s: %s\n", chain->name, gnutls_strerror(rc));
    shutdown(talk.fd, SHUT_WR);
    while (pull(&talk, answer, sizeof answer) > 0)
        ;
    close(talk.fd);
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(creds);
    free(talk.pcert);
    free(talk.leaf.data);
    return end;
}

/* --- compare --- */

static int smaller(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, smaller);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static double lower_quartile(double *v, size_t n)
{
    qsort(v, n, sizeof *v, smaller);
    return v[n / 4];
}

static void free_chain(struct chain *chain)
{
    for (unsigned i = 0; i < chain->n; i++)
        gnutls_free(chain->cert[i].data);
    for (unsigned i = 0; i < chain->n_leaves; i++)
        gnutls_free(chain->leaf[i].data);
    gnutls_privkey_deinit(chain->key);
    gnutls_pubkey_deinit(chain->pubkey);
    free(chain);
}

/* Processor time for one chain, in microseconds, and how it ended. */
typedef double (*work_fn)(struct chain *chain, bool dear, int *end);

static void compare(work_fn work, unsigned rounds, double enough, const char *ordinary, char **names)
{
    struct chain *usual = read_chain(ordinary);
    double window[WINDOW], sorted[WINDOW];
    unsigned seen = 0;
    int end;
    for (; seen < WINDOW; seen++) /* the first ones warm it up */
        window[seen] = work(usual, false, &end);
    for (char **first = names; *names; names++) {
        struct chain *chain = read_chain(*names);
        double dear[MOST_ROUNDS], d = 0, c = 0;
        int how = -1;
        for (unsigned n = 0; n < rounds;) {
            dear[n++] = work(chain, true, &how);
            if (n > 1 || (names - first) % 3 == 0)
                window[seen++ % WINDOW] = work(usual, false, &end);
            d = lower_quartile(dear, n);
            memcpy(sorted, window, sizeof sorted);
            c = lower_quartile(sorted, WINDOW);
            if (100 * d / c < enough)
                break;
        }
        const char *base = strrchr(*names, '/');
        printf("%s %.0f %.0f %.0f ", base ? base + 1 : *names, 100 * d / c, d, c);
        if (how > 0)
            printf("alert-%d\n", how);
        else
            puts(how == 0 ? "served" : "closed");
        fflush(stdout);
        free_chain(chain);
    }
    free_chain(usual);
}

static bool leaves;

static double shake(struct chain *chain, bool dear, int *end)
{
    double at = settled_us(1);
    *end = one(chain, dear && leaves);
    return settled_us(1) - at;
}

static char **read_names(void)
{
    static char *names[MOST_NAMES + 1];
    size_t n = 0, room = 0;
    char *line = NULL;
    while (n < MOST_NAMES && getline(&line, &room, stdin) > 0) {
        line[strcspn(line, "\n")] = 0;
        if (!(names[n++] = strdup(line)))
            die("memory");
    }
    free(line);
    return names;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 9 && strcmp(argv[1], "compare") == 0) {
        port = (uint16_t)number(argv[3], 65535);
        tls13 = strcmp(argv[4], "tls13") == 0;
        leaves = strcmp(argv[5], "leave") == 0;
        if (clock_getcpuclockid((pid_t)number(argv[2], 1L << 30), &server) != 0)
            die("there is no such process");
        compare(shake, (unsigned)number(argv[6], MOST_ROUNDS), (double)number(argv[7], 100000), argv[8],
                read_names());
    } else if (argc == 7 && strcmp(argv[1], "batch") == 0) {
        batch_of(argv[2], argv[5]);
        compare(batch_line, (unsigned)number(argv[3], MOST_ROUNDS), (double)number(argv[4], 100000), argv[6],
                read_names());
    } else if (argc == 7 && strcmp(argv[1], "storm") == 0) {
        port = (uint16_t)number(argv[2], 65535);
        tls13 = strcmp(argv[3], "tls13") == 0;
        storm((unsigned)number(argv[4], 1000), (unsigned)number(argv[5], 1000), number(argv[6], 60000),
              read_names());
    } else {
        die("the beginning of dearly.c says how");
    }
    return 0;
}
