/* The verdict codes, from their one table (verdict.def). */
#ifndef MTLSD_PKI_VERDICT_CODE_H
#define MTLSD_PKI_VERDICT_CODE_H

#include <gnutls/gnutls.h>

#include "config/conf.h"

/* Rows in order of how much they matter: the alert of a refused handshake is that of the first row among the
 * errors. */
enum verdict_code {
#define VERDICT(name, code, alert, standard, strict, help) VERDICT_##name,
#include "pki/verdict.def"
#undef VERDICT
    VERDICT_CODE_COUNT
};

enum verdict_severity { VERDICT_ERROR, VERDICT_WARNING };

struct verdict_row {
    const char *code;
    gnutls_alert_description_t alert;
    enum verdict_severity severity[2]; /* by enum certificate_form */
    const char *help;
};
extern const struct verdict_row VERDICT_ROWS[VERDICT_CODE_COUNT];

#endif
