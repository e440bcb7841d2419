// The stem, a tile of its output at a time: the map between its two convolutions is never stored.
//
// The image is seen as 16 maps of the output's size (every fourth row and column), the map between
// as four, so that all taps are plain offsets.
#pragma once
#include <algorithm>

#include "planes.h"
#include "vectors.h"

struct Stem {
  int32_t inner, outputs, length, tile, margin, stride, live;  // inner: channels between, a phase each
  int32_t low, high;                                   // reach of the second convolution's taps
  Rows first, second;
  const float *first_bias, *bias;
  const int32_t *rows, *columns;  // of each inner channel's phase that lie inside the image
  const int32_t *channels;        // of the image that anything reads
};

INLINE int64_t scratch_floats(const Stem &s) {
  return int64_t(s.inner) * (s.tile + 2 * s.margin);
}

static void run_stem_tile(const Stem &s, const float *x, float *y, int64_t plane, int tile,
                          float *scratch) {
  const int from = tile * s.tile, to = std::min(s.length, from + s.tile);
  const int begin = std::max(0, from + s.low) / LANES * LANES;
  const int end = std::min(s.length, (to + s.high + LANES - 1) / LANES * LANES);
  const int64_t room = s.tile + 2 * s.margin;
  // Beyond the image nothing is written.
  if (from + s.low < 0 || to + s.high > s.length)
    std::memset(scratch, 0, sizeof(float) * s.inner * room);
  in_blocks(begin, end, [&](auto n, int f) {
    constexpr int V = decltype(n)::value;
    for (int i = 0; i < s.inner; ++i) {
      float *out = scratch + i * room + s.margin + f - from;
      vec sum[V];
      for (int v = 0; v < V; ++v) sum[v] = splat(s.first_bias[i]);
      gather<V>(sum, x + f, s.first, i);
      for (int v = 0; v < V; ++v) store(out + v * LANES, relu(sum[v]));
    }
  });
  for (int i = 0; i < s.inner; ++i)
    clear_outside(scratch + i * room + s.margin - from, begin, end, s.stride, s.rows[i], s.columns[i]);
  in_blocks(from, to, [&](auto n, int f) {
    constexpr int V = decltype(n)::value;
    for (int o = 0; o < s.outputs; ++o) {
      vec sum[V];
      for (int v = 0; v < V; ++v) sum[v] = splat(s.bias[o]);
      gather<V>(sum, scratch + s.margin + f - from, s.second, o);
      for (int v = 0; v < V; ++v) store(y + o * plane + f + v * LANES, relu(sum[v]));
    }
  });
}
