// A tile of a block's hidden channels with activations of eight bits, and in half precision: how fast
// could they be? Borders are not cleared; all else is computed as the engine's float32 kernel does.
#include <algorithm>
#include <vector>

#include "block.h"

// A block of stride 1, its rows as the engine's plan has them: offsets in units of whole planes for
// channels, of places for taps.
struct Study {
  int32_t inputs, hidden, outputs, length, tile, margin;
  Rows expand, taps, project;  // offsets: input channel, shift of a tap, hidden channel
  Rows quads, windows, joined;  // four weights of eight bits as one value; offsets likewise
  const float *expand_bias, *depthwise_bias;
  float input_scale, input_zero;  // input = scale * (u8 - zero)
  const float *expand_scale, *depthwise_scale, *project_scale;  // to the u8 of what follows
  const int32_t *expand_start, *depthwise_start;                // bias in the accumulator's units
};

extern "C" {

int32_t has_dot() {
#if defined(__AVX512VNNI__) && defined(__AVX512VBMI__)
  return 1;
#else
  return 0;
#endif
}

int32_t has_half() {
#if defined(__AVX512FP16__)
  return 1;
#else
  return 0;
#endif
}

#if defined(__AVX512VNNI__) && defined(__AVX512VBMI__)
}  // extern "C"

typedef int32_t whole __attribute__((vector_size(64)));

INLINE __m512i quad_of(const float *value) {
  int32_t four;
  std::memcpy(&four, value, 4);
  return _mm512_set1_epi32(four);
}

template <int V>
INLINE void dot(__m512i (&sum)[V], const int32_t *base, const Rows &w, int row, int64_t pitch) {
  for (int j = w.start[row], end = w.start[row + 1]; j < end; ++j) {
    const int32_t *p = base + w.offset[j] * pitch;
    asm("" : "+r"(p));
    const __m512i value = quad_of(w.value + j);
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v)
      sum[v] = _mm512_dpbusd_epi32(sum[v], _mm512_loadu_si512(p + v * 16), value);
  }
}

// Rounded to 0..255 of the next scale; a ReLU is in it.
INLINE __m512i in_bytes(__m512i sum, float scale) {
  const __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(scale));
  const __m512i found = _mm512_cvtps_epi32(_mm512_min_ps(value, _mm512_set1_ps(255.f)));
  return _mm512_max_epi32(found, _mm512_setzero_si512());
}

static void quantise(const Study &s, const float *x, int32_t *out, int from, int to) {
  const __m512 inverse = _mm512_set1_ps(1 / s.input_scale), zero = _mm512_set1_ps(s.input_zero);
  for (int q = 0; q * 4 < s.inputs; ++q)
    for (int f = from; f < to; f += 16) {
      __m512i all = _mm512_setzero_si512();
      for (int k = 0; k < 4 && q * 4 + k < s.inputs; ++k) {
        const __m512 value = _mm512_loadu_ps(x + int64_t(q * 4 + k) * s.length + f);
        __m512i found = _mm512_cvtps_epi32(_mm512_fmadd_ps(value, inverse, zero));
        found = _mm512_max_epi32(_mm512_min_epi32(found, _mm512_set1_epi32(255)),
                                 _mm512_setzero_si512());
        all = _mm512_or_si512(all, _mm512_slli_epi32(found, 8 * k));
      }
      _mm512_storeu_si512(out + int64_t(q) * (s.tile + 2 * s.margin) + f - from, all);
    }
}

static void tile_of_bytes(const Study &s, const float *x, float *y, int from, int to, char *room) {
  const int64_t span = s.tile + 2 * s.margin;
  // As in the engine nothing beyond the plane is computed; what lies there is of no interest here.
  const int begin = std::max(0, from - s.margin), end = std::min(s.length, to + s.margin);
  const int width = end - begin, middle = from - begin;
  int32_t *input = reinterpret_cast<int32_t *>(room);
  int32_t *slid = input + (s.inputs + 3) / 4 * span + s.margin;
  int32_t *deep = slid + 5 * span;
  uint8_t *bytes = reinterpret_cast<uint8_t *>(deep + (s.hidden + 3) / 4 * s.tile);
  quantise(s, x, input, begin, begin + width);
  __m512i order;
  uint8_t places[64];
  for (int i = 0; i < 64; ++i) places[i] = i / 4 + i % 4;
  order = _mm512_loadu_si512(places);
  for (int first = 0; first < s.hidden; first += 4) {
    const int count = std::min(4, s.hidden - first);
    for (int k = 0; k < count; ++k) {
      const int h = first + k;
      const float scale = s.expand_scale[h];
      in_blocks(0, width, [&](auto n, int f) {
        constexpr int V = decltype(n)::value;
        __m512i sum[V];
        for (int v = 0; v < V; ++v) sum[v] = _mm512_set1_epi32(s.expand_start[h]);
        dot<V>(sum, input + f, s.quads, h, span);
        for (int v = 0; v < V; ++v)
          _mm_storeu_si128(reinterpret_cast<__m128i *>(bytes + f + v * 16),
                           _mm512_cvtepi32_epi8(in_bytes(sum[v], scale)));
      });
      for (int f = 0; f < width; f += 16) {
        const __m512i near = _mm512_castsi256_si512(
            _mm256_loadu_si256(reinterpret_cast<const __m256i *>(bytes + f)));
        _mm512_storeu_si512(slid + k * span + f, _mm512_permutexvar_epi8(order, near));
      }
    }
    int32_t *out = deep + int64_t(first / 4) * s.tile;
    in_blocks(0, to - from, [&](auto n, int f) {
      constexpr int V = decltype(n)::value;
      __m512i all[V] = {};
      for (int k = 0; k < count; ++k) {
        __m512i sum[V];
        for (int v = 0; v < V; ++v) sum[v] = _mm512_set1_epi32(s.depthwise_start[first + k]);
        dot<V>(sum, slid + k * span + middle + f, s.windows, first + k, 1);
        for (int v = 0; v < V; ++v)
          all[v] = _mm512_or_si512(all[v], _mm512_slli_epi32(
              in_bytes(sum[v], s.depthwise_scale[first + k]), 8 * k));
      }
      for (int v = 0; v < V; ++v) _mm512_storeu_si512(out + f + v * 16, all[v]);
    });
  }
  in_blocks(0, to - from, [&](auto n, int f) {
    constexpr int V = decltype(n)::value;
    for (int o = 0; o < s.outputs; ++o) {
      __m512i sum[V] = {};
      dot<V>(sum, deep + f, s.joined, o, s.tile);
      float *place = y + int64_t(o) * s.length + from + f;
      for (int v = 0; v < V; ++v)
        _mm512_storeu_ps(place + v * 16, _mm512_fmadd_ps(
            _mm512_cvtepi32_ps(sum[v]), _mm512_set1_ps(s.project_scale[o]),
            _mm512_loadu_ps(place + v * 16)));
    }
  });
}

extern "C" {

// Adds a block's path to y; x and y have margins before and after.
void eight_bits(const Study *s, const float *x, float *y) {
  std::vector<char> room(4 * (size_t(s->inputs) / 4 + s->hidden / 4 + 12) *
                         (s->tile + 2 * s->margin) + 4096);
  for (int from = 0; from < s->length; from += s->tile)
    tile_of_bytes(*s, x, y, from, std::min(s->length, from + s->tile), room.data());
}
#else
void eight_bits(const Study *, const float *, float *) {}
#endif

#if defined(__AVX512FP16__)
}  // extern "C"

typedef _Float16 halves __attribute__((vector_size(64)));

INLINE halves half_at(const _Float16 *p) { return (halves)_mm512_loadu_ph(p); }
INLINE halves half_of(float value) { return (halves)_mm512_set1_ph((_Float16)value); }
INLINE halves positive(halves v) { return (halves)_mm512_max_ph(_mm512_setzero_ph(), (__m512h)v); }

template <int V>
INLINE void add_half(halves (&sum)[V], const _Float16 *base, const Rows &w, int row, int64_t pitch) {
  for (int j = w.start[row], end = w.start[row + 1]; j < end; ++j) {
    const _Float16 *p = base + w.offset[j] * pitch;
    asm("" : "+r"(p));
    const __m512h value = (__m512h)half_of(w.value[j]);
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v)
      sum[v] = (halves)_mm512_fmadd_ph((__m512h)half_at(p + v * 32), value, (__m512h)sum[v]);
  }
}

template <class Work>
INLINE void in_half_blocks(int to, Work work) {
  int f = 0;
  for (; f + 256 <= to; f += 256) work(std::integral_constant<int, 8>{}, f);
  for (; f < to; f += 32) work(std::integral_constant<int, 1>{}, f);
}

static void tile_of_halves(const Study &s, const float *x, float *y, int from, int to,
                           _Float16 *room) {
  const int64_t span = s.tile + 2 * s.margin + 32;
  const int begin = std::max(0, from - s.margin), end = std::min(s.length, to + s.margin);
  const int width = end - begin, middle = from - begin;
  _Float16 *input = room, *wide = input + s.inputs * span + s.margin;
  _Float16 *deep = wide + 2 * span;
  for (int c = 0; c < s.inputs; ++c)
    for (int f = 0; f < width; f += 16)
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(input + c * span + f), _mm512_cvtps_ph(
          _mm512_loadu_ps(x + int64_t(c) * s.length + begin + f), _MM_FROUND_TO_NEAREST_INT));
  for (int h = 0; h < s.hidden; ++h) {
    in_half_blocks(width, [&](auto n, int f) {
      constexpr int V = decltype(n)::value;
      halves sum[V];
      for (int v = 0; v < V; ++v) sum[v] = half_of(s.expand_bias[h]);
      add_half<V>(sum, input + f, s.expand, h, span);
      for (int v = 0; v < V; ++v) _mm512_storeu_ph(wide + f + v * 32, (__m512h)positive(sum[v]));
    });
    in_half_blocks(to - from, [&](auto n, int f) {
      constexpr int V = decltype(n)::value;
      halves sum[V];
      for (int v = 0; v < V; ++v) sum[v] = half_of(s.depthwise_bias[h]);
      add_half<V>(sum, wide + middle + f, s.taps, h, 1);
      for (int v = 0; v < V; ++v)
        _mm512_storeu_ph(deep + h * span + f + v * 32, (__m512h)positive(sum[v]));
    });
  }
  for (int o = 0; o < s.outputs; ++o)
    in_half_blocks(to - from, [&](auto n, int f) {
      constexpr int V = decltype(n)::value;
      halves sum[V] = {};
      add_half<V>(sum, deep + f, s.project, o, span);
      float *place = y + int64_t(o) * s.length + from + f;
      for (int v = 0; v < V; ++v)
        for (int k = 0; k < 2; ++k) {
          const __m256i half = _mm512_extracti64x4_epi64((__m512i)sum[v], 0);
          const __m256i other = _mm512_extracti64x4_epi64((__m512i)sum[v], 1);
          float *at = place + v * 32 + k * 16;
          _mm512_storeu_ps(at, _mm512_add_ps(_mm512_loadu_ps(at), _mm512_cvtph_ps(k ? other : half)));
        }
    });
}

extern "C" {

// The same in half precision, inputs and outputs in single.
void half_precision(const Study *s, const float *x, float *y) {
  std::vector<_Float16> room(size_t(s->inputs + s->hidden + 6) * (s->tile + 2 * s->margin + 64));
  for (int from = 0; from < s->length; from += s->tile)
    tile_of_halves(*s, x, y, from, std::min(s->length, from + s->tile), room.data());
}
#else
void half_precision(const Study *, const float *, float *) {}
#endif

}  // extern "C"
