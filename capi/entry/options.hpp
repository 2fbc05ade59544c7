// options.hpp: reads the options of reads, writes and lists from the structs of C.
#pragma once

#include <optional>
#include <string_view>

#include "guard.hpp"
#include "strongroom.h"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"

namespace strongroom::capi {

// optional_text returns nullopt for NULL.
inline std::optional<std::string_view> optional_text(const char* text) noexcept {
  if (text == nullptr) return std::nullopt;
  return std::string_view(text);
}

inline Error reserved_set() {
  return {Code::invalid, "a reserved field is not 0"};
}

inline Error no_decide_path() {
  return {Code::invalid, "decide_path must be NULL here"};
}

inline Result<GetOptions> get_options_of(const strongroom_get_options* given) {
  GetOptions options;
  if (given == nullptr) return options;
  STRONGROOM_ASSIGN(read, read_struct(given, STRONGROOM_GET_OPTIONS_INIT));
  if (read.reserved != 0) return reserved_set();
  STRONGROOM_ASSIGN(fresh, flag_of(read.fresh, "fresh"));
  options.fresh = fresh;
  options.key = optional_text(read.key);
  options.decide_path = optional_text(read.decide_path);
  return options;
}

// many_options_of reads the options of calls that take neither key nor decide_path, such as reads
// of several secrets.
inline Result<ReadOptions> many_options_of(const strongroom_get_options* given) {
  STRONGROOM_ASSIGN(options, get_options_of(given));
  if (options.decide_path) return no_decide_path();
  if (options.key) return Error{Code::invalid, "key must be NULL here"};
  return ReadOptions(options);
}

inline Result<WriteOptions> put_options_of(const strongroom_put_options* given) {
  WriteOptions options;
  if (given == nullptr) return options;
  STRONGROOM_ASSIGN(read, read_struct(given, STRONGROOM_PUT_OPTIONS_INIT));
  if (read.reserved != 0) return reserved_set();
  if (read.condition > STRONGROOM_CONDITION_REVISION)
    return Error{Code::invalid, "the condition is unknown"};
  if ((read.condition == STRONGROOM_CONDITION_REVISION) != (read.revision != 0))
    return Error{Code::invalid, "only STRONGROOM_CONDITION_REVISION takes a revision, from 1"};
  options.condition = {static_cast<Condition::Kind>(read.condition), Revision(read.revision)};
  options.decide_path = optional_text(read.decide_path);
  return options;
}

// condition_of reads the options of writes that no policy judges by a path.
inline Result<Condition> condition_of(const strongroom_put_options* given) {
  STRONGROOM_ASSIGN(options, put_options_of(given));
  if (options.decide_path) return no_decide_path();
  return options.condition;
}

// deletion_at returns the condition of a deletion at a revision; 0 means any revision.
inline Condition deletion_at(std::uint64_t revision) noexcept {
  return revision == 0 ? Condition::update() : Condition::at(Revision(revision));
}

inline Result<WriteOptions> delete_options_of(const strongroom_delete_options* given) {
  STRONGROOM_ASSIGN(read, read_struct(given, STRONGROOM_DELETE_OPTIONS_INIT));
  WriteOptions options = deletion_at(read.revision);
  options.decide_path = optional_text(read.decide_path);
  return options;
}

// ListRequest asks for a whole list (limit 0), or for one page of a list.
struct ListRequest {
  ListOptions options;
  ByteView after{};
  std::size_t limit = 0;
};

inline Result<ListRequest> list_request_of(const strongroom_list_options* given) {
  STRONGROOM_ASSIGN(read, read_struct(given, STRONGROOM_LIST_OPTIONS_INIT));
  ListRequest request;
  STRONGROOM_ASSIGN(recursive, flag_of(read.recursive, "recursive"));
  STRONGROOM_ASSIGN(visible, flag_of(read.visible, "visible"));
  STRONGROOM_ASSIGN(after, bytes_of(read.after, read.after_len, "after"));
  if (read.limit > 0 && (recursive || visible))
    return Error{Code::invalid,
                 "a page of a list has one level: with a limit, recursive and visible must be 0"};
  if (read.limit == 0 && !after.empty())
    return Error{Code::invalid,
                 "a list that begins at a position (after) needs a limit of 1 to 10,000"};
  request.options.recursive = recursive;
  request.options.visible = visible;
  request.options.decide_path = optional_text(read.decide_path);
  request.after = after;
  request.limit = read.limit;
  return request;
}

}  // namespace strongroom::capi
