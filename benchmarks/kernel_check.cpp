// A search block by the kernel against plain loops in double, where there is no Python:
//
//   aarch64-linux-gnu-g++ -O3 -std=c++17 -static -pthread -fno-math-errno -fno-trapping-math \
//     -fno-signed-zeros -Immst/deploy/sparse/kernel -Immst/native/include \
//     benchmarks/kernel_check.cpp -o kernel_check
//   qemu-aarch64 ./kernel_check
#include <cstdio>
#include <random>

#include "sparse.cpp"

namespace {

constexpr int IN = 6, OUT = 5, HIDDEN = 40, HEIGHT = 70, WIDTH = 50, GAP = 3, KERNEL = 7;
constexpr int STRIDE = WIDTH + GAP, LENGTH = (HEIGHT * STRIDE + 15) / 16 * 16;
constexpr int TILE = 1024, MARGIN = (3 * STRIDE + 3 + 15) / 16 * 16, PART = 16;

std::mt19937 draw(0);

struct Weights {  // dense in double, and its rows for the kernel
  int rows, columns;
  std::vector<double> dense;
  std::vector<int32_t> start{0}, offset;
  std::vector<float> value;

  Weights(int rows, int columns, double density) : rows(rows), columns(columns) {
    std::normal_distribution<float> normal;
    std::bernoulli_distribution kept(density);
    for (int i = 0; i < rows * columns; ++i) dense.push_back(kept(draw) ? normal(draw) * .3f : 0);
  }

  template <class Place>
  Rows at(Place place) {
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < columns; ++c)
        if (dense[r * columns + c] != 0) {
          offset.push_back(place(c));
          value.push_back(float(dense[r * columns + c]));
        }
      start.push_back(int32_t(offset.size()));
    }
    return {start.data(), offset.data(), value.data()};
  }
};

}  // namespace

int main() {
  std::normal_distribution<float> normal;
  alignas(64) static float x[IN * LENGTH], y[OUT * LENGTH];
  for (int c = 0; c < IN; ++c)
    for (int f = 0; f < LENGTH; ++f)
      x[c * LENGTH + f] = f % STRIDE < WIDTH && f < HEIGHT * STRIDE ? normal(draw) : 0;
  Weights residual(OUT, IN, .5), expand(HIDDEN, IN, .4), taps(HIDDEN, KERNEL * KERNEL, .3);
  Weights project(OUT, HIDDEN, .3);
  const int chunks = (HIDDEN + PART - 1) / PART;
  Weights parts(chunks * OUT, PART, 0);
  for (int o = 0; o < OUT; ++o)
    for (int h = 0; h < HIDDEN; ++h)
      parts.dense[(h / PART * OUT + o) * PART + h % PART] = project.dense[o * HIDDEN + h];
  float expand_bias[HIDDEN], depthwise_bias[HIDDEN], bias[OUT];
  std::vector<int32_t> low(chunks, -3 * STRIDE - 3), high(chunks, 3 * STRIDE + 3);
  std::vector<int32_t> phases(HIDDEN, 1);
  const int32_t rows = HEIGHT, columns = WIDTH;
  for (int h = 0; h < HIDDEN; ++h) expand_bias[h] = normal(draw), depthwise_bias[h] = normal(draw);
  for (float &b : bias) b = normal(draw);

  Block b{};
  b.hidden = HIDDEN, b.outputs = OUT, b.chunk = PART, b.chunks = chunks, b.phases = 1;
  b.length = LENGTH, b.tile = TILE, b.margin = MARGIN, b.width = WIDTH, b.stride = STRIDE;
  b.residual = residual.at([](int c) { return c * LENGTH; });
  b.expand = expand.at([](int c) { return c * LENGTH; });
  b.taps = taps.at([](int c) { return (c / KERNEL - 3) * STRIDE + c % KERNEL - 3; });
  b.project = parts.at([](int c) { return c * TILE; });
  b.expand_bias = expand_bias, b.depthwise_bias = depthwise_bias, b.bias = bias;
  b.low = low.data(), b.high = high.data(), b.live_phases = phases.data();
  b.rows = &rows, b.columns = &columns;
  const Map in{x, IN * LENGTH, LENGTH, HEIGHT, WIDTH, STRIDE, 1, IN};
  const Map out{y, OUT * LENGTH, LENGTH, HEIGHT, WIDTH, STRIDE, 1, OUT};
  search_block(&b, nullptr, &in, &out, nullptr, 0, nullptr, 0, nullptr, 0, 2);

  double largest = 0, error = 0;
  std::vector<double> wide(HIDDEN * HEIGHT * WIDTH);
  for (int h = 0; h < HIDDEN; ++h)
    for (int i = 0; i < HEIGHT * WIDTH; ++i) {
      double sum = expand_bias[h];
      for (int c = 0; c < IN; ++c)
        sum += expand.dense[h * IN + c] * x[c * LENGTH + i / WIDTH * STRIDE + i % WIDTH];
      wide[h * HEIGHT * WIDTH + i] = std::max(sum, 0.);
    }
  for (int i = 0; i < HEIGHT; ++i)
    for (int j = 0; j < WIDTH; ++j) {
      double sums[OUT];
      for (int o = 0; o < OUT; ++o) {
        sums[o] = bias[o];
        for (int c = 0; c < IN; ++c)
          sums[o] += residual.dense[o * IN + c] * x[c * LENGTH + i * STRIDE + j];
      }
      for (int h = 0; h < HIDDEN; ++h) {
        double sum = depthwise_bias[h];
        for (int t = 0; t < KERNEL * KERNEL; ++t) {
          const int row = i + t / KERNEL - 3, column = j + t % KERNEL - 3;
          if (row >= 0 && row < HEIGHT && column >= 0 && column < WIDTH)
            sum += taps.dense[h * KERNEL * KERNEL + t] *
                   wide[(h * HEIGHT + row) * WIDTH + column];
        }
        for (int o = 0; o < OUT; ++o) sums[o] += project.dense[o * HIDDEN + h] * std::max(sum, 0.);
      }
      for (int o = 0; o < OUT; ++o) {
        largest = std::max(largest, std::abs(sums[o]));
        error = std::max(error, std::abs(sums[o] - y[o * LENGTH + i * STRIDE + j]));
      }
    }
  std::printf("%d lanes, relative error %.1e\n", LANES, error / largest);
  return error / largest < 1e-5 ? 0 : 1;
}
