/* A trust out of files that a command line names: `verify` and `probe`. */
#ifndef MTLSD_CMD_TRUST_FILES_H
#define MTLSD_CMD_TRUST_FILES_H

#include "pki/trust.h"

struct trust_files {
    const char *const *ca;
    size_t n_ca; /* 0 with `system`: the system's store */
    const char *const *crl;
    size_t n_crl;
    unsigned depth; /* most intermediates */
    enum certificate_form form;
    bool system;
};

/* "standard" or "strict"; false when it is another word. */
bool trust_parse_form(const char *word, enum certificate_form *out);

/* 0 and *out with one reference, or negative with the file and what is wrong with it. */
MUST_CHECK int trust_from_files(const struct trust_files *files, struct trust **out, struct err *err);

#endif
