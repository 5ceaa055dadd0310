/* A report for whoever sits at a terminal: the verdict, a line for each check, and what to do. Programs get
 * the JSON that it is made of. */
#ifndef MTLSD_CMD_SUMMARY_H
#define MTLSD_CMD_SUMMARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Whether `out` is a terminal, and whether one with colours (NO_COLOR is not set, TERM is not dumb). */
bool summary_wanted(FILE *out, bool *colour);

/* Of what view_peer says, and of what probe_report says. What a stranger chose is shown without control
 * characters. Commands name `file`, in which the certificate is, in place of client.crt and its like.
 */
void summary_of_peer(const json_t *peer, const char *file, bool colour, FILE *out);
void summary_of_probe(const json_t *report, bool colour, FILE *out);

#endif
