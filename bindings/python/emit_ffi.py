"""Writes the C source of strongroom._ffi: emit_ffi.py HEADER... OUTPUT

cffi gets the declarations of the public headers as they are. The C compiler then compares them with the headers, so a
function that has changed fails the build.
"""
import os
import re
import sys

import cffi

# What the library calls: functions of streams.py.
CALLBACKS = """
extern "Python" int strongroom_py_write(void*, const uint8_t*, size_t);
extern "Python" int strongroom_py_read(void*, uint8_t*, size_t, size_t*);
extern "Python" int strongroom_py_progress(void*, const strongroom_progress*);
"""
FLAGS = re.compile(r"^#define (STRONGROOM_\w+) \(\(uint(?:32|64)_t\)\d+\)$", re.MULTILINE)


def declarations(header):
    """The declarations of a header: without comments, directives, and the words that the compiler needs."""
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    flags = [f"#define {name} ..." for name in FLAGS.findall(text)]
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*$", "", text, flags=re.MULTILINE)
    text = re.sub(r'extern "C" \{', "", text)
    text = re.sub(r"^\}$", "", text, flags=re.MULTILINE)  # ends extern "C"; a struct ends with its name
    text = text.replace("STRONGROOM_API", "").replace("STRONGROOM_NOEXCEPT", "")
    return "\n".join([text, *flags])


def main(headers, output):
    builder = cffi.FFI()
    for header in headers:
        with open(header, encoding="utf-8") as file:
            builder.cdef(declarations(file.read()))
    builder.cdef(CALLBACKS)
    builder.set_source("strongroom._ffi", "\n".join(f'#include "{os.path.basename(each)}"' for each in headers),
                       py_limited_api=True)
    builder.emit_c_code(output)


main(sys.argv[1:-1], sys.argv[-1])
