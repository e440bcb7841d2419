// Lightweight Transformer on one image. Vectors run over the tokens: a matrix is (64, tokens), the
// tokens padded to whole vectors; the padding is never read back.
#pragma once
#include <algorithm>
#include <cmath>

#include "sampling.h"
#include "vectors.h"

constexpr int GRID = 8, DIM = GRID * GRID;

struct Layer {
  Rows query, key, value, out, widen, narrow;  // query: with the 1 / sqrt(64); unused in a decoder
  const float *scale1, *shift1, *scale2, *shift2;
  float eps1, eps2;
  int32_t attends, feeds, feedforward;  // 0: no weight left on the way
};

struct Transformer {
  int32_t tokens, padded, inputs, outputs;
  const int32_t *channels, *targets;  // live channels of the input; of the output
  Rows input, output;                 // tokens from inputs; targets from tokens
  const float *start;                 // (tokens, 64): bias and the coordinate map's share
  const float *bias;                  // of the targets
  const float *queries;               // (64, padded): of the decoder, projected
  Layer encoder, decoder;
};

INLINE int64_t scratch_floats(const Transformer &t) {
  const int64_t wide = std::max({DIM, t.encoder.feedforward, t.decoder.feedforward});
  return wide * t.padded * 6 + int64_t(t.padded) * t.padded + int64_t(t.inputs) * DIM;
}

// Rows of the grid resized to `width` columns, as a product; the matrix lies in the caller's memory.
struct Widening {
  int stride;     // of the wide rows: whole vectors
  float *weight;  // (GRID, stride)

  static constexpr int stride_of(int width) { return (width + LANES - 1) / LANES * LANES; }
  static constexpr int64_t floats(int width) { return int64_t(GRID) * stride_of(width); }

  Widening(int width, float *room) : stride(stride_of(width)), weight(room) {
    std::fill(weight, weight + floats(width), 0.f);
    for (int j = 0; j < width; ++j) {
      int low, high;
      float share;
      sample_at(j, GRID, width, low, high, share);
      weight[low * stride + j] += 1 - share, weight[high * stride + j] += share;
    }
  }

  void widen(const float *row, float *out) const {
    in_blocks(0, stride, [&](auto n, int f) {
      constexpr int V = decltype(n)::value;
      vec sum[V] = {};
      for (int k = 0; k < GRID; ++k)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v)
          sum[v] += splat(row[k]) * load(weight + k * stride + f + v * LANES);
      for (int v = 0; v < V; ++v) store(out + f + v * LANES, sum[v]);
    });
  }
};

INLINE void to_grid(const float *x, int stride, const Samples &down, const Samples &across,
                    float *out) {
  float above[GRID], below[GRID];
  for (int i = 0; i < GRID; ++i) {
    across.resize(x + int64_t(down.low[i]) * stride, above);
    across.resize(x + int64_t(down.high[i]) * stride, below);
    for (int j = 0; j < GRID; ++j)
      out[i * GRID + j] = above[j] + down.share[i] * (below[j] - above[j]);
  }
}

INLINE void linear(const Rows &w, int rows, const float *x, float *y, int padded, bool positive) {
  in_blocks(0, padded, [&](auto n, int f) {
    constexpr int V = decltype(n)::value;
    for (int row = 0; row < rows; ++row) {
      vec sum[V] = {};
      gather<V>(sum, x + f, w, row);
      for (int v = 0; v < V; ++v)
        store(y + row * padded + f + v * LANES, positive ? relu(sum[v]) : sum[v]);
    }
  });
}

// out[r][i] = sum_k a[r * row_step + k * depth_step] * b[k][i]; rows come in fours.
INLINE void multiply(const float *a, int row_step, int depth_step, const float *b, int depth,
                     float *out, int rows, int padded) {
  for (int r = 0; r < rows; r += 4)
    in_blocks(0, padded, [&](auto n, int f) {
      constexpr int V = decltype(n)::value > 4 ? 4 : decltype(n)::value;
      for (int g = f; g < f + decltype(n)::value * LANES; g += V * LANES) {
        vec sum[4][V] = {};
        for (int k = 0; k < depth; ++k)
#pragma GCC unroll 4
          for (int q = 0; q < 4; ++q) {
            const vec value = splat(a[(r + q) * row_step + k * depth_step]);
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[q][v] += value * load(b + k * padded + g + v * LANES);
          }
        for (int q = 0; q < 4; ++q)
          for (int v = 0; v < V; ++v) store(out + (r + q) * padded + g + v * LANES, sum[q][v]);
      }
    });
}

// Over the first `count` rows, each column by itself.
INLINE void softmax(float *s, int count, int padded) {
  for (int f = 0; f < padded; f += LANES) {
    vec most = load(s + f), sum = {};
    for (int j = 1; j < count; ++j) most = larger(most, load(s + j * padded + f));
    for (int j = 0; j < count; ++j) {
      const vec e = exponential(load(s + j * padded + f) - most);
      sum += e;
      store(s + j * padded + f, e);
    }
    const vec inverse = 1.f / sum;
    for (int j = 0; j < count; ++j) store(s + j * padded + f, load(s + j * padded + f) * inverse);
  }
}

// x = norm(x + added), each column by itself.
INLINE void add_norm(float *x, const float *added, const float *scale, const float *shift, float eps,
                     int padded) {
  for (int f = 0; f < padded; f += LANES) {
    vec sum = {}, square = {};
    for (int d = 0; d < DIM; ++d) {
      vec value = load(x + d * padded + f);
      if (added) value += load(added + d * padded + f);
      store(x + d * padded + f, value);
      sum += value;
    }
    // Of a token that is nearly constant, the rounding of its mean would be most of the deviation.
    const vec rough = sum * (1.f / DIM);
    sum = vec{};
    for (int d = 0; d < DIM; ++d) {
      const vec value = load(x + d * padded + f) - rough;
      sum += value;
      square += value * value;
    }
    const vec rest = sum * (1.f / DIM);
    vec inverse = square * (1.f / DIM) - rest * rest + eps;
    for (int i = 0; i < LANES; ++i) inverse[i] = 1.f / std::sqrt(inverse[i]);
    for (int d = 0; d < DIM; ++d)
      store(x + d * padded + f,
            (load(x + d * padded + f) - rough - rest) * inverse * scale[d] + shift[d]);
  }
}

// Encoder (queries null: self-attention) or decoder layer, in place.
INLINE void run_layer(const Layer &l, const Transformer &t, const float *queries, float *x,
                      float *scratch) {
  const int padded = t.padded, wide = std::max(DIM, l.feedforward) * padded;
  float *query = scratch, *key = query + wide, *value = key + wide, *mixed = value + wide;
  float *weights = mixed + wide;
  if (l.attends) {
    linear(l.key, DIM, x, key, padded, false);
    linear(l.value, DIM, x, value, padded, false);
    if (!queries) linear(l.query, DIM, x, query, padded, false);
    multiply(key, 1, padded, queries ? queries : query, DIM, weights, (t.tokens + 3) / 4 * 4, padded);
    softmax(weights, t.tokens, padded);
    multiply(value, padded, 1, weights, t.tokens, mixed, DIM, padded);
    linear(l.out, DIM, mixed, query, padded, false);
  }
  add_norm(x, l.attends ? query : nullptr, l.scale1, l.shift1, l.eps1, padded);
  if (l.feeds) {
    linear(l.widen, l.feedforward, x, key, padded, true);
    linear(l.narrow, DIM, key, value, padded, false);
  }
  add_norm(x, l.feeds ? value : nullptr, l.scale2, l.shift2, l.eps2, padded);
}

// x: planes of one image; sampled: its live channels on the grid, (inputs, 64), or null;
// out: (outputs, 8, wide.stride), the grid's rows resized.
static void run_transformer(const Transformer &t, const float *x, int64_t plane, int height,
                            int width, int stride, const float *sampled,
                            const Widening &wide, float *out, float *scratch) {
  float *grid = scratch, *x_t = grid + int64_t(t.inputs) * DIM;
  float *tokens = x_t + int64_t(DIM) * t.padded, *rest = tokens + int64_t(DIM) * t.padded;
  if (sampled) std::memcpy(grid, sampled, sizeof(float) * t.inputs * DIM);
  if (!sampled) {
    float places[2][Samples::floats(GRID)];
    const Samples down(height, GRID, places[0]), across(width, GRID, places[1]);
    for (int c = 0; c < t.inputs; ++c)
      to_grid(x + t.channels[c] * plane, stride, down, across, grid + c * DIM);
  }
  std::memset(x_t, 0, sizeof(float) * DIM * t.padded);
  for (int i = 0; i < t.tokens; ++i)
    in_blocks(0, DIM, [&](auto n, int f) {
      constexpr int V = decltype(n)::value;
      vec sum[V];
      for (int v = 0; v < V; ++v) sum[v] = load(t.start + i * DIM + f + v * LANES);
      gather<V>(sum, grid + f, t.input, i);
      for (int v = 0; v < V; ++v)
        for (int k = 0; k < LANES; ++k) x_t[(f + v * LANES + k) * t.padded + i] = sum[v][k];
    });
  run_layer(t.encoder, t, nullptr, x_t, rest);
  run_layer(t.decoder, t, t.queries, x_t, rest);
  for (int i = 0; i < t.tokens; ++i)
    for (int d = 0; d < DIM; ++d) tokens[i * DIM + d] = x_t[d * t.padded + i];
  float *map = rest;
  for (int o = 0; o < t.outputs; ++o) {
    in_blocks(0, DIM, [&](auto n, int f) {
      constexpr int V = decltype(n)::value;
      vec sum[V];
      for (int v = 0; v < V; ++v) sum[v] = splat(t.bias[o]);
      gather<V>(sum, tokens + f, t.output, o);
      for (int v = 0; v < V; ++v) store(map + f + v * LANES, sum[v]);
    });
    for (int i = 0; i < GRID; ++i, out += wide.stride) wide.widen(map + i * GRID, out);
  }
}
