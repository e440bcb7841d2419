// MixConv path and residual of a search block, a tile of the output at a time.
//
// A feature map is flat: row after row, each followed by a gap, so that a kernel's tap is one
// offset and vectors run over rows. Gaps and places outside the image are cleared after a hidden
// channel is written. A stride-2 block sees its input as four maps of the output's size (even
// and odd rows and columns), so that its taps are plain offsets too.
#pragma once
#include <sched.h>

#include <algorithm>
#include <atomic>

#include "planes.h"
#include "sampling.h"
#include "transformer.h"
#include "vectors.h"

struct Block {
  int32_t hidden, outputs, chunk, chunks, phases;
  int32_t length, tile, margin;    // floats: of a plane, of a tile, beyond both ends of a tile
  int32_t width, stride, rim, rim_rows;  // of the output; rim: columns where constants vary
  Rows residual, expand, taps, project;  // project: chunk after chunk
  const float *expand_bias, *depthwise_bias, *bias;
  const int32_t *low, *high;                // reach of a chunk's taps
  const int32_t *live_phases;               // of a hidden channel, as bits
  const int32_t *rows, *columns;            // of each phase that lie inside the image
  const float *constants;    // whole planes in place of `bias`, or null
  const float *rim_values;   // difference to `bias`: output, class of row, 2 rim + 1 columns
  const int32_t *rim_class;  // class of each row
};

// The share of a coarser map in hidden channels (before their ReLU) and outputs: planes as wide as the
// output's, which are enlarged downwards here (bilinear).
struct Coarse {
  const float *data;
  int64_t image, plane;
  int32_t height, stride;
  const int32_t *hidden, *outputs;  // its plane for each, or -1
};

struct Coarser {
  const Coarse *list;
  int32_t count, image, height;  // height: of the output
};

// The share of a Transformer in some outputs of an image: planes of GRID rows as wide as the output's.
struct Global {
  const Transformer *of;  // or null
  const float *rows;
  int32_t stride;                   // of these rows
  const Samples *down;              // from them to the output's rows
  const std::atomic<bool> *ready;   // whether they are there: another thread may be at it
};

INLINE int64_t scratch_floats(const Block &b) {
  return int64_t(b.chunk) * (int64_t(b.phases) * (b.tile + 2 * b.margin) + b.tile);
}

// Bias and residual of an output in V vectors from `f` on; with `accumulate` they are added to y.
template <int V>
INLINE void start_output(vec (&sum)[V], const Block &b, const float *x, const float *y, int o, int f,
                         bool accumulate) {
  const int64_t at = int64_t(o) * b.length + f;
  for (int v = 0; v < V; ++v) {
    sum[v] = b.constants ? load(b.constants + at + v * LANES) : splat(b.bias[o]);
    if (accumulate) sum[v] += load(y + at + v * LANES);
  }
  gather<V>(sum, x + f, b.residual, o);
}

INLINE void start_tile(const Block &b, const float *x, float *y, int from, int to, bool accumulate) {
  for (int o = 0; o < b.outputs; ++o)
    in_blocks(from, to, [&](auto n, int f) {
      constexpr int V = decltype(n)::value;
      vec sum[V];
      start_output<V>(sum, b, x, y, o, f, accumulate);
      for (int v = 0; v < V; ++v) store(y + int64_t(o) * b.length + f + v * LANES, sum[v]);
    });
}

// Add a row between two others to places from..to of `out`, a flat plane, in its row `row`.
INLINE void add_row(const Block &b, const float *above, const float *below, float share, float *out,
                    int row, int from, int to) {
  const int start = row * b.stride;
  const int begin = std::max(from - start, 0), end = std::min(to - start, b.width);
  float *line = out + start;
  for (int j = begin; j < end; ++j) line[j] += above[j] + share * (below[j] - above[j]);
}

// Add rows of a coarse plane to places from..to of `out`, a flat plane.
INLINE void add_coarse(const Block &b, const Coarse &c, const float *plane, int height, float *out,
                       int from, int to) {
  for (int row = from / b.stride; row < height && row * b.stride < to; ++row) {
    int top, bottom;
    float share;
    sample_at(row, c.height, height, top, bottom, share);
    add_row(b, plane + int64_t(top) * c.stride, plane + int64_t(bottom) * c.stride, share, out, row,
            from, to);
  }
}

INLINE void add_within(float *y, int from, int to, int begin, int end, const float *value, int step) {
  const int first = std::max(from, begin), last = std::min(to, end);
  for (int f = first; f < last; ++f) y[f] += value[(f - begin) * step];
}

// The share of constant hidden channels near the image's border, where taps fall outside.
INLINE void add_rim(const Block &b, float *y, int from, int to) {
  const int columns = 2 * b.rim + 1;
  for (int o = 0; o < b.outputs; ++o) {
    float *out = y + int64_t(o) * b.length;
    const float *values = b.rim_values + int64_t(o) * b.rim_rows * columns;
    for (int row = from / b.stride; row * b.stride < to; ++row) {
      const int begin = row * b.stride, kind = b.rim_class[row];
      if (kind < 0) break;  // beyond the last row
      const float *value = values + kind * columns;
      add_within(out, from, to, begin, begin + b.rim, value, 1);
      if (value[b.rim] != 0)
        add_within(out, from, to, begin + b.rim, begin + b.width - b.rim, value + b.rim, 0);
      add_within(out, from, to, begin + b.width - b.rim, begin + b.width, value + b.rim + 1, 1);
    }
  }
}

// Bias of a hidden channel and the share of coarser maps in it.
INLINE void start_hidden(const Block &b, const Coarser &coarser, float *out, int h, int begin, int end) {
  if (begin >= end) return;  // all taps lie beyond the image
  std::fill(out + begin, out + end, b.expand_bias[h]);
  for (const Coarse *c = coarser.list; c < coarser.list + coarser.count; ++c)
    if (c->hidden[h] >= 0)
      add_coarse(b, *c, c->data + coarser.image * c->image + c->hidden[h] * c->plane,
                 coarser.height, out, begin, end);
}

// Hidden channels of a chunk over the tile and the margin that their taps reach. In blocks of all
// channels: what these read of x then comes from the first level of the cache.
INLINE void expand_chunk(const Block &b, const Coarser &coarser, const float *x, float *hidden,
                         int chunk, int from, int to) {
  const int first = chunk * b.chunk, last = std::min(b.hidden, first + b.chunk);
  const int begin = std::max(0, from + b.low[chunk]) / LANES * LANES;
  const int end = std::min(b.length, (to + b.high[chunk] + LANES - 1) / LANES * LANES);
  const int room = b.tile + 2 * b.margin;
  for (int phase = 0; phase < b.phases; ++phase) {
    const int64_t plane = int64_t(phase) * b.length;
    float *outs = hidden + int64_t(phase) * room + b.margin - from;
    const auto out_of = [&](int h) { return outs + int64_t(h - first) * b.phases * room; };
    const auto live = [&](int h) { return b.live_phases[h] >> phase & 1; };
    if (coarser.count)
      for (int h = first; h < last; ++h) start_hidden(b, coarser, out_of(h), h, begin, end);
    in_blocks(begin, end, [&](auto n, int f) {
      constexpr int V = decltype(n)::value;
      for (int h = first; h < last; ++h) {
        if (!live(h)) continue;
        float *out = out_of(h) + f;
        vec sum[V];
        for (int v = 0; v < V; ++v)
          sum[v] = coarser.count ? load(out + v * LANES) : splat(b.expand_bias[h]);
        gather<V>(sum, x + plane + f, b.expand, h);
        for (int v = 0; v < V; ++v) store(out + v * LANES, relu(sum[v]));
      }
    });
    for (int h = first; h < last; ++h)
      if (live(h))
        clear_outside(out_of(h), begin, end, b.stride, b.rows[phase], b.columns[phase]);
  }
}

// Zeros in hidden planes where a tile's margins lie beyond the image. Nothing is written there: they
// serve all chunks.
INLINE void clear_beyond(const Block &b, float *hidden, int from) {
  const int plane = b.tile + 2 * b.margin, end = b.length - from + b.margin;
  for (int i = 0; i < std::min(b.chunk, b.hidden) * b.phases; ++i, hidden += plane) {
    if (from < b.margin) std::memset(hidden, 0, sizeof(float) * (b.margin - from));
    if (end < plane) std::memset(hidden + end, 0, sizeof(float) * (plane - end));
  }
}

INLINE void depthwise_channel(const Block &b, const float *hidden, float *out, int h, int size) {
  in_blocks(0, size, [&](auto n, int f) {
    constexpr int V = decltype(n)::value;
    vec sum[V];
    for (int v = 0; v < V; ++v) sum[v] = splat(b.depthwise_bias[h]);
    gather<V>(sum, hidden + b.margin + f, b.taps, h);
    for (int v = 0; v < V; ++v) store(out + f + v * LANES, relu(sum[v]));
  });
}

// Add a chunk's share in the outputs. With `starts` nothing is there yet but what `accumulate` says.
INLINE void project_chunk(const Block &b, const float *channels, const float *x, float *y, int chunk,
                          int from, int to, bool starts, bool accumulate) {
  in_blocks(from, to, [&](auto n, int f) {
    constexpr int V = decltype(n)::value;
    for (int o = 0; o < b.outputs; ++o) {
      const int row = chunk * b.outputs + o;
      if (!starts && b.project.start[row] == b.project.start[row + 1]) continue;
      float *out = y + int64_t(o) * b.length + f;
      vec sum[V];
      if (starts)
        start_output<V>(sum, b, x, y, o, f, accumulate);
      else
        for (int v = 0; v < V; ++v) sum[v] = load(out + v * LANES);
      gather<V>(sum, channels + f - from, b.project, row);
      for (int v = 0; v < V; ++v) store(out + v * LANES, sum[v]);
    }
  });
}

INLINE void wait_for(const Global &g) {
  while (g.of && !*g.ready) sched_yield();
}

INLINE void add_global(const Block &b, const Global &g, float *y, int from, int to) {
  const Samples &down = *g.down;
  for (int row = from / b.stride; row * b.stride < to && row < down.count; ++row)
    for (int i = 0; i < g.of->outputs; ++i) {
      const float *plane = g.rows + int64_t(i) * GRID * g.stride;
      add_row(b, plane + down.low[row] * g.stride, plane + down.high[row] * g.stride,
              down.share[row], y + int64_t(g.of->targets[i]) * b.length, row, from, to);
    }
}

// x: planes of one image (phases of a channel side by side); y: its output planes.
static void run_tile(const Block &b, const Coarser &coarser, const Global &global, const float *x,
                     float *y, int tile, bool accumulate, float *scratch) {
  const int from = tile * b.tile, to = std::min(b.length, from + b.tile), size = to - from;
  if (x == y) wait_for(global);  // it reads x
  // With the first chunk, unless something is added before that.
  const bool late = b.chunks && !b.rim_values && !coarser.count;
  if (!late) start_tile(b, x, y, from, to, accumulate);
  if (b.rim_values) add_rim(b, y, from, to);
  for (const Coarse *c = coarser.list; c < coarser.list + coarser.count; ++c)
    for (int o = 0; o < b.outputs; ++o)
      if (c->outputs[o] >= 0)
        add_coarse(b, *c, c->data + coarser.image * c->image + c->outputs[o] * c->plane,
                   coarser.height, y + int64_t(o) * b.length, from, to);
  const int64_t room = int64_t(b.phases) * (b.tile + 2 * b.margin);
  float *hidden = scratch, *channels = scratch + room * b.chunk;
  clear_beyond(b, hidden, from);
  for (int chunk = 0; chunk < b.chunks; ++chunk) {
    const int first = chunk * b.chunk, last = std::min(b.hidden, first + b.chunk);
    expand_chunk(b, coarser, x, hidden, chunk, from, to);
    for (int h = first; h < last; ++h)
      depthwise_channel(b, hidden + (h - first) * room, channels + int64_t(h - first) * b.tile, h,
                        size);
    project_chunk(b, channels, x, y, chunk, from, to, late && !chunk, accumulate);
  }
  wait_for(global);
  if (global.of) add_global(b, global, y, from, to);
}
