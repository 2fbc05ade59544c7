// A stand-in, not Mesos' header; see README.md: the messages that the module reads and makes. As in generated
// code, constructors and serialization are out of line, and accessors are inline.
#pragma once

#include <cstddef>
#include <mesos/version.hpp>
#include <string>
#include <vector>

namespace google::protobuf {

class MessageLite {
 public:
  virtual ~MessageLite();
  bool SerializePartialToString(std::string* out) const;

 private:
  virtual void append_to(std::string& out) const = 0;
};

}  // namespace google::protobuf

namespace mesos {

class Secret_Reference : public google::protobuf::MessageLite {
 public:
  Secret_Reference();
  ~Secret_Reference() override;
  bool has_key() const { return has_key_; }
  const std::string& name() const { return name_; }
  const std::string& key() const { return key_; }
  void set_name(const std::string& name) { name_ = name; }
  void set_key(const std::string& key) {
    key_ = key;
    has_key_ = true;
  }

 private:
  void append_to(std::string& out) const override;

  std::string name_;
  std::string key_;
  bool has_key_ = false;
};

class Secret_Value : public google::protobuf::MessageLite {
 public:
  Secret_Value();
  Secret_Value(const Secret_Value& from);
  Secret_Value(Secret_Value&& from) noexcept : Secret_Value() { data_.swap(from.data_); }
  Secret_Value& operator=(const Secret_Value&) = delete;
  ~Secret_Value() override;
  const std::string& data() const { return data_; }
  void set_data(const void* data, std::size_t len) {
    data_.assign(static_cast<const char*>(data), len);
  }

 private:
  void append_to(std::string& out) const override;

  std::string data_;
};

class Secret : public google::protobuf::MessageLite {
 public:
  using Reference = Secret_Reference;
  using Value = Secret_Value;
  enum Type { UNKNOWN = 0, REFERENCE = 1, VALUE = 2 };

  Secret();
  ~Secret() override;
  Type type() const { return type_; }
  bool has_reference() const { return has_reference_; }
  bool has_value() const { return has_value_; }
  const Reference& reference() const { return reference_; }
  const Value& value() const { return value_; }
  void set_type(Type type) { type_ = type; }
  Reference* mutable_reference() {
    has_reference_ = true;
    return &reference_;
  }
  Value* mutable_value() {
    has_value_ = true;
    return &value_;
  }

 private:
  void append_to(std::string& out) const override;

  Type type_ = UNKNOWN;
  bool has_reference_ = false;
  bool has_value_ = false;
  Reference reference_;
  Value value_;
};

class Parameter {
 public:
  const std::string& key() const { return key_; }
  const std::string& value() const { return value_; }
  void set_key(const std::string& key) { key_ = key; }
  void set_value(const std::string& value) { value_ = value; }

 private:
  std::string key_;
  std::string value_;
};

class Parameters {
 public:
  int parameter_size() const { return static_cast<int>(all_.size()); }
  const Parameter& parameter(int index) const { return all_[static_cast<std::size_t>(index)]; }
  Parameter* add_parameter() { return &all_.emplace_back(); }

 private:
  std::vector<Parameter> all_;
};

}  // namespace mesos
