// Tries an exported library on damaged weights, odd images and several threads; built with sanitizers.
// hostile WEIGHTS damaged|sizes|threads|scores COUNT SEED; `scores` writes those of one image to the
// standard output, COUNT pixels high and SEED wide.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "ticket.h"

using Bytes = std::vector<uint8_t>;
static std::mt19937 draw;

static uint32_t below(uint32_t bound) { return draw() % bound; }

static Bytes read(const char *path) {
  Bytes out;
  FILE *file = std::fopen(path, "rb");
  for (int c; file && (c = std::fgetc(file)) != EOF;) out.push_back(c);
  if (file) std::fclose(file);
  return out;
}

static void seal(Bytes &file) {  // length and checksum that fit
  if (file.size() < 32) return;
  const uint64_t length = file.size() - 32;
  uint64_t sum = 14695981039346656037u;
  for (size_t i = 32; i < file.size(); ++i) sum = (sum ^ file[i]) * 1099511628211u;
  std::memcpy(&file[16], &length, 8), std::memcpy(&file[24], &sum, 8);
}

static void damage(Bytes &file) {
  for (int change = 1 + below(3); change--;) {
    const size_t at = 32 + below(below(2) ? 200 : file.size() - 32);
    if (at + 4 >= file.size()) continue;
    const uint32_t numbers[] = {0, 1, 2, 3, 63, 64, 255, 65536, 0x7fffffff, 0x80000000, 0xffffffff};
    switch (below(5)) {
      case 0: file[at] ^= 1 << below(8); break;
      case 1: file[at] = below(256); break;
      case 2: std::memcpy(&file[32 + (at - 32) / 4 * 4], &numbers[below(11)], 4); break;
      case 3: file.resize(at); break;
      case 4: file.erase(file.begin() + at, file.begin() + std::min(file.size(), at + 1 + below(8)));
    }
    if (file.size() < 64) break;
  }
  if (below(10)) seal(file);
}

// Memory of exactly so many bytes: a sanitizer sees one more.
struct Exact {
  uint8_t *data;
  explicit Exact(size_t bytes) : data(static_cast<uint8_t *>(std::malloc(bytes ? bytes : 1))) {}
  ~Exact() { std::free(data); }
};

static int run(const ticket *t, int height, int width, int options, int type, bool labels) {
  ticket_info info;
  ticket_describe(t, &info);
  size_t bytes = 0;
  int code = ticket_scratch(t, height, width, options, &bytes);
  if (code || bytes > size_t(1) << 30) return code ? code : -1;
  const int item = type == TICKET_FLOAT32 ? 4 : 1;
  const size_t pixels = size_t(height) * width * info.channels;
  Exact image(pixels * item), scratch(bytes), classes(size_t(height) * width);
  for (size_t i = 0; i < pixels; ++i)
    if (item == 4) reinterpret_cast<float *>(image.data)[i] = int(i * 7 % 19) - 9;
    else image.data[i] = i * 31;
  const int64_t up = info.divisor, step = info.stride;  // 0: one value a class
  const int64_t h = step ? (height + up - 1) / up * up / step : 1;
  const int64_t w = step ? (width + up - 1) / up * up / step : 1;
  Exact scores(4 * h * w * info.outputs);
  const bool interleaved = height % 2;
  const int64_t plane = int64_t(height) * width, c = info.channels;
  const ticket_image in = interleaved ? ticket_image{image.data, type, height, width, 1, width * c, c}
                                      : ticket_image{image.data, type, height, width, plane, width, 1};
  const ticket_output out = {reinterpret_cast<float *>(scores.data), h * w, w,
                             labels ? classes.data : nullptr, width};
  return ticket_run(t, &in, options, &out, scratch.data, bytes);
}

static int damaged(const Bytes &whole, int count) {
  int opened = 0, ran = 0;
  for (int i = 0; i < count; ++i) {
    Bytes file = whole;
    damage(file);
    Exact exact(file.size());
    std::memcpy(exact.data, file.data(), file.size());
    ticket *t = nullptr;
    if (ticket_open(exact.data, file.size(), 1, &t)) continue;
    ++opened;
    ticket_info info;
    ticket_describe(t, &info);
    if (info.channels <= 16 && info.outputs <= 4096)
      ran += run(t, 16, 24, TICKET_RESIZE | TICKET_NORMALISE, TICKET_UINT8, false) == TICKET_OK;
    ticket_close(t);
  }
  std::printf("%d damaged, %d opened, %d ran\n", count, opened, ran);
  return 0;
}

static int sizes(const Bytes &whole, int count) {
  ticket *t = nullptr;
  ticket_info info;
  if (ticket_open(whole.data(), whole.size(), 2, &t)) return 2;
  ticket_describe(t, &info);
  for (int i = 0; i < count; ++i) {
    const bool labels = below(2) && info.kind == TICKET_SEGMENTATION;
    const int height = 1 + below(below(3) ? 40 : 130), width = 1 + below(below(3) ? 40 : 130);
    const int code = run(t, height, width, TICKET_RESIZE | below(8), below(2), labels);
    if (code) return std::printf("%dx%d: %s\n", height, width, ticket_error(code)), 3;
  }
  const int odd[][2] = {{0, 4}, {-1, 8}, {1 << 20, 1}, {INT32_MAX, INT32_MAX}, {65536, 65536}};
  for (const auto &size : odd)
    if (run(t, size[0], size[1], TICKET_RESIZE, 0, false) == TICKET_OK) return 4;
  ticket_close(t);
  std::printf("%d sizes\n", count);
  return 0;
}

static int threads(const Bytes &whole, int count) {
  ticket *shared = nullptr;
  if (ticket_open(whole.data(), whole.size(), 3, &shared)) return 2;
  std::vector<std::thread> all;
  for (int k = 0; k < 3; ++k)
    all.emplace_back([&, k] {
      ticket *own = nullptr;
      if (ticket_open(whole.data(), whole.size(), 2, &own)) std::abort();
      for (int i = 0; i < count; ++i)
        if (run(i % 2 ? own : shared, 16 + 8 * k, 24 + 8 * i, TICKET_RESIZE, 1, false)) std::abort();
      ticket_close(own);
    });
  for (auto &thread : all) thread.join();
  ticket_close(shared);
  std::printf("%d runs\n", 3 * count);
  return 0;
}

// Of an image that a test can make, too: value i of it is i * 7 % 19 - 9.
static int scores(const Bytes &whole, int height, int width) {
  ticket *t = nullptr;
  ticket_info info;
  size_t bytes = 0;
  if (ticket_open(whole.data(), whole.size(), 2, &t)) return 2;
  ticket_describe(t, &info);
  if (ticket_scratch(t, height, width, 0, &bytes)) return 3;
  std::vector<float> image(size_t(height) * width * info.channels);
  for (size_t i = 0; i < image.size(); ++i) image[i] = int(i * 7 % 19) - 9;
  const int64_t h = info.stride ? height / info.stride : 1, w = info.stride ? width / info.stride : 1;
  std::vector<float> found(h * w * info.outputs);
  Exact scratch(bytes);
  const ticket_image in = {image.data(), TICKET_FLOAT32, height, width, int64_t(height) * width, width, 1};
  const ticket_output out = {found.data(), h * w, w, nullptr, 0};
  const int code = ticket_run(t, &in, 0, &out, scratch.data, bytes);
  ticket_close(t);
  return code ? code : std::fwrite(found.data(), 4, found.size(), stdout) != found.size();
}

int main(int, char **arguments) {
  const Bytes whole = read(arguments[1]);
  const int count = std::atoi(arguments[3]);
  draw.seed(std::atoi(arguments[4]));
  if (!std::strcmp(arguments[2], "scores")) return scores(whole, count, std::atoi(arguments[4]));
  if (!std::strcmp(arguments[2], "damaged")) return damaged(whole, count);
  return !std::strcmp(arguments[2], "sizes") ? sizes(whole, count) : threads(whole, count);
}
