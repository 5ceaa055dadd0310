/* Between MHD and the pure HTTP layer: a request that MHD parsed becomes a struct request, a struct reply
 * becomes an MHD response; one that is finished need not go that way. On the thread of the worker. */
#ifndef MTLSD_SERVER_EXCHANGE_H
#define MTLSD_SERVER_EXCHANGE_H

#include <microhttpd.h>

struct conn;
struct kept_bytes;

/* Its request is whole, and libmicrohttpd has not heard of it. Makes the answer; NULL: libmicrohttpd is told
 * of the request then, and gives the answer. Else it is finished, nobody is told of it, and the bytes are to
 * go, borrowed until anything else is answered; the caller logs the request. */
struct kept_bytes *exchange_make(struct conn *conn);
/* What exchange_make has made, but for those bytes, is not needed any more. */
void exchange_forget(struct conn *conn);

/* MHD_OPTION_URI_LOG_CALLBACK: a request begins. */
void *exchange_target(void *cls, const char *uri, struct MHD_Connection *connection);
/* MHD_AccessHandlerCallback */
enum MHD_Result exchange_handle(void *cls, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_size, void **request_cls);
/* MHD_OPTION_NOTIFY_COMPLETED */
void exchange_completed(void *cls, struct MHD_Connection *connection, void **request_cls,
                        enum MHD_RequestTerminationCode why);

#endif
