// elf_symbols.hpp: what a shared library asks for and offers, read from the file, without running any of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strongroom_mesos {

struct ElfSymbols {
  std::vector<std::string> needed;     // libraries (DT_NEEDED)
  std::vector<std::string> undefined;  // that no versioned library provides: the host must
  std::vector<std::string> defined;    // visible to the host
  std::string version_text;  // of the constant strongroom_mesos_version; empty: it has none

  // read reads a library for this kind of machine. Throws  Trouble: it cannot be read, or is something else.
  static ElfSymbols read(const std::string& file);
};

}  // namespace strongroom_mesos
