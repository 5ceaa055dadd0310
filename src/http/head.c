#include "http/head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/list.h"

static const struct {
    const char *name;
    size_t len;
} LISTS[HTTP1_LISTS] = {
    {"Accept", 6}, {"If-Match", 8}, {"Connection", 10}, {"If-None-Match", 13}, {"Accept-Encoding", 15},
};

void http1_head_done(struct http1_head *head)
{
    free(head->bytes);
    free(head->field);
    for (size_t i = 0; i < HTTP1_LISTS; i++)
        free(head->joined[i]);
    *head = (struct http1_head){0};
}

enum { KEPT_BYTES = 1024, KEPT_FIELDS = 32 };

void http1_head_clear(struct http1_head *head)
{
    struct http1_head kept = {0};
    if (head->room <= KEPT_BYTES && head->field_room <= KEPT_FIELDS) {
        kept.bytes = head->bytes;
        kept.room = head->room;
        kept.field = head->field;
        kept.field_room = head->field_room;
        head->bytes = NULL;
        head->field = NULL;
    }
    http1_head_done(head);
    *head = kept;
}

int http1_head_put(struct http1_head *head, const char *bytes, size_t len)
{
    /* What came is in use: nothing may move it. */
    if (head->whole)
        return ERR_RANGE;
    if (head->len + len + 1 > head->room) {
        /* Nearly every head comes whole, and needs no more; one in pieces grows by halves. */
        size_t room = head->len + len + 1 + (head->len ? head->len / 2 + 256 : 0);
        char *more = realloc(head->bytes, room);
        if (!more)
            return ERR_NOMEM;
        head->bytes = more;
        head->room = room;
    }
    memcpy(head->bytes + head->len, bytes, len);
    head->len += len;
    return 0;
}

/* Ends the text in [from, to) with a NUL in the place of the white space, or the CR, behind it. */
static char *trimmed(char *from, char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
        to--;
    *to = '\0';
    return from;
}

/* The parts of the request line in [line, end), of which the later ones may not have come. */
static void split_line(struct http1_head *head, char *line, char *end)
{
    head->method = trimmed(line, end);
    char *space = strchr(line, ' ');
    if (!space)
        return;
    *space = '\0';
    head->target = space + 1;
    space = strrchr(space + 1, ' ');
    if (!space)
        return;
    *space = '\0';
    head->version = space + 1;
}

static int list_of(const char *name, size_t len)
{
    for (size_t i = 0; i < HTTP1_LISTS; i++) {
        if (LISTS[i].len == len && strncasecmp(LISTS[i].name, name, len) == 0)
            return (int)i;
    }
    return -1;
}

/* A list while its fields are looked at. */
struct list {
    struct http1_field *first; /* NULL: none came yet */
    char *end;                 /* of the joined text */
};

/* One more of a list that has been there already. Joined they are shorter than their lines were. */
static int join(struct http1_head *head, char **joined, struct list *list, const char *value)
{
    if (!list->end) {
        *joined = malloc(head->len + 1);
        if (!*joined)
            return ERR_NOMEM;
        list->end = stpcpy(*joined, list->first->value);
        list->first->value = *joined;
    }
    list->end = stpcpy(stpcpy(list->end, ", "), value);
    return 0;
}

static int index_field(struct http1_head *head, struct list lists[], char *line, char *end)
{
    char *colon = memchr(line, ':', (size_t)(end - line));
    if (!colon)
        return 0; /* the empty line */
    const struct http1_field field = {line, trimmed(colon + 1, end), (size_t)(colon - line)};
    int list = list_of(line, field.name_len);
    if (list >= 0 && lists[list].first)
        return join(head, &head->joined[list], &lists[list], field.value);
    head->field[head->n_fields] = field;
    if (list >= 0)
        lists[list].first = &head->field[head->n_fields];
    head->n_fields++;
    return 0;
}

static size_t count_lines(const char *p, const char *end)
{
    size_t n = 0;
    while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        p++;
        n++;
    }
    return n;
}

int http1_head_finish(struct http1_head *head)
{
    if (head->whole)
        return 0;
    head->method = head->target = head->version = "";
    head->whole = true;
    if (head->len == 0)
        return 0;
    char *line = head->bytes, *stop = line + head->len;
    *stop = '\0';
    while (line < stop && (*line == '\r' || *line == '\n'))
        line++; /* RFC 9112 section 2.2 lets an empty line pass before it */
    size_t most = count_lines(line, stop) + 1;
    if (most > head->field_room) {
        free(head->field);
        head->field = malloc(most * sizeof *head->field);
        head->field_room = head->field ? most : 0;
        if (!head->field)
            return ERR_NOMEM;
    }
    struct list lists[HTTP1_LISTS] = {{0}};
    char *end = memchr(line, '\n', (size_t)(stop - line));
    split_line(head, line, end ? end : stop);
    while (end) {
        line = end + 1;
        end = memchr(line, '\n', (size_t)(stop - line));
        int rc = end ? index_field(head, lists, line, end) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

bool http1_head_is_old(const struct http1_head *head)
{
    return head->version && strcmp(head->version, "HTTP/1.0") == 0;
}

const char *http1_head_protocol(const struct http1_head *head)
{
    const char *version = head->version;
    if (!version || strcmp(version, "HTTP/1.1") == 0) /* nearly always */
        return "HTTP/1.1";
    if (http1_head_is_old(head))
        return "HTTP/1.0";
    return strcmp(version, "HTTP/2.0") == 0 ? "HTTP/2.0" : "HTTP/1.1";
}

const char *http1_head_value(const struct http1_head *head, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < head->n_fields; i++) {
        const struct http1_field *field = &head->field[i];
        if (field->name_len == len && strncasecmp(field->name, name, len) == 0)
            return field->value;
    }
    return NULL;
}

bool http1_head_has(const struct http1_head *head, const char *name, const char *token)
{
    return list_has(http1_head_value(head, name), token, strlen(token));
}
