// Depthwise convolutions of several kernel sizes over slices of one NHWC map, for training.
//
// One pass for all sizes: no slice is copied, nothing is concatenated. A task is a few vectors of
// channels (of one image, except for the weights' gradient): their rows are packed with zero padding,
// columns apart by stride phase, and held until no output row needs them. A few, so that what is read
// of each pixel is long enough for caches and page tables. Every sum has one order, whatever the
// number of threads. Calls run one after another: they share scratch.
#include <algorithm>
#include <cstdint>
#include <mutex>
#include <vector>

#include "per_process.h"
#include "pool.h"
#include "rows.h"

extern "C" {
struct Slice {
  int32_t size, start, width;  // of the kernel; first channel; channels
  const void *weight;          // (width, size, size)
  void *gradient;              // alike
};
struct Maps {
  int32_t images, height, width, channels, out_height, out_width, stride, slices;
  const Slice *slice;
  const void *slope, *shift;  // of each channel of x: relu(x * slope + shift) is convolved
  const void *x;              // where they are given
  void *x_gradient;
  const void *y_gradient;
  void *y;
};
}

namespace {

constexpr int LARGEST = 7;  // kernel size
constexpr int VECTORS = 4;  // of a task, at most

// What calls share.
struct State {
  std::mutex one_call;
  std::vector<std::vector<char>> scratch;  // by thread
};

State &state() { return PerProcess<State>::get(); }

// Neighbouring channels of one slice: a task's.
template <class T>
struct Part {
  const Slice *slice;
  int first, channels;  // of the map; how many
  int in_slice;         // the first one there

  static constexpr int LANES = Vector<T>::LANES;
  int vectors() const { return (channels + LANES - 1) / LANES; }
  int valid(int vector) const { return std::min(LANES, channels - vector * LANES); }
  const T *weight() const {
    return static_cast<const T *>(slice->weight) + int64_t(in_slice) * slice->size * slice->size;
  }
};

// All channels in parts of at most `vectors` vectors.
template <class T>
std::vector<Part<T>> parts(const Maps &m, int vectors) {
  std::vector<Part<T>> found;
  const int most = vectors * Vector<T>::LANES;
  for (int s = 0; s < m.slices; ++s)
    for (int c = 0; c < m.slice[s].width; c += most)
      found.push_back(
          {&m.slice[s], m.slice[s].start + c, std::min(most, m.slice[s].width - c), c});
  return found;
}

// What is done to the numbers of x before they are convolved: nothing, or BN and ReLU.
template <class T>
struct Normalisation {
  Normalisation(const Part<T> &part, const void *slopes, const void *shifts) : given(slopes) {
    for (int v = 0; given && v < part.vectors(); ++v) {
      const int64_t first = part.first + v * part.LANES;
      slope[v] = load<T>(static_cast<const T *>(slopes) + first, part.valid(v));
      shift[v] = load<T>(static_cast<const T *>(shifts) + first, part.valid(v));
    }
  }
  explicit Normalisation(const Part<T> &) : given(false) {}

  const bool given;
  vec<T> slope[VECTORS], shift[VECTORS];
};

// Rows of a part's vectors to and from a map whose pixels lie `pixel` numbers apart.
template <class T>
void load_row(const Part<T> &part, const T *from, int64_t pixel, int count, vec<T> *to,
              int64_t vector) {
  const int vectors = part.vectors();
  for (int i = 0; i < count; ++i, from += pixel)
    for (int v = 0; v < vectors; ++v)
      to[v * vector + i] = load<T>(from + v * part.LANES, part.valid(v));
}

template <class T>
void load_row(const Part<T> &part, const Normalisation<T> &norm, const T *from, int64_t pixel,
              int count, vec<T> *to, int64_t vector) {
  if (!norm.given) return load_row(part, from, pixel, count, to, vector);
  const int vectors = part.vectors();
  for (int i = 0; i < count; ++i, from += pixel)
    for (int v = 0; v < vectors; ++v)
      to[v * vector + i] = positive<T>(
          load<T>(from + v * part.LANES, part.valid(v)) * norm.slope[v] + norm.shift[v]);
}

template <class T>
void store_row(const Part<T> &part, const vec<T> *from, int64_t vector, int count, T *to,
               int64_t pixel) {
  const int vectors = part.vectors();
  for (int i = 0; i < count; ++i, to += pixel)
    for (int v = 0; v < vectors; ++v)
      store<T>(to + v * part.LANES, from[v * vector + i], part.valid(v));
}

// The last few rows of a part, normalised and packed: of each vector, element b of phase q of a row
// is its pixel b * phases + q - left. What lies beyond the borders is 0.
template <class T>
class Ring {
 public:
  Ring(const Part<T> &part, const Normalisation<T> &norm, vec<T> *room, int slots, int phases,
       int length, int left)
      : part_(part), norm_(norm), room_(room), slots_(slots), phases_(phases), length_(length),
        left_(left) {
    std::fill(room, room + part.vectors() * size(slots, phases, length), vec<T>{});
  }

  // Of one vector.
  static int64_t size(int slots, int phases, int length) {
    return int64_t(slots) * phases * length;
  }

  // Let the rows before `end` be there; rows pack once, in their order.
  void advance(int end, const T *map, int width, int64_t pixel) {
    for (; next_ < end; ++next_)
      for (int q = 0; q < phases_; ++q) {
        const int first = std::max(0, (left_ - q + phases_ - 1) / phases_);  // 0 before it
        const int x = first * phases_ + q - left_;
        const int count = x < width ? (width - 1 - x) / phases_ + 1 : 0;
        load_row(part_, norm_, map + (int64_t(next_) * width + x) * pixel, phases_ * pixel, count,
                 at(0, next_, q) + first, size(slots_, phases_, length_));
      }
  }

  vec<T> *at(int vector, int row, int phase) {
    return room_ + ((int64_t(vector) * slots_ + row % slots_) * phases_ + phase) * length_;
  }

 private:
  const Part<T> &part_;
  const Normalisation<T> &norm_;
  vec<T> *room_;
  int slots_, phases_, length_, left_, next_ = 0;
};

template <class T>
vec<T> *room(int thread, int64_t vectors) {
  std::vector<char> &buffer = state().scratch[thread];
  const size_t bytes = (vectors + 1) * BYTES;
  if (buffer.size() < bytes) buffer.resize(bytes);
  const auto address = reinterpret_cast<uintptr_t>(buffer.data());
  return reinterpret_cast<vec<T> *>(buffer.data() + (-address) % BYTES);
}

// Call work(constant TAPS).
template <class Work>
void with_taps(int taps, Work work) {
  switch (taps) {
    case 1: return work(std::integral_constant<int, 1>{});
    case 2: return work(std::integral_constant<int, 2>{});
    case 3: return work(std::integral_constant<int, 3>{});
    case 4: return work(std::integral_constant<int, 4>{});
    case 5: return work(std::integral_constant<int, 5>{});
    case 6: return work(std::integral_constant<int, 6>{});
    default: return work(std::integral_constant<int, LARGEST>{});
  }
}

// Sizes that a slice has in a call.
struct Layout {
  Layout(const Maps &m, const Slice &slice)
      : size(slice.size), left(slice.size / 2), phases(m.stride),
        taps((slice.size + m.stride - 1) / m.stride), steps(whole_steps(m.out_width)),
        in_length(steps + taps + 1), weights(size * phases * taps) {}

  // Place of the taps of phase q of kernel row `row` in a vector's weights.
  int place(int row, int q) const { return (row * phases + q) * taps; }

  int size, left, phases, taps, steps, in_length, weights;
};

// Weights of each vector of a part; `reversed` runs the taps backwards.
template <class T>
void unpack(const Layout &at, const Part<T> &part, bool reversed, vec<T> *to) {
  for (int v = 0; v < part.vectors(); ++v)
    for (int row = 0; row < at.size; ++row)
      for (int q = 0; q < at.phases; ++q)
        for (int t = 0; t < at.taps; ++t, ++to) {
          const int column = (reversed ? at.taps - 1 - t : t) * at.phases + q;
          *to = vec<T>{};
          if (column < at.size)
            for (int c = 0; c < part.valid(v); ++c)
              (*to)[c] = part.weight()[((v * part.LANES + c) * at.size + row) * at.size + column];
        }
}

template <class T>
void forward_part(const Maps &m, const Part<T> &part, int image, int thread) {
  const Layout at(m, *part.slice);
  const int vectors = part.vectors();
  vec<T> *weights = room<T>(
      thread, vectors * (at.weights + at.steps + Ring<T>::size(at.size, at.phases, at.in_length)));
  vec<T> *out = weights + vectors * at.weights;
  unpack(at, part, false, weights);
  const Normalisation<T> norm(part, m.slope, m.shift);
  Ring<T> ring(part, norm, out + vectors * at.steps, at.size, at.phases, at.in_length, at.left);
  const int64_t pixel = m.channels;
  const T *x = static_cast<const T *>(m.x) + image * m.height * m.width * pixel + part.first;
  T *y = static_cast<T *>(m.y) + image * m.out_height * m.out_width * pixel + part.first;
  for (int oy = 0; oy < m.out_height; ++oy, y += m.out_width * pixel) {
    const int top = oy * m.stride - at.left;
    ring.advance(std::min(m.height, top + at.size), x, m.width, pixel);
    for (int v = 0; v < vectors; ++v) {
      const vec<T> *rows[2 * LARGEST], *taps[2 * LARGEST];
      int count = 0;
      for (int ky = std::max(0, -top); ky < at.size && top + ky < m.height; ++ky)
        for (int q = 0; q < at.phases; ++q, ++count) {
          rows[count] = ring.at(v, top + ky, q);
          taps[count] = weights + v * at.weights + at.place(ky, q);
        }
      with_taps(at.taps, [&](auto n) {
        correlate<T, decltype(n)::value>(rows, taps, count, out + v * at.steps, at.steps);
      });
    }
    store_row(part, out, at.steps, m.out_width, y, pixel);
  }
}

// Gather form of the transposed convolution: input column x is met by columns a - t of the output,
// where x + left = a * stride + q and t runs over the taps of phase q. Rows alike.
template <class T>
void input_gradient_part(const Maps &m, const Part<T> &part, int image, int thread) {
  const Layout at(m, *part.slice);
  const int vectors = part.vectors();
  const int columns = whole_steps((m.width - 1 + at.left) / m.stride + 1);
  const int length = columns + STEP + at.taps;
  vec<T> *weights = room<T>(
      thread, vectors * (at.weights + columns + Ring<T>::size(at.taps + 1, 1, length)));
  vec<T> *out = weights + vectors * at.weights;
  unpack(at, part, true, weights);
  const Normalisation<T> none(part);
  Ring<T> ring(part, none, out + vectors * columns, at.taps + 1, 1, length, at.taps - 1);
  const int64_t pixel = m.channels, image_size = int64_t(m.out_height) * m.out_width * pixel;
  const T *dy = static_cast<const T *>(m.y_gradient) + image * image_size + part.first;
  T *dx = static_cast<T *>(m.x_gradient) + image * m.height * m.width * pixel + part.first;
  for (int y = 0; y < m.height; ++y, dx += m.width * pixel) {
    ring.advance(std::min(m.out_height, (y + at.left) / m.stride + 1), dy, m.out_width, pixel);
    for (int q = 0; q < at.phases; ++q) {
      const int first = std::max(0, (at.left - q + m.stride - 1) / m.stride);
      const int start = first * m.stride + q - at.left;
      const int wanted = start < m.width ? (m.width - 1 - start) / m.stride + 1 : 0;
      for (int v = 0; v < vectors; ++v) {
        const vec<T> *rows[LARGEST], *taps[LARGEST];
        int count = 0;
        for (int ky = (y + at.left) % m.stride; ky < at.size && ky <= y + at.left; ky += m.stride) {
          const int oy = (y + at.left - ky) / m.stride;
          if (oy >= m.out_height) continue;
          rows[count] = ring.at(v, oy, 0) + first;
          taps[count++] = weights + v * at.weights + at.place(ky, q);
        }
        with_taps(at.taps, [&](auto n) {
          correlate<T, decltype(n)::value>(rows, taps, count, out + v * columns,
                                           whole_steps(wanted));
        });
      }
      store_row(part, out, columns, wanted, dx + start * pixel, m.stride * pixel);
    }
  }
}

template <class T>
void weight_gradient_part(const Maps &m, const Part<T> &part, int thread) {
  const Layout at(m, *part.slice);
  const int vectors = part.vectors();
  vec<T> *sums = room<T>(
      thread, vectors * (at.weights + at.steps + Ring<T>::size(at.size, at.phases, at.in_length)));
  vec<T> *gradient = sums + vectors * at.weights;
  std::fill(sums, gradient + vectors * at.steps, vec<T>{});
  const int64_t pixel = m.channels;
  const T *dy = static_cast<const T *>(m.y_gradient) + part.first;
  const Normalisation<T> norm(part, m.slope, m.shift);
  for (int image = 0; image < m.images; ++image) {
    Ring<T> ring(part, norm, gradient + vectors * at.steps, at.size, at.phases, at.in_length,
                 at.left);
    const T *x = static_cast<const T *>(m.x) + image * m.height * m.width * pixel + part.first;
    for (int oy = 0; oy < m.out_height; ++oy, dy += m.out_width * pixel) {
      const int top = oy * m.stride - at.left;
      ring.advance(std::min(m.height, top + at.size), x, m.width, pixel);
      load_row(part, dy, pixel, m.out_width, gradient, at.steps);
      for (int v = 0; v < vectors; ++v)
        with_taps(at.taps, [&](auto n) {
          for (int ky = std::max(0, -top); ky < at.size && top + ky < m.height; ++ky)
            for (int q = 0; q < at.phases; ++q)
              tap_products<T, decltype(n)::value>(
                  ring.at(v, top + ky, q), gradient + v * at.steps, at.steps,
                  sums + v * at.weights + at.place(ky, q));
        });
    }
  }
  T *to = static_cast<T *>(part.slice->gradient) + int64_t(part.in_slice) * at.size * at.size;
  for (int c = 0; c < part.channels; ++c)
    for (int ky = 0; ky < at.size; ++ky)
      for (int kx = 0; kx < at.size; ++kx, ++to)
        *to = sums[c / part.LANES * at.weights + at.place(ky, kx % at.phases) + kx / at.phases]
                  [c % part.LANES];
}

template <class T, class Work>
void over_parts(const Maps &m, int images, int threads, Work work) {
  std::lock_guard<std::mutex> hold(state().one_call);
  if (int(state().scratch.size()) < threads) state().scratch.resize(threads);
  int vectors = VECTORS;
  std::vector<Part<T>> all = parts<T>(m, vectors);
  while (vectors > 1 && int(all.size()) * images < 2 * threads) all = parts<T>(m, --vectors);
  const int count = all.size();
  Pool::run(count * images, threads,
            [&](int i, int thread) { work(all[i % count], i / count, thread); });
}

template <class T>
void forward(const Maps *m, int threads) {
  over_parts<T>(*m, m->images, threads, [&](const Part<T> &part, int image, int thread) {
    forward_part<T>(*m, part, image, thread);
  });
}

template <class T>
void backward(const Maps *m, int threads) {
  if (m->x_gradient)
    over_parts<T>(*m, m->images, threads, [&](const Part<T> &part, int image, int thread) {
      input_gradient_part<T>(*m, part, image, thread);
    });
  else
    over_parts<T>(*m, 1, threads, [&](const Part<T> &part, int, int thread) {
      weight_gradient_part<T>(*m, part, thread);
    });
}

}  // namespace

extern "C" {
// y from x and the weights.
void forward_float(const Maps *m, int32_t threads) { forward<float>(m, threads); }
void forward_double(const Maps *m, int32_t threads) { forward<double>(m, threads); }
// x_gradient from y_gradient and the weights where it is given, else the weights' from x.
void backward_float(const Maps *m, int32_t threads) { backward<float>(m, threads); }
void backward_double(const Maps *m, int32_t threads) { backward<double>(m, threads); }
}
