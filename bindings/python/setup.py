"""Builds the engine and the two extension modules by Meson, and puts them into the package.

The engine is the clone that this folder is part of, or the folder "engine" of a source distribution.
"""
import os
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

HERE = os.path.dirname(os.path.abspath(__file__))
CARRIED = os.path.join(HERE, "engine")
# What the engine is built from. With tests and benches disabled, only the first file of each of these is read.
SOURCES = ["meson.build", "meson_options.txt", "LICENSE", "include", "src", "capi", "bindings", "tests/meson.build",
           "tests/fuzz/meson.build", "bench/meson.build"]
OPTIONS = ["--buildtype=release", "-Dtests=disabled", "-Dbench=disabled", "-Dstrongroomd=disabled", "-Dopenpgp=disabled",
           "-Dbotan=disabled", "-Dlibcrypto=disabled", "-Dlmdb=enabled", "-Dpython=enabled"]


def engine():
    return CARRIED if os.path.isdir(CARRIED) else os.path.join(HERE, "..", "..")


class BuildByMeson(build_ext):
    """Runs Meson and Ninja, which must be installed: Debian's meson and ninja-build."""

    def run(self):
        built = os.path.join(os.path.abspath(self.build_temp), "meson")
        setup_or_again = ["--reconfigure"] if os.path.exists(os.path.join(built, "build.ninja")) else []
        subprocess.run(["meson", "setup", *setup_or_again, *OPTIONS, f"-Dpython_program={sys.executable}", built, engine()],
                       check=True)
        subprocess.run(["ninja", "-C", built, "python"], check=True)
        package = self.get_finalized_command("build_py").get_package_dir("strongroom") if self.inplace \
            else os.path.join(self.build_lib, "strongroom")
        os.makedirs(package, exist_ok=True)
        for name in ("bindings/python/strongroom/_native.abi3.so", "bindings/python/strongroom/_ffi.abi3.so",
                     "capi/libstrongroom.so.0"):
            shutil.copy2(os.path.join(built, name), package)

    def get_outputs(self):
        return []


class CarryEngine(sdist):
    """A source distribution has all that the engine is built from."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        for name in SOURCES:
            source, target = os.path.join(engine(), name), os.path.join(base_dir, "engine", name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.isdir(source):
                shutil.copytree(source, target, ignore=shutil.ignore_patterns(
                    "__pycache__", "build", "dist", "*.egg-info", os.path.basename(base_dir)))
            else:
                shutil.copy2(source, target)


setup(
    # Names what makes the wheel one for this kind of machine; BuildByMeson builds it.
    ext_modules=[Extension("strongroom._native", [], py_limited_api=True)],
    cmdclass={"build_ext": BuildByMeson, "sdist": CarryEngine},
)
