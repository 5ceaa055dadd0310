#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pki/policies.h"
#include "suites.h"

/* Paths in a language of their own: certificates from below the trusted CA down to the leaf, between bars. In
 * each: a letter is a policy, * anyPolicy, A>B a mapping, eN requireExplicitPolicy, mN inhibitPolicyMapping,
 * iN inhibitAnyPolicy, ! self-issued. */
enum { CERTS = 16, ROOM = 4096 };

struct made {
    struct cert cert[CERTS];
    unsigned char bytes[CERTS][4][ROOM];
    unsigned n;
};

/* 1.2.3.X, or anyPolicy. */
static size_t put_oid(unsigned char *out, char letter)
{
    static const unsigned char any[] = {6, 4, 0x55, 0x1d, 32, 0}, some[] = {6, 3, 0x2a, 3, 0};
    if (letter == '*') {
        memcpy(out, any, sizeof(any));
        return sizeof(any);
    }
    memcpy(out, some, sizeof(some));
    out[4] = (unsigned char)letter;
    return sizeof(some);
}

/* Puts the header of a SEQUENCE before what is there: *begin moves down from room for it. */
static struct der sequence(unsigned char *body, size_t n)
{
    unsigned char *p = body - 4;
    p[0] = DER_SEQUENCE;
    if (n < 0x80) {
        p[2] = DER_SEQUENCE;
        p[3] = (unsigned char)n;
        return (struct der){p + 2, n + 2};
    }
    p[1] = 0x82;
    p[2] = (unsigned char)(n >> 8);
    p[3] = (unsigned char)n;
    if (n < 0x100) {
        p[1] = DER_SEQUENCE;
        p[2] = 0x81;
        return (struct der){p + 1, n + 3};
    }
    return (struct der){p, n + 4};
}

static void make_cert(struct cert *cert, unsigned char bytes[4][ROOM], const char *words)
{
    unsigned char *policies = bytes[0] + 8, *mappings = bytes[1] + 8, *constraints = bytes[2] + 8;
    size_t n_policies = 0, n_mappings = 0, n_constraints = 0;
    for (const char *w = words; *w != 0 && *w != '|'; w++) {
        if (*w == ' ')
            continue;
        if (*w == '!') {
            cert->self_issued = true;
        } else if (*w == 'e' || *w == 'm') {
            unsigned char *at = constraints + n_constraints;
            at[0] = (unsigned char)DER_CONTEXT(*w == 'e' ? 0 : 1);
            at[1] = 1;
            at[2] = (unsigned char)(*++w - '0');
            n_constraints += 3;
        } else if (*w == 'i') {
            bytes[3][0] = DER_INTEGER;
            bytes[3][1] = 1;
            bytes[3][2] = (unsigned char)(*++w - '0');
            cert->ext[EXT_INHIBIT_ANY_POLICY] = (struct cert_ext){.present = true, .value = {bytes[3], 3}};
        } else if (w[1] == '>') {
            unsigned char *at = mappings + n_mappings;
            size_t n = put_oid(at + 2, w[0]);
            n += put_oid(at + 2 + n, w[2]);
            at[0] = DER_SEQUENCE;
            at[1] = (unsigned char)n;
            n_mappings += n + 2;
            w += 2;
        } else {
            unsigned char *at = policies + n_policies;
            size_t n = put_oid(at + 2, *w);
            at[0] = DER_SEQUENCE;
            at[1] = (unsigned char)n;
            n_policies += n + 2;
        }
    }
    if (n_policies > 0)
        cert->ext[EXT_CERTIFICATE_POLICIES] =
            (struct cert_ext){.present = true, .value = sequence(policies, n_policies)};
    if (n_mappings > 0)
        cert->ext[EXT_POLICY_MAPPINGS] =
            (struct cert_ext){.present = true, .value = sequence(mappings, n_mappings)};
    if (n_constraints > 0)
        cert->ext[EXT_POLICY_CONSTRAINTS] =
            (struct cert_ext){.present = true, .value = sequence(constraints, n_constraints)};
}

static const char *process(const char *path, char out[static 256])
{
    struct made *made = calloc(1, sizeof(*made));
    const struct cert *list[CERTS];
    struct policies policies;
    enum policies_result result;
    unsigned where = 0;
    ck_assert_ptr_nonnull(made);
    for (const char *p = path; p != NULL; p = strchr(p, '|') != NULL ? strchr(p, '|') + 1 : NULL) {
        make_cert(&made->cert[made->n], made->bytes[made->n], p);
        list[made->n] = &made->cert[made->n];
        made->n++;
    }
    ck_assert_int_eq(policies_process(list, made->n, &result, &policies, &where, NULL), 0);
    if (result != POLICIES_GOOD) {
        snprintf(out, 256, "%s at %u", result == POLICIES_NONE ? "none" : "mapped", where);
    } else {
        size_t len = 0;
        for (size_t i = 0; i < policies.n && len < 200; i++)
            out[len++] = (char)policies.oid[i].p[2];
        if (policies.any)
            out[len++] = '*';
        out[len] = 0;
    }
    free(made);
    return out;
}

START_TEST(paths)
{
    static const struct {
        const char *path, *says;
    } rows[] = {
        {"A|A", "A"},
        {"AB|BC|B", "B"},
        {"*|A", "A"},
        {"*|*|AB", "AB"},
        {"*|*|*", "*"},
        {"A|*", "A"},
        {"A|B", ""},
        {"A||A", ""}, /* once nothing is valid, nothing is any more */
        {"A|", ""},
        {"", ""},
        {"e0|A", "none at 1"}, /* the CA that asks has none itself */
        {"A e0|A", "A"},
        {"A e0|B", "none at 1"},
        {"A e0|", "none at 1"},
        {"A e1|A|", "none at 2"},
        {"A e1|", "none at 1"}, /* counted down behind the last one */
        {"A e2|A|", "none at 2"},
        {"A e3|A|", ""},
        {"A e1|!|A", "none at 2"}, /* the self-issued one is not counted, and has lost the policy */
        {"A|e0", "none at 1"},     /* of the leaf itself */
        {"A|e1", ""},
        {"A|A e0", "A"},
        /* mappings: the result is in the words of the trusted CA */
        {"A A>B|B", "A"},
        {"A A>B|A", ""},
        {"AC A>B|BC", "AC"},
        {"A A>B A>C|C", "A"},
        {"AB A>C B>C|C", "AB"},
        {"A A>B|B B>C|C", "A"},
        {"A m0|A A>B|B", ""},
        {"A m1|A A>B|B", "A"},
        {"A m0 e0|A A>B|B", "none at 2"},
        {"A m0|AC A>B|C", ""},
        {"* A>B|B", "A"}, /* out of anyPolicy */
        {"* A>B|A", "A"}, /* anyPolicy is still there */
        {"*|* A>B|BC", "AC"},
        {"A *>B|B", "mapped at 0"},
        {"A A>*|B", "mapped at 0"},
        {"A|A *>B", "A"}, /* of the leaf nothing is mapped */
        /* anyPolicy */
        {"A i0|*", ""},
        {"A i0|A", "A"},
        {"A i1|*|A", "A"},
        {"A i1|*|*", ""},
        {"A i0 e0|*", "none at 1"},
        {"A i0|! *|A", "A"}, /* a CA's certificate for its own name may */
        {"A i0|A|! *", ""},  /* the leaf may not */
        {"A A>B|*", "A"},
        {"AD A>B|* B>C|CD", "AD"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256];
        ck_assert_msg(strcmp(process(rows[i].path, text), rows[i].says) == 0, "%s: \"%s\", not \"%s\"",
                      rows[i].path, text, rows[i].says);
    }
}
END_TEST

/* Where a tree has as many nodes as there are ways through it, each level here has as many as policies. */
START_TEST(ways_through_mappings_cost_nothing)
{
    char path[2048] = "", text[256];
    for (int i = 0; i < 15; i++)
        strcat(path, "AB A>A A>B B>A B>B e0|");
    strcat(path, "AB");
    ck_assert_str_eq(process(path, text), "AB");
}
END_TEST

/* Too many to be read: none is known to be valid, and that is no fault unless one is required. */
START_TEST(too_many)
{
    char path[ROOM], text[256];
    for (int required = 0; required <= 1; required++) {
        snprintf(path, sizeof(path), "* %s|", required ? "e0" : "");
        for (int i = 0; i < POLICIES_MOST + 1; i++)
            strcat(path, "A");
        ck_assert_str_eq(process(path, text), required ? "none at 1" : "");
    }
}
END_TEST

Suite *suite_policies(void)
{
    Suite *suite = suite_create("policies");
    TCase *tcase = tcase_create("policies");
    tcase_add_test(tcase, paths);
    tcase_add_test(tcase, ways_through_mappings_cost_nothing);
    tcase_add_test(tcase, too_many);
    suite_add_tcase(suite, tcase);
    return suite;
}
