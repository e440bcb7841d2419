/* Times a network: timing HEIGHT WIDTH THREADS CALLS < WEIGHTS prints the milliseconds of each call.
 * The weights may be any ticket's: the library is the same for all. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ticket.h"

/* Calls that do not count come first: until they took so many milliseconds, or there were so many. */
enum { WARM_UP = 15, MOST = 12 };

static int fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  return 1;
}

/* Of one thread, the processor's time for it, which other work disturbs less than the wall's. */
static double milliseconds(int threads) {
  struct timespec now;
  if (threads == 1) return 1e3 * (double)clock() / CLOCKS_PER_SEC;
  timespec_get(&now, TIME_UTC);
  return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
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
  if (count != 5) return fail("usage: timing HEIGHT WIDTH THREADS CALLS < WEIGHTS");
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
  void *scratch = malloc(bytes);
  float *picture = malloc(pixels * info.channels * sizeof *picture);
  float *scores = malloc(values * info.outputs * sizeof *scores);
  if (!scratch || !picture || !scores) return fail("there is not enough memory");
  for (size_t i = 0; i < pixels * info.channels; i++) picture[i] = (float)(i * 7919 % 509) / 255 - 1;
  const ticket_image image = {picture, TICKET_FLOAT32, height, width, (int64_t)pixels, width, 1};
  const ticket_output output = {scores, (int64_t)values, columns, NULL, 0};
  const double begin = milliseconds(threads);
  for (int call = 0, warm = 1; call < calls;) {
    const double start = milliseconds(threads);
    code = ticket_run(opened, &image, options, &output, scratch, bytes);
    const double end = milliseconds(threads);
    if (code) return fail(ticket_error(code));
    if (!warm) call++, printf("%.6f\n", end - start);
    else if (warm++ >= MOST || end - begin >= WARM_UP) warm = 0;
  }
  free(scores), free(picture), free(scratch);
  ticket_close(opened);
  return fflush(stdout) ? fail("the times could not be written") : 0;
}
