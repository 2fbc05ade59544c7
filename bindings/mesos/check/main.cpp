// main.cpp: strongroom-mesos-check: what an agent would say about a module and its parameters, before it is restarted
// with them.
//
// What is in the file is read without running it. Then a process of its own opens libmesos, and the module as an agent
// does, so that neither can harm this one. Parameters are read by the code of the module itself.
#include <cxxabi.h>
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "elf_symbols.hpp"
#include "module/open_store.hpp"
#include "module/settings.hpp"
#include "module/text.hpp"

namespace strongroom_mesos {
namespace {

constexpr int kExitWrong = 1;
constexpr int kExitUsage = 2;

constexpr const char* kModule = "strongroom_SecretResolver";
constexpr const char* kHelp =
    "Usage: strongroom-mesos-check FILE.so [OPTION...]\n"
    "\n"
    "Says whether a Mesos agent would take the module, and what is wrong otherwise.\n"
    "\n"
    "  --agent-version V      what `mesos-agent --version` prints, for example 1.11.0\n"
    "  --libmesos FILE        the agent's library; without it, libmesos-V.so and libmesos.so are "
    "tried\n"
    "  --parameter KEY=VALUE  a parameter of the module, as in the manifest; any number of them.\n"
    "                         With them the store is opened and unsealed as the agent would do it\n"
    "  --help                 this text\n"
    "\n"
    "Exit status: 0 all is well, 1 something is wrong, 2 wrong usage.\n";

// Mesos' module struct begins with these six texts (include/mesos/module.hpp), then two functions.
struct ModuleTexts {
  const char* api_version;
  const char* mesos_version;
  const char* kind;
  const char* author_name;
  const char* author_email;
  const char* description;
};

struct Options {
  std::string file;
  std::string agent_version;
  std::string libmesos;
  std::vector<std::pair<std::string, std::string>> parameters;
};

// Verdict prints findings and remembers whether one was bad.
class Verdict {
 public:
  void ok(const std::string& text) { say("ok     ", text); }
  void note(const std::string& text) { say("note   ", text); }
  void wrong(const std::string& text) {
    say("wrong  ", text);
    good_ = false;
  }
  bool good() const noexcept { return good_; }

 private:
  static void say(const char* what, const std::string& text) {
    std::printf("%s%s\n", what, printable(text, 4 * kMaxTextShown).c_str());
  }

  bool good_ = true;
};

std::string readable(const std::string& symbol) {
  int status = 0;
  char* const name = abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status);
  std::string text = status == 0 ? name : symbol;
  std::free(name);
  return text;
}

bool is_agents(const std::string& library) {
  for (const char* name : {"libmesos", "libprotobuf", "libglog", "libzookeeper", "libprocess"}) {
    if (library.rfind(name, 0) == 0) return true;
  }
  return false;
}

// ---- the file ----

void check_file(const ElfSymbols& symbols, const Options& options, Verdict& verdict) {
  const std::string& version = symbols.version_text;
  if (version.empty()) {
    verdict.wrong(
        "this is not strongroom's module: the symbol strongroom_mesos_version is missing");
  } else if (!options.agent_version.empty() && version != options.agent_version) {
    verdict.wrong("Mesos has version " + options.agent_version +
                  ", but module is compiled with version " + version +
                  ": an agent takes only its own version; build the module with "
                  "-Dmesos_prefix= of that agent");
  } else {
    verdict.ok("compiled for Mesos " + version);
  }
  bool independent = true;
  for (const std::string& library : symbols.needed) {
    if (!is_agents(library)) continue;
    independent = false;
    verdict.wrong("the module brings " + library + " along (DT_NEEDED), next to the agent's own");
  }
  if (independent) verdict.ok("brings no library of the agent's along");
}

// ---- as an agent ----

void check_texts(const ModuleTexts& texts, const Options& options, Verdict& verdict) {
  for (const char* text : {texts.api_version, texts.mesos_version, texts.kind, texts.author_name,
                           texts.author_email, texts.description}) {
    if (text == nullptr)
      return verdict.wrong(std::string("Error loading module '") + kModule + "'; missing fields");
  }
  const std::string version = texts.mesos_version;
  if (std::strcmp(texts.api_version, "2") != 0)
    return verdict.wrong(
        std::string("Module API version mismatch. Mesos has: 2, library requires: ") +
        texts.api_version);
  if (std::strcmp(texts.kind, "SecretResolver") != 0)
    return verdict.wrong(std::string("module is of kind '") + texts.kind +
                         "', but the requested kind is 'SecretResolver'");
  if (!options.agent_version.empty() && version != options.agent_version)
    return verdict.wrong("Mesos has version " + options.agent_version +
                         ", but module is compiled with version " + version);
  verdict.ok("opens as the agent opens it: module API 2, SecretResolver, Mesos " + version);
}

// open_libmesos returns the name of the library that was opened, or an empty text.
std::string open_libmesos(const Options& options) {
  std::vector<std::string> names = {options.libmesos};
  if (options.libmesos.empty()) {
    names = {"libmesos.so"};
    if (!options.agent_version.empty())
      names.insert(names.begin(), "libmesos-" + options.agent_version + ".so");
  }
  for (const std::string& name : names) {
    if (::dlopen(name.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return name;
  }
  return "";
}

std::string last_error() {
  const char* const text = ::dlerror();
  return text == nullptr ? "unknown" : text;
}

void open_as_agent(const ElfSymbols& symbols, const Options& options, Verdict& verdict) {
  const std::string libmesos = open_libmesos(options);
  if (libmesos.empty() && !options.libmesos.empty())
    return verdict.wrong("'" + options.libmesos + "' does not open: " + last_error());
  if (libmesos.empty()) {
    verdict.note(
        "not opened, since there is no libmesos here; name it with --libmesos. Of the agent, "
        "the module needs:");
    for (const std::string& symbol : symbols.undefined) verdict.note("  " + readable(symbol));
    return;
  }
  bool complete = true;
  for (const std::string& symbol : symbols.undefined) {
    if (::dlsym(RTLD_DEFAULT, symbol.c_str()) != nullptr) continue;
    complete = false;
    verdict.wrong(libmesos + " has no " + readable(symbol));
  }
  if (!complete)
    return verdict.wrong(
        "the agent has another protobuf or glog than the module was compiled with");
  verdict.ok(libmesos + " has all " + std::to_string(symbols.undefined.size()) +
             " symbols that the module needs");
  void* const library = ::dlopen(options.file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return verdict.wrong("Could not load library '" + options.file + "': " + last_error());
  const void* const found = ::dlsym(library, kModule);
  if (found == nullptr)
    return verdict.wrong(std::string("Error looking up symbol '") + kModule + "': " + last_error());
  check_texts(*static_cast<const ModuleTexts*>(found), options, verdict);
}

// check_opening does that in a process of its own.
void check_opening(const ElfSymbols& symbols, const Options& options, Verdict& verdict) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    Verdict own;
    open_as_agent(symbols, options, own);
    std::fflush(stdout);
    ::_exit(own.good() ? 0 : kExitWrong);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child)
    return verdict.wrong("no process to open the module in");
  if (WIFSIGNALED(status))
    return verdict.wrong("opening ended by signal " + std::to_string(WTERMSIG(status)) +
                         ", as it would end the agent");
  if (status != 0) verdict.wrong("an agent would not start with this module");
}

// ---- parameters ----

void check_parameters(const Options& options, Verdict& verdict) {
  try {
    const Settings settings = Settings::read(options.parameters);
    settings.take_memory();
    OpenStore store(settings, [&](Severity severity, const std::string& line) {
      if (severity != Severity::info) verdict.wrong(line);
    });
    std::string why;
    store.stop();  // it ends the attempt that is under way, so that its outcome counts
    const bool open = store.session(why) != nullptr;
    if (!open) return verdict.wrong(why);
    verdict.ok("the store is open and unsealed");
    verdict.note(settings.rights());
  } catch (const std::exception& error) {
    verdict.wrong(error.what());
  }
}

// ---- the command line ----

[[noreturn]] void usage(const std::string& why) {
  std::fprintf(stderr, "strongroom-mesos-check: %s\n%s", printable(why).c_str(), kHelp);
  std::exit(kExitUsage);
}

std::pair<std::string, std::string> parameter_of(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos) usage("--parameter needs KEY=VALUE");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Options options_of(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 == argc) usage(word + " needs a value");
      return argv[++i];
    };
    if (word == "--help") {
      std::fputs(kHelp, stdout);
      std::exit(0);
    }
    if (word == "--agent-version")
      options.agent_version = value();
    else if (word == "--libmesos")
      options.libmesos = value();
    else if (word == "--parameter")
      options.parameters.push_back(parameter_of(value()));
    else if (word.rfind("-", 0) == 0)
      usage("unknown option " + word);
    else if (!options.file.empty())
      usage("one module at a time");
    else
      options.file = word;
  }
  if (options.file.empty()) usage("the module is missing");
  // The loader would look for a bare name elsewhere.
  if (options.file.find('/') == std::string::npos) options.file = "./" + options.file;
  return options;
}

int run(const Options& options) {
  Verdict verdict;
  try {
    const ElfSymbols symbols = ElfSymbols::read(options.file);
    check_file(symbols, options, verdict);
    check_opening(symbols, options, verdict);
  } catch (const std::exception& trouble) {
    verdict.wrong(trouble.what());
  }
  if (!options.parameters.empty()) check_parameters(options, verdict);
  return verdict.good() ? 0 : kExitWrong;
}

}  // namespace
}  // namespace strongroom_mesos

int main(int argc, char** argv) {
  return strongroom_mesos::run(strongroom_mesos::options_of(argc, argv));
}
