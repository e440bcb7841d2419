// Vectors of floats in the compiler's own portable form: AVX-512, AVX2, NEON or SSE by target.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>
#if defined(__SSE__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(LANES * 4)));
typedef int32_t ivec __attribute__((vector_size(LANES * 4)));
typedef float vec_anywhere __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

INLINE vec load(const float *p) { return *reinterpret_cast<const vec_anywhere *>(p); }
INLINE void store(float *p, vec v) { *reinterpret_cast<vec_anywhere *>(p) = v; }
INLINE vec splat(float value) { return vec{} + value; }
// The second operand where either is NaN. On x86 one instruction, which compilers do not find.
#if defined(__AVX512F__)
INLINE vec larger(vec a, vec b) { return vec(_mm512_max_ps(__m512(a), __m512(b))); }
#elif defined(__AVX__)
INLINE vec larger(vec a, vec b) { return vec(_mm256_max_ps(__m256(a), __m256(b))); }
#elif defined(__SSE__)
INLINE vec larger(vec a, vec b) { return vec(_mm_max_ps(__m128(a), __m128(b))); }
#else
INLINE vec larger(vec a, vec b) { return a > b ? a : b; }
#endif
INLINE vec relu(vec v) { return larger(vec{}, v); }  // like torch's it lets NaN pass

// Every second one of two vectors' floats, from the first on, and from the second on.
struct Apart {
  vec even, odd;
};

INLINE Apart apart(vec a, vec b) {
#if defined(__AVX512F__)
#define MMST_PLACES(i) i, i + 2, i + 4, i + 6, i + 8, i + 10, i + 12, i + 14, i + 16, i + 18, i + 20, \
    i + 22, i + 24, i + 26, i + 28, i + 30
#elif defined(__AVX__)
#define MMST_PLACES(i) i, i + 2, i + 4, i + 6, i + 8, i + 10, i + 12, i + 14
#else
#define MMST_PLACES(i) i, i + 2, i + 4, i + 6
#endif
#if defined(__clang__)
  return {__builtin_shufflevector(a, b, MMST_PLACES(0)), __builtin_shufflevector(a, b, MMST_PLACES(1))};
#else
  return {__builtin_shuffle(a, b, ivec{MMST_PLACES(0)}), __builtin_shuffle(a, b, ivec{MMST_PLACES(1)})};
#endif
#undef MMST_PLACES
}

// e^x for x <= 0, to about two units in the last place: 2^n times a polynomial on [-ln2/2, ln2/2].
INLINE vec exponential(vec x) {
  x = larger(splat(-87.f), x);
  const vec shifted = x * 1.44269504f + 12582912.f;  // the sum's last bits are round(x / ln 2)
  const vec n = shifted - 12582912.f;
  const vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  vec p = splat(1.f / 5040);
  for (const float c : {1.f / 720, 1.f / 120, 1.f / 24, 1.f / 6, .5f, 1.f, 1.f}) p = p * r + c;
  const ivec power = ((ivec)shifted - 0x4B400000 + 127) << 23;
  return p * (vec)power;
}

// Sparse matrix, row by row; offsets are those of the operand's values, in floats.
struct Rows {
  const int32_t *start;  // of each row, and the end of the last one
  const int32_t *offset;
  const float *value;
};

// Add sum_j value[j] * base[offset[j] + i] to V vectors that stay in registers.
template <int V>
INLINE void gather(vec (&sum)[V], const float *base, const Rows &w, int row) {
  for (int j = w.start[row], end = w.start[row + 1]; j < end; ++j) {
    const float *p = base + w.offset[j];
    asm("" : "+r"(p));  // one address with eight displacements, not eight addresses
    const vec value = splat(w.value[j]);
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[v] += value * load(p + v * LANES);
  }
}

// Call work(constant V, position) over [from, to), a multiple of LANES, in blocks of V vectors.
template <class Work>
INLINE void in_blocks(int from, int to, Work work) {
  for (; from + 8 * LANES <= to; from += 8 * LANES) work(std::integral_constant<int, 8>{}, from);
  if (from + 4 * LANES <= to) work(std::integral_constant<int, 4>{}, from), from += 4 * LANES;
  if (from + 2 * LANES <= to) work(std::integral_constant<int, 2>{}, from), from += 2 * LANES;
  if (from + LANES <= to) work(std::integral_constant<int, 1>{}, from);
}
