# Finds the Pico SDK; include it before project(). Looked at, in this order: PICO_SDK_PATH as a CMake variable, the
# environment variable of that name, Debian's package pico-sdk-source, the VS Code extension's newest, a checkout beside
# this folder.
set(candidates "${PICO_SDK_PATH}" "$ENV{PICO_SDK_PATH}" /usr/src/pico-sdk /usr/share/pico-sdk)
file(GLOB installed "$ENV{HOME}/.pico-sdk/sdk/*" "$ENV{USERPROFILE}/.pico-sdk/sdk/*")
list(SORT installed ORDER DESCENDING)
list(APPEND candidates ${installed} "${CMAKE_CURRENT_LIST_DIR}/../pico-sdk")

set(found "")
foreach(candidate IN LISTS candidates)
  if(candidate AND EXISTS "${candidate}/pico_sdk_init.cmake")
    get_filename_component(found "${candidate}" ABSOLUTE)
    break()
  endif()
endforeach()
if(NOT found)
  message(FATAL_ERROR "The Pico SDK was not found: set PICO_SDK_PATH to its folder. README.md says how to get it.")
endif()
set(PICO_SDK_PATH "${found}" CACHE PATH "Path to the Raspberry Pi Pico SDK" FORCE)
include("${PICO_SDK_PATH}/pico_sdk_init.cmake")
