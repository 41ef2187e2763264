/* A relay that does nothing else: no relay that is a process of its own can be much quicker.
 *
 * bare_relay LISTEN SERVER: UNIX sockets; one client after the other, each with a connection of its own.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char buffer[1 << 16];

static struct sockaddr_un address(const char *path) {
    struct sockaddr_un found = {.sun_family = AF_UNIX};
    strncpy(found.sun_path, path, sizeof found.sun_path - 1);
    return found;
}

static void relay(int poller, const int ends[2]) {
    struct epoll_event event;
    while (epoll_wait(poller, &event, 1, -1) == 1) {
        int from = event.data.fd, to = from == ends[0] ? ends[1] : ends[0];
        ssize_t count = recv(from, buffer, sizeof buffer, MSG_DONTWAIT);
        if (count <= 0 || send(to, buffer, count, MSG_NOSIGNAL) != count) return;
    }
}

int main(int count, char **words) {
    if (count != 3) return 2;
    struct sockaddr_un listens = address(words[1]), server = address(words[2]);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&listens, sizeof listens) || listen(listener, 8)) return 1;
    for (;;) {
        int ends[2] = {accept(listener, 0, 0), socket(AF_UNIX, SOCK_STREAM, 0)}, poller = epoll_create1(0);
        if (ends[0] < 0 || connect(ends[1], (struct sockaddr *)&server, sizeof server)) return 1;
        for (int i = 0; i < 2; i++) {
            struct epoll_event event = {.events = EPOLLIN, .data.fd = ends[i]};
            epoll_ctl(poller, EPOLL_CTL_ADD, ends[i], &event);
        }
        relay(poller, ends);
        close(ends[0]); close(ends[1]); close(poller);
    }
}
