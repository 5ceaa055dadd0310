/* The files and folders that a configuration names, found through the table of options: for whoever has to
 * know them all (what to watch, what the sandbox leaves open, what an unprivileged user must be able to
 * read). */
#ifndef MTLSD_CONFIG_CONF_PATHS_H
#define MTLSD_CONFIG_CONF_PATHS_H

#include "config/conf.h"
#include "config/option.h"

/* One of them. `option` is NULL for the configuration's own files, which are read; its flags say whether the
 * path is a folder and whether it is written. Another result than 0 ends the walk. */
typedef int conf_path_fn(void *cls, const struct option *option, const struct conf_text *path);

/* Calls `fn` for the configuration's own files and for each path of each option, in the order of the table.
 * URIs of tokens and words such as "stdout" are no paths, and what is OPTION_KEPT is left out. 0, or what
 * `fn` returned. */
int conf_paths(const struct conf *conf, conf_path_fn *fn, void *cls);

/* True when a certificate, key or CA is in a PKCS#11 token. */
bool conf_uses_tokens(const struct conf *conf);

#endif
