#!/usr/bin/env python3
"""Writes mesos_interface.txt: Mesos' messages in protobuf's wire format, by an encoder that is not ours.

The messages are made, encoded, and checked for missing fields by the classes that Mesos itself publishes for
Python, the package mesos.interface 1.11.0 of PyPI, which hold the whole of mesos.proto. The JSON next to them
follows from the messages' descriptors, by the rules of stout's protobuf.hpp. The vectors were written with Python
3.11 and protobuf 3.20.3. The package is an archive of installed files, which pip only fetches and unpacks:

    pip install 'protobuf<3.21'
    pip download --no-deps --no-clean --no-binary :all: 'mesos.interface===1.11.0.linux-x86_64'
    PYTHONPATH=<where it is unpacked>/mesos/interface python3 tests/conformance/mesos_interface.py

Each line is KIND OUTCOME WIRE TEXT. OUTCOME is `same` (WIRE and the JSON text TEXT are one message, each the way
it is written), `read` (WIRE has more in it than TEXT, which is all that is read of it) or `missing` (TEXT is
what is missing, as protobuf names it). An empty WIRE is written "-".
"""
import base64
import json
import pathlib

import mesos_pb2 as mesos
from google.protobuf.descriptor import FieldDescriptor as Field


def plain(value, field):
    if field.type == Field.TYPE_MESSAGE:
        return as_json(value)
    if field.type == Field.TYPE_ENUM:
        return field.enum_type.values_by_number[value].name
    return base64.b64encode(value).decode() if field.type == Field.TYPE_BYTES else value


def as_json(message):
    """Mesos' JSON: proto names, enums by name, bytes in base64, defaults spelled out."""
    members = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.label == Field.LABEL_REPEATED:
            if len(value):
                members[field.name] = [plain(each, field) for each in value]
        elif message.HasField(field.name) or (
            field.has_default_value and not field.GetOptions().deprecated
        ):
            members[field.name] = plain(value, field)
    return members


LINES = []


def add(kind, outcome, wire, text):
    LINES.append(f"{kind} {outcome} {wire.hex() or '-'} {text}")


def written(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def same(kind, message):
    add(kind, "same", message.SerializePartialToString(), written(as_json(message)))


def read(kind, message, of):
    add(kind, "read", message.SerializePartialToString(), written(as_json(of)))


def missing(kind, message, ours=lambda name: True):
    names = [name for name in message.FindInitializationErrors() if ours(name)]
    add(kind, "missing", message.SerializePartialToString(), ", ".join(names))


Secret, Image, Volume = mesos.Secret, mesos.Image, mesos.Volume
Variable = mesos.Environment.Variable

REFERENCE = Secret(type=Secret.REFERENCE, reference=Secret.Reference(name="/my/secret", key="username"))
SHORT = Secret(type=Secret.REFERENCE, reference=Secret.Reference(name="a"))
VALUE = Secret(type=Secret.VALUE, value=Secret.Value(data=b"password"))
BYTES = Secret(type=Secret.VALUE, value=Secret.Value(data=bytes(range(256))))
SECRETS = [
    Secret(),
    REFERENCE,
    SHORT,
    VALUE,
    BYTES,
    Secret(type=Secret.VALUE, value=Secret.Value(data=b"")),
    Secret(value=Secret.Value(data=b"\0")),
    Secret(reference=Secret.Reference(name="", key="")),
    Secret(reference=Secret.Reference(name='"\\\u00e9\u4e2d\U0001f511\n')),
]
for secret in SECRETS:
    same("secret", secret)
read("secret", Secret(type=Secret.UNKNOWN, value=VALUE.value), Secret(value=VALUE.value))
missing("secret", Secret(reference=Secret.Reference(key="k"), value=Secret.Value()))
missing("secret", Secret(type=Secret.VALUE, value=Secret.Value()))


def secret_variable(name, secret):
    return Variable(name=name, type=Variable.SECRET, secret=secret)


same("environment", mesos.Environment())
for secret in SECRETS[1:5]:
    same("environment", mesos.Environment(variables=[secret_variable("My_SeCrEt", secret)]))
same(
    "environment",
    mesos.Environment(
        variables=[
            Variable(name="PLAIN", value="\u00e9 = \"x\""),
            secret_variable("A=B", SHORT),
            Variable(name="", value=""),
            secret_variable("PLAIN", VALUE),
        ]
    ),
)
read(
    "environment",
    mesos.Environment(variables=[Variable(name="V", value="x", type=Variable.VALUE)]),
    mesos.Environment(variables=[Variable(name="V", value="x")]),
)
missing(
    "environment",
    mesos.Environment(
        variables=[
            Variable(name="A", value="x"),
            Variable(secret=Secret(reference=Secret.Reference(), value=Secret.Value())),
        ]
    ),
)


def volume(path, secret, mode=Volume.RO):
    return Volume(
        container_path=path, mode=mode, source=Volume.Source(type=Volume.Source.SECRET, secret=secret)
    )


def container(*volumes):
    return mesos.ContainerInfo(volumes=volumes)


def of_volumes(message):
    """Only the volumes of a ContainerInfo, whose type is required, are written in JSON here."""
    return {"volumes": as_json(message)["volumes"]}


VOLUMES = [
    container(volume("path/to/secret/file", REFERENCE, Volume.RW)),
    container(volume("/etc/my_secret", BYTES), volume("etc/my_secret", Secret())),
    container(volume("\u00e9/" + "x" * 200, VALUE)),
]
for each in VOLUMES:
    add("volumes", "same", each.SerializePartialToString(), written(of_volumes(each)))
WHOLE = mesos.ContainerInfo(
    type=mesos.ContainerInfo.MESOS,
    volumes=[volume("a", REFERENCE), volume("b", VALUE, Volume.RW)],
    hostname="h",
    docker=mesos.ContainerInfo.DockerInfo(image="i", privileged=True),
    mesos=mesos.ContainerInfo.MesosInfo(
        image=Image(type=Image.DOCKER, docker=Image.Docker(name="i", config=VALUE))
    ),
    network_infos=[mesos.NetworkInfo(name="n", groups=["g"])],
)
add("volumes", "read", WHOLE.SerializeToString(), written(of_volumes(WHOLE)))
BESIDE = volume("a", REFERENCE)
BESIDE.source.docker_volume.name = "d"
BESIDE.source.csi_volume.plugin_name = "p"
add(
    "volumes",
    "read",
    container(BESIDE).SerializePartialToString(),
    written(of_volumes(container(volume("a", REFERENCE)))),
)
missing("volumes", container(volume("a", VALUE), Volume()), lambda name: name != "type")
missing(
    "volumes",
    container(
        Volume(
            image=Image(docker=Image.Docker(credential=mesos.Credential(), config=Secret(value=Secret.Value()))),
            source=Volume.Source(secret=Secret(reference=Secret.Reference())),
        )
    ),
    lambda name: name != "type",
)


def image(**docker):
    return Image(type=Image.DOCKER, docker=Image.Docker(**docker))


CREDENTIAL = mesos.Credential(principal="me", secret="hunter2")
for each in [
    image(name="r.io/a:1"),
    image(name="a", config=REFERENCE),
    image(name="a", config=BYTES, credential=CREDENTIAL),
    image(name="", credential=mesos.Credential(principal="")),
    Image(type=Image.DOCKER, docker=Image.Docker(name="a", config=SHORT), cached=False),
]:
    same("image", each)
FULL = image(name="a", config=REFERENCE)
FULL.cached = True
FULL.appc.name = "a"
read("image", FULL, image(name="a", config=REFERENCE))
missing("image", Image())
missing("image", Image(docker=Image.Docker(credential=mesos.Credential(secret="s"), config=Secret(value=Secret.Value()))))

pathlib.Path(__file__).with_suffix(".txt").write_text(
    "# Made by mesos_interface.py with mesos.interface 1.11.0; see there.\n" + "\n".join(LINES) + "\n",
    encoding="utf-8",
)
