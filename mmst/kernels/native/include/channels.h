// Vectors of neighbouring channels, in the compiler's portable vector types.
#pragma once
#include <cstring>

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif
#define INLINE static inline __attribute__((always_inline))

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(BYTES)));
  static constexpr int LANES = BYTES / sizeof(T);
};
template <class T>
using vec = typename Vector<T>::type;

template <class T>
INLINE vec<T> load(const T *from, int channels) {
  vec<T> v{};
  if (channels == Vector<T>::LANES)
    std::memcpy(&v, from, sizeof v);
  else
    std::memcpy(&v, from, sizeof(T) * channels);
  return v;
}

template <class T>
INLINE void store(T *to, const vec<T> &v, int channels) {
  if (channels == Vector<T>::LANES)
    std::memcpy(to, &v, sizeof v);
  else
    std::memcpy(to, &v, sizeof(T) * channels);
}

// ReLU; like torch's it lets NaN pass.
template <class T>
INLINE vec<T> positive(const vec<T> &v) {
  return v < T(0) ? vec<T>{} : v;
}
