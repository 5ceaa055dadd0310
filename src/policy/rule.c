#include "policy/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "policy/san.h"

enum { RULE_MOST = 4096, DIGEST_DIGITS = 64, SERIAL_MOST = 128, SHA1_DIGITS = 40 };

/* What can be asked of a certificate: to add a field is to add a row and its functions. Patterns come
 * NUL-terminated, visible (check_visible), without leading spaces. */
struct rule_field {
    const char *name;
    const char *example; /* of a pattern */
    int (*init)(struct rule *rule, const char *pattern, struct err *err);
    void (*done)(struct rule *rule); /* NULL: nothing to free */
    bool (*match)(const struct rule *rule, const struct certinfo *info, enum reading reading);
    /* of what is the whole path's, in place of `match` */
    bool (*match_path)(const struct rule *rule, const struct peer *peer, enum reading reading);
};

/* ---- subject, issuer ---- */

static int init_dn(struct rule *rule, const char *pattern, struct err *err)
{
    enum { SHOWN = 60 };
    if (pattern[0] == '/' && strchr(pattern, '='))
        return err_set(err, ERR_SYNTAX,
                       "'%.*s' is the form of openssl's older releases: write the parts with commas between "
                       "them, as in CN=alice,O=Example",
                       SHOWN, pattern);
    if (!strpbrk(pattern, "=*,+"))
        return err_set(
            err, ERR_SYNTAX,
            "'%.*s' is no attribute (TYPE=VALUE): write %s:CN=%.*s,* for that common name, whatever "
            "the other attributes are",
            SHOWN, pattern, rule->field->name, SHOWN, pattern);
    return dn_pattern_init(&rule->u.dn, pattern, err);
}

static void done_dn(struct rule *rule)
{
    dn_pattern_done(&rule->u.dn);
}

static bool match_subject(const struct rule *rule, const struct certinfo *info, enum reading reading)
{
    return dn_match(&rule->u.dn, &info->subject, reading);
}

static bool match_issuer(const struct rule *rule, const struct certinfo *info, enum reading reading)
{
    return dn_match(&rule->u.dn, &info->issuer, reading);
}

/* ---- serial, fingerprint, spki ---- */

/* Copies hex digits to `out` (room for `most` and a NUL), lower-case, without the single colons between them.
 * The number of digits, or -1 when there is anything else. */
static int plain_hex(const char *s, char *out, size_t most)
{
    size_t n = 0;
    for (size_t i = 0; s[i]; i++) {
        char c = s[i];
        if (c == ':' && i > 0 && s[i - 1] != ':' && s[i + 1] != '\0')
            continue;
        char low = (char)(c >= 'A' && c <= 'F' ? c | 32 : c);
        if (!((low >= '0' && low <= '9') || (low >= 'a' && low <= 'f')) || n == most)
            return -1;
        out[n++] = low;
    }
    out[n] = '\0';
    return (int)n;
}

static int init_serial(struct rule *rule, const char *pattern, struct err *err)
{
    char hex[SERIAL_MOST + 1];
    if (pattern[0] == '0' && (pattern[1] | 32) == 'x')
        pattern += 2;
    if (plain_hex(pattern, hex, SERIAL_MOST) < 1)
        return err_set(err, ERR_SYNTAX,
                       "a serial number is hexadecimal, at most %d digits, as in 0a:1b:2c; %s", SERIAL_MOST,
                       strchr(pattern, '*') ? "it has no wildcards" : "colons may stand between the digits");
    rule->u.serial = strdup(hex + strspn(hex, "0"));
    return rule->u.serial ? 0 : err_nomem(err);
}

static void done_serial(struct rule *rule)
{
    free(rule->u.serial);
}

static bool match_serial(const struct rule *rule, const struct certinfo *info, enum reading reading)
{
    (void)reading; /* nothing about a number is doubtful */
    return strcmp(rule->u.serial, info->serial + strspn(info->serial, "0")) == 0;
}

/* Base64 (RFC 4648 section 4) of exactly 32 bytes, with or without its final '='. */
static bool digest_base64(const char *s, char out[static RULE_DIGEST_TEXT])
{
    static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char HEX[] = "0123456789abcdef";
    enum { CHARS = 43 };
    char made[RULE_DIGEST_TEXT];
    unsigned bits = 0;
    size_t n = 0, len = strlen(s);
    if (len != CHARS && !(len == CHARS + 1 && s[CHARS] == '='))
        return false;
    /* 6 bits go in, nibbles come out: four of the last character's bits are digest, two must be zero. */
    for (size_t i = 0, have = 0; i < CHARS; i++) {
        const char *at = strchr(ALPHABET, s[i]);
        if (!at)
            return false;
        bits = bits << 6 | (unsigned)(at - ALPHABET);
        for (have += 6; have >= 4; have -= 4)
            made[n++] = HEX[bits >> (have - 4) & 15];
        bits &= (1u << have) - 1;
    }
    if (bits != 0)
        return false;
    made[n] = '\0';
    memcpy(out, made, sizeof made);
    return true;
}

static int init_digest(struct rule *rule, const char *pattern, struct err *err)
{
    char hex[DIGEST_DIGITS + 1];
    const char *s = pattern;
    if (strncmp(s, "sha256//", 8) == 0)
        s += 8;
    else if (strncasecmp(s, "sha256:", 7) == 0)
        s += 7;
    if (plain_hex(s, hex, DIGEST_DIGITS) == DIGEST_DIGITS)
        memcpy(rule->u.digest, hex, sizeof hex);
    else if (!digest_base64(s, rule->u.digest))
        return err_set(
            err, ERR_SYNTAX,
            "a SHA-256 has 64 hex digits (colons may stand between them) or 44 characters of base64%s",
            plain_hex(s, hex, DIGEST_DIGITS) == SHA1_DIGITS ? "; this is a SHA-1"
            : strchr(s, '*')                                ? "; it has no wildcards"
                                                            : "");
    return 0;
}

static bool match_fingerprint(const struct rule *rule, const struct certinfo *info, enum reading reading)
{
    (void)reading;
    return strcmp(rule->u.digest, info->fingerprint_sha256) == 0;
}

static bool match_spki(const struct rule *rule, const struct certinfo *info, enum reading reading)
{
    (void)reading;
    return strcmp(rule->u.digest, info->spki_sha256) == 0;
}

/* ---- eku ---- */

static int init_eku(struct rule *rule, const char *pattern, struct err *err)
{
    const char *oid = dn_is_oid(pattern) ? pattern : certinfo_purpose(pattern);
    if (!oid)
        return err_set(
            err, ERR_SYNTAX,
            "'%s' is no purpose; write clientAuth, smartcardLogon or an OID as in 1.3.6.1.5.5.7.3.2",
            pattern);
    rule->u.oid = strdup(oid);
    return rule->u.oid ? 0 : err_nomem(err);
}

static void done_oid(struct rule *rule)
{
    free(rule->u.oid);
}

static bool match_eku(const struct rule *rule, const struct certinfo *info, enum reading reading)
{
    const struct certvalues *purposes = &info->extended_key_usage;
    if (purposes->partial)
        return reading == READ_WIDE;
    for (size_t i = 0; i < purposes->n; i++) {
        if (strcmp((const char *)purposes->v[i].raw, rule->u.oid) == 0)
            return true;
    }
    return false;
}

/* ---- policy ---- */

static int init_policy(struct rule *rule, const char *pattern, struct err *err)
{
    if (!dn_is_oid(pattern))
        return err_set(err, ERR_SYNTAX,
                       "'%s' is no OID; write that of the policy, as in 2.16.840.1.101.3.2.1.3.13", pattern);
    rule->u.oid = strdup(pattern);
    return rule->u.oid ? 0 : err_nomem(err);
}

/* What the certificate says of itself counts for nothing: the path must be valid under the policy. */
static bool match_policy(const struct rule *rule, const struct peer *peer, enum reading reading)
{
    if (peer->verify != VERIFY_SUCCESS)
        return reading == READ_WIDE;
    for (size_t i = 0; i < peer->n_policies; i++) {
        if (strcmp(peer->policies[i], rule->u.oid) == 0 || strcmp(peer->policies[i], POLICY_ANY) == 0)
            return true;
    }
    return false;
}

/* ---- the table ---- */

static const struct rule_field FIELDS[] = {
    {"subject", "CN=alice,*", init_dn, done_dn, .match = match_subject},
    {"issuer", "CN=Example CA,O=Example", init_dn, done_dn, .match = match_issuer},
    {"serial", "0a:1b:2c", init_serial, done_serial, .match = match_serial},
    {"san.dns", "*.example.org", san_dns_init, san_glob_done, .match = san_dns_match},
    {"san.email", "*@example.org", san_email_init, san_email_done, .match = san_email_match},
    {"san.uri", "spiffe://example.org/ns/*/sa/web", san_uri_init, san_glob_done, .match = san_uri_match},
    {"san.ip", "192.0.2.0/24", san_ip_init, NULL, .match = san_ip_match},
    {"san.upn", "*@example.org", san_email_init, san_email_done, .match = san_upn_match},
    {"san.other", "1.3.6.1.4.1.311.20.2.3=alice*", san_other_init, san_other_done, .match = san_other_match},
    {"eku", "clientAuth", init_eku, done_oid, .match = match_eku},
    {"policy", "2.16.840.1.101.3.2.1.3.13", init_policy, done_oid, .match_path = match_policy},
    {"fingerprint", "SHA-256 in hex", init_digest, NULL, .match = match_fingerprint},
    {"spki", "SHA-256 in hex or base64", init_digest, NULL, .match = match_spki},
};

/* What others call it, or how it would be written here. */
static const char *foreign_field(const char *word)
{
    static const struct {
        const char *word, *ours;
    } FOREIGN[] = {
        {"cn", "subject:CN=alice,*"},       {"CN", "subject:CN=alice,*"},
        {"ou", "subject:OU=sales,*"},       {"OU", "subject:OU=sales,*"},
        {"dn", "subject:CN=alice,*"},       {"dns", "san.dns:*.example.org"},
        {"DNS", "san.dns:*.example.org"},   {"email", "san.email:*@example.org"},
        {"uri", "san.uri:spiffe://..."},    {"URI", "san.uri:spiffe://..."},
        {"spiffe", "san.uri:spiffe://..."}, {"ip", "san.ip:192.0.2.0/24"},
        {"IP", "san.ip:192.0.2.0/24"},
    };
    for (size_t i = 0; i < ARRAY_LEN(FOREIGN); i++) {
        if (strcmp(word, FOREIGN[i].word) == 0)
            return FOREIGN[i].ours;
    }
    return NULL;
}

static int unknown_field(const char *word, struct err *err)
{
    const char *names[ARRAY_LEN(FIELDS)];
    struct buf list;
    buf_init(&list, 256);
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        names[i] = FIELDS[i].name;
        buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = text_nearest(word, names, ARRAY_LEN(names)), *dot = strchr(word, '.');
    const bool part = dot && (strncmp(word, "subject.", 8) == 0 || strncmp(word, "issuer.", 7) == 0);
    const char *foreign = foreign_field(word);
    if (foreign)
        err_set(err, ERR_SYNTAX, "unknown field '%s'; write for example %s", word, foreign);
    else if (part)
        err_set(
            err, ERR_SYNTAX,
            "unknown field '%s': a rule names the whole %.*s; write %.*s:CN=alice,* for one attribute of it, "
            "whatever the others are",
            word, (int)(dot - word), word, (int)(dot - word), word);
    else if (near)
        err_set(err, ERR_SYNTAX, "unknown field '%s'; did you mean '%s'?", word, near);
    else
        err_set(err, ERR_SYNTAX, "unknown field '%s'; the fields are %s", word,
                list.data ? list.data : "subject, ...");
    buf_done(&list);
    return ERR_SYNTAX;
}

/* Rules are written by people and read by people: what cannot be seen is written as an escape. */
static int check_visible(const char *text, struct err *err)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t len = strlen(text);
    if (len > RULE_MOST)
        return err_set(err, ERR_SYNTAX, "the rule is longer than %d bytes", RULE_MOST);
    for (size_t i = 0, n; i < len; i += n) {
        uint32_t cp = 0;
        n = text_utf8_char(s + i, len - i, &cp);
        if (n == 0)
            return err_set(err, ERR_SYNTAX,
                           "byte %zu is not UTF-8; in a subject or issuer write it as \\%02X", i + 1, s[i]);
        if (cp < ' ')
            return err_set(
                err, ERR_SYNTAX,
                "byte %zu is a control character; write it as \\%02X, and a rule with a backslash in single "
                "quotes, because double quotes interpret it",
                i + 1, s[i]);
        if (text_is_unsafe(cp))
            return err_set(err, ERR_SYNTAX,
                           "byte %zu begins an invisible character (U+%04X); write its bytes as \\XX", i + 1,
                           (unsigned)cp);
    }
    return 0;
}

/* One FIELD:PATTERN. */
static int init_term(struct rule *out, const char *text, struct err *err)
{
    enum { FIELD_MOST = 32 };
    char word[FIELD_MOST];
    size_t n = strcspn(text, ":");
    if (text[n] == '\0' || n == 0 || n >= sizeof word)
        return err_set(err, ERR_SYNTAX,
                       "a rule is FIELD:PATTERN, as in subject:CN=alice,* or san.email:*@example.org");
    memcpy(word, text, n);
    word[n] = '\0';

    struct rule rule = {0};
    for (size_t i = 0; i < ARRAY_LEN(FIELDS) && !rule.field; i++) {
        if (strcmp(word, FIELDS[i].name) == 0)
            rule.field = &FIELDS[i];
    }
    if (!rule.field)
        return unknown_field(word, err);

    /* A name's own parser deals with the spaces around it: the last one may be escaped. */
    const char *pattern = text + n + 1;
    pattern += strspn(pattern, " ");
    if (*pattern == '\0')
        return err_set(err, ERR_SYNTAX, "the pattern after '%s:' is empty; write for example %s:%s", word,
                       word, rule.field->example);
    int rc = rule.field->init(&rule, pattern, err);
    if (rc < 0)
        return rc;
    *out = rule;
    return 0;
}

/* The " & " that joins two terms, or the end: another one is a part of a value. It is told by the word and
 * the colon behind it. */
static const char *end_of_term(const char *text)
{
    for (const char *at = text; (at = strstr(at, " & ")) != NULL; at++) {
        const char *word = at + 3 + strspn(at + 3, " ");
        size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
        if (n > 0 && word[n] == ':')
            return at;
    }
    return text + strlen(text);
}

int rule_init(struct rule *out, const char *text, struct err *err)
{
    enum { TERMS_MOST = 16 };
    struct rule rule = {0}, *last = NULL;
    int rc = check_visible(text, err);
    for (size_t i = 0; rc == 0; i++) {
        const char *end = end_of_term(text);
        size_t n = (size_t)(end - text);
        while (*end && n > 1 && text[n - 1] == ' ' && text[n - 2] != '\\')
            n--;
        char *term = strndup(text, n);
        struct rule *made = i == 0 ? &rule : calloc(1, sizeof *made);
        if (!term || !made)
            rc = err_nomem(err);
        else if (i == TERMS_MOST)
            rc = err_set(err, ERR_SYNTAX, "a rule joins at most %d terms", TERMS_MOST);
        else
            rc = init_term(made, term, err);
        free(term);
        if (rc < 0 && i > 0) /* it may have been meant for a part of a name */
            err_wrap(err, "behind ' & ' (an & of a name is written \\26)");
        if (rc < 0 && made != &rule)
            free(made);
        if (rc < 0)
            break;
        if (last)
            last->and = made;
        last = made;
        if (*end == '\0')
            break;
        text = end + 3 + strspn(end + 3, " ");
    }
    if (rc < 0) {
        rule_done(&rule);
        return rc;
    }
    *out = rule;
    return 0;
}

static void done_term(struct rule *rule)
{
    if (rule->field && rule->field->done)
        rule->field->done(rule);
}

void rule_done(struct rule *rule)
{
    if (!rule || !rule->field)
        return;
    for (struct rule *term = rule->and, *next; term; term = next) {
        next = term->and;
        done_term(term);
        free(term);
    }
    done_term(rule);
    memset(rule, 0, sizeof *rule);
}

bool rule_match(const struct rule *rule, const struct peer *peer, enum reading reading)
{
    for (; rule; rule = rule->and) {
        const struct rule_field *field = rule->field;
        if (field->match_path ? !field->match_path(rule, peer, reading)
                              : !field->match(rule, peer->chain[0], reading))
            return false;
    }
    return true;
}

bool rule_names(const struct rule *rule, const char *field)
{
    for (; rule; rule = rule->and) {
        if (strcmp(rule->field->name, field) == 0)
            return true;
    }
    return false;
}

bool rule_hopeless(const struct rule *rule)
{
    while (rule && !rule->hopeless)
        rule = rule->and;
    return rule != NULL;
}

const char *rule_rival(const struct rule *rule, const struct peer *peer)
{
    const struct certinfo *leaf = peer->chain[0];
    const char *rival = NULL;
    for (; rule && !rival; rule = rule->and) {
        if (rule->field->match == match_subject || rule->field->match == match_issuer)
            rival =
                dn_rival(&rule->u.dn, rule->field->match == match_subject ? &leaf->subject : &leaf->issuer);
    }
    return rival;
}

const char *rule_lacks_rest(const struct rule *rule, const struct peer *peer)
{
    const struct certinfo *leaf = peer->chain[0];
    const char *lacks = NULL;
    for (; rule; rule = rule->and) {
        const struct rule_field *field = rule->field;
        const bool subject = field->match == match_subject;
        if ((subject || field->match == match_issuer) &&
            dn_lacks_rest(&rule->u.dn, subject ? &leaf->subject : &leaf->issuer))
            lacks = field->name;
        else if (field->match_path ? !field->match_path(rule, peer, READ_NARROW)
                                   : !field->match(rule, leaf, READ_NARROW))
            return NULL;
    }
    return lacks;
}
