#include "tls/priorities.h"

#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "tls/names.h"

/* GnuTLS's names, in our order. */
static const struct {
    const char *group;
    uint16_t number;
} HYBRIDS[] = {
    {"X25519-MLKEM768", 0x11ec},
    {"SECP256R1-MLKEM768", 0x11eb},
    {"SECP384R1-MLKEM1024", 0x11ed},
};

/* ECDSA P-256 and AES-128-GCM first by %SERVER_PRECEDENCE; Ed448 is left out (slow, unused), as are DHE and
 * static RSA key exchange. Before and after the hybrid groups. */
static const char BEFORE[] = "NONE:+VERS-TLS1.3:+VERS-TLS1.2:"
                             "+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:+AEAD:+SHA256:+SHA384:"
                             "+ECDHE-ECDSA:+ECDHE-RSA";
static const char AFTER[] = ":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:"
                            "+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-EDDSA-ED25519:"
                            "+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-SHA256:+SIGN-RSA-SHA256:"
                            "+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SECP384R1-SHA384:"
                            "+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-PSS-SHA384:+SIGN-RSA-SHA384:"
                            "+SIGN-ECDSA-SHA512:+SIGN-ECDSA-SECP521R1-SHA512:"
                            "+SIGN-RSA-PSS-RSAE-SHA512:+SIGN-RSA-PSS-SHA512:+SIGN-RSA-SHA512:"
                            "+COMP-NULL:+CTYPE-X509:%SERVER_PRECEDENCE";

static struct {
    char any[PRIORITIES_BYTES], only13[PRIORITIES_BYTES];
    char hybrids[128];
} built;

void priorities_build(bool (*knows)(const char *group), bool only13, char out[static PRIORITIES_BYTES])
{
    char groups[128] = "";
    for (size_t i = 0, at = 0; i < ARRAY_LEN(HYBRIDS); i++) {
        if (knows(HYBRIDS[i].group))
            at += (size_t)snprintf(groups + at, sizeof groups - at, ":+GROUP-%s", HYBRIDS[i].group);
    }
    snprintf(out, PRIORITIES_BYTES, "%s%s%s%s", BEFORE, groups, AFTER, only13 ? ":%NO_TICKETS_TLS12" : "");
}

/* The list leaves out what the library has the name of, but was built or configured without. */
static bool library_knows(const char *group)
{
    for (const gnutls_group_t *known = gnutls_group_list(); *known != GNUTLS_GROUP_INVALID; known++) {
        if (strcasecmp(gnutls_group_get_name(*known), group) == 0)
            return true;
    }
    return false;
}

static void build(void)
{
    priorities_build(library_knows, false, built.any);
    priorities_build(library_knows, true, built.only13);
    for (size_t i = 0, at = 0; i < ARRAY_LEN(HYBRIDS); i++) {
        if (library_knows(HYBRIDS[i].group))
            at += (size_t)snprintf(built.hybrids + at, sizeof built.hybrids - at, "%s%s", at ? ", " : "",
                                   tls_group_name(HYBRIDS[i].number));
    }
}

static void build_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, build);
}

const char *tls_priorities(bool only13)
{
    build_once();
    return only13 ? built.only13 : built.any;
}

const char *tls_hybrids(void)
{
    build_once();
    return built.hybrids;
}

uint16_t tls_hybrid_number(const char *group)
{
    for (size_t i = 0; i < ARRAY_LEN(HYBRIDS); i++) {
        if (group && strcasecmp(group, HYBRIDS[i].group) == 0)
            return HYBRIDS[i].number;
    }
    return 0;
}
