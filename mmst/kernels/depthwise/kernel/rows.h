// Rows of one vector of channels, and the sums over them.
#pragma once
#include <cstdint>

#include "channels.h"

// Outputs that stay in registers at a time. Rows are padded so that whole steps can be computed.
constexpr int STEP = 8;
constexpr int whole_steps(int count) { return (count + STEP - 1) / STEP * STEP; }

// out[x] = sum over rows r and taps t of rows[r][x + t] * weights[r][t], for whole steps of x.
// A value is loaded once for all taps that meet it.
template <class T, int TAPS>
void correlate(const vec<T> *const *rows, const vec<T> *const *weights, int row_count, vec<T> *out,
               int count) {
  for (int x = 0; x < count; x += STEP) {
    vec<T> sum[STEP] = {};
    for (int r = 0; r < row_count; ++r) {
      const vec<T> *in = rows[r] + x, *w = weights[r];
#pragma GCC unroll 16
      for (int i = 0; i < STEP + TAPS - 1; ++i) {
        const vec<T> value = in[i];
#pragma GCC unroll 8
        for (int t = 0; t < TAPS; ++t)
          if (i - t >= 0 && i - t < STEP) sum[i - t] += w[t] * value;
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < STEP; ++i) out[x + i] = sum[i];
  }
}

// sums[t] += sum over x of in[x + t] * gradient[x]; the gradient's padding is 0.
template <class T, int TAPS>
void tap_products(const vec<T> *in, const vec<T> *gradient, int count, vec<T> *sums) {
  vec<T> sum[TAPS] = {};  // a row's own: long sums in one float lose digits
  for (int x = 0; x < count; x += STEP) {
    vec<T> g[STEP];
#pragma GCC unroll 8
    for (int i = 0; i < STEP; ++i) g[i] = gradient[x + i];
#pragma GCC unroll 16
    for (int i = 0; i < STEP + TAPS - 1; ++i) {
      const vec<T> value = in[x + i];
#pragma GCC unroll 8
      for (int t = 0; t < TAPS; ++t)
        if (i - t >= 0 && i - t < STEP) sum[t] += g[i - t] * value;
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < TAPS; ++t) sums[t] += sum[t];
}
