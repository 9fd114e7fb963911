// The model as it lies in flash; model_data.cc is generated.
#pragma once

extern const unsigned char g_model_data[];
extern const unsigned int g_model_data_size;
