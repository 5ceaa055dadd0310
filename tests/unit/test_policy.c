/* The policy against tests/data/policy.tsv, which says what its columns mean, and against certificates that
 * GnuTLS made. */
#include <check.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pki/certinfo.h"
#include "policy/policy.h"
#include "suites.h"

enum {
    MOST_ROWS = 1000,
    MOST_COLUMNS = 6,
    MOST_ATTRS = 100,
    MOST_VALUES = 8,
    MOST_LOCATIONS = 8,
    MOST_RULES = 8
};

static struct row {
    unsigned line;
    char *column[MOST_COLUMNS];
    size_t n;
} rows[MOST_ROWS];
static size_t n_rows;
static char *file_text;

/* ---- the text of the table ---- */

static void read_table(void)
{
    char name[4096];
    const char *dir = getenv("srcdir");
    snprintf(name, sizeof name, "%s/tests/data/policy.tsv", dir ? dir : ".");
    FILE *file = fopen(name, "r");
    if (!file) {
        fprintf(stderr, "%s cannot be read\n", name);
        return;
    }
    size_t room = 1 << 20;
    file_text = malloc(room);
    size_t len = file_text ? fread(file_text, 1, room - 1, file) : 0;
    fclose(file);
    if (!file_text)
        return;
    file_text[len] = '\0';

    unsigned number = 0;
    for (char *at = file_text, *line; (line = strsep(&at, "\n")) != NULL;) {
        number++;
        if (*line == '\0' || *line == '#')
            continue;
        if (n_rows == MOST_ROWS)
            abort();
        struct row *row = &rows[n_rows++];
        row->line = number;
        for (char *cell; (cell = strsep(&line, "\t")) != NULL && row->n < MOST_COLUMNS;)
            row->column[row->n++] = cell;
    }
}

static unsigned hex_value(char c)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, c | 32);
    ck_assert_msg(c != '\0' && at != NULL, "'%c' is no hex digit", c);
    return (unsigned)(at - digits);
}

static size_t from_hex(const char *s, size_t len, unsigned char *out)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        out[i / 2] = (unsigned char)(hex_value(s[i]) << 4 | hex_value(s[i + 1]));
    return len / 2;
}

/* Decodes %XX in place; the text stays NUL-terminated behind the *len bytes. */
static unsigned char *decode(char *s, size_t *len)
{
    unsigned char *out = (unsigned char *)s;
    size_t n = 0;
    for (; *s; s++) {
        if (*s == '%') {
            out[n++] = (unsigned char)(hex_value(s[1]) << 4 | hex_value(s[2]));
            s += 2;
        } else {
            out[n++] = (unsigned char)*s;
        }
    }
    out[n] = '\0';
    *len = n;
    return out;
}

/* ---- facts, made by hand: nothing of the code under test takes part ---- */

struct facts {
    struct certinfo info;
    struct certname_attr subject[MOST_ATTRS], issuer[MOST_ATTRS];
    struct certother other[MOST_VALUES];
    struct certvalue eku[MOST_VALUES];
    struct certvalue dns[MOST_VALUES], mail[MOST_VALUES], uri[MOST_VALUES], ip[MOST_VALUES];
    struct certinfo *chain[1];
    struct peer peer;
    char *policies[MOST_VALUES];
    size_t n_policies;
    char serial[1];
    char text[8192];
};

static char *oid_of(char *type)
{
    static struct {
        const char *name;
        char oid[32];
    } types[] = {
        {"CN", "2.5.4.3"},
        {"C", "2.5.4.6"},
        {"O", "2.5.4.10"},
        {"OU", "2.5.4.11"},
        {"UID", "0.9.2342.19200300.100.1.1"},
        {"DC", "0.9.2342.19200300.100.1.25"},
        {"emailAddress", "1.2.840.113549.1.9.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strcmp(type, types[i].name) == 0)
            return types[i].oid;
    }
    ck_assert_msg(strchr(type, '.') != NULL, "unknown type %s", type);
    return type;
}

static void read_name(struct certname *name, struct certname_attr *attr, char *text)
{
    name->attr = attr;
    unsigned rdn = 0;
    if (*text == '\0')
        return;
    for (char *at = text, *part; (part = strsep(&at, "/")) != NULL; rdn++) {
        for (char *value; (value = strsep(&part, "+")) != NULL; name->n++) {
            char *type = strsep(&value, ":");
            ck_assert(value != NULL && name->n < MOST_ATTRS);
            struct certname_attr *a = &attr[name->n];
            a->rdn = rdn;
            a->oid = oid_of(type);
            a->is_der = *value == '#';
            a->value = (unsigned char *)value;
            if (a->is_der)
                a->len = from_hex(value + 1, strlen(value) - 1, a->value);
            else
                a->value = decode(value, &a->len);
        }
    }
}

static void read_value(struct certvalues *values, struct certvalue *room, char *text, bool hex)
{
    ck_assert_uint_lt(values->n, MOST_VALUES);
    values->v = room;
    struct certvalue *v = &room[values->n++];
    v->text = text;
    v->raw = (unsigned char *)text;
    if (hex)
        v->len = from_hex(text, strlen(text), v->raw);
    else
        v->raw = decode(text, &v->len);
}

/* OID=TEXT or OID=#HEX */
static void read_other(struct facts *facts, char *text)
{
    struct certothers *others = &facts->info.other_names;
    ck_assert_uint_lt(others->n, MOST_VALUES);
    others->v = facts->other;
    struct certother *other = &others->v[others->n++];
    other->oid = strsep(&text, "=");
    ck_assert_ptr_nonnull(text);
    other->is_der = *text == '#';
    other->raw = (unsigned char *)text;
    if (other->is_der)
        other->len = from_hex(text + 1, strlen(text) - 1, other->raw);
    else
        other->raw = decode(text, &other->len);
}

static void read_facts(struct facts *facts, const char *text)
{
    memset(facts, 0, sizeof *facts);
    facts->info.serial = facts->serial;
    ck_assert_uint_lt(strlen(text), sizeof facts->text);
    strcpy(facts->text, text);
    for (char *at = facts->text, *word; (word = strsep(&at, " ")) != NULL;) {
        char *key = strsep(&word, "=");
        if (*key == '\0')
            continue;
        ck_assert_msg(word != NULL, "a fact without a value: %s", key);
        if (strcmp(key, "s") == 0)
            read_name(&facts->info.subject, facts->subject, word);
        else if (strcmp(key, "i") == 0)
            read_name(&facts->info.issuer, facts->issuer, word);
        else if (strcmp(key, "dns") == 0)
            read_value(&facts->info.dns_names, facts->dns, word, false);
        else if (strcmp(key, "mail") == 0)
            read_value(&facts->info.emails, facts->mail, word, false);
        else if (strcmp(key, "uri") == 0)
            read_value(&facts->info.uris, facts->uri, word, false);
        else if (strcmp(key, "ip") == 0)
            read_value(&facts->info.ips, facts->ip, word, true);
        else if (strcmp(key, "policy") == 0 && facts->n_policies < MOST_VALUES)
            facts->policies[facts->n_policies++] = word;
        else if (strcmp(key, "other") == 0)
            read_other(facts, word);
        else if (strcmp(key, "eku") == 0)
            read_value(&facts->info.extended_key_usage, facts->eku, word, false);
        else if (strcmp(key, "partial") == 0)
            facts->info.other_names.partial = facts->info.extended_key_usage.partial =
                facts->info.dns_names.partial = facts->info.emails.partial = facts->info.uris.partial =
                    facts->info.ips.partial = true;
        else if (strcmp(key, "serial") == 0)
            facts->info.serial = word;
        else if (strcmp(key, "fp") == 0 || strcmp(key, "spki") == 0)
            for (size_t i = 0; i < 32; i++)
                memcpy((*key == 'f' ? facts->info.fingerprint_sha256 : facts->info.spki_sha256) + 2 * i, word,
                       2);
        else
            ck_abort_msg("unknown fact %s", key);
    }
}

/* The peer of a `decide` row, or NULL. */
static const struct peer *read_peer(struct facts *facts, const char *text)
{
    size_t n = strcspn(text, " ");
    read_facts(facts, text[n] ? text + n + 1 : "");
    facts->chain[0] = &facts->info;
    facts->peer.chain = facts->chain;
    facts->peer.n_chain = 1;
    facts->peer.policies = facts->policies;
    facts->peer.n_policies = facts->n_policies;
    if (strcmp(text, "off") == 0)
        return NULL;
    if (strcmp(text, "absent") == 0) {
        facts->peer.verify = VERIFY_NONE;
        facts->peer.n_chain = 0;
    } else if (strcmp(text, "unreadable") == 0) {
        facts->peer.verify = VERIFY_FAILED;
        facts->peer.n_chain = 0;
    } else if (strncmp(text, "good", n) == 0) {
        facts->peer.verify = VERIFY_SUCCESS;
    } else {
        ck_assert(strncmp(text, "bad", n) == 0);
        facts->peer.verify = VERIFY_FAILED;
    }
    return &facts->peer;
}

/* ---- locations ---- */

struct places {
    struct conf_location location[MOST_LOCATIONS];
    struct conf_text allow[MOST_LOCATIONS][MOST_RULES], deny[MOST_LOCATIONS][MOST_RULES];
    size_t n;
    char text[4096];
};

/* Takes the text up to the separator away from *at, like strsep with a word. */
static char *take(char **at, const char *separator)
{
    char *word = *at, *end = word ? strstr(word, separator) : NULL;
    if (end)
        *end = '\0';
    *at = end ? end + strlen(separator) : NULL;
    return word;
}

static void read_places(struct places *places, const char *text)
{
    memset(places, 0, sizeof *places);
    ck_assert_uint_lt(strlen(text), sizeof places->text);
    strcpy(places->text, text);
    char *at = *text ? places->text : NULL;
    for (char *block; (block = take(&at, " | ")) != NULL; places->n++) {
        ck_assert_uint_lt(places->n, MOST_LOCATIONS);
        struct conf_location *location = &places->location[places->n];
        char *head = take(&block, " ; ");
        location->prefix = take(&head, " ");
        location->src.line = (unsigned)places->n + 1;
        location->allow.item = places->allow[places->n];
        location->deny.item = places->deny[places->n];
        if (strcmp(head, "any") == 0)
            location->client_cert = CLIENT_CERT_ANY;
        else if (strcmp(head, "verified") == 0)
            location->client_cert = CLIENT_CERT_VERIFIED;
        else
            ck_assert_str_eq(head, "none");
        for (char *rule; (rule = take(&block, " ; ")) != NULL;) {
            char *kind = take(&rule, " ");
            struct conf_list *list = strcmp(kind, "allow") == 0 ? &location->allow : &location->deny;
            ck_assert_uint_lt(list->n, MOST_RULES);
            list->item[list->n++].text = rule;
        }
    }
}

static void complain(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    (void)severity;
    (void)src;
    ck_abort_msg("line %u: %s", *(const unsigned *)cls, text);
}

static struct policy_decision decide(const struct places *places, const char *path, const struct peer *peer,
                                     unsigned line)
{
    struct policy *policy = NULL;
    struct diag diag = {.emit = complain, .cls = &line};
    ck_assert_int_eq(policy_new(places->location, places->n, &diag, &policy), 0);
    struct policy_decision decision = policy_decide(policy, path, peer);
    policy_free(policy);
    return decision;
}

/* ---- the rows ---- */

static bool rule_holds(const char *kind, const char *rule, const struct peer *peer, unsigned line)
{
    static struct places places;
    bool allow = strcmp(kind, "allow") == 0;
    struct conf_text text = {.text = (char *)(uintptr_t)rule};
    memset(&places, 0, sizeof places);
    places.n = 1;
    struct conf_location *location = &places.location[0];
    location->prefix = strcpy(places.text, "/");
    location->client_cert = CLIENT_CERT_VERIFIED;
    *(allow ? &location->allow : &location->deny) = (struct conf_list){&text, 1};

    struct policy_decision decision = decide(&places, "/", peer, line);
    ck_assert_ptr_eq(decision.location, location);
    bool allowed = decision.outcome == POLICY_ALLOW;
    if (!allowed)
        ck_assert_int_eq(decision.outcome, POLICY_DENIED);
    ck_assert_ptr_eq(decision.rule, !allow && !allowed ? rule : NULL);
    return allow ? allowed : !allowed;
}

static void check_rule_row(const struct row *row)
{
    static struct facts facts;
    static const char *const KINDS[] = {"allow", "deny"};
    ck_assert_uint_eq(row->n, 4);
    bool expected = strcmp(row->column[3], "yes") == 0;
    ck_assert(expected || strcmp(row->column[3], "no") == 0);
    read_facts(&facts, row->column[2]);
    facts.chain[0] = &facts.info;
    facts.peer = (struct peer){.verify = VERIFY_SUCCESS,
                               .chain = facts.chain,
                               .n_chain = 1,
                               .policies = facts.policies,
                               .n_policies = facts.n_policies};
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if (strcmp(row->column[0], "both") != 0 && strcmp(row->column[0], KINDS[i]) != 0)
            continue;
        bool holds = rule_holds(KINDS[i], row->column[1], &facts.peer, row->line);
        ck_assert_msg(holds == expected, "line %u: as %s rule, %s %s %s", row->line, KINDS[i], row->column[1],
                      holds ? "matches" : "does not match", row->column[2]);
    }
}

static void check_decide_row(const struct row *row)
{
    static struct facts facts;
    static struct places places;
    static const char *const OUTCOMES[] = {"allow", "nocert", "unverified", "denied"};
    ck_assert_uint_eq(row->n, 6);
    read_places(&places, row->column[1]);
    const struct peer *peer = read_peer(&facts, row->column[3]);
    struct policy_decision decision = decide(&places, row->column[2], peer, row->line);

    const char *outcome = decision.rule ? "deny" : OUTCOMES[decision.outcome];
    ck_assert_msg(strcmp(outcome, row->column[4]) == 0, "line %u: %s instead of %s", row->line, outcome,
                  row->column[4]);
    if (decision.rule)
        ck_assert_int_eq(decision.outcome, POLICY_DENIED);
    const char *prefix = decision.location ? decision.location->prefix : "-";
    ck_assert_msg(strcmp(prefix, row->column[5]) == 0, "line %u: %s ruled instead of %s", row->line, prefix,
                  row->column[5]);
    for (size_t i = 0; decision.rule && decision.location; i++) {
        ck_assert_uint_lt(i, decision.location->deny.n);
        if (decision.location->deny.item[i].text == decision.rule)
            break;
    }
}

START_TEST(test_table_is_there)
{
    ck_assert_uint_ge(n_rows, 450);
}
END_TEST

START_TEST(test_row)
{
    const struct row *row = &rows[_i];
    ck_assert_uint_ge(row->n, 1);
    if (strcmp(row->column[0], "decide") == 0) {
        check_decide_row(row);
        return;
    }
    ck_assert_msg(strcmp(row->column[0], "allow") == 0 || strcmp(row->column[0], "deny") == 0 ||
                      strcmp(row->column[0], "both") == 0,
                  "line %u: unknown kind %s", row->line, row->column[0]);
    check_rule_row(row);
}
END_TEST

/* ---- certificates that GnuTLS made ---- */

static struct certinfo *make_certificate(void)
{
    static const unsigned char ADDRESS[] = {192, 0, 2, 7};
    static const char URI[] = "spiffe://example.org/ns/prod/sa/web";
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    struct certinfo *info = NULL;
    struct err err = {0};

    ck_assert_int_eq(gnutls_x509_privkey_init(&key), 0);
    ck_assert_int_eq(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                                  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    ck_assert_int_eq(gnutls_x509_crt_init(&crt), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_version(crt, 3), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_serial(crt, "\x0a\x1b\x2c", 3), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_activation_time(crt, 1700000000), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_expiration_time(crt, 1900000000), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_dn(crt, "CN=alice\\,admin,OU=R\xc3\xa9seau,O=Acme\\+Co,C=FR", NULL),
                     0);
    ck_assert_int_eq(gnutls_x509_crt_set_key(crt, key), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "www.example.org", 15, 0),
                     0);
    ck_assert_int_eq(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_RFC822NAME, "Alice@example.org", 17,
                                                          GNUTLS_FSAN_APPEND),
                     0);
    ck_assert_int_eq(
        gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_URI, URI, sizeof URI - 1, GNUTLS_FSAN_APPEND),
        0);
    ck_assert_int_eq(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ADDRESS, sizeof ADDRESS,
                                                          GNUTLS_FSAN_APPEND),
                     0);
    ck_assert_int_eq(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    ck_assert_msg(certinfo_new(crt, &info, &err) == 0, "%s", err.text);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    return info;
}

START_TEST(test_real_certificate)
{
    static const struct {
        const char *rule;
        bool holds;
    } CASES[] = {
        {"subject:CN=alice\\,admin,*", true},
        {"subject:CN=alice,*", false},
        {"subject:CN=ALICE\\2Cadmin,O=acme\\+co,OU=R\\C3\\A9seau,C=fr", true},
        {"subject:C=FR,O=Acme\\2BCo,OU=R*,CN=*", true},
        {"subject:O=Acme,*", false},
        {"issuer:CN=alice\\,admin,*", true},
        {"serial:0A:1B:2C", true},
        {"serial:0A:1B:2D", false},
        {"san.dns:*.example.org", true},
        {"san.dns:*.org", false},
        {"san.email:*@example.org", true},
        {"san.email:Alice@EXAMPLE.org", true},
        {"san.uri:spiffe://example.org/ns/*/sa/web", true},
        {"san.uri:spiffe://example.org/*", false},
        {"san.ip:192.0.2.0/29", true},
        {"san.ip:192.0.2.8/29", false},
    };
    struct certinfo *info = make_certificate();
    struct peer peer = {.verify = VERIFY_SUCCESS, .chain = &info, .n_chain = 1};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        ck_assert_msg(rule_holds("allow", CASES[i].rule, &peer, 0) == CASES[i].holds, "%s", CASES[i].rule);
        ck_assert_msg(rule_holds("deny", CASES[i].rule, &peer, 0) == CASES[i].holds, "%s", CASES[i].rule);
    }

    /* Names and digests as the server shows them are rules that match. */
    char rule[1024];
    static const char *const PREFIXES[] = {"fingerprint:", "spki:sha256:", "subject:", "issuer:", "serial:"};
    const char *shown[] = {info->fingerprint_sha256, info->spki_sha256, info->subject.text, info->issuer.text,
                           info->serial};
    for (size_t i = 0; i < ARRAY_LEN(PREFIXES); i++) {
        snprintf(rule, sizeof rule, "%s%s", PREFIXES[i], shown[i]);
        ck_assert_msg(rule_holds("allow", rule, &peer, 0), "%s", rule);
    }
    certinfo_free(info);
}
END_TEST

/* CN=alice as UTF8String, PrintableString, BMPString, T61String: one name. In one SET with UID: another. */
START_TEST(test_encodings)
{
    static const struct {
        const char *der;
        bool alice, with_uid;
    } CASES[] = {
        {"3010310e300c06035504030c05616c696365", true, false},
        {"3010310e300c06035504031305414c494345", true, false},
        {"3010310e300c06035504031405616c696365", true, false},
        {"301531133011060355"
         "04031e0a0061006c006900630065",
         true, false},
        {"3024312230"
         "0c06035504030c05616c6963653012060a0992268993f22c6401010c0430303037",
         false, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        unsigned char der[128];
        struct certinfo info = {0}, *chain = &info;
        struct err err = {0};
        size_t len = from_hex(CASES[i].der, strlen(CASES[i].der), der);
        gnutls_datum_t datum = {der, (unsigned)len};
        ck_assert_msg(certname_init(&info.subject, &datum, &err) == 0, "case %zu: %s", i, err.text);
        struct peer peer = {.verify = VERIFY_SUCCESS, .chain = &chain, .n_chain = 1};
        ck_assert_msg(rule_holds("allow", "subject:CN=alice", &peer, 0) == CASES[i].alice, "case %zu", i);
        ck_assert_msg(rule_holds("allow", "subject:CN=alice+UID=0007", &peer, 0) == CASES[i].with_uid,
                      "case %zu", i);
        ck_assert_msg(rule_holds("deny", "subject:CN=alice", &peer, 0), "case %zu", i);
        certname_done(&info.subject);
    }
}
END_TEST

/* ---- compiling ---- */

struct findings {
    unsigned n;
    struct src src[8];
    char text[8][512];
};

static void note(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    struct findings *findings = cls;
    ck_assert_int_eq(severity, DIAG_ERROR);
    ck_assert_uint_lt(findings->n, 8);
    findings->src[findings->n] = src;
    snprintf(findings->text[findings->n++], sizeof findings->text[0], "%s", text);
}

START_TEST(test_all_errors_are_reported)
{
    struct conf_text allow[] = {{(char[]){"subject:CN=alice"}, {"f", 2}},
                                {(char[]){"subject:CM=alice"}, {"f", 3}},
                                {(char[]){"san.dns:\x01"}, {"f", 4}}};
    struct conf_text deny[] = {{(char[]){"nonsense"}, {"f", 6}}};
    struct conf_location location[] = {
        {.prefix = (char[]){"/a/"}, .src = {"f", 1}, .allow = {allow, 3}},
        {.prefix = (char[]){"/b/c"}, .src = {"f", 5}, .deny = {deny, 1}},
        {.prefix = (char[]){"/a"}, .src = {"f", 7}},
        {.prefix = (char[]){"/ab"}, .src = {"f", 8}},
    };
    static struct findings found;
    static const struct {
        unsigned line;
        const char *words;
    } EXPECTED[] = {{3, "did you mean"}, {4, "\\01"}, {6, "FIELD:PATTERN"}, {7, "line 1"}};
    found = (struct findings){0};
    struct diag diag = {.emit = note, .cls = &found};
    struct policy *policy = (struct policy *)&found; /* must stay as it is */
    ck_assert_int_lt(policy_new(location, ARRAY_LEN(location), &diag, &policy), 0);
    ck_assert_ptr_eq(policy, (struct policy *)&found);
    ck_assert_uint_eq(diag.errors, ARRAY_LEN(EXPECTED));
    for (size_t i = 0; i < ARRAY_LEN(EXPECTED); i++) {
        ck_assert_uint_eq(found.src[i].line, EXPECTED[i].line);
        ck_assert_msg(strstr(found.text[i], EXPECTED[i].words) != NULL, "%s", found.text[i]);
    }
    policy_free(NULL);
}
END_TEST

static void free_table(void)
{
    free(file_text);
}

Suite *suite_policy(void)
{
    if (!file_text) {
        read_table();
        atexit(free_table);
    }
    Suite *suite = suite_create("policy");
    TCase *table = tcase_create("table"), *real = tcase_create("certificates"),
          *compile = tcase_create("compile");
    tcase_add_test(table, test_table_is_there);
    tcase_add_loop_test(table, test_row, 0, (int)n_rows);
    tcase_add_test(real, test_real_certificate);
    tcase_add_test(real, test_encodings);
    tcase_add_test(compile, test_all_errors_are_reported);
    suite_add_tcase(suite, table);
    suite_add_tcase(suite, real);
    suite_add_tcase(suite, compile);
    return suite;
}
