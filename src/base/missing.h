/* What may have been meant by the name of a file that is not there, and what to do about one that may not be
 * read. */
#ifndef MTLSD_BASE_MISSING_H
#define MTLSD_BASE_MISSING_H

#include "base/base.h"

enum { MISSING_HINT = 256 };

/* What goes behind "PATH: No such file or directory": "; did you mean root.crt, in the same folder?", which
 * files of that kind its folder has, that there is no such folder, or nothing. Looks at a bounded number of
 * names. */
const char *missing_hint(const char *path, char out[static MISSING_HINT]);
/* What goes behind "PATH: Permission denied": which folder on the way this user cannot pass, or that it
 * cannot read the file, with the remedy; nothing where rights are not the reason, as in a sandbox. */
const char *denied_hint(const char *path, char out[static MISSING_HINT]);

#endif
