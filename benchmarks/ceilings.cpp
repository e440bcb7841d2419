// What one core of the machine can do at best: multiply-adds and bytes a second.
#include <chrono>
#include <vector>

#include "vectors.h"

static double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

extern "C" {

// Multiply-adds a second, all operands in registers.
double multiply_adds() {
  double best = 0;
  for (int trial = 0; trial < 20; ++trial) {
    constexpr int COUNT = 12;
    vec sum[COUNT];
    for (int i = 0; i < COUNT; ++i) sum[i] = splat(float(i));
    volatile float factor = .999f;
    const vec a = splat(factor), b = splat(factor * .001f);
    const int rounds = 1 << 18;
    const double start = seconds();
    for (int r = 0; r < rounds; ++r)
#pragma GCC unroll 12
      for (int i = 0; i < COUNT; ++i) sum[i] = sum[i] * a + b;
    const double spent = seconds() - start;
    vec all = {};
    for (int i = 0; i < COUNT; ++i) all += sum[i];
    volatile float keep = all[0];
    (void)keep;
    best = std::max(best, double(rounds) * COUNT * LANES / spent);
  }
  return best;
}

// Bytes a second that are read or written by y = x + c * y on two arrays of `floats` each.
double stream(int64_t floats) {
  std::vector<float> x(floats, 1.f), y(floats, 2.f);
  double best = 0;
  for (int trial = 0; trial < 20; ++trial) {
    const double start = seconds();
    const int passes = std::max<int64_t>(1, (1 << 22) / floats);
    for (int pass = 0; pass < passes; ++pass)
      for (int64_t i = 0; i + LANES <= floats; i += LANES)
        store(&y[i], load(&x[i]) + load(&y[i]) * .5f);
    best = std::max(best, 12. * floats * passes / (seconds() - start));
  }
  return best;
}
}
