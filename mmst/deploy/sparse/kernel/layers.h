// Layers as one call each, whoever has the threads and the memory.
//
// A `Context` has run(count, work(task, thread)); and memory that lasts for a call: planes(floats)
// and grid(floats) of all threads, scratch(thread, floats) of one, flags(count) that are false.
#pragma once
#include "block.h"
#include "maps.h"
#include "stem.h"
#include "transformer.h"

struct Conv {
  int32_t outputs, phases, positive, live;
  int32_t length, margin;  // of an output plane; zeros around an input plane
  Rows weights;
  const float *bias;
  const int32_t *channels;  // that any weight reads
};

// Floats that a call asks its context for.
struct Need {
  int64_t planes, grid, scratch;  // scratch: of each thread
};

INLINE Need need_of(const Block &b, const Transformer *t, const Map &x, const Map &y, int live) {
  const int64_t rows = t ? int64_t(t->outputs) * GRID * Widening::stride_of(y.width) : 0;
  return {b.phases == 4 ? int64_t(live) * b.phases * b.length * x.images : 0,
          t ? Widening::floats(y.width) + Samples::floats(y.height) + rows * x.images : 0,
          std::max(scratch_floats(b), t ? scratch_floats(*t) : 0)};
}

INLINE Need need_of(const Stem &s, const Map &x) {
  return {int64_t(s.length + 2 * s.margin) * 16 * s.live * x.images, 0, scratch_floats(s)};
}

INLINE Need need_of(const Conv &c, const Map &x) {
  const int64_t plane = c.length + 2 * c.margin;
  return {c.margin ? plane * c.phases * c.live * x.images : 0, 0, 0};
}

// A whole search block; `t` may be null. `live`: channels that a stride-2 block reads. `coarse`:
// maps that a block of stride 1 reads besides. `sampled`: the input of `t` from all of them, (images,
// its inputs, 64), or null where x has it. y may be x where no hidden channel reads x.
template <class Context>
void run_block(Context &c, const Block *b, const Transformer *t, const Map *x, const Map *y,
               const int32_t *live, int32_t live_count, const Coarse *coarse, int32_t coarse_count,
               const float *sampled, bool accumulate) {
  const Need need = need_of(*b, t, *x, *y, live_count);
  const int64_t phased = int64_t(live_count) * b->phases * b->length;
  float *phases = b->phases == 4 ? c.planes(need.planes) : nullptr;
  if (phases)
    c.run(x->images * live_count, [&](int i, int) {
      const float *in = x->data + i / live_count * x->image + live[i % live_count] * x->plane;
      split(in, x->height, x->width, x->stride, 2, phases + int64_t(i) * 4 * b->length, b->length,
            y->height, y->stride, b->length);
    });
  const int tiles = (b->length + b->tile - 1) / b->tile, formers = t ? x->images : 0;
  float *grid = c.grid(need.grid);
  const Widening wide(t ? y->width : 0, grid);
  grid += t ? Widening::floats(y->width) : 0;
  const Samples down(GRID, t ? y->height : 0, grid);
  float *maps = grid + (t ? Samples::floats(y->height) : 0);
  const int64_t rows = t ? int64_t(t->outputs) * GRID * wide.stride : 0;
  std::atomic<bool> *ready = c.flags(formers);
  // Transformers are begun first, so that a thread that waits for one waits for a running task.
  c.run(formers + tiles * x->images, [&](int i, int thread) {
    float *scratch = c.scratch(thread, need.scratch);
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
template <class Context>
void run_stem(Context &c, const Stem *s, const Map *x, const Map *y) {
  const Need need = need_of(*s, *x);
  const int64_t plane = s->length + 2 * s->margin, image = plane * 16 * s->live;
  float *planes = c.planes(need.planes);
  c.run(x->images * s->live, [&](int i, int) {
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
  c.run(x->images * tiles, [&](int i, int thread) {
    run_stem_tile(*s, planes + i / tiles * image + s->margin, y->data + i / tiles * y->image,
                  y->plane, i % tiles, c.scratch(thread, need.scratch));
  });
}

// A convolution with bias and, if asked for, ReLU.
template <class Context>
void run_conv(Context &context, const Conv *c, const Map *x, const Map *y) {
  const int64_t plane = c->length + 2 * c->margin;
  const int64_t image = plane * c->phases * c->live;
  float *planes = c->margin ? context.planes(image * x->images) : nullptr;
  if (planes) {
    std::memset(planes, 0, sizeof(float) * image * x->images);
  context.run(x->images * c->live, [&](int i, int) {
      const float *in = x->data + i / c->live * x->image + c->channels[i % c->live] * x->plane;
      split(in, x->height, x->width, x->stride, c->phases == 4 ? 2 : 1,
            planes + int64_t(i) * c->phases * plane + c->margin, plane, y->height, y->stride,
            c->length);
    });
  }
  const int tile = 64 * 8, tiles = (c->length + tile - 1) / tile;
  context.run(x->images * tiles, [&](int i, int) {
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
template <class Context>
void run_finish(Context &c, const Map *x, const Map *y, bool positive) {
  c.run(y->images * y->channels, [&](int i, int) {
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
template <class Context>
void run_widen(Context &c, const Map *x, const Map *y) {
  const Samples across(x->width, y->width, c.grid(Samples::floats(y->width)));
  c.run(x->images * x->channels, [&](int i, int) {
    const float *in = x->data + i / x->channels * x->image + i % x->channels * x->plane;
    float *out = y->data + i / x->channels * y->image + i % x->channels * y->plane;
    for (int row = 0; row < y->height; ++row, in += x->stride, out += y->stride)
      across.resize(in, out);
  });
}
