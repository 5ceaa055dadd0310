/* Preloaded into mtlsd: whoever takes a descriptor out of an epoll set finds that another thread was faster.
 */
#include <dlfcn.h>
#include <string.h>
#include <sys/epoll.h>

int removed_twice(int fd, int what, int member, struct epoll_event *event) __asm__("epoll_ctl");
int removed_twice(int fd, int what, int member, struct epoll_event *event)
{
    int (*real)(int, int, int, struct epoll_event *);
    void *symbol = dlsym(RTLD_NEXT, "epoll_ctl");
    memcpy(&real, &symbol, sizeof real);
    if (what == EPOLL_CTL_DEL)
        (void)real(fd, what, member, event);
    return real(fd, what, member, event);
}
