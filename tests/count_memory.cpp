// Counts what a run of an exported library allocates, and by how many bytes the process grows for it:
// count_memory WEIGHTS HEIGHT WIDTH
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "ticket.h"

static std::atomic<bool> counts{false};
static std::atomic<long> found{0};

// All of the process asks here, the library's threads too (glibc).
extern "C" void *__libc_malloc(size_t);
extern "C" void *__libc_calloc(size_t, size_t);
extern "C" void *__libc_realloc(void *, size_t);
extern "C" void *malloc(size_t bytes) { return found += counts, __libc_malloc(bytes); }
extern "C" void *calloc(size_t n, size_t bytes) { return found += counts, __libc_calloc(n, bytes); }
extern "C" void *realloc(void *p, size_t bytes) { return found += counts, __libc_realloc(p, bytes); }

// A line of /proc/self/status, in bytes: what lies in memory now, or did at most.
static long status(const char *name) {
  char line[256];
  long kilobytes = 0;
  FILE *file = std::fopen("/proc/self/status", "r");
  while (file && std::fgets(line, sizeof line, file))
    if (!std::strncmp(line, name, std::strlen(name)))
      std::sscanf(line + std::strlen(name), " %ld", &kilobytes);
  if (file) std::fclose(file);
  return kilobytes * 1024;
}

int main(int, char **arguments) {
  ticket *t = nullptr;
  ticket_info info;
  size_t bytes = 0;
  const int height = std::atoi(arguments[2]), width = std::atoi(arguments[3]);
  const int options = TICKET_NORMALISE | TICKET_RESIZE;
  if (ticket_open_file(arguments[1], 3, &t)) return 1;
  ticket_describe(t, &info);
  counts = true;
  if (ticket_scratch(t, height, width, options, &bytes)) return 2;
  counts = false;
  const int64_t plane = int64_t(height) * width;
  std::vector<uint8_t> pixels(info.channels * plane, 128), labels(plane);
  const long before = status("VmRSS:");
  auto *scratch = static_cast<uint8_t *>(std::malloc(bytes));  // not touched: runs alone do that
  const ticket_image image = {pixels.data(), TICKET_UINT8, height, width, plane, width, 1};
  const ticket_output output = {nullptr, 0, 0, labels.data(), width};
  counts = true;
  for (int i = 0; i < 2; ++i)
    if (ticket_run(t, &image, options, &output, scratch, bytes)) return 3;
  counts = false;
  const long in_runs = found;
  counts = true, std::free(std::malloc(8)), counts = false;
  ticket_close(t);
  std::printf("%ld allocations in runs, %ld seen elsewhere\n", in_runs, found - in_runs);
  std::printf("%ld bytes more, %zu were asked for\n", status("VmHWM:") - before, bytes);
  std::free(scratch);
}
