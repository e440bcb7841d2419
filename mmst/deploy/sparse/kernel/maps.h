// Feature maps of several images, and their parts under a stride.
#pragma once
#include <algorithm>

#include "vectors.h"

// A map: n images of c planes.
struct Map {
  float *data;
  int64_t image, plane;  // floats from one to the next
  int32_t height, width, stride, images, channels;
};

// Every `step`-th value of a row, from the first, second... on, as `step` rows `plane` floats apart.
INLINE void split_row(const float *x, int width, int step, float *out, int64_t plane) {
  int i = 0;
  if (step == 2)
    for (; 2 * (i + LANES) <= width; i += LANES) {
      const Apart found = apart(load(x + 2 * i), load(x + 2 * i + LANES));
      store(out + i, found.even), store(out + plane + i, found.odd);
    }
  if (step == 4)
    for (; 4 * (i + LANES) <= width; i += LANES) {
      const float *in = x + 4 * i;
      const Apart left = apart(load(in), load(in + LANES));
      const Apart right = apart(load(in + 2 * LANES), load(in + 3 * LANES));
      const Apart even = apart(left.even, right.even), odd = apart(left.odd, right.odd);
      store(out + i, even.even), store(out + plane + i, odd.even);
      store(out + 2 * plane + i, even.odd), store(out + 3 * plane + i, odd.odd);
    }
  for (int left = 0; left < step; ++left, out += plane)
    for (int j = i; j * step + left < width; ++j) out[j] = x[j * step + left];
}

// Every `step`-th row and column of one plane, from the first, second... on, as step^2 planes; zeros
// in the gaps.
static void split(const float *x, int height, int width, int row, int step, float *out, int64_t plane,
                  int out_height, int out_stride, int64_t used) {
  for (int top = 0; top < step; ++top, out += step * plane) {
    for (int y = 0; y < out_height; ++y) {
      float *to = out + int64_t(y) * out_stride;
      const bool inside = y * step + top < height;
      const float *in = x + int64_t(y * step + top) * row;
      if (inside && step == 1)
        std::memcpy(to, in, sizeof(float) * width);
      else if (inside)
        split_row(in, width, step, to, plane);
      for (int left = 0; left < step; ++left) {
        const int there = inside ? std::max(0, (width - left + step - 1) / step) : 0;
        std::memset(to + left * plane + there, 0, sizeof(float) * (out_stride - there));
      }
    }
    for (int left = 0; left < step; ++left)
      std::memset(out + left * plane + int64_t(out_height) * out_stride, 0,
                  sizeof(float) * (used - int64_t(out_height) * out_stride));
  }
}
