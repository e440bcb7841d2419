// The functions of ticket.h.
#include "ticket.h"

#include <cstdio>

#include "execute.h"
#include "host.h"
#include "pixels.h"

static_assert(sizeof(float) == 4, "floats have four bytes");
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "The weights are little-endian."
#endif

namespace {

// The head of a file: magic, version, type of the weights, bytes after the head, their checksum.
constexpr char MAGIC[8] = {'M', 'M', 'S', 'T', 'C', 'L', 'I', 'B'};
constexpr uint32_t VERSION = 4, INT8 = 1;
constexpr int64_t HEAD = 32;
constexpr int MOST_PIXELS = 1 << 16;  // of an axis
constexpr int MOST_LABELS = 256;

uint64_t checksum(const uint8_t *data, int64_t bytes) {  // FNV-1a
  uint64_t found = 14695981039346656037u;
  for (int64_t i = 0; i < bytes; ++i) found = (found ^ data[i]) * 1099511628211u;
  return found;
}

template <class T>
T at(const uint8_t *data, int offset) {
  T value;
  std::memcpy(&value, data + offset, sizeof value);
  return value;
}

}  // namespace

struct ticket {
  Network network;
  mutable Workers workers;
};

namespace {

// What a run needs, in the order in which it lies in its scratch.
struct Sizes {
  int height, width;  // the network's
  int64_t input, output, maps, rest;
  int64_t bytes() const { return 64 + input + output + maps + rest; }
};

int sizes_of(const ticket &t, int height, int width, int options, Sizes &s) {
  if (options & ~(TICKET_NORMALISE | TICKET_RESIZE | TICKET_BGR)) return TICKET_BAD_ARGUMENT;
  if (height < 1 || width < 1 || height > MOST_PIXELS || width > MOST_PIXELS) return TICKET_BAD_IMAGE;
  const int64_t divisor = int64_t(1) << t.network.levels;
  s.height = up(height, divisor), s.width = up(width, divisor);
  if (!(options & TICKET_RESIZE) && (s.height != height || s.width != width)) return TICKET_BAD_SIZE;
  Arena arena;
  Host host{t.workers};
  Execution<Host> counting(t.network, host, arena, nullptr);
  Map image{nullptr, 0, 0, s.height, s.width, s.width, 1, t.network.header.channels};
  if (!counting.run(image)) return TICKET_BAD_IMAGE;
  s.input = up(4 * (int64_t(s.height) * s.width * t.network.header.channels +
                    Samples::floats(s.width)), 64);
  s.output = up(4 * (Samples::floats(width) + 3 * int64_t(width)), 64);
  s.maps = up(4 * counting.floats(), 64), s.rest = arena.most();
  return TICKET_OK;
}

bool is_image(const ticket_image *image) {
  return image && image->data && (image->type == TICKET_UINT8 || image->type == TICKET_FLOAT32);
}

void copy_scores(const Map &from, const ticket_output &to) {
  for (int c = 0; c < from.channels; ++c)
    for (int y = 0; y < from.height; ++y)
      std::memcpy(to.scores + c * to.score_channel + y * to.score_row,
                  from.data + c * from.plane + int64_t(y) * from.stride, sizeof(float) * from.width);
}

}  // namespace

extern "C" {

const char *ticket_version(void) { return "1.2.0"; }

int ticket_open(const void *data, size_t bytes, int threads, ticket **opened) {
  if (!data || !opened || threads < 1 || threads > MOST_THREADS) return TICKET_BAD_ARGUMENT;
  *opened = nullptr;
  const auto *head = static_cast<const uint8_t *>(data);
  if (bytes < size_t(HEAD) || std::memcmp(head, MAGIC, 8)) return TICKET_DAMAGED;
  if (at<uint32_t>(head, 8) > VERSION || at<uint32_t>(head, 12) > INT8) return TICKET_TOO_NEW;
  const int64_t length = bytes - HEAD;
  if (at<uint64_t>(head, 16) != uint64_t(length) ||
      at<uint64_t>(head, 24) != checksum(head + HEAD, length))
    return TICKET_DAMAGED;
  void *room = std::malloc(sizeof(ticket));
  if (!room) return TICKET_NO_MEMORY;
  ticket *made = new (room) ticket;
  Reader reader(head + HEAD, length, at<uint32_t>(head, 12) == INT8);
  made->network.read(reader);
  const bool runs = reader.ok() && made->workers.start(threads);
  if (!runs) {
    const int code = reader.ok() || reader.no_memory() ? TICKET_NO_MEMORY : TICKET_DAMAGED;
    ticket_close(made);
    return code;
  }
  *opened = made;
  return TICKET_OK;
}

int ticket_open_file(const char *path, int threads, ticket **opened) {
  if (!path || !opened) return TICKET_BAD_ARGUMENT;
  *opened = nullptr;
  FILE *file = std::fopen(path, "rb");
  if (!file) return TICKET_NO_FILE;
  long size = -1;
  if (!std::fseek(file, 0, SEEK_END)) size = std::ftell(file);
  std::rewind(file);
  if (size < 0 || size > 1L << 30) return std::fclose(file), TICKET_NO_FILE;
  void *data = std::malloc(size ? size : 1);
  const bool whole = data && std::fread(data, 1, size, file) == size_t(size);
  std::fclose(file);
  const int code = whole ? ticket_open(data, size, threads, opened)
                         : data ? TICKET_NO_FILE : TICKET_NO_MEMORY;
  std::free(data);
  return code;
}

void ticket_describe(const ticket *t, ticket_info *info) {
  const Header &h = t->network.header;
  *info = {h.kind, h.channels, h.outputs, 1 << t->network.levels, t->network.stride, t->workers.count()};
}

int ticket_scratch(const ticket *t, int height, int width, int options, size_t *bytes) {
  if (!t || !bytes) return TICKET_BAD_ARGUMENT;
  Sizes s;
  const int code = sizes_of(*t, height, width, options, s);
  *bytes = code ? 0 : s.bytes();
  return code;
}

int ticket_run(const ticket *t, const ticket_image *image, int options, const ticket_output *output,
               void *scratch, size_t bytes) {
  return ticket_run_timed(t, image, options, output, scratch, bytes, nullptr, nullptr);
}

int ticket_steps(const ticket *t) { return int(t->network.steps.size); }

int ticket_run_timed(const ticket *t, const ticket_image *image, int options,
                     const ticket_output *output, void *scratch, size_t bytes, int64_t (*clock)(void),
                     int64_t *times) {
  if (!t || !scratch || (times && !clock)) return TICKET_BAD_ARGUMENT;
  if (!is_image(image)) return TICKET_BAD_IMAGE;
  const Header &h = t->network.header;
  if (!output || (!output->scores && !output->labels)) return TICKET_BAD_OUTPUT;
  if (output->labels && (h.kind != TICKET_SEGMENTATION || h.outputs > MOST_LABELS)) return TICKET_BAD_OUTPUT;
  Sizes s;
  const int code = sizes_of(*t, image->height, image->width, options, s);
  if (code) return code;
  if (bytes < uint64_t(s.bytes())) return TICKET_SMALL_SCRATCH;
  char *at = static_cast<char *>(scratch);
  at += -reinterpret_cast<uintptr_t>(at) & 63;
  auto *input = reinterpret_cast<float *>(at);
  auto *rows = reinterpret_cast<float *>(at + s.input);
  auto *maps = reinterpret_cast<float *>(at + s.input + s.output);
  Arena arena(at + s.input + s.output + s.maps);
  const int64_t plane = int64_t(s.height) * s.width;
  fill_input(t->network, *image, options, s.height, s.width, input + plane * h.channels, input);
  Host host{t->workers};
  Execution<Host> run(t->network, host, arena, maps);
  run.run({input, plane * h.channels, plane, s.height, s.width, s.width, 1, h.channels}, times, clock);
  if (output->scores) copy_scores(run.result(), *output);
  if (output->labels)
    write_labels(h, run.result(), image->height, image->width, rows, output->labels,
                 output->label_row);
  return TICKET_OK;
}

const char *ticket_error(int code) {
  static const char *const TEXTS[] = {
      "no error",
      "the file of weights cannot be read: check its path",
      "the weights are damaged: export the ticket again",
      "the weights were written for a later version of this library: build it again",
      "there is not enough memory, or no more threads",
      "the image cannot be: check its type, and that it is at most 65536 pixels high and wide",
      "height or width is no multiple of the divisor: ask for TICKET_RESIZE",
      "the scratch is too small: ask ticket_scratch for this size of image",
      "the output cannot be had: give room for scores; labels are for segmentation "
      "into at most 256 classes",
      "an argument is null or out of range"};
  return code >= 0 && code <= 9 ? TEXTS[code] : "no such error";
}

void ticket_close(ticket *t) {
  if (!t) return;
  t->~ticket();
  std::free(t);
}

}  // extern "C"
