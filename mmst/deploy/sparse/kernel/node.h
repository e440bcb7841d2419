// Operations between layers, of maps' channels, sums and sizes: read, checked, run.
#pragma once
#include "layers_read.h"
#include "layouts.h"
#include "nodes.h"
#include "shape.h"

struct Node {
  int32_t other;                  // ADD: the second map
  Extent extent;                  // RESIZE, ONES, VALUES
  Array<int32_t> sources, channels;  // GATHER: a map, or -1, and a channel of it, for each
  Array<float> values;            // SHIFT: a number for each channel, or none; VALUES
  TransformerLayer mixer;
  int32_t count;                  // VALUES: channels

  void read(Reader &r, int32_t kind, const Shape &in) {
    if (kind == ADD) other = r.number(0, MOST_SLOTS - 1);
    if (kind == RESIZE || kind == VALUES) extent.read(r);
    if (kind == ONES) extent = {r.number(0, MOST_LEVEL), 0, 0};
    if (kind == GATHER) {
      const int32_t count = r.number(1, MOST_CHANNELS);
      r.numbers(sources, count, -1, MOST_SLOTS - 1);
      r.numbers(channels, count, 0, MOST_CHANNELS - 1);
    }
    if (kind == SHIFT && r.number(0, 1)) r.floats(values, in.channels);
    if (kind == VALUES) {
      count = r.number(1, MOST_CHANNELS);
      r.floats(values, int64_t(count) * extent.height * extent.width);
      if (!extent.height) r.fail();
    }
    if (kind == MIXER) mixer.read_layers(r);
  }

  // The shape of the result; false: it cannot be.
  bool follow(int32_t kind, bool flag, const Shape *shapes, const Shape &in, Shape &out) const {
    out = in;
    switch (kind) {
      case MEAN: out.extent = {0, 1, 1}; return in.there;
      case SHIFT: return in.there;
      case ADD: return in.there && shapes[other].there && in == shapes[other];
      case RESIZE:
        out.extent = extent;
        // Enlarged to twice its size: by a level.
        return in.there && (!flag || (!in.extent.height && !extent.height && extent.level + 1 == in.extent.level));
      case ONES: out = {true, 1, extent}; return true;
      case VALUES: out = {true, count, extent}; return true;
      case MIXER:
        out.channels = mixer.plan.outputs;
        return in.there && in.channels == mixer.plan.tokens && in.extent == Extent{0, GRID, GRID};
      case GATHER:
        out.channels = sources.size;
        for (int64_t i = 0; i < sources.size; ++i) {
          if (sources[i] < 0) continue;
          const Shape &from = shapes[sources[i]];
          if (!from.there || !(from.extent == in.extent) || channels[i] >= from.channels) return false;
        }
        return in.there;
    }
    return false;
  }
};

inline Need need_of(int32_t kind, const Node &n, int width) {
  if (kind == RESIZE) return {0, Samples::floats(width), 0};
  return {0, 0, kind == MIXER ? scratch_floats(n.mixer.plan) : 0};
}

// `maps`: by number.
template <class Context>
void run_node(Context &c, int32_t kind, bool flag, const Node &n, const Map *maps, const Map &x,
              const Map &y) {
  switch (kind) {
    case MEAN: return run_mean(c, &x, &y);
    case SHIFT: return run_shift(c, &x, n.values.size ? n.values.data : nullptr, flag, &y);
    case ADD: return run_add(c, &x, &maps[n.other], &y);
    case RESIZE: return flag ? run_double(c, &x, &y) : run_resize(c, &x, &y);
    case GATHER: return run_gather(c, maps, n.sources.data, n.channels.data, &y);
    case MIXER: return run_mixer(c, &n.mixer.plan, &x, &y);
    default:  // ONES, VALUES
      by_rows(c, y, [&](int, int channel, int row, float *out) {
        const int64_t at = (int64_t(channel) * y.height + row) * y.width;
        for (int i = 0; i < y.width; ++i) out[i] = kind == ONES ? 1 : n.values[at + i];
      });
  }
}
