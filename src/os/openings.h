/* What the sandbox leaves open of the file system, as folders: of a file the one that it lies in, because a
 * file that is replaced by renaming is another file; of a folder that is read also the one above, because it
 * may be replaced likewise; and of each symbolic link on the way the folder that its target lies in, so that
 * the link may be turned to a neighbour (`current -> releases/2`). For a neighbour's sake no folder of many
 * things is opened, such as /srv or a home, nor one in which the configuration has something of another kind:
 * a document root's parent stays closed when keys or logs lie in it, a log's when something is read there. A
 * rule cannot be added later; a helper outside that hands descriptors in could not serve a folder either,
 * whose files the kernel judges one by one when they are opened. */
#ifndef MTLSD_OS_OPENINGS_H
#define MTLSD_OS_OPENINGS_H

#include "config/conf.h"
#include "config/option.h"
#include "os/fence.h"

struct opening {
    char *path; /* as it really is */
    unsigned long long device, inode;
    enum fence_use use;
};

struct openings {
    struct opening *item;
    size_t n, room;
};

/* Those of a configuration's paths, as they are now; in a zeroed struct. ERR_NOMEM. */
MUST_CHECK int openings_collect(const struct conf *conf, struct openings *out, struct err *err);
void openings_done(struct openings *openings);

/* Whether one of them has the path, which may be not there yet, in it for what the option does with it, now:
 * a folder that was made anew is another one, whatever its name. Also true when that cannot be told. */
bool openings_have(const struct openings *openings, const struct option *option, const char *path);

/* A folder of many things besides this server's, by its real path. */
bool openings_wide(const char *folder);
bool openings_beneath(const char *path, const char *folder);
/* The folder that the path's last name lies in. NULL: no memory. */
char *openings_folder(const char *path);
/* Where a file really is, or, when it is not there yet, where its folder is; NULL: that cannot be told. */
char *openings_place(const char *path);

#endif
