#include "os/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/conf_paths.h"

/* With the ids that opening a file counts with. */
static bool may(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

static void folder_of(const char *path, char out[static 4096])
{
    const char *slash = strrchr(path, '/');
    if (slash)
        snprintf(out, 4096, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    else
        snprintf(out, 4096, ".");
}

void places_check_log(const char *option, const struct conf_text *path, bool rights, struct diag *diag)
{
    const char *file = path->text;
    char folder[4096];
    struct stat st;
    folder_of(file, folder);
    if (stat(file, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            diag_error(diag, path->src, "%s: %s is a folder: write the name of a file in it", option, file);
        else if (rights && !may(file, W_OK))
            diag_error(diag, path->src,
                       "%s: cannot write %s: %s: let the file belong to whom the server runs as", option,
                       file, strerror(errno));
    } else if (errno == ENOENT && stat(folder, &st) == 0) {
        if (rights && !may(folder, W_OK | X_OK))
            diag_error(diag, path->src,
                       "%s: cannot create %s: %s: let the folder %s belong to whom the server runs as",
                       option, file, strerror(errno), folder);
    } else if (errno == ENOENT) {
        diag_error(diag, path->src, "%s: cannot create %s, for the folder %s is not there: mkdir -p %s",
                   option, file, folder, folder);
    } else if (errno != EACCES || rights) {
        diag_error(diag, path->src,
                   "%s: cannot open %s: %s: name a file in a folder that the server may write", option, file,
                   strerror(errno));
    }
}

struct looking {
    bool rights;
    struct diag *diag;
};

static int check_log(void *cls, const struct option *option, const struct conf_text *path)
{
    const struct looking *to = cls;
    if (option && (option->flags & OPTION_WRITTEN) && !(option->flags & OPTION_FOLDER))
        places_check_log(option->name, path, to->rights, to->diag);
    return 0;
}

void places_check_logs(const struct conf *conf, bool rights, struct diag *diag)
{
    struct looking to = {rights, diag};
    (void)conf_paths(conf, check_log, &to);
}

static int lint(void *cls, const struct option *option, const struct conf_text *path)
{
    struct diag *diag = cls;
    struct stat st;
    /* A folder that is only read is opened by whoever serves from it, who says so. */
    const unsigned kept = OPTION_WRITTEN | OPTION_FOLDER;
    if (option && (option->flags & kept) == kept && stat(path->text, &st) != 0 && errno != EACCES)
        diag_warning(diag, path->src,
                     "%s: %s is not there, so that the sandbox does not open it, also when it comes later: "
                     "make it before the start, or leave it out",
                     option->name, path->text);
    /* Keys among the certificates are found by what is in the files: creds_lint. */
    if (option && (option->flags & OPTION_SECRET) && option->type == OPTION_PATH &&
        stat(path->text, &st) == 0 && (st.st_mode & S_IROTH) != 0)
        diag_warning(diag, path->src, "%s: the secret in %s can be read by everybody: chmod o-r %s",
                     option->name, path->text, path->text);
    return 0;
}

/* What has no key in it may be served: a certificate, a CA. Only the first octets are looked at. */
static bool holds_secret(const char *path)
{
    static const char PEM[] = "-----BEGIN", KEY[] = "PRIVATE KEY-----";
    char start[64 * 1024];
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(start, 1, sizeof start, file) : 0;
    if (file)
        fclose(file);
    bool secret = n > 0 && (memmem(start, n, PEM, sizeof PEM - 1) == NULL ||
                            memmem(start, n, KEY, sizeof KEY - 1) != NULL);
    explicit_bzero(start, sizeof start);
    return secret;
}

struct served {
    const char *root; /* resolved, without a slash at its end */
    struct diag *diag;
};

static int lint_served(void *cls, const struct option *option, const struct conf_text *path)
{
    const struct served *served = cls;
    const size_t n = strlen(served->root);
    if (!option || !(option->flags & OPTION_SECRET))
        return 0;
    char *place = realpath(path->text, NULL);
    if (place && strncmp(place, served->root, n) == 0 && place[n] == '/' &&
        (option->type == OPTION_PATH || holds_secret(place)))
        diag_warning(served->diag, path->src,
                     "%s: %s lies in the document root, so whoever asks for it gets the secret: move it, or "
                     "serve another folder",
                     option->name, path->text);
    free(place);
    return 0;
}

static void lint_pid_file(const struct conf_text *path, struct diag *diag)
{
    char folder[4096];
    struct stat st;
    if (!path->text)
        return;
    folder_of(path->text, folder);
    if (stat(folder, &st) != 0 && errno != EACCES)
        diag_warning(
            diag, path->src,
            "pid_file: the folder %s is not there, so that `mtlsd reload` would not find the server: "
            "mkdir -p %s",
            folder, folder);
}

void places_lint(const struct conf *conf, struct diag *diag)
{
    (void)conf_paths(conf, lint, diag);
    lint_pid_file(&conf->pid_file, diag);
    char *root = conf->document_root.text ? realpath(conf->document_root.text, NULL) : NULL;
    if (root) {
        struct served served = {strcmp(root, "/") == 0 ? "" : root, diag};
        (void)conf_paths(conf, lint_served, &served);
    }
    free(root);
}
