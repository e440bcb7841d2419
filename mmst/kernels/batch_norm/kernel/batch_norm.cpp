// Batch normalisation in training, with the ReLU that follows it, of maps in NHWC: `rows` pixels of
// `channels` numbers.
//
// Maps are larger than caches, so that passes over them take the time: two forward, two
// backward, where statistics, normalisation and ReLU would each take their own. Pixels are cut into
// blocks, and of a block a few vectors of channels, which fit in a core's cache, are summed at a time.
// The blocks' sums are put together in double precision in their order. Blocks do not depend on the
// number of threads, nor do results.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "channels.h"
#include "pool.h"

extern "C" {
struct Norm {
  int64_t rows;
  int32_t channels, relu;
  double eps, momentum;
  const void *x, *weight, *bias;
  void *running_mean, *running_var;
  void *mean, *inverse_std;  // of each channel
  void *slope, *shift;       // y = x * slope + shift; may be null
  void *y;                   // may be null; no gradient and no y shares memory with what is read
  const void *y_gradient;
  void *x_gradient, *weight_gradient, *bias_gradient;
};
}

namespace {

constexpr int VECTORS = 4;  // that are summed side by side
// Pixels of a block: the sums kept of each must stay small next to it, and a float's sums short.
constexpr int64_t LEAST = 128, MOST = 512, BLOCK_BYTES = 1 << 16;

// Call work(constant number of vectors, first channel, channels of a vector) for all channels. The
// last vector overlaps its neighbour, so that it is a whole one where there are channels for it; what
// is computed twice must not be written over what it is computed from.
template <class T, class Work>
INLINE void over_channels(int channels, Work work) {
  constexpr int LANES = Vector<T>::LANES;
  int first = 0;
  for (; first + VECTORS * LANES <= channels; first += VECTORS * LANES)
    work(std::integral_constant<int, VECTORS>{}, first, LANES);
  for (; first < channels; first += LANES)
    work(std::integral_constant<int, 1>{}, std::max(0, std::min(first, channels - LANES)),
         std::min(LANES, channels));
}

template <class T>
class BatchNorm {
 public:
  BatchNorm(const Norm &n, int threads)
      : n_(n), threads_(threads),
        size_(std::min(MOST, std::max<int64_t>(LEAST, BLOCK_BYTES / int64_t(sizeof(T)) / n.channels))),
        count_((n.rows + size_ - 1) / size_), parts_(2 * count_ * n.channels) {}

  void forward() {
    over_blocks([&](int64_t block, int64_t row, int64_t rows) { statistics(block, row, rows); });
    combine_statistics();
    if (n_.y) over_blocks([&](int64_t, int64_t row, int64_t rows) { normalize(row, rows); });
  }

  void backward() {
    set_affine();
    over_blocks([&](int64_t block, int64_t row, int64_t rows) { sums(block, row, rows); });
    combine_sums();
    if (n_.x_gradient)
      over_blocks([&](int64_t, int64_t row, int64_t rows) { input_gradient(row, rows); });
  }

 private:
  template <class Work>
  void over_blocks(Work work) {
    Pool::run(int(count_), threads_, [&](int block, int) {
      const int64_t row = block * size_;
      work(block, row, std::min(size_, n_.rows - row));
    });
  }

  // Mean and sum of squared deviations of a block.
  void statistics(int64_t block, int64_t row, int64_t rows) {
    const int64_t pixel = n_.channels;
    const T *x = map(n_.x) + row * pixel;
    T *mean = part(block, 0), *squares = part(block, 1);
    over_channels<T>(n_.channels, [&](auto vectors, int first, int lanes) {
      constexpr int N = decltype(vectors)::value, LANES = Vector<T>::LANES;
      vec<T> sum[N] = {}, square[N] = {};
      for (int64_t r = 0; r < rows; ++r)
        for (int v = 0; v < N; ++v) sum[v] += load<T>(x + r * pixel + first + v * LANES, lanes);
      for (int v = 0; v < N; ++v) sum[v] /= T(rows);
      for (int64_t r = 0; r < rows; ++r)
        for (int v = 0; v < N; ++v) {
          const vec<T> d = load<T>(x + r * pixel + first + v * LANES, lanes) - sum[v];
          square[v] += d * d;
        }
      for (int v = 0; v < N; ++v) {
        store<T>(mean + first + v * LANES, sum[v], lanes);
        store<T>(squares + first + v * LANES, square[v], lanes);
      }
    });
  }

  // Of all blocks together (Chan, Golub and LeVeque's update), and the running statistics.
  void combine_statistics() {
    const int channels = n_.channels;
    std::vector<double> mean(channels), squares(channels);
    for (int64_t block = 0; block < count_; ++block) {
      const double before = double(block * size_), rows = std::min(size_, n_.rows - block * size_);
      const double share = rows / (before + rows), weight = before * share;
      const T *its_mean = part(block, 0), *its_squares = part(block, 1);
      for (int c = 0; c < channels; ++c) {
        const double d = its_mean[c] - mean[c];
        mean[c] += d * share;
        squares[c] += its_squares[c] + d * d * weight;
      }
    }
    T *means = map(n_.mean), *inverse = map(n_.inverse_std);
    T *running_mean = map(n_.running_mean), *running_var = map(n_.running_var);
    const double m = n_.momentum, rows = double(n_.rows);
    for (int c = 0; c < channels; ++c) {
      means[c] = T(mean[c]);
      inverse[c] = T(1 / std::sqrt(squares[c] / rows + n_.eps));
      running_mean[c] = T((1 - m) * running_mean[c] + m * mean[c]);
      running_var[c] = T((1 - m) * running_var[c] + m * squares[c] / (rows - 1));
    }
    set_affine();
  }

  // y = x * slope + shift.
  void set_affine() {
    const T *weight = map(n_.weight), *bias = map(n_.bias);
    const T *mean = map(n_.mean), *inverse = map(n_.inverse_std);
    slope_.resize(n_.channels), shift_.resize(n_.channels);
    for (int c = 0; c < n_.channels; ++c) {
      slope_[c] = weight[c] * inverse[c];
      shift_[c] = bias[c] - mean[c] * slope_[c];
    }
    if (n_.slope) std::copy(slope_.begin(), slope_.end(), map(n_.slope));
    if (n_.shift) std::copy(shift_.begin(), shift_.end(), map(n_.shift));
  }

  void normalize(int64_t row, int64_t rows) {
    const int64_t pixel = n_.channels;
    const T *x = map(n_.x) + row * pixel;
    T *y = map(n_.y) + row * pixel;
    const bool relu = n_.relu;
    over_channels<T>(n_.channels, [&](auto vectors, int first, int lanes) {
      constexpr int N = decltype(vectors)::value, LANES = Vector<T>::LANES;
      vec<T> slope[N], shift[N];
      for (int v = 0; v < N; ++v) {
        slope[v] = load<T>(slope_.data() + first + v * LANES, lanes);
        shift[v] = load<T>(shift_.data() + first + v * LANES, lanes);
      }
      for (int64_t r = 0; r < rows; ++r)
        for (int v = 0; v < N; ++v) {
          const int64_t at = r * pixel + first + v * LANES;
          const vec<T> out = load<T>(x + at, lanes) * slope[v] + shift[v];
          store<T>(y + at, relu ? positive<T>(out) : out, lanes);
        }
    });
  }

  // The gradient that comes through the ReLU, whose output is not needed for it.
  INLINE vec<T> through(bool relu, const vec<T> &gradient, const vec<T> &x, const vec<T> &slope,
                        const vec<T> &shift) {
    return relu ? (x * slope + shift <= T(0) ? vec<T>{} : gradient) : gradient;
  }

  // Of a block's gradient, and of its products with the deviations.
  void sums(int64_t block, int64_t row, int64_t rows) {
    const int64_t pixel = n_.channels;
    const T *x = map(n_.x) + row * pixel, *dy = map(n_.y_gradient) + row * pixel;
    const T *means = map(n_.mean);
    T *total = part(block, 0), *product = part(block, 1);
    const bool relu = n_.relu;
    over_channels<T>(n_.channels, [&](auto vectors, int first, int lanes) {
      constexpr int N = decltype(vectors)::value, LANES = Vector<T>::LANES;
      vec<T> slope[N], shift[N], mean[N], sum[N] = {}, products[N] = {};
      for (int v = 0; v < N; ++v) {
        slope[v] = load<T>(slope_.data() + first + v * LANES, lanes);
        shift[v] = load<T>(shift_.data() + first + v * LANES, lanes);
        mean[v] = load<T>(means + first + v * LANES, lanes);
      }
      for (int64_t r = 0; r < rows; ++r)
        for (int v = 0; v < N; ++v) {
          const int64_t at = r * pixel + first + v * LANES;
          const vec<T> in = load<T>(x + at, lanes);
          const vec<T> g = through(relu, load<T>(dy + at, lanes), in, slope[v], shift[v]);
          sum[v] += g;
          products[v] += g * (in - mean[v]);
        }
      for (int v = 0; v < N; ++v) {
        store<T>(total + first + v * LANES, sum[v], lanes);
        store<T>(product + first + v * LANES, products[v], lanes);
      }
    });
  }

  // Gradients of weight and bias, and what the input's needs of them.
  void combine_sums() {
    const int channels = n_.channels;
    std::vector<double> sum(channels), product(channels);
    for (int64_t block = 0; block < count_; ++block) {
      const T *its_sum = part(block, 0), *its_product = part(block, 1);
      for (int c = 0; c < channels; ++c) sum[c] += its_sum[c], product[c] += its_product[c];
    }
    const T *inverse = map(n_.inverse_std);
    T *weight_gradient = map(n_.weight_gradient), *bias_gradient = map(n_.bias_gradient);
    offset_.resize(channels), factor_.resize(channels);
    for (int c = 0; c < channels; ++c) {
      const double s = inverse[c];
      bias_gradient[c] = T(sum[c]);
      weight_gradient[c] = T(product[c] * s);
      offset_[c] = T(sum[c] / double(n_.rows));
      factor_[c] = T(product[c] * s * s / double(n_.rows));
    }
  }

  void input_gradient(int64_t row, int64_t rows) {
    const int64_t pixel = n_.channels;
    const T *x = map(n_.x) + row * pixel, *dy = map(n_.y_gradient) + row * pixel;
    T *dx = map(n_.x_gradient) + row * pixel;
    const T *means = map(n_.mean);
    const bool relu = n_.relu;
    over_channels<T>(n_.channels, [&](auto vectors, int first, int lanes) {
      constexpr int N = decltype(vectors)::value, LANES = Vector<T>::LANES;
      vec<T> slope[N], shift[N], mean[N], offset[N], factor[N];
      for (int v = 0; v < N; ++v) {
        slope[v] = load<T>(slope_.data() + first + v * LANES, lanes);
        shift[v] = load<T>(shift_.data() + first + v * LANES, lanes);
        mean[v] = load<T>(means + first + v * LANES, lanes);
        offset[v] = load<T>(offset_.data() + first + v * LANES, lanes);
        factor[v] = load<T>(factor_.data() + first + v * LANES, lanes);
      }
      for (int64_t r = 0; r < rows; ++r)
        for (int v = 0; v < N; ++v) {
          const int64_t at = r * pixel + first + v * LANES;
          const vec<T> in = load<T>(x + at, lanes);
          const vec<T> g = through(relu, load<T>(dy + at, lanes), in, slope[v], shift[v]);
          store<T>(dx + at, (g - offset[v] - (in - mean[v]) * factor[v]) * slope[v], lanes);
        }
    });
  }

  static const T *map(const void *p) { return static_cast<const T *>(p); }
  static T *map(void *p) { return static_cast<T *>(p); }
  T *part(int64_t block, int which) { return parts_.data() + (2 * block + which) * n_.channels; }

  const Norm &n_;
  const int threads_;
  const int64_t size_, count_;  // pixels of a block, blocks
  std::vector<T> parts_, slope_, shift_, offset_, factor_;
};

}  // namespace

extern "C" {
// Mean, inverse_std, the running statistics and what else there is room for, from x.
void forward_float(const Norm *n, int32_t threads) { BatchNorm<float>(*n, threads).forward(); }
void forward_double(const Norm *n, int32_t threads) { BatchNorm<double>(*n, threads).forward(); }
// The gradients from x, mean, inverse_std and y_gradient.
void backward_float(const Norm *n, int32_t threads) { BatchNorm<float>(*n, threads).backward(); }
void backward_double(const Norm *n, int32_t threads) { BatchNorm<double>(*n, threads).backward(); }
}
