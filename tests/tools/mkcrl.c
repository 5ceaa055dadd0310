#include "mkcrl.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 24 * 3600, MOST_WORD = 512, ENTRY_MOST = 400, OTHER_ROOM = 8192 };

static void fail(const char *what)
{
    fprintf(stderr, "mkcrl: %s\n", what);
    exit(99);
}

static void must(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "mkcrl: %s: %s\n", what, gnutls_strerror(rc));
    exit(99);
}

/* ---- DER, from its end to its beginning: then a length is known when it is written -------------------- */

struct back {
    unsigned char *bytes;
    size_t at, room; /* what is written stands at bytes[at .. room) */
};

static void put(struct back *b, const void *bytes, size_t n)
{
    if (b->at < n)
        fail("there is no room");
    b->at -= n;
    if (n > 0)
        memcpy(b->bytes + b->at, bytes, n);
}

static void put_octet(struct back *b, unsigned octet)
{
    unsigned char c = (unsigned char)octet;
    put(b, &c, 1);
}

/* The tag and length of what was written since `end`. */
static void head(struct back *b, unsigned tag, size_t end)
{
    size_t n = end - b->at, octets = 0;
    if (n < 0x80) {
        put_octet(b, (unsigned)n);
    } else {
        for (size_t rest = n; rest > 0; rest >>= 8, octets++)
            put_octet(b, rest & 0xff);
        put_octet(b, 0x80 | (unsigned)octets);
    }
    put_octet(b, tag);
}

static void put_tlv(struct back *b, unsigned tag, const void *bytes, size_t n)
{
    size_t end = b->at;
    put(b, bytes, n);
    head(b, tag, end);
}

static void put_time(struct back *b, time_t t)
{
    char text[32];
    struct tm tm;
    gmtime_r(&t, &tm);
    bool general = tm.tm_year >= 150;
    size_t n = strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &tm), century = general ? 0 : 2;
    put_tlv(b, general ? 0x18 : 0x17, text + century, n - century);
}

static size_t from_hex(const char *text, unsigned char *out, size_t room)
{
    size_t n = 0;
    unsigned octet;
    int used;
    for (; n < room && sscanf(text, "%2x%n", &octet, &used) == 1 && used == 2; text += 2)
        out[n++] = (unsigned char)octet;
    if (*text != 0 && *text != ',')
        fail(text);
    return n;
}

static void put_hex(struct back *b, unsigned tag, const char *hex)
{
    unsigned char octets[MOST_WORD];
    size_t n = from_hex(hex, octets, sizeof octets);
    put_tlv(b, tag, octets, n);
}

/* {OID id-ce ce, critical, value}: the value was written since `end`. ce 0: an OID that nobody knows. */
static void extension(struct back *b, unsigned ce, bool critical, size_t end)
{
    unsigned char oid[] = {0x55, 0x1d, (unsigned char)ce}, unknown[] = {0x2a, 3, 4, 5};
    head(b, 0x04, end);
    if (critical)
        put(b, "\x01\x01\xff", 3);
    if (ce > 0)
        put_tlv(b, 6, oid, sizeof oid);
    else
        put_tlv(b, 6, unknown, sizeof unknown);
    head(b, 0x30, end);
}

/* ---- words -------------------------------------------------------------------------------------------- */

struct words {
    const char *text;
};

static bool next_word(struct words *w, char out[static MOST_WORD])
{
    w->text += strspn(w->text, " ");
    size_t n = strcspn(w->text, " ");
    if (n >= MOST_WORD)
        fail("a word is too long");
    memcpy(out, w->text, n);
    out[n] = 0;
    w->text += n;
    return n > 0;
}

/* What stands behind KEY= in the last word of that key, else `preset`. */
static const char *value_of(const char *text, const char *key, const char *preset, char out[static MOST_WORD])
{
    struct words w = {text};
    char word[MOST_WORD];
    size_t n = strlen(key);
    snprintf(out, MOST_WORD, "%s", preset != NULL ? preset : "");
    const char *found = preset != NULL ? out : NULL;
    while (next_word(&w, word))
        if (strncmp(word, key, n) == 0 && word[n] == '=') {
            snprintf(out, MOST_WORD, "%s", word + n + 1);
            found = out;
        }
    return found;
}

static bool has(const char *text, const char *wanted)
{
    struct words w = {text};
    char word[MOST_WORD];
    while (next_word(&w, word))
        if (strcmp(word, wanted) == 0)
            return true;
    return false;
}

/* ---- entries ------------------------------------------------------------------------------------------ */

void mk_crl_serial(unsigned i, unsigned char *out, size_t octets)
{
    uint64_t x = (i + 1) * 0x9e3779b97f4a7c15ULL;
    for (size_t k = 0; k < octets; k++) {
        if (k % 8 == 0) {
            x ^= x >> 31;
            x *= 0xbf58476d1ce4e5b9ULL;
            x ^= x >> 29;
        }
        out[k] = (unsigned char)(x >> 8 * (k % 8));
    }
    out[0] = (unsigned char)((out[0] & 0x3f) | 0x40); /* positive, and the shortest form */
}

static bool part(const char *word, const char *key, char out[static MOST_WORD])
{
    size_t n = strlen(key);
    for (const char *p = strchr(word, ','); p != NULL; p = strchr(p + 1, ','))
        if (strncmp(p + 1, key, n) == 0 && (p[1 + n] == '=' || p[1 + n] == ',' || p[1 + n] == 0)) {
            const char *from = p + 1 + n + (p[1 + n] == '=' ? 1 : 0);
            snprintf(out, MOST_WORD, "%.*s", (int)strcspn(from, ","), from);
            return true;
        }
    return false;
}

static void put_entry(struct back *b, const char *word, const struct mk_pair *issuer, time_t date)
{
    char value[MOST_WORD];
    size_t end = b->at;
    if (part(word, "reason", value)) {
        size_t in = b->at;
        put_hex(b, 0x0a, value);
        extension(b, 21, false, in);
    }
    if (part(word, "badreason", value)) {
        size_t in = b->at;
        put(b, "\x02\x01\x01", 3);
        extension(b, 21, false, in);
    }
    if (part(word, "unknown", value) || part(word, "unknown!", value)) {
        size_t in = b->at;
        put(b, "\x05\x00", 2);
        extension(b, 0, part(word, "unknown!", value), in);
    }
    if (part(word, "issuer", value)) {
        gnutls_datum_t name;
        size_t in = b->at;
        must(gnutls_x509_crt_get_raw_dn(issuer->crt, &name), "name");
        put(b, name.data, name.size);
        head(b, 0xa4, in);
        head(b, 0x30, in);
        extension(b, 29, true, in);
        gnutls_free(name.data);
    }
    if (b->at != end)
        head(b, 0x30, end);
    if (part(word, "date", value))
        put_tlv(b, 0x18, value, strlen(value));
    else
        put_time(b, date);
    put_hex(b, 2, word);
    head(b, 0x30, end);
}

static void put_many(struct back *b, const char *word, time_t date)
{
    char value[MOST_WORD];
    unsigned char serial[64];
    unsigned n = (unsigned)strtoul(word, NULL, 10);
    size_t octets = part(word, "octets", value) ? strtoul(value, NULL, 10) : 16;
    bool reasons = part(word, "reasons", value);
    if (octets == 0 || octets > sizeof serial)
        fail(word);
    struct back when = {.bytes = (unsigned char[32]){0}, .at = 32, .room = 32};
    put_time(&when, date);
    for (unsigned i = n; i-- > 0;) {
        size_t end = b->at;
        if (reasons) {
            put_octet(b, i % 6 + 1 == 2 ? 1 : i % 6 + 1);
            put(b, "\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01", 13);
        }
        put(b, when.bytes + when.at, when.room - when.at);
        mk_crl_serial(i, serial, octets);
        put_tlv(b, 2, serial, octets);
        head(b, 0x30, end);
    }
}

static void put_entries(struct back *b, const char *text, const struct mk_pair *issuer, time_t date)
{
    struct words w = {text};
    char word[MOST_WORD];
    size_t end = b->at;
    while (next_word(&w, word))
        if (strncmp(word, "entry=", 6) == 0)
            put_entry(b, word + 6, issuer, date);
        else if (strncmp(word, "entries=", 8) == 0)
            put_many(b, word + 8, date);
    if (b->at != end)
        head(b, 0x30, end);
}

/* ---- extensions --------------------------------------------------------------------------------------- */

static void put_point(struct back *b, const char *text, const struct mk_pair *issuer)
{
    static const struct {
        const char *word;
        unsigned tag;
    } FLAGS[] = {{"attribute", 0x85}, {"indirect", 0x84}, {"ca", 0x82}, {"user", 0x81}};
    char value[MOST_WORD];
    size_t end = b->at;
    for (size_t i = 0; i < 2; i++)
        if (has(text, FLAGS[i].word))
            put_tlv(b, FLAGS[i].tag, "\xff", 1);
    if (has(text, "reasons"))
        put_tlv(b, 0x83, "\x06\x40", 2);
    for (size_t i = 2; i < 4; i++)
        if (has(text, FLAGS[i].word))
            put_tlv(b, FLAGS[i].tag, "\xff", 1);
    const char *point = value_of(text, "point", NULL, value);
    size_t in = b->at;
    if (has(text, "relative")) {
        /* SET's contents { OID commonName, "x" } */
        put(b, "\x30\x08\x06\x03\x55\x04\x03\x0c\x01x", 10);
        head(b, 0xa1, in);
        head(b, 0xa0, in);
    } else if (point != NULL) {
        if (strcmp(point, "issuer") == 0) {
            gnutls_datum_t name;
            must(gnutls_x509_crt_get_raw_dn(issuer->crt, &name), "name");
            put(b, name.data, name.size);
            head(b, 0xa4, in);
            gnutls_free(name.data);
        } else {
            put_tlv(b, 0x86, point, strlen(point));
        }
        head(b, 0xa0, in);
        head(b, 0xa0, in);
    }
    if (b->at == end)
        return;
    head(b, 0x30, end);
    extension(b, 28, true, end);
}

static void put_key_id(struct back *b, const char *text, const struct mk_pair *issuer)
{
    char value[MOST_WORD];
    unsigned char id[64];
    size_t n = sizeof id, end = b->at;
    unsigned critical;
    value_of(text, "aki", "own", value);
    if (strcmp(value, "none") == 0)
        return;
    if (strcmp(value, "own") != 0)
        n = from_hex(value, id, sizeof id);
    else if (gnutls_x509_crt_get_subject_key_id(issuer->crt, id, &n, &critical) < 0)
        return;
    put_tlv(b, 0x80, id, n);
    head(b, 0x30, end);
    extension(b, 35, false, end);
}

static void put_number(struct back *b, unsigned ce, const char *text, const char *key, const char *preset)
{
    char value[MOST_WORD], strict[32];
    snprintf(strict, sizeof strict, "%s!", key);
    bool critical = value_of(text, strict, NULL, value) != NULL;
    if (!critical && value_of(text, key, preset, value) == NULL)
        return;
    if (strcmp(value, "none") == 0)
        return;
    size_t end = b->at;
    put_hex(b, 2, value);
    extension(b, ce, critical, end);
}

static void put_extensions(struct back *b, const char *text, const struct mk_pair *issuer)
{
    size_t end = b->at;
    if (has(text, "v1"))
        return;
    if (has(text, "unknown") || has(text, "unknown!")) {
        size_t in = b->at;
        put(b, "\x05\x00", 2);
        extension(b, 0, has(text, "unknown!"), in);
    }
    put_point(b, text, issuer);
    put_number(b, 27, text, "delta", NULL);
    put_number(b, 20, text, "number", "01");
    if (has(text, "twice"))
        put_number(b, 20, text, "number", "01");
    put_key_id(b, text, issuer);
    if (b->at == end)
        return;
    head(b, 0x30, end);
    head(b, 0xa0, end);
}

/* ---- the signature ------------------------------------------------------------------------------------ */

static const struct algorithm {
    const char *name;
    gnutls_pk_algorithm_t pk;
    gnutls_sign_algorithm_t sign;
    const char *oid; /* the body of the OID, in hex */
    bool null;       /* parameters NULL */
} ALGORITHMS[] = {
    {"sha256", GNUTLS_PK_ECDSA, GNUTLS_SIGN_ECDSA_SHA256, "2a8648ce3d040302", false},
    {"sha384", GNUTLS_PK_ECDSA, GNUTLS_SIGN_ECDSA_SHA384, "2a8648ce3d040303", false},
    {"sha512", GNUTLS_PK_ECDSA, GNUTLS_SIGN_ECDSA_SHA512, "2a8648ce3d040304", false},
    {"sha1", GNUTLS_PK_ECDSA, GNUTLS_SIGN_ECDSA_SHA1, "2a8648ce3d0401", false},
    {"sha256", GNUTLS_PK_RSA, GNUTLS_SIGN_RSA_SHA256, "2a864886f70d01010b", true},
    {"sha384", GNUTLS_PK_RSA, GNUTLS_SIGN_RSA_SHA384, "2a864886f70d01010c", true},
    {"sha512", GNUTLS_PK_RSA, GNUTLS_SIGN_RSA_SHA512, "2a864886f70d01010d", true},
    {"sha1", GNUTLS_PK_RSA, GNUTLS_SIGN_RSA_SHA1, "2a864886f70d010105", true},
    {"pss", GNUTLS_PK_RSA, GNUTLS_SIGN_RSA_PSS_SHA256, "2a864886f70d01010a", false},
    {"sha256", GNUTLS_PK_EDDSA_ED25519, GNUTLS_SIGN_EDDSA_ED25519, "2b6570", false},
    {"sha256", GNUTLS_PK_EDDSA_ED448, GNUTLS_SIGN_EDDSA_ED448, "2b6571", false},
};

static const struct algorithm *find_algorithm(const char *name, const struct mk_pair *issuer)
{
    int pk = gnutls_x509_privkey_get_pk_algorithm(issuer->key);
    for (size_t i = 0; i < sizeof ALGORITHMS / sizeof *ALGORITHMS; i++)
        if ((int)ALGORITHMS[i].pk == pk && strncmp(name, ALGORITHMS[i].name, strlen(ALGORITHMS[i].name)) == 0)
            return &ALGORITHMS[i];
    fail(name);
    return NULL;
}

static unsigned salt_of(const char *name)
{
    const char *salt = strchr(name, ':');
    return salt != NULL ? (unsigned)strtoul(salt + 1, NULL, 10) : 32;
}

static void put_algorithm(struct back *b, const struct algorithm *a, const char *name)
{
    static const unsigned char sha256[] = {0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0};
    static const unsigned char mgf1[] = {6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8};
    size_t end = b->at;
    if (a->null)
        put(b, "\x05\x00", 2);
    if (a->sign == GNUTLS_SIGN_RSA_PSS_SHA256) {
        unsigned salt = salt_of(name);
        unsigned char octets[] = {0, (unsigned char)salt};
        size_t all = b->at, in = b->at;
        put_tlv(b, 2, salt > 127 ? octets : octets + 1, salt > 127 ? 2 : 1);
        head(b, 0xa2, in);
        in = b->at;
        put(b, sha256, sizeof sha256);
        put(b, mgf1, sizeof mgf1);
        head(b, 0x30, in);
        head(b, 0xa1, in);
        in = b->at;
        put(b, sha256, sizeof sha256);
        head(b, 0xa0, in);
        head(b, 0x30, all);
    }
    put_hex(b, 6, a->oid);
    head(b, 0x30, end);
}

static gnutls_datum_t sign(const struct algorithm *a, const char *name, const struct mk_pair *issuer,
                           const gnutls_datum_t *tbs)
{
    gnutls_privkey_t key;
    gnutls_x509_spki_t spki;
    gnutls_datum_t mark;
    must(gnutls_privkey_init(&key), "key");
    must(gnutls_privkey_import_x509(key, issuer->key, GNUTLS_PRIVKEY_IMPORT_COPY), "key");
    if (a->sign == GNUTLS_SIGN_RSA_PSS_SHA256) {
        must(gnutls_x509_spki_init(&spki), "salt");
        gnutls_x509_spki_set_rsa_pss_params(spki, GNUTLS_DIG_SHA256, salt_of(name));
        must(gnutls_privkey_set_spki(key, spki, 0), "salt");
        gnutls_x509_spki_deinit(spki);
    }
    must(gnutls_privkey_sign_data2(key, a->sign, 0, tbs, &mark), "signature");
    gnutls_privkey_deinit(key);
    return mark;
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

static size_t room_for(const char *text)
{
    struct words w = {text};
    char word[MOST_WORD], value[MOST_WORD];
    size_t room = OTHER_ROOM;
    while (next_word(&w, word))
        if (strncmp(word, "entries=", 8) == 0)
            room += strtoul(word + 8, NULL, 10) *
                    (40 + (part(word, "octets", value) ? strtoul(value, NULL, 10) : 16));
        else
            room += ENTRY_MOST;
    return room;
}

static time_t days(const char *text, const char *key, const char *preset, time_t now)
{
    char value[MOST_WORD];
    return now + strtol(value_of(text, key, preset, value), NULL, 10) * (time_t)DAY;
}

gnutls_datum_t mk_crl_words(const struct mk_pair *issuer, const char *text, time_t now)
{
    char name[MOST_WORD], value[MOST_WORD];
    const struct algorithm *a = find_algorithm(value_of(text, "sign", "sha256", name), issuer);
    const struct algorithm *inner = has(text, "inner") ? find_algorithm("sha512", issuer) : a;
    gnutls_datum_t dn, whole;
    size_t room = room_for(text);
    struct back b = {.bytes = malloc(room), .at = room, .room = room};
    if (b.bytes == NULL)
        fail("out of memory");
    put_extensions(&b, text, issuer);
    put_entries(&b, text, issuer, now - 2 * DAY);
    value_of(text, "next", "", value);
    if (strcmp(value, "none") != 0)
        put_time(&b, days(text, "next", "30", now));
    put_time(&b, days(text, "this", "-1", now));
    must(gnutls_x509_crt_get_raw_dn(issuer->crt, &dn), "name");
    put(&b, dn.data, dn.size);
    gnutls_free(dn.data);
    put_algorithm(&b, inner, name);
    if (!has(text, "v1"))
        put(&b, "\x02\x01\x01", 3);
    head(&b, 0x30, b.room);

    gnutls_datum_t tbs = {b.bytes + b.at, (unsigned)(b.room - b.at)};
    gnutls_datum_t mark = sign(a, name, issuer, &tbs);
    if (has(text, "broken"))
        mark.data[mark.size / 4] ^= 1;
    size_t more = strtoul(value_of(text, "tail", "0", value), NULL, 10);
    unsigned char *all = malloc(room + mark.size + more + 64);
    if (all == NULL)
        fail("out of memory");
    struct back outer = {.bytes = all, .at = room + mark.size + 64, .room = room + mark.size + 64};
    put(&outer, mark.data, mark.size);
    put_octet(&outer, 0);
    head(&outer, 3, outer.room);
    put_algorithm(&outer, a, name);
    put(&outer, tbs.data, tbs.size);
    head(&outer, 0x30, outer.room);
    memset(all + outer.room, 0, more);
    size_t less = strtoul(value_of(text, "cut", "0", value), NULL, 10);
    whole.size = (unsigned)(outer.room - outer.at + more - less);
    whole.data = gnutls_malloc(whole.size);
    if (whole.data == NULL)
        fail("out of memory");
    memcpy(whole.data, all + outer.at, whole.size);
    gnutls_free(mark.data);
    free(all);
    free(b.bytes);
    return whole;
}
