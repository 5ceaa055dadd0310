/* The table of alerts against every error that GnuTLS has: one that a peer can cause is in it, and is never
 * called our own fault; which are ours is said here. */
#include "suites.h"

#include <gnutls/gnutls.h>
#include <stdio.h>

#include "base/base.h"
#include "tls/alerts.h"

/* Errors of files, tokens, keys of our own, the machine, or features that no session here has. */
static const int OURS[] = {
    GNUTLS_E_INVALID_SESSION,
    GNUTLS_E_FATAL_ALERT_RECEIVED, /* nothing is sent after these */
    GNUTLS_E_PUSH_ERROR,
    GNUTLS_E_PULL_ERROR,
    GNUTLS_E_SESSION_EOF,
    GNUTLS_E_TIMEDOUT,
    GNUTLS_E_MEMORY_ERROR,
    GNUTLS_E_COMPRESSION_FAILED,
    GNUTLS_E_EXPIRED,
    GNUTLS_E_DB_ERROR,
    GNUTLS_E_SRP_PWD_ERROR,
    GNUTLS_E_HASH_FAILED,
    GNUTLS_E_BASE64_DECODING_ERROR,
    GNUTLS_E_MPI_PRINT_FAILED,
    GNUTLS_E_RECORD_LIMIT_REACHED,
    GNUTLS_E_ENCRYPTION_FAILED,
    GNUTLS_E_PK_ENCRYPTION_FAILED,
    GNUTLS_E_PK_SIGN_FAILED,
    GNUTLS_E_INTERNAL_ERROR,
    GNUTLS_E_CERTIFICATE_KEY_MISMATCH,
    GNUTLS_E_FILE_ERROR,
    -79, /* OpenPGP, which GnuTLS gave up */
    -84, /* temporary keys of RSA, and parameters of DH: there is neither */
    -88,
    GNUTLS_E_SRP_PWD_PARSING_ERROR,
    GNUTLS_E_NO_TEMPORARY_DH_PARAMS,
    -94,
    GNUTLS_E_UNKNOWN_PKCS_CONTENT_TYPE,
    GNUTLS_E_UNKNOWN_PKCS_BAG_TYPE,
    GNUTLS_E_INVALID_PASSWORD,
    GNUTLS_E_MAC_VERIFY_FAILED,
    -104,
    GNUTLS_E_BASE64_ENCODING_ERROR,
    -202,
    -203,
    -204,
    GNUTLS_E_RANDOM_FAILED,
    GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR,
    -208,
    GNUTLS_E_CRYPTO_ALREADY_REGISTERED,
    GNUTLS_E_CRYPTODEV_IOCTL_ERROR,
    GNUTLS_E_CRYPTODEV_DEVICE_ERROR,
    GNUTLS_E_CHANNEL_BINDING_NOT_AVAILABLE,
    -215,
    GNUTLS_E_PKCS11_ERROR,
    GNUTLS_E_PKCS11_LOAD_ERROR,
    GNUTLS_E_PKCS11_PIN_ERROR,
    GNUTLS_E_PKCS11_SLOT_ERROR,
    GNUTLS_E_LOCKING_ERROR,
    GNUTLS_E_PKCS11_ATTRIBUTE_ERROR,
    GNUTLS_E_PKCS11_DEVICE_ERROR,
    GNUTLS_E_PKCS11_DATA_ERROR,
    GNUTLS_E_PKCS11_UNSUPPORTED_FEATURE_ERROR,
    GNUTLS_E_PKCS11_KEY_ERROR,
    GNUTLS_E_PKCS11_PIN_EXPIRED,
    GNUTLS_E_PKCS11_PIN_LOCKED,
    GNUTLS_E_PKCS11_SESSION_ERROR,
    GNUTLS_E_PKCS11_SIGNATURE_ERROR,
    GNUTLS_E_PKCS11_TOKEN_ERROR,
    GNUTLS_E_PKCS11_USER_ERROR,
    GNUTLS_E_CRYPTO_INIT_FAILED,
    GNUTLS_E_USER_ERROR,
    GNUTLS_E_PKCS11_REQUESTED_OBJECT_NOT_AVAILBLE,
    GNUTLS_E_NO_PRIORITIES_WERE_SET,
    GNUTLS_E_TPM_ERROR,
    GNUTLS_E_TPM_KEY_PASSWORD_ERROR,
    GNUTLS_E_TPM_SRK_PASSWORD_ERROR,
    GNUTLS_E_TPM_SESSION_ERROR,
    GNUTLS_E_TPM_KEY_NOT_FOUND,
    GNUTLS_E_TPM_UNINITIALIZED,
    GNUTLS_E_TPM_NO_LIB,
    GNUTLS_E_NO_CERTIFICATE_STATUS,
    GNUTLS_E_RANDOM_DEVICE_ERROR,
    GNUTLS_E_AUTH_ERROR,
    GNUTLS_E_SOCKETS_INIT_ERROR,
    GNUTLS_E_KEY_IMPORT_FAILED,
    GNUTLS_E_PRIVKEY_VERIFICATION_ERROR,
    GNUTLS_E_SELF_TEST_ERROR,
    GNUTLS_E_NO_SELF_TEST,
    GNUTLS_E_LIB_IN_ERROR_STATE,
    GNUTLS_E_PK_GENERATION_ERROR,
    GNUTLS_E_UNAVAILABLE_DURING_HANDSHAKE,
    GNUTLS_E_PK_INVALID_PRIVKEY,
    GNUTLS_E_NOT_YET_ACTIVATED,
    GNUTLS_E_NO_EMBEDDED_DATA,
    GNUTLS_E_INVALID_PASSWORD_STRING,
    GNUTLS_E_PK_NO_VALIDATION_PARAMS,
    GNUTLS_E_OCSP_MISMATCH_WITH_CERTS,
    GNUTLS_E_TOO_MANY_MATCHES,
    GNUTLS_E_CRL_VERIFICATION_ERROR,
    GNUTLS_E_DB_ENTRY_EXISTS,
    GNUTLS_E_EARLY_DATA_REJECTED,
    GNUTLS_E_UNIMPLEMENTED_FEATURE,
/* Later than 3.7.9; of RSA key exchange, which is never offered. */
#ifdef GNUTLS_E_UNSUPPORTED_ENCRYPTION_ALGORITHM
    GNUTLS_E_UNSUPPORTED_ENCRYPTION_ALGORITHM,
#endif
};

static bool is_ours(int error)
{
    for (size_t i = 0; i < ARRAY_LEN(OURS); i++) {
        if (OURS[i] == error)
            return true;
    }
    return false;
}

/* What a newer GnuTLS has besides is ours until somebody has looked at it. */
enum { LAST_KNOWN = -430 };

START_TEST(every_error_has_its_side)
{
    static const int MESSAGES[] = {GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HANDSHAKE_CERTIFICATE_PKT,
                                   GNUTLS_HANDSHAKE_CLIENT_KEY_EXCHANGE, GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY,
                                   GNUTLS_HANDSHAKE_FINISHED};
    unsigned n = 0;
    for (int error = -1; error >= -2000; error--) {
        const char *name = gnutls_strerror_name(error);
        if (!name || !gnutls_error_is_fatal(error))
            continue;
        n++;
        bool ours = is_ours(error) || (error < LAST_KNOWN && error != GNUTLS_E_UNIMPLEMENTED_FEATURE);
        ck_assert_msg(alert_known(error) != ours, "%s (%d) is %s", name, error,
                      ours ? "ours and a peer's" : "nobody's");
        bool ever = false;
        for (size_t i = 0; i < ARRAY_LEN(MESSAGES); i++)
            ever = ever || alert_for(error, MESSAGES[i]) != GNUTLS_A_INTERNAL_ERROR;
        ck_assert_msg(ever != ours, "%s (%d): internal_error", name, error);
    }
    ck_assert_uint_gt(n, 150);
}
END_TEST

START_TEST(certificates)
{
    /* Whatever GnuTLS finds in a certificate that it cannot read. */
    for (int error = -1; error >= -2000; error--) {
        if (gnutls_strerror_name(error) && gnutls_error_is_fatal(error) && alert_known(error))
            ck_assert_int_ne(alert_for(error, GNUTLS_HANDSHAKE_CERTIFICATE_PKT), GNUTLS_A_INTERNAL_ERROR);
    }
}
END_TEST

static const struct {
    int error, message, alert;
} CASES[] = {
    {GNUTLS_E_ASN1_TAG_ERROR, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, GNUTLS_A_BAD_CERTIFICATE},
    {GNUTLS_E_ASN1_TAG_ERROR, GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY, GNUTLS_A_DECRYPT_ERROR},
    {GNUTLS_E_ASN1_TAG_ERROR, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_A_DECODE_ERROR},
    {GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_A_ILLEGAL_PARAMETER},
    {GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, GNUTLS_A_UNSUPPORTED_EXTENSION},
    {GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM, GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY,
     GNUTLS_A_ILLEGAL_PARAMETER},
    {GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_A_HANDSHAKE_FAILURE},
    {GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS, GNUTLS_HANDSHAKE_KEY_UPDATE, GNUTLS_A_UNEXPECTED_MESSAGE},
    {GNUTLS_E_MEMORY_ERROR, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, GNUTLS_A_INTERNAL_ERROR},
    {0, 0, GNUTLS_A_INTERNAL_ERROR},
};

START_TEST(by_message)
{
    ck_assert_int_eq(alert_for(CASES[_i].error, CASES[_i].message), CASES[_i].alert);
}
END_TEST

Suite *suite_alerts(void)
{
    Suite *suite = suite_create("alerts");
    TCase *tcase = tcase_create("table");
    tcase_add_test(tcase, every_error_has_its_side);
    tcase_add_test(tcase, certificates);
    tcase_add_loop_test(tcase, by_message, 0, (int)ARRAY_LEN(CASES));
    suite_add_tcase(suite, tcase);
    return suite;
}
