// definition.hpp: what reads definitions of tasks, one function for each kind.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/task.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/result.hpp"

namespace strongroom::mesos::message_json {

// read_environment reads the message Environment, which is at prefix in another message. Its values point into the
// JSON text: see hold_values.
Result<Environment> read_environment(JsonValue object, const std::string& prefix, Missing& missing);

// read_secret_volumes reads the volumes of a ContainerInfo, and skips those that are no secrets.
// Errors  as volumes_from_json, but for the container paths.
Result<std::vector<Volume>> read_secret_volumes(JsonValue list);

}  // namespace strongroom::mesos::message_json

namespace strongroom::mesos::definition {

// The values of the variables still point into the text: see hold_values.
Result<Task> read_app(JsonValue app);
Result<Task> read_pod(JsonValue pod, std::string_view container);
Result<Task> read_job(JsonValue job);
Result<Task> read_task_info(JsonValue task);

}  // namespace strongroom::mesos::definition
