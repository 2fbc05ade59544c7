// elf_symbols.cpp: the bodies of elf_symbols.hpp; the structs are those of elf.h.
#include "elf_symbols.hpp"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>

#include "module/settings.hpp"

namespace strongroom_mesos {

namespace {

constexpr std::size_t kMaxFile = std::size_t{256} << 20;
constexpr std::size_t kMaxVersionText = 64;
constexpr const char* kVersionSymbol = "strongroom_mesos_version";

// File is the bytes of a library. All that is read from it stays within it.
class File {
 public:
  explicit File(const std::string& name) : name_(name) {
    std::ifstream in(name, std::ios::binary | std::ios::ate);
    if (!in.is_open() || in.tellg() < 0) throw Trouble("'" + name + "' cannot be read");
    const auto size = static_cast<std::size_t>(in.tellg());
    if (size > kMaxFile) broken();
    bytes_.resize(size);
    in.seekg(0);
    in.read(bytes_.data(), static_cast<std::streamsize>(size));
    if (!in) throw Trouble("'" + name + "' cannot be read");
  }

  template <typename T>
  T at(std::uint64_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) broken();
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }

  std::string text(std::uint64_t offset, std::size_t max_len) const {
    if (offset >= bytes_.size()) broken();
    const auto* const begin = bytes_.data() + offset;
    return {begin, ::strnlen(begin, std::min<std::size_t>(max_len, bytes_.size() - offset))};
  }

  [[noreturn]] void broken() const {
    throw Trouble("'" + name_ + "' is not a whole shared library for this kind of machine");
  }

 private:
  const std::string name_;
  std::string bytes_;
};

using Section = ElfW(Shdr);

std::vector<Section> sections_of(const File& file) {
  const auto header = file.at<ElfW(Ehdr)>(0);
  const ElfW(Ehdr) own = File("/proc/self/exe").at<ElfW(Ehdr)>(0);
  const bool ours = std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
                    header.e_ident[EI_CLASS] == own.e_ident[EI_CLASS] &&
                    header.e_ident[EI_DATA] == own.e_ident[EI_DATA] &&
                    header.e_machine == own.e_machine && header.e_type == ET_DYN &&
                    header.e_shentsize == sizeof(Section);
  if (!ours) file.broken();
  std::vector<Section> sections;
  for (std::uint64_t i = 0; i < header.e_shnum; ++i)
    sections.push_back(file.at<Section>(header.e_shoff + i * sizeof(Section)));
  return sections;
}

// Dynamic is a library's dynamic symbols and what goes with them.
class Dynamic {
 public:
  explicit Dynamic(const File& file) : file_(file), sections_(sections_of(file)) {}

  ElfSymbols read() {
    ElfSymbols found;
    const Section symbols = the(SHT_DYNSYM);
    const Section versions = the(SHT_GNU_versym);
    const auto num = std::min(symbols.sh_size / sizeof(ElfW(Sym)),
                              static_cast<decltype(symbols.sh_size)>(versions.sh_size / 2));
    std::size_t len = 0;
    for (std::uint64_t i = 1; i < num; ++i) {
      const auto symbol = file_.at<ElfW(Sym)>(symbols.sh_offset + i * sizeof(ElfW(Sym)));
      const auto version = file_.at<ElfW(Half)>(versions.sh_offset + i * sizeof(ElfW(Half)));
      const std::string name = file_.text(texts_of(symbols) + symbol.st_name, kMaxName);
      // A name is in the file once; many symbols at one place would make a small file large.
      if ((len += name.size()) > kMaxFile) file_.broken();
      take(found, symbol, name, version);
    }
    read_needed(found);
    return found;
  }

 private:
  static constexpr std::size_t kMaxName = 65'536;

  Section the(ElfW(Word) type) const {
    const auto found = std::find_if(sections_.begin(), sections_.end(),
                                    [&](const Section& each) { return each.sh_type == type; });
    if (found == sections_.end()) file_.broken();
    return *found;
  }

  std::uint64_t texts_of(const Section& section) const {
    if (section.sh_link >= sections_.size()) file_.broken();
    return sections_[section.sh_link].sh_offset;
  }

  void take(ElfSymbols& found, const ElfW(Sym) & symbol, const std::string& name,
            unsigned version) const {
    if (symbol.st_shndx != SHN_UNDEF) {
      found.defined.push_back(name);
      if (name == kVersionSymbol) found.version_text = text_in_memory(symbol.st_value);
      return;
    }
    const bool weak = ELF64_ST_BIND(symbol.st_info) == STB_WEAK;
    if (!weak && (version & 0x7fff) <= VER_NDX_GLOBAL) found.undefined.push_back(name);
  }

  // text_in_memory reads at the address that a place in the file is loaded to.
  std::string text_in_memory(std::uint64_t address) const {
    for (const Section& section : sections_) {
      if (section.sh_type == SHT_PROGBITS && address >= section.sh_addr &&
          address - section.sh_addr < section.sh_size)
        return file_.text(section.sh_offset + (address - section.sh_addr), kMaxVersionText);
    }
    return "";
  }

  void read_needed(ElfSymbols& found) const {
    const Section dynamic = the(SHT_DYNAMIC);
    for (std::uint64_t i = 0; i < dynamic.sh_size / sizeof(ElfW(Dyn)); ++i) {
      const auto entry = file_.at<ElfW(Dyn)>(dynamic.sh_offset + i * sizeof(ElfW(Dyn)));
      if (entry.d_tag == DT_NULL) return;
      if (entry.d_tag == DT_NEEDED)
        found.needed.push_back(file_.text(texts_of(dynamic) + entry.d_un.d_val, kMaxName));
    }
  }

  const File& file_;
  const std::vector<Section> sections_;
};

}  // namespace

ElfSymbols ElfSymbols::read(const std::string& file) {
  const File bytes(file);
  return Dynamic(bytes).read();
}

}  // namespace strongroom_mesos
