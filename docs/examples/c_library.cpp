// Counts the pixels of each class of a grey picture: c_library WEIGHTS HEIGHT WIDTH
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "ticket.h"

int main(int count, char **arguments) {
  if (count != 4) return 2;
  ticket *opened = nullptr;
  int code = ticket_open_file(arguments[1], 2, &opened);
  if (code) return std::fprintf(stderr, "%s\n", ticket_error(code)), 1;
  ticket_info info;
  ticket_describe(opened, &info);

  const int height = std::atoi(arguments[2]), width = std::atoi(arguments[3]);
  const int options = TICKET_NORMALISE | TICKET_RESIZE;
  size_t bytes = 0;
  code = ticket_scratch(opened, height, width, options, &bytes);
  if (!code) {
    const int64_t plane = int64_t(height) * width;
    std::vector<uint8_t> pixels(info.channels * plane, 128), labels(plane), scratch(bytes);
    const ticket_image image = {pixels.data(), TICKET_UINT8, height, width, plane, width, 1};
    const ticket_output output = {nullptr, 0, 0, labels.data(), width};
    code = ticket_run(opened, &image, options, &output, scratch.data(), scratch.size());
    const int classes = info.outputs == 1 ? 2 : info.outputs;  // one score tells two apart
    std::vector<long> found(classes);
    for (const uint8_t label : labels) ++found[label];
    for (int c = 0; c < classes; ++c) std::printf("%d: %ld\n", c, found[c]);
  }
  if (code) std::fprintf(stderr, "%s\n", ticket_error(code));
  ticket_close(opened);
  return code != 0;
}
