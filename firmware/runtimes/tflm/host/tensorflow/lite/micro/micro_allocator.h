#pragma once
#include "tflm_api.h"
