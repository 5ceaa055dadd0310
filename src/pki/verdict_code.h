/* The verdict codes, from their one table (verdict.def). */
#ifndef MTLSD_PKI_VERDICT_CODE_H
#define MTLSD_PKI_VERDICT_CODE_H

#include <gnutls/gnutls.h>

#include "config/conf.h"

/* Rows in order of how much they matter: the alert of a refused handshake is that of the first row among the
 * errors. */
enum verdict_code {
#define VERDICT(name, code, title, alert, standard, strict, check, help) VERDICT_##name,
#include "pki/verdict.def"
#undef VERDICT
    VERDICT_CODE_COUNT
};

enum verdict_severity { VERDICT_ERROR, VERDICT_WARNING };

/* What is asked of a certificate, in the words of people; each code belongs to one. */
enum check {
    CHECK_POSSESSION, /* its key signed: the handshake's to say, no code of a chain */
    CHECK_TRUSTED,
    CHECK_EXPIRED,
    CHECK_REVOKED,
    CHECK_NAME, /* of a server */
    CHECK_FIT,
    CHECK_COUNT
};

struct verdict_row {
    const char *code;
    const char *title; /* the code, for people */
    gnutls_alert_description_t alert;
    enum verdict_severity severity[2]; /* by enum certificate_form */
    enum check check;
    const char *help;
};
extern const struct verdict_row VERDICT_ROWS[VERDICT_CODE_COUNT];

#endif
