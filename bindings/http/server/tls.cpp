#include "server/tls.hpp"

#include <fcntl.h>
#include <gnutls/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>

namespace strongroomd {
namespace {

constexpr off_t kMaxPemLen = off_t{1} << 20;
constexpr unsigned kMaxNames = 64;  // of a certificate

[[noreturn]] void fail_tls_file(const std::string& file, const std::string& why) {
  throw std::runtime_error("TLS: '" + file + "': " + why);
}

// read_pem returns a file with a NUL at its end, in locked memory.
strongroom_abi::Secret read_pem(const std::string& file, bool is_private) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status {};
  if (fd < 0 || ::fstat(fd, &status) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    fail_tls_file(file, std::strerror(error));
  }
  const bool is_exposed = is_private && (status.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0;
  strongroom_abi::Secret pem(static_cast<std::size_t>(std::min(status.st_size, kMaxPemLen)) + 1);
  const ssize_t len = ::read(fd, pem.writable(), pem.size() - 1);
  ::close(fd);
  if (is_exposed) fail_tls_file(file, "others may read it: chmod 600");
  if (len < 0 || status.st_size > kMaxPemLen || !S_ISREG(status.st_mode))
    fail_tls_file(file, "it is no PEM file of up to 1 MiB");
  return pem;
}

std::string read_public_pem(const std::string& file) {
  const strongroom_abi::Secret pem = read_pem(file, false);
  return std::string(pem.reveal().data());
}

gnutls_datum_t datum_of(std::string_view text) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
          static_cast<unsigned>(text.size())};
}

// check_pair makes sure that a handshake will work, before anybody connects.
void check_pair(const TlsFiles& files, const TlsSettings& settings) {
  gnutls_certificate_credentials_t credentials = nullptr;
  gnutls_certificate_allocate_credentials(&credentials);
  const gnutls_datum_t certificates = datum_of(files.certificates);
  const gnutls_datum_t key = datum_of(std::string_view(files.key.reveal().data()));
  const int error =
      gnutls_certificate_set_x509_key_mem(credentials, &certificates, &key, GNUTLS_X509_FMT_PEM);
  gnutls_certificate_free_credentials(credentials);
  if (error < 0)
    fail_tls_file(settings.cert_file,
                  "with '" + settings.key_file + "': " + gnutls_strerror(error));
}

using X509 = std::unique_ptr<gnutls_x509_crt_int, decltype(&gnutls_x509_crt_deinit)>;

X509 parse_certificate(const gnutls_datum_t& der) {
  gnutls_x509_crt_t parsed = nullptr;
  if (gnutls_x509_crt_init(&parsed) < 0) return {nullptr, &gnutls_x509_crt_deinit};
  X509 owned(parsed, &gnutls_x509_crt_deinit);
  if (gnutls_x509_crt_import(parsed, &der, GNUTLS_X509_FMT_DER) < 0) owned.reset();
  return owned;
}

bool is_trusted(gnutls_session_t session) {
  std::string purpose = GNUTLS_KP_TLS_WWW_CLIENT;
  gnutls_typed_vdata_st wanted{};
  wanted.type = GNUTLS_DT_KEY_PURPOSE_OID;
  wanted.data = reinterpret_cast<unsigned char*>(purpose.data());
  unsigned status = 0;
  return gnutls_certificate_verify_peers(session, &wanted, 1, &status) == 0 && status == 0;
}

std::vector<std::string> uris_of(gnutls_x509_crt_t certificate) {
  std::vector<std::string> uris;
  for (unsigned i = 0; i < kMaxNames; ++i) {
    char name[2048];
    std::size_t len = sizeof name;
    const int type = gnutls_x509_crt_get_subject_alt_name(certificate, i, name, &len, nullptr);
    if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) return uris;
    if (type == GNUTLS_SAN_URI) uris.emplace_back(name, len);
  }
  return uris;
}

std::string subject_of(gnutls_x509_crt_t certificate) {
  gnutls_datum_t text{};
  if (gnutls_x509_crt_get_dn3(certificate, &text, 0) < 0) return {};
  std::string subject(reinterpret_cast<const char*>(text.data), text.size);
  gnutls_free(text.data);
  return subject;
}

}  // namespace

TlsFiles read_tls_files(const TlsSettings& settings) {
  TlsFiles files{read_public_pem(settings.cert_file), read_pem(settings.key_file, true), {}};
  if (!settings.client_ca_file.empty())
    files.client_authorities = read_public_pem(settings.client_ca_file);
  check_pair(files, settings);
  return files;
}

std::optional<Certificate> client_certificate(gnutls_session_t session) {
  unsigned num = 0;
  const gnutls_datum_t* chain = gnutls_certificate_get_peers(session, &num);
  if (chain == nullptr || num == 0 || !is_trusted(session)) return std::nullopt;
  const X509 certificate = parse_certificate(chain[0]);
  if (!certificate) return std::nullopt;
  return Certificate{uris_of(certificate.get()), subject_of(certificate.get())};
}

}  // namespace strongroomd
