/* The rules over subject alternative names: one function each to parse a pattern into the rule's union and to
 * match it; rows of the table in rule.c. Private to policy. */
#ifndef MTLSD_POLICY_SAN_H
#define MTLSD_POLICY_SAN_H

#include "policy/rule.h"

/* 0, ERR_SYNTAX with the remedy, ERR_NOMEM; nothing is to be freed after a failure. */
MUST_CHECK int san_dns_init(struct rule *rule, const char *pattern, struct err *err);
MUST_CHECK int san_email_init(struct rule *rule, const char *pattern, struct err *err);
MUST_CHECK int san_uri_init(struct rule *rule, const char *pattern, struct err *err);
MUST_CHECK int san_ip_init(struct rule *rule, const char *pattern, struct err *err);

MUST_CHECK int san_other_init(struct rule *rule, const char *pattern, struct err *err);

void san_glob_done(struct rule *rule);  /* of dns and uri */
void san_email_done(struct rule *rule); /* also of upn, whose patterns are those of email */
void san_other_done(struct rule *rule);

/* True when any name of the kind matches. */
bool san_dns_match(const struct rule *rule, const struct certinfo *info, enum reading reading);
bool san_email_match(const struct rule *rule, const struct certinfo *info, enum reading reading);
bool san_uri_match(const struct rule *rule, const struct certinfo *info, enum reading reading);
bool san_upn_match(const struct rule *rule, const struct certinfo *info, enum reading reading);
bool san_other_match(const struct rule *rule, const struct certinfo *info, enum reading reading);
bool san_ip_match(const struct rule *rule, const struct certinfo *info, enum reading reading);

#endif
