#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pki/name_match.h"
#include "suites.h"

/* Names as text: RDNs between slashes, attributes of one RDN between plus signs; each is a letter for the
 * type of the string (u UTF8String, p PrintableString, i IA5String, t TeletexString, b BMPString out of
 * Latin-1, o OCTET STRING), a letter for its OID, and the text. */
struct made {
    unsigned char bytes[1024];
    struct der name;
};

static size_t wrap(unsigned char *out, unsigned char tag, const unsigned char *body, size_t n)
{
    unsigned char copy[1024];
    memcpy(copy, body, n);
    out[0] = tag;
    if (n < 0x80) {
        out[1] = (unsigned char)n;
        memcpy(out + 2, copy, n);
        return n + 2;
    }
    out[1] = 0x82;
    out[2] = (unsigned char)(n >> 8);
    out[3] = (unsigned char)n;
    if (n < 0x100) {
        out[1] = 0x81;
        out[2] = (unsigned char)n;
        memcpy(out + 3, copy, n);
        return n + 3;
    }
    memcpy(out + 4, copy, n);
    return n + 4;
}

static size_t attribute(unsigned char *out, const char *text, size_t len)
{
    static const struct {
        char letter;
        unsigned char tag;
    } types[] = {{'u', DER_UTF8_STRING}, {'p', DER_PRINTABLE_STRING}, {'i', DER_IA5_STRING},
                 {'t', DER_T61_STRING},  {'b', DER_BMP_STRING},       {'o', DER_OCTET_STRING}};
    unsigned char body[1024] = {DER_OID, 3, 0x55, 4, (unsigned char)text[1]}, value[512];
    size_t n = 0;
    unsigned char tag = 0;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i].letter == text[0])
            tag = types[i].tag;
    for (size_t i = 2; i < len; i++) {
        if (tag == DER_BMP_STRING)
            value[n++] = 0;
        value[n++] = (unsigned char)text[i];
    }
    n = 5 + wrap(body + 5, tag, value, n);
    return wrap(out, DER_SEQUENCE, body, n);
}

static void make(struct made *made, const char *text)
{
    unsigned char rdns[1024];
    size_t n = 0;
    while (*text != 0) {
        unsigned char rdn[1024];
        size_t len = 0, whole = strcspn(text, "/");
        for (const char *p = text; p < text + whole;) {
            size_t one = strcspn(p, "+/");
            len += attribute(rdn + len, p, one);
            p += one + (p[one] == '+');
        }
        n += wrap(rdns + n, DER_SET, rdn, len);
        text += whole + (text[whole] == '/');
    }
    made->name = (struct der){made->bytes, wrap(made->bytes, DER_SEQUENCE, rdns, n)};
}

START_TEST(equal)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"uCAlice", "uCAlice", true},
        {"uCAlice", "pCaLICE", true},
        {"uCAlice", "uDAlice", false},
        {"uCAlice", "uCAlic", false},
        {"uC  Al  ice ", "uCal ice", true},
        {"uCAl ice", "uCAlice", false},
        {"uC\tAl\xc2\xa0ice", "uCal ice", true},
        {"uCAl\xc2\xad\xe2\x80\x8bice", "uCalice", true}, /* soft hyphen, zero width space */
        {"uC", "uC ", true},
        {"uC\xc3\x84rger", "uC\xc3\xa4RGER", true}, /* umlauts */
        {"tC\xc4rger", "uC\xc3\xa4rger", true},
        {"bC\xc4rger", "uC\xc3\xa4rger", true},
        {"uC\xce\xa3", "uC\xcf\x83", true},                 /* sigma */
        {"uC\xce\xa3", "uC\xcf\x82", true},                 /* its final form */
        {"uC\xd0\x96", "uC\xd0\xb6", true},                 /* Zhe */
        {"uC\xf0\x90\x90\x80", "uC\xf0\x90\x90\xa8", true}, /* beyond the BMP */
        {"uC\xff", "uC\xfe", false},                        /* no UTF-8 */
        {"uC\xff", "uC\xff ", true},
        {"oCab", "oCab", true},
        {"oCab", "oCAB", false},
        {"oCab", "uCab", false},
        {"uCa/uCb", "uCa/uCb", true},
        {"uCa/uCb", "uCb/uCa", false},
        {"uCa/uCb", "uCa+uCb", false},
        {"uCa+uDb", "pDB+pCA", true},
        {"uCa+uDb", "uCa+uDc", false},
        {"uCa+uDb", "uCa", false},
        {"uCa", "", false},
        {"", "", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct made a, b;
        make(&a, rows[i].a);
        make(&b, rows[i].b);
        ck_assert_msg(name_equal(&a.name, &b.name) == rows[i].same, "%s, %s", rows[i].a, rows[i].b);
        ck_assert_msg(name_equal(&b.name, &a.name) == rows[i].same, "%s, %s", rows[i].b, rows[i].a);
        ck_assert_msg((name_hash(&a.name) == name_hash(&b.name)) == rows[i].same, "hashes of %s, %s",
                      rows[i].a, rows[i].b);
    }
}
END_TEST

START_TEST(within)
{
    static const struct {
        const char *name, *base;
        bool inside;
    } rows[] = {
        {"uOOrg/uCalice", "uOorg", true},     {"uOOrg/uCalice", "", true},
        {"uOOrg", "uOorg/uCa", false},        {"uCalice/uOOrg", "uOorg", false},
        {"uOOrg+uUx/uCa", "pUX+pOORG", true}, {"uOOrg+uUx/uCa", "pOORG", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct made name, base;
        make(&name, rows[i].name);
        make(&base, rows[i].base);
        ck_assert_msg(name_within(&name.name, &base.name) == rows[i].inside, "%s, %s", rows[i].name,
                      rows[i].base);
    }
}
END_TEST

Suite *suite_name_match(void)
{
    Suite *suite = suite_create("name_match");
    TCase *tcase = tcase_create("name_match");
    tcase_add_test(tcase, equal);
    tcase_add_test(tcase, within);
    suite_add_tcase(suite, tcase);
    return suite;
}
