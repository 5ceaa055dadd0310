#include "tls/facts.h"

#include <stdio.h>
#include <string.h>

#include "tls/names.h"
#include "tls/priorities.h"

static const char *group_name(gnutls_group_t group)
{
    static const struct {
        gnutls_group_t group;
        uint16_t number;
    } GROUPS[] = {
        {GNUTLS_GROUP_SECP256R1, 23},  {GNUTLS_GROUP_SECP384R1, 24},  {GNUTLS_GROUP_SECP521R1, 25},
        {GNUTLS_GROUP_X25519, 29},     {GNUTLS_GROUP_X448, 30},       {GNUTLS_GROUP_FFDHE2048, 256},
        {GNUTLS_GROUP_FFDHE3072, 257}, {GNUTLS_GROUP_FFDHE4096, 258},
    };
    for (size_t i = 0; i < ARRAY_LEN(GROUPS); i++) {
        if (GROUPS[i].group == group)
            return tls_group_name(GROUPS[i].number);
    }
    /* GnuTLS releases differ in which numbers of their own these have. */
    uint16_t hybrid = tls_hybrid_number(gnutls_group_get_name(group));
    return hybrid ? tls_group_name(hybrid) : NULL;
}

/* GnuTLS keeps the wire numbers of its signature algorithms to itself. */
static const char *signature_name(int algorithm)
{
    static const struct {
        gnutls_sign_algorithm_t sign;
        uint16_t number;
    } SIGNATURES[] = {
        {GNUTLS_SIGN_RSA_SHA256, 0x0401},
        {GNUTLS_SIGN_RSA_SHA384, 0x0501},
        {GNUTLS_SIGN_RSA_SHA512, 0x0601},
        {GNUTLS_SIGN_ECDSA_SHA256, 0x0403},
        {GNUTLS_SIGN_ECDSA_SHA384, 0x0503},
        {GNUTLS_SIGN_ECDSA_SHA512, 0x0603},
        {GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, 0x0403},
        {GNUTLS_SIGN_ECDSA_SECP384R1_SHA384, 0x0503},
        {GNUTLS_SIGN_ECDSA_SECP521R1_SHA512, 0x0603},
        {GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, 0x0804},
        {GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, 0x0805},
        {GNUTLS_SIGN_RSA_PSS_RSAE_SHA512, 0x0806},
        {GNUTLS_SIGN_RSA_PSS_SHA256, 0x0809},
        {GNUTLS_SIGN_RSA_PSS_SHA384, 0x080a},
        {GNUTLS_SIGN_RSA_PSS_SHA512, 0x080b},
        {GNUTLS_SIGN_EDDSA_ED25519, 0x0807},
    };
    for (size_t i = 0; i < ARRAY_LEN(SIGNATURES); i++) {
        if ((int)SIGNATURES[i].sign == algorithm)
            return tls_signature_name(SIGNATURES[i].number);
    }
    return algorithm == GNUTLS_SIGN_UNKNOWN ? NULL : gnutls_sign_get_name((gnutls_sign_algorithm_t)algorithm);
}

void tls_facts_read(gnutls_session_t session, const struct hello_pack *hello, bool resumed,
                    struct tls_facts *out)
{
    memset(out, 0, sizeof *out);
    gnutls_protocol_t version = gnutls_protocol_get_version(session);
    out->tls13 = version == GNUTLS_TLS1_3;
    out->version = out->tls13                 ? "TLSv1.3"
                   : version == GNUTLS_TLS1_2 ? "TLSv1.2"
                                              : gnutls_protocol_get_name(version);
    out->cipher_suite = gnutls_ciphersuite_get(session);
    gnutls_group_t group = gnutls_group_get(session);
    out->group = group_name(group);
    out->post_quantum = tls_hybrid_number(gnutls_group_get_name(group)) != 0;
    out->resumed = resumed;
    if (!out->resumed) {
        out->server_signature = signature_name(gnutls_sign_algorithm_get(session));
        out->client_signature = signature_name(gnutls_sign_algorithm_get_client(session));
    }
    /* TLS 1.3 has the property of the extension built in (RFC 8446 section D.1 and RFC 7627). */
    out->extended_master_secret =
        out->tls13 || (gnutls_session_get_flags(session) & GNUTLS_SFLAGS_EXT_MASTER_SECRET);

    gnutls_datum_t alpn;
    if (gnutls_alpn_get_selected_protocol(session, &alpn) == 0 && alpn.size < sizeof out->alpn) {
        memcpy(out->alpn, alpn.data, alpn.size);
        out->alpn[alpn.size] = '\0';
    }
    size_t len = sizeof out->server_name;
    unsigned type;
    if (gnutls_server_name_get(session, out->server_name, &len, &type, 0) != 0) {
        /* A name that was kept from GnuTLS (server_name.h). */
        struct client_hello offered;
        out->server_name[0] = '\0';
        if (hello) {
            hello_pack_read(hello, &offered);
            snprintf(out->server_name, sizeof out->server_name, "%s", offered.server_name);
        }
    }
    out->client_hello = hello;
}
