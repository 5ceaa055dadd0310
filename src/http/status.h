/* Status codes of HTTP and their phrases, as IANA has them. Pure. */
#ifndef MTLSD_HTTP_STATUS_H
#define MTLSD_HTTP_STATUS_H

/* "Not Found"; for a code that nobody registered the name of its class (RFC 9110 section 15). */
const char *status_phrase(unsigned status);

#endif
