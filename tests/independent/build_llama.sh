#!/usr/bin/env bash
# Builds two servers over llama.cpp into a folder: the one of llama-cpp-python, and llama.cpp's own, from the source that
# the former brings along. Needs python3 and a C++ compiler; takes a quarter of an hour on two cores, or two.
set -euo pipefail
room=$1
version=0.3.36

python3 -m venv "$room"
pip() { "$room/bin/pip" --quiet --disable-pip-version-check "$@"; }
pip install cmake ninja gguf numpy
# Without the eyes and ears of multimodal models, which a model of noise has not.
CMAKE_ARGS="-DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF" pip install "llama-cpp-python[server]==$version"

pip download --no-deps --no-binary llama-cpp-python --dest "$room/source" "llama-cpp-python==$version"
tar -xzf "$room/source/llama_cpp_python-$version.tar.gz" -C "$room/source"
# Little optimised: compiling is what takes the time here, and the model is tiny. No page for browsers, which would be fetched.
"$room/bin/cmake" -G Ninja -DCMAKE_MAKE_PROGRAM="$PWD/$room/bin/ninja" \
    -S "$room/source/llama_cpp_python-$version/vendor/llama.cpp" -B "$room/build" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE=-O1 -DCMAKE_CXX_FLAGS_RELEASE=-O1 -DBUILD_SHARED_LIBS=OFF \
    -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF
"$room/bin/cmake" --build "$room/build" --target llama-server
mv "$room/build/bin/llama-server" "$room/bin/llama-server"
rm -rf "$room/build" "$room/source"
