// definition.cpp: reading definitions; see definition.hpp.
#include "run/definition.hpp"

#include <unistd.h>

#include <cstring>
#include <utility>

#include "credentials/credentials.hpp"
#include "store/failure.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

constexpr Option definition_file(const char* names, const char* about) {
  return {
      .names = names, .kind = Kind::file, .about = about, .value = "FILE", .rivals = "definition"};
}

struct DefinitionKind {
  const Option* option;
  std::uint32_t number;
  const char* what;
};

char* shell_word(const char* text) noexcept {
  return const_cast<char*>(text);  // execvp does not change its arguments
}

// account_of returns the account for a user's name, where it has to be changed and can be.
std::optional<Account> account_of(const char* user, const char* what) {
  if (user == nullptr) return std::nullopt;
  if (::geteuid() == 0) {
    Account account = find_account(user);
    if (account.user == 0) return std::nullopt;
    return account;
  }
  if (is_account(user, ::geteuid())) return std::nullopt;
  complain("the " + std::string(what) + " is to run as user '" + user +
           "'; that needs root, so it runs as you");
  return std::nullopt;
}

}  // namespace

constexpr Option kAppOption = definition_file("--app", "A Marathon app, in JSON");
constexpr Option kPodOption = definition_file("--pod", "A Marathon pod, in JSON");
constexpr Option kJobOption = definition_file("--job", "A Metronome job, in JSON");
constexpr Option kTaskOption = definition_file("--task", "A Mesos TaskInfo, in JSON");
constexpr Option kContainerOption = {.names = "--container",
                                     .kind = Kind::text,
                                     .about = "The container of --pod; needed if it has several",
                                     .value = "NAME"};

Definition::Definition(const char* what, strongroom_abi::Task task)
    : what_(what), task_(std::move(task)), account_(account_of(task_.describe().user, what)) {}

std::optional<Definition> Definition::read(const Options& options) {
  constexpr DefinitionKind kKinds[] = {{&kAppOption, STRONGROOM_DEFINITION_APP, "app"},
                                       {&kPodOption, STRONGROOM_DEFINITION_POD, "pod"},
                                       {&kJobOption, STRONGROOM_DEFINITION_JOB, "job"},
                                       {&kTaskOption, STRONGROOM_DEFINITION_TASK_INFO, "TaskInfo"}};
  if (options.has(kContainerOption) && !options.has(kPodOption)) {
    throw options.usage("--container is for --pod");
  }
  for (const DefinitionKind& each : kKinds) {
    if (!options.has(*each.option)) continue;
    const std::string file = options.text(*each.option);
    const strongroom_abi::Secret text =
        read_secret_text(file, kMaxMessageLen, "the " + std::string(each.what));
    try {
      return Definition(each.what, strongroom_abi::Task(each.number, text.reveal(),
                                                        options.text(kContainerOption)));
    } catch (const strongroom_abi::Error& error) {
      throw Failure(10 + error.status(), "the " + std::string(each.what) + " in " + name_of(file) +
                                             " was refused: " + error.what());
    }
  }
  return std::nullopt;
}

strongroom_abi::Session Definition::service(strongroom_abi::Store& store) const {
  const strongroom_task_description said = task_.describe();
  return store.service(said.id, said.space);
}

Program Definition::program(const Options& options) const {
  const strongroom_task_description said = task_.describe();
  switch (said.command) {
    case STRONGROOM_COMMAND_SHELL:
      return {"/bin/sh", {shell_word("sh"), shell_word("-c"), shell_word(said.words[0])}};
    case STRONGROOM_COMMAND_PROGRAM: {
      Program program{said.program, {}};
      for (std::size_t i = 0; i < said.num_words; ++i) {
        program.words.push_back(shell_word(said.words[i]));
      }
      return program;
    }
    case STRONGROOM_COMMAND_IMAGE_ARGS:
      throw options.usage("what the " + std::string(what_) +
                          " runs is arguments for the program of its image; give a command behind "
                          "'--'");
    default:
      throw options.usage("the " + std::string(what_) +
                          " has no command of its own; give one behind '--'");
  }
}

}  // namespace strongroom_cli
