/*
 * wrk waits for the body that the answer to HEAD announces and does not have; this does not.
 *
 *   heads PORT CONNECTIONS SECONDS PREFIX NAMES [HEADER]...
 *
 * Asks for PREFIX and a random number below NAMES over keep-alive connections, one request at a time on each. Prints a
 * line of JSON: requests and seconds. Ends with 1 when an answer is not a success.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX 8192

struct connection {
  int fd;
  int have;
  char head[HEAD_MAX];
};

static const char *prefix;
static int names;
static char headers[4096];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "heads: %s\n", what);
  exit(1);
}

static void ask(struct connection *connection) {
  char request[HEAD_MAX];
  int length = snprintf(request, sizeof request, "HEAD %s%d HTTP/1.1\r\nHost: bench\r\n%s\r\n", prefix, rand() % names, headers);
  connection->have = 0;
  if (write(connection->fd, request, length) != length) fail("a request could not be sent at once");
}

/* 1 when the answer is complete. */
static int hear(struct connection *connection) {
  int got = read(connection->fd, connection->head + connection->have, HEAD_MAX - 1 - connection->have);
  if (got <= 0) fail("the connection broke");
  connection->have += got;
  connection->head[connection->have] = 0;
  if (!strstr(connection->head, "\r\n\r\n")) return 0;
  if (strncmp(connection->head, "HTTP/1.1 200", 12) != 0) fail(connection->head);
  return 1;
}

int main(int count, char **arguments) {
  if (count < 6) fail("usage: heads PORT CONNECTIONS SECONDS PREFIX NAMES [HEADER]...");
  int port = atoi(arguments[1]), connections = atoi(arguments[2]), on = 1;
  double seconds = atof(arguments[3]);
  prefix = arguments[4];
  names = atoi(arguments[5]);
  for (int i = 6; i < count; i++) strcat(strcat(headers, arguments[i]), "\r\n");

  int queue = epoll_create1(0);
  struct connection *all = calloc(connections, sizeof *all);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  double start = now();
  for (int i = 0; i < connections; i++) {
    all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(all[i].fd, (struct sockaddr *)&address, sizeof address) != 0) fail("cannot connect");
    setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    epoll_ctl(queue, EPOLL_CTL_ADD, all[i].fd, &event);
    ask(&all[i]);
  }
  long requests = 0;
  struct epoll_event events[64];
  while (now() - start < seconds) {
    int ready = epoll_wait(queue, events, 64, 100);
    for (int i = 0; i < ready; i++) {
      struct connection *connection = events[i].data.ptr;
      if (!hear(connection)) continue;
      requests++;
      ask(connection);
    }
  }
  printf("{\"requests\":%ld,\"seconds\":%.6f}\n", requests, now() - start);
  return 0;
}
