/* Locations, and what a policy that is made of them decides. */
#ifndef MTLSD_TESTS_UNIT_POLICY_FIXTURE_H
#define MTLSD_TESTS_UNIT_POLICY_FIXTURE_H

#include "policy/policy.h"

enum { MOST_LOCATIONS = 8, MOST_RULES = 8 };

struct places {
    struct conf_location location[MOST_LOCATIONS];
    struct conf_text allow[MOST_LOCATIONS][MOST_RULES], deny[MOST_LOCATIONS][MOST_RULES];
    char *ca[MOST_LOCATIONS][MOST_RULES]; /* client_ca, as anchor_named takes them */
    size_t n;
    char text[4096];
};

/* "NAME/KEY": whoever has both has the same. The caller's. */
struct anchor_id *anchor_named(const char *text);

unsigned hex_value(char c);
size_t from_hex(const char *s, size_t len, unsigned char *out);

/* `line` is named where the policy is refused. */
struct policy_decision decide(const struct places *places, const char *path, const struct peer *peer,
                              unsigned line);
/* Whether the rule, the only one of its location, matches the peer. */
bool rule_holds(const char *kind, const char *rule, const struct peer *peer, unsigned line);

#endif
