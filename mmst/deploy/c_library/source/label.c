/* Reads a picture (PPM), writes the class of each pixel (PGM): label WEIGHTS IN.ppm OUT.pgm */
#include <stdio.h>
#include <stdlib.h>

#include "ticket.h"

static unsigned char *read_ppm(const char *path, int *height, int *width) {
  FILE *file = fopen(path, "rb");
  int most = 0;
  unsigned char *pixels = NULL;
  if (!file) return NULL;
  if (fscanf(file, "P6 %d %d %d", width, height, &most) == 3 && fgetc(file) != EOF && most == 255 &&
      *width > 0 && *height > 0 && *width <= 65536 && *height <= 65536) {
    size_t bytes = (size_t)*height * *width * 3;
    pixels = malloc(bytes);
    if (pixels && fread(pixels, 1, bytes, file) != bytes) free(pixels), pixels = NULL;
  }
  fclose(file);
  return pixels;
}

static int fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  return 1;
}

int main(int count, char **arguments) {
  ticket *opened = NULL;
  ticket_info info;
  int height, width, code, done;
  size_t bytes;
  if (count != 4) return fail("usage: label WEIGHTS IN.ppm OUT.pgm");
  code = ticket_open_file(arguments[1], 1, &opened);
  if (code) return fail(ticket_error(code));
  ticket_describe(opened, &info);
  if (info.channels != 3) return fail("the weights are not for pictures of three colours");
  if (info.kind != TICKET_SEGMENTATION) return fail("the weights give no class of each pixel");
  if (info.outputs > 256) return fail("the weights have more classes than the 256 of a PGM");
  unsigned char *pixels = read_ppm(arguments[2], &height, &width);
  if (!pixels) return fail("the picture is no binary PPM of 8 bits");
  const int options = TICKET_NORMALISE | TICKET_RESIZE;
  code = ticket_scratch(opened, height, width, options, &bytes);
  if (code) return fail(ticket_error(code));
  void *scratch = malloc(bytes);
  unsigned char *labels = malloc((size_t)height * width);
  if (!scratch || !labels) return fail("there is not enough memory");
  const ticket_image image = {pixels, TICKET_UINT8, height, width, 1, 3 * (int64_t)width, 3};
  const ticket_output output = {NULL, 0, 0, labels, width};
  code = ticket_run(opened, &image, options, &output, scratch, bytes);
  if (code) return fail(ticket_error(code));
  FILE *file = fopen(arguments[3], "wb");
  if (!file) return fail("the output cannot be written");
  fprintf(file, "P5\n%d %d\n255\n", width, height);
  done = fwrite(labels, 1, (size_t)height * width, file) == (size_t)height * width;
  if (fclose(file) || !done) return fail("the output could not be written");
  free(labels), free(scratch), free(pixels);
  ticket_close(opened);
  return 0;
}
