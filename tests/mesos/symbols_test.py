"""What the module asks of an agent, read from the file itself: a list that must not grow unseen.

symbols_test.py MODULE LIST [--update]

LIST has the undefined symbols that no library of the module's own provides, demangled and sorted: the agent must
have them. The module must not name a library of the agent's (DT_NEEDED), and must show two symbols only.
"""
import re
import subprocess
import sys

OWN_LIBRARIES = re.compile(r"(libstrongroom|libstdc\+\+|libgcc_s|libc|libm|libpthread|ld-linux-x86-64)\.so\.\d+")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def undefined(module):
    """The symbols without a version: every library that the module is linked with gives its symbols one."""
    symbols = []
    for line in output("nm", "-D", "--undefined-only", module).splitlines():
        kind, name = line.split()[-2:]
        if kind == "U" and "@" not in name:
            symbols.append(name)
    names = subprocess.run(["c++filt"], input="\n".join(symbols), check=True, capture_output=True, text=True)
    short = names.stdout.replace(
        "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string")
    return sorted(set(short.splitlines()))  # a constructor may have two symbols of one name


def main():
    module, listed = sys.argv[1:3]
    found = undefined(module)
    if "--update" in sys.argv:
        with open(listed, "w", encoding="ascii") as out:
            out.write("\n".join(found) + "\n")
        return
    with open(listed, encoding="ascii") as file:
        assert found == file.read().splitlines(), "undefined symbols:\n" + "\n".join(found)

    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-dW", module))
    assert "libstrongroom.so.0" in needed, needed
    foreign = [name for name in needed if not OWN_LIBRARIES.fullmatch(name)]
    assert not foreign, foreign

    shown = [line.split()[-1] for line in output("nm", "-D", "--defined-only", module).splitlines()]
    assert shown == ["strongroom_SecretResolver", "strongroom_mesos_version"], shown


main()
