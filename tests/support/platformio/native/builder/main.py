"""Builds a program with the machine's own compiler; `-t exec` runs it."""

import os

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
env.Replace(CC="gcc", CXX="g++", LINK="g++", AR="gcc-ar", RANLIB="gcc-ranlib", ARFLAGS=["rcs"], PROGNAME="program")
for library in filter(None, [os.environ.get("TEST_LIBRARY")]):
    env.Append(LIBS=[env.File(library)])

program = env.BuildProgram()
AlwaysBuild(env.Alias("exec", program, env.VerboseAction('"$SOURCE"', "Running $SOURCE")))
Default([program])
