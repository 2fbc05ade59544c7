// A stand-in, not Mesos' header; see README.md. No agent has this version.
#pragma once

#define MESOS_VERSION "0.0.1"
