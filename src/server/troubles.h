/* Troubles with files, and requests that come round, told to the log: each once a minute, however often a
 * client asks. Any thread. */
#ifndef MTLSD_SERVER_TROUBLES_H
#define MTLSD_SERVER_TROUBLES_H

#include "base/base.h"

/* `text` is a visible line; `now_ms` is clock_mono_ms(). A client chooses which files it asks for: of more
 * than so many different lines in a minute the rest is only counted. */
enum { TROUBLES_MOST = 32 };
void troubles_tell(const char *text, uint64_t now_ms);

#endif
