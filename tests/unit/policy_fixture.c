#include "policy_fixture.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned hex_value(char c)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, c | 32);
    ck_assert_msg(c != '\0' && at != NULL, "'%c' is no hex digit", c);
    return (unsigned)(at - digits);
}

size_t from_hex(const char *s, size_t len, unsigned char *out)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        out[i / 2] = (unsigned char)(hex_value(s[i]) << 4 | hex_value(s[i + 1]));
    return len / 2;
}

static void complain(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    (void)severity;
    (void)src;
    ck_abort_msg("line %u: %s", *(const unsigned *)cls, text);
}

struct anchor_id *anchor_named(const char *text)
{
    size_t n = strcspn(text, "/"), key = strcspn(text + n, ":");
    const unsigned char head[] = {DER_SEQUENCE,
                                  (unsigned char)(n + 11),
                                  DER_SET,
                                  (unsigned char)(n + 9),
                                  DER_SEQUENCE,
                                  (unsigned char)(n + 7),
                                  DER_OID,
                                  3,
                                  0x55,
                                  0x04,
                                  0x03,
                                  DER_UTF8_STRING,
                                  (unsigned char)(n)};
    struct anchor_id *id = calloc(1, sizeof *id + sizeof head + n + key);
    ck_assert_ptr_nonnull(id);
    memcpy(id->bytes, head, sizeof head);
    memcpy(id->bytes + sizeof head, text, n + key);
    id->refs = 1;
    id->subject = strndup(text, n);
    id->name = (struct der){id->bytes, sizeof head + n};
    id->spki = (struct der){id->bytes + sizeof head + n, key};
    return id;
}

/* Takes over what it makes. */
static void give_client_ca(struct policy *policy, const struct conf_location *location, char *const *ca)
{
    struct anchor_set *set = calloc(1, sizeof *set);
    ck_assert_ptr_nonnull(set);
    set->id = calloc(MOST_RULES, sizeof(struct anchor_id *));
    ck_assert_ptr_nonnull(set->id);
    for (; set->n < location->client_ca.n; set->n++)
        set->id[set->n] = anchor_named(ca[set->n]);
    policy_set_client_ca(policy, location, set);
}

struct policy_decision decide(const struct places *places, const char *path, const struct peer *peer,
                              unsigned line)
{
    struct policy *policy = NULL;
    struct diag diag = {.emit = complain, .cls = &line};
    ck_assert_int_eq(policy_new(places->location, places->n, &diag, &policy), 0);
    for (size_t i = 0; i < places->n; i++) {
        /* One that was given none lets nobody pass. */
        if (places->location[i].client_ca.n > 0 && strcmp(places->ca[i][0], "-") != 0)
            give_client_ca(policy, &places->location[i], places->ca[i]);
    }
    /* "HOST/path" or "/path" */
    char host[256];
    const size_t n = strcspn(path, "/");
    snprintf(host, sizeof host, "%.*s", path[n] ? (int)n : 0, path);
    struct policy_decision decision = policy_decide(policy, host, path[n] ? path + n : path, peer);
    policy_free(policy);
    decision.client_ca = NULL;
    return decision;
}

bool rule_holds(const char *kind, const char *rule, const struct peer *peer, unsigned line)
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
