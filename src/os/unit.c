#include "os/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first has precedence: systemd.unit(5). */
static const char FOLDERS[] = "/etc/systemd/system:/run/systemd/system:/usr/local/lib/systemd/system:"
                              "/usr/lib/systemd/system:/lib/systemd/system";
static const char NAME[] = "mtlsd.service", BLANKS[] = " \t\r\n";
enum { FOLDERS_MOST = 16, LINE_MOST = 4096, DROP_INS_MOST = 64 };

struct folders {
    char text[UNIT_PATH];
    const char *folder[FOLDERS_MOST];
    size_t n;
};

static void find_folders(struct folders *out)
{
    const char *own = getenv("SYSTEMD_UNIT_PATH");
    char *rest = NULL;
    snprintf(out->text, sizeof out->text, "%s", own && *own ? own : FOLDERS);
    out->n = 0;
    for (char *folder = strtok_r(out->text, ":", &rest); folder && out->n < FOLDERS_MOST;
         folder = strtok_r(NULL, ":", &rest))
        out->folder[out->n++] = folder;
}

/* Without blanks at either end, and in place. */
static char *trim(char *text)
{
    text += strspn(text, BLANKS);
    size_t n = strlen(text);
    while (n > 0 && strchr(BLANKS, text[n - 1]))
        text[--n] = '\0';
    return text;
}

/* The -c of a command line; systemd's quotes are taken off. */
static void take_command(struct unit *unit, char *command)
{
    char *rest = NULL;
    bool next = false;
    for (char *word = strtok_r(command, BLANKS, &rest); word; word = strtok_r(NULL, BLANKS, &rest)) {
        word += *word == '"' || *word == '\'';
        word[strcspn(word, "\"'")] = '\0';
        const char *value = next                                     ? word
                            : strncmp(word, "--config=", 9) == 0     ? word + 9
                            : strncmp(word, "-c", 2) == 0 && word[2] ? word + 2
                                                                     : NULL;
        if (value)
            snprintf(unit->conf, sizeof unit->conf, "%s", value);
        next = strcmp(word, "-c") == 0 || strcmp(word, "--config") == 0;
    }
}

static void take_line(struct unit *unit, const char *file, unsigned line, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals)
        return;
    *equals = '\0';
    const char *name = trim(text);
    char *value = trim(equals + 1);
    if (strcmp(name, "User") == 0) {
        snprintf(unit->file, sizeof unit->file, "%s", file);
        snprintf(unit->user_name, sizeof unit->user_name, "%s", value);
        unit->user.src.line = line;
    } else if (strcmp(name, "Group") == 0) {
        snprintf(unit->group_name, sizeof unit->group_name, "%s", value);
        unit->group.src.line = line;
    } else if (strcmp(name, "ExecStart") == 0) {
        take_command(unit, value);
    }
}

static bool read_unit(struct unit *unit, const char *path)
{
    char text[LINE_MOST];
    bool service = false;
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    for (unsigned line = 1; fgets(text, sizeof text, file); line++) {
        char *start = trim(text);
        if (*start == '[')
            service = strcmp(start, "[Service]") == 0;
        else if (service && *start != '#' && *start != ';')
            take_line(unit, path, line, start);
    }
    fclose(file);
    return true;
}

static int is_drop_in(const struct dirent *entry)
{
    const size_t n = strlen(entry->d_name);
    return n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

static void read_drop_ins(struct unit *unit, const char *folder)
{
    char path[UNIT_PATH];
    struct dirent **entry = NULL;
    snprintf(path, sizeof path, "%s/%s.d", folder, NAME);
    const int n = scandir(path, &entry, is_drop_in, alphasort);
    for (int i = 0; i < n; i++) {
        if (i < DROP_INS_MOST &&
            snprintf(path, sizeof path, "%s/%s.d/%s", folder, NAME, entry[i]->d_name) < (int)sizeof path)
            (void)!read_unit(unit, path);
        free(entry[i]);
    }
    free(entry);
}

bool unit_find(const char *preset, struct unit *out)
{
    struct folders folders;
    char path[UNIT_PATH];
    bool found = false;
    memset(out, 0, sizeof *out);
    snprintf(out->conf, sizeof out->conf, "%s", preset);
    find_folders(&folders);
    for (size_t i = 0; i < folders.n && !found; i++) {
        if (snprintf(path, sizeof path, "%s/%s", folders.folder[i], NAME) < (int)sizeof path)
            found = read_unit(out, path);
    }
    for (size_t i = folders.n; found && i-- > 0;)
        read_drop_ins(out, folders.folder[i]);
    if (!found || !out->user_name[0])
        return false;
    out->user = (struct conf_text){.text = out->user_name, .src = {out->file, out->user.src.line}};
    out->group = (struct conf_text){.text = out->group_name[0] ? out->group_name : NULL,
                                    .src = {out->file, out->group.src.line}};
    return true;
}

bool unit_serves(const struct unit *unit, const char *conf_file)
{
    char *mine = realpath(conf_file, NULL), *its = realpath(unit->conf, NULL);
    const bool same = mine && its ? strcmp(mine, its) == 0 : strcmp(conf_file, unit->conf) == 0;
    free(mine);
    free(its);
    return same;
}
