#include "cmd/cmd.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "config/option.h"

static const char USAGE[] =
    "Usage: mtlsd options [--sample | --json | --mdoc]\n"
    "Prints every option of the configuration file: name, default, when a change\n"
    "applies, what it is for, values, and an example.\n"
    "\n"
    "  --sample  the sample configuration file, with every option and its explanation\n"
    "  --json    the table as JSON\n"
    "  --mdoc    the list of the manual mtlsd.conf(5)\n"
    "  --help    this text\n";

enum {
    LINE_MOST = 110,
    TABLE_MOST = 80,
    MDOC_LINE_MOST = 78,
    VALUES_MOST = 3 * OPTION_KIND_TEXT,
    HOST_OPTIONS_TEXT = 1024
};

/* "listen.address"; outside the blocks the name alone. */
static void print_name(FILE *out, const struct option *option, int width)
{
    const char *section = option_section_name(option->section);
    int n = fprintf(out, "%s%s%s", section, *section ? "." : "", option->name);
    fprintf(out, "%*s", n < width ? width - n : 0, "");
}

/* The kind, and its range where there is one. */
static const char *values(const struct option *option, char out[static VALUES_MOST])
{
    char kind[OPTION_KIND_TEXT], range[OPTION_KIND_TEXT];
    option_kind(option, kind);
    option_range(option, range);
    const char *between = !*range ? "" : option->type == OPTION_TEXT ? ", DURATION " : ", ";
    snprintf(out, VALUES_MOST, "%s%s%s", kind, between, range);
    return out;
}

static const char *preset(const struct option *option)
{
    return option->preset ? option->preset : "";
}

static const char *applies(const struct option *option)
{
    return option->flags & OPTION_RESTART ? "restart" : "reload";
}

/* For a terminal of 80 columns. */
static void print_table(FILE *out)
{
    enum { NAME = 29, PRESET = 41 };
    char kind[VALUES_MOST], indent[] = "    ", more[] = "            ";
    fprintf(out, "%-*s%-*s%s\n", NAME, "OPTION", PRESET, "DEFAULT", "APPLIES AT");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *o = &OPTIONS[i];
        print_name(out, o, NAME);
        fprintf(out, "%-*s%s\n%s", PRESET,
                o->flags & OPTION_REQUIRED ? "(needed)"
                : *preset(o)               ? preset(o)
                                           : "-",
                applies(o), indent);
        cmd_wrap(out, o->help, indent, sizeof indent - 1, TABLE_MOST);
        fprintf(out, "%sValues: ", indent);
        cmd_wrap(out, values(o, kind), more, sizeof more - 1, TABLE_MOST);
        fprintf(out, "%sExample: %s = ", indent, o->name);
        cmd_wrap(out, o->example, more, sizeof more + strlen(o->name) + 3, TABLE_MOST);
    }
}

/* A text in a comment of the sample, without its line's prefix. */
static void print_comment(FILE *out, const char *indent, const char *text)
{
    char prefix[16];
    snprintf(prefix, sizeof prefix, "%s# ", indent);
    fputs(prefix, out);
    cmd_wrap(out, text, prefix, strlen(prefix), LINE_MOST);
}

/* `unset`: none of them is set, whatever its row says. */
static void print_sample_options(FILE *out, enum option_section section, const char *indent, bool unset)
{
    bool first = true;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *o = &OPTIONS[i];
        if (o->section != section)
            continue;
        const bool shown = o->flags & OPTION_SAMPLE, set = shown && !unset;
        if (!first)
            fputc('\n', out);
        first = false;
        print_comment(out, indent, o->help);
        /* A word as default says little about a list or file: the example shows the form. */
        fprintf(out, "%s%s%s = %s\n", indent, set ? "" : "#", o->name,
                shown || !o->preset ? o->example : o->preset);
    }
}

/* "certificate, client_auth and crl": what a host block may say. */
static void name_host_options(char *out, size_t size)
{
    size_t last = 0, at = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        last = option_in(&OPTIONS[i], SECTION_HOST) ? i : last;
    *out = '\0';
    for (size_t i = 0; i <= last && at < size; i++) {
        if (option_in(&OPTIONS[i], SECTION_HOST))
            at += (size_t)snprintf(out + at, size - at, "%s%s",
                                   at == 0     ? ""
                                   : i == last ? " and "
                                               : ", ",
                                   OPTIONS[i].name);
    }
}

static void print_sample_host(FILE *out)
{
    char names[HOST_OPTIONS_TEXT], text[HOST_OPTIONS_TEXT + 256];
    name_host_options(names, sizeof names);
    snprintf(text, sizeof text,
             "Another answer to those who ask for this name (SNI), or with \"*.example.org\" for one below "
             "it. It may say %s; what it does not say is the listener's.",
             names);
    fputc('\n', out);
    print_comment(out, "    ", text);
    fputs("    #host \"api.example.org\" {\n        #client_auth = require\n    #}\n", out);
}

static void print_sample(FILE *out)
{
    static const char *const HEAD[] = {
        "mtlsd.conf: the configuration of mtlsd, with every option. A line that begins with # and an "
        "option shows the default, or an example where there is no default. In a folder made by `mtlsd lab "
        "DIR` this file works as it is.",
        "",
        "Names of files are relative to this file's folder. Durations are written 10s, 5m, 1h, 30d, sizes "
        "512, 16k, 1m. A text with other characters than letters, digits and ._:/- stands in quotes; in "
        "double quotes ${NAME} is replaced by that environment variable, and ${NAME:-TEXT} by TEXT where "
        "it is not set. include(\"FILE\") reads another file in its place. `mtlsd check -c FILE` finds "
        "mistakes, mtlsd.conf(5) tells more.",
    };
    for (size_t i = 0; i < ARRAY_LEN(HEAD); i++) {
        if (*HEAD[i])
            print_comment(out, "", HEAD[i]);
        else
            fputs("#\n", out);
    }
    fputc('\n', out);
    print_sample_options(out, SECTION_GLOBAL, "", false);
    fputc('\n', out);
    print_comment(out, "",
                  "Servers of an application. A location that names the block hands requests on to them, "
                  "after its rules have let the client pass.");
    fputs("#backend \"app\" {\n", out);
    print_sample_options(out, SECTION_BACKEND, "    ", true);
    fputs("#}\n\n", out);
    print_comment(
        out, "",
        "A socket to listen on, with its own certificates and its own answer to clients. There may be "
        "several; each has a name of its own, which stands in logs and metrics.");
    fputs("listen \"public\" {\n", out);
    print_sample_options(out, SECTION_LISTEN, "    ", false);
    print_sample_host(out);
    fputs("}\n\n", out);
    print_comment(out, "",
                  "Who may see a path and what lies below it: /secure, /secure/ and /secure/file, but not "
                  "/secured. The longest path that fits rules; /health, /livez and /readyz are open to all.");
    fputs("location \"/secure/\" {\n", out);
    print_sample_options(out, SECTION_LOCATION, "    ", false);
    fputs("}\n", out);
}

static int print_json(FILE *out)
{
    json_t *all = json_array();
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *o = &OPTIONS[i];
        char kind[OPTION_KIND_TEXT];
        json_t *row = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:b, s:b, s:b, s:s, s:s}", "section",
                                option_section_name(o->section), "name", o->name, "kind",
                                option_kind(o, kind), "default", o->preset, "example", o->example, "required",
                                (o->flags & OPTION_REQUIRED) != 0, "list", option_is_list(o), "secret",
                                (o->flags & OPTION_SECRET) != 0, "applies_at", applies(o), "help", o->help);
        if (row && o->min != o->max) {
            char least[OPTION_KIND_TEXT], most[OPTION_KIND_TEXT];
            json_object_set_new(row, "min", json_string(option_number(o, o->min, least)));
            json_object_set_new(row, "max", json_string(option_number(o, o->max, most)));
        }
        json_t *words = row && o->words ? json_array() : NULL;
        for (const struct option_word *w = o->words; words && w->word; w++)
            json_array_append_new(words, json_string(w->word));
        if (words)
            json_object_set_new(row, "words", words);
        if (!row || json_array_append_new(all, row) != 0) {
            json_decref(all);
            return -1;
        }
    }
    int rc = json_dumpf(all, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    fputc('\n', out);
    json_decref(all);
    return rc;
}

/* Each sentence of a text on lines of its own, as mdoc wants it. The table's texts begin no word with a dot
 * or quote and have no backslash, which would be macros and escapes. */
static void print_mdoc_text(FILE *out, const char *text)
{
    char sentence[512];
    while (*text) {
        const char *end = text;
        while (*end && !(end[0] == '.' && end[1] == ' ' && isupper((unsigned char)end[2])))
            end++;
        size_t n = (size_t)(end - text) + (*end ? 1 : 0);
        snprintf(sentence, sizeof sentence, "%.*s", (int)n, text);
        cmd_wrap(out, sentence, "", 0, MDOC_LINE_MOST);
        text += n + strspn(text + n, " ");
    }
}

/* In a macro's line, quotes would join words and vanish. */
static void print_mdoc_quoted(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '"')
            fputs("\\(dq", out);
        else
            fputc(*text, out);
    }
}

static void print_mdoc_option(FILE *out, const struct option *o)
{
    char text[VALUES_MOST];
    fprintf(out, ".It Ic %s\n", o->name);
    print_mdoc_text(out, o->help);
    fprintf(out, ".br\nValues: %s%s.\n", values(o, text),
            option_is_list(o) ? " in braces, separated by commas" : "");
    if (o->flags & OPTION_REQUIRED)
        fputs("It must be given.\n", out);
    else if (o->preset)
        fprintf(out, "Default:\n.Ql %s .\n", o->preset);
    else
        fputs("There is no default.\n", out);
    if (o->type == OPTION_WORD) {
        for (const struct option_word *w = o->words; w->word; w++) {
            if (option_word(o, w->value) != w->word)
                fprintf(out, ".Ql %s\nis the same as\n.Ql %s .\n", w->word, option_word(o, w->value));
        }
    }
    fprintf(out, "Applies at a %s.\n", applies(o));
    fprintf(out, "Example:\n.Dl %s = ", o->name);
    print_mdoc_quoted(out, o->example);
    fputc('\n', out);
}

static void print_mdoc(FILE *out)
{
    static const char *const TITLES[SECTION_COUNT] = {
        [SECTION_GLOBAL] = "Options outside the blocks",
        [SECTION_BACKEND] = "Options of a backend block",
        [SECTION_LISTEN] = "Options of a listen block",
        [SECTION_LOCATION] = "Options of a location block",
    };
    char names[HOST_OPTIONS_TEXT], text[HOST_OPTIONS_TEXT + 1];
    fputs(".\\\" Made by `mtlsd options --mdoc`.\n", out);
    for (enum option_section s = SECTION_GLOBAL; s < SECTION_COUNT; s++) {
        if (s == SECTION_HOST) {
            name_host_options(names, sizeof names);
            snprintf(text, sizeof text, "%s.", names);
            fputs(".Ss Options of a host block\nThose of its listener that may differ for one name:\n", out);
            cmd_wrap(out, text, "", 0, MDOC_LINE_MOST);
            continue;
        }
        fprintf(out, ".Ss %s\n.Bl -tag -width Ds\n", TITLES[s]);
        for (size_t i = 0; i < OPTION_COUNT; i++) {
            if (OPTIONS[i].section == s)
                print_mdoc_option(out, &OPTIONS[i]);
        }
        fputs(".El\n", out);
    }
}

int cmd_options(int argc, char **argv)
{
    enum { TABLE, SAMPLE = 's', JSON = 'j', MDOC = 'm', HELP = 'h' };
    static const struct option_word FORMS[] = {
        {"sample", SAMPLE}, {"json", JSON}, {"mdoc", MDOC}, {"help", HELP}};
    int form = TABLE;
    for (int i = 1; i < argc; i++) {
        int asked = TABLE;
        for (size_t j = 0; j < ARRAY_LEN(FORMS); j++) {
            if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, FORMS[j].word) == 0)
                asked = FORMS[j].value;
        }
        if (asked == TABLE || (form != TABLE && asked != HELP)) {
            fprintf(stderr, "mtlsd options: %s '%s'\n",
                    asked == TABLE ? "unknown argument" : "one of these only, not also", argv[i]);
            return cmd_see_help("mtlsd options");
        }
        form = form == HELP ? HELP : asked;
    }
    int rc = 0;
    if (form == HELP)
        fputs(USAGE, stdout);
    else if (form == SAMPLE)
        print_sample(stdout);
    else if (form == JSON)
        rc = print_json(stdout);
    else if (form == MDOC)
        print_mdoc(stdout);
    else
        print_table(stdout);
    if (rc != 0 || fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "mtlsd options: cannot write\n");
        return 1;
    }
    return 0;
}
