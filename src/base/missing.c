#include "base/missing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/text.h"

enum { LOOKED_MOST = 4096, NAMES_MOST = 512, LISTED_MOST = 5, NAME_MOST = 48, FOLDER_MOST = 100 };

/* By what it is called; PKI: any of the others, but OTHER. */
enum kind { KIND_OTHER, KIND_PKI, KIND_CERTIFICATE, KIND_KEY, KIND_CRL };

/* What else a file of that purpose is called. */
static const char *const PURPOSES[][10] = {
    {"ca", "root", "rootca", "root-ca", "root_ca", "cacert", "ca-cert", "ca_cert", "clients-ca", "client-ca"},
    {"server", "tls", "fullchain", "cert", "certificate", "server-cert", "chain"},
    {"server", "tls", "privkey", "key", "private", "server-key", "private-key"},
};

static const char *suffix_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name ? dot : name + strlen(name);
}

static enum kind kind_of(const char *name)
{
    static const struct {
        const char *suffix;
        enum kind kind;
    } KINDS[] = {{".crt", KIND_CERTIFICATE}, {".cer", KIND_CERTIFICATE}, {".key", KIND_KEY},
                 {".crl", KIND_CRL},         {".pem", KIND_PKI},         {".der", KIND_PKI},
                 {".p12", KIND_PKI},         {".pfx", KIND_PKI}};
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if (strcasecmp(suffix_of(name), KINDS[i].suffix) == 0)
            return KINDS[i].kind == KIND_PKI && strcasestr(name, "key") ? KIND_KEY : KINDS[i].kind;
    }
    return KIND_OTHER;
}

/* Others, such as hidden files and what an editor leaves behind, nobody means; nor what a terminal would not
 * show as it is. */
static bool is_ordinary(const char *name)
{
    size_t n = 0;
    while (name[n] > ' ' && name[n] < 0x7f)
        n++;
    return name[0] != '.' && name[n] == '\0' && n <= NAME_MOST && name[n - 1] != '~';
}

/* Those with the suffix of `wanted` first, each by name. */
static int by_likeness(const void *a, const void *b, void *wanted)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b, *suffix = suffix_of(wanted);
    const bool x_like = strcasecmp(suffix_of(x), suffix) == 0, y_like = strcasecmp(suffix_of(y), suffix) == 0;
    return x_like != y_like ? y_like - x_like : strcmp(x, y);
}

/* Whether a file may be meant where another is wanted; a key only where one is. */
static bool may_stand_for(const char *name, const char *wanted)
{
    const enum kind its = kind_of(name), kind = kind_of(wanted);
    if (its == KIND_OTHER || kind == KIND_OTHER)
        return strcasecmp(suffix_of(name), suffix_of(wanted)) == 0;
    return its == kind || its == KIND_PKI || (kind == KIND_PKI && its != KIND_KEY);
}

/* The names in a folder that could stand in place of `wanted`, the caller's to free; how many. */
static size_t read_names(DIR *folder, char *wanted, char *name[static NAMES_MOST])
{
    size_t n = 0, looked = 0;
    const struct dirent *entry;
    // cppcheck-suppress readdirCalled ; a stream of its own
    for (; n < NAMES_MOST && looked < LOOKED_MOST && (entry = readdir(folder)) != NULL; looked++) {
        if (entry->d_type == DT_DIR || !is_ordinary(entry->d_name) || !may_stand_for(entry->d_name, wanted))
            continue;
        name[n] = strdup(entry->d_name);
        if (!name[n])
            break;
        n++;
    }
    qsort_r(name, n, sizeof *name, by_likeness, wanted);
    return n;
}

/* What differs by a few letters before its suffix. */
static const char *find_near(const char *wanted, char *const *name, size_t n)
{
    char stem[NAME_MOST + 1], *stems[NAMES_MOST];
    const char *found = NULL;
    size_t made = 0, i = 0;
    for (; made < n; made++) {
        stems[made] = strndup(name[made], (size_t)(suffix_of(name[made]) - name[made]));
        if (!stems[made])
            break;
    }
    const size_t len = (size_t)(suffix_of(wanted) - wanted);
    snprintf(stem, sizeof stem, "%.*s", (int)len, wanted);
    const char *near = len < sizeof stem ? text_nearest(stem, (const char *const *)stems, made) : NULL;
    while (near && i < made && stems[i] != near)
        i++;
    found = near && i < made ? name[i] : NULL;
    while (made > 0)
        free(stems[--made]);
    return found;
}

static bool is_stem(const char *name, const char *stem)
{
    const size_t n = strlen(stem);
    return strncasecmp(name, stem, n) == 0 && (name[n] == '.' || name[n] == '\0');
}

static bool has_purpose(const char *name, const char *const *stem, size_t n)
{
    size_t i = 0;
    while (i < n && stem[i] && !is_stem(name, stem[i]))
        i++;
    return i < n && stem[i];
}

/* One of another name for the same thing. */
static const char *find_purpose(const char *wanted, char *const *name, size_t n)
{
    for (size_t p = 0; p < ARRAY_LEN(PURPOSES); p++) {
        if (!has_purpose(wanted, PURPOSES[p], ARRAY_LEN(PURPOSES[p])))
            continue;
        for (size_t i = 0; i < n; i++) {
            if (has_purpose(name[i], PURPOSES[p], ARRAY_LEN(PURPOSES[p])))
                return name[i];
        }
    }
    return NULL;
}

static void say(const char *wanted, char *const *name, size_t n, char out[static MISSING_HINT])
{
    const char *near = find_near(wanted, name, n);
    if (!near && kind_of(wanted) != KIND_CRL)
        near = find_purpose(wanted, name, n);
    if (near) {
        snprintf(out, MISSING_HINT, "; did you mean %s, in the same folder?", near);
    } else if (n > 0 && n <= LISTED_MOST && *suffix_of(wanted)) {
        int used = snprintf(out, MISSING_HINT, "; its folder has ");
        for (size_t i = 0; i < n && used < MISSING_HINT; i++)
            used += snprintf(out + used, (size_t)(MISSING_HINT - used), "%s%s", i > 0 ? ", " : "", name[i]);
    }
}

const char *missing_hint(const char *path, char out[static MISSING_HINT])
{
    const char *slash = strrchr(path, '/');
    char *wanted = strdup(slash ? slash + 1 : path);
    char *where = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    DIR *folder = where && wanted ? opendir(where) : NULL;
    out[0] = '\0';
    if (folder) {
        char *name[NAMES_MOST];
        const size_t n = read_names(folder, wanted, name);
        say(wanted, name, n, out);
        for (size_t i = 0; i < n; i++)
            free(name[i]);
        closedir(folder);
    } else if (where && errno == ENOENT && strlen(where) <= FOLDER_MOST) {
        snprintf(out, MISSING_HINT, "; there is no folder %s", where);
    }
    free(where);
    free(wanted);
    return out;
}

/* access(2) asks with the real ids; this one with those that opening a file counts with. */
static bool may(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0 || errno != EACCES;
}

const char *denied_hint(const char *path, char out[static MISSING_HINT])
{
    out[0] = '\0';
    for (const char *slash = path; (slash = strchr(slash + 1, '/')) != NULL && !out[0];) {
        char *folder = strndup(path, (size_t)(slash - path));
        if (folder && !may(folder, X_OK) && strlen(folder) <= FOLDER_MOST)
            snprintf(
                out, MISSING_HINT,
                "; this user cannot pass the folder %s: let a group of its own pass it (chgrp, chmod g+x)",
                folder);
        free(folder);
    }
    if (!out[0] && !may(path, R_OK))
        snprintf(
            out, MISSING_HINT,
            "; run it as root or as whom the file belongs to, or let a group of this user read it (chgrp, "
            "chmod g+r)");
    return out;
}
