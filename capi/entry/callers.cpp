// callers.cpp: opens sessions and reads their identities.
#include "callers.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

constexpr std::size_t kMaxIdentityLen = 4096;
constexpr std::size_t kMaxGroups = 1000;

static_assert(STRONGROOM_ACTION_CREATE == static_cast<int>(Action::create));
static_assert(STRONGROOM_ACTION_READ == static_cast<int>(Action::read));
static_assert(STRONGROOM_ACTION_UPDATE == static_cast<int>(Action::update));
static_assert(STRONGROOM_ACTION_DELETE == static_cast<int>(Action::erase));
static_assert(STRONGROOM_ACTION_LIST == static_cast<int>(Action::list));
static_assert(STRONGROOM_ACTION_SCAN == static_cast<int>(Action::scan));
static_assert(STRONGROOM_ACTION_RESOLVE == static_cast<int>(Action::resolve));
static_assert(STRONGROOM_ACTION_SEAL == static_cast<int>(Action::seal));
static_assert(STRONGROOM_ACTION_UNSEAL == static_cast<int>(Action::unseal));
static_assert(STRONGROOM_ACTION_INIT == static_cast<int>(Action::init));
static_assert(STRONGROOM_ACTION_REKEY == static_cast<int>(Action::rekey));
static_assert(STRONGROOM_ACTION_ROTATE == static_cast<int>(Action::rotate));
static_assert(STRONGROOM_ACTION_POLICY == static_cast<int>(Action::policy));
static_assert(STRONGROOM_ACTION_AUDIT == static_cast<int>(Action::audit));
static_assert(STRONGROOM_ACTION_BACKUP == static_cast<int>(Action::backup));
static_assert(STRONGROOM_ACTION_BACKUP + 1 == kNumActions);

// name_of accepts only a name that can appear in a rule. With any other name, a caller could escape
// the rules that are meant for it.
Result<std::string> name_of(const char* name, const char* what, const char* kind) {
  auto text = identity_text(name, what);
  STRONGROOM_TRY(text);
  auto subject = parse_subject(kind + text.value());
  if (!subject) return Error{Code::invalid, std::string(what) + ": " + subject.error().message};
  return text;
}

Result<std::vector<std::string>> groups_of(const strongroom_identity& given) {
  if (given.groups == nullptr && given.num_groups > 0) return was_null("groups");
  if (given.num_groups > kMaxGroups)
    return Error{Code::too_large, "an identity has more than 1,000 groups"};
  std::vector<std::string> groups;
  for (std::size_t i = 0; i < given.num_groups; ++i) {
    STRONGROOM_ASSIGN(group, name_of(given.groups[i], "a group", "group:"));
    groups.push_back(std::move(group));
  }
  return groups;
}

Result<Identity> trusted_of(const strongroom_identity& given) {
  if (given.id == nullptr && given.space == nullptr && given.num_groups == 0)
    return Identity::trusted();
  return Error{Code::invalid, "a trusted identity has no id, space or groups"};
}

}  // namespace

namespace strongroom::capi {

Result<std::string> identity_text(const char* text, const char* name) {
  if (text == nullptr) return was_null(name);
  const std::size_t len = ::strnlen(text, kMaxIdentityLen + 1);
  const std::string_view view(text, len);
  const bool control =
      std::any_of(view.begin(), view.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (len > kMaxIdentityLen || control || !well_formed_utf8(view)) {
    return Error{
        Code::invalid,
        std::string(name) + " must be UTF-8 of up to 4,096 bytes without control characters"};
  }
  return std::string(view);
}

Result<Identity> identity_of(const strongroom_identity* given) {
  if (given == nullptr) return was_null("identity");
  STRONGROOM_ASSIGN(read, read_struct(given, STRONGROOM_IDENTITY_INIT));
  if (read.reserved != 0) return Error{Code::invalid, "a reserved field is not 0"};
  if (read.kind == STRONGROOM_IDENTITY_TRUSTED) return trusted_of(read);
  if (read.kind < STRONGROOM_IDENTITY_USER || read.kind > STRONGROOM_IDENTITY_TRUSTED)
    return Error{Code::invalid, "the kind of identity is unknown"};
  if (read.space != nullptr && read.kind != STRONGROOM_IDENTITY_SERVICE)
    return Error{Code::invalid, "only a service has a space"};
  STRONGROOM_ASSIGN(id, name_of(read.id, "id", "user:"));
  STRONGROOM_ASSIGN(groups, groups_of(read));
  if (read.kind == STRONGROOM_IDENTITY_ADMINISTRATOR)
    return Identity::administrator(std::move(id), std::move(groups));
  if (read.kind == STRONGROOM_IDENTITY_USER)
    return Identity::user(std::move(id), std::move(groups));
  STRONGROOM_ASSIGN(space, identity_text(read.space != nullptr ? read.space : "", "space"));
  return Identity::service(std::move(id), std::move(space), std::move(groups));
}

Result<Request> request_of(std::uint32_t action, const char* path) {
  if (action >= kNumActions) return Error{Code::invalid, "the action is unknown"};
  STRONGROOM_ASSIGN(text, text_of(path, "path"));
  STRONGROOM_ASSIGN(parsed, Path::parse(text));
  const auto wanted = static_cast<Action>(action);
  const bool root_is_fine =
      is_administration(wanted) || wanted == Action::list || wanted == Action::scan;
  if (parsed.is_root() && !root_is_fine)
    return Error{Code::invalid, std::string(to_string(wanted)) + " needs the path of a secret"};
  if (!parsed.is_root() && is_administration(wanted)) {
    return Error{Code::invalid,
                 std::string(to_string(wanted)) + " concerns the whole store and takes no path"};
  }
  return Request{wanted, std::move(parsed)};
}

}  // namespace strongroom::capi

strongroom_status strongroom_session_open(strongroom_store* store,
                                          const strongroom_identity* identity,
                                          strongroom_session** out,
                                          strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_session>> {
    STRONGROOM_TRY(check_handle(store, "store"));
    STRONGROOM_ASSIGN(caller, identity_of(identity));
    return std::make_unique<strongroom_session>(store->store.as(std::move(caller)));
  });
}

strongroom_status strongroom_session_trusted(strongroom_store* store, strongroom_session** out,
                                             strongroom_error** out_error) noexcept {
  strongroom_identity identity = STRONGROOM_IDENTITY_INIT;
  identity.kind = STRONGROOM_IDENTITY_TRUSTED;
  return strongroom_session_open(store, &identity, out, out_error);
}

void strongroom_session_free(strongroom_session* session) noexcept {
  release(session);
}

strongroom_status strongroom_check(strongroom_session* session, uint32_t action, const char* path,
                                   strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    STRONGROOM_ASSIGN(request, request_of(action, path));
    return caller.check(request.action, request.path);
  });
}
