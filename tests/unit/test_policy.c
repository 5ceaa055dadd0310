/* The policy against tests/data/policy.tsv, which says what its columns mean. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pki/certinfo.h"
#include "policy_fixture.h"
#include "suites.h"

enum { MOST_ROWS = 1000, MOST_COLUMNS = 6, MOST_ATTRS = 100, MOST_VALUES = 8 };

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
    char *end[MOST_VALUES]; /* "NAME/KEY" or "NAME/KEY:POLICY" */
    size_t n_ends;
    struct peer_end further[MOST_VALUES];
    char *other_policy[MOST_VALUES];
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
        else if (strcmp(key, "end") == 0 && facts->n_ends < MOST_VALUES)
            facts->end[facts->n_ends++] = word;
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

/* The first end is that of the peer's own path. */
static void read_ends(struct facts *facts)
{
    for (size_t i = 0; i < facts->n_ends; i++) {
        struct anchor_id *id = anchor_named(facts->end[i]);
        if (i == 0) {
            facts->peer.anchor = id;
            continue;
        }
        struct peer_end *other = &facts->further[facts->peer.n_others++];
        char *policy = strchr(facts->end[i], ':');
        other->anchor = id;
        if (policy) {
            other->policies = &facts->other_policy[i];
            *other->policies = policy + 1;
            other->n_policies = 1;
        }
    }
    facts->peer.other = facts->further;
}

static void facts_done(struct facts *facts)
{
    anchor_id_unref(facts->peer.anchor);
    for (size_t i = 0; i < facts->peer.n_others; i++)
        anchor_id_unref(facts->further[i].anchor);
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
    read_ends(facts);
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
            if (strcmp(kind, "ca") == 0) {
                ck_assert_uint_lt(location->client_ca.n, MOST_RULES);
                places->ca[places->n][location->client_ca.n++] = rule;
                continue;
            }
            struct conf_list *list = strcmp(kind, "allow") == 0 ? &location->allow : &location->deny;
            ck_assert_uint_lt(list->n, MOST_RULES);
            list->item[list->n++].text = rule;
        }
    }
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
    static const char *const OUTCOMES[] = {"allow", "nocert", "unverified", "otherca", "denied"};
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
    facts_done(&facts);
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
    TCase *table = tcase_create("table");
    tcase_add_test(table, test_table_is_there);
    tcase_add_loop_test(table, test_row, 0, (int)n_rows);
    suite_add_tcase(suite, table);
    return suite;
}
