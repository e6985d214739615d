/*
 * What the file system gives at best: threads that each create a file, write it and sync it, over and over.
 *
 *   durable-files DIRECTORY THREADS SIZE SECONDS
 *
 * Prints a line of JSON: files and seconds.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *directory;
static long size;
static double deadline;
static long files[256];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void *work(void *argument) {
  long thread = (long)argument;
  char path[4096];
  char *bytes = malloc(size);
  memset(bytes, 'x', size);
  while (now() < deadline) {
    snprintf(path, sizeof path, "%s/%ld-%ld", directory, thread, files[thread]);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write(fd, bytes, size) != size || fsync(fd) != 0 || close(fd) != 0) {
      perror(path);
      exit(1);
    }
    files[thread]++;
  }
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 5) return 2;
  directory = arguments[1];
  long threads = atol(arguments[2]), total = 0;
  size = atol(arguments[3]);
  double start = now();
  deadline = start + atof(arguments[4]);
  pthread_t ids[256];
  for (long i = 0; i < threads; i++) pthread_create(&ids[i], NULL, work, (void *)i);
  for (long i = 0; i < threads; i++) pthread_join(ids[i], NULL);
  for (long i = 0; i < threads; i++) total += files[i];
  printf("{\"files\":%ld,\"seconds\":%.6f}\n", total, now() - start);
  return 0;
}
