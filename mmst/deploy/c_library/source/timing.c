/* Times a network: timing HEIGHT WIDTH THREADS CALLS [steps] < WEIGHTS prints a line for each call: its
 * milliseconds and, if asked for, those of each step of the network in a further call. The weights may
 * be any ticket's: the library is the same for all. */
#define _POSIX_C_SOURCE 199309L /* clock_gettime, where there is one */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ticket.h"

/* Calls that do not count come first: until they took so many milliseconds, or there were so many. */
enum { WARM_UP = 15, MOST = 12 };

static int fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  return 1;
}

/* Of one thread, the processor's time for it, which other work disturbs less than the wall's. */
static int64_t own_time(void) {
#ifdef CLOCK_PROCESS_CPUTIME_ID
  struct timespec now;
  if (!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)) return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
#endif
  return (int64_t)(1e9 * (double)clock() / CLOCKS_PER_SEC);
}

static int64_t wall_time(void) {
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static unsigned char *read_all(FILE *file, size_t *bytes) {
  size_t room = 1 << 20, got;
  unsigned char *data = malloc(room), *more;
  *bytes = 0;
  while (data && (got = fread(data + *bytes, 1, room - *bytes, file)) > 0) {
    *bytes += got;
    if (*bytes < room) continue;
    more = realloc(data, room *= 2);
    if (!more) free(data);
    data = more;
  }
  return data;
}

/* The smallest multiple of `by` that is not less than `size`. */
static int up(int size, int by) { return (size + by - 1) / by * by; }

int main(int count, char **arguments) {
  ticket *opened = NULL;
  ticket_info info;
  size_t bytes;
  int numbers[4];
  if (count != 5 && (count != 6 || strcmp(arguments[5], "steps")))
    return fail("usage: timing HEIGHT WIDTH THREADS CALLS [steps] < WEIGHTS");
  for (int i = 0; i < 4; i++) {
    numbers[i] = atoi(arguments[i + 1]);
    if (numbers[i] < 1 || numbers[i] > 65536) return fail("numbers are 1 to 65536");
  }
  const int height = numbers[0], width = numbers[1], threads = numbers[2], calls = numbers[3];
  unsigned char *weights = read_all(stdin, &bytes);
  if (!weights) return fail("there is not enough memory");
  int code = ticket_open(weights, bytes, threads, &opened);
  free(weights);
  if (code) return fail(ticket_error(code));
  ticket_describe(opened, &info);
  const int high = up(height, info.divisor), wide = up(width, info.divisor);
  const int options = high == height && wide == width ? 0 : TICKET_RESIZE;
  const int rows = info.stride ? high / info.stride : 1, columns = info.stride ? wide / info.stride : 1;
  const size_t pixels = (size_t)height * width, values = (size_t)rows * columns;
  code = ticket_scratch(opened, height, width, options, &bytes);
  if (code) return fail(ticket_error(code));
  const int steps = count == 6 ? ticket_steps(opened) : 0;
  int64_t (*const now)(void) = threads == 1 ? own_time : wall_time;
  int64_t *times = malloc((steps + 1) * sizeof *times);
  void *scratch = malloc(bytes);
  float *picture = malloc(pixels * info.channels * sizeof *picture);
  float *scores = malloc(values * info.outputs * sizeof *scores);
  if (!times || !scratch || !picture || !scores) return fail("there is not enough memory");
  for (size_t i = 0; i < pixels * info.channels; i++) picture[i] = (float)(i * 7919 % 509) / 255 - 1;
  const ticket_image image = {picture, TICKET_FLOAT32, height, width, (int64_t)pixels, width, 1};
  const ticket_output output = {scores, (int64_t)values, columns, NULL, 0};
  const int64_t begin = now();
  for (int call = 0, warm = 1; call < calls;) {
    const int64_t start = now();
    code = ticket_run(opened, &image, options, &output, scratch, bytes);
    const int64_t end = now();
    if (code) return fail(ticket_error(code));
    if (warm) {
      if (warm++ >= MOST || end - begin >= WARM_UP * INT64_C(1000000)) warm = 0;
      continue;
    }
    call++, printf("%.6f", 1e-6 * (double)(end - start));
    memset(times, 0, (steps + 1) * sizeof *times);
    if (steps) code = ticket_run_timed(opened, &image, options, &output, scratch, bytes, now, times);
    if (code) return fail(ticket_error(code));
    for (int i = 0; i < steps; i++) printf(" %.6f", 1e-6 * (double)times[i]);
    printf("\n");
  }
  free(times), free(scores), free(picture), free(scratch);
  ticket_close(opened);
  return fflush(stdout) ? fail("the times could not be written") : 0;
}
