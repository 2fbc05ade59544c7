#include "server/server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include "message/json_text.hpp"
#include "server/connection.hpp"
#include "server/listener.hpp"
#include "server/pending.hpp"
#include "server/tls.hpp"
#include "server/workers.hpp"

namespace strongroomd {
namespace {

constexpr unsigned kNumStoreThreads = 16;
constexpr unsigned kNumSealThreads = 4;
// Each login takes 64 MiB and a core for some tens of milliseconds; those that wait get their turn within seconds.
constexpr unsigned kNumLoginThreads = 2;
constexpr std::size_t kMaxWaitingLogins = 64;
constexpr unsigned kTooLarge = 413;
// Of a body that is not wanted, this much is read and dropped, so that the client gets to read why.
constexpr std::size_t kMaxDroppedLen = std::size_t{16} << 20;
// The limit of connections is kept by on_accept: at the library's own one, it would leave clients waiting.
constexpr std::intptr_t kLibraryConnections = 1 << 20;
constexpr std::chrono::seconds kStopPatience{5};
constexpr const char* kTlsPriorities =
    "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:+CHACHA20-"
    "POLY1305";

std::string address_of(int fd) {
  sockaddr_storage name{};
  socklen_t len = sizeof name;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&name), &len) != 0) return {};
  char text[INET6_ADDRSTRLEN] = "";
  if (name.ss_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(name).sin_addr, text, sizeof text);
  if (name.ss_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(name).sin6_addr, text,
                sizeof text);
  return name.ss_family == AF_UNIX ? "unix" : text;
}

std::optional<UnixPeer> unix_peer_of(int fd) {
  ucred peer{};
  socklen_t len = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) return std::nullopt;
  return UnixPeer{peer.uid, peer.gid, peer.pid};
}

void free_secret(void* secret) noexcept {
  delete static_cast<strongroom_abi::Secret*>(secret);
}

// make_body makes a response of the body. A secret is sent from locked memory.
MhdResponse make_body(Response& response) {
  struct MHD_Response* made = nullptr;
  if (response.secret && response.secret->size() > 0) {
    auto secret = std::make_unique<strongroom_abi::Secret>(std::move(*response.secret));
    const std::string_view bytes = secret->reveal();
    made = MHD_create_response_from_buffer_with_free_callback_cls(
        bytes.size(), const_cast<char*>(bytes.data()), &free_secret, secret.get());
    if (made != nullptr) static_cast<void>(secret.release());
  } else {
    made = MHD_create_response_from_buffer(response.text.size(), response.text.data(),
                                           MHD_RESPMEM_MUST_COPY);
  }
  return {made, &MHD_destroy_response};
}

MhdResponse make_response(Response& response, bool closes) {
  MhdResponse made = make_body(response);
  if (!made) return made;
  if (response.content_type != nullptr)
    MHD_add_response_header(made.get(), MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type);
  MHD_add_response_header(made.get(), MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  MHD_add_response_header(made.get(), "X-Content-Type-Options", "nosniff");
  if (response.set_cookie) {
    const strongroom_abi::Secret text = join({response.set_cookie->reveal(), {"", 1}});
    MHD_add_response_header(made.get(), MHD_HTTP_HEADER_SET_COOKIE, text.reveal().data());
  }
  for (const auto& [name, value] : response.headers)
    MHD_add_response_header(made.get(), name, value.c_str());
  if (closes) MHD_add_response_header(made.get(), MHD_HTTP_HEADER_CONNECTION, "close");
  return made;
}

// wipe_cookie wipes what the library copied of a cookie.
void wipe_cookie(struct MHD_Response* response) noexcept {
  const char* const text = MHD_get_response_header(response, MHD_HTTP_HEADER_SET_COOKIE);
  if (text != nullptr) ::explicit_bzero(const_cast<char*>(text), std::strlen(text));
}

// or_else returns f(), or otherwise what stands for a failure: no exception may pass through the library.
template <typename T, typename F>
T or_else(T otherwise, F f) noexcept {
  try {
    return f();
  } catch (...) {
    return otherwise;
  }
}

}  // namespace

class Server::State {
 public:
  State(const Settings& settings, Api& api);
  ~State();

  std::vector<std::string> addresses;
  Connections connections;

 private:
  void listen(const Listener& listener);

  // What the library calls. cls is the State.
  static MHD_Result on_accept(void* cls, const sockaddr* address, socklen_t len);
  static void on_connection(void* cls, MHD_Connection* handle, void** context,
                            MHD_ConnectionNotificationCode code);
  static void* on_target(void* cls, const char* target, MHD_Connection* handle);
  static MHD_Result on_request(void* cls, MHD_Connection* handle, const char* url,
                               const char* method, const char* version, const char* upload,
                               std::size_t* upload_len, void** pending);
  static void on_completed(void* cls, MHD_Connection* handle, void** pending,
                           MHD_RequestTerminationCode code);

  // The stages of a request.
  MHD_Result arrive(Pending& pending, const char* method, const char* version);
  MHD_Result go_on(Pending& pending);
  MHD_Result receive(Pending& pending, const char* upload, std::size_t& upload_len);
  MHD_Result take(Pending& pending, std::string_view bytes);
  MHD_Result answer(Pending& pending);
  MHD_Result respond(Pending& pending);

  void find_peer(Pending& pending);
  Workers& workers_of(Lane lane) noexcept;
  void suspend(Pending& pending, Workers& workers, Workers::Work work,
               Workers::Clock::time_point when = {});

  const Settings& settings_;
  Api& api_;
  BodyBudget budget_;
  std::optional<TlsFiles> tls_;
  std::vector<Listener> listeners_;
  std::vector<MHD_Daemon*> daemons_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> num_requests_{0};
  Workers store_{kNumStoreThreads};
  Workers logins_{kNumLoginThreads, kMaxWaitingLogins};
  Workers seal_{kNumSealThreads};
  Workers delays_{1};  // of responses that are held back
};

Server::State::State(const Settings& settings, Api& api)
    : connections(settings.limits.connections,
                  std::chrono::seconds(settings.limits.request_timeout_s)),
      settings_(settings),
      api_(api),
      budget_(settings.limits.memory_bytes / 2) {
  if (!settings.tls.cert_file.empty()) tls_ = read_tls_files(settings.tls);
  for (const std::string& address : settings.listen) listeners_.emplace_back(address);
  for (const Listener& each : listeners_) {
    listen(each);
    addresses.push_back(each.address());
  }
}

Server::State::~State() {
  for (MHD_Daemon* each : daemons_) {
    if (const int fd = MHD_quiesce_daemon(each); fd >= 0) ::close(fd);
  }
  stopping_ = true;
  for (Workers* const each : {&store_, &logins_, &seal_, &delays_}) each->stop();
  const auto patience = std::chrono::steady_clock::now() + kStopPatience;
  while (num_requests_ > 0 && std::chrono::steady_clock::now() < patience)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  connections.close_all();
  for (MHD_Daemon* each : daemons_) MHD_stop_daemon(each);
}

void Server::State::listen(const Listener& listener) {
  const bool is_tls = tls_.has_value() && !listener.is_unix();
  const unsigned num_threads = settings_.threads != 0
                                   ? settings_.threads
                                   : std::max(1u, std::thread::hardware_concurrency());
  std::vector<MHD_OptionItem> options;
  const auto add = [&](MHD_OPTION option, std::intptr_t value, const void* pointer = nullptr) {
    options.push_back({option, value, const_cast<void*>(pointer)});
  };
  const auto add_callback = [&](MHD_OPTION option, auto* callback) {
    options.push_back({option, reinterpret_cast<std::intptr_t>(callback), this});
  };
  add(MHD_OPTION_LISTEN_SOCKET, ::fcntl(listener.fd(), F_DUPFD_CLOEXEC, 0));
  add(MHD_OPTION_CONNECTION_LIMIT, kLibraryConnections);
  add(MHD_OPTION_CONNECTION_MEMORY_LIMIT, std::intptr_t{settings_.limits.header_bytes});
  add(MHD_OPTION_STRICT_FOR_CLIENT, 1);
  if (num_threads > 1) add(MHD_OPTION_THREAD_POOL_SIZE, num_threads);
  add_callback(MHD_OPTION_NOTIFY_CONNECTION, &on_connection);
  add_callback(MHD_OPTION_NOTIFY_COMPLETED, &on_completed);
  add_callback(MHD_OPTION_URI_LOG_CALLBACK, &on_target);
  if (is_tls) {
    add(MHD_OPTION_HTTPS_MEM_CERT, 0, tls_->certificates.c_str());
    add(MHD_OPTION_HTTPS_MEM_KEY, 0, tls_->key.reveal().data());
    add(MHD_OPTION_HTTPS_PRIORITIES, 0, kTlsPriorities);
    if (!tls_->client_authorities.empty())
      add(MHD_OPTION_HTTPS_MEM_TRUST, 0, tls_->client_authorities.c_str());
  }
  add(MHD_OPTION_END, 0);
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_SUSPEND_RESUME;
  if (is_tls) flags |= MHD_USE_TLS;
  MHD_Daemon* const daemon = MHD_start_daemon(flags, 0, &on_accept, this, &on_request, this,
                                              MHD_OPTION_ARRAY, options.data(), MHD_OPTION_END);
  if (daemon == nullptr) throw std::runtime_error("cannot serve '" + listener.address() + "'");
  daemons_.push_back(daemon);
}

MHD_Result Server::State::on_accept(void* cls, const sockaddr*, socklen_t) {
  return static_cast<State*>(cls)->connections.has_room() ? MHD_YES : MHD_NO;
}

void Server::State::on_connection(void* cls, MHD_Connection* handle, void** context,
                                  MHD_ConnectionNotificationCode code) {
  State& self = *static_cast<State*>(cls);
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    *context = or_else(static_cast<void*>(nullptr), [&]() -> void* {
      auto made = std::make_unique<Connection>();
      made->fd = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
      self.connections.add(*made);
      return made.release();
    });
  } else if (auto* const connection = static_cast<Connection*>(*context); connection != nullptr) {
    self.connections.remove(*connection);
    delete connection;
    *context = nullptr;
  }
}

void* Server::State::on_target(void* cls, const char* target, MHD_Connection* handle) {
  State& self = *static_cast<State*>(cls);
  auto* const connection = static_cast<Connection*>(
      MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context);
  if (connection == nullptr) return nullptr;
  return or_else(static_cast<void*>(nullptr), [&]() -> void* {
    auto* const made =
        new Pending(target, handle, *connection, self.budget_, self.settings_.limits.body_bytes);
    ++self.num_requests_;
    return made;
  });
}

void Server::State::on_completed(void* cls, MHD_Connection*, void** pending,
                                 MHD_RequestTerminationCode) {
  State& self = *static_cast<State*>(cls);
  auto* const done = static_cast<Pending*>(*pending);
  if (done == nullptr) return;
  Connections::touch(done->connection);
  if (done->with_cookie) wipe_cookie(done->with_cookie.get());
  delete done;
  *pending = nullptr;
  --self.num_requests_;
}

MHD_Result Server::State::on_request(void* cls, MHD_Connection*, const char*, const char* method,
                                     const char* version, const char* upload,
                                     std::size_t* upload_len, void** context) {
  State& self = *static_cast<State*>(cls);
  if (*context == nullptr) return MHD_NO;  // there was no memory for it
  Pending& pending = *static_cast<Pending*>(*context);
  return or_else(MHD_NO, [&] {
    switch (pending.stage) {
      case Pending::Stage::arrived:
        return self.arrive(pending, method, version);
      case Pending::Stage::judged:
        return self.go_on(pending);
      case Pending::Stage::receiving:
        return *upload_len == 0 ? self.answer(pending) : self.receive(pending, upload, *upload_len);
      case Pending::Stage::answered:
        return self.respond(pending);
    }
    return MHD_NO;
  });
}

// arrive judges a request whose header fields are there.
MHD_Result Server::State::arrive(Pending& pending, const char* method, const char* version) {
  pending.stage = Pending::Stage::judged;
  find_peer(pending);
  try {
    pending.read(method, version);
    if (stopping_)
      throw Failure(503, "Stopping",
                    "the server is stopping; try another one, or again in a second");
  } catch (const Failure& failure) {
    // Where a malformed request ends, nobody can say. A large body can be read to its end.
    pending.closes = failure.status() != kTooLarge ||
                     pending.exchange.request.headers.content_length.value_or(0) > kMaxDroppedLen;
    api_.fail(pending.exchange, failure);
    return go_on(pending);
  }
  api_.find(pending.exchange);
  if (pending.exchange.response) return go_on(pending);
  const auto judge = [this, &pending] {
    api_.begin(pending.exchange);
    if (pending.has_body || pending.exchange.response) return;
    api_.finish(pending.exchange);
  };
  if (pending.exchange.lane == Lane::at_once) {
    judge();
    return go_on(pending);
  }
  suspend(pending, workers_of(pending.exchange.lane), judge);
  return MHD_YES;
}

// go_on receives the body. One that is not wanted is received all the same, and dropped, since a client that is
// still sending does not read; unless the client asked before it sends. (A response that is queued at this point ends
// the connection.)
MHD_Result Server::State::go_on(Pending& pending) {
  pending.stage = Pending::Stage::receiving;
  const bool is_awaited = pending.closes || (pending.has_body && pending.expects_continue);
  return pending.exchange.response && is_awaited ? respond(pending) : MHD_YES;
}

MHD_Result Server::State::receive(Pending& pending, const char* upload, std::size_t& upload_len) {
  const MHD_Result result = take(pending, {upload, upload_len});
  // The library's own memory must not keep a secret.
  ::explicit_bzero(const_cast<char*>(upload), upload_len);
  upload_len = 0;
  return result;
}

MHD_Result Server::State::take(Pending& pending, std::string_view bytes) {
  Exchange& exchange = pending.exchange;
  if (!exchange.response) {
    try {
      exchange.body.append(bytes);
      return MHD_YES;
    } catch (const Failure& failure) {
      exchange.body.clear();
      api_.fail(exchange, failure);
    }
  }
  pending.dropped_len += bytes.size();
  return pending.dropped_len <= kMaxDroppedLen ? MHD_YES : MHD_NO;
}

// answer answers a request whose body has arrived.
MHD_Result Server::State::answer(Pending& pending) {
  pending.stage = Pending::Stage::answered;
  if (pending.exchange.response) return respond(pending);
  suspend(pending, workers_of(pending.exchange.lane),
          [this, &pending] { api_.finish(pending.exchange); });
  return MHD_YES;
}

MHD_Result Server::State::respond(Pending& pending) {
  pending.stage = Pending::Stage::answered;
  Response& response = *pending.exchange.response;
  if (response.delay.count() > 0 && !pending.was_delayed) {
    pending.was_delayed = true;
    suspend(
        pending, delays_, [] {}, Workers::Clock::now() + response.delay);
    return MHD_YES;
  }
  MhdResponse made = make_response(response, pending.closes || stopping_);
  if (!made) return MHD_NO;
  const MHD_Result result = MHD_queue_response(pending.handle, response.status, made.get());
  if (response.set_cookie) pending.with_cookie = std::move(made);
  return result;
}

Workers& Server::State::workers_of(Lane lane) noexcept {
  if (lane == Lane::login) return logins_;
  return lane == Lane::seal ? seal_ : store_;
}

// suspend has work done on another thread; then the library asks for the request again.
void Server::State::suspend(Pending& pending, Workers& workers, Workers::Work work,
                            Workers::Clock::time_point when) {
  const Workers::Work all = [handle = pending.handle, work = std::move(work)] {
    work();
    MHD_resume_connection(handle);
  };
  MHD_suspend_connection(pending.handle);
  if (or_else(false, [&] { return workers.submit_at(when, all); })) return;
  if (stopping_) return all();
  if (!pending.exchange.response)
    api_.fail(pending.exchange,
              Failure(503, "Busy", "too many requests wait; try again in a second"));
  MHD_resume_connection(pending.handle);
}

void Server::State::find_peer(Pending& pending) {
  Connection& connection = pending.connection;
  if (std::exchange(connection.is_peer_known, true)) return;
  connection.peer.address = address_of(connection.fd);
  if (connection.peer.address == "unix") connection.peer.unix_peer = unix_peer_of(connection.fd);
  const auto* const tls =
      MHD_get_connection_info(pending.handle, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  connection.peer.is_tls = tls != nullptr && tls->tls_session != nullptr;
  if (connection.peer.is_tls && !tls_->client_authorities.empty())
    connection.peer.certificate =
        client_certificate(static_cast<gnutls_session_t>(tls->tls_session));
}

Server::Server(const Settings& settings, Api& api)
    : state_(std::make_unique<State>(settings, api)) {}
Server::~Server() = default;

const std::vector<std::string>& Server::addresses() const noexcept {
  return state_->addresses;
}

std::size_t Server::num_connections() const noexcept {
  return state_->connections.size();
}

}  // namespace strongroomd
