// Where the values of a map lie: planes of rows with a gap after each, as mmst/deploy/sparse lays
// them out.
#pragma once
#include "layers_read.h"

constexpr int ALIGNMENT = 16, BLOCK_TILE = 2048, CHUNK = 131072, LEAST = 8, SMALL_PLANE = 2048;
constexpr int STEM_TILE = 1024;

inline int64_t up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }
inline int halved(int length, int stride) { return (length + stride - 1) / stride; }
inline int below(int value, int step) { return value >= 0 ? value / step : -((step - 1 - value) / step); }

struct Layout {
  int height, width, gap;
  int stride() const { return width + gap; }
  int64_t plane() const { return up(int64_t(height) * stride(), ALIGNMENT); }
};

inline Map map_of(float *data, const Layout &l, int channels) {
  return {data, l.plane() * channels, l.plane(), l.height, l.width, l.stride(), 1, channels};
}

// Rows, or columns, of a map of `length` that have each phase under a stride.
inline int of_phase(int length, int stride, int phase) { return halved(length - phase, stride); }

// A tap of a kernel of `size` under a stride: the phase that it reads, and how far from its place.
struct Tap {
  int phase, shift;
  Tap(int tap, int size, int stride, int row) {
    const int y = tap / size - size / 2, x = tap % size - size / 2;
    const int down = below(y, stride), right = below(x, stride);
    phase = (y - down * stride) * stride + (x - right * stride), shift = down * row + right;
  }
};

// The farthest that any tap reads, in whole vectors.
inline int margin_of(int size, int stride, int row) {
  int most = 0;
  for (int tap = 0; tap < size * size; ++tap)
    most = std::max(most, std::abs(Tap(tap, size, stride, row).shift));
  return up(most, ALIGNMENT);
}

constexpr int64_t MOST = INT32_MAX;  // positions are counted in 32 bits
