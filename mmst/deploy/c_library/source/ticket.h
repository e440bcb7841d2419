/* Runs one network, a finished ticket, on a CPU. Plain C; no global state, no memory but the
 * caller's and what ticket_open takes. */
#ifndef TICKET_H
#define TICKET_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ticket ticket;

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* Every function that can fail returns one of these. */
enum {
  TICKET_OK = 0,
  TICKET_NO_FILE = 1,      /* the file of weights cannot be read */
  TICKET_DAMAGED = 2,      /* the weights are not as they were written */
  TICKET_TOO_NEW = 3,      /* they were written for a later version of this library */
  TICKET_NO_MEMORY = 4,
  TICKET_BAD_IMAGE = 5,    /* its type, size or strides cannot be */
  TICKET_BAD_SIZE = 6,     /* no multiple of the divisor, and TICKET_RESIZE was not asked for */
  TICKET_SMALL_SCRATCH = 7,
  TICKET_BAD_OUTPUT = 8,   /* labels of a network without classes of pixels, or with more
                            * than 256 of them; or no output */
  TICKET_BAD_ARGUMENT = 9
};

enum { TICKET_SEGMENTATION = 0, TICKET_HEATMAPS = 1, TICKET_CLASSES = 2 };
enum { TICKET_UINT8 = 0, TICKET_FLOAT32 = 1 };
/* Options of a run. */
enum {
  TICKET_NORMALISE = 1, /* subtract the mean of training and divide by its deviation */
  TICKET_RESIZE = 2,    /* bilinearly, up to the next multiples of the divisor */
  TICKET_BGR = 4        /* the image's channels are blue, green, red; without it red, green, blue */
};

typedef struct {
  int32_t kind;     /* TICKET_SEGMENTATION, TICKET_HEATMAPS or, of the whole image, TICKET_CLASSES */
  int32_t channels; /* of the image */
  int32_t outputs;  /* scores: of classes (one tells 0 from 1), or key points */
  int32_t divisor;  /* height and width that the network takes are multiples of it */
  int32_t stride;   /* pixels from one value of the output to the next; 0 where there is one a class */
  int32_t threads;
} ticket_info;

/* Strides are counted in elements: from one channel, row, column to the next. */
typedef struct {
  const void *data;
  int32_t type, height, width;
  int64_t channel, row, column;
} ticket_image;

/* Either may be null. Scores are (outputs, network's height / stride, network's width / stride), or
 * (outputs, 1, 1) of TICKET_CLASSES; labels (height, width) of the image, of at most 256
 * classes: the largest score, or with one output 1 where it is above the threshold of training. Their
 * columns are neighbours. */
typedef struct {
  float *scores;
  int64_t score_channel, score_row;
  uint8_t *labels;
  int64_t label_row;
} ticket_output;

const char *ticket_version(void);

/* The weights are copied: `data` may go afterwards. `threads`: 1 to 64, the caller's included. */
int ticket_open(const void *data, size_t bytes, int threads, ticket **opened);
int ticket_open_file(const char *path, int threads, ticket **opened);
void ticket_describe(const ticket *opened, ticket_info *info);

/* Bytes that a run on images of this size needs. */
int ticket_scratch(const ticket *opened, int height, int width, int options, size_t *bytes);

/* One ticket may be run from several threads at once, each with scratch of its own. Nothing is
 * allocated. */
int ticket_run(const ticket *opened, const ticket_image *image, int options,
               const ticket_output *output, void *scratch, size_t bytes);

/* The same, to find where the time goes: what each of the network's steps takes by `clock` is added to
 * its place in `times`, which has room for ticket_steps(). */
int ticket_steps(const ticket *opened);
int ticket_run_timed(const ticket *opened, const ticket_image *image, int options,
                     const ticket_output *output, void *scratch, size_t bytes,
                     int64_t (*clock)(void), int64_t *times);

const char *ticket_error(int code);
void ticket_close(ticket *opened);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
