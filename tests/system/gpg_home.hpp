// gpg_home.hpp: the real gpg, in a home of its own that goes with the test.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace strongroom::testing {

using Bytes = std::vector<std::uint8_t>;

class GpgHome {
 public:
  GpgHome() {
    std::string name = std::filesystem::temp_directory_path() / "strongroom-gpg-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory: " + name);
    path_ = name;
  }
  ~GpgHome() {
    try {
      run("gpgconf", {"--homedir", path_, "--kill", "all"});
    } catch (const std::exception&) {  // its agent then ends with its directory
    }
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  GpgHome(const GpgHome&) = delete;
  GpgHome& operator=(const GpgHome&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

  // gpg runs one command and gives what it wrote. Throws when it failed.
  Bytes gpg(const std::vector<std::string>& arguments, const Bytes& input = {}) const {
    std::vector<std::string> all = {"--homedir",     path_,      "--batch",         "--yes",
                                    "--quiet",       "--no-tty", "--pinentry-mode", "loopback",
                                    "--trust-model", "always"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run("gpg", all, input);
  }

  // error is what the last command wrote to its standard error.
  std::string error() const {
    const Bytes bytes = read(path_ / "error");
    return {bytes.begin(), bytes.end()};
  }

  // make_key makes one key from gpg's parameters, "Key-Type: …".
  void make_key(const std::string& name, const std::string& parameters,
                std::vector<std::string> options = {}) const {
    std::string text = parameters + "\nName-Real: " + name + "\n";
    if (text.find("Passphrase:") == std::string::npos) text += "%no-protection\n";
    if (text.find("Expire-Date:") == std::string::npos) text += "Expire-Date: 0\n";
    options.insert(options.end(), {"--gen-key"});
    gpg(options, Bytes(text.begin(), text.end()));
  }

  Bytes public_key(const std::string& name) const { return gpg({"--export", name}); }
  Bytes private_key(const std::string& name) const {
    return gpg({"--passphrase", "", "--export-secret-keys", name});
  }

  // fingerprint of the primary key, as gpg prints it.
  std::string fingerprint(const std::string& name) const {
    const Bytes listed = gpg({"--with-colons", "--list-keys", name});
    const std::string text(listed.begin(), listed.end());
    const std::size_t at = text.find("\nfpr:::::::::");
    return at == std::string::npos ? "" : text.substr(at + 13, 40);
  }

  static Bytes read(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  static void write(const std::filesystem::path& file, const Bytes& bytes) {
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  }

 private:
  Bytes run(const char* program, const std::vector<std::string>& arguments,
            const Bytes& input = {}) const {
    write(path_ / "input", input);
    std::vector<char*> argv = {const_cast<char*>(program)};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.data()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
    ::posix_spawn_file_actions_addopen(&files, 0, (path_ / "input").c_str(), O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, 1, (path_ / "output").c_str(), kWrite, 0600);
    ::posix_spawn_file_actions_addopen(&files, 2, (path_ / "error").c_str(), kWrite, 0600);
    pid_t pid = -1;
    const int started = ::posix_spawnp(&pid, program, &files, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    if (started != 0) throw std::runtime_error(std::string(program) + " did not start");
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (status != 0) throw std::runtime_error(std::string(program) + " failed: " + error());
    return read(path_ / "output");
  }

  std::filesystem::path path_;
};

}  // namespace strongroom::testing
