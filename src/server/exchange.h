/* From a request to its answer in HTTP/1.1: to bytes in one piece, or, where they are too long for that or
 * the last, to a response that MHD is given when it asks for it. On the thread of the worker. */
#ifndef MTLSD_SERVER_EXCHANGE_H
#define MTLSD_SERVER_EXCHANGE_H

#include <microhttpd.h>
#include <stdbool.h>

struct conn;
struct kept_bytes;

/* Its request is whole, and MHD has not heard of it. Makes the answer, whose Connection field is to be
 * `connection` (http/plain.h), or says that it is the last. NULL: MHD is told of the request then, and gives
 * the answer. Else nobody is told of it, and the bytes are to go, borrowed until exchange_forget; behind them
 * the connection ends when *last says so; the caller logs the request. */
struct kept_bytes *exchange_make(struct conn *conn, const char *connection, bool *last);
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
