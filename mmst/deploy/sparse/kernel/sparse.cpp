// Inference of sparse search networks on a CPU: the functions that Python calls.
//
// Feature maps are float32 planes: `plane` floats a channel, rows of `stride` floats whose last few
// are a gap. Calls run one after another, from all threads: they share scratch.
#include <chrono>
#include <ctime>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "execute.h"
#include "layers.h"
#include "nodes.h"
#include "pages.h"
#include "pool.h"
#include "sampled.h"

namespace {

// Nanoseconds: of this thread's own work, where the system tells, and of the wall.
int64_t wall_time() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int64_t own_time() {
#ifdef CLOCK_THREAD_CPUTIME_ID
  timespec now;
  if (!clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)) return now.tv_sec * 1000000000LL + now.tv_nsec;
#endif
  return wall_time();
}

// State that calls share.
struct State {
  std::mutex one_call;
  std::vector<PageBuffer> scratch;  // by thread
  PageBuffer phases, grid, steps;

  int64_t bytes() const {
    int64_t sum = phases.bytes() + grid.bytes() + steps.bytes();
    for (const auto &buffer : scratch) sum += buffer.bytes();
    return sum;
  }
};

float *room(PageBuffer &buffer, int64_t floats) {
  float *data = buffer.of(floats + LANES);
  return data + (-reinterpret_cast<uintptr_t>(data) / sizeof(float)) % LANES;  // aligned to a vector
}

// The context of a call, and its lock on the shared state.
struct Call {
  State &state = PerProcess<State>::get();
  std::lock_guard<std::mutex> hold{state.one_call};
  const int threads;
  std::vector<std::atomic<bool>> ready;

  explicit Call(int threads = 0) : threads(threads) {
    if (int(state.scratch.size()) < threads) state.scratch.resize(threads);
  }

  template <class Work>
  void run(int count, const Work &work) { Pool::run(count, threads, work); }
  float *planes(int64_t floats) { return room(state.phases, floats); }
  float *grid(int64_t floats) { return room(state.grid, floats); }
  float *scratch(int thread, int64_t floats) { return room(state.scratch[thread], floats); }
  std::atomic<bool> *flags(int count) {
    ready = std::vector<std::atomic<bool>>(count);
    return ready.data();
  }

  // As a host of steps (execute.h): the memory of its layers grows as they ask for it.
  int count() const { return threads; }
  Call &context(Arena &, const Need &) { return *this; }
};

// A network that is run by one call, and what images of the last size took.
struct Steps {
  PagePool pool;  // of the network's arrays, which it outlives
  Network network;
  int32_t height = 0, width = 0, threads = 0;
  int64_t maps = 0, rest = 0;  // floats

  // False: the images are too large.
  bool fit(Call &call, const Map &x) {
    if (x.height == height && x.width == width && call.threads == threads) return true;
    Arena counting;
    Execution<Call> counted(network, call, counting, nullptr);
    if (!counted.run({nullptr, 0, 0, x.height, x.width, x.width, 1, x.channels})) return false;
    height = x.height, width = x.width, threads = call.threads;
    maps = up(counted.floats(), ALIGNMENT), rest = counting.most() / int64_t(sizeof(float));
    return true;
  }
};

}  // namespace

extern "C" {

int32_t lanes() { return LANES; }

// Bytes that are kept between calls.
int64_t held() {
  Call call;
  return call.state.bytes();
}

// Give them back.
void release() {
  Call call;
  call.state.scratch.clear(), call.state.scratch.shrink_to_fit();
  for (auto *buffer : {&call.state.phases, &call.state.grid, &call.state.steps}) buffer->clear();
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

void search_block(const Block *b, const Transformer *t, const Map *x, const Map *y,
                  const int32_t *live, int32_t live_count, const Coarse *coarse,
                  int32_t coarse_count, const float *sampled, int32_t accumulate, int32_t threads) {
  Call call(threads);
  run_block(call, b, t, x, y, live, live_count, coarse, coarse_count, sampled, accumulate);
}

void stem(const Stem *s, const Map *x, const Map *y, int32_t threads) {
  Call call(threads);
  run_stem(call, s, x, y);
}

void convolve(const Conv *c, const Map *x, const Map *y, int32_t threads) {
  Call call(threads);
  run_conv(call, c, x, y);
}

void finish(const Map *x, const Map *y, int32_t positive, int32_t threads) {
  Call call(threads);
  run_finish(call, x, y, positive);
}

void widen(const Map *x, const Map *y, int32_t threads) {
  Call call(threads);
  run_widen(call, x, y);
}

void gather_channels(const Map *maps, const int32_t *sources, const int32_t *channels, const Map *y,
                     int32_t threads) {
  Call call(threads);
  run_gather(call, maps, sources, channels, y);
}

void add(const Map *a, const Map *b, const Map *y, int32_t threads) {
  Call call(threads);
  run_add(call, a, b, y);
}

void shift(const Map *x, const float *bias, int32_t positive, const Map *y, int32_t threads) {
  Call call(threads);
  run_shift(call, x, bias, positive, y);
}

void resize(const Map *x, const Map *y, int32_t threads) {
  Call call(threads);
  run_resize(call, x, y);
}

void enlarge(const Map *x, const Map *y, int32_t threads) {
  Call call(threads);
  run_double(call, x, y);
}

void mean(const Map *x, const Map *y, int32_t threads) {
  Call call(threads);
  run_mean(call, x, y);
}

void mixer(const Transformer *t, const Map *x, const Map *y, int32_t threads) {
  Call call(threads);
  run_mixer(call, t, x, y);
}

// Channels of x on the grid, as if x were enlarged to height x width first.
void sample_enlarged(const Map *x, const int32_t *channels, int32_t count, int32_t height,
                     int32_t width, float *out, int64_t out_image) {
  for (int i = 0; i < x->images; ++i)
    enlarged_on_grid(x->data + i * x->image, *x, channels, count, height, width,
                     out + i * out_image);
}

// A network of a list of steps (network.h), null where that is not whole; `found`: how often it halves
// its images, the pixels from one value of its output to the next, 0 where there is one an image, and
// the number of steps.
void *open_steps(const uint8_t *data, int64_t bytes, int32_t *found) {
  auto *made = new Steps;
#ifdef MMST_LARGE_PAGES
  const auto take = [](void *pool, int64_t size) { return static_cast<PagePool *>(pool)->take(size); };
  Reader reader(data, bytes, false, {take, &made->pool});
#else
  Reader reader(data, bytes, false);
#endif
  made->network.read(reader);
  if (!reader.ok()) return delete made, nullptr;
  found[0] = made->network.levels, found[1] = made->network.stride;
  found[2] = int32_t(made->network.steps.size);
  return made;
}

void close_steps(void *opened) { delete static_cast<Steps *>(opened); }

// All steps, image after image. 0: the images are too large. `times`, if given, gets the nanoseconds
// of each step.
int32_t run_steps(void *opened, const Map *x, const Map *y, int32_t threads, int64_t *times) {
  Steps &s = *static_cast<Steps *>(opened);
  Call call(threads);
  if (!s.fit(call, *x)) return 0;
  float *maps = room(call.state.steps, s.maps + s.rest);
  Map image = *x;
  image.images = 1;
  for (int i = 0; i < x->images; ++i, image.data += x->image) {
    Arena arena(reinterpret_cast<char *>(maps + s.maps));
    Execution<Call> run(s.network, call, arena, maps);
    run.run(image, times, threads == 1 ? own_time : wall_time);
    const Map &result = run.result();
    for (int c = 0; c < y->channels; ++c)
      for (int row = 0; row < y->height; ++row)
        std::memcpy(row_of(*y, i, c, row), row_of(result, 0, c, row), sizeof(float) * y->width);
  }
  return 1;
}

}  // extern "C"
