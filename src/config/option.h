/* The one table of options. A row says all there is to say about an option; parsing (conf.c), `mtlsd
 * options`, the sample file, the manual's list and the shell completions are loops over it. To add an option:
 * a field in conf.h and a row in option.c. */
#ifndef MTLSD_CONFIG_OPTION_H
#define MTLSD_CONFIG_OPTION_H

#include "base/base.h"

enum option_section {
    SECTION_GLOBAL,
    SECTION_BACKEND,
    SECTION_LISTEN,
    SECTION_HOST,
    SECTION_LOCATION,
    SECTION_COUNT
};
enum option_type {
    OPTION_BOOL,     /* bool: on | off (yes, no, true, false) */
    OPTION_NUMBER,   /* long long in [min, max] */
    OPTION_SIZE,     /* long long bytes: 512, 16k, 1m */
    OPTION_DURATION, /* long long seconds: 10s, 5m, 1h, 30d */
    OPTION_WORD,     /* int: one of `words` */
    OPTION_TEXT,     /* struct conf_text */
    OPTION_PATH,     /* struct conf_text, joined to the configuration's folder */
    OPTION_PATHS,    /* struct conf_list of such */
    OPTION_TEXTS,    /* struct conf_list, as written */
    OPTION_WORDS,    /* unsigned: a list of `words`, whose values are bits */
};
enum option_flag {
    OPTION_RESTART = 1,  /* a reload does not apply it (default: a reload does) */
    OPTION_SECRET = 2,   /* names key material: never shown */
    OPTION_REQUIRED = 4, /* a section without it is an error */
    OPTION_SAMPLE = 8,   /* the sample file sets it, to its example; the others stand there as comments */
    OPTION_FOLDER = 16,  /* PATH, PATHS: a folder with all that is below it; otherwise a file */
    OPTION_WRITTEN = 32, /* PATH, PATHS: the server writes there; otherwise it only reads */
    OPTION_KEPT = 64,    /* PATH: opened once, at the start, and kept: nobody has to leave the place open */
    OPTION_HOST = 128,   /* of a listener: may stand in a host block in it, too */
};

struct option_word {
    const char *word;
    int value; /* aliases share a value; the first word of a value is its name */
};

struct option {
    enum option_section section;
    const char *name;
    enum option_type type;
    size_t offset;                   /* in struct conf, conf_backend, conf_listener or conf_location */
    const char *preset;              /* default as one would write it, NULL: none */
    long long min, max;              /* NUMBER, SIZE, DURATION */
    const struct option_word *words; /* WORD, WORDS: ended by {NULL, 0} */
    const char
        *also; /* PATH, TEXT: words besides a path, for people: "off | stdout | stderr | syslog", or NULL */
    unsigned flags;
    const char *help; /* one line */
    const char
        *example; /* as one would write it in the file, right of `=`; what it is good for, not the default */
};

enum { OPTION_MOST = 128 }; /* OPTION_COUNT is not more */
extern const struct option OPTIONS[];
extern const size_t OPTION_COUNT;

/* "number", "duration", "on | off", "off | request | ..."; written to out. Returns out. */
enum { OPTION_KIND_TEXT = 160 };
const char *option_kind(const struct option *option, char out[static OPTION_KIND_TEXT]);
/* "0 to 1024", "1s to 5m"; "" for types without a range. Returns out. */
const char *option_range(const struct option *option, char out[static OPTION_KIND_TEXT]);
/* A number of this option's type as one would write it: "4", "16k", "5m". Returns out. */
const char *option_number(const struct option *option, long long value, char out[static OPTION_KIND_TEXT]);
const char *
option_section_name(enum option_section section); /* "", "backend", "listen", "host", "location" */
bool option_is_list(const struct option *option);

/* Whether it may stand in such a block. Those of a host are rows of the listener. */
static inline bool option_in(const struct option *option, enum option_section section)
{
    return option->section == section || (section == SECTION_HOST && (option->flags & OPTION_HOST));
}

/* The row of that name, or NULL. */
const struct option *option_find(enum option_section section, const char *name);
/* True when `text` is one of the words in `also` (before any ':' of a word such as "grace:DURATION"). */
bool option_also(const struct option *option, const char *text);
/* The name of a value of a WORD; NULL when there is none. */
const char *option_word(const struct option *option, int value);

#endif
