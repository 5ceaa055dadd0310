/* What systemd's own unit says of the server: whom it runs as. Read from the files of the unit, so that it is
 * known also where the service manager does not run, or the service does not. */
#ifndef MTLSD_OS_UNIT_H
#define MTLSD_OS_UNIT_H

#include "config/conf.h"

enum { UNIT_PATH = 4096, UNIT_TEXT = 256 };

struct unit {
    char file[UNIT_PATH];         /* of the last setting of `user`, for messages */
    struct conf_text user, group; /* as written, of `name`; group.text is NULL: the user's own */
    char user_name[UNIT_TEXT], group_name[UNIT_TEXT];
    char conf[UNIT_PATH]; /* the configuration that it starts the server with */
};

/* Finds mtlsd.service with its drop-ins in the folders that systemd looks in, or those of SYSTEMD_UNIT_PATH,
 * parted by colons. `out` points into itself: it stays where it is. `preset` is the configuration of a
 * command line that names none. False: there is no such unit, or it names no user. */
bool unit_find(const char *preset, struct unit *out);

/* True when the unit starts the server with this file. */
bool unit_serves(const struct unit *unit, const char *conf_file);

#endif
