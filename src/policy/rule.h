/* One rule, "FIELD:PATTERN" or several of them joined by " & ": parsed once, matched without allocation. What
 * a rule means is said in policy.h. Private to policy. */
#ifndef MTLSD_POLICY_RULE_H
#define MTLSD_POLICY_RULE_H

#include "pki/certinfo.h"
#include "pki/verdict.h"
#include "policy/dn.h"
#include "policy/glob.h"

enum { RULE_DIGEST_TEXT = 65 };

struct rule {
    const struct rule_field *field; /* a row of the table in rule.c */
    struct rule *and;               /* what must match, too; owned; NULL: nothing */
    bool hopeless;                  /* no name that lets anybody in has that form */
    union {
        struct dn_pattern dn; /* subject, issuer */
        struct glob glob;     /* san.dns, san.uri */
        struct {
            bool any; /* `**`: whatever address, the globs are empty */
            struct glob local, domain;
        } mail;
        struct {
            unsigned char address[16];
            size_t len; /* 4 or 16 */
            unsigned bits;
        } ip;
        struct {
            char *oid;
            bool any; /* whatever value: the glob is empty */
            struct glob value;
        } other;
        char *oid;                     /* of eku and policy */
        char *serial;                  /* lower-case hex, no leading zeros, "" is zero */
        char digest[RULE_DIGEST_TEXT]; /* SHA-256, lower-case hex */
    } u;
};

/* 0 and *out (rule_done), ERR_SYNTAX with what is wrong and the remedy, ERR_NOMEM. */
MUST_CHECK int rule_init(struct rule *out, const char *text, struct err *err);
void rule_done(struct rule *rule);

/* About the first certificate of `peer`, which has one. */
bool rule_match(const struct rule *rule, const struct peer *peer, enum reading reading);

/* For people: the type of attribute that the name has once more than the rule, for which alone a name of it
 * does not match. NULL: there is no such. */
const char *rule_rival(const struct rule *rule, const struct peer *peer);
/* For people: the field ("subject") whose pattern names not all of the name, for which alone the rule does
 * not match, and would with ",*" at its end. NULL: there is no such. */
const char *rule_lacks_rest(const struct rule *rule, const struct peer *peer);

/* Whether it lets nobody in, whatever the certificate. */
bool rule_hopeless(const struct rule *rule);

/* Whether it asks for that field. */
bool rule_names(const struct rule *rule, const char *field);

#endif
