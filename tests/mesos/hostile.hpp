// hostile.hpp: functions of the host that end the program; see hostile.cpp.
#pragma once

extern "C" {
void zookeeper_init();
}

namespace google {
void InitGoogleLogging(const char*);
void ShutdownGoogleLogging();
namespace protobuf {
void ShutdownProtobufLibrary();
namespace internal {
void VerifyVersion(int, int, const char*);
}
}  // namespace protobuf
}  // namespace google
