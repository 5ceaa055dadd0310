/* `mtlsd verify --batch`: one question as JSON per line of the input, one verdict per line of the output. */
#ifndef MTLSD_CMD_VERIFY_BATCH_H
#define MTLSD_CMD_VERIFY_BATCH_H

#include <stdio.h>

#include "base/base.h"
#include "config/conf.h"

enum { VERIFY_GOOD = 0, VERIFY_REFUSED = 1, VERIFY_FAULT = 2 };

/* Reads until the end. `form` holds where a line does not say. VERIFY_GOOD when every line could be judged,
 * whatever the verdicts; VERIFY_FAULT else.
 */
int verify_batch(FILE *in, FILE *out, enum certificate_form form);

#endif
