// The threads of a ticket and the memory of a run, as layers (layers.h) and steps (execute.h) ask
// for them.
#pragma once
#include "layers.h"
#include "layouts.h"
#include "workers.h"

// The context of a layer's call (layers.h): its memory is the run's.
class Context {
 public:
  Context(Workers &workers, Arena &arena, const Need &need)
      : workers_(workers), planes_(arena.take<float>(need.planes)), grid_(arena.take<float>(need.grid)),
        pitch_(up(need.scratch, ALIGNMENT)),
        scratch_(arena.take<float>(pitch_ * workers.count())) {}

  template <class Work>
  void run(int count, const Work &work) {
    workers_.run(count, [](const void *w, int task, int thread) {
      (*static_cast<const Work *>(w))(task, thread);
    }, &work);
  }
  float *planes(int64_t) { return planes_; }
  float *grid(int64_t) { return grid_; }
  float *scratch(int thread, int64_t) { return scratch_ + thread * pitch_; }
  std::atomic<bool> *flags(int) { return &flag_; }

 private:
  Workers &workers_;
  float *planes_, *grid_;
  int64_t pitch_;
  float *scratch_;
  std::atomic<bool> flag_{false};
};

struct Host {
  Workers &workers;

  int count() const { return workers.count(); }
  Context context(Arena &arena, const Need &need) { return {workers, arena, need}; }
};
