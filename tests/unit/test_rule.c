/* The form of rules: what is refused, with which remedy, and the wildcard matcher against a plain definition
 * of it. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "policy/glob.h"
#include "policy/policy.h"
#include "suites.h"

#define HEX_31 "ababababababababababababababababababababababababababababababab"
#define BASE64 "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s"

/* Rules that are refused, and words of the remedy. */
static const struct {
    const char *rule, *remedy;
} BAD[] = {
    {"", "FIELD:PATTERN"},
    {"subject", "FIELD:PATTERN"},
    {":CN=alice", "FIELD:PATTERN"},
    {"a-field-with-a-name-of-many-characters:x", "FIELD:PATTERN"},
    {"subjct:CN=alice", "did you mean 'subject'"},
    {"Subject:CN=alice", "did you mean 'subject'"},
    {"san.mail:a@b", "did you mean 'san.email'"},
    {"quux:1", "the fields are subject, issuer, serial, san.dns, san.email, san.uri, san.ip, san.upn, "
               "san.other, eku, policy, "
               "fingerprint, spki"},
    {"subject:", "for example subject:CN=alice,*"},
    {"subject:   ", "for example"},
    {"issuer:", "for example issuer:"},
    {"san.ip:", "for example san.ip:192.0.2.0/24"},
    {"subject:CN=a\xff", "\\FF"},
    {"subject:CN=a\xc0\x80", "\\C0"},
    {"subject:CN=a\x02"
     "Cb",
     "single quotes"},
    {"subject:CN=a\tb", "\\09"},
    {"subject:CN=a\xe2\x80\x8b", "U+200B"},
    {"subject:CN=\xe2\x80\xae", "U+202E"},
    {"subject:alice", "'alice' is no attribute (TYPE=VALUE): write subject:CN=alice,* "},
    {"subject.cn:alice", "write subject:CN=alice,*"},
    {"issuer.o:Example", "write issuer:CN=alice,*"},
    {"subject:CN=alice,admin", "\\,"},
    {"subject:CN=alice+admin", "single quotes"},
    {"subject:CN=alice,", "at the end"},
    {"subject:CN=alice,,O=x", "between two separators"},
    {"subject:,CN=alice", "between two separators"},
    {"subject:CN=alice+", "at the end"},
    {"subject:CN=alice++O=x", "between two separators"},
    {"subject:=alice", "TYPE=VALUE"},
    {"subject:*=alice", "as in CN=*"},
    {"subject:C*=alice", "as in CN=*"},
    {"subject:CM=alice", "did you mean 'CN'"},
    {"subject:organisationName=x", "did you mean 'organizationName'"},
    {"subject:Quuxification=x", "write its OID"},
    {"subject:2.5.04.3=x", "OID"},
    {"subject:3.1.2=x", "OID"},
    {"subject:1.40.2=x", "OID"},
    {"subject:2=x", "did you mean"},
    {"subject:2.5.4.=x", "OID"},
    {"subject:2..5=x", "OID"},
    {"subject:CN=a;O=x", "\\;"},
    {"subject:CN=\"alice\"", "\\\""},
    {"subject:CN=a<b", "\\<"},
    {"subject:CN=a>b", "\\>"},
    {"subject:CN=a\\", "\\\\"},
    {"subject:CN=a\\q", "\\XX"},
    {"subject:CN=a\\4", "\\XX"},
    {"subject:CN=a\\00", "NUL"},
    {"subject:CN=#", "\\#"},
    {"subject:CN=#0", "\\#"},
    {"subject:CN=#04x1", "\\#"},
    {"subject:CN=#0401 61", "\\#"},
    {"subject:CN=#0c01*", "\\#"},
    {"subject:CN=#0c02", "DER"},
    {"subject:CN=#0c0161ff", "DER"},
    {"subject:CN=#0c81", "DER"},
    {"subject:CN=#0c810161", "DER"},
    {"subject:CN=#0c020061", "NUL"},
    {"subject:CN=***", "or **"},
    {"subject:CN=a***b", "*"},
    {"subject:*,CN=alice,*", "one * is enough"},
    {"subject:*,*", "one * is enough"},
    {"subject:CN=alice+*+*", "one * is enough"},
    {"subject:***", "one * is enough"},
    {"san.upn:alice", "one @"},
    {"san.other:upn", "no OID"},
    {"san.other:1", "no OID"},
    {"san.other:=x", "no OID"},
    {"san.other:1.2.3=a b", "visible"},
    {"san.other:1.2.3=***", "**"},
    {"eku:clientauthentication", "no purpose"},
    {"eku:*", "no purpose"},
    {"policy:any", "no OID"},
    {"subject:CN=a & sann.dns:x", "did you mean 'san.dns'"},
    {"subject:O=A & B: C", "\\26"},
    {"subject:CN=a & serial:x", "hexadecimal"},
    {"subject:CN=a & serial:", "for example serial:"},
    {"san.dns:a.org & b.org", "visible"},
    {"serial:1 & serial:1 & serial:1 & serial:1 & serial:1 & serial:1 & serial:1 & serial:1 & serial:1 & "
     "serial:1 & "
     "serial:1 & serial:1 & serial:1 & serial:1 & serial:1 & serial:1 & serial:1",
     "at most 16"},
    {"serial:", "for example serial:"},
    {"serial:0x", "hexadecimal"},
    {"serial:12g4", "hexadecimal"},
    {"serial:12::34", "colons"},
    {"serial::12", "colons"},
    {"serial:12:", "colons"},
    {"serial:-1", "hexadecimal"},
    {"serial:12*", "no wildcards"},
    {"serial:12 34", "hexadecimal"},
    {"san.dns:example..org", "empty label"},
    {"san.dns:.example.org", "empty label"},
    {"san.dns:example.org.", "final dot"},
    {"san.dns:https://example.org", "only the name"},
    {"san.dns:example.org:443", "only the name"},
    {"san.dns:b\xc3\xbc"
     "cher.example",
     "xn--"},
    {"san.dns:a b", "visible"},
    {"san.dns:a\\.b", "backslash"},
    {"san.dns:a\\", "backslash"},
    {"san.dns:***.org", "**"},
    {"san.email:alice", "alice@example.org"},
    {"san.email:*", "one @"},
    {"san.email:a@b@c", "one @"},
    {"san.email:@example.org", "before the @"},
    {"san.email:alice@", "after the @"},
    {"san.email:alice@exa/mple", "only the name"},
    {"san.email:a b@example.org", "visible"},
    {"san.uri:example.org/x", "scheme"},
    {"san.uri:*", "scheme"},
    {"san.uri:*://example.org/", "scheme"},
    {"san.uri:s*://example.org/", "scheme"},
    {"san.uri:spiffe", "scheme"},
    {"san.uri:spiffe://\xc3\xa9", "%XX"},
    {"san.uri:\\**", "scheme"},
    {"san.ip:192.0.2", "no IP address"},
    {"san.ip:192.0.2.256", "no IP address"},
    {"san.ip:192.0.02.1", "no IP address"},
    {"san.ip:fe80::1%eth0", "no IP address"},
    {"san.ip:[::1]", "no IP address"},
    {"san.ip:localhost", "no IP address"},
    {"san.ip:1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa", "no IP address"},
    {"san.ip:192.0.2.*", "192.0.2.0/24"},
    {"san.ip:192.0.2.0/33", "0 to 32"},
    {"san.ip:2001:db8::/129", "0 to 128"},
    {"san.ip:192.0.2.0/", "0 to 32"},
    {"san.ip:192.0.2.0/024", "0 to 32"},
    {"san.ip:192.0.2.0/+8", "0 to 32"},
    {"san.ip:192.0.2.0/8/8", "0 to 32"},
    {"san.ip:192.0.2.0/4294967320", "0 to 32"},
    {"san.ip:192.0.2.1/24", "192.0.2.0/24"},
    {"san.ip:192.0.2.255/30", "192.0.2.252/30"},
    {"san.ip:2001:db8::1/64", "2001:db8::/64"},
    {"san.ip:192.0.2.1/0", "0.0.0.0/0"},
    {"fingerprint:", "for example"},
    {"fingerprint:" HEX_31, "64 hex digits"},
    {"fingerprint:" HEX_31 "a", "64 hex digits"},
    {"fingerprint:" HEX_31 "abab", "64 hex digits"},
    {"fingerprint:" HEX_31 "ag", "64 hex digits"},
    {"fingerprint:sha1:" HEX_31 "ab", "64 hex digits"},
    {"fingerprint:da39a3ee5e6b4b0d3255bfef95601890afd80709", "SHA-1"},
    {"fingerprint:da:39:a3:ee:5e:6b:4b:0d:32:55:bf:ef:95:60:18:90:af:d8:07:09", "SHA-1"},
    {"fingerprint:ab*", "no wildcards"},
    {"spki:" BASE64 "==", "44 characters"},
    {"spki:sha256//", "44 characters"},
    {"spki:q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6t", "44 characters"},
    {"spki:-6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s", "44 characters"},
    {"spki:sha512//" BASE64 "=", "44 characters"},
};

START_TEST(test_bad)
{
    struct err err = {0};
    int rc = policy_check_rule(BAD[_i].rule, &err);
    ck_assert_msg(rc == ERR_SYNTAX && err.code == ERR_SYNTAX, "'%s' was accepted", BAD[_i].rule);
    ck_assert_msg(strstr(err.text, BAD[_i].remedy) != NULL, "'%s': %s", BAD[_i].rule, err.text);
    ck_assert_int_eq(policy_check_rule(BAD[_i].rule, NULL), ERR_SYNTAX);
}
END_TEST

/* What stands in the manual, and forms at the edge of what is accepted. */
static const char *const GOOD[] = {
    "subject:CN=alice,*",
    "subject:*",
    "subject:**",
    "subject: CN = alice , * ",
    "subject:CN=",
    "subject:CN=,O=",
    "subject:CN=alice\\ ",
    "subject:0.9.2342.19200300.100.1.25=org",
    "subject:2.999.1=x",
    "subject:CN=*+*,*",
    "issuer:CN=Example CA,O=Example\\, Inc.",
    "serial:0",
    "serial:1:2",
    "san.dns:*.example.org",
    "san.dns:localhost",
    "san.email:*@example.org",
    "san.email:**",
    "san.uri:spiffe://example.org/ns/*/sa/web",
    "san.uri:urn:uuid:*",
    "san.uri:**",
    "san.ip:::/0",
    "san.ip:192.0.2.0/24",
    ("fingerprint:SHA256:" HEX_31 "AB"),
    ("spki:sha256//" BASE64 "="),
    ("spki:" BASE64),
};

START_TEST(test_good)
{
    struct err err = {0};
    ck_assert_msg(policy_check_rule(GOOD[_i], &err) == 0, "'%s': %s", GOOD[_i], err.text);
    ck_assert_int_eq(err.code, 0);
}
END_TEST

/* Builds "HEAD" + n times "PIECE" + "TAIL" and checks whether it is a rule. */
static int check_long(const char *head, const char *piece, size_t n, struct err *err)
{
    static char rule[20000];
    size_t at = (size_t)snprintf(rule, sizeof rule, "%s", head);
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(rule + at, sizeof rule - at, "%s", piece);
    return policy_check_rule(rule, err);
}

START_TEST(test_bounds)
{
    struct err err = {0};
    ck_assert_int_eq(check_long("subject:CN=", "a", 512, &err), 0);
    ck_assert_int_eq(check_long("subject:CN=", "a", 513, &err), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(err.text, "512"));
    ck_assert_int_eq(check_long("subject:CN=*", "a*", 255, &err), 0);
    ck_assert_int_eq(check_long("san.dns:a", "*a", 300, &err), ERR_SYNTAX);
    ck_assert_int_eq(check_long("subject:CN=x", ",OU=a", 63, &err), 0);
    ck_assert_int_eq(check_long("subject:CN=x", ",OU=a", 64, &err), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(err.text, "64"));
    ck_assert_int_eq(check_long("subject:CN=x", "+OU=a", 64, &err), ERR_SYNTAX);
    ck_assert_int_eq(check_long("subject:CN=x", ",*", 2000, &err), ERR_SYNTAX);
    ck_assert_int_eq(check_long("subject:CN=", "\\41", 512, &err), 0);
    ck_assert_int_eq(check_long("subject:CN=", "\\41", 2000, &err), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(err.text, "4096"));
    ck_assert_int_eq(check_long("serial:", "a", 128, &err), 0);
    ck_assert_int_eq(check_long("serial:", "a", 129, &err), ERR_SYNTAX);
    ck_assert_int_eq(check_long("subject:CN=#0c82012c", "61", 300, &err), 0);
    ck_assert_int_eq(check_long("subject:CN=#0481c8", "61", 200, &err), 0);
    ck_assert_int_eq(check_long("subject:CN=#0c82012c", "61", 301, &err), ERR_SYNTAX);
    ck_assert_int_eq(check_long("subject:", "1", 300, &err), ERR_SYNTAX);
    ck_assert_int_eq(check_long("subject:1.2", ".3", 100, &err), ERR_SYNTAX);
}
END_TEST

/* ---- wildcards ---- */

static bool is_border(char c)
{
    return c == '.';
}

/* The definition, by trying everything. `from`: where the pattern begins, to see what stands before a
 * wildcard. */
static bool plain_match(const char *from, const char *p, const char *v, bool wide)
{
    if (*p == '\0')
        return *v == '\0';
    if (*p != '*')
        return *v == *p && plain_match(from, p + 1, v + 1, wide);
    size_t stars = strspn(p, "*");
    const char *after = p + stars;
    bool alone = (p == from || is_border(p[-1])) && (*after == '\0' || is_border(*after));
    for (size_t n = 0;; n++) {
        if ((n > 0 || !alone || wide) && plain_match(from, after, v + n, wide))
            return true;
        if (v[n] == '\0' || (stars == 1 && is_border(v[n])))
            return false;
    }
}

/* The word number `n` over an alphabet, at most `most` long; false after the last. */
static bool word(const char *alphabet, size_t most, size_t n, char *out)
{
    size_t letters = strlen(alphabet), len = 0, count = 1;
    while (n >= count) {
        n -= count;
        count *= letters;
        if (++len > most)
            return false;
    }
    for (size_t i = 0; i < len; i++, n /= letters)
        out[i] = alphabet[n % letters];
    out[len] = '\0';
    return true;
}

START_TEST(test_every_short_pattern)
{
    static const struct glob_zones ZONES = {.head = SIZE_MAX, .head_borders = ".", .tail_borders = "."};
    static const enum reading READINGS[] = {READ_NARROW, READ_WIDE};
    char pattern[16], value[16];
    size_t compared = 0, matched = 0;
    for (size_t i = 0; word("a.*", 5, i, pattern); i++) {
        if (strstr(pattern, "***"))
            continue;
        struct glob_draft draft;
        struct glob glob;
        glob_draft_init(&draft);
        for (const char *p = pattern; *p;) {
            size_t stars = strspn(p, "*");
            if (stars)
                glob_draft_star(&draft, stars == 2);
            else
                glob_draft_byte(&draft, (unsigned char)*p);
            p += stars ? stars : 1;
        }
        ck_assert_int_eq(glob_init(&glob, &draft, &ZONES, NULL), 0);
        for (size_t j = 0; word("a.b", 5, j, value); j++) {
            for (size_t k = 0; k < ARRAY_LEN(READINGS); k++) {
                enum reading reading = READINGS[k];
                bool expected = plain_match(pattern, pattern, value, reading == READ_WIDE);
                bool got = glob_match(&glob, &ZONES, (const unsigned char *)value, strlen(value), reading);
                if (got != expected)
                    ck_abort_msg("'%s' and '%s': %d", pattern, value, got);
                compared++;
                matched += got;
            }
        }
        glob_done(&glob);
    }
    ck_assert_uint_gt(compared, 200000);
    ck_assert_uint_gt(matched, 10000);
}
END_TEST

/* A pattern and a value that make a backtracking matcher run for ever. */
START_TEST(test_hostile_value)
{
    static const struct glob_zones ZONES = {.head = 0, .head_borders = "", .tail_borders = ""};
    static unsigned char value[65536];
    struct glob_draft draft;
    struct glob glob;
    glob_draft_init(&draft);
    for (int i = 0; i < 30; i++) {
        glob_draft_star(&draft, true);
        glob_draft_byte(&draft, 'a');
    }
    glob_draft_byte(&draft, 'b');
    ck_assert_int_eq(glob_init(&glob, &draft, &ZONES, NULL), 0);
    memset(value, 'a', sizeof value);
    ck_assert(!glob_match(&glob, &ZONES, value, sizeof value, READ_NARROW));
    value[sizeof value - 1] = 'b';
    ck_assert(glob_match(&glob, &ZONES, value, sizeof value, READ_NARROW));
    glob_done(&glob);
    glob_done(NULL);
}
END_TEST

Suite *suite_rule(void)
{
    Suite *suite = suite_create("rule");
    TCase *form = tcase_create("form"), *wildcards = tcase_create("wildcards");
    tcase_add_loop_test(form, test_bad, 0, (int)ARRAY_LEN(BAD));
    tcase_add_loop_test(form, test_good, 0, (int)ARRAY_LEN(GOOD));
    tcase_add_test(form, test_bounds);
    tcase_add_test(wildcards, test_every_short_pattern);
    tcase_add_test(wildcards, test_hostile_value);
    tcase_set_timeout(wildcards, 60);
    suite_add_tcase(suite, form);
    suite_add_tcase(suite, wildcards);
    return suite;
}
