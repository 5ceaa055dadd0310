/* Rules and names. The input is a rule, a NUL, and the facts of a certificate: a name's DER or raw bytes,
 * which serve as name and as every kind of alternative name. Besides not crashing:
 *  - what policy_check_rule accepts compiles, and the other way round; a refusal has words;
 *  - an allow rule that matches would match as a deny rule too (deny is read more widely);
 *  - a name written as a rule with every special character escaped matches that name, in any order of its
 * RDNs and with its ASCII letters in the other case, and no longer matches when an attribute is added;
 *  - without one attribute of a multi-valued RDN the same rule does not allow, but denies;
 *  - the text that the server shows for a name is a rule that matches it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "fuzz.h"
#include "pki/certinfo.h"
#include "policy/policy.h"

enum { MOST_FACTS = 16384, MOST_ATTRS = 12, MOST_VALUE = 80 };

static bool holds(const char *rule, bool allow, struct certinfo *info)
{
    struct conf_text text = {.text = (char *)(uintptr_t)rule};
    struct conf_list list = {&text, 1};
    char prefix[] = "/";
    struct conf_location location = {.prefix = prefix, .client_cert = CLIENT_CERT_VERIFIED};
    struct peer peer = {.verify = VERIFY_SUCCESS, .chain = &info, .n_chain = 1};
    struct diag diag = {0};
    struct policy *policy = NULL;

    *(allow ? &location.allow : &location.deny) = list;
    int rc = policy_new(&location, 1, &diag, &policy);
    REQUIRE(rc == 0 && policy && diag.errors == 0);
    struct policy_decision decision = policy_decide(policy, "", "/", &peer);
    policy_free(policy);
    REQUIRE(decision.outcome == POLICY_ALLOW || decision.outcome == POLICY_DENIED);
    return (decision.outcome == POLICY_ALLOW) == allow;
}

/* Writes attribute `a` as a rule would, each byte that is no plain letter or digit escaped, letters in the
 * other case. */
static void put_attr(struct buf *out, const struct certname_attr *a)
{
    static const char HEX[] = "0123456789abcdef";
    buf_puts(out, a->oid);
    buf_puts(out, a->is_der ? "=#" : "=");
    if (a->is_der) {
        text_hex(out, a->value, a->len);
        return;
    }
    for (size_t i = 0; i < a->len; i++) {
        unsigned char c = a->value[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        char hex[] = {'\\', HEX[c >> 4], HEX[c & 15]};
        if (letter)
            buf_putc(out, (char)(c ^ 32));
        else
            buf_put(out, hex, sizeof hex);
    }
}

/* The whole name but attribute `skip`, which is not the first of its RDN. */
static void write_rule(struct buf *rule, const struct certname *name, size_t skip)
{
    buf_init(rule, 0);
    buf_puts(rule, "subject:");
    for (size_t end = name->n; end > 0;) {
        size_t begin = end - 1;
        while (begin > 0 && name->attr[begin - 1].rdn == name->attr[begin].rdn)
            begin--;
        for (size_t i = begin; i < end; i++) {
            if (i == skip)
                continue;
            if (i > begin)
                buf_putc(rule, '+');
            put_attr(rule, &name->attr[i]);
        }
        if (begin > 0)
            buf_puts(rule, " , ");
        end = begin;
    }
}

static void check_escaped(struct certinfo *info)
{
    const struct certname *name = &info->subject;
    struct buf rule;
    if (name->n == 0 || name->n > MOST_ATTRS)
        return;
    for (size_t i = 0; i < name->n; i++) {
        if (name->attr[i].len > MOST_VALUE)
            return;
        if (!name->attr[i].is_der && memchr(name->attr[i].value, 0, name->attr[i].len)) {
            REQUIRE(!holds("subject:2.5.4.3=*", true, info) || name->n > 1);
            return;
        }
    }
    write_rule(&rule, name, SIZE_MAX);
    REQUIRE(!buf_failed(&rule));
    REQUIRE(holds(rule.data, true, info));
    REQUIRE(holds(rule.data, false, info));
    buf_puts(&rule, ",*");
    REQUIRE(holds(rule.data, true, info));
    rule.data[rule.len - 1] = 'C';
    buf_puts(&rule, "=");
    REQUIRE(!holds(rule.data, true, info));
    buf_done(&rule);

    /* Half of a multi-valued RDN is not enough to allow and enough to deny. */
    for (size_t i = 1; i < name->n; i++) {
        if (name->attr[i].rdn != name->attr[i - 1].rdn)
            continue;
        write_rule(&rule, name, i);
        REQUIRE(!holds(rule.data, true, info));
        REQUIRE(holds(rule.data, false, info));
        buf_done(&rule);
    }

    if (!name->text || strchr(name->text, '*'))
        return;
    buf_init(&rule, 0);
    buf_puts(&rule, "subject:");
    buf_puts(&rule, name->text);
    REQUIRE(holds(rule.data, true, info));
    buf_done(&rule);
}

// NOLINTNEXTLINE(readability-non-const-parameter): it goes into the struct
static void set_value(struct certvalues *values, struct certvalue *v, unsigned char *raw, size_t len)
{
    *v = (struct certvalue){.raw = raw, .len = len};
    *values = (struct certvalues){.v = v, .n = 1};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t rule_len = end ? (size_t)(end - data) : size, len = end ? size - rule_len - 1 : 0;
    if (len > MOST_FACTS)
        return 0;
    char *rule = malloc(rule_len + 1), *serial = NULL;
    unsigned char *raw = malloc(len ? len : 1);
    struct certinfo info = {0};
    struct certvalue value[4];
    struct certname_attr attr = {.oid = (char[]){"2.5.4.3"}, .label = "CN", .value = raw, .len = len};
    REQUIRE(rule && raw);
    if (rule_len)
        memcpy(rule, data, rule_len);
    rule[rule_len] = '\0';
    if (len)
        memcpy(raw, data + rule_len + 1, len);

    gnutls_datum_t der = {raw, (unsigned)len};
    bool is_der = certname_init(&info.subject, &der, NULL) == 0;
    if (!is_der)
        info.subject = (struct certname){.attr = &attr, .n = 1};
    info.issuer = info.subject;
    struct buf hex = {0};
    text_hex(&hex, raw, len);
    serial = buf_take(&hex, NULL);
    REQUIRE(serial);
    info.serial = serial;
    set_value(&info.dns_names, &value[0], raw, len);
    set_value(&info.emails, &value[1], raw, len);
    set_value(&info.uris, &value[2], raw, len);
    set_value(&info.ips, &value[3], raw, len);

    struct err err = {0};
    if (policy_check_rule(rule, &err) == 0)
        REQUIRE(!holds(rule, true, &info) || holds(rule, false, &info));
    else
        REQUIRE(err.code < 0 && err.text[0]);
    check_escaped(&info);

    if (is_der)
        certname_done(&info.subject);
    free(serial);
    free(raw);
    free(rule);
    return 0;
}
