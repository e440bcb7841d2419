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

// Every `step`-th row and column of one plane, from the first, second... on, as step^2 planes; zeros
// in the gaps.
static void split(const float *x, int height, int width, int row, int step, float *out, int64_t plane,
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
