/* A practice PKI in a folder: see `mtlsd lab` in the manual for the names and what each client is for. */
#ifndef MTLSD_PKI_LAB_H
#define MTLSD_PKI_LAB_H

#include <time.h>

#include "base/err.h"

enum lab_key { LAB_KEY_ECDSA, LAB_KEY_RSA, LAB_KEY_ED25519 };

struct lab_options {
    const char *dir;
    enum lab_key key;
    bool force; /* overwrite what the lab itself made; without it an existing file is ERR_EXISTS before
                   anything is written */
    time_t now;
    const char *document_root; /* what the lab's mtlsd.conf names; NULL: a www/ is not configured */
};

/* 0, or ERR_EXISTS, ERR_IO, ERR_DENIED, ERR_CRYPTO. What was written before a failure stays. */
MUST_CHECK int lab_make(const struct lab_options *options, struct err *err);

#endif
