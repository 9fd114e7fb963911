// What an application changes of the serial commands. Each folder here defines it.
#pragma once

#include "session.h"

namespace application {

extern const serial::Hooks kHooks;

}  // namespace application
