// replay_main.cpp: runs a fuzz target over inputs that are kept, where there is no libFuzzer.
//
//   <stem>_replay DIRECTORY|FILE...
//
// Ends with 0 when every input was run, 1 when one could not be read or there was none at all. A
// target reports what it found by dying; the last line then names the input.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len);
extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int* argc, char*** argv);

namespace {

// run_input calls the target with a copy that ends where the input ends, so that a sanitizer sees
// the first byte read beyond it.
void run_input(const std::string& bytes) {
  const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
  (void)LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

bool replay_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.is_open() || in.bad()) {
    std::fprintf(stderr, "could not read %s\n", file.c_str());
    return false;
  }
  std::fprintf(stderr, "%s (%zu bytes)\n", file.c_str(), bytes.size());
  run_input(bytes);
  return true;
}

// collect adds the file, or every file below the directory, in an order that never changes.
bool collect(const std::filesystem::path& where, std::vector<std::filesystem::path>& files) {
  if (std::filesystem::is_regular_file(where)) {
    files.push_back(where);
    return true;
  }
  std::error_code error;
  std::vector<std::filesystem::path> found;
  for (std::filesystem::recursive_directory_iterator it(where, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file()) found.push_back(it->path());
  }
  if (error) {
    std::fprintf(stderr, "could not read %s: %s\n", where.c_str(), error.message().c_str());
    return false;
  }
  std::sort(found.begin(), found.end());
  files.insert(files.end(), found.begin(), found.end());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (LLVMFuzzerInitialize != nullptr) LLVMFuzzerInitialize(&argc, &argv);
  std::vector<std::filesystem::path> files;
  bool good = true;
  for (int i = 1; i < argc; ++i) good = collect(argv[i], files) && good;
  for (const auto& file : files) good = replay_file(file) && good;
  run_input({});
  std::fprintf(stderr, "%zu inputs\n", files.size());
  return good && !files.empty() ? 0 : 1;
}
