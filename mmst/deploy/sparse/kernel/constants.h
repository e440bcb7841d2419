// The share of hidden channels that no input reaches: one number but near the border, where the taps
// of some fall outside the image.
#pragma once
#include "layouts.h"

// Places of an axis that stand for all: the same rows near either border, one between them.
struct Axis {
  int whole, known, rim, proxy;

  Axis(int length, int stride, int size) : rim(size / 2) {
    const int enough = stride * (2 * rim + 1);
    proxy = length < enough ? length : std::min(length, enough + (length - enough) % stride);
    whole = halved(length, stride), known = halved(proxy, stride);
  }

  int place(int row) const {
    if (whole <= known) return row;
    if (row < rim) return std::min(row, known - 1);
    return row >= whole - rim ? row - (whole - known) : std::min(rim, known - 1);
  }
};

// The places of an axis, from `first` to before `end`, where a tap that lies `off` from the middle falls
// inside the image.
struct Inside {
  int first, end;

  Inside(const Axis &axis, int stride, int off)
      : first(off < 0 ? (stride - 1 - off) / stride : 0),
        end(std::min(axis.known, off < axis.proxy ? (axis.proxy - off + stride - 1) / stride : 0)) {}
};

// A constant hidden channel at every place.
inline void constant_hidden(const BlockLayer &l, const Axis &rows, const Axis &columns, int32_t h,
                            double *out) {
  const int64_t places = int64_t(rows.known) * columns.known;
  const double value = std::max(double(l.constant_value[h]), 0.);
  std::fill(out, out + places, double(l.constant_bias[h]));
  for (int32_t j = l.constant_taps.start[h]; j < l.constant_taps.start[h + 1]; ++j) {
    const int tap = l.constant_taps.column[j];
    const Inside y(rows, l.stride, tap / l.size - l.size / 2), x(columns, l.stride, tap % l.size - l.size / 2);
    const double share = double(l.constant_taps.value[j]) * value;
    for (int row = y.first; row < y.end; ++row)
      for (int column = x.first; column < x.end; ++column) out[row * columns.known + column] += share;
  }
  for (int64_t i = 0; i < places; ++i) out[i] = std::max(out[i], 0.);
}

// Every output at every place that stands for others, (outputs, rows.known, columns.known). All places of
// a channel at once: such loops are vectors.
inline void constant_share(const BlockLayer &l, const Axis &rows, const Axis &columns, double *hidden,
                           double *out) {
  const int64_t places = int64_t(rows.known) * columns.known;
  for (int32_t h = 0; h < l.constants; ++h) constant_hidden(l, rows, columns, h, hidden + h * places);
  for (int32_t o = 0; o < l.outputs; ++o, out += places) {
    std::fill(out, out + places, 0.);
    for (int32_t j = l.constant_project.start[o]; j < l.constant_project.start[o + 1]; ++j) {
      const double weight = l.constant_project.value[j];
      const double *from = hidden + l.constant_project.column[j] * places;
      for (int64_t i = 0; i < places; ++i) out[i] += weight * from[i];
    }
    for (int64_t i = 0; i < places; ++i) out[i] += l.bias[o];
  }
}

// Fills a plan's constants in.
inline void plan_constants(const BlockLayer &l, int height, int width, const Layout &out, Arena &arena,
                           Block &b) {
  const Axis rows(height, l.stride, l.size), columns(width, l.stride, l.size);
  const int64_t places = int64_t(rows.known) * columns.known, plane = out.plane();
  const int rim = l.size / 2, across = 2 * rim + 1;
  const bool whole = plane <= SMALL_PLANE || std::min(out.height, out.width) < across;
  float *bias = arena.take<float>(l.outputs), *values = nullptr;
  int32_t *kinds = nullptr;
  b.bias = bias, b.constants = nullptr, b.rim_values = nullptr, b.rim_class = nullptr;
  b.rim = b.rim_rows = 0;
  const int lines = plane / out.stride() + 2;
  if (l.constants && whole) values = arena.take<float>(l.outputs * plane);
  if (l.constants && !whole) {
    values = arena.take<float>(int64_t(l.outputs) * rows.known * across);
    kinds = arena.take<int32_t>(lines);
  }
  const int64_t before = arena.mark();
  auto *hidden = arena.take<double>(l.constants * places), *share = arena.take<double>(l.outputs * places);
  arena.back_to(before);
  if (arena.counts()) return;
  constant_share(l, rows, columns, hidden, share);
  const int64_t middle = int64_t(rows.place(out.height / 2)) * columns.known + columns.place(out.width / 2);
  for (int32_t o = 0; o < l.outputs; ++o) bias[o] = share[o * places + middle];
  if (!l.constants) return;
  if (whole) {
    std::memset(values, 0, sizeof(float) * l.outputs * plane);
    for (int32_t o = 0; o < l.outputs; ++o)
      for (int y = 0; y < out.height; ++y)
        for (int x = 0; x < out.width; ++x)
          values[o * plane + y * out.stride() + x] =
              share[o * places + rows.place(y) * columns.known + columns.place(x)];
    b.constants = values;
    return;
  }
  for (int32_t o = 0; o < l.outputs; ++o)
    for (int y = 0; y < rows.known; ++y)
      for (int k = 0; k < across; ++k) {
        const int x = k <= rim ? k : out.width - across + k;
        values[(int64_t(o) * rows.known + y) * across + k] =
            share[o * places + y * columns.known + columns.place(x)] - share[o * places + middle];
      }
  for (int y = 0; y < lines; ++y) kinds[y] = y < out.height ? rows.place(y) : -1;
  b.rim = rim, b.rim_rows = rows.known, b.rim_values = values, b.rim_class = kinds;
}
