#include "application.h"

#include "sensing.h"

namespace application {

const serial::Hooks kHooks = {nullptr,           nullptr,          nullptr,
                              sensing::SelfTest, sensing::Command, sensing::kHelp};

}  // namespace application
