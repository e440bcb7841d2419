// Inference of sparse search networks on a CPU: the functions that Python calls.
//
// Feature maps are float32 planes: `plane` floats a channel, rows of `stride` floats whose last few
// are a gap. Calls run one after another, whatever thread they come from: they share scratch.
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "block.h"
#include "pool.h"
#include "stem.h"
#include "transformer.h"

namespace {

// State that calls share.
struct State {
  std::mutex one_call;
  std::vector<std::vector<float>> scratch;  // by thread
  std::vector<float> phases, grid;

  int64_t floats() const {
    int64_t sum = phases.capacity() + grid.capacity();
    for (const auto &buffer : scratch) sum += buffer.capacity();
    return sum;
  }
};

// Held for the time of a call.
struct Call {
  State &state = PerProcess<State>::get();
  std::lock_guard<std::mutex> hold{state.one_call};

  explicit Call(int threads = 0) {
    if (int(state.scratch.size()) < threads) state.scratch.resize(threads);
  }
};

float *room(std::vector<float> &buffer, int64_t floats) {
  if (int64_t(buffer.size()) < floats + LANES) buffer.resize(floats + LANES);
  const auto address = reinterpret_cast<uintptr_t>(buffer.data());
  return buffer.data() + (-address / sizeof(float)) % LANES;  // aligned to a vector
}

// Every `step`-th row and column of one plane, from the first, second... on, as step^2 planes; zeros
// in the gaps.
void split(const float *x, int height, int width, int row, int step, float *out, int64_t plane,
           int out_height, int out_stride, int64_t used) {
  for (int phase = 0; phase < step * step; ++phase, out += plane) {
    const int top = phase / step, left = phase % step;
    const int count = std::max(0, (width - left + step - 1) / step);
    for (int y = 0; y < out_height; ++y) {
      const float *in = x + int64_t(y * step + top) * row + left;
      float *to = out + int64_t(y) * out_stride;
      const int there = y * step + top < height ? count : 0;
      if (step == 1)
        std::memcpy(to, in, sizeof(float) * there);
      else if (step == 2)
        for (int i = 0; i < there; ++i) to[i] = in[2 * i];
      else
        for (int i = 0; i < there; ++i) to[i] = in[step * i];
      std::memset(to + there, 0, sizeof(float) * (out_stride - there));
    }
    std::memset(out + int64_t(out_height) * out_stride, 0,
                sizeof(float) * (used - int64_t(out_height) * out_stride));
  }
}

}  // namespace

// A map: n images of c planes.
struct Map {
  float *data;
  int64_t image, plane;  // floats from one to the next
  int32_t height, width, stride, images, channels;
};

struct Conv {
  int32_t outputs, phases, positive, live;
  int32_t length, margin;  // of an output plane; zeros around an input plane
  Rows weights;
  const float *bias;
  const int32_t *channels;  // that any weight reads
};

extern "C" {

int32_t lanes() { return LANES; }

// Bytes that are kept between calls.
int64_t held() {
  Call call;
  return call.state.floats() * int64_t(sizeof(float));
}

// Give them back.
void release() {
  Call call;
  call.state.scratch.clear(), call.state.scratch.shrink_to_fit();
  std::vector<float>().swap(call.state.phases), std::vector<float>().swap(call.state.grid);
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

// A whole search block; `t` may be null. `live`: channels that a stride-2 block reads. `coarse`:
// maps that a block of stride 1 reads besides. `sampled`: the input of `t` from all of them, (images,
// its inputs, 64), or null where x has it. y may be x where no hidden channel reads x.
void search_block(const Block *b, const Transformer *t, const Map *x, const Map *y,
                  const int32_t *live, int32_t live_count, const Coarse *coarse,
                  int32_t coarse_count, const float *sampled, int32_t accumulate, int32_t threads) {
  Call call(threads);
  const int64_t floats = std::max(scratch_floats(*b), t ? scratch_floats(*t) : 0);
  const int64_t phased = int64_t(live_count) * b->phases * b->length;
  float *phases = b->phases == 4 ? room(call.state.phases, phased * x->images) : nullptr;
  if (phases)
    Pool::run(x->images * live_count, threads, [&](int i, int) {
      const float *in = x->data + i / live_count * x->image + live[i % live_count] * x->plane;
      split(in, x->height, x->width, x->stride, 2, phases + int64_t(i) * 4 * b->length, b->length,
            y->height, y->stride, b->length);
    });
  const int tiles = (b->length + b->tile - 1) / b->tile, formers = t ? x->images : 0;
  const Widening wide(t ? y->width : 0);
  const int64_t rows = t ? int64_t(t->outputs) * GRID * wide.stride : 0;
  float *maps = room(call.state.grid, rows * formers);
  std::vector<std::atomic<bool>> ready(formers);
  const Samples down(GRID, t ? y->height : 0);
  // Transformers are begun first, so that a thread that waits for one waits for a running task.
  Pool::run(formers + tiles * x->images, threads, [&](int i, int thread) {
    float *scratch = room(call.state.scratch[thread], floats);
    if (i < formers) {
      run_transformer(*t, x->data + i * x->image, x->plane, x->height, x->width, x->stride,
                      sampled ? sampled + int64_t(i) * t->inputs * DIM : nullptr, wide,
                      maps + i * rows, scratch);
      ready[i] = true;
      return;
    }
    const int image = (i - formers) / tiles, tile = (i - formers) % tiles;
    const float *in = phases ? phases + image * phased : x->data + image * x->image;
    run_tile(*b, {coarse, coarse_count, image, y->height},
             {t, maps + image * rows, wide.stride, &down, t ? &ready[image] : nullptr}, in,
             y->data + image * y->image, tile, accumulate, scratch);
  });
}

// Two convolutions of stride 2, each with bias and ReLU.
void stem(const Stem *s, const Map *x, const Map *y, int32_t threads) {
  Call call(threads);
  const int64_t plane = s->length + 2 * s->margin, image = plane * 16 * s->live;
  float *planes = room(call.state.phases, image * x->images);
  Pool::run(x->images * s->live, threads, [&](int i, int) {
    const float *in = x->data + i / s->live * x->image + s->channels[i % s->live] * x->plane;
    float *out = planes + int64_t(i) * 16 * plane;
    for (int phase = 0; phase < 16; ++phase) {
      std::memset(out + phase * plane, 0, sizeof(float) * s->margin);
      std::memset(out + (phase + 1) * plane - s->margin, 0, sizeof(float) * s->margin);
    }
    split(in, x->height, x->width, x->stride, 4, out + s->margin, plane, y->height, y->stride,
          s->length);
  });
  const int tiles = (s->length + s->tile - 1) / s->tile;
  Pool::run(x->images * tiles, threads, [&](int i, int thread) {
    run_stem_tile(*s, planes + i / tiles * image + s->margin, y->data + i / tiles * y->image,
                  y->plane, i % tiles, room(call.state.scratch[thread], scratch_floats(*s)));
  });
}

// A convolution with bias and, if asked for, ReLU.
void convolve(const Conv *c, const Map *x, const Map *y, int32_t threads) {
  Call call;
  const int64_t plane = c->length + 2 * c->margin;
  const int64_t image = plane * c->phases * c->live;
  float *planes = c->margin ? room(call.state.phases, image * x->images) : nullptr;
  if (planes) {
    std::memset(planes, 0, sizeof(float) * image * x->images);
    Pool::run(x->images * c->live, threads, [&](int i, int) {
      const float *in = x->data + i / c->live * x->image + c->channels[i % c->live] * x->plane;
      split(in, x->height, x->width, x->stride, c->phases == 4 ? 2 : 1,
            planes + int64_t(i) * c->phases * plane + c->margin, plane, y->height, y->stride,
            c->length);
    });
  }
  const int tile = 64 * 8, tiles = (c->length + tile - 1) / tile;
  Pool::run(x->images * tiles, threads, [&](int i, int) {
    const int from = i % tiles * tile, to = std::min(c->length, from + tile);
    const float *in = planes ? planes + i / tiles * image + c->margin
                             : x->data + i / tiles * x->image;
    float *out = y->data + i / tiles * y->image;
    in_blocks(from, to, [&](auto n, int f) {
      constexpr int V = decltype(n)::value;
      for (int o = 0; o < c->outputs; ++o) {
        vec sum[V];
        for (int v = 0; v < V; ++v) sum[v] = splat(c->bias[o]);
        gather<V>(sum, in + f, c->weights, o);
        for (int v = 0; v < V; ++v)
          store(out + o * y->plane + f + v * LANES, c->positive ? relu(sum[v]) : sum[v]);
      }
    });
  });
}

// y += x, x twice enlarged (nearest) where `x` is given; then ReLU if asked for.
void finish(const Map *x, const Map *y, int32_t positive, int32_t threads) {
  Call call;
  Pool::run(y->images * y->channels, threads, [&](int i, int) {
    float *plane = y->data + i / y->channels * y->image + i % y->channels * y->plane;
    const float *in = x ? x->data + i / x->channels * x->image + i % x->channels * x->plane : nullptr;
    for (int row = 0; row < y->height; ++row) {
      float *out = plane + int64_t(row) * y->stride;
      const float *half = in ? in + int64_t(row / 2) * x->stride : nullptr;
      if (half)
        for (int j = 0; j < y->width / 2; ++j) out[2 * j] += half[j], out[2 * j + 1] += half[j];
      if (positive)
        for (int j = 0; j < y->width; ++j) out[j] = out[j] < 0 ? 0 : out[j];
    }
  });
}

// Rows of x resized (bilinear) to the width of y; as many rows.
void widen(const Map *x, const Map *y, int32_t threads) {
  Call call;
  const Samples across(x->width, y->width);
  Pool::run(x->images * x->channels, threads, [&](int i, int) {
    const float *in = x->data + i / x->channels * x->image + i % x->channels * x->plane;
    float *out = y->data + i / x->channels * y->image + i % x->channels * y->plane;
    for (int row = 0; row < y->height; ++row, in += x->stride, out += y->stride)
      across.resize(in, out);
  });
}

}  // extern "C"
