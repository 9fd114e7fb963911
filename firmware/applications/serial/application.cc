#include "application.h"

namespace application {

const serial::Hooks kHooks = {};

}  // namespace application
