// Operations between the layers of a network: of its maps' channels, sums and sizes. Maps need
// contiguous rows alone; of one that is the same for all images, `image` is 0.
#pragma once
#include "maps.h"
#include "sampling.h"
#include "transformer.h"

INLINE float *row_of(const Map &m, int64_t image, int64_t channel, int64_t row) {
  return m.data + image * m.image + channel * m.plane + row * m.stride;
}

// Call work(image, channel, row, the row itself) for all rows of a map.
template <class Context, class Work>
void by_rows(Context &c, const Map &y, const Work &work) {
  c.run(y.images * y.channels, [&](int i, int) {
    for (int row = 0; row < y.height; ++row)
      work(i / y.channels, i % y.channels, row, row_of(y, i / y.channels, i % y.channels, row));
  });
}

// Channel j of y is channel `channels[j]` of map `sources[j]`, or 0 where that is -1.
template <class Context>
void run_gather(Context &c, const Map *maps, const int32_t *sources, const int32_t *channels,
                const Map *y) {
  by_rows(c, *y, [&](int image, int j, int row, float *out) {
    if (sources[j] < 0) return void(std::memset(out, 0, sizeof(float) * y->width));
    std::memcpy(out, row_of(maps[sources[j]], image, channels[j], row), sizeof(float) * y->width);
  });
}

// y = a + b; y may be a.
template <class Context>
void run_add(Context &c, const Map *a, const Map *b, const Map *y) {
  by_rows(c, *y, [&](int image, int channel, int row, float *out) {
    const float *first = row_of(*a, image, channel, row), *second = row_of(*b, image, channel, row);
    for (int i = 0; i < y->width; ++i) out[i] = first[i] + second[i];
  });
}

// y = x plus a number for each channel, where `bias` is given; then ReLU if asked for.
template <class Context>
void run_shift(Context &c, const Map *x, const float *bias, bool positive, const Map *y) {
  by_rows(c, *y, [&](int image, int channel, int row, float *out) {
    const float *in = row_of(*x, image, channel, row), added = bias ? bias[channel] : 0;
    for (int i = 0; i < y->width; ++i) {
      const float value = in[i] + added;
      out[i] = positive && value < 0 ? 0 : value;
    }
  });
}

// x resized (bilinear) to the size of y.
template <class Context>
void run_resize(Context &c, const Map *x, const Map *y) {
  const Samples across(x->width, y->width, c.grid(Samples::floats(y->width)));
  by_rows(c, *y, [&](int image, int channel, int row, float *out) {
    int top, bottom;
    float share;
    sample_at(row, x->height, y->height, top, bottom, share);
    const float *above = row_of(*x, image, channel, top), *below = row_of(*x, image, channel, bottom);
    for (int i = 0; i < y->width; ++i) {
      const int left = across.low[i], right = across.high[i];
      const float upper = above[left] + across.share[i] * (above[right] - above[left]);
      const float lower = below[left] + across.share[i] * (below[right] - below[left]);
      out[i] = upper + share * (lower - upper);
    }
  });
}

// x enlarged to y, which is twice as high and wide (nearest).
template <class Context>
void run_double(Context &c, const Map *x, const Map *y) {
  by_rows(c, *y, [&](int image, int channel, int row, float *out) {
    const float *in = row_of(*x, image, channel, row / 2);
    for (int i = 0; i < y->width; ++i) out[i] = in[i / 2];
  });
}

// Means of the channels; y is 1x1.
template <class Context>
void run_mean(Context &c, const Map *x, const Map *y) {
  by_rows(c, *y, [&](int image, int channel, int, float *out) {
    double sum = 0;
    for (int row = 0; row < x->height; ++row) {
      const float *in = row_of(*x, image, channel, row);
      for (int i = 0; i < x->width; ++i) sum += in[i];
    }
    *out = sum / (double(x->height) * x->width);
  });
}

// Both layers of a Transformer alone, on tokens on the grid; y: those of `targets`.
template <class Context>
void run_mixer(Context &c, const Transformer *t, const Map *x, const Map *y) {
  c.run(y->images, [&](int image, int thread) {
    float *tokens = c.scratch(thread, scratch_floats(*t)), *rest = tokens + int64_t(DIM) * t->padded;
    std::memset(tokens, 0, sizeof(float) * DIM * t->padded);
    for (int i = 0; i < t->tokens; ++i)
      for (int d = 0; d < DIM; ++d)
        tokens[d * t->padded + i] = row_of(*x, image, i, d / GRID)[d % GRID];
    run_layer(t->encoder, *t, nullptr, tokens, rest);
    run_layer(t->decoder, *t, t->queries, tokens, rest);
    for (int o = 0; o < t->outputs; ++o)
      for (int d = 0; d < DIM; ++d)
        row_of(*y, image, o, d / GRID)[d % GRID] = tokens[d * t->padded + t->targets[o]];
  });
}
