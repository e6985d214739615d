/*
 * One client, one connection, large bodies; it does next to nothing so that it measures the server.
 *
 *   transfer PORT GET PATH SECONDS [HEADER]...         reads into one buffer that is used over and over
 *   transfer PORT PUT PATH SECONDS SIZE [HEADER]...    sends one buffer over and over; PATH gets a number appended
 *
 * Prints a line of JSON: transfers, bytes of bodies, seconds. Ends with 1 when an answer is not a success.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (1 << 20)
#define HEAD_MAX 65536

static char buffer[CHUNK];
static char head[HEAD_MAX];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "transfer: %s\n%s\n", what, head);
  exit(1);
}

static int connect_to(int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("cannot connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static void send_all(int fd, const char *bytes, long length) {
  while (length > 0) {
    long sent = write(fd, bytes, length);
    if (sent <= 0) fail("the connection broke while sending");
    bytes += sent;
    length -= sent;
  }
}

/* Reads one answer and returns the length of its body; the body is read and forgotten. */
static long receive(int fd) {
  long have = 0;
  char *end = NULL;
  while (!end) {
    long got = read(fd, head + have, HEAD_MAX - 1 - have);
    if (got <= 0) fail("the connection broke before an answer");
    have += got;
    head[have] = 0;
    end = strstr(head, "\r\n\r\n");
  }
  if (strncmp(head, "HTTP/1.1 2", 10) != 0) fail("the answer is not a success");
  long length = -1, left;
  for (char *line = head; line < end; line = strstr(line, "\r\n") + 2)
    if (strncasecmp(line, "content-length:", 15) == 0) length = atol(line + 15);
  if (length < 0) {
    /* Chunked, or up to the end: a listing. Ask with Connection: close and read until it closes. */
    length = have - (end + 4 - head);
    long got;
    while ((got = read(fd, buffer, CHUNK)) > 0) length += got;
    return length;
  }
  left = length - (have - (end + 4 - head));
  while (left > 0) {
    long got = read(fd, buffer, left < CHUNK ? left : CHUNK);
    if (got <= 0) fail("the body is short");
    left -= got;
  }
  return length;
}

int main(int count, char **arguments) {
  if (count < 5) fail("usage: transfer PORT GET|PUT PATH SECONDS [SIZE] [HEADER]...");
  int port = atoi(arguments[1]), is_put = strcmp(arguments[2], "PUT") == 0, first_header = is_put ? 6 : 5;
  double seconds = atof(arguments[4]);
  long size = is_put ? atol(arguments[5]) : 0, transfers = 0, bytes = 0;
  char headers[8192] = "", request[16384];
  int closes = 0;
  for (int i = first_header; i < count; i++) {
    strcat(strcat(headers, arguments[i]), "\r\n");
    closes |= strcasecmp(arguments[i], "Connection: close") == 0;
  }
  memset(buffer, 'x', CHUNK);
  int fd = connect_to(port);
  double start = now();
  do {
    if (is_put) {
      sprintf(request, "PUT %s%ld HTTP/1.1\r\nHost: bench\r\nContent-Length: %ld\r\n%s\r\n", arguments[3], transfers, size, headers);
      send_all(fd, request, strlen(request));
      for (long left = size; left > 0; left -= CHUNK) send_all(fd, buffer, left < CHUNK ? left : CHUNK);
      receive(fd);
      bytes += size;
    } else {
      sprintf(request, "GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n", arguments[3], headers);
      send_all(fd, request, strlen(request));
      bytes += receive(fd);
    }
    transfers++;
    if (closes) {
      close(fd);
      fd = connect_to(port);
    }
  } while (now() - start < seconds);
  printf("{\"transfers\":%ld,\"bytes\":%ld,\"seconds\":%.6f}\n", transfers, bytes, now() - start);
  return 0;
}
