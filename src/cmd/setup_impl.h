/* Between the parts of `mtlsd setup`: the command line (setup.c) and what it writes (setup_files.c). */
#ifndef MTLSD_CMD_SETUP_IMPL_H
#define MTLSD_CMD_SETUP_IMPL_H

#include <limits.h>
#include <sys/types.h>

#include "base/base.h"
#include "os/unit.h"

enum { SETUP_FILES = 16, SETUP_KINDS = 4, SETUP_PLACE = PATH_MAX };
enum setup_kind { SETUP_CERTIFICATE, SETUP_CLIENT_CA, SETUP_CRL, SETUP_PASSWORD };

struct setup {
    struct {
        const char *file[SETUP_FILES];
        size_t n;
    } kind[SETUP_KINDS];    /* keys are among the certificates: the option takes them in any order */
    bool practice, service; /* mtlsd.service starts the server with this configuration */
    const char *address, *document_root, *user;
    const char *backend[SETUP_FILES]; /* servers of the application behind it */
    size_t n_backend;
    char dir[SETUP_PLACE];
    bool root, made_dir; /* the caller is root; the folder is this run's own */
    gid_t gid;
    char reader[UNIT_TEXT]; /* whom the files are for: the server's user, when root calls */
    char made[SETUP_KINDS * SETUP_FILES + 1][SETUP_PLACE];
    size_t n_made;
};

/* Says what failed, and is -1. */
int setup_fail(const char *what, const char *why);
const char *setup_base_name(const char *file);
/* DIR/NAME; 0 or -1. */
MUST_CHECK int setup_place(const struct setup *s, const char *name, char out[static SETUP_PLACE]);

/* Each: 0, or -1 when it has said why. What was made before a failure is setup_undo's. */
MUST_CHECK int setup_make_folder(struct setup *s);
MUST_CHECK int setup_make_own(struct setup *s);
MUST_CHECK int setup_make_practice(const struct setup *s, const char *conf_file);
void setup_undo(const struct setup *s);

#endif
