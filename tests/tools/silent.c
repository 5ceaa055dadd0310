/* Listens on a free port of 127.0.0.1, prints it, and never says a word to whoever connects. Ends by itself
 * after a minute. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        perror("silent");
        return 1;
    }
    printf("%u\n", ntohs(at.sin_port));
    fflush(stdout);
    alarm(60);
    pause();
    return 0;
}
