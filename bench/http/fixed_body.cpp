// fixed_body.cpp: libmicrohttpd as strongroomd uses it, with nothing behind it: what it reaches at best.
//
//   fixed_body THREADS LENGTH    listens on a free port of 127.0.0.1 and prints it; ends when its input does
//
// Each request, whatever it asks for, is answered with the same bytes under the header fields of strongroomd.
#include <arpa/inet.h>
#include <microhttpd.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "fixed_body: %s\n", why);
  std::exit(1);
}

struct MHD_Response* make_response(std::string& body) {
  struct MHD_Response* const made =
      MHD_create_response_from_buffer(body.size(), body.data(), MHD_RESPMEM_PERSISTENT);
  if (made == nullptr) give_up("there is no response");
  MHD_add_response_header(made, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
  MHD_add_response_header(made, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  MHD_add_response_header(made, "X-Content-Type-Options", "nosniff");
  return made;
}

// on_request answers at the second call: at the first one, a response would end the connection.
MHD_Result on_request(void* response, MHD_Connection* connection, const char*, const char*,
                      const char*, const char*, std::size_t* upload_len, void** is_known) {
  if (*is_known == nullptr) {
    *is_known = connection;
    return MHD_YES;
  }
  *upload_len = 0;
  return MHD_queue_response(connection, MHD_HTTP_OK, static_cast<struct MHD_Response*>(response));
}

MHD_Daemon* start(unsigned num_threads, struct MHD_Response* response) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, num_threads, nullptr},
                                 {MHD_OPTION_END, 0, nullptr}};
  const MHD_OptionItem none[] = {{MHD_OPTION_END, 0, nullptr}};
  MHD_Daemon* const daemon = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_SUSPEND_RESUME, 0, nullptr, nullptr, &on_request,
      response, MHD_OPTION_SOCK_ADDR, reinterpret_cast<const sockaddr*>(&address),
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, std::size_t{32 * 1024}, MHD_OPTION_STRICT_FOR_CLIENT, 1,
      MHD_OPTION_ARRAY, num_threads > 1 ? pool : none, MHD_OPTION_END);
  if (daemon == nullptr) give_up("the server did not start");
  return daemon;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) give_up("usage: fixed_body THREADS LENGTH");
  std::string body(std::strtoul(argv[2], nullptr, 10), 'x');
  struct MHD_Response* const response = make_response(body);
  MHD_Daemon* const daemon =
      start(static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)), response);
  std::printf("%u\n", unsigned{MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port});
  std::fflush(stdout);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  MHD_stop_daemon(daemon);
  MHD_destroy_response(response);
}
